// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// copyIs gives a point a copy of all its volumes in a state.
func copyIs(target string, state api.CopyState) testkit.Mod[api.RecoveryPoint] {
	return func(p *api.RecoveryPoint) {
		c := api.CopyRecord{Name: target, Repository: "vault", RepositoryID: "vault-id", State: state}
		for range p.Status.Capture.Volumes {
			c.Volumes = append(c.Volumes, api.CopiedVolume{Claim: both[len(c.Volumes)]})
		}
		p.Status.Copies = append(p.Status.Copies, c)
	}
}

func hasCopy(target string) testkit.Mod[api.RecoveryPoint] { return copyIs(target, api.CopyComplete) }

// lost has the snapshots of a point be lost.
func lost(p *api.RecoveryPoint) {
	meta.SetStatusCondition(&p.Status.Conditions, metav1.Condition{Type: api.ConditionComplete, Status: metav1.ConditionFalse, Reason: api.ReasonRecoveryPointVanished})
}

// copiesOnly has retention have let the snapshots of a point go.
func copiesOnly(p *api.RecoveryPoint) {
	letPartGo(PartSnapshots)(p)
	p.Status.SnapshotsReleasedAt = metaTime(noon)
	meta.SetStatusCondition(&p.Status.Conditions, metav1.Condition{Type: api.ConditionComplete, Status: metav1.ConditionTrue, Reason: api.ReasonCopiesOnly})
}

func letPartGo(part string) testkit.Mod[api.RecoveryPoint] {
	return func(p *api.RecoveryPoint) {
		p.Status.Release = append(p.Status.Release, api.ReleasedPart{Part: part, At: metav1.NewTime(noon)})
	}
}

// origin has a point have been imported.
func origin(p *api.RecoveryPoint) {
	copiesOnly(p)
	p.Status.Capture, p.Status.Release = nil, nil
	p.Status.Volumes = []api.VolumeRecord{{Claim: "data"}, {Claim: "logs"}}
	p.Status.Origin = &api.PointOrigin{Repository: "vault", RepositoryID: "vault-id", PointUID: "from-afar"}
}

// to has a policy promise copies into a target.
func to(target, cron string, keep *api.Retention) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) {
		b.Spec.Copies = append(b.Spec.Copies, api.CopyTarget{Name: target, Repository: api.RepositoryReference{Name: "vault"}, Cron: cron, Retention: keep})
	}
}

func lasting(n int32) *api.Retention { return &api.Retention{Last: n, Minimum: 1} }

// dueHours says which points are due, by the hour of their data, and to what.
func dueHours(due map[string][]string, points []*api.RecoveryPoint) string {
	var out []string
	for _, p := range points {
		if targets := due[string(p.UID)]; len(targets) > 0 {
			out = append(out, At(p).Format("15")+":"+strings.Join(targets, "+"))
		}
	}
	return strings.Join(out, " ")
}

func TestCopyDue(t *testing.T) {
	points := func(mods ...[]testkit.Mod[api.RecoveryPoint]) (out []*api.RecoveryPoint) {
		for i, m := range mods {
			out = append(out, testkit.Point(hour(12-len(mods)+i), both, m...))
		}
		return out
	}
	with := func(mods ...testkit.Mod[api.RecoveryPoint]) []testkit.Mod[api.RecoveryPoint] { return mods }
	plain := with()
	everything := []testkit.Mod[api.BackupPolicy]{to("a", "", nil)}
	hourlyTarget := []testkit.Mod[api.BackupPolicy]{to("a", "0 * * * *", nil)}
	for _, c := range []struct {
		name   string
		policy []testkit.Mod[api.BackupPolicy]
		points []*api.RecoveryPoint
		want   string
	}{
		{"no targets", nil, points(plain, plain), ""},
		{"every point that spec.retention keeps", everything, points(plain, plain, plain, plain), "09:a 10:a 11:a"},
		{"every point that the target's retention keeps", []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(1))}, points(plain, plain, plain), "11:a"},
		{"two targets, each by its own retention", []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(1)), to("b", "", lasting(2))}, points(plain, plain, plain), "10:b 11:a+b"},
		{"what is there is not due", everything, points(with(hasCopy("a")), plain, with(hasCopy("a"))), "10:a"},
		{"a copy elsewhere is not one here", everything, points(with(hasCopy("b"))), "11:a"},
		{"what is there takes its place under the rules", everything, points(plain, with(hasCopy("a")), with(hasCopy("a")), with(hasCopy("a"))), ""},
		{"one that failed is still due", everything, points(with(copyIs("a", api.CopyFailed))), "11:a"},
		{"one under way is still due", everything, points(with(copyIs("a", api.CopyCopying))), "11:a"},
		{"one that does not hold all volumes is still due", everything, points(with(hasCopy("a"), func(p *api.RecoveryPoint) { p.Status.Copies[0].Volumes = p.Status.Copies[0].Volumes[:1] })), "11:a"},
		{"an incomplete point cannot be copied", everything, points(with(testkit.Incomplete), with(testkit.Capturing)), ""},
		{"nor one that goes", everything, points(with(testkit.Going), plain), "11:a"},
		{"nor one without snapshots", everything, points(with(lost, hasCopy("b")), with(copiesOnly, hasCopy("b"))), ""},
		{"nor one that was imported", everything, points(with(hasCopy("b"), origin)), ""},
		{"nor one of another policy", everything, points(with(ofOther)), ""},
		{"nor one that names another policy", everything, points(with(func(p *api.RecoveryPoint) { p.Spec.Policy.Name = "mail" })), ""},
		{"nor one of which nothing was frozen", everything, points(with(func(p *api.RecoveryPoint) { p.Status.Capture = nil })), ""},
		{"a point on hold is copied whatever the rules say", []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(1))}, points(with(testkit.Held), plain), "10:a 11:a"},
		{"with the clock in doubt only what the rules want", []testkit.Mod[api.BackupPolicy]{to("a", "", lasting(1))}, append(points(plain, plain), testkit.Point(hour(20), both)), "20:a"},
		{"by cron, the newest before the newest slot", hourlyTarget, []*api.RecoveryPoint{testkit.Point(hour(10), both), testkit.Point(hour(11), both), testkit.Point(noon.Add(time.Minute), both)}, "11:a"},
		{"by cron, a point of the slot's own instant", hourlyTarget, points(plain, plain), "11:a"},
		{"by cron, the point of the slot, whose data are a little younger", hourlyTarget, []*api.RecoveryPoint{testkit.Point(hour(11), both), testkit.Point(noon, both, func(p *api.RecoveryPoint) { p.Status.PointInTime = metaTime(noon.Add(5 * time.Second)) })}, "12:a"},
		{"by cron, it is there", hourlyTarget, points(plain, with(hasCopy("a"))), ""},
		{"by cron, a newer one is there", hourlyTarget, append(points(plain, plain), testkit.Point(noon.Add(time.Minute), both, hasCopy("a"))), ""},
		{"by cron, an older one is there", hourlyTarget, points(with(hasCopy("a")), plain), "11:a"},
		{"by cron, one that failed is still due", hourlyTarget, points(plain, with(copyIs("a", api.CopyFailed))), "11:a"},
		{"by cron, all are younger than the slot", []testkit.Mod[api.BackupPolicy]{to("a", "0 3 * * *", nil)}, points(plain, plain), ""},
		{"by cron in the schedule's zone", []testkit.Mod[api.BackupPolicy]{func(b *api.BackupPolicy) { b.Spec.Schedule.TimeZone = "Asia/Tokyo" }, to("a", "30 19 * * *", nil)}, points(plain, plain, plain), "10:a"},
		{"a cron that cannot be understood", []testkit.Mod[api.BackupPolicy]{to("a", "99 99 * * *", nil)}, points(plain), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := testkit.Policy(c.policy...)
			if got := dueHours(CopyDue(b, c.points, noon.Add(20*time.Minute)), c.points); got != c.want {
				t.Errorf("due are %q, want %q", got, c.want)
			}
			slices.Reverse(c.points)
			again := CopyDue(b, c.points, noon.Add(20*time.Minute))
			slices.Reverse(c.points)
			if got := dueHours(again, c.points); got != c.want {
				t.Errorf("the other way round %q are due, want %q", got, c.want)
			}
		})
	}
}

// TestCopyDueAfterAnOutage: however long a repository was away, no more is due than what its retention keeps.
func TestCopyDueAfterAnOutage(t *testing.T) {
	b := testkit.Policy(to("a", "", lasting(2)), to("b", "0 * * * *", nil))
	var points []*api.RecoveryPoint
	for h := range 500 {
		points = append(points, testkit.Point(hour(h), both))
	}
	if got := len(CopyDue(b, points, hour(500))); got != 2 {
		t.Errorf("%d points are due, want 2", got)
	}
}

// TestCopyDueWaitsForTheCaptureOfItsSlot: where a capture and a copy come at the same time, the new point is copied, and not first
// the one of the time before. It kills: copying what is a day old, each day; waiting for ever for captures that fail.
func TestCopyDueWaitsForTheCaptureOfItsSlot(t *testing.T) {
	before := testkit.Point(hour(11), both)
	at := testkit.Point(noon, both, func(p *api.RecoveryPoint) { p.Status.PointInTime = metaTime(noon.Add(5 * time.Second)) })
	suspended := func(b *api.BackupPolicy) { b.Spec.Suspend = true }
	often := func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "*/5 * * * *" }
	for _, c := range []struct {
		name   string
		mods   []testkit.Mod[api.BackupPolicy]
		points []*api.RecoveryPoint
		at     time.Time
		want   string
		wake   time.Time
	}{
		{"before the slot", []testkit.Mod[api.BackupPolicy]{to("a", "0 * * * *", nil)}, []*api.RecoveryPoint{before}, noon.Add(-time.Minute), "11:a", noon},
		{"at the slot", []testkit.Mod[api.BackupPolicy]{to("a", "0 * * * *", nil)}, []*api.RecoveryPoint{before}, noon, "", noon.Add(10 * time.Minute)},
		{"once the point is there", []testkit.Mod[api.BackupPolicy]{to("a", "0 * * * *", nil)}, []*api.RecoveryPoint{before, at}, noon.Add(time.Minute), "12:a", noon.Add(10 * time.Minute)},
		{"once it can no longer come", []testkit.Mod[api.BackupPolicy]{to("a", "0 * * * *", nil)}, []*api.RecoveryPoint{before}, noon.Add(10 * time.Minute), "11:a", hour(13)},
		{"no capture comes while suspended", []testkit.Mod[api.BackupPolicy]{to("a", "0 * * * *", nil), suspended}, []*api.RecoveryPoint{before}, noon, "11:a", hour(13)},
		{"captures that may still come are waited for that long", []testkit.Mod[api.BackupPolicy]{to("a", "*/5 * * * *", nil), often}, []*api.RecoveryPoint{before}, noon.Add(2 * time.Minute), "", noon.Add(150 * time.Second)},
		{"captures that fail again and again are waited for half of the time", []testkit.Mod[api.BackupPolicy]{to("a", "*/5 * * * *", nil), often}, []*api.RecoveryPoint{before}, noon.Add(3 * time.Minute), "11:a", noon.Add(5 * time.Minute)},
		{"a capture of another time is not waited for", []testkit.Mod[api.BackupPolicy]{to("a", "30 * * * *", nil)}, []*api.RecoveryPoint{before}, hour(11).Add(30 * time.Minute), "11:a", noon.Add(30 * time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := testkit.Policy(c.mods...)
			if got := dueHours(CopyDue(b, c.points, c.at), c.points); got != c.want {
				t.Errorf("due are %q, want %q", got, c.want)
			}
			if got := NextCopySlot(b, c.at); !got.Equal(c.wake) {
				t.Errorf("it is looked at again at %s, want %s", got, c.wake)
			}
		})
	}
}

func TestNextCopySlot(t *testing.T) {
	if got := NextCopySlot(testkit.Policy(to("a", "", nil), to("b", "15 * * * *", nil), to("c", "30 * * * *", nil)), noon); !got.Equal(noon.Add(15 * time.Minute)) {
		t.Errorf("the next slot is %s", got)
	}
	if got := NextCopySlot(testkit.Policy(to("a", "", nil)), noon); !got.IsZero() {
		t.Errorf("a target without cron has slot %s", got)
	}
}
