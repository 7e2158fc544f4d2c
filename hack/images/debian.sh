#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes an image of real software from Debian's packages, on a file system of its own
# made by debootstrap. Prints the path of the image tar.
#
#   debian.sh radicale   lifeboat.test/radicale:latest, a CalDAV and CardDAV server, with the client vdirsyncer
#   debian.sh postgres   lifeboat.test/postgres:latest, PostgreSQL 15, with user and group 10002
#   debian.sh alertmanager   lifeboat.test/alertmanager:latest, Prometheus' Alertmanager
#
# The tar is kept in ~/.cache/lifeboat/images under a hash of its recipe, so that
# it is built once. DEBIAN_MIRROR names another mirror than the machine's own.
# The cluster program, which writes the tar, is taken from CLUSTER_BIN.
set -euo pipefail

readonly suite=bookworm
case ${1:-} in
radicale) packages=radicale,vdirsyncer entrypoint=/usr/bin/radicale ;;
postgres) packages=postgresql-15 entrypoint=/usr/lib/postgresql/15/bin/postgres ;;
alertmanager) packages=prometheus-alertmanager entrypoint=/usr/bin/prometheus-alertmanager ;;
*)
	echo "usage: debian.sh radicale|postgres|alertmanager" >&2
	exit 2
	;;
esac
readonly kind=$1 packages entrypoint name=lifeboat.test/$1:latest
readonly cache="${XDG_CACHE_HOME:-$HOME/.cache}/lifeboat"
readonly cluster="${CLUSTER_BIN:-$cache/bin/local/cluster}"
work=""

main() {
	local tar
	tar="$cache/images/$kind-$suite-$(recipe_hash).tar"
	if [[ ! -s $tar ]]; then
		require_root
		require_debootstrap
		mkdir -p "$cache/images"
		build "$tar"
	fi
	echo "$tar"
}

recipe_hash() {
	{ uname -m; echo "$packages $entrypoint"; cat "${BASH_SOURCE[0]}"; } | sha256sum | cut -c1-12
}

build() {
	local tar=$1
	work=$(mktemp -d "$cache/images/.$kind-XXXXXX")
	trap 'rm -rf "$work"' EXIT
	local root="$work/root" url
	url=$(mirror)
	note "debootstrap of $suite with $packages from $url (about a minute, once)"
	debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$url" >"$work/log" 2>&1 ||
		fail "debootstrap failed; its last words: $(tail -n 3 "$work/log"). Set DEBIAN_MIRROR when the mirror is the reason"
	trim "$root"
	precompile "$root"
	fix_users "$root"
	note "packing $(du -sm "$root" | cut -f1) MB"
	"$cluster" image --name "$name" --out "$tar" --rootfs "$root" --entrypoint "$entrypoint"
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
	[[ -x $1/usr/bin/python3 ]] || return 0
	chroot "$1" python3 -m compileall -q -f --invalidation-mode unchecked-hash \
		/usr/lib/python3 /usr/lib/python3.11 >/dev/null || fail "Python could not compile its library in $1"
}

# A user that manifests can name: the package takes the next free number.
fix_users() {
	[[ $kind == postgres ]] || return 0
	chroot "$1" groupmod -g 10002 postgres
	chroot "$1" usermod -u 10002 -d /tmp postgres
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

note() { echo "$kind-image  $*" >&2; }
fail() {
	echo "$kind-image: $*" >&2
	exit 1
}

main "$@"
