// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/coverage"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// template is a ClusterBackupPolicy with one.
func template() *api.ClusterBackupPolicy {
	return &api.ClusterBackupPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "baseline", UID: "cluster-uid"},
		Spec: api.ClusterBackupPolicySpec{Template: &api.ClusterPolicyTemplate{
			Schedule: api.Schedule{Cron: "0 * * * *"}, Retention: api.Retention{Last: 3},
		}},
	}
}

// madeIn is the policy of a namespace as it is made from the template.
func madeIn(namespace string, mods ...testkit.Mod[api.BackupPolicy]) *api.BackupPolicy {
	c := template()
	b := objects.Stamped(c, namespace, coverage.Spec(&c.Spec))
	for _, m := range mods {
		m(b)
	}
	return b
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func at(t *testing.T, c client.Client, namespace string) *api.BackupPolicy {
	t.Helper()
	b := &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "baseline"}}
	if !there(t, c, b) {
		return nil
	}
	return b
}

func TestStampCreatesAndAdoptsItsOwn(t *testing.T) {
	c, w := server(t, namespace("a"))
	from := template()
	p := &coverage.Plan{Spec: coverage.Spec(&from.Spec), Create: []coverage.Stamp{{Namespace: "a"}}}
	for range 2 { // the second time the cache has not shown it yet
		if refused, err := w.Stamp(t.Context(), from, p); err != nil || len(refused) != 0 {
			t.Fatal(refused, err)
		}
	}
	b := at(t, c, "a")
	if b == nil || len(b.OwnerReferences) != 0 || !coverage.Made(from, b) || b.Spec.OnDelete != api.OnDeleteRetain {
		t.Errorf("the policy is %+v", b)
	}
}

// TestStampNeverTakesWhatIsThere: a policy that somebody made after the decision is theirs.
func TestStampNeverTakesWhatIsThere(t *testing.T) {
	from := template()
	for name, change := range map[string]testkit.Mod[api.BackupPolicy]{
		"of the namespace's own":                  func(b *api.BackupPolicy) { b.Labels = nil },
		"of an earlier object of that name":       func(b *api.BackupPolicy) { b.Labels[api.LabelClusterPolicyUID] = "earlier" },
		"of the namespace's own, with our name":   func(b *api.BackupPolicy) { delete(b.Labels, api.LabelClusterPolicyUID) },
		"of another ClusterBackupPolicy's making": func(b *api.BackupPolicy) { b.Labels[api.LabelClusterPolicyUID] = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			c, w := server(t, namespace("a"), namespace("b"), madeIn("a", change, func(b *api.BackupPolicy) { b.Spec.Retention.Last = 77 }))
			p := &coverage.Plan{Spec: coverage.Spec(&from.Spec), Create: []coverage.Stamp{{Namespace: "a"}, {Namespace: "b"}}}
			refused, err := w.Stamp(t.Context(), from, p)
			if err != nil || len(refused) != 1 || !strings.Contains(refused["a"], "was not made for this") {
				t.Errorf("refused %v, error %v", refused, err)
			}
			if b := at(t, c, "a"); b.Spec.Retention.Last != 77 {
				t.Error("it was touched")
			}
			if at(t, c, "b") == nil {
				t.Error("the other namespace has no policy")
			}
		})
	}
}

// TestStampSetsWhatWasLookedAt: all that differs is set, of that version alone.
func TestStampSetsWhatWasLookedAt(t *testing.T) {
	edited := func(b *api.BackupPolicy) {
		b.Spec.Suspend, b.Spec.Objectives, b.Spec.OnDelete = true, &api.Objectives{}, api.OnDeletePrune
		b.Labels = map[string]string{api.LabelClusterPolicyUID: "cluster-uid", "team": "sync"}
	}
	from := template()
	spec := coverage.Spec(&from.Spec)
	c, w := server(t, namespace("a"), madeIn("a", edited))
	seen := at(t, c, "a")
	stale := seen.DeepCopy()
	if refused, err := w.Stamp(t.Context(), from, &coverage.Plan{Spec: spec, Set: []coverage.Stamp{{Namespace: "a", There: seen}}}); err != nil || len(refused) != 0 {
		t.Fatal(refused, err)
	}
	b := at(t, c, "a")
	if b.Spec.Suspend || b.Spec.Objectives != nil || b.Spec.OnDelete != api.OnDeleteRetain || b.Labels["team"] != "sync" || b.Labels[api.LabelClusterPolicy] != "baseline" {
		t.Errorf("the policy is %+v, %v", b.Spec, b.Labels)
	}
	refused, err := w.Stamp(t.Context(), from, &coverage.Plan{Spec: spec, Set: []coverage.Stamp{{Namespace: "a", There: stale}}})
	if !apierrors.IsConflict(err) || len(refused) != 0 {
		t.Errorf("what has changed meanwhile was set: refused %v, error %v", refused, err)
	}
}

// TestRemoveStamp looks again before it deletes, and lets points stay.
func TestRemoveStamp(t *testing.T) {
	from := template()
	for name, c := range map[string]struct {
		now   testkit.Mod[api.BackupPolicy]
		other bool // it was made anew meanwhile
		gone  bool
	}{
		"as it was made":                    {func(*api.BackupPolicy) {}, false, true},
		"a tenant wants its points pruned":  {func(b *api.BackupPolicy) { b.Spec.OnDelete = api.OnDeletePrune }, false, true},
		"handed over to another meanwhile":  {func(b *api.BackupPolicy) { b.Labels[api.LabelClusterPolicyUID] = "other" }, false, false},
		"made the namespace's own":          {func(b *api.BackupPolicy) { b.Labels = nil }, false, false},
		"another of that name is there now": {func(*api.BackupPolicy) {}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, w := server(t, namespace("a"), madeIn("a", c.now, func(b *api.BackupPolicy) { b.Finalizers = []string{"test/held"} }))
			seen := at(t, a, "a")
			if c.other {
				seen.UID = "earlier"
			}
			refused, err := w.Stamp(t.Context(), from, &coverage.Plan{Remove: []coverage.Stamp{{Namespace: "a", There: seen}}})
			if err != nil || len(refused) != 0 {
				t.Fatal(refused, err)
			}
			b := at(t, a, "a")
			if going := !b.DeletionTimestamp.IsZero(); going != c.gone {
				t.Errorf("that it is being deleted is %t", going)
			}
			if c.gone && b.Spec.OnDelete != api.OnDeleteRetain {
				t.Error("its points would go with it")
			}
		})
	}
}

// failing fails creations in one namespace.
type failing struct {
	client.Client
	in  string
	err error
}

func (f failing) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	if o.GetNamespace() == f.in {
		return f.err
	}
	return f.Client.Create(ctx, o, opts...)
}

// TestStampGoesOn: what fails in one namespace keeps no other from its policy, and only what may pass by itself is an error.
func TestStampGoesOn(t *testing.T) {
	what := schema.GroupResource{Group: "lifeboat.dev", Resource: "backuppolicies"}
	terminating := apierrors.NewForbidden(what, "baseline", errors.New("namespace a is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for name, c := range map[string]struct {
		err             error
		refused, failed bool
	}{
		"a quota":                         {apierrors.NewForbidden(what, "baseline", errors.New("exceeded quota")), true, false},
		"a schema":                        {apierrors.NewInvalid(schema.GroupKind{Kind: "BackupPolicy"}, "baseline", nil), true, false},
		"an outage":                       {apierrors.NewInternalError(errors.New("etcd has no leader")), true, true},
		"a namespace that is going":       {terminating, false, false},
		"a namespace that has gone":       {apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "a"), false, false},
		"a conflict is no more than news": {apierrors.NewConflict(what, "baseline", errors.New("modified")), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := server(t, namespace("a"), namespace("b"))
			w := &apply.Writer{Client: failing{a, "a", c.err}, Live: a}
			from := template()
			p := &coverage.Plan{Spec: coverage.Spec(&from.Spec), Create: []coverage.Stamp{{Namespace: "a"}, {Namespace: "b"}}}
			refused, err := w.Stamp(t.Context(), from, p)
			if _, told := refused["a"]; told != c.refused || (err != nil) != c.failed {
				t.Errorf("refused %v, error %v", refused, err)
			}
			if at(t, a, "b") == nil {
				t.Error("the other namespace has no policy")
			}
		})
	}
}
