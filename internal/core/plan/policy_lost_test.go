// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// losing has the snapshots of a point be lost for a reason, as the judgement of its volumes records it.
func losing(reason string) testkit.Mod[api.RecoveryPoint] {
	return func(p *api.RecoveryPoint) {
		p.Status.Conditions[0].Status, p.Status.Conditions[0].Reason = metav1.ConditionFalse, reason
		for _, claim := range both {
			p.Status.Volumes = append(p.Status.Volumes, api.VolumeRecord{Claim: claim, ClaimUID: testkit.ClaimUID(claim), State: api.VolumeFailed, Reason: reason})
		}
	}
}

func keeping24(b *api.BackupPolicy) { b.Spec.Retention = api.Retention{Last: 24, Minimum: 1} }

// onceShown is the plan once everything that was to be shown was written down.
func onceShown(o PolicyObserved, at time.Time) PolicyPlan {
	return ForPolicy(settled(settled(o, at), at), at)
}

// gone are the hours of the points that go, or of which a part goes.
func gone(o PolicyObserved, at time.Time) []string {
	p := onceShown(o, at)
	var out []string
	add := func(t Target, part string) {
		out = append(out, At(byUID(o.Points, t.UID)).Format("15")+part)
	}
	for _, t := range p.Expire {
		add(t, "")
	}
	for _, r := range p.Release {
		add(r.Target, " "+r.Part)
	}
	slices.Sort(out)
	return out
}

// TestLostPointsStay: a driver that is down reports every snapshot as not ready, and somebody may delete every VolumeSnapshot while
// the retained contents still have the bytes. None of the points may go for that which would have stayed otherwise.
func TestLostPointsStay(t *testing.T) {
	vault := &api.Repository{ObjectMeta: metav1.ObjectMeta{Name: "vault"}, Status: api.RepositoryStatus{UniqueID: "vault-id"}}
	for _, c := range []struct {
		name  string
		mods  []testkit.Mod[api.RecoveryPoint]
		rules testkit.Mod[api.BackupPolicy]
		newer bool // a complete point is newer than all of them
		want  []string
	}{
		{"not ready any more", []testkit.Mod[api.RecoveryPoint]{losing(api.ReasonReadinessRegressed)}, keeping24, false, nil},
		{"nor when a newer point is complete", []testkit.Mod[api.RecoveryPoint]{losing(api.ReasonReadinessRegressed)}, keeping24, true, nil},
		{"bound to something else", []testkit.Mod[api.RecoveryPoint]{losing(api.ReasonBindingBroken)}, keeping24, true, nil},
		{"deleted by somebody", []testkit.Mod[api.RecoveryPoint]{losing(api.ReasonRecoveryPointVanished)}, keeping24, true, nil},
		{"past the retention too", []testkit.Mod[api.RecoveryPoint]{losing(api.ReasonReadinessRegressed)}, func(b *api.BackupPolicy) { b.Spec.Retention = api.Retention{Last: 3, Minimum: 1} }, true, []string{"04", "05", "06"}},
		{"on hold", []testkit.Mod[api.RecoveryPoint]{losing(api.ReasonReadinessRegressed), testkit.Held}, func(b *api.BackupPolicy) { b.Spec.Retention = api.Retention{Last: 1, Minimum: 1} }, true, nil},
		{"never captured", []testkit.Mod[api.RecoveryPoint]{losing(api.ReasonSnapshotTimedOut)}, keeping24, true, []string{"04", "05", "06", "07", "08"}},
		{"with a copy each: neither the points nor what may be left of their snapshots", []testkit.Mod[api.RecoveryPoint]{losing(api.ReasonReadinessRegressed), hasCopy("offsite")}, keeping24, true, nil},
		{"with a copy each, past the retention of snapshots", []testkit.Mod[api.RecoveryPoint]{losing(api.ReasonReadinessRegressed), hasCopy("offsite")},
			func(b *api.BackupPolicy) {
				b.Spec.Retention = api.Retention{Last: 3, Minimum: 1}
				to("offsite", "", lasting(24))(b)
			}, true, []string{"04 snapshots", "05 snapshots", "06 snapshots"}},
		{"with a copy that may come back", []testkit.Mod[api.RecoveryPoint]{losing(api.ReasonRecoveryPointVanished), copyIs("offsite", api.CopyFailed)}, func(b *api.BackupPolicy) { b.Spec.Retention = api.Retention{Last: 1, Minimum: 1} }, true, nil},
		{"let go, with a copy that may come back", []testkit.Mod[api.RecoveryPoint]{copiesOnly, copyIs("offsite", api.CopyFailed), func(p *api.RecoveryPoint) {
			p.Status.Conditions[0].Status, p.Status.Conditions[0].Reason = metav1.ConditionFalse, api.ReasonNoCompleteCopy
		}}, func(b *api.BackupPolicy) { b.Spec.Retention = api.Retention{Last: 1, Minimum: 1} }, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var points []*api.RecoveryPoint
			for h := 4; h <= 8; h++ {
				points = append(points, testkit.Point(hour(h), both, c.mods...))
			}
			if c.newer {
				points = append(points, testkit.Point(hour(9), both))
			}
			o := seenPolicy(points, c.rules)
			o.Repositories = map[string]*api.Repository{"vault": vault}
			if got := gone(o, noon); !slices.Equal(got, c.want) {
				t.Errorf("%q go, want %q", got, c.want)
			}
		})
	}
}

// TestTheOnlyCopyOfALostPointStays: a copy that its own retention lets go stays while nothing else of its point can be restored, and
// there is still hope for its snapshots.
func TestTheOnlyCopyOfALostPointStays(t *testing.T) {
	old := testkit.Point(hour(8), both, losing(api.ReasonReadinessRegressed), hasCopy("offsite"))
	o := seenPolicy([]*api.RecoveryPoint{old, testkit.Point(hour(9), both, hasCopy("offsite")), testkit.Point(hour(10), both, hasCopy("offsite"))},
		keeping24, to("offsite", "", lasting(1)))
	o.Repositories = map[string]*api.Repository{"vault": {ObjectMeta: metav1.ObjectMeta{Name: "vault"}, Status: api.RepositoryStatus{UniqueID: "vault-id"}}}
	if got := gone(o, noon); !slices.Equal(got, []string{"09 copy/offsite"}) {
		t.Errorf("%q go", got)
	}
}

// TestLawAnOutageCostsNothing: whatever points retention keeps, after all of them were lost at once and seen to be there again
// all are there. It kills: a lost point that is superseded by others that are lost, or by one that was captured meanwhile.
func TestLawAnOutageCostsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := func(b *api.BackupPolicy) {
			n := func(name string) int32 { return int32(rapid.IntRange(0, 4).Draw(t, name)) }
			b.Spec.Retention = api.Retention{Last: n("last"), Hourly: n("hourly"), Daily: n("daily"), Minimum: int32(rapid.IntRange(1, 3).Draw(t, "minimum"))}
		}
		var points []*api.RecoveryPoint
		for h := range 30 {
			if rapid.IntRange(0, 2).Draw(t, "there") > 0 {
				points = append(points, testkit.Point(hour(h-24), both))
			}
		}
		o := seenPolicy(points, rules)
		kept := keepingOf(o, policyFacts(o, noon), noon)
		o.Points = nil
		for i, p := range kept.points {
			if kept.whole[i].Keep() {
				reason := rapid.SampledFrom([]string{api.ReasonReadinessRegressed, api.ReasonBindingBroken, api.ReasonRecoveryPointVanished}).Draw(t, "reason")
				losing(reason)(p)
				o.Points = append(o.Points, p)
			}
		}
		before := len(o.Points)
		if rapid.Bool().Draw(t, "incomplete since") {
			for m := range 4 {
				o.Points = append(o.Points, testkit.Point(hour(10).Add(time.Duration(m)*time.Minute), both, losing(api.ReasonSnapshotTimedOut)))
			}
		}
		for _, e := range onceShown(o, noon).Expire {
			if slices.ContainsFunc(o.Points[:before], func(p *api.RecoveryPoint) bool { return string(p.UID) == e.UID }) {
				t.Fatalf("%s goes, of %d", e.Name, before)
			}
		}
	})
}

// TestWhatAnIncompletePointHolds: what was captured, and not what failed. Those volumes that are not on record are well.
func TestWhatAnIncompletePointHolds(t *testing.T) {
	p := testkit.Point(noon, []string{"a", "b", "c", "d"}, testkit.Incomplete)
	for claim, state := range map[string]api.VolumeState{"a": api.VolumeCaptured, "b": api.VolumeFailed, "c": api.VolumePending} {
		p.Status.Volumes = append(p.Status.Volumes, api.VolumeRecord{Claim: claim, ClaimUID: testkit.ClaimUID(claim), State: state})
	}
	got := retentionPoints([]*api.RecoveryPoint{p}, Complete)[0].Lineages
	want := names.Members(names.ClaimSet([]string{testkit.ClaimUID("a"), testkit.ClaimUID("d")}))
	if !slices.Equal(got, want) {
		t.Errorf("it holds %v, want %v", got, want)
	}
}
