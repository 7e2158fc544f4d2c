// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// safeVault is the repository that the copies of these tests are in.
func safeVault() *api.Repository {
	r := &api.Repository{}
	r.Name, r.Status.UniqueID = "vault", "vault-id"
	return r
}

// seenCopies is a policy that keeps the last three snapshots, and what it is told to of copies, whose repository is there.
func seenCopies(points []*api.RecoveryPoint, mods ...testkit.Mod[api.BackupPolicy]) PolicyObserved {
	o := seenPolicy(points, mods...)
	o.Repositories = map[string]*api.Repository{"vault": safeVault()}
	return o
}

// hoursWith are hourly points, all with the same, and some with more.
func hoursWith(from, to int, all testkit.Mod[api.RecoveryPoint], some map[int][]testkit.Mod[api.RecoveryPoint]) []*api.RecoveryPoint {
	var out []*api.RecoveryPoint
	for h := from; h <= to; h++ {
		mods := []testkit.Mod[api.RecoveryPoint]{}
		if all != nil {
			mods = append(mods, all)
		}
		out = append(out, testkit.Point(hour(h), both, append(mods, some[h]...)...))
	}
	return out
}

func shownParts(list []api.ExpiringPoint) string {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b api.ExpiringPoint) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Part, b.Part))
	})
	var out []string
	for _, e := range list {
		word := cmp.Or(e.Part, "all")
		if e.Reason == api.ReasonSuperseded {
			word += "!"
		}
		out = append(out, hourIn(e.Name)[:2]+":"+word)
	}
	return strings.Join(out, " ")
}

type pointMods = map[int][]testkit.Mod[api.RecoveryPoint]

// TestSnapshotsThatMayBeThere: they may until it is on record that they go.
func TestSnapshotsThatMayBeThere(t *testing.T) {
	for name, c := range map[string]struct {
		mod  testkit.Mod[api.RecoveryPoint]
		want bool
	}{
		"they are there":        {func(*api.RecoveryPoint) {}, true},
		"nothing is stated yet": {func(p *api.RecoveryPoint) { p.Status.Conditions = nil }, true},
		"they are going":        {func(p *api.RecoveryPoint) { copiesOnly(p); p.Status.SnapshotsReleasedAt = nil }, false},
		"they are gone":         {func(p *api.RecoveryPoint) { p.Status.SnapshotsReleasedAt = metaTime(noon) }, false},
	} {
		if got := hasSnapshots(testkit.Point(hour(9), both, c.mod)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestPartsInDetail: a rule is named once, copies that cannot be relied on are waited for only where nothing else keeps the snapshots,
// and a part that is wanted again is taken back though nothing else changed.
func TestPartsInDetail(t *testing.T) {
	at := noon.Add(time.Minute)
	points := hoursWith(8, 12, hasCopy("a"), nil)
	o := seenCopies(points, to("a", "", lasting(9)), func(b *api.BackupPolicy) { b.Spec.Retention.Hourly = 2 })
	o.Repositories["vault"].Status.UniqueID = "" // nobody knows what the copies are worth
	k := keepingOf(o, policyFacts(o, at), at)
	if got := k.reasons(4, nil); !slices.Equal(got, slices.Compact(slices.Clone(got))) || slices.Contains(got, keepCopyPending) || !slices.Contains(got, "last") || !slices.Contains(got, "hourly") || !slices.Contains(got, "minimum") {
		t.Errorf("the newest is kept for %v", got)
	}
	if got := k.reasons(0, nil); !slices.Contains(got, keepCopyPending) {
		t.Errorf("the oldest is kept for %v", got)
	}
	for i, p := range points {
		p.Status.Keep = k.reasons(i, nil)
	}
	letPartGo(PartSnapshots)(points[4])
	if got := k.changes(true); len(got) != 1 || got[0].Name != points[4].Name || !slices.Equal(got[0].Again, []string{PartSnapshots}) {
		t.Errorf("taken back is %+v", got)
	}
	bare := testkit.Point(hour(7), both, letPartGo(PartSnapshots), copyIs("a", api.CopyFailed))
	alone := seenCopies(append([]*api.RecoveryPoint{bare}, hourly(8, 12)...), to("a", "0 3 * * 0", lasting(1)))
	k = keepingOf(alone, policyFacts(alone, at), at)
	if got := k.retakes(0, false); !slices.Equal(got, []string{PartSnapshots}) {
		t.Errorf("of a point that has nothing else %v is taken back", got)
	}
}

// TestMayComeBack: a copy that does not count now may count again, unless it goes.
func TestMayComeBack(t *testing.T) {
	for name, c := range map[string]struct {
		mods []testkit.Mod[api.RecoveryPoint]
		want bool
	}{
		"no copy":             {nil, false},
		"one that failed":     {[]testkit.Mod[api.RecoveryPoint]{copyIs("a", api.CopyFailed)}, true},
		"one that is removed": {[]testkit.Mod[api.RecoveryPoint]{copyIs("a", api.CopyRemoving)}, false},
		"one that was let go": {[]testkit.Mod[api.RecoveryPoint]{copyIs("a", api.CopyFailed), letPartGo("copy/a")}, false},
		"another was let go":  {[]testkit.Mod[api.RecoveryPoint]{copyIs("a", api.CopyFailed), letPartGo("copy/b")}, true},
	} {
		if got := mayComeBack(testkit.Point(hour(9), both, c.mods...)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestPartsThatExpire(t *testing.T) {
	five := to("a", "", lasting(5))
	none := func(*PolicyObserved) {}
	uncopied := func(p *api.RecoveryPoint) { p.Status.Copies = nil }
	allLost := pointMods{7: {lost}, 8: {lost}, 9: {lost}, 10: {lost}, 11: {lost}}
	for _, c := range []struct {
		name   string
		points []*api.RecoveryPoint
		policy []testkit.Mod[api.BackupPolicy]
		also   func(*PolicyObserved)
		want   string // the hours with what of them expires; ! for Superseded
	}{
		{"each part by its own retention", hoursWith(7, 12, hasCopy("a"), nil), []testkit.Mod[api.BackupPolicy]{five}, none, "07:all 08:snapshots 09:snapshots"},
		{"copies that are kept for less", hoursWith(7, 12, hasCopy("a"), nil), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(1))}, none, "07:all 08:all 09:all 10:copy/a 11:copy/a"},
		{"two targets", hoursWith(7, 12, func(p *api.RecoveryPoint) { hasCopy("a")(p); hasCopy("b")(p) }, nil), []testkit.Mod[api.BackupPolicy]{five, to("b", "", lasting(1))}, none,
			"07:all 08:copy/b 08:snapshots 09:copy/b 09:snapshots 10:copy/b 11:copy/b"},
		{"by spec.retention when the target says nothing", hoursWith(7, 12, hasCopy("a"), nil), []testkit.Mod[api.BackupPolicy]{to("a", "", nil)}, none, "07:all 08:all 09:all"},
		{"what is still to be copied stays", hoursWith(7, 12, nil, nil), []testkit.Mod[api.BackupPolicy]{five}, none, "07:all"},
		{"what failed to be copied stays", hoursWith(7, 12, hasCopy("a"), pointMods{8: {uncopied, copyIs("a", api.CopyFailed)}}), []testkit.Mod[api.BackupPolicy]{five}, none, "07:snapshots 09:snapshots"},
		{"what is being copied stays, due or not", hoursWith(7, 12, hasCopy("a"), pointMods{7: {uncopied, copyIs("a", api.CopyCopying)}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(2))}, none, "08:all 09:all 10:copy/a"},
		{"a copy to a second target is still due", hoursWith(7, 12, hasCopy("a"), nil), []testkit.Mod[api.BackupPolicy]{five, to("b", "", lasting(4))}, none, "07:all 08:snapshots"},
		{"lost with the storage system: the copies stay", hoursWith(7, 12, hasCopy("a"), allLost), []testkit.Mod[api.BackupPolicy]{five}, none, "07:all 08:snapshots! 09:snapshots! 10:snapshots! 11:snapshots!"},
		{"lost, all of them: what is left of the newest stays", hoursWith(7, 11, hasCopy("a"), allLost), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(9))}, none, "07:snapshots! 08:snapshots!"},
		{"lost, and without a copy", hoursWith(7, 12, nil, allLost), nil, none, "07:all! 08:all! 09:all! 10:all! 11:all!"},
		{"lost, and what is left of it is newer than any", hoursWith(7, 12, hasCopy("a"), pointMods{12: {lost}}), []testkit.Mod[api.BackupPolicy]{five}, none, "07:all 08:snapshots"},
		{"lost, and no copy is kept: it stays while what is left of its snapshots does", hoursWith(10, 11, hasCopy("a"), pointMods{10: {lost}, 11: {lost}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(1))}, none, ""},
		{"lost long ago, and a copy that failed", hoursWith(7, 12, nil, pointMods{8: {lost, copyIs("a", api.CopyFailed)}}), nil, none, "07:all 08:all! 09:all"},
		{"on hold", hoursWith(7, 12, hasCopy("a"), pointMods{7: {testkit.Held}, 8: {testkit.Held}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(1))}, none, "09:all 10:copy/a 11:copy/a"},
		{"the newest proven one is kept whole", hoursWith(7, 12, hasCopy("a"), pointMods{7: {testkit.Proven}, 8: {testkit.Proven}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(1))}, none, "07:all 09:all 10:copy/a 11:copy/a"},
		{"the minimum is kept whole", hoursWith(7, 12, hasCopy("a"), nil), []testkit.Mod[api.BackupPolicy]{func(b *api.BackupPolicy) { b.Spec.Retention.Minimum = 5 }, to("a", "", lasting(1))}, none, "07:all"},
		{"the minimum of whatever they can be restored from", hoursWith(7, 12, hasCopy("a"), allLost),
			[]testkit.Mod[api.BackupPolicy]{func(b *api.BackupPolicy) { b.Spec.Retention.Minimum = 3 }, to("a", "", lasting(1))}, none, "07:all 08:all 09:all"},
		{"the target is gone from the policy", hoursWith(7, 12, hasCopy("old"), nil), nil, none, "07:snapshots 08:snapshots 09:snapshots"},
		{"snapshots were let go before", hoursWith(7, 12, hasCopy("a"), pointMods{8: {copiesOnly}, 9: {letPartGo(PartSnapshots)}}), []testkit.Mod[api.BackupPolicy]{five}, none, "07:all"},
		{"and now the copy goes too", hoursWith(7, 12, hasCopy("a"), pointMods{7: {copiesOnly}}), []testkit.Mod[api.BackupPolicy]{five}, none, "07:all 08:snapshots 09:snapshots"},
		{"a copy was let go before", hoursWith(7, 12, hasCopy("a"), pointMods{11: {letPartGo("copy/a")}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(1))}, none, "07:all 08:all 09:all 10:copy/a"},
		{"imported ones are nobody's", hoursWith(7, 12, hasCopy("a"), pointMods{7: {origin}, 8: {origin}, 9: {origin}, 10: {origin}, 11: {origin}, 12: {origin}}), []testkit.Mod[api.BackupPolicy]{five}, none, ""},
		{"the repository is not there", hoursWith(7, 12, hasCopy("a"), nil), []testkit.Mod[api.BackupPolicy]{five}, func(o *PolicyObserved) { o.Repositories = nil }, "07:all"},
		{"it is another one", hoursWith(7, 12, hasCopy("a"), nil), []testkit.Mod[api.BackupPolicy]{five}, func(o *PolicyObserved) { o.Repositories["vault"].Status.UniqueID = "another" }, "07:all"},
		{"it is damaged", hoursWith(7, 12, hasCopy("a"), nil), []testkit.Mod[api.BackupPolicy]{five}, func(o *PolicyObserved) { o.Repositories["vault"].Status.Damage = &api.RepositoryDamage{} }, ""},
		{"it is damaged, and the policy names it no more", hoursWith(7, 12, hasCopy("a"), nil), nil, func(o *PolicyObserved) { o.Repositories["vault"].Status.Damage = &api.RepositoryDamage{} }, ""},
		{"copies cannot be read", hoursWith(7, 12, hasCopy("a"), nil), []testkit.Mod[api.BackupPolicy]{five}, func(o *PolicyObserved) { o.Unread = map[drift.Fact]string{drift.FactCopies: "no"} }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := seenCopies(c.points, c.policy...)
			c.also(&o)
			now := hour(12).Add(2 * time.Minute)
			first := ForPolicy(o, now)
			if got := shownParts(first.Status.Expiring); got != c.want {
				t.Errorf("shown is %q, want %q", got, c.want)
			}
			if len(first.Expire)+len(first.Release) > 0 {
				t.Errorf("%v and %v go before they were shown", first.Expire, first.Release)
			}
			o.Policy = o.Policy.DeepCopy()
			o.Policy.Status = first.Status
			if second := ForPolicy(o, now.Add(time.Second)); len(second.Expire)+len(second.Release) != len(first.Status.Expiring) {
				t.Errorf("of %s there go %v and %v", c.want, second.Expire, second.Release)
			}
		})
	}
}

// TestPartsWaitAfterAnEdit: what is edited of the retention of copies waits as an edit of spec.retention does.
func TestPartsWaitAfterAnEdit(t *testing.T) {
	now := hour(12).Add(2 * time.Minute)
	o := settled(seenCopies(hoursWith(10, 12, hasCopy("a"), nil), to("a", "", lasting(5))), now)
	o.Policy.Spec.Copies[0].Retention = lasting(1)
	o = settled(o, now.Add(time.Second))
	if got := shownParts(o.Policy.Status.Expiring); got != "10:copy/a 11:copy/a" {
		t.Fatalf("shown is %q", got)
	}
	if p := ForPolicy(o, now.Add(59*time.Minute)); len(p.Release) > 0 {
		t.Errorf("within the grace period %v go", p.Release)
	}
	if p := ForPolicy(o, now.Add(61*time.Minute)); len(p.Release) != 2 {
		t.Errorf("after it %v go", p.Release)
	}
}

// TestPartsOfWhatIsRead: a part waits for a drill, and one part that was shown does not have another go.
func TestPartsOfWhatIsRead(t *testing.T) {
	now := hour(12).Add(2 * time.Minute)
	points := hoursWith(9, 12, hasCopy("a"), nil)
	o := settled(seenCopies(points, to("a", "", lasting(5))), now)
	busy := o
	busy.Drills = []*api.RestoreDrill{{Status: api.RestoreDrillStatus{Run: &api.DrillRun{PolicyUID: "policy-1", RecoveryPoint: api.DrilledPoint{UID: string(points[0].UID)}}}}}
	if p := ForPolicy(busy, now.Add(time.Second)); len(p.Release) > 0 {
		t.Errorf("%v goes while a drill restores it", p.Release)
	}
	if p := ForPolicy(o, now.Add(time.Second)); len(p.Release) != 1 || p.Release[0].Part != PartSnapshots {
		t.Errorf("there goes %v", p.Release)
	}
	o.Policy.Status.Expiring[0].Part = "copy/a"
	if p := ForPolicy(o, now.Add(time.Second)); len(p.Release)+len(p.Expire) > 0 {
		t.Errorf("%v and %v go, and another part was shown", p.Release, p.Expire)
	}
}

func TestKeepReasonsOfParts(t *testing.T) {
	now := hour(12).Add(2 * time.Minute)
	two := []testkit.Mod[api.BackupPolicy]{to("a", "", &api.Retention{Last: 2, Daily: 1, Minimum: 1})}
	for _, c := range []struct {
		name   string
		points []*api.RecoveryPoint
		policy []testkit.Mod[api.BackupPolicy]
		also   func(*PolicyObserved)
		of     int
		want   string
	}{
		{"both parts of the newest", hoursWith(9, 12, hasCopy("a"), nil), two, nil, 12, "last minimum a:last a:daily a:minimum"},
		{"the next", hoursWith(9, 12, hasCopy("a"), nil), two, nil, 11, "last a:last"},
		{"snapshots alone", hoursWith(9, 12, hasCopy("a"), nil), two, nil, 10, "last"},
		{"nothing", hoursWith(9, 12, hasCopy("a"), nil), two, nil, 9, ""},
		{"a copy that is due", hoursWith(9, 12, nil, nil), two, nil, 12, "last minimum copy-pending"},
		{"a copy that is due keeps what no rule would", hoursWith(8, 12, nil, nil), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(5))}, nil, 8, "copy-pending"},
		{"copies alone", hoursWith(9, 12, hasCopy("a"), pointMods{11: {copiesOnly}}), two, nil, 11, "a:last"},
		{"lost, and copied", hoursWith(9, 12, hasCopy("a"), pointMods{12: {lost}}), two, nil, 12, "minimum a:last a:daily a:minimum"},
		{"lost, and not copied", hoursWith(9, 12, nil, pointMods{12: {lost}}), two, nil, 12, ""},
		{"a copy that cannot be relied on", hoursWith(8, 12, hasCopy("a"), nil), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(5))}, func(o *PolicyObserved) { o.Repositories = nil }, 8, "copy-pending a:last"},
		{"a copy without a target", hoursWith(8, 12, hasCopy("old"), nil), nil, nil, 8, "old:no-target"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := seenCopies(c.points, c.policy...)
			if c.also != nil {
				c.also(&o)
			}
			got := "none"
			for _, k := range ForPolicy(o, now).Keep {
				if hourIn(k.Name) == fmt.Sprintf("%02d:00", c.of) {
					got = strings.Join(k.Reasons, " ")
				}
			}
			if got != cmp.Or(c.want, "none") {
				t.Errorf("kept for %q, want %q", got, c.want)
			}
		})
	}
}

// TestPartsThatAreKeptAgain: what was let go and is still there is kept again when it is wanted.
func TestPartsThatAreKeptAgain(t *testing.T) {
	now := hour(12).Add(2 * time.Minute)
	going := letPartGo(PartSnapshots)
	for _, c := range []struct {
		name   string
		points []*api.RecoveryPoint
		policy []testkit.Mod[api.BackupPolicy]
		also   func(*PolicyObserved)
		want   string
	}{
		{"nothing wants it", hoursWith(8, 12, hasCopy("a"), pointMods{8: {going}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(5))}, nil, ""},
		{"retention was raised", hoursWith(10, 12, hasCopy("a"), pointMods{10: {going}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(5))}, nil, "10:snapshots"},
		{"its copy failed", hoursWith(8, 12, nil, pointMods{8: {going, copyIs("a", api.CopyFailed)}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(5))}, nil, "08:snapshots"},
		{"the repository is damaged", hoursWith(8, 12, hasCopy("a"), pointMods{8: {going}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(5))}, func(o *PolicyObserved) { o.Repositories["vault"].Status.Damage = &api.RepositoryDamage{} }, "08:snapshots"},
		{"it is gone already", hoursWith(8, 12, hasCopy("a"), pointMods{8: {copiesOnly}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(5))}, func(o *PolicyObserved) { o.Policy.Spec.Retention.Last = 9 }, ""},
		{"a copy that is gone is due again", hoursWith(10, 12, nil, pointMods{10: {letPartGo("copy/a")}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(5))}, nil, "10:copy/a"},
		{"a copy that is being removed is not yet", hoursWith(10, 12, nil, pointMods{10: {letPartGo("copy/a"), copyIs("a", api.CopyRemoving)}}), []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(5))}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := seenCopies(c.points, c.policy...)
			if c.also != nil {
				c.also(&o)
			}
			var again []string
			for _, k := range ForPolicy(o, now).Keep {
				for _, part := range k.Again {
					again = append(again, hourIn(k.Name)[:2]+":"+part)
				}
			}
			if got := strings.Join(again, " "); got != c.want {
				t.Errorf("kept again are %q, want %q", got, c.want)
			}
		})
	}
}

// partsLife is a policy with points whose snapshots and copies come and go.
type partsLife struct {
	seen  PolicyObserved
	steps []int64 // what happens between two passes
}

func drawPartsLife(t *rapid.T) partsLife {
	var points []*api.RecoveryPoint
	n := rapid.IntRange(1, 7).Draw(t, "points")
	for i := range n {
		var mods []testkit.Mod[api.RecoveryPoint]
		for _, target := range []string{"a", "b"} {
			if rapid.IntRange(0, 2).Draw(t, target) > 0 {
				mods = append(mods, copyIs(target, rapid.SampledFrom([]api.CopyState{api.CopyComplete, api.CopyComplete, api.CopyComplete, api.CopyFailed, api.CopyCopying}).Draw(t, "state")))
			}
		}
		switch rapid.IntRange(0, 5).Draw(t, "snapshots") {
		case 0, 1:
			mods = append(mods, lost)
		case 2:
			mods = append(mods, testkit.Proven)
		case 3:
			if rapid.Bool().Draw(t, "held") {
				mods = append(mods, testkit.Held)
			}
		}
		claims := both
		if rapid.IntRange(0, 3).Draw(t, "claims") == 0 {
			claims = both[:1]
		}
		points = append(points, testkit.Point(hour(12-n+i), claims, mods...))
	}
	keep := func(what string) *api.Retention {
		return &api.Retention{Last: int32(rapid.IntRange(1, 3).Draw(t, what)), Minimum: int32(rapid.IntRange(1, 2).Draw(t, what+" at least"))}
	}
	mods := []testkit.Mod[api.BackupPolicy]{func(b *api.BackupPolicy) { b.Spec.Retention = *keep("snapshots") }}
	for _, target := range []string{"a", "b"} {
		if rapid.IntRange(0, 3).Draw(t, "promise "+target) > 0 {
			mods = append(mods, to(target, "", keep(target)))
		}
	}
	return partsLife{seenCopies(points, mods...), rapid.SliceOfN(rapid.Int64Range(0, 40), 3, 8).Draw(t, "steps")}
}

type planner func(PolicyObserved, time.Time) PolicyPlan

// lawfulLife follows a life, in which each order is carried out when it is not refused on a fresh look, and points lose snapshots
// and copies in between.
func lawfulLife(plan planner, l partsLife) error {
	o := l.seen
	o.Points = nil
	for _, p := range l.seen.Points {
		o.Points = append(o.Points, p.DeepCopy())
	}
	o.Policy = o.Policy.DeepCopy()
	now := hour(13).Add(2 * time.Minute)
	for _, step := range l.steps {
		if n := int64(len(o.Points)); step < n { // the storage system loses one
			lost(o.Points[step])
		} else if step < 2*n && len(o.Points[step-n].Status.Copies) > 0 { // a copy turns out to be damaged
			o.Points[step-n].Status.Copies[0].State = api.CopyFailed
		}
		p := plan(o, now)
		if err := carryOut(&o, p, now); err != nil {
			return err
		}
		o.Policy.Status = p.Status
		now = now.Add(time.Minute)
	}
	return nil
}

// carryOut does what is ordered, and says which law that breaks.
func carryOut(o *PolicyObserved, p PolicyPlan, now time.Time) error {
	shown := func(uid, part string) bool {
		return slices.ContainsFunc(o.Policy.Status.Expiring, func(e api.ExpiringPoint) bool { return e.UID == uid && e.Part == part })
	}
	due := CopyDue(o.Policy, o.Points, now)
	newest := newestProven(completeSiblings(o.Points[len(o.Points)-1], o.Points, restorablePoint))
	for _, e := range p.Expire {
		q := byUID(o.Points, e.UID)
		switch {
		case !shown(e.UID, ""):
			return fmt.Errorf("%s goes and was not shown", e.Name)
		case keptByACopy(*o, q, now):
			return fmt.Errorf("%s goes, and the retention of a target keeps its copy", e.Name)
		case BySnapshots(q) && len(due[e.UID]) > 0:
			return fmt.Errorf("%s goes, and is still to be copied", e.Name)
		case newest == q:
			return fmt.Errorf("%s goes, and is the newest proven one", e.Name)
		}
		if restorablePoint(q) && Held(q, o.Policy, o.Points) != "" {
			return fmt.Errorf("%s is among the last good ones: it is told to go for ever, and refused", e.Name)
		}
		before := countRestorable(o.Points)
		o.Points = slices.DeleteFunc(slices.Clone(o.Points), func(r *api.RecoveryPoint) bool { return r == q })
		if err := enoughLeft(*o, before); err != nil {
			return err
		}
	}
	for _, r := range p.Release {
		q := byUID(o.Points, r.UID)
		switch {
		case !shown(r.UID, r.Part):
			return fmt.Errorf("%s of %s goes and was not shown", r.Part, r.Name)
		case newest == q:
			return fmt.Errorf("%s goes of the newest proven point", r.Part)
		case r.Part == PartSnapshots && BySnapshots(q) && len(due[r.UID]) > 0:
			return fmt.Errorf("the snapshots of %s go, and it is still to be copied", r.Name)
		case !remains(q, r.Part):
			return fmt.Errorf("%s of %s goes, and nothing is left of it", r.Part, r.Name)
		case HeldPart(q, r.Part, o.Policy, o.Points) != "":
			return fmt.Errorf("%s of %s is let go for ever, and refused: %s", r.Part, r.Name, HeldPart(q, r.Part, o.Policy, o.Points))
		}
		before := countRestorable(o.Points)
		q.Status.Release = append(q.Status.Release, api.ReleasedPart{Part: r.Part, At: metav1.NewTime(r.At)})
		if LettingGo(q) {
			q.Status.Release = q.Status.Release[:len(q.Status.Release)-1]
			copiesOnly(q)
		}
		if err := enoughLeft(*o, before); err != nil {
			return err
		}
	}
	return nil
}

func keptByACopy(o PolicyObserved, q *api.RecoveryPoint, now time.Time) bool {
	for i := range o.Policy.Spec.Copies {
		t := &o.Policy.Spec.Copies[i]
		var there []*api.RecoveryPoint
		for _, p := range o.Points {
			if copiedTo(p, t.Name) {
				there = append(there, p)
			}
		}
		for n, v := range decideCopies(o.Policy, t, there, activeOf(counted(o.Policy, o.Points)), now) {
			if there[n] == q && v.Keep() {
				return true
			}
		}
	}
	return false
}

// countRestorable counts, for each claim, the points that it can be restored from.
func countRestorable(points []*api.RecoveryPoint) map[string]int {
	n := map[string]int{}
	for _, p := range points {
		if restorablePoint(p) {
			for _, claim := range names.Members(p.Status.Capture.ClaimSet) {
				n[claim]++
			}
		}
	}
	return n
}

func enoughLeft(o PolicyObserved, before map[string]int) error {
	left := countRestorable(o.Points)
	for claim, n := range before {
		if left[claim] < min(n, max(1, int(o.Policy.Spec.Retention.Minimum))) {
			return fmt.Errorf("of a claim %d good points are left of %d", left[claim], n)
		}
	}
	return nil
}

// TestLawPartsGoSafely: whatever storage systems and repositories lose, nothing goes that was not shown, no point whose only
// complete part is a copy that is kept, nothing that is still to be copied, no part of the newest proven point, and of each claim
// the last good points stay, by whatever they can be restored from.
func TestLawPartsGoSafely(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := lawfulLife(ForPolicy, drawPartsLife(t)); err != nil {
			t.Fatal(err)
		}
	})
	changed := func(change func(*PolicyObserved)) planner {
		return func(o PolicyObserved, now time.Time) PolicyPlan {
			o.Policy = o.Policy.DeepCopy()
			var points []*api.RecoveryPoint
			for _, p := range o.Points {
				points = append(points, p.DeepCopy())
			}
			o.Points = points
			change(&o)
			return ForPolicy(o, now)
		}
	}
	each := func(change func(*api.RecoveryPoint)) planner {
		return changed(func(o *PolicyObserved) {
			for _, p := range o.Points {
				change(p)
			}
		})
	}
	for name, faulty := range map[string]planner{
		"what lost its snapshots counts for nothing": each(func(p *api.RecoveryPoint) {
			if !BySnapshots(p) {
				p.Status.Copies = nil
			}
		}),
		"copies count for nothing": each(func(p *api.RecoveryPoint) { p.Status.Copies = nil }),
		"nothing is due":           changed(func(o *PolicyObserved) { o.Policy.Spec.Copies = nil }),
		"a copy that failed counts": each(func(p *api.RecoveryPoint) {
			for i := range p.Status.Copies {
				p.Status.Copies[i].State = api.CopyComplete
			}
		}),
		"snapshots that are lost count": each(func(p *api.RecoveryPoint) {
			p.Status.Conditions[0].Status, p.Status.Conditions[0].Reason = metav1.ConditionTrue, api.ReasonAllCaptured
		}),
		"proofs count for nothing": each(func(p *api.RecoveryPoint) { p.Status.Conditions = p.Status.Conditions[:1] }),
		"the minimum is one":       changed(func(o *PolicyObserved) { o.Policy.Spec.Retention.Minimum = 1 }),
		"nothing is shown": func(o PolicyObserved, now time.Time) PolicyPlan {
			o.Policy = o.Policy.DeepCopy()
			o.Policy.Status = ForPolicy(o, now).Status
			return ForPolicy(o, now)
		},
		"one part was shown, and another goes": func(o PolicyObserved, now time.Time) PolicyPlan {
			p := ForPolicy(o, now)
			for i := range p.Release {
				p.Expire = append(p.Expire, p.Release[i].Target)
			}
			p.Release = nil
			return p
		},
	} {
		if !diesOf(faulty) {
			t.Errorf("this fault lives: %s", name)
		}
	}
}

// diesOf says whether some life convicts a faulty planner.
func diesOf(faulty planner) bool {
	for seed := range 400 {
		if lawfulLife(faulty, rapid.Custom(drawPartsLife).Example(seed)) != nil {
			return true
		}
	}
	return false
}
