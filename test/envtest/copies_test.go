// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// copying is a policy that has its points copied into a repository that is ready.
func (w *world) copying() (*api.BackupPolicy, *api.Repository) {
	w.Helper()
	repository := w.repository("vault", nil)
	w.await(repository, api.ConditionReady, metav1.ConditionTrue, "")
	b := w.policy("sync", func(b *api.BackupPolicy) {
		b.Spec.Fingerprint = api.FingerprintNone
		b.Spec.Copies = []api.CopyTarget{{Name: "offsite", Repository: api.RepositoryReference{Name: "vault"}, Fidelity: api.FidelityStrict}}
	})
	return b, repository
}

// TestPointIsCopied has points copied, and their copies go with them.
func TestPointIsCopied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts", "photos")
	w.withKubelet(storage.Kubelet{})
	s := w.withStore()
	_, repository := w.copying()
	old := w.complete("sync", "old")
	w.await(old, api.ConditionCopied, metav1.ConditionTrue, api.ReasonCopied)
	c := old.Status.Copies[0]
	if c.State != api.CopyComplete || c.RepositoryID != repository.Status.UniqueID || len(c.Volumes) != 2 || c.Bytes != 40 || c.NewBytes != 14 || c.VerifiedAt == nil || c.Volumes[0].Digest != storage.Digest || c.Volumes[0].Mode == "" {
		t.Errorf("the copy is %+v", c)
	}
	w.nothingThrownAway()
	record := ""
	for _, o := range s.ordered() {
		if o.Copy != nil && o.Copy.PointUID == string(old.UID) {
			record += string(o.Copy.Record)
			if !o.Copy.Strict || o.Repository.UniqueID != s.id || o.Copy.Size == 0 {
				t.Errorf("a copier is told %+v", o)
			}
		}
	}
	for _, known := range []string{`"namespace":"` + w.namespace, `"claim":"contacts"`, `"claim":"photos"`, `"volumes":2`, `"cron":"0 0 1 1 *"`, storage.Driver} {
		if !strings.Contains(record, known) {
			t.Errorf("what is written beside the data lacks %s: %s", known, record)
		}
	}
	w.complete("sync", "new")
	w.await(old, api.ConditionCopied, metav1.ConditionTrue, api.ReasonCopied)
	w.ok(w.admin.Delete(t.Context(), old))
	w.gone(old)
	forgot := 0
	for _, o := range s.ordered() {
		if o.Forget != nil && o.Forget.PointUID == string(old.UID) {
			forgot++
		}
	}
	if forgot != 1 {
		t.Errorf("the copy was forgotten %d times", forgot)
	}
	w.nothingThrownAway()
}

// TestPointIsNotCopied has a copy fail, and tried again once the repository was away and is back.
func TestPointIsNotCopied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.withKubelet(storage.Kubelet{})
	s := w.withStore()
	s.set(func(s *store) { s.refuse = result.FailureFull })
	_, repository := w.copying()
	p := w.complete("sync", "now")
	w.await(p, api.ConditionCopied, metav1.ConditionFalse, api.ReasonRepositoryFull)
	if c := p.Status.Copies[0]; c.State != api.CopyFailed || c.Reason != api.ReasonRepositoryFull || c.FinishedAt == nil || len(c.Volumes) > 0 {
		t.Errorf("the copy is %+v", c)
	}
	w.nothingThrownAway()
	s.set(func(s *store) { s.refuse, s.broken = "", result.FailureUnreachable })
	w.annotate(repository, api.AnnotationProbeRequested, time.Now().UTC().Format(time.RFC3339))
	w.await(repository, api.ConditionReady, metav1.ConditionFalse, "")
	time.Sleep(2 * time.Second) // a second counts as a moment: it must be ready after the copy failed
	s.set(func(s *store) { s.broken = "" })
	w.annotate(repository, api.AnnotationProbeRequested, time.Now().UTC().Format(time.RFC3339))
	w.await(p, api.ConditionCopied, metav1.ConditionTrue, api.ReasonCopied)
	if c := p.Status.Copies[0]; c.Attempt != 1 {
		t.Errorf("the copy is %+v", c)
	}
	w.nothingThrownAway()
}

// TestDamageIsHealed: a copy that a verification names does not count, and is made anew in full; nothing is deleted meanwhile, though
// somebody asks for it. It ends with a verification that finds nothing.
func TestDamageIsHealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.withKubelet(storage.Kubelet{})
	s := w.withStore()
	_, repository := w.copying()
	old := w.complete("sync", "old")
	w.await(old, api.ConditionCopied, metav1.ConditionTrue, api.ReasonCopied)
	fresh := w.complete("sync", "new")
	w.await(fresh, api.ConditionCopied, metav1.ConditionTrue, api.ReasonCopied)
	time.Sleep(1100 * time.Millisecond) // a second counts as a moment: it must be copied before it is verified
	verify := func(of ...result.Damaged) {
		s.set(func(s *store) { s.rotten = of })
		w.annotate(repository, api.AnnotationVerifyRequested, time.Now().Add(time.Second).UTC().Format(time.RFC3339))
	}
	verify(result.Damaged{UID: string(old.UID), Namespace: w.namespace, Policy: "sync", Point: "old"})
	w.await(repository, api.ConditionVerified, metav1.ConditionFalse, api.ReasonCopyCorrupt)
	d := repository.Status.Damage
	if d == nil || d.PointCount != 1 || len(d.Points) != 1 || d.Points[0].Name != "old" || d.Points[0].Policy != "sync" || d.Points[0].Namespace != w.namespace || !d.Healing {
		t.Fatalf("the damage is %+v", d)
	}
	eventually(t, soon, func() error {
		w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(old), old))
		if c := old.Status.Copies[0]; c.State != api.CopyComplete || c.Attempt != 1 || !c.Full {
			return fmt.Errorf("the copy is %+v", c)
		}
		return nil
	})
	full := 0
	for _, o := range s.ordered() {
		if o.Copy != nil && o.Copy.Full {
			full++
		}
	}
	if full != 1 {
		t.Errorf("%d copies were asked for in full", full)
	}
	w.ok(w.admin.Delete(t.Context(), old))
	w.await(old, api.ConditionStalled, metav1.ConditionTrue, api.ReasonDeletionHeld)
	verify()
	w.await(repository, api.ConditionVerified, metav1.ConditionTrue, api.ReasonRepositoryVerified)
	if repository.Status.Damage != nil {
		t.Errorf("the damage is still %+v", repository.Status.Damage)
	}
	w.gone(old)
	w.nothingThrownAway()
}
