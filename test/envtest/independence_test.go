// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// finds waits until a policy has a finding of a kind, or has none.
func (w *world) finds(b *api.BackupPolicy, kind string, there bool) {
	w.Helper()
	eventually(w.T, soon, func() error {
		if err := w.admin.Get(w.Context(), client.ObjectKeyFromObject(b), b); err != nil {
			return err
		}
		if is := slices.ContainsFunc(b.Status.Findings, func(f api.Finding) bool { return f.Kind == kind }); is != there {
			return fmt.Errorf("findings are %+v; want %s %t", b.Status.Findings, kind, there)
		}
		return nil
	})
}

// TestIndependent: a whole copy makes a policy independent once its repository is elsewhere, and no longer than that.
func TestIndependent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.ok(client.IgnoreAlreadyExists(w.admin.Create(t.Context(), storage.NewStorageClass())))
	s := w.withStore()
	b := w.policy("sync", nil)
	p := w.complete("sync", "first")
	r := w.repository("offsite", func(r *api.Repository) { r.Spec.FailureDomain = storage.Driver })
	w.await(r, api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady)
	if r.Status.FailureDomain != storage.Driver {
		t.Errorf("the repository is in %q", r.Status.FailureDomain)
	}

	before := p.DeepCopy()
	p.Status.Copies = []api.CopyRecord{{Name: "away", Repository: "offsite", RepositoryID: s.id, State: api.CopyComplete, Bytes: 2000, NewBytes: 300,
		StartedAt: *p.Status.FinishedAt, Deadline: *p.Status.FinishedAt, FinishedAt: p.Status.FinishedAt, CleanedUp: true}}
	w.ok(w.admin.Status().Patch(t.Context(), p, client.MergeFrom(before)))
	w.edit(b, `{"spec": {"copies": [{"name": "away", "repository": {"name": "offsite"}}], "objectives": {"copyWithin": "1h"}}}`)
	w.await(b, api.ConditionIndependent, metav1.ConditionFalse, api.ReasonDomainCollapse)
	w.finds(b, api.ReasonNoIndependentCopy, true)
	if b.Status.LastCopy != nil {
		t.Errorf("the last copy is %+v", b.Status.LastCopy)
	}

	// Nothing but the repository tells of it.
	w.edit(r, `{"spec": {"failureDomain": "elsewhere"}}`)
	w.await(b, api.ConditionIndependent, metav1.ConditionTrue, api.ReasonIndependent)
	w.finds(b, api.ReasonNoIndependentCopy, false)
	if c := b.Status.LastCopy; c == nil || c.RecoveryPoint != "first" || c.Repository != "offsite" || !c.PointInTime.Equal(p.Status.PointInTime) || c.Bytes != 2000 || c.NewBytes != 300 {
		t.Errorf("the last copy is %+v", c)
	}
	w.edit(r, `{"spec": {"failureDomain": null}}`)
	w.await(r, api.ConditionReady, metav1.ConditionTrue, "")
	eventually(t, soon, func() error {
		w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(r), r))
		if got := r.Status.FailureDomain; got != "s3.test/lifeboat" {
			return fmt.Errorf("the repository is in %q", got)
		}
		return nil
	})

	w.ok(w.admin.Delete(t.Context(), r))
	w.finds(b, api.ReasonRepositoryNotFound, true)
	w.await(b, api.ConditionIndependent, metav1.ConditionFalse, api.ReasonNoIndependentCopy)
	w.await(b, api.ConditionReady, metav1.ConditionTrue, "") // it is captured all the same
}
