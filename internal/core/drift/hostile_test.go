// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
	"github.com/lifeboat-dev/lifeboat/internal/testkit/hostile"
)

// words are what texts may be: what checks look for, and what they do not expect.
var words = append([]string{"", "data", "logs", "array-a", "vault", "0 * * * *", "nonsense", "Europe/Berlin", "2", "A/a=1", "Recorded", "Passed", "Failed", "Inconclusive",
	"Intact", "True", "False", "Unknown", "Complete", "Proven", "Every", "newest-proven", "é\x00\xff"}, Kinds()...)

// anything makes any value of a type.
func anything[T any]() *rapid.Generator[T] {
	return hostile.Any[T](hostile.Kit{Now: noon, Words: words, Annotations: []string{api.AnnotationAcceptWeakening}, Types: map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[schedule.Calendar](): rapid.Custom(func(t *rapid.T) schedule.Calendar {
			c, _ := schedule.Parse(rapid.SampledFrom([]string{"", "0 * * * *", "* * * * *", "0 0 29 2 *", "0 0 31 2 *"}).Draw(t, "cron"), "Europe/Berlin")
			return c
		}).AsAny(),
	}})
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
		q := anything[api.RecoveryPoint]().Draw(t, "point")
		o.Points = append(o.Points, &q)
	}
	for range rapid.IntRange(0, 3).Draw(t, "drills") {
		d := anything[api.RestoreDrill]().Draw(t, "drill")
		o.Drills = append(o.Drills, &d)
	}
	s := anything[api.BackupPolicyStatus]().Draw(t, "status")
	o.Status = &s
	if rapid.Bool().Draw(t, "policy too") {
		b := anything[api.BackupPolicy]().Draw(t, "policy")
		o.Policy = &b
	}
	if rapid.Bool().Draw(t, "volumes too") {
		o.Volumes = anything[[]Volume]().Draw(t, "volumes")
	}
	if rapid.Bool().Draw(t, "copies too") {
		o.Independence = anything[*Independence]().Draw(t, "copies")
	}
	if rapid.Bool().Draw(t, "rest too") {
		o.Calendar = anything[schedule.Calendar]().Draw(t, "calendar")
		o.Jitter, o.Timeout, o.Within = anything[time.Duration]().Draw(t, "jitter"), anything[time.Duration]().Draw(t, "timeout"), anything[time.Duration]().Draw(t, "within")
		o.Stack, o.Orphans, o.Leftovers = anything[[]string]().Draw(t, "stack"), anything[[]Leftover]().Draw(t, "orphans"), anything[[]Leftover]().Draw(t, "leftovers")
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

// FuzzEvaluate looks for what the law above does not meet in its few draws.
func FuzzEvaluate(f *testing.F) {
	hostile.Seeds(f, 20)
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		c := hostileSituation(t)
		if err := judges(Evaluate, c.o, c.now); err != nil {
			t.Fatal(err)
		}
	}))
}
