// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
	"github.com/lifeboat-dev/lifeboat/internal/testkit/schema"
)

var definitions = sync.OnceValue(func() map[string]*schema.Definition {
	all, err := schema.Load("../..")
	must(err)
	return all
})

// guarded has every object that the operator writes of our kinds looked at as the API server does: what it would refuse
// could never be written, and would be tried for ever.
func guarded(w *World, refused *[]string) testkit.Around {
	return func(c testkit.Call, do func() error) error {
		err := do()
		d := definitions()[c.Kind]
		if err != nil || d == nil || (c.Verb != testkit.Status && c.Verb != testkit.Create) {
			return err
		}
		obj, _ := scheme.New(api.GroupVersion.WithKind(c.Kind))
		if w.User.Get(context.Background(), c.Key, obj.(client.Object)) != nil {
			return err
		}
		if _, errs := d.Admit(asObject(c.Kind, obj)); len(errs) > 0 {
			*refused = append(*refused, fmt.Sprintf("%s: the API server would refuse: %v", c, errs))
		}
		return err
	}
}

func asObject(kind string, obj any) map[string]any {
	raw, err := json.Marshal(obj)
	must(err)
	m := schema.Read(raw)
	m["apiVersion"], m["kind"] = api.GroupVersion.String(), kind
	delete(m["metadata"].(map[string]any), "creationTimestamp")
	return m
}

func typed[T any](m map[string]any) *T {
	raw, err := json.Marshal(m)
	must(err)
	out := new(T)
	must(json.Unmarshal(raw, out))
	return out
}

const (
	mutateAt  = 2*time.Hour + 10*time.Minute
	mutateFor = 3*time.Hour + 45*time.Minute
)

// mutationWorld has two claims with labels, and nobody who looks after them.
func mutationWorld() *World {
	w := New(monday, "data", "logs")
	for _, name := range []string{"data", "logs"} {
		var c corev1.PersistentVolumeClaim
		must(w.User.Get(context.Background(), client.ObjectKey{Namespace: testkit.Namespace, Name: name}, &c))
		c.Labels = map[string]string{"app": "shop"}
		must(w.User.Update(context.Background(), &c))
	}
	w.Rehearses = true
	return w
}

// TestEditedPolicyEndsAsAFreshOne
func TestEditedPolicyEndsAsAFreshOne(t *testing.T) {
	d := definitions()["BackupPolicy"]
	draw := schema.NewDraw(t, 40)
	for i, base := range schema.Bases("BackupPolicy") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			admitted, errs := d.Admit(base)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			old := mutationWorld()
			old.Apply(typed[api.BackupPolicy](admitted))
			idle := mutationWorld()
			for _, w := range []*World{old, idle} {
				w.Start(nil, nil)
				if err := w.Run(mutateAt); err != nil {
					t.Fatal(err)
				}
			}
			seen, runs := map[string]bool{}, 0
			for _, m := range d.Mutations(base) {
				if !draw.Takes() {
					continue
				}
				b, errs := d.AdmitEdit(admitted, m.Object)
				raw, _ := json.Marshal(b)
				if len(errs) > 0 || seen[string(raw)] {
					continue
				}
				seen[string(raw)] = true
				runs++
				editPolicy(t, m, typed[api.BackupPolicy](b), old.Copy(), idle.Copy())
			}
			t.Logf("%d mutations were admitted and run", runs)
		})
	}
}

func editPolicy(t *testing.T, m schema.Mutation, b *api.BackupPolicy, edited, fresh *World) {
	t.Helper()
	edited.Edit("web", func(p *api.BackupPolicy) { p.Spec = *b.Spec.DeepCopy() })
	fresh.Apply(b)
	for _, w := range []*World{edited, fresh} {
		var refused []string
		w.Start(guarded(w, &refused), nil)
		if err := w.Run(mutateFor); err != nil {
			t.Errorf("%s: %v", m, err)
		}
		for _, r := range refused {
			t.Errorf("%s: %s", m, r)
		}
		if n, err := w.Writes(); err != nil || n > 0 {
			t.Errorf("%s: at rest the operator writes %d times: %v", m, n, err)
		}
		for _, f := range w.Checks.Found {
			t.Errorf("%s: %s", m, f)
		}
	}
	was, is := spoken(fresh), spoken(edited)
	for _, k := range slices.Sorted(maps.Keys(was)) {
		if was[k] != is[k] {
			t.Errorf("%s: %s\n  fresh  %s\n  edited %s", m, k, was[k], is[k])
		}
	}
	if !strings.Contains(was["all"], "") {
		t.Error()
	}
}

// spoken is what a policy says of itself.
func spoken(w *World) map[string]string {
	p := w.Policy("web")
	out := map[string]string{}
	for _, c := range p.Status.Conditions {
		out[c.Type] = fmt.Sprintf("%s %s %s", c.Status, c.Reason, moment.ReplaceAllString(c.Message, "T"))
	}
	for _, f := range p.Status.Findings {
		out["finding "+f.Kind+" "+f.Subject] = fmt.Sprintf("%s %s", f.Severity, moment.ReplaceAllString(f.Message, "T"))
	}
	out["slot"] = fmt.Sprint(p.Status.NextSlot, p.Status.NextDrill, p.Status.ActiveRecoveryPoint)
	out["volumes"] = fmt.Sprint(p.Status.Volumes)
	out["applied"] = fmt.Sprint(p.Status.Applied.Schedule, p.Status.Applied.Drill, p.Status.Applied.Retention, p.Status.Applied.Copies)
	return out
}
