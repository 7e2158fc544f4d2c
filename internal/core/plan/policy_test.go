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
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func hour(h int) time.Time { return noon.Add(time.Duration(h-12) * time.Hour) }

func metaTime(t time.Time) *metav1.Time { m := metav1.NewTime(t); return &m }

// seenPolicy is a policy of an hour's rhythm since 06:00, with points, two claims and a cluster in which all is well.
func seenPolicy(points []*api.RecoveryPoint, mods ...testkit.Mod[api.BackupPolicy]) PolicyObserved {
	p := testkit.Policy(mods...)
	p.CreationTimestamp = metav1.NewTime(hour(6))
	return PolicyObserved{
		Policy: p, Points: points,
		Claims:   []Claim{claim("data"), claim("logs")},
		Cluster:  Cluster{Snapshots: true, Classes: []Class{{Name: "a", Driver: "a", Default: true}}},
		Settings: Settings{Grace: time.Hour, HooksEnabled: true, Retain: true},
	}
}

// settled carries the policy's own status on, as if the plan had been carried out and nothing else had happened.
func settled(o PolicyObserved, at time.Time) PolicyObserved {
	o.Policy = o.Policy.DeepCopy()
	o.Policy.Status = ForPolicy(o, at).Status
	return o
}

var both = []string{"data", "logs"}

func hourly(from, to int) []*api.RecoveryPoint {
	var out []*api.RecoveryPoint
	for h := from; h <= to; h++ {
		out = append(out, testkit.Point(hour(h), both))
	}
	return out
}

func TestTake(t *testing.T) {
	suspended := func(b *api.BackupPolicy) { b.Spec.Suspend = true }
	for _, c := range []struct {
		name   string
		seen   PolicyObserved
		at     time.Time
		take   string
		missed int64
	}{
		{"the slot that has come", seenPolicy(hourly(7, 11)), noon.Add(time.Second), "12:00", 0},
		{"not the slot that has a point", seenPolicy(hourly(7, 12)), noon.Add(time.Second), "", 0},
		{"a new policy waits for its first slot", seenPolicy(nil), hour(6).Add(time.Minute), "", 0},
		{"one for many that were missed", seenPolicy(hourly(7, 8)), noon.Add(time.Minute), "12:00", 3},
		{"while a point is being captured it waits", seenPolicy(append(hourly(7, 10), testkit.Point(hour(11).Add(55*time.Minute), both, testkit.Capturing))), noon.Add(time.Second), "", 0},
		{"a stuck capture holds it up only to its deadline", seenPolicy(append(hourly(7, 10), testkit.Point(hour(11), both, testkit.Capturing))), noon.Add(time.Second), "12:00", 0},
		{"a point that is being deleted does not hold it up", seenPolicy(append(hourly(7, 10), testkit.Point(hour(11).Add(55*time.Minute), both, testkit.Capturing, testkit.Going))), noon.Add(time.Second), "12:00", 0},
		{"suspended", seenPolicy(hourly(7, 11), suspended), noon.Add(time.Second), "", 0},
		{"a slot below the mark never comes again", seenPolicy(nil, func(b *api.BackupPolicy) { b.Status.LastSlot = metaTime(noon) }), noon.Add(time.Second), "", 0},
		{"nor when the clock is behind", seenPolicy(nil, func(b *api.BackupPolicy) { b.Status.LastSlot = metaTime(hour(15)) }), noon.Add(time.Second), "", 0},
		{"beyond the starting deadline", seenPolicy(hourly(7, 11), func(b *api.BackupPolicy) {
			b.Spec.Schedule.StartingDeadline = &metav1.Duration{Duration: time.Minute}
		}), noon.Add(2 * time.Minute), "", 1},
		{"a schedule that cannot be understood", seenPolicy(hourly(7, 11), func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "99 99 * * *" }), noon.Add(time.Second), "", 0},
		{"a slot that somebody wrote on a point of their own", seenPolicy([]*api.RecoveryPoint{testkit.Point(hour(11), both), forged(hour(20))}), noon.Add(time.Second), "12:00", 0},
		{"a slot that somebody wrote on a point that was captured", seenPolicy(append(hourly(7, 11), renamed(noon))), noon.Add(time.Second), "12:00", 0},
		{"the namespace goes", func() PolicyObserved { o := seenPolicy(hourly(7, 11)); o.NamespaceTerminating = true; return o }(), noon.Add(time.Second), "", 0},
		{"a point of a namesake that was deleted", seenPolicy(append(hourly(7, 11), testkit.Point(noon, both, ofOther))), noon.Add(time.Second), "12:00", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ForPolicy(c.seen, c.at)
			take := ""
			if got.Take != nil {
				take = got.Take.Slot.Format("15:04")
			}
			if take != c.take {
				t.Errorf("takes %q, want %q", take, c.take)
			}
			if got.Status.MissedSlots != c.missed {
				t.Errorf("counts %d missed, want %d", got.Status.MissedSlots, c.missed)
			}
			if got.Take != nil && !got.Status.LastSlot.Time.Equal(got.Take.Slot) {
				t.Errorf("lastSlot is %s", got.Status.LastSlot)
			}
			if c.seen.Policy.Status.LastSlot != nil && got.Status.LastSlot.Before(c.seen.Policy.Status.LastSlot) {
				t.Errorf("lastSlot fell to %s", got.Status.LastSlot)
			}
		})
	}
}

func forged(slot time.Time) *api.RecoveryPoint {
	p := testkit.Point(slot, both, testkit.Capturing)
	p.Name, p.Status, p.CreationTimestamp = "mine", api.RecoveryPointStatus{}, metav1.NewTime(hour(7))
	return p
}

// renamed is a point of a name of its own that bears a slot.
func renamed(slot time.Time) *api.RecoveryPoint {
	p := testkit.Point(slot, both)
	p.Name = "mine"
	return p
}

func ofOther(p *api.RecoveryPoint) {
	p.Status.Capture.PolicyUID, p.Labels[api.LabelPolicyUID] = "another", "another"
}

// TestEditingNeverFires: what is edited, resumed or created looks only ahead.
func TestEditingNeverFires(t *testing.T) {
	at := hour(12).Add(30 * time.Minute)
	for name, edit := range map[string]func(*api.BackupPolicy){
		"cron":      func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "15 * * * *" },
		"time zone": func(b *api.BackupPolicy) { b.Spec.Schedule.TimeZone = "Asia/Kolkata" },
		"resume":    func(b *api.BackupPolicy) { b.Spec.Suspend = false },
	} {
		t.Run(name, func(t *testing.T) {
			o := seenPolicy(hourly(7, 12), func(b *api.BackupPolicy) { b.Spec.Suspend = name == "resume" })
			o = settled(o, at)
			edit(o.Policy)
			later := at
			if name == "resume" {
				later = hour(14).Add(20 * time.Minute) // slots passed while it was suspended
			}
			if got := ForPolicy(o, later); got.Take != nil {
				t.Errorf("the edit fired slot %s", got.Take.Slot)
			}
		})
	}
}

// TestTakeFailed: a slot whose point could not be created stays due.
func TestTakeFailed(t *testing.T) {
	o := settled(seenPolicy(hourly(7, 11)), hour(11).Add(5*time.Minute))
	p := ForPolicy(o, noon.Add(time.Second))
	p.TakeFailed(o.Policy.Status)
	o.Policy.Status = p.Status
	if again := ForPolicy(o, noon.Add(2*time.Second)); again.Take == nil {
		t.Error("the slot is lost")
	}
}

func TestExpiry(t *testing.T) {
	at := hour(12).Add(time.Minute)
	edit := func(o PolicyObserved) PolicyObserved {
		o = settled(o, at)
		o.Policy.Spec.Retention.Last = 1
		return o
	}
	for _, c := range []struct {
		name   string
		seen   PolicyObserved
		at     time.Time
		shown  []string
		expire []string
	}{
		{"what nothing keeps is shown before it goes", seenPolicy(hourly(9, 12)), at, []string{"09:00"}, nil},
		{"and goes once it was shown", settled(seenPolicy(hourly(9, 12)), at), at.Add(time.Second), []string{"09:00"}, []string{"09:00"}},
		{"but not when it was another of that name", func() PolicyObserved {
			o := settled(seenPolicy(hourly(9, 12)), at)
			o.Policy.Status.Expiring[0].UID = "another"
			return o
		}(), at.Add(time.Second), []string{"09:00"}, nil},
		{"an edit is shown at once", edit(seenPolicy(hourly(10, 12))), at.Add(time.Second), []string{"10:00", "11:00"}, nil},
		{"and waits", settled(edit(seenPolicy(hourly(10, 12))), at.Add(time.Second)), at.Add(59 * time.Minute), []string{"10:00", "11:00"}, nil},
		{"and is applied after the grace period", settled(edit(seenPolicy(hourly(10, 12))), at.Add(time.Second)), at.Add(62 * time.Minute), []string{"10:00", "11:00"}, []string{"10:00", "11:00"}},
		{"a held point stays", seenPolicy([]*api.RecoveryPoint{testkit.Point(hour(8), both, testkit.Held), testkit.Point(hour(10), both), testkit.Point(hour(11), both), testkit.Point(hour(12), both)}), at, nil, nil},
		{"the newest proven point stays", seenPolicy(append([]*api.RecoveryPoint{testkit.Point(hour(8), both, testkit.Proven)}, hourly(10, 12)...)), at, nil, nil},
		{"an incomplete point pushes nothing out", seenPolicy(append(hourly(9, 11), testkit.Point(hour(12), both, testkit.Incomplete))), at, nil, nil},
		{"one being captured pushes nothing out", seenPolicy(append(hourly(9, 11), testkit.Point(hour(12), both, testkit.Capturing))), at, nil, nil},
		{"one being deleted pushes nothing out", seenPolicy(append(hourly(9, 11), testkit.Point(hour(12), both, testkit.Going))), at, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ForPolicy(c.seen, c.at)
			if shown := shownTimes(got.Status.Expiring); !slices.Equal(shown, c.shown) {
				t.Errorf("shows %v, want %v", shown, c.shown)
			}
			if gone := targetTimes(got.Expire); !slices.Equal(gone, c.expire) {
				t.Errorf("expires %v, want %v", gone, c.expire)
			}
			for _, e := range got.Expire {
				if !slices.ContainsFunc(c.seen.Policy.Status.Expiring, func(s api.ExpiringPoint) bool { return s.UID == e.UID }) {
					t.Errorf("%s goes without having been shown", e.Name)
				}
			}
		})
	}
}

// TestExpiryIsDated: what nothing keeps goes at the time that it was shown with, soonest first, and is looked at again then.
func TestExpiryIsDated(t *testing.T) {
	at := hour(12).Add(time.Minute)
	dates := func(p PolicyPlan) string {
		var out []string
		for _, e := range p.Status.Expiring {
			out = append(out, hourIn(e.Name)+" at "+e.At.Format("15:04"))
		}
		return strings.Join(out, ", ")
	}
	shown := func(p *api.RecoveryPoint, part string, at time.Time) api.ExpiringPoint {
		return api.ExpiringPoint{Name: p.Name, UID: string(p.UID), Part: part, At: metav1.NewTime(at)}
	}
	points := hourly(8, 12)
	strict := func(b *api.BackupPolicy) { b.Spec.Retention.Last = 1 }
	for name, c := range map[string]struct {
		mod  func(*PolicyObserved)
		want string
		wake time.Time
	}{
		"shown first, and looked at again at once": {func(*PolicyObserved) {}, "08:00 at 12:01, 09:00 at 12:01", at},
		"shown before": {func(o *PolicyObserved) {
			o.Policy.Status.Expiring = []api.ExpiringPoint{shown(points[1], "", at.Add(-5*time.Minute))}
		}, "09:00 at 11:56, 08:00 at 12:01", at},
		"another part of it was shown before": {func(o *PolicyObserved) {
			o.Policy.Status.Expiring = []api.ExpiringPoint{shown(points[1], PartSnapshots, at.Add(-5*time.Minute))}
		}, "08:00 at 12:01, 09:00 at 12:01", at},
		"an edit has its grace, whatever was shown": {func(o *PolicyObserved) {
			*o = settled(*o, at)
			strict(o.Policy)
			o.Settings.Grace = 10 * time.Minute
		}, "08:00 at 12:11, 09:00 at 12:11, 10:00 at 12:11, 11:00 at 12:11", at.Add(10 * time.Minute)},
		"what was lost has the grace too, and what was never whole has none": {func(o *PolicyObserved) {
			never, gone := testkit.Point(hour(8), both, testkit.Incomplete), testkit.Point(hour(9), both, lost)
			gone.Status.Volumes = []api.VolumeRecord{{Claim: "data", Reason: api.ReasonRecoveryPointVanished}}
			o.Points = append([]*api.RecoveryPoint{never, gone}, points[2:]...)
			*o = settled(*o, at)
			strict(o.Policy)
			o.Settings.Grace = 10 * time.Minute
		}, "08:00 at 12:01, 09:00 at 12:11, 10:00 at 12:11, 11:00 at 12:11", at.Add(10 * time.Minute)},
		"a young policy as it was created owes none": {func(o *PolicyObserved) {
			o.Policy.CreationTimestamp = metav1.NewTime(hour(7).Add(59 * time.Minute))
			o.Settings.Grace = 12 * time.Hour
			strict(o.Policy)
		}, "08:00 at 12:01, 09:00 at 12:01, 10:00 at 12:01, 11:00 at 12:01", at},
		"while one is restored": {func(o *PolicyObserved) {
			o.Points = points[1:]
			o.Restores = []*api.Restore{{Status: api.RestoreStatus{Run: &api.RestoreRun{RecoveryPoint: api.DrilledPoint{UID: string(points[1].UID)}}}}}
		}, "09:00 at 12:01", at.Add(waitAgain)},
		"a capture under way of which nothing is known": {func(o *PolicyObserved) {
			p := testkit.Point(noon.Add(30*time.Second), both, testkit.Capturing)
			p.Status.Conditions = []metav1.Condition{{Type: api.ConditionComplete, Status: metav1.ConditionUnknown}}
			o.Points = append(slices.Clone(points), p)
		}, "08:00 at 12:01, 09:00 at 12:01", at},
		"a slot of copies comes first": {func(o *PolicyObserved) {
			to("a", "2 12 * * *", nil)(o.Policy)
			o.Points = hourly(12, 12)
		}, "", at.Add(time.Minute)},
		"one that never began": {func(o *PolicyObserved) {
			p := testkit.Point(hour(9).Add(30*time.Minute), both, testkit.Incomplete)
			p.Status.Capture = nil
			o.Points = append(slices.Clone(points[1:]), p)
		}, "09:00 at 12:01, 09:00 at 12:01", at},
	} {
		t.Run(name, func(t *testing.T) {
			o := seenPolicy(points)
			c.mod(&o)
			p := ForPolicy(o, at)
			if got := dates(p); got != c.want || !p.Wake.Equal(c.wake) {
				t.Errorf("it shows %s, and wakes at %s", got, p.Wake)
			}
		})
	}
}

// TestTheLastOfAClaimStays: of a claim that is selected its last point stays, whatever newer points of others there are.
func TestTheLastOfAClaimStays(t *testing.T) {
	one := func(b *api.BackupPolicy) { b.Spec.Retention = api.Retention{Last: 1, Minimum: 1} }
	o := seenPolicy([]*api.RecoveryPoint{testkit.Point(hour(10), both), testkit.Point(hour(11), both[:1]), testkit.Point(noon, both[:1])}, one)
	at := noon.Add(time.Minute)
	if got := shownTimes(ForPolicy(o, at).Status.Expiring); !slices.Equal(got, []string{"11:00"}) {
		t.Errorf("it shows %v", got)
	}
	if f := policyFacts(o, at); f.protection[0].until.IsZero() || f.protection[1].until.IsZero() || !f.protection[1].from.Equal(hour(10)) {
		t.Errorf("protected are %+v", f.protection)
	}
	for _, c := range lineages(o.Claims) {
		if !slices.Contains(names.Members(o.Points[0].Status.Capture.ClaimSet), c) {
			t.Errorf("a claim that is selected is called %q", c)
		}
	}
}

// TestWhoseAndWhen: a point is of the policy that it was frozen for, and as old as its data.
func TestWhoseAndWhen(t *testing.T) {
	manual := testkit.Point(hour(9), both, func(p *api.RecoveryPoint) { p.Spec.Slot, p.Status.Capture = nil, nil })
	slot := testkit.Point(hour(9), both, func(p *api.RecoveryPoint) { p.Status.Capture = nil })
	if PolicyUID(manual) != "" || PolicyUID(slot) != "policy-1" || PolicyUID(testkit.Point(hour(9), both)) != "policy-1" {
		t.Error("points are another policy's")
	}
	begun := testkit.Point(hour(9), both, testkit.Capturing, func(p *api.RecoveryPoint) { p.Status.Capture.StartedAt = metav1.NewTime(hour(10)) })
	asked := testkit.Point(hour(9), both, func(p *api.RecoveryPoint) { p.Status = api.RecoveryPointStatus{} })
	if !At(begun).Equal(hour(10)) || !At(asked).Equal(hour(9)) || !At(testkit.Point(hour(8), both)).Equal(hour(8)) {
		t.Errorf("they are of %s and %s", At(begun), At(asked))
	}
	b := testkit.Policy(func(b *api.BackupPolicy) {
		b.CreationTimestamp, b.Spec.Schedule.Jitter = metav1.NewTime(hour(6)), &metav1.Duration{Duration: 10 * time.Minute}
	})
	f := policyFacts(PolicyObserved{Policy: b}, noon)
	if end := objectiveEnd(b, f, hour(9)); f.jitter == 0 || !end.Equal(hour(11).Add(f.jitter+DefaultTimeout)) {
		t.Errorf("data of 09:00 are good until %s", end)
	}
	label := func(uid string) testkit.Mod[api.RestoreDrill] {
		return func(d *api.RestoreDrill) { d.Labels = map[string]string{api.LabelPolicyUID: uid} }
	}
	for name, c := range map[string]struct {
		drill *api.RestoreDrill
		want  int
	}{
		"one that names it":                 {aDrill(), 1},
		"one that was made for it":          {aDrill(label("policy-1")), 1},
		"one that was made for a namesake":  {aDrill(label("another")), 0},
		"one that names another":            {aDrill(func(d *api.RestoreDrill) { d.Spec.Policy.Name = "mail" }), 0},
		"one that is older":                 {aDrill(func(d *api.RestoreDrill) { d.CreationTimestamp = metav1.NewTime(hour(5)) }), 0},
		"one that was begun for it":         {oneEnded("x", api.VerdictPassed, noon), 1},
		"one that was begun for a namesake": {oneEnded("x", api.VerdictPassed, noon, func(d *api.RestoreDrill) { d.Status.Run.PolicyUID = "another" }), 0},
	} {
		if got := drillsOf(b, []*api.RestoreDrill{c.drill}); len(got) != c.want {
			t.Errorf("%s is ours: %t", name, len(got) > 0)
		}
	}
}

// hourIn reads the time out of the name of a point.
func hourIn(name string) string { return name[len("web-20260302-"):][:2] + ":00" }

func shownTimes(list []api.ExpiringPoint) (out []string) {
	for _, e := range list {
		out = append(out, hourIn(e.Name))
	}
	return out
}

func targetTimes(list []Target) (out []string) {
	for _, e := range list {
		out = append(out, hourIn(e.Name))
	}
	return out
}

// TestExpiryIsFrozenInDoubt: while anything is unclear nothing is shown and nothing goes.
func TestExpiryIsFrozenInDoubt(t *testing.T) {
	at := hour(12).Add(time.Minute)
	calm := settled(seenPolicy(hourly(8, 12)), at)
	if len(ForPolicy(calm, at.Add(time.Second)).Expire) == 0 {
		t.Fatal("nothing expires even when all is clear")
	}
	for name, doubt := range map[string]func(*PolicyObserved){
		"suspended":               func(o *PolicyObserved) { o.Policy.Spec.Suspend = true },
		"the namespace goes":      func(o *PolicyObserved) { o.NamespaceTerminating = true },
		"no snapshot API":         func(o *PolicyObserved) { o.Cluster.Snapshots = false },
		"the selection is empty":  func(o *PolicyObserved) { o.Claims = nil },
		"the schedule is invalid": func(o *PolicyObserved) { o.Policy.Spec.Schedule.TimeZone = "Mars/Olympus" },
		"a point is unknown": func(o *PolicyObserved) {
			p := o.Points[4].DeepCopy()
			p.Status.Conditions[0].Status = metav1.ConditionUnknown
			o.Points = append(slices.Clone(o.Points[:4]), p)
		},
		"the clock is behind": func(o *PolicyObserved) {
			o.Points = append(slices.Clone(o.Points), testkit.Point(hour(18), both))
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := calm
			o.Policy = calm.Policy.DeepCopy()
			doubt(&o)
			if got := ForPolicy(o, at.Add(time.Second)); len(got.Expire) > 0 || len(got.Status.Expiring) > 0 {
				t.Errorf("expires %v, shows %v", got.Expire, got.Status.Expiring)
			}
		})
	}
}

func TestKeepChanges(t *testing.T) {
	points := hourly(10, 12)
	o := seenPolicy(points)
	at := hour(12).Add(time.Minute)
	changes := ForPolicy(o, at).Keep
	if len(changes) != 3 {
		t.Fatalf("%d points get reasons, want 3", len(changes))
	}
	for _, c := range ForPolicy(seenCopies(hourly(10, 12), to("a", "", nil)), at).Keep {
		if !c.Parted {
			t.Errorf("of a policy with copies %s is kept as a whole", c.Name)
		}
	}
	for _, c := range changes {
		if c.Parted {
			t.Errorf("of a policy without copies %s is kept in parts", c.Name)
		}
		for _, p := range points {
			if string(p.UID) == c.UID {
				p.Status.Keep = c.Reasons
			}
		}
	}
	if again := ForPolicy(o, at).Keep; len(again) > 0 {
		t.Errorf("reasons that are written are written again: %v", again)
	}
	if !slices.Contains(points[2].Status.Keep, "last") || !slices.Contains(points[2].Status.Keep, "minimum") {
		t.Errorf("the newest point is kept for %v", points[2].Status.Keep)
	}
}

func TestProtected(t *testing.T) {
	rpo := func(d time.Duration) testkit.Mod[api.BackupPolicy] {
		return func(b *api.BackupPolicy) {
			b.Spec.Objectives = &api.Objectives{RecoveryPoint: &metav1.Duration{Duration: d}}
		}
	}
	at := noon.Add(30 * time.Minute)
	for _, c := range []struct {
		name string
		seen PolicyObserved
		want string
	}{
		{"recent enough", seenPolicy(hourly(12, 12), rpo(31*time.Minute)), "True/ObjectiveMet"},
		{"too old, by the second", seenPolicy(hourly(12, 12), rpo(30*time.Minute)), "False/ObjectiveMissed"},
		{"never", seenPolicy(nil), "False/NeverSucceeded"},
		{"two slots may pass without an objective", seenPolicy(hourly(11, 11)), "True/ObjectiveMet"},
		{"three may not", seenPolicy(hourly(9, 9)), "False/ObjectiveMissed"},
		{"an incomplete point protects nothing", seenPolicy([]*api.RecoveryPoint{testkit.Point(noon, both, testkit.Incomplete)}), "False/NeverSucceeded"},
		{"nor does one of which something was captured, and older ones count", seenPolicy([]*api.RecoveryPoint{testkit.Point(hour(11), both), testkit.Point(noon, both, testkit.Incomplete, func(p *api.RecoveryPoint) {
			p.Status.PointInTime = metaTime(noon)
		})}, rpo(31*time.Minute)), "False/ObjectiveMissed"},
		{"one claim is in no point", seenPolicy([]*api.RecoveryPoint{testkit.Point(noon, []string{"data"})}), "False/VolumeNotCaptured"},
		{"a claim that was made anew is another", func() PolicyObserved {
			o := seenPolicy(hourly(12, 12))
			o.Claims[1].UID = "new"
			return o
		}(), "False/VolumeNotCaptured"},
		{"a claim that is named and missing", seenPolicy(hourly(12, 12), func(b *api.BackupPolicy) {
			b.Spec.Volumes = api.VolumeSelection{Claims: []string{"data", "logs", "gone"}}
		}), "False/VolumeNotCaptured"},
		{"nothing is selected", func() PolicyObserved { o := seenPolicy(hourly(12, 12)); o.Claims = nil; return o }(), "False/PolicySelectsNothing"},
		{"suspended, and the last is recent", seenPolicy(hourly(12, 12), func(b *api.BackupPolicy) { b.Spec.Suspend = true }), "True/ObjectiveMet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ForPolicy(c.seen, at)
			k := meta.FindStatusCondition(got.Status.Conditions, api.ConditionProtected)
			if k == nil || string(k.Status)+"/"+k.Reason != c.want {
				t.Errorf("Protected is %v, want %s", k, c.want)
			}
			if k.Status == metav1.ConditionTrue && (got.Wake.IsZero() || !got.Wake.After(at)) {
				t.Errorf("nothing looks when the objective ends: wake %s", got.Wake)
			}
		})
	}
}

// TestProtectedTurnsOnTime: the plan wakes at the very instant at which the objective is missed.
func TestProtectedTurnsOnTime(t *testing.T) {
	o := seenPolicy(hourly(12, 12), func(b *api.BackupPolicy) {
		b.Spec.Objectives = &api.Objectives{RecoveryPoint: &metav1.Duration{Duration: 40 * time.Minute}}
	})
	wake := ForPolicy(o, noon.Add(time.Minute)).Wake
	if want := noon.Add(40 * time.Minute); !wake.Equal(want) {
		t.Fatalf("wakes at %s, want %s", wake, want)
	}
	if k := meta.FindStatusCondition(ForPolicy(o, wake).Status.Conditions, api.ConditionProtected); k.Status != metav1.ConditionFalse {
		t.Errorf("and finds it %s", k.Status)
	}
}

// TestNeverDueKeepsItsWord is of a schedule that was edited into one that is never due: the points there are have an age, and no
// objective that could be counted in slots.
func TestNeverDueKeepsItsWord(t *testing.T) {
	o := seenPolicy(nil, func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "0 0 31 2 *" })
	o.Points = []*api.RecoveryPoint{testkit.Point(noon.Add(-time.Hour), []string{"data"})}
	for i := range o.Claims {
		o.Claims[i].UID = testkit.ClaimUID(o.Claims[i].Name)
	}
	got := ForPolicy(o, noon)
	c := meta.FindStatusCondition(got.Status.Conditions, api.ConditionProtected)
	if c == nil || c.Status == metav1.ConditionTrue || strings.Contains(c.Message, "may be -") || !strings.Contains(c.Message, "cron is never due") {
		t.Errorf("Protected is %v", c)
	}
}

func TestReady(t *testing.T) {
	withSnapshot := func(s api.SnapshotOptions) testkit.Mod[api.BackupPolicy] {
		return func(b *api.BackupPolicy) { b.Spec.Snapshot = &s }
	}
	for _, c := range []struct {
		name string
		seen PolicyObserved
		want string
	}{
		{"all is well", seenPolicy(nil), "True/Ready"},
		{"suspended", seenPolicy(nil, func(b *api.BackupPolicy) { b.Spec.Suspend = true }), "True/Suspended"},
		{"never due", seenPolicy(nil, func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "0 0 31 2 *" }), "False/InvalidSchedule"},
		{"no snapshot API", func() PolicyObserved { o := seenPolicy(nil); o.Cluster = Cluster{}; return o }(), "False/SnapshotAPIMissing"},
		{"hooks, and the operator runs without", func() PolicyObserved {
			o := seenPolicy(nil, withSnapshot(api.SnapshotOptions{Hooks: []api.Hook{{Name: "h"}}}))
			o.Settings.HooksEnabled = false
			return o
		}(), "False/HooksDisabled"},
		{"a group where none are served", seenPolicy(nil, withSnapshot(api.SnapshotOptions{Consistency: api.ConsistencyGroup})), "False/GroupUnsupported"},
		{"a preferred group where none are served", seenPolicy(nil, withSnapshot(api.SnapshotOptions{Consistency: api.ConsistencyPreferGroup})), "True/Ready"},
		{"a volume that is not CSI", func() PolicyObserved { o := seenPolicy(nil); o.Claims[0].Driver = ""; return o }(), "False/UnsnapshotableVolume"},
		{"the namespace goes", func() PolicyObserved { o := seenPolicy(nil); o.NamespaceTerminating = true; return o }(), "False/NamespaceTerminating"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ForPolicy(c.seen, noon)
			k := meta.FindStatusCondition(got.Status.Conditions, api.ConditionReady)
			if k == nil || string(k.Status)+"/"+k.Reason != c.want {
				t.Errorf("Ready is %v, want %s", k, c.want)
			}
			stalled := meta.IsStatusConditionTrue(got.Status.Conditions, api.ConditionStalled)
			if stalled != strings.HasPrefix(c.want, "False") {
				t.Errorf("Stalled is %t", stalled)
			}
		})
	}
}

func TestDeletedPolicy(t *testing.T) {
	points := append(hourly(9, 11), testkit.Point(hour(12), both, testkit.Held), testkit.Point(hour(8), both, testkit.Going), testkit.Point(hour(7), both, ofOther))
	for _, c := range []struct {
		name     string
		seen     PolicyObserved
		expire   []string
		finished bool
	}{
		{"Retain keeps all", seenPolicy(points), nil, true},
		{"Prune expires all but those on hold, gone or another's", seenPolicy(points, func(b *api.BackupPolicy) { b.Spec.OnDelete = api.OnDeletePrune }), []string{"09:00", "10:00", "11:00"}, true},
		{"in a namespace that goes, Prune keeps all", func() PolicyObserved {
			o := seenPolicy(points, func(b *api.BackupPolicy) { b.Spec.OnDelete = api.OnDeletePrune })
			o.NamespaceTerminating = true
			return o
		}(), nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ForDeletedPolicy(c.seen)
			if gone := targetTimes(got.Expire); !slices.Equal(gone, c.expire) {
				t.Errorf("expires %v, want %v", gone, c.expire)
			}
			if got.Finalizer != FinalizerRelease {
				t.Errorf("finalizer: %q", got.Finalizer)
			}
		})
	}
}
