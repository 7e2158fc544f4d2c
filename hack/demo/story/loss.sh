# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The story that Lifeboat is built for: copies elsewhere, the loss of the storage system with its snapshots, the loss of the
# cluster, and what is left when there is no cluster at all.

readonly store=/var/lib/lifeboat-cluster/store.env # what opens the test cluster's bucket

copy_elsewhere() {
	chapter "A copy that shares no fate"
	say "Every point so far is a snapshot on array-a, where the volume is. Whoever loses array-a loses all of them."
	# shellcheck source=/dev/null
	. "$store"
	prefix="demo-$(date +%s)/"
	keep_keys
	run cat hack/demo/manifests/repository.yaml
	repository | kubectl apply -f - | indent
	await "the repository" 120 kubectl wait -n sync repo/offsite --for=condition=Ready --timeout=1s
	run kubectl get repo -n sync offsite -o wide
	say "Nobody but the holder of its password can read it. This is what goes into a safe:"
	show "kubectl get secret -n sync offsite-repository-password -o 'jsonpath={.data.password}' | base64 -d > password"
	kubectl get secret -n sync "$(kubectl get repo -n sync offsite -o 'jsonpath={.status.passwordSecret}')" \
		-o 'jsonpath={.data.password}' | base64 -d >"$work/password"
	run cat hack/demo/manifests/copies.yaml
	run kubectl patch bp sync-store -n sync --type merge --patch-file hack/demo/manifests/copies.yaml
	take_point
	await "the fingerprint of $point" 90 has_fingerprint "$point"
	await "the copy of $point" 120 is_copied "$point"
	run kubectl get rp -n sync "$point" -o 'jsonpath={.status.copies[0]}{"\n"}'
	await "the policy to be independent" 60 kubectl wait bp/sync-store -n sync --for=condition=Independent --timeout=1s
	say "A copy that was never brought back is a hope. So it is rehearsed: from the bucket, on to array-b."
	drill_now
	await "the proof to be independent" 30 proven_independently
	run kubectl get bp -n sync -o wide
	proved "a client read a contact from data that came out of the bucket, on a storage system that shares nothing with array-a"
}

keep_keys() {
	kubectl create secret generic -n sync offsite-keys --from-literal=accessKeyID="$STORE_ACCESS_KEY" \
		--from-literal=secretAccessKey="$STORE_SECRET_KEY" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
	kubectl create secret generic -n sync offsite-ca --from-file=ca.crt="$STORE_CA" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
}

# repository prints the Repository where this demo keeps its copies.
repository() { sed -e "s|ENDPOINT|$STORE_ENDPOINT|" -e "s|PREFIX|$prefix|" "$demo/manifests/repository.yaml"; }

is_copied() { [[ $(kubectl get rp -n sync "$1" -o 'jsonpath={.status.copies[0].state}') == Complete ]]; }
proven_independently() { [[ $(kubectl get bp -n sync sync-store -o 'jsonpath={.status.lastProof.independent}') == true ]]; }

lose_the_storage() {
	chapter "October 2009: the storage system is gone"
	say "What three people have in their address books, card by card:"
	address_books "$service" >"$work/cards"
	wc -l <"$work/cards" | sed 's/$/ cards/' | indent
	remove_restored
	say "array-a goes: its driver, its disk, the volume, and every snapshot of it."
	show "cluster fault a destroy"
	"$CLUSTER_BIN" fault a destroy 2>&1 | indent
	lost_at=$SECONDS
	await "the finding" 60 finds DriverNotRegistered
	run kubectl get bp -n sync sync-store -o 'jsonpath={range .status.findings[?(@.kind=="DriverNotRegistered")]}{.message}{"\n"}{.remedy}{"\n"}{end}'
	say "Which is what we do:"
	rescue "$point" rescued
	sed -e 's/name: sync-restored/name: sync-rescued/' -e 's/claimName: restored/claimName: rescued/' "$demo/manifests/restored-service.yaml" |
		kubectl apply -f - | indent
	await "the rescued service to be ready" 90 is_ready pod/sync-rescued
	address_books "http://$(kubectl get pod -n sync sync-rescued -o jsonpath='{.status.podIP}'):5232" >"$work/rescued"
	compare_cards
	proved "array-a is gone with all its snapshots, and all $(wc -l <"$work/cards") contacts answer from array-b, $((SECONDS - lost_at)) s after the loss"
}

# rescue POINT CLAIM restores the copy of a point on to array-b, as a claim of the given name, and tells how long it took.
rescue() {
	sed -e "s/POINT/$1/" -e "s/CLAIM/$2/" "$demo/manifests/rescue.yaml" >"$work/rescue.yaml"
	indent <"$work/rescue.yaml"
	show kubectl create -f rescue.yaml
	local restore
	restore=$(kubectl create -f "$work/rescue.yaml" -o name)
	kubectl wait -n sync "$restore" --for=condition=Succeeded --timeout=180s | indent ||
		fail "the restore did not succeed" "$(kubectl get -n sync "$restore" -o yaml)"
	run kubectl get -n sync "$restore" -o wide
}

# address_books lists every contact of every user at a service, each on a line with all that is in it, as a client gets them.
address_books() {
	local user
	for user in "${users[@]}"; do
		dav "$user" "$1/$user/contacts/" | tr -d '\r' | awk -v user="$user" '
			/^BEGIN:VCARD/ { card = user }
			{ card = card "|" $0 }
			/^END:VCARD/ { print card }'
	done | LC_ALL=C sort
}

compare_cards() {
	show "diff cards rescued"
	diff "$work/cards" "$work/rescued" | head -n 20 | indent || fail "the client does not find what was saved"
}

bring_back_by_hand() {
	chapter "No cluster at all"
	say "A bucket, its password, and one program that needs nothing else:"
	make lifeboat-mover
	mkdir -p "$work/keys"
	printf %s "$STORE_ACCESS_KEY" >"$work/keys/accessKeyID"
	printf %s "$STORE_SECRET_KEY" >"$work/keys/secretAccessKey"
	cp "$STORE_CA" "$work/ca.crt"
	local access=(--repository "s3://$STORE_ENDPOINT/lifeboat/$prefix" --password-file "$work/password" --credentials-dir "$work/keys" --ca-file "$work/ca.crt")
	show "lifeboat-mover restore --repository s3://$STORE_ENDPOINT/lifeboat/$prefix --password-file password --credentials-dir keys --ca-file ca.crt --to ./byhand"
	env -u KUBECONFIG bin/lifeboat-mover restore "${access[@]}" --point "$point" --to "$work/byhand" 2>&1 | indent
	local held
	held=$(kubectl exec -n sync sync-rescued -- sh -c 'cd /data && find . -name "*.vcf" -exec sha256sum {} + | LC_ALL=C sort')
	[[ $held == "$(cd "$work/byhand/data-sync-0" && find . -name '*.vcf' -exec sha256sum {} + | LC_ALL=C sort)" ]] ||
		fail "what was restored by hand differs from what the rescued service has"
	proved "every file of a contact is the same, without asking any cluster"
}

lose_the_cluster() {
	chapter "An empty cluster"
	say "Now the cluster goes too, with array-b and everything that was restored on to it. The bucket is all that is left."
	show "cluster down --keep-objects"
	"$CLUSTER_BIN" down --keep-objects 2>&1 | indent
	run make cluster-up
	run make install HELM_ARGS=--hide-notes
	make load-image TAR="$radicale" >/dev/null
	lost_at=$SECONDS
	show "kubectl create namespace sync; kubectl create secret generic -n sync offsite-password --from-file=password"
	kubectl create namespace sync | indent
	kubectl create secret generic -n sync offsite-password --from-file=password="$work/password" | indent
	# shellcheck source=/dev/null
	. "$store"
	keep_keys
	say "The same Repository, and two lines more: its password, and import: true."
	kubectl create -f - -o name <<-END | indent
		$(repository)
		  password: {name: offsite-password}
		  import: true
	END
	await "the recovery points in the bucket" 120 imported "$point"
	run kubectl get rp -n sync
	point=$(imported "$point")
	say "The claim comes back under the name that the service looks for, and then the service is started as ever:"
	rescue "$point" data-sync-0
	run kubectl apply -f hack/demo/manifests/sync.yaml
	await "the sync service to be ready" 120 is_ready statefulset/sync
	service="http://$(kubectl get service -n sync sync -o jsonpath='{.spec.clusterIP}'):5232"
	await "the sync service to answer at $service" 30 answers "$service"
	address_books "$service" >"$work/rescued"
	compare_cards
	proved "a new cluster, a bucket and a password: all $(wc -l <"$work/cards") contacts are back, $((SECONDS - lost_at)) s after Lifeboat was installed"
}

# imported prints the name of the point that was imported as the one of a name.
imported() {
	kubectl get rp -n sync -o 'jsonpath={range .items[*]}{.metadata.name}{" "}{.status.origin.pointName}{" "}{.status.conditions[?(@.type=="Complete")].status}{"\n"}{end}' |
		awk -v was="$1" '$2 == was && $3 == "True" { print $1; found = 1 } END { exit !found }'
}
