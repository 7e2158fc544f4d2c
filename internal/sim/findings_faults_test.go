// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

const (
	oneVolumeFails = "the storage system fails one volume for a while"
	noPoints       = "points cannot be listed for a while"
)

// plant is a fault of the operator: what it does wrong at a request.
type plant func(o *Operator, c testkit.Call)

// TestFindingOraclesKillFaults plants faults one by one, and wants each to be found for what it is.
func TestFindingOraclesKillFaults(t *testing.T) {
	for name, c := range map[string]struct {
		scenario string
		plant    plant
		says     string
	}{
		"since is set anew on every pass": {oneVolumeFails, written(func(o *Operator, f []api.Finding) {
			for i := range f {
				f[i].Since.Time = o.world.Clock.Now()
			}
		}), "and now at"},
		"it begins tomorrow": {oneVolumeFails, written(func(o *Operator, f []api.Finding) {
			for i := range f {
				f[i].Since.Time = o.world.Clock.Now().Add(24 * time.Hour)
			}
		}), "begins at"},
		"the least come first": {oneVolumeFails, written(func(_ *Operator, f []api.Finding) { slices.Reverse(f) }), " before "},
		"time makes it quieter": {oneVolumeFails, written(func(_ *Operator, f []api.Finding) {
			for i := range f {
				if f[i].Severity == api.SeverityCritical {
					f[i].Severity = api.SeverityMedium
				}
			}
		}), "was High and is Medium"},
		"what is found is not counted":        {oneVolumeFails, status(func(s map[string]any) { s["findingCounts"] = map[string]any{"total": 0, "high": 0} }), "counts"},
		"a condition stays True":              {oneVolumeFails, stated("False", "True"), "Protected of policy web is True"},
		"a condition is False for nothing":    {oneVolumeFails, stated("True", "False"), "is False/"},
		"what was known is taken to be known": {noPoints, stated("Unknown", "True"), "is True"},
		"what is unread counts as over": {noPoints, status(func(s map[string]any) {
			list, _ := s["findings"].([]any)
			if only := slices.DeleteFunc(slices.Clone(list), func(f any) bool { return f.(map[string]any)["kind"] != api.ReasonEvaluationError }); len(only) > 0 {
				s["findings"], s["findingCounts"] = only, map[string]any{"total": len(only), "medium": len(only), "high": nil}
			}
		}), "nobody was told"},
		"an event on every pass": {oneVolumeFails, onPass(func(o *Operator) {
			b := o.world.Policy("web")
			for _, f := range b.Status.Findings {
				o.Eventf(b, nil, "", f.Kind, f.Kind, "%s: %s: %s", f.Subject, f.Severity, f.Message)
			}
		}), "what did not come to be"},
		"nobody is told":     {oneVolumeFails, func(o *Operator, _ testkit.Call) { o.world.Told = nil }, "nobody was told"},
		"expiry is not held": {noPoints, expiresInDoubt, "holds it"},
		"it polls": {noPoints, onPass(func(o *Operator) {
			o.add(request{policyKind, testkit.Namespace, "web"}, o.world.Clock.Now().Add(time.Minute))
		}), "it reads"},
		"it writes while at rest": {noPoints, onPass(func(o *Operator) {
			o.add(request{policyKind, testkit.Namespace, "web"}, o.world.Clock.Now().Add(20*time.Minute))
			o.Changes++
		}), "it writes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := findingScenarios()
			s := all[slices.IndexFunc(all, func(s scenario) bool { return s.name == c.scenario })]
			var o *Operator
			w, _, err := s.runWith(s.begin(t), func(call testkit.Call, do func() error) error {
				c.plant(o, call)
				return do()
			}, func(started *Operator) { o = started })
			if err != nil {
				t.Fatal(err)
			}
			found := w.Checks.Found
			if _, err := s.told(w, fault{}, testkit.Call{}); err != nil {
				found = append(found, err.Error())
			}
			if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, c.says) }) {
				t.Errorf("this fault lives: %s; found %q", name, found[:min(len(found), 3)])
			}
		})
	}
}

// status edits every status of a policy before it is written.
func status(edit func(map[string]any)) plant {
	return func(_ *Operator, c testkit.Call) {
		if s, ok := c.Body["status"].(map[string]any); ok && c.Verb == testkit.Status && c.Kind == policyKind {
			edit(s)
		}
	}
}

// written edits the findings of every status of a policy before it is written, also those that are not written anew.
func written(edit func(*Operator, []api.Finding)) plant {
	return func(o *Operator, c testkit.Call) {
		status(func(s map[string]any) {
			list := o.world.Policy("web").DeepCopy().Status.Findings
			if is := s["findings"]; is != nil {
				list = nil
				again(is, &list)
			}
			if len(list) == 0 {
				return
			}
			edit(o, list)
			var out []any
			again(list, &out)
			s["findings"] = out
		})(o, c)
	}
}

// again brings a value into another form.
func again(from, into any) {
	raw, err := json.Marshal(from)
	must(err)
	must(json.Unmarshal(raw, into))
}

// stated turns the conditions that have one status to another.
func stated(from, to string) plant {
	return status(func(s map[string]any) {
		list, _ := s["conditions"].([]any)
		for _, c := range list {
			if c := c.(map[string]any); c["status"] == from && c["type"] != api.ConditionStalled {
				c["status"] = to
			}
		}
	})
}

// onPass does something on every pass over a policy: only there all storage classes are listed.
func onPass(do func(*Operator)) plant {
	return func(o *Operator, c testkit.Call) {
		if c.Kind == "StorageClassList" {
			do(o)
		}
	}
}

// expiresInDoubt deletes a point that was shown to expire, while nobody knows of the points.
func expiresInDoubt(o *Operator, c testkit.Call) {
	b := o.world.Policy("web")
	open := slices.ContainsFunc(b.Status.Findings, func(f api.Finding) bool { return f.Kind == api.ReasonEvaluationError })
	if c.Kind != "RecoveryPointList" || !open {
		return
	}
	p := o.world.Points()[0]
	if p.DeletionTimestamp.IsZero() {
		must(o.world.API.Client(o.direct).Delete(context.Background(), &p, client.Preconditions{UID: &p.UID}))
	}
}

// direct is a request that is checked as every other.
func (o *Operator) direct(c testkit.Call, do func() error) error {
	o.world.Checks.Before(c)
	return do()
}

const (
	mostWrites  = 20 // writes of the policy's status in a day, of four slots and a dozen changes
	mostMinutes = 14 // minutes of a day in which the operator asks the API server anything
)

// TestFortyDaysOfAFindingThatComesAndGoes: one volume fails half of every other day. What is written, read and told is
// bounded by what happens, and not by the time that passes. It kills polling, and a status that is never the same twice.
func TestFortyDaysOfAFindingThatComesAndGoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		days  int
		plant plant
		says  string
	}{
		"as it is": {40, func(*Operator, testkit.Call) {}, ""},
		"looking each half hour": {6, onPass(func(o *Operator) {
			o.add(request{policyKind, testkit.Namespace, "web"}, o.world.Clock.Now().Add(30*time.Minute))
		}), "minutes"},
		"since is never the same": {6, written(func(o *Operator, f []api.Finding) {
			for i := range f {
				f[i].Since.Time = o.world.Clock.Now()
			}
		}), "writes"},
	} {
		t.Run(name, func(t *testing.T) {
			found := daysWith(t, c.days, c.plant)
			if (len(found) > 0) != (c.says != "") || (c.says != "" && !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, c.says) })) {
				t.Errorf("it is found that %q, want one with %q", found[:min(len(found), 5)], c.says)
			}
		})
	}
}

// daysWith lets days pass with a fault, and says what is wrong with them.
func daysWith(t *testing.T, days int, p plant) (found []string) {
	t.Helper()
	w := New(monday, "data", "logs")
	w.Apply(testkit.Policy(sixHourly, last(8), recoveryPoint(8*time.Hour)))
	for day := range days / 2 {
		from := time.Duration(2*day+1) * 24 * time.Hour
		w.In(from+5*time.Hour, func(w *World) { w.Storage.Scripts["logs"] = testkit.Script{Never: true} })
		w.In(from+17*time.Hour, func(w *World) { delete(w.Storage.Scripts, "logs") })
	}
	var o *Operator
	minutes, writes := map[time.Time]bool{}, 0
	o = w.Start(func(c testkit.Call, do func() error) error {
		p(o, c)
		minutes[w.Clock.Now().Truncate(time.Minute)] = true
		if c.Verb == testkit.Status && c.Kind == policyKind {
			writes++
		}
		return do()
	}, nil)
	must(w.Run(time.Duration(days) * 24 * time.Hour))
	t.Logf("%d writes, %d minutes, %d changes, %d passes", writes, len(minutes), len(w.Checks.Changes), w.Passes)
	if writes > days*mostWrites {
		found = append(found, fmt.Sprintf("%d writes of the status", writes))
	}
	if len(minutes) > days*mostMinutes {
		found = append(found, fmt.Sprintf("requests in %d minutes", len(minutes)))
	}
	if _, err := (scenario{}).told(w, fault{}, testkit.Call{}); err != nil {
		found = append(found, err.Error())
	}
	for _, kind := range []string{api.ReasonPartialPoint, api.ReasonSnapshotStuck, api.ReasonObjectiveMissed} {
		if n := strings.Count(w.tale(kind, "*"), "cleared"); n < days/2 {
			found = append(found, fmt.Sprintf("%s cleared %d times", kind, n))
		}
	}
	return append(found, w.Checks.Found...)
}
