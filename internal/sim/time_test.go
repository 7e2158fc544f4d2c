// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// slots are those for which points were created, in order.
func (w *World) slots() []string {
	var out []string
	for _, e := range w.Told {
		if e.Reason == api.ReasonPointCreated {
			out = append(out, e.Sentence[strings.LastIndex(e.Sentence, " ")+1:])
		}
	}
	return out
}

func start(t *testing.T, at time.Time, mods ...testkit.Mod[api.BackupPolicy]) *World {
	t.Helper()
	w := New(at, "data")
	w.Apply(testkit.Policy(mods...))
	w.Start(nil, nil)
	return w
}

func run(t *testing.T, w *World, d time.Duration) {
	t.Helper()
	if err := w.Run(d); err != nil {
		t.Fatal(err)
	}
}

func expectSlots(t *testing.T, w *World, want ...string) {
	t.Helper()
	if got := w.slots(); !slices.Equal(got, want) {
		t.Errorf("slots that were run:\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
	}
	w.Checks.AtRest()
	for _, f := range w.Checks.Found {
		t.Error(f)
	}
}

func schedule(cron, zone string) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) { b.Spec.Schedule = api.Schedule{Cron: cron, TimeZone: zone} }
}

func TestNightOfTheClockChange(t *testing.T) {
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, c := range []struct {
		name, cron, from string
		want             []string
	}{
		{"autumn, a time that comes twice runs once", "30 2 * * *", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z"}},
		{"spring, a time that does not come runs when the gap ends", "30 2 * * *", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z"}},
		{"autumn, an hourly policy runs in each real hour", "0 * * * *", "2026-10-24T22:30:00Z",
			[]string{"2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, at(c.from), schedule(c.cron, "Europe/Berlin"))
			d := 20 * time.Hour
			if c.cron == "0 * * * *" {
				d = 4 * time.Hour
			}
			run(t, w, d)
			expectSlots(t, w, c.want...)
		})
	}
}

func TestTenDaysOfOutage(t *testing.T) {
	w := start(t, monday)
	run(t, w, 2*time.Hour+30*time.Minute)
	w.operators = nil
	run(t, w, 240*time.Hour)
	before := w.Policy("web")
	w.Start(nil, nil)
	if err := w.Tick(); err != nil {
		t.Fatal(err)
	}
	if b := w.Policy("web"); condition(b.Status.Conditions, api.ConditionProtected) != "False/ObjectiveMissed" {
		t.Errorf("after the outage Protected is %s, and was %s", condition(b.Status.Conditions, api.ConditionProtected), condition(before.Status.Conditions, api.ConditionProtected))
	}
	run(t, w, 10*time.Minute)
	b := w.Policy("web")
	if got := condition(b.Status.Conditions, api.ConditionProtected); got != "True/ObjectiveMet" {
		t.Errorf("after the catch-up Protected is %s", got)
	}
	if b.Status.MissedSlots != 239 {
		t.Errorf("%d slots are counted as missed, want 239", b.Status.MissedSlots)
	}
	expectSlots(t, w, "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", "2026-03-12T02:00:00Z")
}

func TestOutageBeyondTheStartingDeadline(t *testing.T) {
	w := start(t, monday, func(b *api.BackupPolicy) {
		b.Spec.Schedule.StartingDeadline = &metav1.Duration{Duration: 10 * time.Minute}
	})
	run(t, w, 90*time.Minute)
	w.operators = nil
	run(t, w, 2*time.Hour)
	w.Start(nil, nil)
	run(t, w, time.Minute)
	expectSlots(t, w, "2026-03-02T01:00:00Z")
	if n := w.Policy("web").Status.MissedSlots; n != 2 {
		t.Errorf("%d slots are counted as missed, want 2", n)
	}
	run(t, w, 40*time.Minute)
	expectSlots(t, w, "2026-03-02T01:00:00Z", "2026-03-02T04:00:00Z")
}

func TestClockJumpsForward(t *testing.T) {
	w := start(t, monday, last(2))
	run(t, w, 3*time.Hour+30*time.Minute)
	w.Clock.SetTime(w.Clock.Now().Add(400 * 24 * time.Hour))
	run(t, w, time.Minute)
	if n := len(w.slots()); n != 4 {
		t.Errorf("a jump forward ran %d slots, want one catch-up", n-3)
	}
	completePoints(2)(t, w)
}

// TestClockJumpsBack: while the clock is behind what was already done nothing runs again, and nothing expires; once it
// has passed the mark all goes on.
func TestClockJumpsBack(t *testing.T) {
	w := start(t, monday, last(2))
	run(t, w, 5*time.Hour+30*time.Minute)
	names := func() (out []string) {
		for _, p := range w.Points() {
			out = append(out, p.Name)
		}
		return out
	}
	before, ran := names(), len(w.slots())
	w.Clock.SetTime(w.Clock.Now().Add(-4 * time.Hour))
	w.operators[0].wakeAll()
	run(t, w, 3*time.Hour)
	if len(w.slots()) != ran || !slices.Equal(names(), before) {
		t.Errorf("while the clock is behind, points went from %v to %v and slots %v were run", before, names(), w.slots()[ran:])
	}
	run(t, w, 90*time.Minute)
	if got := w.slots()[ran:]; !slices.Equal(got, []string{"2026-03-02T06:00:00Z"}) {
		t.Errorf("once the clock has passed the mark it ran %v", got)
	}
	w.Checks.AtRest()
	for _, f := range w.Checks.Found {
		t.Error(f)
	}
}

// TestSlotIsNotRunAgainAfterItsPointWasDeleted: the operator is killed between the creation of a point and the note of
// it in the policy. A user deletes that point, which did not become complete; its slot does not come again.
func TestSlotIsNotRunAgainAfterItsPointWasDeleted(t *testing.T) {
	w := start(t, monday, timeout(time.Minute))
	w.Storage.Scripts["data"] = testkit.Script{Never: true}
	run(t, w, 59*time.Minute)
	var o *Operator
	var hit testkit.Call
	o = w.Start(faults()[1].at(1, &o, &hit), nil)
	run(t, w, 20*time.Minute)
	if hit.Verb != testkit.Create {
		t.Fatalf("the operator was killed at %s, want at the creation of a point", hit)
	}
	for _, p := range w.Points() {
		w.Delete(&p)
	}
	run(t, w, 20*time.Minute)
	if p := w.Points(); len(p) > 0 {
		t.Errorf("point %s came again", p[0].Name)
	}
	w.Checks.AtRest()
	for _, f := range w.Checks.Found {
		t.Error(f)
	}
}

func condition(list []metav1.Condition, kind string) string {
	for _, c := range list {
		if c.Type == kind {
			return string(c.Status) + "/" + c.Reason
		}
	}
	return "absent"
}

func TestSuspendFreezesEverything(t *testing.T) {
	w := start(t, monday, last(2))
	run(t, w, 3*time.Hour+30*time.Minute)
	w.Edit("web", func(b *api.BackupPolicy) { b.Spec.Suspend, b.Spec.Retention.Last = true, 1 })
	run(t, w, 5*time.Hour)
	completePoints(2)(t, w)
	w.Edit("web", func(b *api.BackupPolicy) { b.Spec.Suspend = false })
	run(t, w, 10*time.Minute)
	expectSlots(t, w, "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", "2026-03-02T03:00:00Z")
	run(t, w, 30*time.Minute)
	expectSlots(t, w, "2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z", "2026-03-02T03:00:00Z", "2026-03-02T09:00:00Z")
}

// TestPermanentFailureIsNotAHotLoop: a storage system that never answers costs a bounded number of requests.
func TestPermanentFailureIsNotAHotLoop(t *testing.T) {
	w := start(t, monday, timeout(time.Minute))
	w.Storage.Scripts["data"] = testkit.Script{Never: true}
	run(t, w, 24*time.Hour)
	slots := len(w.slots())
	if slots != 24 {
		t.Errorf("%d slots were run, want 24: a failure must not silence the schedule", slots)
	}
	if most := 40 * slots; w.operators[0].Changes > most {
		t.Errorf("%d requests to change something in a day of failures, want at most %d", w.operators[0].Changes, most)
	}
	if n := len(w.Points()); n > 5 {
		t.Errorf("%d incomplete points are there, want a few", n)
	}
	if got := condition(w.Policy("web").Status.Conditions, api.ConditionProtected); got != "False/NeverSucceeded" {
		t.Errorf("Protected is %s", got)
	}
	w.Checks.AtRest()
	for _, f := range w.Checks.Found {
		t.Error(f)
	}
}

// TestContentsDeletedOutOfBand: what the storage system lost is not complete, counts for nothing, and evicts nothing.
func TestContentsDeletedOutOfBand(t *testing.T) {
	w := start(t, monday, last(2))
	run(t, w, 2*time.Hour+30*time.Minute)
	w.Checks.Lossy = true
	s := w.Snapshots()
	newest := &s[len(s)-1]
	if err := w.Storage.Lose(t.Context(), newest); err != nil {
		t.Fatal(err)
	}
	run(t, w, time.Minute)
	lost := w.Points()[1]
	if got := condition(lost.Status.Conditions, api.ConditionComplete); got != "False/RecoveryPointVanished" {
		t.Errorf("the point whose content is gone is %s", got)
	}
	completePoints(1)(t, w)
	if n := w.Policy("web").Status.RecoveryPoints; n.Complete != 1 || n.Failed != 1 {
		t.Errorf("the policy counts %+v", n)
	}
}
