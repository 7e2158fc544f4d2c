#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs every fuzz target for the time given, one after the other. What a target finds lands in testdata/fuzz of its package, and fails
# `make test` from then on: mend it, and commit both.
set -euo pipefail

time=${1:?usage: hack/fuzz.sh TIME [PATTERN], such as hack/fuzz.sh 60s Schedule}
pattern=${2:-.}
failed=0
while IFS=: read -r file target; do
	printf '%s %s\n' "$(dirname "$file")" "$target"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10s "./$(dirname "$file")" | tail -n 20 >"${TMPDIR:-/tmp}/fuzz.$$" || failed=1
	grep -v '^fuzz: elapsed: 0s' "${TMPDIR:-/tmp}/fuzz.$$" | tail -n 12
done < <(git ls-files '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z]+' | sed 's/:func /:/' | grep -E "$pattern" | sort)
rm -f "${TMPDIR:-/tmp}/fuzz.$$"
exit "$failed"
