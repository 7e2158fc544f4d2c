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
	wrong     string // what was wrong, and what came of it
	phase     sim.Phase
	by        string   // the fault, or what else showed it
	scenarios []string // in which scenarios of the simulator
	place     string   // where: the seed, the request, the input
	killers   []string // tests that fail on it, each after its package
}

// found are the bugs that showed when something was made to go wrong. Whoever finds another adds it with its remedy.
var found = []section{
	{"The simulator", `The place is where a bug showed first, or shows again when its remedy is taken back. Later code sends other requests, so that their numbers move; the
tests find the place anew.`, []bug{
		{"Points expired, and snapshots were let go of, while it was on record that the repository with their copies is damaged: the policy had been judged by an older view of it", sim.Pruning,
			"a watch that breaks", []string{"damage is found as a point expires", "damage is found as snapshots are let go of"}, "repositories listed every 3 s and every 20 s: invariant S11",
			[]string{"internal/sim TestWatchesThatBreak", "internal/apply TestExpireLooksAgain"}},
		{"A policy, claim or point that was deleted and made anew while a watch was broken came as a change of nothing, and was never looked at", sim.Capture,
			"a watch that breaks", []string{"a policy that is never due soon is made anew at once"}, "all kinds, or policies, listed every 300 ms, 3 s and 20 s",
			[]string{"internal/sim TestWatchesThatBreak", "controllers TestWhatIsMadeAnewIsLookedAt"}},
		{"A policy whose volumes became fewer and then as many as before, while its cache was behind, said what the older version said: nothing was written, and the status in between stayed until the next slot", sim.Findings,
			"a watch that breaks", []string{"a restore from a copy whose writer is killed once"}, "policies listed every 3 s",
			[]string{"internal/sim TestWatchesThatBreak", "controllers TestWritten"}},
		{"A cache that did not show the claim of a writer yet was taken for a claim that is gone: the volume was thrown away and begun anew, and after three times the restore, or the drill, failed", sim.Restoring,
			"a watch that breaks", []string{"a restore from a copy", "a drill from a copy passes"}, "claims listed every 20 s",
			[]string{"internal/sim TestWatchesThatBreak", "internal/core/plan TestRestoreToFind"}},
		{"A drill did not wait for a throw-away volume whose claim it had never seen bound, and was over before the volume was gone", sim.Proofs,
			"a watch that breaks", []string{"a drill is due", "a drill finds other content"}, "claims listed every 20 s",
			[]string{"internal/sim TestWatchesThatBreak", "internal/core/plan TestVolumesAreNamed"}},
		{"What another leader imported meanwhile was not counted in the status until the next import", sim.Repository,
			"two leaders", []string{"what a repository holds is imported into an empty cluster"}, "seeds 3 and 9; later 1, 5 and 9",
			[]string{"internal/sim TestTwoLeaders"}},
		{"A pod of a repository whose deletion met a conflict was taken for gone, and lay about for a day", sim.Repository,
			"409", []string{"what a repository holds is imported into an empty cluster"}, "request 16, to delete the pod of the import",
			[]string{"internal/sim TestEveryRequestMayFail", "internal/core/plan TestRepositoryGoes"}},
		{"A policy with onDelete: Prune whose repositories could not be read as it was deleted stayed, with all of its points, until something else happened to it", sim.Pruning,
			"500", []string{"a policy with copies is deleted with Prune"}, "request 17, to list repositories",
			[]string{"internal/sim TestEveryRequestMayFail", "internal/sim TestPolicyWithCopiesGoesOnceRepositoriesCanBeRead"}},
		{"That the slot of a drill was used was not written down when the operator was killed as it created the drill: it would have been forgotten with it", sim.Proofs,
			"the operator is killed after it", []string{"a drill is due"}, "request 1, to create the drill",
			[]string{"internal/sim TestEveryRequestMayFail"}},
		{"A list that failed once left EvaluationError open until the next event: nobody looked again", sim.Findings,
			"any fault of a request", []string{"storage classes cannot be listed for a while"}, "request 1, to write the policy's status",
			[]string{"internal/sim TestEveryRequestMayFail"}},
		{"That one fact could not be read counted as over, and was told as cleared, when nothing could be read at all", sim.Findings,
			"500", []string{"storage classes cannot be listed for a while"}, "request 855, to list claims: one event too many",
			[]string{"internal/sim TestEveryRequestMayFail", "internal/core/drift TestNothingReadAtAllClearsNothing"}},
		{"The group snapshot of a point that failed was not looked at any more, and never deleted", sim.Capture,
			"no fault", []string{"a group never becomes ready"}, "at rest: one group snapshot and its content are left",
			[]string{"internal/sim TestScenariosWithoutFaults", "internal/core/plan TestFailedGroupIsDeleted"}},
		{"A policy that selects every claim captured what drills had restored to throw it away", sim.Capture,
			"no fault", []string{"a drill is due", "a drill passes with two checks"}, "the first write of the policy's status during the drill",
			[]string{"internal/sim TestScenariosWithoutFaults", "controllers TestThrowawaysAreNotCaptured"}},
		{"A drill that was forgotten made a failure younger and quieter", sim.Findings,
			"no fault", []string{"a drill fails twice and then passes"}, "the end of the second drill",
			[]string{"internal/sim TestScenariosWithoutFaults", "internal/core/drift TestWhatWentDoesNotMakeItYounger"}},
		{"A policy that could not be judged still showed points as expiring, which would have gone in the very pass that judged it again", sim.Pruning,
			"no fault", []string{"points cannot be listed for a while"}, "while they cannot",
			[]string{"internal/sim TestScenariosWithoutFaults"}},
		{"CopyIncomplete grew younger with each attempt at the copy", sim.Findings,
			"no fault", []string{"a repository cannot be reached for a while"}, "the second attempt",
			[]string{"internal/sim TestScenariosWithoutFaults", "internal/core/drift TestWhatWentDoesNotMakeItYounger"}},
		{"The restored volume went with the claim that was made for it, when somebody deleted that claim before the swap was over", sim.Restoring,
			"somebody deletes the claim", []string{sim.InPlace}, "once the claim is bound",
			[]string{"internal/sim TestMadeClaimDeleted"}},
		{"A point that was put on hold while its snapshots were let go lost them all the same, and was said to have lost them to the storage system", sim.Pruning,
			"somebody puts it on hold before each request", nil, "before request 5 and each later one, the cache behind by 0 writes",
			[]string{"controllers TestHoldMeetsARelease"}},
		{"A copy that was to go went though its point had been put on hold before that was begun", sim.Copying,
			"somebody puts it on hold", nil, "before the state is Removing",
			[]string{"internal/core/plan TestRemoval"}},
	}},
	{"The real cluster", `What goes wrong there is made to: bytes are flipped in the bucket, packs and indexes removed, keys replaced, the way to the store shut, disks filled, processes
killed.`, []bug{
		{"A point that was deleted while its copy was damaged was held until there is no damage, and its copy was not made anew: where no other copy brought the same content, pruning would have stayed frozen for ever", sim.Copying,
			"a flipped byte, and a deletion", nil, "the point is deleted before its copy is made anew",
			[]string{"test/e2e TestDamageInTheStore", "internal/core/plan TestADeletedPointIsMended"}},
		{"Every damaged copy was made anew twice: the first began within the second in which damage was found, and counted as older", sim.Copying,
			"a flipped byte", nil, "the first copy after it",
			[]string{"test/e2e TestDamageInTheStore", "internal/core/plan TestMadeAnewInAMoment"}},
		{"A copy whose index the store lost left no damage behind, and went on to count", sim.Repository,
			"an index is removed", nil, "the next verification",
			[]string{"test/e2e TestCopyVanishesFromTheStore", "internal/repository TestVanishedRecordsAreMissed"}},
		{"Movers with the rights of root could not write into a repository in a folder that one without had made, nor the other way round", sim.Copying,
			"privileged movers, and a claim", nil, "the first copy",
			[]string{"test/e2e TestRepositoryInAFolderThatFillsUp", "internal/core/objects TestMoversShareAFolder"}},
		{"A bucket that takes nothing with a lock was said not to answer", sim.Repository,
			"a bucket without object lock", nil, "the first probe",
			[]string{"test/e2e TestImmutabilityIsProbed"}},
		{"A mover that was killed was taken for one that failed: its copy waited for ten minutes, and its restore failed", sim.Copying,
			"SIGKILL", nil, "amidst a copy",
			[]string{"test/e2e TestMoverIsKilled", "controllers TestBroughtPod"}},
	}},
	{"Laws, hostile objects and fuzzing", `A law takes its seed as in ` + "`go test -run 'TestDamageLaws$' ./internal/core/plan -rapid.seed=…`" + `, and ` + "`seed#4`" + ` is the fifth of the first inputs of a fuzz target, as in
` + "`go test -run 'FuzzLocation/seed#4' ./internal/cli/recovery`" + `. The seeds are those of runs with the remedy taken back: those of the day were not kept.`, []bug{
		{"When a storage system reported every snapshot as not ready, or somebody deleted them all, points that retention keeps could expire as superseded", sim.Pruning,
			"the law that an outage costs nothing", nil, "-rapid.seed=3901639125449653909",
			[]string{"internal/core/plan TestLawAnOutageCostsNothing", "internal/core/plan TestLostPointsStay"}},
		{"A copy that had failed was made anew in full while what is damaged in its repository could not be set aside, and so needed it too: it counted, and was not whole", sim.Copying,
			"the law that what was made anew is whole", nil, "-rapid.seed=13518182935507193867",
			[]string{"internal/core/plan TestDamageLaws", "internal/core/plan TestDamagedCopies"}},
		{"While a repository is away, nobody looked again when the copies in others became older than promised: Independent stayed True until the next event", sim.Findings,
			"the law that nothing changes before the next look", nil, "-rapid.seed=12364020496210498842",
			[]string{"internal/core/drift TestLaws", "internal/core/drift TestKeptWithoutIsLookedAtAgain"}},
		{"A finding whose beginning somebody had written into the status as the year 1, or as to come, was told so; and a retention rule with a number without bounds kept its check counting", sim.Findings,
			"hostile objects", nil, "-rapid.seed=13147771942198006499",
			[]string{"internal/core/drift TestLawNothingPanics"}},
		{"A manifest with an entry without a path made its reader panic", sim.Proofs,
			"FuzzManifest", nil, "seed#5: an entry of a dot, and a line of one space",
			[]string{"internal/mover/manifest FuzzManifest"}},
		{"An order, and what a pod tells of it, were read though something followed: a closing bracket too many was taken for an end", sim.Copying,
			"FuzzDecode, FuzzDecodeDone", nil, "seed#0 and others, with a bracket behind",
			[]string{"internal/core/order FuzzDecode", "internal/mover/result FuzzDecode", "internal/mover/result FuzzDecodeDone"}},
		{"A list of parts without any, which whoever holds the password may put into a repository, made movers panic", sim.Restoring,
			"hostile content", nil, "a list of no parts of a list",
			[]string{"internal/repository TestListsOfPartsThatMakeNoSense"}},
		{"Locations of repositories were understood that name no host, or a port that there is not", sim.Repository,
			"FuzzLocation", nil, "seed#4: port 99999; seed#9: https:///copies; seed#10: http://",
			[]string{"internal/cli/recovery FuzzLocation"}},
		{"A failure domain that had to be cut could end in a dash, which no user could write, and no status would hold", sim.Copying,
			"FuzzOfClass", nil, "seed#3: a serial number of many dashes",
			[]string{"internal/core/domain FuzzOfClass"}},
		{"The operator panicked over an error of a notifier whose URL is no UTF-8 when it is unescaped", sim.Findings,
			"FuzzScrub", nil, "T000%80000000000000000 in the URL",
			[]string{"internal/notify FuzzScrub", "internal/notify TestScrub"}},
	}},
	{"Mutations of what people write", `Each field of each kind is mutated from its schema; what is admitted is carried out, and compared with an object that was never another. No seeds were kept:
` + "`LIFEBOAT_EXHAUSTIVE=1`" + ` takes every mutation, as every night.`, []bug{
		{"Durations were admitted that could not be written back: such a policy never got a status, and such a template no policy", sim.Capture,
			"what is admitted is written back", nil, "999999h999999h",
			[]string{"internal/testkit/schema TestWhatIsAdmittedCanBeWrittenBack", "test/cel TestBackupPolicy"}},
		{"Of a schedule that was edited into one that is never due, the age of points was counted against the year 1", sim.Findings,
			"A edited into B is as a fresh B", nil, "cron: 0 0 31 2 *",
			[]string{"internal/core/plan TestNeverDueKeepsItsWord"}},
		{"What the last import said stayed in the status once nobody asked for one any more", sim.Repository,
			"A edited into B is as a fresh B", nil, "spec.import: false",
			[]string{"internal/sim TestEditedRepositoryEndsAsAFreshOne", "internal/core/plan TestImportRuns"}},
		{"A drill and a restore that asked for a copy, where no point had one, did not say which field asks", sim.Restoring,
			"each ends, and says of which field", nil, "spec.from: Copy of a drill; any spec.copy of a restore",
			[]string{"internal/sim TestRestoresAsWritten", "internal/sim TestDrillsAsWritten", "internal/core/plan TestRestoreRefusals"}},
		{"What kept a policy, a drill or a restore from succeeding did not name the field that asks for it: a class, a standing, a copy or a timeout", sim.Capture,
			"each ends, and says of which field", nil, "spec.checks[0].timeout: 1s; spec.latest: Proven; spec.from: Copy",
			[]string{"internal/sim TestRestoresAsWritten", "internal/sim TestDrillsAsWritten"}},
		{"Refusals named what they forbid and not the field: a selector with values that its operator does not take, and what a restore in place must leave out", sim.Restoring,
			"each refusal names the field", nil, "operator, and inPlace",
			[]string{"internal/testkit/schema TestRefusalsNameTheField"}},
	}},
	{"Stores that fail", `In ` + "`internal/repository`" + ` each operation of a store fails, one at a time and in six ways. The operations are counted.`, []bug{
		{"A store that fell silent while a repository was made was asked for ever", sim.Repository,
			"all operations from one on fail", nil, "an operation from which on the library lists, again and again",
			[]string{"internal/repository TestMakingIsFinishedWhateverFails", "internal/repository TestAStoreThatFallsSilentIsLeft"}},
		{"A store that swallows a write, and says that all is well, was believed: the record of a copy is now looked for in a repository that is opened afresh", sim.Copying,
			"an operation is not done, and said to be", nil, "the write of the record",
			[]string{"internal/repository TestNothingPhantomWhateverFails", "internal/mover TestARecordThatWasSwallowedIsNoCopy"}},
		{"No copy could be made any more once the record of an earlier one was damaged", sim.Copying,
			"a record that cannot be read", nil, "the list of earlier copies",
			[]string{"internal/mover TestDamagedRecordsAreNoObstacle"}},
		{"Google's library asks for ever while the store is busy: a mover that reads now leaves a store that says nothing for five minutes", sim.Repository,
			"503 to every request", nil, "any read",
			[]string{"internal/repository TestAStoreIsLeftOnlyOnceItIsSilent"}},
		{"Credentials for Google of any kind were taken, some of which name files of the pod and addresses to send them to; and the addresses in a key were not looked at", sim.Repository,
			"credentials of another kind", nil, "opening a bucket",
			[]string{"internal/repository TestOnlyTheKeyOfAServiceAccountIsTaken"}},
		{"Locks on the objects of a store were not renewed any more while anything was damaged", sim.Repository,
			"a byte is flipped", nil, "maintenance after it",
			[]string{"internal/repository TestLocksAreRenewedThoughSomethingIsDamaged"}},
	}},
	{"Mutants", `No bugs of the operator, but of its tests: these mutants lived until the tests were written.`, []bug{
		{"Findings could be in the order of the quietest first", sim.Findings, "a mutant", nil, "the quietest first", []string{"internal/core/drift TestWorstFirst"}},
		{"That there is no point at all was no finding, where the minimum is none", sim.Findings, "a mutant", nil, "a minimum of none is never short", []string{"internal/core/drift TestOnePointIsTheLeast"}},
		{"A bucket of time could begin within a second", sim.Pruning, "a standard mutant", nil, "internal/core/retention", []string{"internal/core/retention TestBucketsBegin"}},
		{"An incomplete point could be superseded by two newer ones with a part each, and an older one with all", sim.Pruning, "a standard mutant", nil, "internal/core/retention", []string{"internal/core/retention TestSuperseded"}},
		{"Two sets of claims with the same letters, cut at two places, could be taken for one", sim.Pruning, "a mutant", nil, "internal/core/retention", []string{"internal/core/retention TestDecide"}},
		{"The last minute before an hour that the clock skips could be passed over", sim.Capture, "a mutant", nil, "internal/core/schedule", []string{"internal/core/schedule TestPrevious"}},
		{"A capture could end before the After hook was known to have run", sim.Capture, "a mutant", nil, "internal/core/plan", []string{"internal/core/plan TestHooks"}},
	}},
}

// pageOfBugs writes what was found.
func pageOfBugs(out *strings.Builder, found []section) {
	out.WriteString("\n## What was found\n\nEach of these was mended, and a test fails when it comes back.\n")
	for _, s := range found {
		fmt.Fprintf(out, "\n### %s\n\n%s\n\n| what was wrong | phase | shown by | place | killed by |\n|---|---|---|---|---|\n", s.name, s.intro)
		for _, b := range s.bugs {
			by := b.by
			if len(b.scenarios) > 0 {
				by += ", in “" + strings.Join(b.scenarios, "”, “") + "”"
			}
			fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", b.wrong, b.phase, by, b.place, named(b.killers))
		}
	}
}

// named writes tests, of which each stands after its package.
func named(tests []string) string {
	var out []string
	for _, t := range tests {
		pkg, test, _ := strings.Cut(t, " ")
		out = append(out, fmt.Sprintf("`%s` in `%s`", test, pkg))
	}
	return strings.Join(out, ", ")
}
