// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	core "github.com/lifeboat-dev/lifeboat/internal/core/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/evidence/keeper"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// withKubelet has somebody bind claims and run pods in the world's namespace while the test lasts.
func (w *world) withKubelet(k storage.Kubelet) {
	w.Helper()
	w.ok(client.IgnoreAlreadyExists(w.admin.Create(w.Context(), storage.NewStorageClass())))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	k.Client, k.Namespace = w.admin, w.namespace
	go func() { ended <- k.Run(ctx) }()
	w.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Error(err)
		}
	})
}

// TestDrill rehearses by hand and on schedule, with a history of one, until all is at rest.
func TestDrill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.withKubelet(storage.Kubelet{})
	b := w.policy("sync", func(b *api.BackupPolicy) {
		b.Spec.Manifest = api.ManifestKeep // there is no log to be had here, which takes nothing from the fingerprint
		b.Spec.Drill = &api.Drill{Cron: "0 0 1 1 *", History: ptr.To[int32](1), Checks: []api.Check{
			{Name: "files", Proves: api.LevelConsistent, Image: "registry.test/check", Command: []string{"check"}}}}
	})
	p := w.complete("sync", "now")
	eventually(t, soon, func() error {
		w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(p), p))
		if f := p.Status.Fingerprint; f == nil || f.State != api.FingerprintRecorded || !f.CleanedUp {
			return fmt.Errorf("the fingerprint is %+v", f)
		}
		return nil
	})
	before := w.foreign()
	first := w.rehearse("first")
	w.await(first, api.ConditionSucceeded, metav1.ConditionTrue, api.ReasonDrillPassed)
	w.await(first, api.ConditionCleanedUp, metav1.ConditionTrue, api.ReasonCleanedUp)
	if first.Status.Level != api.LevelConsistent || first.Status.RecoveryTime == nil || first.Status.Evidence == nil {
		t.Errorf("the drill's status is %+v", first.Status)
	}
	w.await(b, api.ConditionProven, metav1.ConditionTrue, api.ReasonProven)
	w.await(p, api.ConditionProven, metav1.ConditionTrue, api.ReasonProven)
	w.nothingThrownAway()
	got := regexp.MustCompile(` +`).ReplaceAllString(w.kubectl("get", "drill"), " ")
	if want := regexp.MustCompile(`^NAME POLICY POINT FROM VERDICT LEVEL RECOVERY REASON AGE\nfirst sync now Snapshot Passed Consistent [0-9.ms]+ DrillPassed \d+s$`); !want.MatchString(got) {
		t.Errorf("kubectl get drill:\n%s", got)
	}
	if after := w.foreign(); after != before {
		t.Errorf("the drill touched what it did not create:\n%s\nthen\n%s", before, after)
	}
	w.scheduledDrill(b, first)
	w.verifyEvidence(2)
	w.atRest()
}

// scheduledDrill waits for the next minute: a drill is due, and pushes the first out of the history.
func (w *world) scheduledDrill(b *api.BackupPolicy, first *api.RestoreDrill) {
	w.Helper()
	w.ok(w.admin.Patch(w.Context(), b.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec": {"drill": {"cron": "* * * * *"}}}`))))
	var drills api.RestoreDrillList
	eventually(w.T, 90*time.Second, func() error {
		w.ok(w.admin.List(w.Context(), &drills, client.InNamespace(w.namespace)))
		for i := range drills.Items {
			if drills.Items[i].Spec.Slot != nil {
				return nil
			}
		}
		return fmt.Errorf("no drill yet")
	})
	w.ok(w.admin.Patch(w.Context(), b.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec": {"drill": {"cron": "0 0 1 1 *"}}}`))))
	for i := range drills.Items {
		if d := &drills.Items[i]; d.Spec.Slot != nil {
			w.await(d, api.ConditionSucceeded, metav1.ConditionTrue, api.ReasonDrillPassed)
			w.await(d, api.ConditionCleanedUp, metav1.ConditionTrue, api.ReasonCleanedUp)
		}
	}
	w.gone(first)
	w.nothingThrownAway()
}

// TestDrillDeletedByForce: what a drill made goes also when its finalizer was taken.
func TestDrillDeletedByForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.withKubelet(storage.Kubelet{Stuck: true})
	w.policy("sync", func(b *api.BackupPolicy) {
		b.Spec.Fingerprint, b.Spec.Drill = api.FingerprintNone, &api.Drill{Cron: "0 0 1 1 *"}
	})
	w.complete("sync", "now")
	d := w.rehearse("hangs")
	var pods corev1.PodList
	eventually(t, soon, func() error {
		w.ok(w.admin.List(t.Context(), &pods, client.InNamespace(w.namespace)))
		if len(pods.Items) == 0 {
			return fmt.Errorf("no pod yet")
		}
		return nil
	})
	w.ok(w.admin.Patch(t.Context(), d.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"finalizers": null}}`))))
	w.ok(w.admin.Delete(t.Context(), d))
	w.gone(d)
	w.nothingThrownAway()
}

func (w *world) rehearse(name string) *api.RestoreDrill {
	w.Helper()
	d := &api.RestoreDrill{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: api.RestoreDrillSpec{Policy: &api.PolicyReference{Name: "sync"}}}
	w.ok(w.admin.Create(w.Context(), d))
	return d
}

// foreign are the names and UIDs of what no drill may touch.
func (w *world) foreign() string {
	w.Helper()
	var out []string
	for _, s := range w.snapshots() {
		out = append(out, fmt.Sprint(s.Name, s.UID, s.DeletionTimestamp))
	}
	for _, c := range w.contents() {
		out = append(out, fmt.Sprint(c.Name, c.UID, c.Spec.DeletionPolicy, c.DeletionTimestamp))
	}
	var claims corev1.PersistentVolumeClaimList
	w.ok(w.admin.List(w.Context(), &claims, client.InNamespace(w.namespace)))
	for _, c := range claims.Items {
		if c.Annotations[api.AnnotationExpires] == "" {
			out = append(out, fmt.Sprint(c.Name, c.UID, c.ResourceVersion))
		}
	}
	return strings.Join(out, "\n")
}

// nothingThrownAway waits until no object of any run is left in the namespace, nor a volume of its.
func (w *world) nothingThrownAway() {
	w.Helper()
	eventually(w.T, soon, func() error {
		var pods corev1.PodList
		var policies networkingv1.NetworkPolicyList
		var claims corev1.PersistentVolumeClaimList
		var volumes corev1.PersistentVolumeList
		for _, l := range []client.ObjectList{&pods, &policies, &claims} {
			w.ok(w.admin.List(w.Context(), l, client.InNamespace(w.namespace), client.HasLabels{api.LabelRunUID}))
		}
		w.ok(w.admin.List(w.Context(), &volumes))
		n := 0
		for _, v := range volumes.Items {
			if v.Spec.ClaimRef != nil && v.Spec.ClaimRef.Namespace == w.namespace && strings.HasPrefix(v.Name, "pvc-") {
				n++
			}
		}
		if left := len(pods.Items) + len(policies.Items) + len(claims.Items) + n; left > 0 {
			return fmt.Errorf("left are %d pods, %d network policies, %d claims and %d volumes", len(pods.Items), len(policies.Items), len(claims.Items), n)
		}
		return nil
	})
}

// verifyEvidence checks the statements with the key that is published in the operator's namespace.
func (w *world) verifyEvidence(want int) {
	w.Helper()
	var key corev1.ConfigMap
	w.ok(w.admin.Get(w.Context(), client.ObjectKey{Namespace: systemNamespace, Name: keeper.KeyName}, &key))
	keys, err := evidence.ParsePublic([]byte(key.Data[keeper.PublicKey]))
	w.ok(err)
	var list corev1.ConfigMapList
	w.ok(w.admin.List(w.Context(), &list, client.InNamespace(w.namespace), client.HasLabels{api.LabelEvidence}))
	slices.SortFunc(list.Items, func(a, b corev1.ConfigMap) int {
		return strings.Compare(a.Annotations[api.AnnotationEvidenceSequence], b.Annotations[api.AnnotationEvidenceSequence])
	})
	var envelopes []evidence.Envelope
	for _, c := range list.Items {
		envelopes = append(envelopes, evidence.Envelope{Name: c.Name, JSON: []byte(c.Data[core.EnvelopeKey])})
	}
	report, err := evidence.Verify(keys, envelopes...)
	w.ok(err)
	if len(envelopes) != want || len(report.Chains) != 1 || report.Chains[0].Err() != nil || len(report.Chains[0].Links) != want {
		w.Errorf("there are %d statements, want %d; they form %+v", len(envelopes), want, report.Chains)
	}
}

// atRest expects that the operator writes nothing in this namespace for a while.
func (w *world) atRest() {
	w.Helper()
	time.Sleep(2 * time.Second)
	since := time.Now()
	time.Sleep(5 * time.Second)
	for _, r := range requests(w.T, since) {
		if r.Ref.Namespace == w.namespace && r.Verb != "get" && r.Verb != "list" && r.Verb != "watch" && r.Ref.Resource != "events" {
			w.Errorf("at rest the operator sends %s %s", r.right(), r.Ref.Name)
		}
	}
}
