#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the image lifeboat.test/radicale:latest: Radicale from Debian's packages,
# on a file system of its own made by debootstrap. Prints the path of the image tar.
#
# The tar is kept in ~/.cache/lifeboat/images under a hash of this recipe, so that
# it is built once. DEBIAN_MIRROR names another mirror than the machine's own.
# The cluster program, which writes the tar, is taken from CLUSTER_BIN.
set -euo pipefail

readonly name=lifeboat.test/radicale:latest
readonly suite=bookworm
readonly packages=radicale,vdirsyncer
readonly cache="${XDG_CACHE_HOME:-$HOME/.cache}/lifeboat"
readonly cluster="${CLUSTER_BIN:-$cache/bin/local/cluster}"
work=""

main() {
	local tar
	tar="$cache/images/radicale-$suite-$(recipe_hash).tar"
	if [[ ! -s $tar ]]; then
		require_root
		require_debootstrap
		mkdir -p "$cache/images"
		build "$tar"
	fi
	echo "$tar"
}

recipe_hash() {
	{ uname -m; cat "${BASH_SOURCE[0]}"; } | sha256sum | cut -c1-12
}

build() {
	local tar=$1
	work=$(mktemp -d "$cache/images/.radicale-XXXXXX")
	trap 'rm -rf "$work"' EXIT
	local root="$work/root" url
	url=$(mirror)
	note "debootstrap of $suite with $packages from $url (about a minute, once)"
	debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$url" >"$work/log" 2>&1 ||
		fail "debootstrap failed; its last words: $(tail -n 3 "$work/log"). Set DEBIAN_MIRROR when the mirror is the reason"
	trim "$root"
	precompile "$root"
	note "packing $(du -sm "$root" | cut -f1) MB"
	"$cluster" image --name "$name" --out "$tar" --rootfs "$root" --entrypoint /usr/bin/radicale
}

# What a container never reads: package lists and archives, manuals, translations.
trim() {
	local root=$1
	rm -rf "$root"/var/lib/apt/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/* "$root"/var/log/*
	rm -rf "$root"/usr/share/{doc,man,locale,info,lintian,bug}/*
	rm -rf "$root"/etc/apt/sources.list.d "$root"/etc/hostname "$root"/etc/resolv.conf
}

# The image's files all bear the same time, and Python compares a source's time with
# its compiled form: without this, each start would compile everything anew.
precompile() {
	chroot "$1" python3 -m compileall -q -f --invalidation-mode unchecked-hash \
		/usr/lib/python3 /usr/lib/python3.11 >/dev/null || fail "Python could not compile its library in $1"
}

# mirror is the first Debian archive among the machine's own apt sources, in either format.
mirror() {
	if [[ -n ${DEBIAN_MIRROR:-} ]]; then
		echo "$DEBIAN_MIRROR"
		return
	fi
	local found
	found=$(
		cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null |
			awk '!n && ($1 == "URIs:" || $1 == "deb") { for (i = 2; i <= NF; i++) if (!n && $i ~ /^https?:.*\/debian\/?$/) { print $i; n++ } }'
	) || true # not every machine has all of these files
	echo "${found:-http://deb.debian.org/debian}"
}

require_root() {
	[[ $(id -u) == 0 ]] || fail "making the image needs root, for chroot: run this as root"
}

require_debootstrap() {
	command -v debootstrap >/dev/null && return
	command -v apt-get >/dev/null || fail "debootstrap is missing: install it (this machine has no apt-get)"
	note "installing debootstrap"
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap >&2 ||
		{ apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap >&2; } ||
		fail "debootstrap could not be installed: apt-get install debootstrap"
}

note() { echo "radicale-image  $*" >&2; }
fail() {
	echo "radicale-image: $*" >&2
	exit 1
}

main "$@"
