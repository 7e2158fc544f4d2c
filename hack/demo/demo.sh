#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The story of one backup, on a real cluster on this machine: a sync service is protected,
# used, broken and restored; then its storage is lost, and then the cluster. `make demo` runs it, again and again if you like.
# It leaves the cluster up; `make demo-down` removes everything.
set -Eeuo pipefail

demo=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly demo
readonly cache="${XDG_CACHE_HOME:-$HOME/.cache}/lifeboat"

# shellcheck source=story/telling.sh
. "$demo/story/telling.sh"
# shellcheck source=story/service.sh
. "$demo/story/service.sh"
# shellcheck source=story/points.sh
. "$demo/story/points.sh"
# shellcheck source=story/loss.sh
. "$demo/story/loss.sh"

# The demo breaks things, so that it never uses any cluster but its own.
export KUBECONFIG=/var/lib/lifeboat-cluster/kubeconfig
export CLUSTER_BIN="$cache/bin/local/cluster"
export PATH="$cache/envtest:$PATH" # kubectl
unset MAKELEVEL
export MAKEFLAGS="--no-print-directory -- KUBECONFIG=$KUBECONFIG"

readonly checksums='cd /data && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum'

writer="" service="" point="" moment="" drill="" radicale="" prefix="" lost_at=0 cards_then=0
work=$(mktemp -d)
readonly work
trap leave EXIT
trap 'exit 130' INT TERM
trap 'unexpected "line $LINENO of ${BASH_SOURCE[0]##*/} failed: $BASH_COMMAND"' ERR

leave() {
	[[ -z $writer ]] || { kill "$writer" && wait "$writer"; } 2>/dev/null || true
	rm -rf "$work"
}

main() {
	echo "${bold}Lifeboat: a sync service is backed up, broken and restored, and survives the loss of all its storage, on a real cluster.${plain}"
	start_cluster
	install_lifeboat
	start_service
	fill_service
	promise
	watch_pruning
	take_the_moment
	have_an_accident
	restore
	prove_equal
	bring_back
	rehearse
	notice
	copy_elsewhere
	lose_the_storage
	bring_back_by_hand
	lose_the_cluster
	say_goodbye
}

start_cluster() {
	chapter "A cluster"
	say "Kubernetes with two storage systems, array-a and array-b, that take snapshots." \
		"The first start compiles it from source, which takes about 15 minutes."
	need curl
	run make cluster-up
	make envtest-assets >/dev/null # kubectl
	run kubectl get nodes,storageclasses
}

install_lifeboat() {
	chapter "Lifeboat"
	say "Built from this tree and installed with its Helm chart."
	run make install HELM_ARGS=--hide-notes
	await "the kinds of Lifeboat" 30 kubectl get bp,rp -A
	run kubectl get pods -n lifeboat-system
}

start_service() {
	chapter "A service worth protecting"
	say "Radicale keeps contacts, calendars and to-dos, as a phone's sync service does." \
		"It is Debian's package in an image of our own, and its data are in a claim on array-a."
	radicale=$("$demo/../images/debian.sh" radicale 2> >(indent >&2))
	run make load-image TAR="$radicale"
	begin_anew
	remove_restored
	run kubectl apply -f hack/demo/manifests/sync.yaml
	await "the sync service to be ready" 120 is_ready statefulset/sync
	service="http://$(kubectl get service -n sync sync -o jsonpath='{.spec.clusterIP}'):5232"
	await "the sync service to answer at $service" 30 answers "$service"
	run kubectl get pods,pvc -n sync
}

# begin_anew removes what an earlier demo left that had come as far as losing its storage.
begin_anew() {
	[[ -n $(kubectl get repo -n sync -o name 2>/dev/null) ]] || return 0
	run kubectl delete namespace sync --timeout=120s
}

# remove_restored removes what an earlier demo restored.
remove_restored() {
	kubectl delete pod,pvc -n sync -l app=sync-restored --ignore-not-found --wait >/dev/null
}

fill_service() {
	chapter "Three people fill it"
	say "Nadia, Tomas and Wei upload $items contacts, calendar entries and to-dos, one request each."
	empty_service
	make_collections
	write_items "$work/first" 1 "$contacts" "$events" "$todos"
	show "curl --user nadia:lifeboat --upload-file contact-0001.vcf $service/nadia/contacts/contact-0001.vcf"
	local began=$SECONDS
	upload "$work/first"
	tr -d '\r' <"$work/first/nadia/contacts/contact-0001.vcf" | indent
	proved "$items items are in the service ($((SECONDS - began)) s)"
}

promise() {
	chapter "A promise: one policy"
	say "A point every minute, the three newest are kept, and no more than three minutes may be lost."
	run cat hack/demo/manifests/policy.yaml
	run kubectl apply -f hack/demo/manifests/policy.yaml
	say "The three go on using the service, while recovery points arrive:"
	start_writing 1001 "${users[@]}"
	local before
	before=$(complete_points)
	await_points "a complete recovery point" 150 has_complete_besides "$before"
	show kubectl wait bp/sync-store -n sync --for=condition=Protected
	kubectl wait bp/sync-store -n sync --for=condition=Protected --timeout=30s | indent
	run kubectl get bp -n sync
}

watch_pruning() {
	chapter "Old points go, good ones stay"
	local oldest
	oldest=$(complete_points | head -n 1)
	say "Whoever does not want to wait for the next minute asks for a point now; here three times:"
	run cat hack/demo/manifests/now.yaml
	take_point
	take_point
	take_point
	say "That makes more than three complete points, so that the oldest goes:"
	await_points "the point $oldest to be pruned" 150 is_gone "$oldest"
	tell_points
	has_no_snapshots "$oldest" || fail "$oldest went, but its snapshot is still there"
	run kubectl get rp -n sync --sort-by=.metadata.creationTimestamp
	proved "$oldest is gone, and so is its snapshot"
}

# take_point captures now, and sets point to the name of the complete recovery point.
take_point() {
	show kubectl create -f hack/demo/manifests/now.yaml
	point=$(kubectl create -f hack/demo/manifests/now.yaml -o name)
	point=${point##*/}
	await_points "the recovery point $point to be complete" 120 is_complete "$point"
}

take_the_moment() {
	chapter "A moment we can check later"
	say "Nadia saves one more contact. Then all writing stops, so that we know what the service holds."
	dav nadia --upload-file "$demo/data/mara-lindqvist.vcf" "$service/nadia/$friend" >/dev/null
	stop_writing
	cards_then=$(cards "$service" nadia)
	say "$(written) items were written since the policy began. Nadia has $cards_then contacts." \
		"A checksum of every file on the volume:"
	show_manifest sync-0 held
	manifest sync-0 >"$work/held"
	grep '/nadia/contacts/contact-000[123]' "$work/held" | indent
	say "  … $(wc -l <"$work/held") files. Now a recovery point of exactly this:"
	take_point
	moment=$point
	manifest sync-0 | cmp -s - "$work/held" || fail "the service changed its files while nobody wrote"
	proved "the point $moment is complete, and nothing changed meanwhile"
}

# manifest lists the checksum of every file on the volume of a pod.
manifest() { kubectl exec -n sync "$1" -- sh -c "$checksums"; }
show_manifest() { show "kubectl exec -n sync $1 -- sh -c '$checksums' > $2"; }

have_an_accident() {
	chapter "An accident"
	say "Tomas and Wei go on. Nadia's new phone believes that its empty address book is the truth, and syncs."
	start_writing 2001 tomas wei
	show_request nadia DELETE "$service/nadia/contacts/"
	show_request nadia GET "$service/nadia/$friend"
	! dav nadia --output /dev/null "$service/nadia/$friend" 2>/dev/null || fail "the address book is still there"
	say "All of Nadia's $cards_then contacts are gone from the service."
}

restore() {
	chapter "A restore beside the service"
	say "The point's volume becomes a new claim, and every byte of it is read; the broken service keeps running."
	sed "s/POINT/$moment/" "$demo/manifests/restore.yaml" >"$work/restore.yaml"
	indent <"$work/restore.yaml"
	show "sed 's/POINT/$moment/' hack/demo/manifests/restore.yaml | kubectl create -f -"
	local restore
	restore=$(kubectl create -f "$work/restore.yaml" -o name)
	show kubectl wait -n sync "$restore" --for=condition=Succeeded
	kubectl wait -n sync "$restore" --for=condition=Succeeded --timeout=120s | indent ||
		fail "the restore did not succeed" "$(kubectl get -n sync "$restore" -o yaml)"
	run kubectl get -n sync "$restore"
	kubectl apply -f "$demo/manifests/inspect.yaml" >/dev/null
	await "the shell beside the restored claim" 120 is_ready pod/inspect
	run kubectl get pvc -n sync
}

prove_equal() {
	chapter "The proof: every byte"
	say "The same checksums, now of the restored claim, from a pod that can only read it:"
	show_manifest inspect restored
	manifest inspect >"$work/restored"
	show "diff held restored"
	diff "$work/held" "$work/restored" | head -n 20 | indent ||
		fail "the restored claim differs from what the service held at the moment of $moment"
	proved "no difference in $(wc -l <"$work/restored") files"
}

bring_back() {
	chapter "Nadia's contacts come back"
	say "A second Radicale starts on the restored claim, and is asked for a friend's number:"
	kubectl delete pod -n sync inspect --wait >/dev/null
	run kubectl apply -f hack/demo/manifests/restored-service.yaml
	await "the restored service to be ready" 60 is_ready pod/sync-restored
	local restored
	restored="http://$(kubectl get pod -n sync sync-restored -o jsonpath='{.status.podIP}'):5232"
	show "curl --user nadia:lifeboat $restored/nadia/$friend"
	dav nadia "$restored/nadia/$friend" | tr -d '\r' | tee "$work/friend" | indent
	grep -q 'FN:Mara Lindqvist' "$work/friend" || fail "the restored service does not know Mara Lindqvist"
	say "Her address book goes back into the live service:"
	show "curl --user nadia:lifeboat $restored/nadia/contacts/ > contacts.vcf"
	dav nadia "$restored/nadia/contacts/" >"$work/contacts.vcf"
	show "curl --user nadia:lifeboat -X PUT --data-binary @contacts.vcf $service/nadia/contacts/"
	dav nadia --request PUT --header 'Content-Type: text/vcard' --data-binary @"$work/contacts.vcf" "$service/nadia/contacts/"
	check_service
}

# check_service proves that the live service has all of Nadia's contacts, and all that the others wrote meanwhile.
check_service() {
	stop_writing
	local now
	now=$(cards "$service" nadia)
	[[ $now == "$cards_then" ]] || fail "the live service has $now contacts of Nadia, not $cards_then"
	still_there || fail "something that Tomas and Wei wrote during the restore is not in the service"
	proved "Nadia has her $cards_then contacts again; the $(written) items that Tomas and Wei wrote meanwhile are there too"
}

rehearse() {
	chapter "A rehearsal, so that nobody has to hope"
	say "The policy now asks for a drill every night, with two checks: Radicale's own check of its files, and a" \
		"CardDAV client that must find Mara Lindqvist in the restored address book."
	show kubectl patch bp sync-store -n sync --type merge --patch-file hack/demo/manifests/drill.yaml
	sed -n '/^  drill/,/^        command/p' "$demo/manifests/drill.yaml" | indent
	kubectl patch bp sync-store -n sync --type merge --patch-file "$demo/manifests/drill.yaml" | indent
	take_point
	await "the fingerprint of $point" 90 has_fingerprint "$point"
	run kubectl get rp -n sync "$point" -o 'jsonpath={.status.fingerprint.volumes[0]}{"\n"}'
	say "Nobody needs to wait for the night:"
	drill_now
	run kubectl get drill -n sync "${drill##*/}" \
		-o 'jsonpath={range .status.phases[*]}{.name}{"\t"}{.state}{"\t"}{.startedAt}{"\t"}{.finishedAt}{"\n"}{end}'
	show kubectl wait bp/sync-store -n sync --for=condition=Proven
	kubectl wait bp/sync-store -n sync --for=condition=Proven --timeout=30s | indent
	run kubectl get bp -n sync -o wide
	proved "the restore was rehearsed in $(kubectl get -n sync "$drill" -o 'jsonpath={.status.recoveryTime}'), as deep as a client that reads a contact"
	verify_evidence
}

# drill_now rehearses the restore, sets drill to what was ordered, and checks that it passed as deep as the policy's checks go.
drill_now() {
	show kubectl create -f hack/demo/manifests/drill-now.yaml
	drill=$(kubectl create -f "$demo/manifests/drill-now.yaml" -o name)
	await "the drill to end, and all that it made to be gone" 180 kubectl wait -n sync "$drill" --for=condition=CleanedUp --timeout=1s
	run kubectl get drill -n sync "${drill##*/}" -o wide
	[[ $(kubectl get -n sync "$drill" -o 'jsonpath={.status.verdict} {.status.level}') == "Passed Answering" ]] ||
		fail "the drill did not pass" "$(kubectl get -n sync "$drill" -o yaml)"
}

# verify_evidence checks the signatures and the chain of what the drills of this policy showed.
verify_evidence() {
	say "What it showed is signed, and kept. Anybody with the public key can check it:"
	show "kubectl get configmap -n lifeboat-system lifeboat-evidence-key -o 'jsonpath={.data.public\\.pem}' > public.pem"
	kubectl get configmap -n lifeboat-system lifeboat-evidence-key -o 'jsonpath={.data.public\.pem}' >"$work/public.pem"
	local uid
	uid=$(kubectl get bp -n sync sync-store -o 'jsonpath={.metadata.uid}')
	show "kubectl get configmap -n sync -l lifeboat.dev/evidence-policy-uid=$uid -o json | bin/mover evidence verify --key public.pem -"
	kubectl get configmap -n sync -l "lifeboat.dev/evidence-policy-uid=$uid" -o json |
		bin/mover evidence verify --key "$work/public.pem" - | indent
}

notice() {
	chapter "Somebody deletes a snapshot behind our back"
	local snapshot
	snapshot=$(kubectl get volumesnapshots -n sync -l "lifeboat.dev/recovery-point=$moment" -o name | head -n 1)
	[[ -n $snapshot ]] || { take_point; moment=$point; snapshot=$(kubectl get volumesnapshots -n sync -l "lifeboat.dev/recovery-point=$moment" -o name); }
	run kubectl delete -n sync "$snapshot"
	await "the finding" 30 finds RecoveryPointVanished
	run kubectl get bp -n sync
	run kubectl get bp -n sync sync-store -o 'jsonpath={.status.findings[0].message}{"\n"}{.status.findings[0].remedy}{"\n"}'
	say "Alerts, notifications and reports tell the same. The data did not go: Lifeboat keeps what it captured until it expires itself." \
		"Whoever has understood what happened removes the point:"
	run kubectl delete rp -n sync "$moment"
	await "the finding to clear" 30 lacks RecoveryPointVanished
	proved "the loss was noticed at once, and told until somebody dealt with it"
}

readonly findings='jsonpath={.status.findings[*].kind}'
finds() { kubectl get bp -n sync sync-store -o "$findings" | grep -qw "$1"; }
lacks() { ! finds "$1"; }

has_fingerprint() { [[ $(kubectl get rp -n sync "$1" -o 'jsonpath={.status.fingerprint.state}') == Recorded ]]; }

# need installs a Debian package that has the program's name, when the program is absent.
need() {
	command -v "$1" >/dev/null && return
	show apt-get install "$1"
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1"; } 2>&1 | indent ||
		fail "$1 is needed and could not be installed"
}

say_goodbye() {
	chapter "Yours to try"
	run kubectl get repo,rp -n sync
	say "The cluster stays up. First tell your shell where it is:"
	echo
	echo "     export KUBECONFIG=$KUBECONFIG PATH=$cache/envtest:\$PATH"
	echo
	say "Then make the promise again, take a point of your own, and rehearse the restore:"
	cat <<-END | indent

		kubectl apply -f hack/demo/manifests/policy.yaml
		kubectl patch bp sync-store -n sync --type merge --patch-file hack/demo/manifests/copies.yaml
		kubectl create -f hack/demo/manifests/now.yaml
		kubectl create -f hack/demo/manifests/drill-now.yaml
		kubectl get bp,rp,drill -n sync

	END
	say "'make demo' tells the story again, 'make demo-down' removes everything."
	printf '\n%sDone in %s minutes.%s\n' "$bold" "$(elapsed)" "$plain"
}

is_ready() {
	case $1 in
	pod/*) kubectl wait -n sync --for=condition=Ready "$1" --timeout=1s ;;
	*) kubectl rollout status -n sync "$1" --timeout=1s ;;
	esac
}

answers() { dav nadia "$1/.web/"; }

cd "$demo/../.."
main
