// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

func lasts(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// rich is a policy that promises something of everything.
func rich(mods ...testkit.Mod[api.BackupPolicy]) *api.BackupPolicy {
	return testkit.Policy(append([]testkit.Mod[api.BackupPolicy]{func(b *api.BackupPolicy) {
		b.Spec.Retention = api.Retention{Last: 3, Hourly: 24, Daily: 7, Weekly: 4, Monthly: 12, Yearly: 2, Minimum: 2}
		b.Spec.Objectives = &api.Objectives{RecoveryPoint: lasts(2 * hour), RecoveryTime: lasts(hour), ProofWithin: lasts(48 * hour), CopyWithin: lasts(24 * hour)}
		b.Spec.Drill = &api.Drill{Cron: "0 3 * * *", From: api.FromCopy}
		b.Spec.Copies = []api.CopyTarget{{Name: "offsite"}, {Name: "cold"}}
	}}, mods...)...)
}

// TestWeaker edits one thing at a time.
func TestWeaker(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(b *api.BackupPolicy)
		says []string // in this order; none when the edit is not weaker
	}{
		{"nothing", func(*api.BackupPolicy) {}, nil},
		{"a rarer schedule", func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "0 */2 * * *" }, []string{"the longest time between two slots was 1h0m0s and is 2h0m0s"}},
		{"a schedule of weekdays", func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "*/5 * * * 1-5" }, []string{"between two slots was 1h0m0s and is 48h5m0s"}},
		{"a schedule that leaves the nights out", func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "0 8-18 * * *" }, []string{"and is 14h0m0s"}},
		{"no slot at all", func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "0 0 31 2 *" }, []string{"between two slots was 1h0m0s and is not promised any more"}},
		{"another minute", func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "7 * * * *" }, nil},
		{"a finer schedule", func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "*/15 * * * *" }, nil},
		{"an older point", func(b *api.BackupPolicy) { b.Spec.Objectives.RecoveryPoint = lasts(3 * hour) }, []string{"objectives.recoveryPoint was 2h0m0s and is 3h0m0s"}},
		{"no age of points", func(b *api.BackupPolicy) { b.Spec.Objectives.RecoveryPoint = nil }, []string{"objectives.recoveryPoint was 2h0m0s and is not promised any more"}},
		{"a slower recovery", func(b *api.BackupPolicy) { b.Spec.Objectives.RecoveryTime = lasts(2 * hour) }, []string{"objectives.recoveryTime was 1h0m0s and is 2h0m0s"}},
		{"any recovery", func(b *api.BackupPolicy) { b.Spec.Objectives.RecoveryTime = nil }, []string{"objectives.recoveryTime was 1h0m0s and is not"}},
		{"a faster recovery", func(b *api.BackupPolicy) { b.Spec.Objectives.RecoveryTime = lasts(time.Minute) }, nil},
		{"proofs may be a week old", func(b *api.BackupPolicy) { b.Spec.Objectives.ProofWithin = nil }, []string{"objectives.proofWithin was 48h0m0s and is 168h0m0s"}},
		{"no objectives", func(b *api.BackupPolicy) { b.Spec.Objectives = nil }, []string{"recoveryPoint", "recoveryTime", "copyWithin", "proofWithin"}},
		{"rarer drills", func(b *api.BackupPolicy) { b.Spec.Drill.Cron = "0 3 * * 0" }, []string{"between two drills was 24h0m0s and is 168h0m0s"}},
		{"no drill", func(b *api.BackupPolicy) { b.Spec.Drill = nil }, []string{"between two drills was 24h0m0s and is not promised", "the required proof was Intact and is Restored", "spec.fingerprint was Every and is None", "drill.from was Copy and is not promised any more"}},
		{"rehearsing snapshots", func(b *api.BackupPolicy) { b.Spec.Drill.From = "" }, []string{"drill.from was Copy and is Snapshot"}},
		{"older copies", func(b *api.BackupPolicy) { b.Spec.Objectives.CopyWithin = lasts(25 * hour) }, []string{"objectives.copyWithin was 24h0m0s and is 25h0m0s"}},
		{"copies of any age", func(b *api.BackupPolicy) { b.Spec.Objectives.CopyWithin = nil }, []string{"objectives.copyWithin was 24h0m0s and is not promised any more"}},
		{"younger copies", func(b *api.BackupPolicy) { b.Spec.Objectives.CopyWithin = lasts(hour) }, nil},
		{"one target less", func(b *api.BackupPolicy) { b.Spec.Copies = b.Spec.Copies[:1] }, []string{"copies to cold are not promised any more"}},
		{"no copies", func(b *api.BackupPolicy) { b.Spec.Copies = nil }, []string{"copies to cold, offsite are not promised any more"}},
		{"another target in place of one", func(b *api.BackupPolicy) { b.Spec.Copies[0].Name = "elsewhere" }, []string{"copies to offsite are not"}},
		{"one target more, in another order", func(b *api.BackupPolicy) {
			b.Spec.Copies = []api.CopyTarget{{Name: "cold"}, {Name: "third"}, {Name: "offsite"}}
		}, nil},
		{"a shallower proof", func(b *api.BackupPolicy) { b.Spec.Objectives.RequiredProof = api.LevelRestored }, []string{"the required proof was Intact and is Restored"}},
		{"a deeper proof", func(b *api.BackupPolicy) { b.Spec.Objectives.RequiredProof = api.LevelConsistent }, nil},
		{"some fingerprints", func(b *api.BackupPolicy) { b.Spec.Fingerprint = api.FingerprintSampled }, []string{"spec.fingerprint was Every and is Sampled"}},
		{"last", func(b *api.BackupPolicy) { b.Spec.Retention.Last-- }, []string{"retention.last was 3 and is 2"}},
		{"hourly", func(b *api.BackupPolicy) { b.Spec.Retention.Hourly-- }, []string{"retention.hourly was 24 and is 23"}},
		{"daily", func(b *api.BackupPolicy) { b.Spec.Retention.Daily-- }, []string{"retention.daily was 7 and is 6"}},
		{"weekly", func(b *api.BackupPolicy) { b.Spec.Retention.Weekly-- }, []string{"retention.weekly was 4 and is 3"}},
		{"monthly", func(b *api.BackupPolicy) { b.Spec.Retention.Monthly-- }, []string{"retention.monthly was 12 and is 11"}},
		{"yearly", func(b *api.BackupPolicy) { b.Spec.Retention.Yearly = 0 }, []string{"retention.yearly was 2 and is 0"}},
		{"minimum", func(b *api.BackupPolicy) { b.Spec.Retention.Minimum = 0 }, []string{"retention.minimum was 2 and is 1"}}, // it cannot be less
		{"more of all", func(b *api.BackupPolicy) {
			b.Spec.Retention = api.Retention{Last: 4, Hourly: 25, Daily: 8, Weekly: 5, Monthly: 13, Yearly: 3, Minimum: 3}
		}, nil},
		{"some more and some less", func(b *api.BackupPolicy) { b.Spec.Retention.Daily, b.Spec.Retention.Weekly = 70, 1 }, []string{"retention.weekly was 4 and is 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			was, is := PromiseOf(rich(), api.LevelIntact), promised(rich(c.edit))
			less := Weaker(was, is)
			if len(less) != len(c.says) {
				t.Fatalf("it says %q", less)
			}
			for i := range less {
				if !strings.Contains(less[i], c.says[i]) {
					t.Errorf("it says %q, which lacks %q", less[i], c.says[i])
				}
			}
		})
	}
}

// promised is what a policy promises, with the level as the plan finds it for a drill without checks.
func promised(b *api.BackupPolicy) api.Promise {
	required := api.LevelIntact
	switch {
	case b.Spec.Objectives != nil && b.Spec.Objectives.RequiredProof != "":
		required = b.Spec.Objectives.RequiredProof
	case b.Spec.Drill == nil:
		required = api.LevelRestored
	}
	return PromiseOf(b, required)
}

// TestPromiseWithoutProofs: a policy that rehearses nothing promises no level and no age of proofs, so that a first drill is no less.
func TestPromiseWithoutProofs(t *testing.T) {
	is := promised(testkit.Policy())
	if is.Objectives != (api.Objectives{}) || is.DrillInterval != nil || is.Interval.Duration != hour || is.Fingerprint != api.FingerprintNone {
		t.Errorf("it promises %+v", is)
	}
	if less := Weaker(is, promised(testkit.Policy(func(b *api.BackupPolicy) { b.Spec.Drill = &api.Drill{Cron: "@monthly"} }))); len(less) > 0 {
		t.Errorf("a first drill is less: %q", less)
	}
}

func TestAccepted(t *testing.T) {
	for value, want := range map[string]int64{"": 0, "3": 3, "yes": 0, "3 ": 0, "99999999999999999999": 0, "-1": -1} {
		b := testkit.Policy(func(b *api.BackupPolicy) { b.Annotations = map[string]string{api.AnnotationAcceptWeakening: value} })
		if got := Accepted(b); got != want {
			t.Errorf("%q accepts generation %d, want %d", value, got, want)
		}
	}
}

// TestStrongest follows a policy from edit to edit.
func TestStrongest(t *testing.T) {
	at0, at1 := noon, noon.Add(hour)
	first := promised(rich())
	weak := promised(rich(func(b *api.BackupPolicy) { b.Generation, b.Spec.Retention.Daily, b.Spec.Retention.Weekly = 2, 1, 52 }))

	kept := Strongest(nil, first, 0, at0)
	if !reflect.DeepEqual(*kept, first) {
		t.Fatalf("the first promise is kept as %+v", kept)
	}
	kept = Strongest(kept, weak, 0, at0)
	if kept.Since == nil || !kept.Since.Time.Equal(at0) || kept.Retention.Daily != 7 || kept.Retention.Weekly != 52 {
		t.Fatalf("after a mixed edit it is %+v", kept)
	}
	if again := Strongest(kept, weak, 1, at1); !again.Since.Time.Equal(at0) || !reflect.DeepEqual(again, kept) {
		t.Errorf("an hour later it is %+v; what is accepted for another generation means nothing", again)
	}
	if taken := Strongest(kept, weak, 2, at1); !reflect.DeepEqual(*taken, weak) {
		t.Errorf("once accepted it is %+v", taken)
	}
	swapped := promised(rich(func(b *api.BackupPolicy) { b.Generation, b.Spec.Copies[0].Name = 2, "elsewhere" }))
	if both := Strongest(&first, swapped, 0, at0); !slices.Equal(both.Copies, []string{"cold", "elsewhere", "offsite"}) {
		t.Errorf("after one target took another's place it remembers %v", both.Copies)
	}
	back := promised(rich(func(b *api.BackupPolicy) { b.Generation, b.Spec.Retention.Weekly = 3, 52 }))
	if mended := Strongest(kept, back, 0, at1); mended.Since != nil || mended.Generation != 3 {
		t.Errorf("once mended it is %+v", mended)
	}
}

// drawnPolicy promises this or that.
func drawnPolicy(t *rapid.T) *api.BackupPolicy {
	number := func(what string) int32 { return int32(rapid.IntRange(0, 3).Draw(t, what)) }
	age := func(what string) *metav1.Duration {
		if n := rapid.IntRange(0, 3).Draw(t, what); n > 0 {
			return lasts(time.Duration(n) * hour)
		}
		return nil
	}
	crons := rapid.SampledFrom([]string{"0 * * * *", "*/5 * * * *", "0 3 * * *", "0 3 * * 1-5", "0 0 31 2 *"})
	return testkit.Policy(func(b *api.BackupPolicy) {
		b.Generation = int64(rapid.IntRange(1, 9).Draw(t, "generation"))
		b.Spec.Schedule.Cron = crons.Draw(t, "cron")
		b.Spec.Retention = api.Retention{Last: number("last"), Hourly: number("hourly"), Daily: number("daily"), Weekly: number("weekly"),
			Monthly: number("monthly"), Yearly: number("yearly"), Minimum: number("minimum")}
		b.Spec.Objectives = &api.Objectives{RecoveryPoint: age("rpo"), RecoveryTime: age("rto"), ProofWithin: age("proof"), CopyWithin: age("copies"),
			RequiredProof: rapid.SampledFrom([]api.ProofLevel{"", api.LevelRestored, api.LevelConsistent}).Draw(t, "level")}
		b.Spec.Fingerprint = rapid.SampledFrom([]api.FingerprintMode{"", api.FingerprintEvery, api.FingerprintSampled, api.FingerprintNone}).Draw(t, "fingerprint")
		if rapid.Bool().Draw(t, "drill") {
			b.Spec.Drill = &api.Drill{Cron: crons.Draw(t, "drills"), From: rapid.SampledFrom([]api.RestoreSource{"", api.FromSnapshot, api.FromCopy}).Draw(t, "from")}
		}
		for _, name := range []string{"a", "b", "c"} {
			if rapid.Bool().Draw(t, name) {
				b.Spec.Copies = append(b.Spec.Copies, api.CopyTarget{Name: name})
			}
		}
	})
}

type edits struct {
	promises []api.Promise
	accepted []int64
}

// TestLawStrongest: through any edits, what is remembered is never less than what was or is promised unless that was accepted,
// never more than all of them together, and asking again changes nothing.
func TestLawStrongest(t *testing.T) {
	type keeper func(*api.Promise, api.Promise, int64, time.Time) *api.Promise
	lawful := func(strongest keeper, e edits) error {
		var was *api.Promise
		for i, is := range e.promises {
			kept := strongest(was, is, e.accepted[i], noon)
			if again := strongest(kept, is, e.accepted[i], noon.Add(hour)); !reflect.DeepEqual(kept, again) {
				return fmt.Errorf("asked again it is\n%+v\nand not\n%+v", again, kept)
			}
			given := was == nil || e.accepted[i] == is.Generation
			if less := Weaker(is, *kept); len(less) > 0 {
				return fmt.Errorf("it is less than the present promise: %q", less)
			}
			if !given {
				if less := Weaker(*was, *kept); len(less) > 0 {
					return fmt.Errorf("it is less than before: %q", less)
				}
			}
			short := Weaker(*kept, is)
			if (kept.Since != nil) != (len(short) > 0) || given && len(short) > 0 {
				return fmt.Errorf("the present promise falls short by %q, since %v", short, kept.Since)
			}
			if was != nil && len(short) > len(Weaker(*was, is)) {
				return fmt.Errorf("it is more than was ever promised: %q", short)
			}
			was = kept
		}
		return nil
	}
	draw := func(t *rapid.T) edits {
		var e edits
		for range rapid.IntRange(1, 5).Draw(t, "edits") {
			e.promises = append(e.promises, promised(drawnPolicy(t)))
			e.accepted = append(e.accepted, int64(rapid.IntRange(0, 9).Draw(t, "accepted")))
		}
		return e
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := lawful(Strongest, draw(t)); err != nil {
			t.Fatal(err)
		}
	})
	for name, faulty := range map[string]keeper{
		"the newest is the strongest": func(_ *api.Promise, is api.Promise, _ int64, _ time.Time) *api.Promise { return &is },
		"the first is the strongest": func(was *api.Promise, is api.Promise, accepted int64, now time.Time) *api.Promise {
			if was != nil && len(Weaker(*was, is)) > 0 && accepted != is.Generation {
				out := was.DeepCopy()
				out.Since = &metav1.Time{Time: noon}
				return out
			}
			return Strongest(was, is, accepted, now)
		},
		"anything is accepted": func(was *api.Promise, is api.Promise, accepted int64, now time.Time) *api.Promise {
			if accepted > 0 {
				accepted = is.Generation
			}
			return Strongest(was, is, accepted, now)
		},
		"it begins whenever it is asked": func(was *api.Promise, is api.Promise, accepted int64, now time.Time) *api.Promise {
			out := Strongest(was, is, accepted, now)
			if out.Since != nil {
				since := at(now)
				out.Since = &since
			}
			return out
		},
		"nothing is ever given up": func(was *api.Promise, is api.Promise, _ int64, now time.Time) *api.Promise {
			return Strongest(was, is, 0, now)
		},
	} {
		convicted(t, name, draw, func(e edits) error { return lawful(faulty, e) })
	}
}

func TestStackChanged(t *testing.T) {
	many := make([]string, mostStored)
	for i := range many {
		many[i] = fmt.Sprintf("StorageClass/c%02d=1", i)
	}
	for _, c := range []struct {
		name    string
		was, is []string
		want    []string
	}{
		{"the same, in another order", []string{"A/a=1", "B/b=2"}, []string{"B/b=2", "A/a=1"}, nil},
		{"nothing was known", nil, []string{"A/a=1"}, nil},
		{"nothing is known", []string{"A/a=1"}, nil, nil},
		{"one of each", []string{"A/a=1", "B/b=2"}, []string{"A/a=9", "C/c=3"}, []string{"A/a changed", "B/b went", "C/c came"}},
		{"a name with an equals sign", []string{"A/a=b=1"}, []string{"A/a=b=2"}, []string{"A/a=b changed"}},
		{"a line without a hash", []string{"A/a"}, []string{"A/a=1"}, []string{"A/a changed"}},
		{"more than a proof keeps", many, append(slices.Clone(many), "StorageClass/new=1"), nil},
	} {
		if got := StackChanged(c.was, c.is); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestUnusual has the edges.
func TestUnusual(t *testing.T) {
	for _, c := range []struct {
		numbers []int64
		unusual bool
	}{
		{[]int64{10, 100, 100, 100}, false}, {[]int64{9, 100, 100, 100}, true},
		{[]int64{1, 11, 11, 11}, true}, {[]int64{1, 10, 10, 10}, false}, {[]int64{0, 1, 1, 1}, true},
		{[]int64{0, 0, 0, 0}, false}, {[]int64{7, 0, 0, 0}, false}, {[]int64{0, 0, 0, 1, 1}, false}, {[]int64{0, 1, 1, 1, 1}, true},
		{[]int64{50, 10, 10, 10}, false}, {[]int64{51, 10, 10, 10}, true}, {[]int64{46, 9, 9, 9}, false},
		{[]int64{51, 1000, 10, 10, 10, 1}, true}, {[]int64{51, 10, 10, 12, 12}, false}, {[]int64{56, 10, 10, 12, 12}, true},
		{[]int64{-5, 10, 10, 10}, true}, {[]int64{1 << 62, 1 << 62, 1 << 62, 1 << 62}, false}, {[]int64{1<<63 - 1, 10, 10, 10}, true},
	} {
		if got := unusual("files", fewFiles, c.numbers); (got != "") != c.unusual {
			t.Errorf("%v: %q", c.numbers, got)
		}
	}
}
