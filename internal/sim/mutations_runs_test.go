// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
	"github.com/lifeboat-dev/lifeboat/internal/testkit/schema"
)

// admitted are the mutations of a base that are drawn, and admitted in place of what was there before, if anything was: each as the API
// server keeps it, and each once.
func admitted(t *testing.T, kind string, one int, base, before map[string]any, run func(m schema.Mutation, object map[string]any)) {
	t.Helper()
	d, draw := definitions()[kind], schema.NewDraw(t, one)
	seen := map[string]bool{}
	for _, m := range d.Mutations(base) {
		if !draw.Takes() {
			continue
		}
		object, errs := d.AdmitEdit(before, m.Object)
		raw, err := json.Marshal(object)
		must(err)
		if len(errs) == 0 && !seen[string(raw)] {
			seen[string(raw)] = true
			run(m, object)
		}
	}
	t.Logf("%d mutations were admitted and run", len(seen))
}

// TestDrillsAsWritten orders drills in every way that is admitted: each ends, says what kept it from passing, and leaves nothing.
func TestDrillsAsWritten(t *testing.T) {
	from := editWorld()
	from.Apply(testkit.Policy(func(b *api.BackupPolicy) { b.Spec.Fingerprint = api.FingerprintEvery }))
	from.Start(nil, nil)
	if err := from.Run(editAt); err != nil {
		t.Fatal(err)
	}
	run := func(object map[string]any) (*edition, *api.RestoreDrill) {
		e := &edition{w: from.Copy()}
		d := typed[api.RestoreDrill](object)
		d.Name = "try"
		e.w.Apply(d)
		e.run()
		for _, d := range e.w.drills() {
			if d.Name == "try" {
				return e, &d
			}
		}
		return e, nil
	}
	for i, base := range schema.Bases("RestoreDrill") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			object, _ := definitions()["RestoreDrill"].Admit(base)
			_, fine := run(object)
			admitted(t, "RestoreDrill", 30, base, nil, func(m schema.Mutation, object map[string]any) {
				e, d := run(object)
				for _, wrong := range e.broken {
					t.Errorf("%s: %s", m, wrong)
				}
				if d == nil || d.Status.Verdict == "" {
					t.Errorf("%s: after %s it has no verdict: %+v", m, editFor, d)
					return
				}
				if fine.Status.Verdict == api.VerdictPassed && d.Status.Verdict != api.VerdictPassed && !m.Named(drillSays(d)) {
					t.Errorf("%s: it is %s, and nothing that is said names %s:\n%s", m, d.Status.Verdict, m.Field(), drillSays(d))
				}
			})
		})
	}
}

func drillSays(d *api.RestoreDrill) string {
	var b strings.Builder
	for _, c := range d.Status.Conditions {
		fmt.Fprintln(&b, c.Message)
	}
	for _, c := range d.Status.Checks {
		fmt.Fprintln(&b, c.Name, c.Message)
	}
	return b.String()
}

// TestRestoresAsWritten orders restores in every way that is admitted: each comes to rest, says what kept it from succeeding, and breaks
// none of the laws of replaced volumes.
func TestRestoresAsWritten(t *testing.T) {
	run := func(t *testing.T, object map[string]any) (*api.Restore, []string) {
		w := newRestoreWorld(t, "data", "logs")
		var broken []string
		w.around = guarded(w.user, &broken)
		x := typed[api.Restore](object)
		x.Name = "monday"
		must(w.user.Create(t.Context(), x))
		if err := w.run(3000); err != nil {
			broken = append(broken, err.Error())
		}
		return w.get(), append(broken, w.found...)
	}
	for i, base := range schema.Bases("Restore") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			object, _ := definitions()["Restore"].Admit(base)
			fine, _ := run(t, object)
			admitted(t, "Restore", 15, base, nil, func(m schema.Mutation, object map[string]any) {
				x, broken := run(t, object)
				for _, wrong := range broken {
					t.Errorf("%s: %s", m, wrong)
				}
				if x == nil {
					t.Errorf("%s: it is gone", m)
					return
				}
				says := ""
				for _, c := range x.Status.Conditions {
					says += c.Message + "\n"
				}
				if restored(fine) && !restored(x) && !m.Named(says) && !x.Spec.DryRun {
					t.Errorf("%s: nothing that is said names %s:\n%s", m, m.Field(), says)
				}
			})
		})
	}
}

func restored(x *api.Restore) bool {
	return meta.IsStatusConditionTrue(x.Status.Conditions, api.ConditionSucceeded)
}

// TestEditedTemplateEndsAsAFreshOne does with a ClusterBackupPolicy what is done above with a policy: the policies that are made of it are
// the same, and so is what it says.
func TestEditedTemplateEndsAsAFreshOne(t *testing.T) {
	d := definitions()["ClusterBackupPolicy"]
	for i, base := range schema.Bases("ClusterBackupPolicy") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			before, errs := d.Admit(base)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			old, idle := editWorld(), editWorld()
			for _, w := range []*World{old, idle} {
				w.Rehearses = false
				spaces(w)
			}
			old.Apply(typed[api.ClusterBackupPolicy](before))
			for _, w := range []*World{old, idle} {
				w.Start(nil, nil)
				if err := w.Run(10 * time.Minute); err != nil {
					t.Fatal(err)
				}
			}
			admitted(t, "ClusterBackupPolicy", 40, base, before, func(m schema.Mutation, object map[string]any) {
				edited, fresh := &edition{w: old.Copy()}, &edition{w: idle.Copy()}
				c := edited.w.baselines()[0]
				c.Spec = typed[api.ClusterBackupPolicy](object).Spec
				must(edited.w.User.Update(t.Context(), &c))
				fresh.w.Apply(typed[api.ClusterBackupPolicy](object))
				for _, e := range []*edition{edited, fresh} {
					e.rest(20 * time.Minute)
					for _, wrong := range e.broken {
						t.Errorf("%s: %s", m, wrong)
					}
				}
				was, is := templated(fresh.w), templated(edited.w)
				for k, v := range was {
					if is[k] != v {
						t.Errorf("%s: %s\n  fresh  %s\n  edited %s", m, k, v, is[k])
					}
				}
			})
		})
	}
}

// templated is what a ClusterBackupPolicy says, and what it made, but for times. A policy that was made stays where an edit leaves none
// of its claims in scope, or cannot be understood: so the conditions are compared where nothing was made before, or as much is now,
// and of the policies those that a fresh one makes.
func templated(w *World) map[string]string {
	out := map[string]string{}
	made := 0
	for _, ns := range []string{testkit.Namespace, "bank", "club"} {
		var l api.BackupPolicyList
		must(w.User.List(context.Background(), &l))
		for i := range l.Items {
			if p := &l.Items[i]; p.Namespace == ns {
				raw, err := json.Marshal([]any{p.Spec, p.Labels})
				must(err)
				out["policy "+ns+" "+p.Name] = string(raw)
				made++
			}
		}
	}
	for _, c := range w.baselines() {
		for _, k := range c.Status.Conditions {
			if k.Type == api.ConditionReady || k.Type == api.ConditionStalled || made > 1 {
				out[k.Type] = fmt.Sprint(k.Status, k.Reason, withoutMoments(k.Message))
			}
		}
	}
	return out
}
