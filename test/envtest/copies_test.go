// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
