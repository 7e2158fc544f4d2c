#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Becomes Debian's Alertmanager, with the arguments given. It reads its templates from a fixed place below /usr/share:
# where the package is not installed but unpacked, it sees the unpacked /usr/share there, and nobody else does.
set -euo pipefail

readonly template=share/prometheus/alertmanager/default.tmpl
tools=$("$(dirname "${BASH_SOURCE[0]}")/tools.sh")
readonly tools share=${tools%/bin}/share program=$tools/prometheus-alertmanager

if [[ -e /usr/$template || ! -e ${tools%/bin}/$template ]]; then
	exec "$program" "$@"
fi
namespaces=(--mount)
[[ $(id -u) == 0 ]] || namespaces+=(--user --map-root-user)
# shellcheck disable=SC2016 # the inner shell's own arguments
exec unshare "${namespaces[@]}" -- sh -c 'mount --bind "$1" /usr/share && shift && exec "$@"' sh "$share" "$program" "$@"
