// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
	"github.com/lifeboat-dev/lifeboat/internal/testkit/schema"
)

// TestEditedRepositoryEndsAsAFreshOne does with a Repository what is done above with a policy: what it says, and what its pods are told, is
// the same, and an edit that is taken back leaves nothing. But for one thing: it stays the repository that it was, which a fresh one
// has to be told.
func TestEditedRepositoryEndsAsAFreshOne(t *testing.T) {
	d := definitions()["Repository"]
	for i, base := range schema.Bases("Repository") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			before, errs := d.Admit(base)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			first := typed[api.Repository](before)
			old, idle := vaultWorld(first.Spec.UniqueID), vaultWorld(first.Spec.UniqueID)
			old.Apply(first.DeepCopy())
			for _, w := range []*World{old, idle} {
				w.Start(nil, nil)
				if err := w.Run(10 * time.Minute); err != nil {
					t.Fatal(err)
				}
			}
			fine := freshVault(old, idle, first)
			if vault := fine.w.vault("web"); !isReady(vault) || len(fine.broken) > 0 {
				t.Fatalf("as it stands it is %+v, %q", vault.Status, fine.broken)
			}
			admitted(t, "Repository", 10, base, before, func(m schema.Mutation, object map[string]any) {
				edit := typed[api.Repository](object)
				edited, fresh := &edition{w: old.Copy()}, freshVault(old, idle, edit)
				edited.tend(edit)
				for _, wrong := range slices.Concat(edited.broken, fresh.broken, unlike(fresh, edited)) {
					t.Errorf("%s: %s", m, wrong)
				}
				if says := vaultSays(fresh.w.vault("web")); !isReady(fresh.w.vault("web")) && !m.Named(says) {
					t.Errorf("%s: nothing that is said names %s:\n%s", m, m.Field(), says)
				}
				if edited.tend(first); len(edited.broken) == 0 {
					edited.broken = unlike(fine, edited)
				}
				for _, wrong := range edited.broken {
					t.Errorf("%s, taken back: %s", m, wrong)
				}
			})
		})
	}
}

// TestTheComparisonOfRepositoriesFindsFaults shows what the test above is good for.
func TestTheComparisonOfRepositoriesFindsFaults(t *testing.T) {
	before, _ := definitions()["Repository"].Admit(schema.Bases("Repository")[0])
	first := typed[api.Repository](before)
	old, idle := vaultWorld(first.Spec.UniqueID), vaultWorld(first.Spec.UniqueID)
	old.Apply(first.DeepCopy())
	old.Start(nil, nil)
	must(old.Run(10 * time.Minute))
	must(idle.Run(10 * time.Minute))
	edit := first.DeepCopy()
	edit.Spec.Limits.UploadBytesPerSecond, edit.Spec.ObjectLock, edit.Spec.Import = 65536, nil, false
	spoil := func(change func(*api.RepositoryStatus)) func(*edition) {
		return func(e *edition) {
			r := e.w.vault("web")
			change(&r.Status)
			must(e.w.User.Status().Update(t.Context(), r))
		}
	}
	for name, c := range map[string]struct {
		as    *api.Repository
		fault func(*edition)
		finds string // empty when there is nothing to find
	}{
		"none":                              {edit, func(*edition) {}, ""},
		"an edit is not looked at":          {first, func(*edition) {}, "pod to probe"},
		"a condition is left over":          {edit, spoil(func(s *api.RepositoryStatus) { s.Conditions = append(s.Conditions, *immutableCondition()) }), api.ConditionImmutable},
		"a run is left over":                {edit, spoil(func(s *api.RepositoryStatus) { s.Import = s.Probe }), "import"},
		"it says that it saw an older spec": {edit, spoil(func(s *api.RepositoryStatus) { s.ObservedGeneration-- }), "seen"},
		"it forgets what it is":             {edit, spoil(func(s *api.RepositoryStatus) { s.UniqueID = "" }), "holds"},
	} {
		e := &edition{w: old.Copy()}
		e.tend(c.as)
		c.fault(e)
		found := strings.Join(append(e.broken, unlike(freshVault(old, idle, edit), e)...), "\n")
		if (found == "") != (c.finds == "") || !strings.Contains(found, c.finds) {
			t.Errorf("%s: found %q, want something that says %q", name, found, c.finds)
		}
	}
}

func immutableCondition() *metav1.Condition {
	return &metav1.Condition{Type: api.ConditionImmutable, Status: metav1.ConditionTrue, Reason: api.ReasonLockEnforced}
}

// vaultWorld has a claim to keep a repository on, and a namespace that allows workload identities; and where a repository is to be
// adopted, one with copies of another cluster.
func vaultWorld(adopted string) *World {
	w := New(monday, "store")
	w.Rehearses, w.Copies, w.Checks.Released = true, true, true
	var ns corev1.Namespace
	must(w.User.Get(context.Background(), client.ObjectKey{Name: testkit.Namespace}, &ns))
	ns.Annotations = map[string]string{api.AnnotationAllowWorkloadIdentity: "true"}
	must(w.User.Update(context.Background(), &ns))
	if adopted != "" {
		w.Machine.StoreOf("lifeboat").ID = adopted
		w.Machine.StoreOf("lifeboat").Records = fromElsewhere(2).Records
	}
	return w
}

// freshVault is a world in which there is a repository that was never another, over what the one before it left in its store.
func freshVault(old, idle *World, r *api.Repository) *edition {
	e := &edition{w: idle.Copy()}
	for place, s := range old.Machine.Stores {
		e.w.Machine.Stores[place] = s.Copy()
	}
	r = r.DeepCopy()
	r.Spec.UniqueID = cmp.Or(r.Spec.UniqueID, old.vault("web").Status.UniqueID)
	e.w.Apply(r)
	e.tend(r)
	return e
}

// tend has a repository be as it is written, looked after and read back once.
func (e *edition) tend(as *api.Repository) {
	r := e.w.vault("web")
	r.Spec = *as.Spec.DeepCopy()
	must(e.w.User.Update(context.Background(), r))
	e.w.ask("web", api.AnnotationVerifyRequested)
	e.rest(20 * time.Minute)
	e.w.Checks.AtRest()
	e.broken = append(e.broken, e.w.Checks.Found...)
}

// seesMover remembers what a pod that was just made is told to do for a repository's own sake, and how it is made. Which copies there must
// be is of history.
func (e *edition) seesMover(key client.ObjectKey) {
	var p corev1.Pod
	if e.w.User.Get(context.Background(), key, &p) != nil || p.Labels[api.LabelRunKind] != repositoryKind {
		return
	}
	o, err := order.Decode([]byte(p.Annotations[api.AnnotationOrder]))
	must(err)
	if o.Verify != nil {
		o.Verify.Expect = nil
	}
	raw, err := json.Marshal([]any{o, p.Spec})
	must(err)
	switch {
	case o.Verify != nil:
		e.movers["verify"] = string(raw)
	case o.Probe != nil && !o.Probe.Catalogue:
		e.movers["probe"] = string(raw)
	}
}

func isReady(r *api.Repository) bool {
	return strings.HasPrefix(stateOf(r, api.ConditionReady), "True")
}

// vaultSays is all that a repository complains about.
func vaultSays(r *api.Repository) string {
	says := ""
	for _, c := range r.Status.Conditions {
		if c.Status != metav1.ConditionTrue || c.Type == api.ConditionStalled {
			says += c.Message + "\n"
		}
	}
	return says
}

// unlike is in what a repository that was edited differs from a fresh one. While a fresh one cannot be opened nothing is known of it; what
// was learned of one that could be opened before stays.
func unlike(fresh, edited *edition) (wrong []string) {
	known := isReady(fresh.w.vault("web"))
	was, is := fresh.vault(known), edited.vault(known)
	for _, k := range slices.Sorted(maps.Keys(joined(was, is))) {
		if was[k] != is[k] {
			wrong = append(wrong, fmt.Sprintf("%s\n  fresh  %s\n  edited %s", k, was[k], is[k]))
		}
	}
	return wrong
}

// vault is all of a repository that must not depend on what was before.
func (e *edition) vault(known bool) map[string]string {
	r := e.w.vault("web")
	s := &r.Status
	out := map[string]string{
		"seen": fmt.Sprint(s.ObservedGeneration == r.Generation, observed(s.Conditions) == r.Generation),
		"is":   fmt.Sprint(s.Location, s.FailureDomain, s.PasswordSecret),
	}
	for _, c := range s.Conditions {
		switch said := fmt.Sprint(c.Status, c.Reason, withoutMoments(c.Message)); {
		case known:
			out[c.Type] = said
		case c.Reason == api.ReasonRepositoryIDMismatch: // one is compared with what is pinned, the other with what is found
			out[c.Type] = c.Reason
		case c.Type != api.ConditionVerified && c.Type != api.ConditionImmutable:
			out[c.Type] = said
		}
	}
	if !known {
		return out
	}
	for task, run := range map[string]*api.RepositoryRun{"probe": s.Probe, "verify": s.Verification, "import": s.Import, "maintain": s.Maintenance} {
		if run != nil {
			out[task] = fmt.Sprint(run.FinishedAt != nil, run.Reason, run.Message, run.Failures, run.Bytes)
		}
	}
	out["holds"] = fmt.Sprint(s.UniqueID, s.Copies, s.Bytes, s.UnreachableSince, s.LastVerified != nil, s.Damage, s.Skew)
	if r.Spec.Import { // what was imported stays
		out["imported"] = fmt.Sprint(s.Imported, len(e.w.Points()))
	}
	for task, told := range e.movers {
		out["pod to "+task] = told
	}
	return out
}
