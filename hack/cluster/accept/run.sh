#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Shows that the running cluster does what Lifeboat's tests rely on: for each storage system a pod
# writes, a snapshot becomes ready, the pod overwrites, and a claim restored from the snapshot has the old content.
# Usage: run.sh (needs kubectl on PATH and KUBECONFIG)
set -eu

ns=accept-$$
trap 'kubectl delete namespace "$ns" --wait=true >/dev/null' EXIT
say() { printf 'accept  %s\n' "$*"; }

kubectl create namespace "$ns" >/dev/null
until kubectl -n "$ns" get serviceaccount default >/dev/null 2>&1; do sleep 0.1; done

# claim NAME CLASS [SNAPSHOT]
claim() {
	source=
	[ -n "${3-}" ] && source="dataSource: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: $3}"
	kubectl -n "$ns" apply -f - >/dev/null <<EOF
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $1, labels: {accept: $2}}
spec:
  storageClassName: $2
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 64Mi}}
  $source
EOF
}

# pod NAME CLAIM
pod() {
	kubectl -n "$ns" apply -f - >/dev/null <<EOF
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: tool
    image: lifeboat.test/toolbox:latest
    imagePullPolicy: Never
    command: [sleep, "86400"]
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: $2}}]
EOF
	kubectl -n "$ns" wait --for=condition=Ready "pod/$1" --timeout=60s >/dev/null
}

in_pod() { p=$1; shift; kubectl -n "$ns" exec "$p" -- sh -c "$*"; }

for class in array-a array-b; do
	claim "$class" "$class"
	pod "$class" "$class"
	in_pod "$class" 'echo before > /data/file'
	kubectl -n "$ns" apply -f - >/dev/null <<EOF
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: {name: $class}
spec: {source: {persistentVolumeClaimName: $class}}
EOF
	kubectl -n "$ns" wait --for=jsonpath='{.status.readyToUse}'=true "volumesnapshot/$class" --timeout=60s >/dev/null
	in_pod "$class" 'echo after > /data/file'
	claim "$class-restored" "$class" "$class"
	pod "$class-restored" "$class-restored"
	restored=$(in_pod "$class-restored" 'cat /data/file')
	[ "$restored" = before ] || { say "$class: restored claim says '$restored', not 'before'"; exit 1; }
	say "$class: snapshot ready, restored claim has the old content"

	kubectl -n "$ns" apply -f - >/dev/null <<EOF
apiVersion: groupsnapshot.storage.k8s.io/v1
kind: VolumeGroupSnapshot
metadata: {name: $class}
spec: {source: {selector: {matchLabels: {accept: $class}}}}
EOF
	kubectl -n "$ns" wait --for=jsonpath='{.status.readyToUse}'=true "volumegroupsnapshot/$class" --timeout=120s >/dev/null
	say "$class: group snapshot of two volumes ready"
done

# A pod reaches the API server by its service address, with its own token.
answer=$(in_pod array-a 'printf "GET /version HTTP/1.0\r\n\r\n" | nc -w 5 $KUBERNETES_SERVICE_HOST 443 | head -1')
case $answer in
*400*) say "pods reach the API server at its service address" ;;
*) say "pods do not reach the API server: '$answer'"; exit 1 ;;
esac

# A pod reaches another through a service, and itself too.
in_pod array-b 'mkdir -p /data/www && echo served > /data/www/index.html && (busybox httpd -p 8080 -h /data/www)'
kubectl -n "$ns" label pod array-b app=web >/dev/null
kubectl -n "$ns" apply -f - >/dev/null <<EOF
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
EOF
address=$(kubectl -n "$ns" get service web -o jsonpath='{.spec.clusterIP}')
for from in array-a array-b; do
	tries=0
	until [ "$(in_pod "$from" "wget -q -O - http://$address/" 2>/dev/null)" = served ]; do
		tries=$((tries + 1))
		[ $tries -lt 20 ] || { say "pod $from does not reach the service at $address"; exit 1; }
		sleep 0.2
	done
done
say "pods reach each other through a service"
