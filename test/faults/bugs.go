// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dev/lifeboat/internal/sim"
)

// section are the bugs that one way of looking found.
type section struct {
	name, intro string
	bugs        []bug
}

// bug is one that was found and mended.
type bug struct {
	wrong     string   // what was wrong, and what came of it
	by        string   // the fault, or what else showed it
	scenarios []string // in which scenarios of the simulator
	place     string   // where: the seed, the request, the input
	killers   []string // tests that fail on it, each after its package
}

// found are the bugs that nobody would have looked for. Whoever finds another adds it with its remedy.
var found = []section{
	{"The simulator", `The place is where a bug showed first, or shows again when its remedy is taken back. Later code sends other requests, so that their numbers move; the
tests find the place anew.`, []bug{
		{"Points expired, and snapshots were let go of, while it was on record that the repository with their copies is damaged: the policy had been judged by an older view of it",
			"a watch that breaks", []string{"damage is found as a point expires", "damage is found as snapshots are let go of"}, "repositories listed every 3 s and every 20 s: S11 of the invariants",
			[]string{"internal/sim TestWatchesThatBreak", "internal/apply TestExpireLooksAgain"}},
		{"A policy, claim or point that was deleted and made anew while a watch was broken came as a change of nothing, and was never looked at",
			"a watch that breaks", []string{"a policy that is never due soon is made anew at once"}, "all kinds, or policies, listed every 300 ms, 3 s and 20 s",
			[]string{"internal/sim TestWatchesThatBreak", "controllers TestWhatIsMadeAnewIsLookedAt"}},
		{"A cache that did not show the claim of a writer yet was taken for a claim that is gone: the volume was thrown away and begun anew, and after three times the restore, or the drill, failed",
			"a watch that breaks", []string{"a restore from a copy", "a drill from a copy passes"}, "claims listed every 20 s",
			[]string{"internal/sim TestWatchesThatBreak", "internal/core/plan TestRestoreToFind"}},
		{"A drill did not wait for a throw-away volume whose claim it had never seen bound, and was over before the volume was gone",
			"a watch that breaks", []string{"a drill is due", "a drill finds other content"}, "claims listed every 20 s",
			[]string{"internal/sim TestWatchesThatBreak", "internal/core/plan TestVolumesAreNamed"}},
		{"What another leader imported meanwhile was not counted in the status until the next import",
			"two leaders", []string{"what a repository holds is imported into an empty cluster"}, "seeds 3 and 9",
			[]string{"internal/sim TestTwoLeaders"}},
		{"A pod of a repository whose deletion met a conflict was taken for gone, and lay about for a day",
			"409", []string{"what a repository holds is imported into an empty cluster"}, "request 16, to delete the pod of the import",
			[]string{"internal/sim TestEveryRequestMayFail", "internal/core/plan TestRepositoryGoes"}},
		{"The slot of a drill was not known to be used until the policy was looked at once more",
			"the operator is killed after it", []string{"a drill is due"}, "request 1, to create the drill",
			[]string{"internal/sim TestEveryRequestMayFail"}},
		{"A list that failed once left EvaluationError open until the next event: nobody looked again",
			"500", []string{"storage classes cannot be listed for a while"}, "a read; and a write that is struck while the list fails",
			[]string{"internal/sim TestEveryRequestMayFail"}},
		{"That one fact could not be read counted as over, and was told as cleared, when nothing could be read at all",
			"500", []string{"storage classes cannot be listed for a while"}, "request 855, to list claims: one event too many",
			[]string{"internal/sim TestEveryRequestMayFail", "internal/core/drift TestNothingReadAtAllClearsNothing"}},
		{"The group snapshot of a point that failed was not looked at any more, and never deleted",
			"none", []string{"a group never becomes ready"}, "at rest: one group snapshot and its content are left",
			[]string{"internal/sim TestScenariosWithoutFaults", "internal/core/plan TestFailedGroupIsDeleted"}},
		{"A policy that selects every claim captured what drills had restored to throw it away",
			"none", []string{"a drill is due", "a drill passes with two checks"}, "the first write of the policy's status during the drill",
			[]string{"internal/sim TestScenariosWithoutFaults", "controllers TestThrowawaysAreNotCaptured"}},
		{"A drill that was forgotten made a failure younger and quieter",
			"none", []string{"a drill fails twice and then passes"}, "the end of the second drill",
			[]string{"internal/sim TestScenariosWithoutFaults", "internal/core/drift TestWhatWentDoesNotMakeItYounger"}},
		{"A policy that could not be judged still showed points as expiring, which would have gone in the very pass that judged it again",
			"none", []string{"points cannot be listed for a while"}, "in the midst of it",
			[]string{"internal/sim TestScenariosWithoutFaults"}},
		{"CopyIncomplete grew younger with each attempt at the copy",
			"none", []string{"a repository cannot be reached for a while"}, "the second attempt",
			[]string{"internal/sim TestScenariosWithoutFaults", "internal/core/drift TestWhatWentDoesNotMakeItYounger"}},
		{"The restored volume went with the claim that was made for it, when somebody deleted that claim before the swap was over",
			"somebody deletes the claim", []string{sim.InPlace}, "once the claim is bound",
			[]string{"internal/sim TestMadeClaimDeleted"}},
	}},
}

// pageOfBugs writes what was found.
func pageOfBugs(out *strings.Builder, found []section) {
	out.WriteString("\n## What was found\n\nEach of these was mended, and a test fails when it comes back.\n")
	for _, s := range found {
		fmt.Fprintf(out, "\n### %s\n\n%s\n\n| what was wrong | found by | place | killed by |\n|---|---|---|---|\n", s.name, s.intro)
		for _, b := range s.bugs {
			by := b.by
			if len(b.scenarios) > 0 {
				by += ", in “" + strings.Join(b.scenarios, "”, “") + "”"
			}
			var killers []string
			for _, k := range b.killers {
				pkg, test, _ := strings.Cut(k, " ")
				killers = append(killers, fmt.Sprintf("`%s` in `%s`", test, pkg))
			}
			fmt.Fprintf(out, "| %s | %s | %s | %s |\n", b.wrong, by, b.place, strings.Join(killers, ", "))
		}
	}
}
