// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
)

// words are what texts may be: what checks look for, and what they do not expect.
var words = append([]string{"", "data", "logs", "array-a", "vault", "0 * * * *", "nonsense", "Europe/Berlin", "2", "A/a=1", "Recorded", "Passed", "Failed", "Inconclusive",
	"Intact", "True", "False", "Unknown", "Complete", "Proven", "Every", "newest-proven", "é\x00\xff"}, Kinds()...)

// hostile makes any value of a type: pointers are nil now and then, times are long ago, now, to come or none, and numbers are of any size.
func hostile[T any]() *rapid.Generator[T] {
	times := rapid.Custom(func(t *rapid.T) time.Time {
		switch rapid.IntRange(0, 5).Draw(t, "time") {
		case 0:
			return time.Time{}
		case 1:
			return time.Unix(1<<40, 0)
		case 2:
			return noon
		}
		return noon.Add(time.Duration(rapid.Int64Range(-int64(40*day), int64(40*day)).Draw(t, "offset")))
	})
	durations := rapid.SampledFrom([]time.Duration{0, -hour, 1, hour, day, 1<<63 - 1, -1 << 63})
	texts := rapid.SampledFrom(words)
	return rapid.MakeCustom[T](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{
			reflect.TypeFor[time.Time]():         times.AsAny(),
			reflect.TypeFor[metav1.Time]():       rapid.Custom(func(t *rapid.T) metav1.Time { return metav1.NewTime(times.Draw(t, "t")) }).AsAny(),
			reflect.TypeFor[time.Duration]():     durations.AsAny(),
			reflect.TypeFor[metav1.Duration]():   rapid.Custom(func(t *rapid.T) metav1.Duration { return metav1.Duration{Duration: durations.Draw(t, "d")} }).AsAny(),
			reflect.TypeFor[resource.Quantity](): rapid.Just(resource.MustParse("1Gi")).AsAny(),
			reflect.TypeFor[metav1.ObjectMeta](): rapid.Custom(func(t *rapid.T) metav1.ObjectMeta {
				m := metav1.ObjectMeta{Name: texts.Draw(t, "name"), Generation: int64(rapid.IntRange(-1, 3).Draw(t, "generation")), CreationTimestamp: metav1.NewTime(times.Draw(t, "created"))}
				if rapid.IntRange(0, 3).Draw(t, "going") == 0 {
					gone := metav1.NewTime(times.Draw(t, "gone"))
					m.DeletionTimestamp = &gone
				}
				if rapid.Bool().Draw(t, "annotated") {
					m.Annotations = map[string]string{api.AnnotationAcceptWeakening: texts.Draw(t, "value")}
				}
				return m
			}).AsAny(),
			reflect.TypeFor[schedule.Calendar](): rapid.Custom(func(t *rapid.T) schedule.Calendar {
				c, _ := schedule.Parse(rapid.SampledFrom([]string{"", "0 * * * *", "* * * * *", "0 0 29 2 *", "0 0 31 2 *"}).Draw(t, "cron"), "Europe/Berlin")
				return c
			}).AsAny(),
		},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{
			reflect.String: texts.AsAny(),
			reflect.Int32: rapid.Custom(func(t *rapid.T) int32 {
				return rapid.SampledFrom([]int32{0, 1, 2, 5, -1, 1<<31 - 1, -1 << 31}).Draw(t, "n")
			}).AsAny(),
		},
	})
}

// judges says what an evaluation of hostile input does wrong; nil when nothing.
func judges(evaluate evaluator, o Observed, now time.Time) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	kinds := map[string]bool{}
	for _, f := range evaluate(o, now).Findings {
		kinds[f.Kind] = true
		if f.Kind == "" || f.Message == "" || f.Remedy == "" || len(f.Message) > MostText || len(f.Remedy) > MostText || f.Since.IsZero() || f.Since.After(now) {
			return fmt.Errorf("%+v", f)
		}
	}
	for i := range checks {
		if _, why := (&pass{Observed: o}).unread(checks[i].needs); why != "" && !kinds[api.ReasonEvaluationError] {
			return fmt.Errorf("it is silent about what could not be read")
		}
	}
	return nil
}

// hostileSituation is anything.
func hostileSituation(t *rapid.T) situation {
	o := healthy()
	withCopies(&o)
	for range rapid.IntRange(0, 5).Draw(t, "points") {
		q := hostile[api.RecoveryPoint]().Draw(t, "point")
		o.Points = append(o.Points, &q)
	}
	for range rapid.IntRange(0, 3).Draw(t, "drills") {
		d := hostile[api.RestoreDrill]().Draw(t, "drill")
		o.Drills = append(o.Drills, &d)
	}
	s := hostile[api.BackupPolicyStatus]().Draw(t, "status")
	o.Status = &s
	if rapid.Bool().Draw(t, "policy too") {
		b := hostile[api.BackupPolicy]().Draw(t, "policy")
		o.Policy = &b
	}
	if rapid.Bool().Draw(t, "volumes too") {
		o.Volumes = hostile[[]Volume]().Draw(t, "volumes")
	}
	if rapid.Bool().Draw(t, "copies too") {
		o.Independence = hostile[*Independence]().Draw(t, "copies")
	}
	if rapid.Bool().Draw(t, "rest too") {
		o.Calendar = hostile[schedule.Calendar]().Draw(t, "calendar")
		o.Jitter, o.Timeout, o.Within = hostile[time.Duration]().Draw(t, "jitter"), hostile[time.Duration]().Draw(t, "timeout"), hostile[time.Duration]().Draw(t, "within")
		o.Stack, o.Orphans, o.Leftovers = hostile[[]string]().Draw(t, "stack"), hostile[[]Leftover]().Draw(t, "orphans"), hostile[[]Leftover]().Draw(t, "leftovers")
		o.Unread = rapid.MapOf(rapid.SampledFrom([]Fact{"", FactVolumes, FactStack, FactOrphans, FactLeftovers, FactCopies}), rapid.SampledFrom(words)).Draw(t, "unread")
		if rapid.Bool().Draw(t, "obstacle") {
			try(rapid.SampledFrom(coverage[:8]).Draw(t, "which").breaks, &o)
		}
	}
	return situation{o: o, now: noon}
}

// TestLawNothingPanics: whatever is in the objects, every check comes to an end and says something that a status may hold.
func TestLawNothingPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := hostileSituation(t)
		if err := judges(Evaluate, c.o, c.now); err != nil {
			t.Fatal(err)
		}
	})
	for name, faulty := range map[string]evaluator{
		"every point has a time":          func(o Observed, now time.Time) Answer { sum(o.Points); return Evaluate(o, now) },
		"every status has an applied":     func(o Observed, now time.Time) Answer { _ = *o.Status.Applied; return Evaluate(o, now) },
		"there is a copy":                 func(o Observed, now time.Time) Answer { _ = o.Independence.Copies[0]; return Evaluate(o, now) },
		"what is unread is taken as read": func(o Observed, now time.Time) Answer { o.Unread = nil; return Evaluate(o, now) },
	} {
		convicted(t, name, hostileSituation, func(c situation) error { return judges(faulty, c.o, c.now) })
	}
}

func sum(points []*api.RecoveryPoint) (n int64) {
	for _, q := range points {
		n += q.Status.PointInTime.Unix()
	}
	return n
}
