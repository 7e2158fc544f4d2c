# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How the demo speaks: numbered chapters, short sentences, the commands it runs,
# and one clear message when something does not come true.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	readonly bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
	readonly bold="" dim="" green="" red="" plain=""
fi

chapters=0
chapter_title="the start"

chapter() {
	chapter_title=$1
	chapters=$((chapters + 1))
	printf '\n%s%d  %s%s  %s%s%s\n' "$bold" "$chapters" "$1" "$plain" "$dim" "$(elapsed)" "$plain"
}

# Each argument is a line.
say() { printf '   %s\n' "$@"; }

# show prints a command line as the reader would type it.
show() { printf '   %s$ %s%s\n' "$bold" "$*" "$plain"; }

# run shows a command and its output.
run() {
	show "$*"
	"$@" 2>&1 | indent || fail "'$*' failed"
}

indent() { sed -u 's/^/     /'; }

proved() { printf '   %s✓ %s%s\n' "$green" "$1" "$plain"; }

elapsed() { printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60)); }

# fail ends the demo: what did not come true, then where to look.
fail() {
	trap - ERR
	printf '\n%sThe demo stopped in chapter %d (%s): %s%s\n' "$red" "$chapters" "$chapter_title" "$1" "$plain" >&2
	[[ $# -lt 2 ]] || printf '%s\n' "${@:2}" >&2
	exit 1
}

# unexpected is for the ERR trap. Subshells only pass the failure on: the shell around them tells it.
unexpected() {
	[[ $BASHPID == "$$" ]] || exit 1
	fail "$1"
}

# await WHAT SECONDS COMMAND… tries a command until it succeeds.
await() {
	local what=$1 deadline=$((SECONDS + $2))
	shift 2
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS >= deadline)); then
			fail "waited in vain for $what" "It was looked for with: $*" "" "$(circumstances)"
		fi
		sleep 0.5
	done
}

# circumstances is what a person would look at first when something does not come true.
circumstances() {
	kubectl get pods,pvc,bp,rp,volumesnapshots -n sync 2>&1 || true
	echo
	kubectl get events -n sync --sort-by=.lastTimestamp 2>&1 | tail -n 10 || true
	kubectl logs -n lifeboat-system deployment/lifeboat-manager --tail=5 2>&1 || true
}
