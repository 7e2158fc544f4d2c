#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs csi-sanity, the conformance tests of the CSI community, against lifeboat-csi on a
# btrfs file system in a sparse file. Leaves nothing behind, whatever happens.
#
# CSI_SANITY   path of a csi-sanity binary; without it one is built from ../build/sanity
# JUNIT        where to write the JUnit report (optional)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $(uname) == Linux && $EUID == 0 ]] || { echo "csi-sanity needs Linux and root: it mounts file systems" >&2; exit 1; }
for tool in mkfs.btrfs losetup; do
	command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install btrfs-progs util-linux" >&2; exit 1; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/lifeboat-csi-sanity.XXXXXX")
driver=
unmount() {
	local dir mount
	for dir in "$@"; do
		awk -v dir="$dir" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r mount; do
			umount "$mount" || umount -l "$mount" || true
		done
	done
}
detach() {
	local device
	losetup --noheadings --raw --output NAME,BACK-FILE | awk -v dir="$1" 'index($2, dir) == 1 { print $1 }' | while read -r device; do
		losetup --detach "$device" || true
	done
}
cleanup() {
	status=$?
	trap - EXIT
	[[ -z $driver ]] || { kill "$driver" 2>/dev/null || true; wait "$driver" 2>/dev/null || true; }
	# What a failed test left to pods, then devices on the disk, then the disk: each holds the next one.
	unmount "$work/target" "$work/staging"
	detach "$work/root/"
	unmount "$work/root"
	detach "$work/"
	if [[ $status != 0 && -s $work/driver.log ]]; then
		echo "--- the last lines of the driver's log" >&2
		tail -n 40 "$work/driver.log" >&2
	fi
	rm -rf --one-file-system "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

sanity=${CSI_SANITY:-}
if [[ -z $sanity ]]; then
	sanity=$work/csi-sanity
	(cd "$here/../build/sanity" && go build -o "$sanity" github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity)
fi
(cd "$here" && go build -o "$work/lifeboat-csi" .)

# Sparse: the tests ask for volumes of 10 and 20 GiB and write next to nothing.
truncate -s 64G "$work/disk.img"
mkfs.btrfs --quiet "$work/disk.img" >"$work/mkfs.log" 2>&1 || { cat "$work/mkfs.log" >&2; exit 1; }
mkdir "$work/root" "$work/faults"
mount -o loop "$work/disk.img" "$work/root"

"$work/lifeboat-csi" --driver-name sanity.csi.lifeboat.test --endpoint "unix://$work/csi.sock" --node-id sanity \
	--root "$work/root" --fault-dir "$work/faults" 2>"$work/driver.log" &
driver=$!
for _ in $(seq 100); do [[ -S $work/csi.sock ]] && break; sleep 0.1; done

"$sanity" -csi.endpoint "unix://$work/csi.sock" -csi.mountdir "$work/target" -csi.stagingdir "$work/staging" \
	${JUNIT:+-csi.junitfile "$JUNIT"} "$@"
