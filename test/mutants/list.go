// SPDX-License-Identifier: Apache-2.0

package main

// The safeguards without which Lifeboat could lose data. Each has a mutant at least, and `make test` kills it.
const (
	names         = "deterministic names"
	preconditions = "UID preconditions"
	liveReads     = "live reads before deletes"
	lastGood      = "the last-good rule"
	retain        = "content Retain"
	afterHooks    = "After-hooks on crash"
	ownership     = "drill ownership check"
)

// safeguards in the order in which the page has them.
var safeguards = []string{names, preconditions, liveReads, lastGood, retain, afterHooks, ownership}

// What other mutants take away.
const (
	order      = "newest first"
	counting   = "only complete points count"
	windows    = "exact windows of time"
	holds      = "what is on hold stays"
	proven     = "the newest proven point stays"
	doubt      = "nothing expires in doubt"
	announced  = "what goes was announced"
	inUse      = "what is in use stays"
	identity   = "whose it is, by UID"
	slots      = "one effect for each slot"
	finalizers = "finalizers come first and go last"
	outlives   = "data outlive declarations"
	binding    = "bound both ways"
	deadlines  = "nothing is awaited for ever"
	honest     = "what did not run did not pass"
	harmless   = "what is replaced can be had back"
	copies     = "the only copy is protected"
	oneWriter  = "one writer at a time"
	isolation  = "what is told apart"
	truth      = "what is said is true"
)

var seeded = []mutant{
	// What retention keeps.
	{"the minimum may be none", lastGood, "internal/core/retention/decide.go", `max(1, minimum)`, `minimum`, "TestDecide"},
	{"one fewer than the minimum", lastGood, "internal/core/retention/decide.go", `max(1, minimum)`, `max(1, minimum-1)`, "TestDecide"},
	{"the only point of a claim may go", lastGood, "internal/core/retention/decide.go", `j.keep(j.mine[0].index, OnlyLineage, noPlace)`, `_ = j.mine[0]`, "TestDecide"},
	{"the newest proven point is overlooked when it is the newest", proven, "internal/core/retention/decide.go", `if proven >= 0 {`, `if proven > 0 {`, "TestLaws"},
	{"oldest first", order, "internal/core/retention/decide.go", `b.At.Compare(a.At)`, `a.At.Compare(b.At)`, "TestDecide"},
	{"ties go to the lesser ID", order, "internal/core/retention/decide.go", `cmp.Compare(b.ID, a.ID)`, `cmp.Compare(a.ID, b.ID)`, "TestDecide"},
	{"incomplete points count", counting, "internal/core/retention/point.go", `return p.Complete && !p.InFlight && !p.At.IsZero()`, `return !p.InFlight && !p.At.IsZero()`, "TestDecide"},
	{"points in flight count", counting, "internal/core/retention/point.go", `return p.Complete && !p.InFlight && !p.At.IsZero()`, `return p.Complete && !p.At.IsZero()`, "TestLaws"},
	{"points without a time count", counting, "internal/core/retention/point.go", `return p.Complete && !p.InFlight && !p.At.IsZero()`, `return p.Complete && !p.InFlight`, "TestDecide"},
	{"retention forgets holds", holds, "internal/core/retention/decide.go", `if p.Held {`, `if p.Held && !p.Complete {`, "TestDecide"},
	{"a clock may be a day ahead", doubt, "internal/core/retention/decide.go", `now.Add(Tolerance)`, `now.Add(24 * time.Hour)`, "TestDecide"},
	{"a bucket fewer", windows, "internal/core/retention/decide.go", `place > quota {`, `place >= quota {`, "TestDecide"},
	{"a bucket fewer up to now", windows, "internal/core/retention/decide.go", `place > int64(quota)`, `place >= int64(quota)`, "TestDecide"},
	{"weeks begin on Sunday", windows, "internal/core/retention/bucket.go", `floorDiv(day+3, 7)`, `floorDiv(day+4, 7)`, "TestBucketsBegin"},
	{"hours of the wall clock", windows, "internal/core/retention/bucket.go", `floorDiv(unix+c.offset%hourSeconds, hourSeconds)`, `floorDiv(unix+c.offset, hourSeconds)`, "TestBucketsBegin"},
	{"the offset holds a second too long", windows, "internal/core/retention/bucket.go", `c.until = end.Unix()`, `c.until = end.Unix() + 1`, "TestWallClockTurnsWithItsZone"},
	{"division rounds towards zero", windows, "internal/core/retention/bucket.go", `if a%b < 0 {`, `if a%b > 0 {`, "TestBucketsBegin"},
	{"the last points of a lineage that is gone count beside the time rules", windows, "internal/core/retention/decide.go", `if c.active || slices.Max(quotas[:]) <= 0 {`, `if c.active {`, "TestDecide"},
	{"an incomplete point stays for less than it should", counting, "internal/core/retention/superseded.go", `const incompletesKept = 3`, `const incompletesKept = 2`, "TestSuperseded"},
	{"an incomplete point goes when it is as old as it may be, and not later", windows, "internal/core/retention/superseded.go", `now.Sub(p.At) < keepFor`, `now.Sub(p.At) <= keepFor`, "TestSuperseded"},
	{"an older point supersedes", order, "internal/core/retention/superseded.go", `if !r.points[c].At.After(p.At) {`, `if r.points[c].At.Equal(p.At) {`, "TestSuperseded"},
	{"a point supersedes what it does not hold", counting, "internal/core/retention/superseded.go", `if n == len(set) || set[n] != member {`, `if n == len(set) {`, "TestSuperseded"},
	{"points without claims are of a lineage that is gone", counting, "internal/core/retention/class.go", `selected := map[string]bool{nameless: true}`, `selected := map[string]bool{}`, "TestLaws"},
	{"sets of lineages are joined without their lengths", counting, "internal/core/retention/class.go", `uint64(len(lineage))`, `uint64(0)`, "TestSetKeys"},

	// What a policy does with its slots and points.
	{"a slot that could not be taken counts as taken", slots, "internal/core/plan/policy.go", `p.Take, p.Status.LastSlot = nil, before.LastSlot`, `p.Take = nil`, "TestTakeFailed"},
	{"a point is taken beside another", slots, "internal/core/plan/policy.go", `Busy:             f.active != nil,`, `Busy:             false,`, "TestTake"},
	{"the oldest mark counts", slots, "internal/core/plan/policy.go", `if t != nil && t.After(mark) {`, `if t != nil && t.Time.Before(mark) {`, "TestTake"},
	{"a suspended policy runs", slots, "internal/core/plan/policy.go", `if f.calendarErr != nil || o.Policy.Spec.Suspend || o.NamespaceTerminating {`, `if f.calendarErr != nil || o.NamespaceTerminating {`, "TestTake"},
	{"a point is taken in a namespace that is going", slots, "internal/core/plan/policy.go", `if f.calendarErr != nil || o.Policy.Spec.Suspend || o.NamespaceTerminating {`, `if f.calendarErr != nil || o.Policy.Spec.Suspend {`, "TestTake"},
	{"a slot that somebody wrote on a point counts", slots, "internal/core/plan/policy_facts.go", ` && points[i].Name == names.Point(b.Name, string(b.UID), s.Time)`, ``, "TestTake"},
	{"a deleted policy takes its points along when its namespace goes", outlives, "internal/core/plan/policy.go", `if o.Policy.Spec.OnDelete != api.OnDeletePrune || o.NamespaceTerminating || o.Withdrawn {`, `if o.Policy.Spec.OnDelete != api.OnDeletePrune || o.Withdrawn {`, "TestDeletedPolicy"},
	{"a deleted policy takes its points along when definitions are removed", outlives, "internal/core/plan/policy.go", `if o.Policy.Spec.OnDelete != api.OnDeletePrune || o.NamespaceTerminating || o.Withdrawn {`, `if o.Policy.Spec.OnDelete != api.OnDeletePrune || o.NamespaceTerminating {`, "TestWhatADeletedPolicyTakesWithIt"},
	{"a deleted policy takes along what is on hold", holds, "internal/core/plan/policy.go", `if !q.Spec.Hold && q.DeletionTimestamp.IsZero() {`, `if q.DeletionTimestamp.IsZero() {`, "TestDeletedPolicy"},
	{"points of a namesake are ours", identity, "internal/core/plan/policy_facts.go", `(PolicyUID(p) == uid || PolicyUID(p) == "")`, `uid != ""`, "TestTake"},
	{"imported points are ours", identity, "internal/core/plan/policy_facts.go", ` && !wasImported(p)`, ``, "TestImportedPoints"},
	{"drills of a namesake are ours", identity, "internal/core/plan/policy_facts.go", `run.PolicyUID != string(b.UID)`, `run.Policy != b.Name`, "TestProvenOfAPolicy"},
	{"incomplete points protect", counting, "internal/core/plan/policy_facts.go", `if !Complete(p) || p.Status.PointInTime == nil`, `if p.Status.PointInTime == nil`, "TestProtected"},
	{"one slot is as good as two", windows, "internal/core/plan/policy_facts.go", `f.calendar.Next(f.calendar.Next(at))`, `f.calendar.Next(at)`, "TestProtected"},
	{"points go unannounced", announced, "internal/core/plan/policy_expiry.go", `s.UID == e.UID && s.Part == e.Part && !s.At.After(now)`, `s.UID != "" || e.UID != ""`, "TestExpiry"},
	{"a namesake was announced", identity, "internal/core/plan/policy_expiry.go", `s.UID == e.UID && s.Part == e.Part && !s.At.After(now)`, `s.Part == e.Part && !s.At.After(now)`, "TestExpiry"},
	{"an edit of the retention has no grace", announced, "internal/core/plan/policy_expiry.go", `since.Add(grace).After(at)`, `since.After(at)`, "TestExpiry"},
	{"a point goes while it is rehearsed", inUse, "internal/core/plan/policy_expiry.go", `if drilled(f.drills, e.UID) {`, `if drilled(nil, e.UID) {`, "TestDrilledPointsStay"},
	{"a point goes while it is restored", inUse, "internal/core/plan/policy_expiry.go", `if restored(o.Restores, e.UID) {`, `if restored(nil, e.UID) {`, "TestRestoredPointStays"},
	{"points expire though they could not be listed", doubt, "internal/core/plan/policy_expiry.go", `o.Unread[drift.FactPoints] != "" || `, ``, "TestWhatIsNotReadHoldsPruning"},
	{"points expire though drills could not be listed", doubt, "internal/core/plan/policy_expiry.go", ` || o.Unread[drift.FactDrills] != ""`, ``, "TestWhatIsNotReadHoldsPruning"},
	{"a suspended policy prunes", doubt, "internal/core/plan/policy_expiry.go", `if o.Policy.Spec.Suspend || o.NamespaceTerminating || !o.Cluster.Snapshots`, `if o.NamespaceTerminating || !o.Cluster.Snapshots`, "TestExpiryIsFrozenInDoubt"},
	{"a selection that cannot be read prunes", doubt, "internal/core/plan/policy_expiry.go", ` || f.selection.Problem != nil`, ``, "TestExpiryIsFrozenInDoubt"},
	{"findings hold nothing", doubt, "internal/core/plan/policy_expiry.go", ` || drift.HoldsPruning(found)`, ``, "TestDataInDoubtFreezePruning"},
	{"what is being deleted pushes others out", counting, "internal/core/plan/policy_expiry.go", `if Finished(p) && p.DeletionTimestamp.IsZero() {`, `if Finished(p) {`, "TestExpiry"},
	{"failed volumes count as held", counting, "internal/core/plan/policy_expiry.go", `if r.State != api.VolumeCaptured {`, `if r.State == api.VolumePending {`, "TestWhatAnIncompletePointHolds"},
	{"an outage of the storage costs points", doubt, "internal/core/plan/policy_lost.go", `if len(ids) == 0 || !slices.ContainsFunc(points, lostPoint) {`, `if len(ids) >= 0 || !slices.ContainsFunc(points, lostPoint) {`, "TestLostPointsStay"},

	// How a point comes and goes.
	{"a capture begins without a finalizer", finalizers, "internal/core/plan/point.go", `p.Finalizer, p.settled = FinalizerAdd, true`, `p.settled = true`, "TestPointFinalizerComesFirst"},
	{"two captures of a policy at once", slots, "internal/core/plan/point.go", `if started || asked(q).Before(asked(o.Point))`, `if started && asked(q).Before(asked(o.Point))`, "TestWhatAPointWaitsFor"},
	{"contents are not switched to Retain", retain, "internal/core/plan/point.go", `if !o.Settings.Retain {`, `if o.Settings.Retain {`, "TestGroupContentIsRetainedBeforeAPointCounts"},
	{"a volume counts before its content is retained", retain, "internal/core/plan/point_judge.go", `o.Settings.Retain && !done:`, `o.Settings.Retain && done:`, "TestGroupContentIsRetainedBeforeAPointCounts"},
	{"the content of a group is not retained", retain, "internal/core/plan/point_group.go", `g == nil || g.Retain || g.Deleting`, `g == nil || !g.Retain || g.Deleting`, "TestGroupContentIsRetainedBeforeAPointCounts"},
	{"a hook that was begun when the operator died is not run again", afterHooks, "internal/core/plan/point.go", `(r == nil || r.State == api.HookRunning)`, `r == nil`, "TestHooks"},
	{"After hooks are given up at the deadline", afterHooks, "internal/core/plan/point.go", "\treturn openHooks(o.Point, api.HookAfter)\n}", "\tif expired {\n\t\treturn nil\n\t}\n\treturn openHooks(o.Point, api.HookAfter)\n}", "TestHooks"},
	{"a point that is deleted during its capture leaves the application frozen", afterHooks, "internal/core/plan/point_delete.go", `if p.Hooks = openHooks(o.Point, api.HookAfter); len(p.Hooks) > 0 {`, `if p.Hooks = nil; len(p.Hooks) > 0 {`, "TestHooks"},
	{"a snapshot of any name is ours", identity, "internal/core/plan/point_judge.go", `if grouped || s.Name == names.Snapshot(s.Claim, c.PolicyUID, s.ClaimUID, c.Run) {`, `if grouped || names.Snapshot(s.Claim, c.PolicyUID, s.ClaimUID, c.Run) != "" {`, "TestForgedSnapshotIsNotBelieved"},
	{"a content need not point back", binding, "internal/core/plan/point_judge.go", `case k.RefUID != s.UID:`, `case k.RefUID == "":`, "TestJudgement"},
	{"a content of another volume will do", binding, "internal/core/plan/point_judge.go", `case c.Handle != "" && k.VolumeHandle != "" && k.VolumeHandle != c.Handle:`, `case c.Handle != "" && k.VolumeHandle != "" && k.VolumeHandle == "":`, "TestJudgement"},
	{"a snapshot that was ready once is cleaned up", inUse, "internal/core/plan/point.go", `!s.Ready && v.problem.Reason != api.ReasonReadinessRegressed`, `!s.Ready`, "TestCleaningUp"},
	{"a snapshot that became ready meanwhile is deleted", inUse, "internal/core/plan/point.go", `d.Version = s.Version`, `d.Version = ""`, "TestCleaningUp"},
	{"a second snapshot is asked for beside one that is stuck", slots, "internal/core/plan/point_judge.go", `older, stuck := o.Unready[v.claim.UID]; stuck`, `older, stuck := o.Unready[v.claim.Name]; stuck`, "TestSnapshotsThatAreOrdered"},
	{"one fewer than the minimum is held", lastGood, "internal/core/plan/point_delete.go", `if before[claim] < floor {`, `if before[claim] < floor-1 {`, "TestHeld"},
	{"points that go count as staying", lastGood, "internal/core/plan/point_delete.go", `case q.DeletionTimestamp.IsZero():`, `case q.UID != "":`, "TestHeld"},
	{"a proven point is not held", proven, "internal/core/plan/point_delete.go", "if newest := newestProven(good); newest != nil && newest.UID == point.UID {", "if newest := newestProven(good); newest != nil && newest.UID == \"\" {", "TestHeld"},
	{"a point on hold is not held", holds, "internal/core/plan/point_delete.go", `if point.Spec.Hold {`, `if point.Spec.Hold && policy == nil {`, "TestHeld"},
	{"snapshots go with their namespace", outlives, "internal/core/plan/point_delete.go", `if o.NamespaceTerminating || o.Withdrawn {`, `if o.Withdrawn {`, "TestWhatADeletedPointTakesWithIt"},
	{"the finalizer goes while snapshots are there", finalizers, "internal/core/plan/point_delete.go", `if len(p.Delete) == 0 && p.DeleteGroup == nil {`, `if p.DeleteGroup == nil {`, "TestDeletion"},
	{"snapshots go though no copy is complete", copies, "internal/core/plan/point_release.go", `(!p.Spec.Hold || going(p)) && len(completeCopies(p)) > 0`, `(!p.Spec.Hold || going(p))`, "TestSnapshotsAreSpared"},
	{"snapshots go without a fresh look", liveReads, "internal/core/plan/point_release.go", `if !LettingGo(q) || o.Fresh == nil || !LettingGo(o.Fresh) || o.NamespaceTerminating {`, `if !LettingGo(q) || o.NamespaceTerminating {`, "TestSnapshotsAreSpared"},
	{"the last part of a point is let go", copies, "internal/core/plan/point_release.go", `case !remains(point, part):`, `case !remains(point, part) && part == "":`, "TestHeldPart"},
	{"snapshots go for a copy in a repository that was replaced", copies, "internal/core/plan/policy_parts.go", `r.Status.UniqueID != "" && r.Status.UniqueID == c.RepositoryID`, `r.Status.UniqueID != ""`, "TestPartsThatExpire"},
	{"snapshots go before they were copied", copies, "internal/core/plan/policy_parts.go", `k.snapshots[i].Keep() || k.waitsForCopy(i)`, `k.snapshots[i].Keep()`, "TestPartsThatExpire"},

	// Drills.
	{"a drill adopts a claim that is not its own", ownership, "internal/core/plan/bring.go", `case claim.RunUID != o.RunUID:`, `case claim.RunUID == "":`, "TestBring"},
	{"a drill believes a pod that is not its own", ownership, "internal/core/plan/bring.go", `case pod.RunUID != o.RunUID:`, `case pod.RunUID == "":`, "TestBring"},
	{"a drill adopts an object that bears its name", ownership, "internal/apply/runs.go", `if there.GetLabels()[api.LabelRunUID] == want.GetLabels()[api.LabelRunUID] {`, `if there.GetLabels()[api.LabelRunUID] != "" {`, "TestRunsKeepToTheirOwn"},
	{"a drill restores a snapshot of another point", identity, "internal/core/plan/bring.go", `case s.PointUID != string(p.UID):`, `case s.PointUID == "":`, "TestSources"},
	{"a drill passes though the content differs", honest, "internal/core/plan/bring.go", `case want.Digest == b.read.Digest:`, `case want.Files == b.read.Files:`, "TestCompareCopy"},
	{"a drill passes though files could not be read", honest, "internal/core/plan/bring.go", `case r != nil && r.Unreadable > 0:`, `case r != nil && r.Unreadable > 1:`, "TestBring"},
	{"a drill passes at the level that it lacks", honest, "internal/core/plan/drill_run.go", "\tif levels.Depth(p.Status.Level) >= levels.Depth(run.Required) {", "\tif levels.Depth(p.Status.Level) >= levels.Depth(run.Required)-1 {", "TestVerdicts"},
	{"a drill ends before it is recorded", honest, "internal/core/plan/drill.go", `(d.Status.Evidence != nil || d.Status.Run == nil)`, `(d.Status.Evidence == nil || d.Status.Run == nil)`, "TestDrillStart"},
	{"a proof needs no evidence", honest, "internal/core/plan/proof.go", `s.Verdict != api.VerdictPassed || s.Run == nil || s.Evidence == nil`, `s.Verdict != api.VerdictPassed || s.Run == nil`, "TestProvenOfAPolicy"},
	{"a drill makes things before it has a finalizer", finalizers, "internal/core/plan/drill.go", `p.Finalizer = FinalizerAdd // the status is written once that is there`, `p.Finalizer = ""`, "TestDrillFinalizerComesFirst"},
	{"a drill has no deadline", deadlines, "internal/core/plan/drill_run.go", "\tlate := !now.Before(run.Deadline.Time)", "\tlate := false", "TestDrillDeadline"},
	{"the last failed drill is forgotten", truth, "internal/core/plan/policy_drill.go", `if i >= keep && !newestPassed && !newestFailed && !oneOfARow {`, `if i >= keep && !newestPassed && !oneOfARow {`, "TestHistory"},
	{"the only proof is forgotten", proven, "internal/core/plan/policy_drill.go", `if i >= keep && !newestPassed && !newestFailed && !oneOfARow {`, `if i >= keep && !newestFailed && !oneOfARow {`, "TestAShortHistoryHidesNothing"},
	{"the sweeper takes what is in use", inUse, "internal/core/plan/sweep.go", `overdue := !e.At.IsZero() && !now.Before(e.At)`, `overdue := !now.Before(e.At)`, "TestSweep"},
	{"the sweeper comes too early", windows, "internal/core/plan/sweep.go", `!now.Before(e.At)`, `now.Before(e.At)`, "TestSweep"},

	// Restores.
	{"a claim is deleted before its volume is retained", harmless, "internal/core/plan/restore_swap.go", `if at.Old.Reclaim != retain || at.Old.RunUID != string(o.Restore.UID) {`, `if at.Old.RunUID != string(o.Restore.UID) && at.Old.Reclaim == "" {`, "TestSwap"},
	{"a claim is deleted before the restored volume is retained", harmless, "internal/core/plan/restore_swap.go", `if at.New.Reclaim != retain {`, `if at.New.Reclaim == "" {`, "TestSwap"},
	{"steps of a swap come all at once", harmless, "internal/core/plan/restore_swap.go", "\tif len(steps) > 0 {\n\t\treturn swapMove{steps: steps}\n\t}\n\treturn swapMove{steps: []SwapStep{{Do: SwapDeleteClaim, Claim: v.Claim, Object: c.Target, Version: c.Version}}}", "\treturn swapMove{steps: append([]SwapStep{{Do: SwapDeleteClaim, Claim: v.Claim, Object: c.Target, Version: c.Version}}, steps...)}", "TestSwap"},
	{"a claim that is used is swapped", inUse, "internal/core/plan/restore_swap.go", `if used != nil && now.Before(o.Restore.Status.Run.Deadline.Time) {`, `if used == nil && len(at.Users) > 0 {`, "TestSwap"},
	{"somebody else's claim is swapped", identity, "internal/core/plan/restore_swap.go", `case c != nil && c.Volume != s.NewVolume:`, `case c != nil && c.Volume == "":`, "TestSwap"},
	{"somebody else's volume is the old one", identity, "internal/core/plan/restore_swap.go", ` && old.RefUID == s.OldClaimUID`, ``, "TestSwap"},
	{"a safety point of another restore will do", identity, "internal/core/plan/restore_place.go", `q.Labels[api.LabelRunUID] != string(o.Restore.UID)`, `q.Labels[api.LabelRunUID] == ""`, "TestSafetyPointComesFirst"},
	{"an old volume goes before its time", windows, "internal/core/plan/restore_after.go", `case mine && now.Before(old.KeepUntil):`, `case mine && old.KeepUntil.Before(now):`, "TestOldVolumeIsKept"},

	// Copies and repositories.
	{"a copy counts in a repository that was replaced", copies, "internal/core/plan/copy.go", `repository.Status.UniqueID == "" || repository.Status.UniqueID == r.RepositoryID`, `repository.Status.UniqueID != r.RepositoryID || repository.Status.UniqueID == r.RepositoryID`, "TestCopyRuns"},
	{"a copy is complete without what it copied", truth, "internal/core/plan/copy_run.go", `case !told.whole():`, `case told == nil:`, "TestCopyRuns"},
	{"a copy is complete though files could not be read", truth, "internal/core/plan/copy_run.go", `case told.Unreadable > 0:`, `case told.Unreadable > 1:`, "TestCopyRuns"},
	{"a copy of other content is complete", truth, "internal/core/plan/copy_run.go", `if bad := differs(ContentOf(o.Point), c.source.Claim, told.Fingerprint); bad != nil {`, `if bad := differs(nil, c.source.Claim, told.Fingerprint); bad != nil {`, "TestCopyRuns"},
	{"a copy begins without a finalizer", finalizers, "internal/core/plan/copy.go", `if !slices.Contains(o.Point.Finalizers, api.FinalizerCopies) {`, `if slices.Contains(o.Point.Finalizers, api.FinalizerCopies) && len(o.Point.Finalizers) == 0 {`, "TestCopyBegins"},
	{"copies of a point that is held go", copies, "internal/core/plan/copy.go", `case going && !slices.Contains(o.Point.Finalizers, api.FinalizerSnapshots):`, `case going:`, "TestCopyBegins"},
	{"a copy that serves another target is removed", copies, "internal/core/plan/copy_forget.go", `q.Name != r.Name && q.RepositoryID == r.RepositoryID`, `q.Name == r.Name && q.RepositoryID == r.RepositoryID`, "TestRemovalFails"},
	{"a copy is removed while somebody writes to it", oneWriter, "internal/core/plan/copy_forget.go", `if others := notForgetting(o.left(r.Name), name); len(others) > 0 {`, `if others := notForgetting(o.left(r.Name), name); len(others) > 1 {`, "TestRemoval"},
	{"a lost pod is followed for ever", deadlines, "internal/core/plan/copy_run.go", `case lost == mostAttempts:`, `case lost == -1:`, "TestCopyRuns"},
	{"maintenance has company", oneWriter, "internal/core/plan/repository.go", `if t.alone() && slices.ContainsFunc(o.Pods, func(q TaskPod) bool { return p.disturbs(o, q) }) {`, `if !t.alone() && slices.ContainsFunc(o.Pods, func(q TaskPod) bool { return p.disturbs(o, q) }) {`, "TestOneThatMustBeAlone"},
	{"maintenance and verification at once", oneWriter, "internal/core/plan/repository.go", `if t.alone() && (underWay(p.status.Maintenance) || underWay(p.status.Verification)) {`, `if t.alone() && underWay(p.status.Maintenance) && underWay(p.status.Verification) {`, "TestMaintenanceAndVerificationTakeTurns"},
	{"a pod is made before its run is on record", slots, "internal/core/plan/repository.go", `if !underWay(run) || !recordedRun(o, t, run) || o.pod(t, run) != nil {`, `if !underWay(run) || o.pod(t, run) != nil {`, "TestRepositoryIsMade"},
	{"a repository is made where one was", copies, "internal/core/plan/repository.go", `return r.Status.UniqueID == "" && r.Spec.UniqueID == "" && !r.Spec.Import`, `return r.Spec.UniqueID == "" && !r.Spec.Import`, "TestRepositoryForAMonth"},
	{"another repository is believed", identity, "internal/core/plan/repository_result.go", `case meant != "" && r.UniqueID != "" && r.UniqueID != meant:`, `case meant != "" && r.UniqueID != "" && r.UniqueID == "":`, "TestAnotherRepositoryIsRefused"},

	// What is written to the cluster.
	{"names change from one try to the next", names, "internal/core/names/names.go", `"point", policyUID, slot.UTC().Format(time.RFC3339Nano))`, `"point", policyUID, time.Now().UTC().Format(time.RFC3339Nano))`, "TestGolden"},
	{"snapshots of two runs share a name", names, "internal/core/names/names.go", `"snapshot", policyUID, claimUID, run)`, `"snapshot", policyUID, claimUID)`, "TestGolden"},
	{"points get names of their own", names, "internal/core/objects/objects.go", `Name: t.Name, Namespace: policy.Namespace,`, `GenerateName: t.Name, Namespace: policy.Namespace,`, "TestShapes"},
	{"deletes name no UID", preconditions, "internal/apply/apply.go", `p := client.Preconditions{UID: &uid}`, `p := client.Preconditions{}`, "TestDeletionTouchesWhatItNames"},
	{"deletes name no version", preconditions, "internal/apply/apply.go", `p.ResourceVersion = &version`, `_ = version`, "TestExpireMeansWhatItLookedAt"},
	{"patches name no UID", preconditions, "internal/apply/apply.go", `metadata["uid"] = obj.GetUID()`, `metadata["name"] = obj.GetName()`, "TestRetain"},
	{"points expire by what the cache shows", liveReads, "internal/apply/points.go", `w.Live.List(ctx, &all,`, `w.Client.List(ctx, &all,`, "TestExpireReadsLive"},
	{"contents are freed by what the cache shows", liveReads, "internal/apply/snapshots.go", `err := w.Live.Get(ctx, client.ObjectKey{Name: o.Content.Name}, &c)`, `err := w.Client.Get(ctx, client.ObjectKey{Name: o.Content.Name}, &c)`, "TestDeletionReadsLive"},
	{"snapshots that became ready are deleted by what the cache shows", liveReads, "internal/apply/snapshots.go", `err := w.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: o.Snapshot.Name}, &s)`, `err := w.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: o.Snapshot.Name}, &s)`, "TestDeletionReadsLive"},
	{"whoever deletes does not ask what must stay", lastGood, "internal/apply/points.go", `plan.Held(point, policy, siblings))`, `plan.Held(point, nil, siblings))`, "TestExpireLooksAgain"},
	{"a failed list is an empty one", liveReads, "internal/apply/points.go", "\t\treturn nil, nil, fmt.Errorf(\"look at %s: %w\", t.Name, err)", "\t\terr = fmt.Errorf(\"look at %s: %w\", t.Name, err)", "TestExpireReadsAll"},
	{"Retain says Delete", retain, "internal/apply/snapshots.go", `map[string]any{"deletionPolicy": snapshotv1.VolumeSnapshotContentRetain})`, `map[string]any{"deletionPolicy": snapshotv1.VolumeSnapshotContentDelete})`, "TestRetain"},
	{"a snapshot goes before its content", finalizers, "internal/apply/snapshots.go", "\tif err := w.freeContent(ctx, o); err != nil {\n\t\treturn err\n\t}\n\tif o.Snapshot.Name == \"\" || o.Deleting {", "\tif o.Content.Name == \"\" {\n\t\treturn nil\n\t}\n\tif o.Snapshot.Name == \"\" || o.Deleting {", "TestDeletionTouchesWhatItNames"},
	{"a forged reference frees a content", identity, "internal/apply/snapshots.go", `if o.Snapshot.UID != "" && string(c.Spec.VolumeSnapshotRef.UID) != o.Snapshot.UID {`, `if o.Snapshot.UID == "" && string(c.Spec.VolumeSnapshotRef.UID) != o.Snapshot.UID {`, "TestDeletionTouchesWhatItNames"},
	{"a content made anew is freed", identity, "internal/apply/snapshots.go", `(err == nil && string(c.UID) != o.Content.UID)`, `(err == nil && string(c.UID) == "")`, "TestDeletionTouchesWhatItNames"},
	{"a point of another slot is adopted", slots, "internal/apply/points.go", ` && there.Spec.Slot != nil && there.Spec.Slot.Time.Equal(t.Slot)`, ``, "TestTakeAdoptsItsOwnAndNothingElse"},
	{"a point of another policy is adopted", identity, "internal/apply/points.go", `same := there.Labels[api.LabelPolicyUID] == string(policy.UID) && `, `same := `, "TestTakeAdoptsItsOwnAndNothingElse"},
	{"a snapshot of another owner is adopted", identity, "internal/core/objects/objects.go", `if want.Labels[l] != there.Labels[l] {`, `if there.Labels[l] == "" {`, "TestSameOwner"},
	{"a finalizer is lost where two are written at once", finalizers, "internal/apply/apply.go", `map[string]any{"finalizers": want, "resourceVersion": obj.GetResourceVersion()}`, `map[string]any{"finalizers": want}`, "TestFinalizersOfOthersStay"},

	// When a slot is due.
	{"a slot without a mark is due", slots, "internal/core/schedule/decide.go", "\t\thighWater = now", "\t\thighWater = now.AddDate(-1, 0, 0)", "TestDecide"},
	{"a slot runs again", slots, "internal/core/schedule/decide.go", `if slot.IsZero() || !slot.After(highWater) {`, `if slot.IsZero() || slot.Before(highWater) {`, "TestDecide"},
	{"the deadline is a moment too early", windows, "internal/core/schedule/decide.go", `if p.StartingDeadline <= 0 || !now.After(deadline) {`, `if p.StartingDeadline <= 0 || now.Before(deadline) {`, "TestDecide"},
	{"slots start before their jitter is over", windows, "internal/core/schedule/decide.go", `slot := c.Previous(now.Add(-jitter))`, `slot := c.Previous(now)`, "TestDecide"},
	{"the slot that is due counts as missed", truth, "internal/core/schedule/decide.go", "\t\tover = c.Previous(slot.Add(-1))", "\t\tover = slot", "TestDecide"},
	{"a slot is after itself", windows, "internal/core/schedule/calendar.go", `at := after.Unix() + 1`, `at := after.Unix()`, "TestWallClockJumps"},
	{"a repeated hour runs twice", slots, "internal/core/schedule/calendar.go", `return max(seg.wallStart(), reached)`, `return min(seg.wallStart(), reached)`, "TestWallClockJumps"},
	{"an instant that the clock skips runs never", slots, "internal/core/schedule/calendar.go", `if reached >= seg.wallStart() {`, `if reached < seg.wallStart() {`, "TestWallClockJumps"},
	{"jitter may be the whole window", windows, "internal/core/schedule/jitter.go", `uint64(window))`, `(uint64(window)+1))`, "TestJitter"},

	// What is found.
	{"what could not be read is passed over", truth, "internal/core/drift/findings.go", "\t\t\tp.cannot(c, fact, why)\n", "\t\t\t_, _ = fact, why\n", "TestStories"},
	{"what was found goes when it cannot be looked at", truth, "internal/core/drift/findings.go", `	p.keep(func(f *api.Finding) bool { return slices.Contains(c.kinds, f.Kind) })`, ``, "TestUnreadClearsNothing"},
	{"the quietest first", truth, "internal/core/drift/findings.go", `cmp.Compare(Rank(a.Severity), Rank(b.Severity))`, `cmp.Compare(Rank(b.Severity), Rank(a.Severity))`, "TestWorstFirst"},
	{"damage of a repository holds no pruning", doubt, "internal/core/drift/findings.go", `case api.ReasonSizeAnomaly, api.ReasonCopyCorrupt:`, `case api.ReasonSizeAnomaly:`, "TestStories"},
	{"a finding is louder a moment too late", windows, "internal/core/drift/findings.go", `due.After(p.now) {`, `!due.Before(p.now) {`, "TestStories"},
	{"an unknown condition is True", truth, "internal/core/drift/findings.go", `conditions.Is(condition, metav1.ConditionUnknown, found[i].Kind`, `conditions.Is(condition, metav1.ConditionTrue, found[i].Kind`, "TestVerdict"},
	{"a copy is late a moment too late", windows, "internal/core/drift/check_copy_late.go", `if ends.After(p.now) {`, `if !ends.Before(p.now) {`, "TestStories"},
	{"a copy in a damaged repository counts", copies, "internal/core/drift/independence.go", ` && !r.spoils(c)`, ``, "TestStories"},
	{"an incomplete copy counts", counting, "internal/core/drift/independence.go", `return c.Complete && r != nil`, `return r != nil`, "internal/core/plan TestFindingsOnCopies"},
	{"a copy beside its source is independent", isolation, "internal/core/drift/independence.go", `domain.Apart(i.Sources, r.Place)`, `!domain.Apart(i.Sources, r.Place)`, "TestAllIsWell"},
	{"two missed slots are as good as one", truth, "internal/core/drift/check_slot_missed.go", `if m.Slots >= 2 {`, `if m.Slots > 2 {`, "TestStories"},
	{"a minimum of none is never short", lastGood, "internal/core/drift/check_retention_short.go", `max(1, r.Minimum)`, `r.Minimum`, "TestOnePointIsTheLeast"},

	// What fails together.
	{"what is not known is apart", isolation, "internal/core/domain/domain.go", `if a.Domain == "" || b.Domain == "" || nested(a.Domain, b.Domain) {`, `if nested(a.Domain, b.Domain) {`, "TestShares"},
	{"a part does not fail with its whole", isolation, "internal/core/domain/domain.go", ` || strings.HasPrefix(b, a+"/")`, ``, "TestShares"},
	{"a name that begins alike is a part", isolation, "internal/core/domain/domain.go", `strings.HasPrefix(a, b+"/")`, `strings.HasPrefix(a, b)`, "TestLaws"},
	{"apart from nothing", isolation, "internal/core/domain/domain.go", `return len(from) > 0 && !slices`, `return !slices`, "TestApart"},
	{"one word is enough to tell places apart", isolation, "internal/core/domain/domain.go", `!(a.Admin && b.Admin)`, `!(a.Admin || b.Admin)`, "TestShares"},

	// Which claims nobody looks after.
	{"a tenant's policy is taken for the template's", identity, "internal/core/coverage/plan.go", "\t\tif Made(c, b) {", "\t\tif b.Name == c.Name {", "TestPlan"},
	{"policies go with the template though they are to stay", outlives, "internal/core/coverage/plan.go", `if o.Policy.Spec.OnDelete != api.StampedRemove || o.Withdrawn {`, `if o.Withdrawn {`, "TestForDeleted"},
	{"an exemption holds at the moment at which it ends", windows, "internal/core/coverage/scope.go", `ended: !spec.Exemptions[i].Until.After(now)`, `ended: spec.Exemptions[i].Until.Time.Before(now)`, "TestPlan"},
	{"an exemption that has ended exempts", truth, "internal/core/coverage/judge.go", "\t\t\tcase e.ended:\n\t\t\t\tm.ended[i] = true", "\t\t\tcase e.ended:\n\t\t\t\tm.exempt[i] = true", "TestPlan"},
	{"a suspended policy covers", truth, "internal/core/coverage/judge.go", `case active(b):`, `case b.DeletionTimestamp.IsZero():`, "TestPlan"},
	{"a refused policy covers", truth, "internal/core/coverage/plan.go", `if why, refused := p.Refused[ns.Name]; refused {`, `if why, refused := p.Refused[""]; refused {`, "TestRefused"},
}
