# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Recovery points: waiting for them, telling what becomes of them, finding their snapshots.

declare -A seen=()
readonly complete='.status.conditions[?(@.type=="Complete")]'
readonly point_lines="{range .items[*]}{.metadata.name} {$complete.status} {$complete.reason} {.status.progress}{\"\n\"}{end}"

# tell_points prints a line for each recovery point that came, changed or went since it was last called.
tell_points() {
	local name status rest point
	local -A now=()
	while read -r name status rest; do
		[[ $status != True ]] || rest="complete: ${rest#* } volumes"
		[[ -z $name ]] || now[$name]=${rest:-waiting}
	done < <(kubectl get rp -n sync -o jsonpath="$point_lines")
	for point in "${!now[@]}"; do
		[[ ${now[$point]} == "${seen[$point]-}" ]] || tell_point "$point" "${now[$point]}"
		seen[$point]=${now[$point]}
	done
	for point in "${!seen[@]}"; do
		if [[ -z ${now[$point]-} ]]; then
			tell_point "$point" "pruned"
			unset "seen[$point]"
		fi
	done
}

tell_point() { printf '     %s  %-38s %s\n' "$(date +%T)" "$1" "$2"; }

# await_points WHAT SECONDS COMMAND… is await, telling meanwhile what becomes of the points.
await_points() {
	local what=$1 deadline=$((SECONDS + $2))
	shift 2
	tell_points
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || fail "waited in vain for $what" "" "$(circumstances)"
		sleep 1
		tell_points
	done
}

is_complete() {
	[[ $(kubectl get rp -n sync "$1" -o jsonpath="{$complete.status}") == True ]]
}

# complete_points lists the names of complete points, oldest first.
complete_points() {
	kubectl get rp -n sync --sort-by=.status.pointInTime -o jsonpath="$point_lines" | awk '$2 == "True" { print $1 }'
}

# has_complete_besides NAMES says whether there is a complete point that is not among NAMES.
has_complete_besides() { complete_points | grep -vxF -- "$1"; }

is_gone() { ! kubectl get rp -n sync "$1"; }

has_no_snapshots() { [[ -z $(kubectl get volumesnapshots -n sync -l "lifeboat.dev/recovery-point=$1" -o name) ]]; }

