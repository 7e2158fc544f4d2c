// SPDX-License-Identifier: Apache-2.0

// Package drift compares every promise of a policy with what is observed. Each difference is a finding: a stable word, how
// loud it is, since when, and what helps. There is one file for each check, and a check is a function of what is observed
// and the time alone: it finds, it says when its answer can next differ, and what it cannot judge it says too.
//
// A finding that is not loud yet has severity Pending: it may pass by itself and is told to nobody, but a condition can
// depend on it already. Conditions are what the findings make of them, see Verdict.
package drift
