// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// copied says of a point that it has a complete copy with a digest in a repository.
func (w *world) copied(p *api.RecoveryPoint, r *api.Repository, digest string) {
	w.Helper()
	now := metav1.Now()
	c := api.CopyRecord{Name: "offsite", Repository: r.Name, RepositoryID: r.Status.UniqueID, State: api.CopyComplete,
		StartedAt: now, Deadline: now, FinishedAt: &now, VerifiedAt: &now, CleanedUp: true}
	for _, v := range p.Status.Volumes {
		c.Volumes = append(c.Volumes, api.CopiedVolume{Claim: v.Claim, Fingerprint: api.Fingerprint{Digest: digest, Files: 3, Bytes: 30}})
	}
	before := p.DeepCopy()
	p.Status.Copies = []api.CopyRecord{c}
	w.ok(w.admin.Status().Patch(w.Context(), p, client.MergeFrom(before)))
}

// TestRestoreFromCopy writes a copy into new claims, the first of them twice, because its first writer was told to end.
func TestRestoreFromCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts", "photos")
	w.kubernetes()
	s := w.withStore()
	w.policy("sync", func(b *api.BackupPolicy) { b.Spec.Fingerprint = api.FingerprintNone })
	repository := w.repository("vault", nil)
	w.await(repository, api.ConditionReachable, metav1.ConditionTrue, "")
	good := w.complete("sync", "good")
	w.copied(good, repository, "sha256:"+strings.Repeat("7", 64))
	r := w.restore("preview", point("good", func(s *api.RestoreSpec) { s.From, s.DryRun = api.FromCopy, true }))
	w.await(r, api.ConditionSucceeded, metav1.ConditionTrue, api.ReasonDryRun)
	if said := strings.Join(r.Status.Plan, "\n"); !strings.Contains(said, "from copy offsite, in Repository vault") {
		t.Errorf("the plan is %s", said)
	}

	s.set(func(s *store) { s.lose = 1 })
	r = w.restore("beside", point("good", func(s *api.RestoreSpec) { s.From = api.FromCopy }))
	w.await(r, api.ConditionSucceeded, metav1.ConditionTrue, api.ReasonRestored)
	w.leftovers(r)
	if run := r.Status.Run; run.From != api.FromCopy || run.Copy != "offsite" || r.Status.Progress != "2/2" {
		t.Errorf("the status is %+v", r.Status)
	}
	attempts := 0
	for _, v := range r.Status.Volumes {
		c := w.get(v.As)
		if v.Writing != nil {
			attempts += int(v.Writing.Attempt)
		}
		if v.Verified != api.LevelIntact || c.Spec.DataSource != nil || c.Status.Phase != corev1.ClaimBound || c.Annotations[api.AnnotationExpires] != "" {
			t.Errorf("%+v: %+v", v, c)
		}
	}
	if got := strings.Count(s.asked(), "restore"); got != 3 || attempts != 1 {
		t.Errorf("%d pods wrote, and %d began anew", got, attempts)
	}
}

// TestDrillFromCopy rehearses a copy on another storage system: no snapshot is touched, and only writers reach the repository.
func TestDrillFromCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.withKubelet(storage.Kubelet{})
	s := w.withStore()
	elsewhere := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "elsewhere"}, Provisioner: "elsewhere.csi.lifeboat.test"}
	w.ok(client.IgnoreAlreadyExists(w.admin.Create(t.Context(), elsewhere)))
	b := w.policy("sync", func(b *api.BackupPolicy) {
		b.Spec.Fingerprint = api.FingerprintNone
		b.Spec.Objectives = &api.Objectives{RequiredProof: api.LevelIntact}
		b.Spec.Drill = &api.Drill{Cron: "0 0 1 1 *", From: api.FromCopy, StorageClassName: elsewhere.Name}
	})
	p := w.complete("sync", "now")
	before := w.foreign()
	first := w.rehearse("first")
	w.await(first, api.ConditionSucceeded, metav1.ConditionFalse, api.ReasonNoCompleteCopy)

	repository := w.repository("vault", nil)
	w.await(repository, api.ConditionReachable, metav1.ConditionTrue, "")
	w.copied(p, repository, storage.Digest)
	s.set(func(s *store) { s.mute = true })
	d := w.rehearse("second")
	var isolation networkingv1.NetworkPolicyList
	eventually(t, soon, func() error {
		w.ok(w.admin.List(t.Context(), &isolation, client.InNamespace(w.namespace), client.MatchingLabels{api.LabelRun: "second"}))
		var pods corev1.PodList
		w.ok(w.admin.List(t.Context(), &pods, client.InNamespace(w.namespace), client.MatchingLabels{api.LabelRun: "second"}))
		if len(isolation.Items) != 1 || len(pods.Items) != 1 || pods.Items[0].Labels[api.LabelReachesRepository] != "true" {
			return fmt.Errorf("%d network policies, pods %+v", len(isolation.Items), pods.Items)
		}
		selected, err := metav1.LabelSelectorAsSelector(&isolation.Items[0].Spec.PodSelector)
		if err != nil || selected.Matches(labels.Set(pods.Items[0].Labels)) {
			t.Errorf("the writer is isolated: %v", err)
		}
		return nil
	})
	s.set(func(s *store) { s.mute = false })
	w.await(d, api.ConditionSucceeded, metav1.ConditionTrue, api.ReasonDrillPassed)
	w.await(d, api.ConditionCleanedUp, metav1.ConditionTrue, api.ReasonCleanedUp)
	if run := d.Status.Run; !run.Independent || run.From != api.FromCopy || run.Copy != "offsite" || run.RepositoryID != s.id || d.Status.Level != api.LevelIntact {
		t.Errorf("the status is %+v", d.Status)
	}
	w.await(p, api.ConditionProven, metav1.ConditionTrue, api.ReasonProven)
	if proof := p.Status.Proofs[0]; proof.From != api.FromCopy || !proof.Independent {
		t.Errorf("the proof is %+v", proof)
	}
	w.await(b, api.ConditionProven, metav1.ConditionTrue, api.ReasonProven)
	w.verifyEvidence(2)
	if all := d.Status.Dossiers; len(all) != 1 || all[0].Repository != "vault" || all[0].State != api.DossierWritten {
		t.Errorf("the dossiers are %+v", all)
	}
	w.nothingThrownAway()
	if note := s.note(); !strings.Contains(note, "independent of the captured volumes' failure domain: true") || !strings.Contains(note, `"payloadType"`) {
		t.Errorf("the dossier is\n%s", note)
	}
	if after := w.foreign(); after != before {
		t.Errorf("the drill touched what it did not create:\n%s\nthen\n%s", before, after)
	}
}
