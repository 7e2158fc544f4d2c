#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints the folder that holds Debian's prometheus, promtool, prometheus-alertmanager and amtool. They are unpacked
# into ~/.cache/lifeboat/monitoring once; nothing is installed, and no service starts. MONITORING_TOOLS names a folder
# that holds them already.
set -euo pipefail

readonly packages=(prometheus prometheus-alertmanager)
readonly programs=(prometheus promtool prometheus-alertmanager amtool)
readonly cache="${XDG_CACHE_HOME:-$HOME/.cache}/lifeboat/monitoring"
work=""

main() {
	local folder=${MONITORING_TOOLS:-$cache/usr/bin}
	if ! complete "$folder"; then
		[[ -z ${MONITORING_TOOLS:-} ]] || fail "MONITORING_TOOLS=$folder lacks one of ${programs[*]}"
		unpack
		complete "$folder" || fail "the packages ${packages[*]} do not hold all of ${programs[*]}"
	fi
	echo "$folder"
}

complete() {
	local program
	for program in "${programs[@]}"; do
		[[ -x $1/$program ]] || return 1
	done
}

unpack() {
	command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
		fail "this machine has no apt-get: put ${programs[*]} into a folder and name it in MONITORING_TOOLS"
	mkdir -p "$(dirname "$cache")"
	work=$(mktemp -d "$cache.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	chmod 755 "$work" # root's apt-get hands downloads to a user of its own
	note "downloading ${packages[*]} (30 MB, once)"
	download || { apt-get update -qq >&2 && download; } ||
		fail "${packages[*]} could not be downloaded; if the package lists are missing, run apt-get update as root"
	local archive
	for archive in "$work"/*.deb; do
		dpkg -x "$archive" "$work/root"
	done
	rm -rf "$cache"
	# Somebody else may have been quicker.
	mv -T "$work/root" "$cache" 2>/dev/null || [[ -d $cache ]]
}

download() {
	(cd "$work" && apt-get download -qq "${packages[@]}" >log 2>&1) || {
		tail -n 2 "$work/log" >&2
		return 1
	}
}

note() { echo "monitoring  $*" >&2; }
fail() {
	echo "monitoring: $*" >&2
	exit 1
}

main "$@"
