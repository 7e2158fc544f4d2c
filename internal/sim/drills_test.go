// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	core "github.com/lifeboat-dev/lifeboat/internal/core/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/evidence/keeper"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// routeRuns turns changes into requests about drills, fingerprints and what they leave, by the same rules as the watches.
func (o *Operator) routeRuns(c testkit.Change, obj client.Object, now time.Time) {
	if !o.world.Rehearses {
		return
	}
	switch obj := obj.(type) {
	case *api.RestoreDrill:
		o.routeDrill(c, obj, now)
	case *api.RecoveryPoint:
		if plan.WantsFingerprint(obj) {
			o.add(request{printKind, obj.Namespace, obj.Name}, now)
		}
		o.sweepRun(c, obj, now)
	case *corev1.Pod, *corev1.PersistentVolumeClaim:
		o.routeRunObject(obj, now)
		o.sweepObject(obj, now)
	case *networkingv1.NetworkPolicy:
		o.sweepObject(obj, now)
	}
}

func (o *Operator) routeDrill(c testkit.Change, d *api.RestoreDrill, now time.Time) {
	o.add(request{drillKind, d.Namespace, d.Name}, now)
	o.sweepRun(c, d, now)
	before, _ := c.Then.(*api.RestoreDrill)
	if c.Now != nil && before != nil && plan.DrillEnded(before) == plan.DrillEnded(d) && before.Status.Verdict == d.Status.Verdict && (before.Status.Run == nil) == (d.Status.Run == nil) {
		return
	}
	if policy := plan.DrillPolicy(d); policy != "" {
		o.add(request{policyKind, d.Namespace, policy}, now)
	}
	for _, q := range o.seenDrills() {
		if q.Namespace == d.Namespace && plan.DrillPolicy(&q) == plan.DrillPolicy(d) && q.Status.Run == nil && q.Status.Verdict == "" {
			o.add(request{drillKind, q.Namespace, q.Name}, now)
		}
	}
}

func (o *Operator) seenDrills() []api.RestoreDrill {
	var l api.RestoreDrillList
	must(o.cache.List(context.Background(), &l, client.UnsafeDisableDeepCopy))
	return l.Items
}

func (o *Operator) routeRunObject(obj client.Object, now time.Time) {
	l := obj.GetLabels()
	if kind := map[string]string{"RestoreDrill": drillKind, "RecoveryPoint": printKind}[l[api.LabelRunKind]]; kind != "" {
		o.add(request{kind, obj.GetNamespace(), l[api.LabelRun]}, now)
	}
}

func (o *Operator) sweepObject(obj client.Object, now time.Time) {
	l := obj.GetLabels()
	if l[api.LabelRunUID] != "" && obj.GetAnnotations()[api.AnnotationExpires] != "" {
		o.add(request{sweepKind, obj.GetNamespace(), l[api.LabelRunKind] + "/" + l[api.LabelRun] + "/" + l[api.LabelRunUID]}, now)
	}
}

// sweepRun looks at what is left of a run that has gone.
func (o *Operator) sweepRun(c testkit.Change, run client.Object, now time.Time) {
	if c.Now != nil {
		return
	}
	for _, uid := range runsOf(run) {
		for _, l := range []client.ObjectList{&corev1.PersistentVolumeClaimList{}, &corev1.PodList{}, &networkingv1.NetworkPolicyList{}} {
			must(o.cache.List(context.Background(), l, client.InNamespace(run.GetNamespace()), client.MatchingLabels{api.LabelRunUID: uid}, client.UnsafeDisableDeepCopy))
			for _, obj := range items(l) {
				o.sweepObject(obj, now)
			}
		}
	}
}

// wakeRuns looks at every drill, fingerprint and leftover, as a start does.
func (o *Operator) wakeRuns(now time.Time) {
	if !o.world.Rehearses {
		return
	}
	for _, l := range []client.ObjectList{&api.RestoreDrillList{}, &api.RecoveryPointList{}, &corev1.PersistentVolumeClaimList{}, &corev1.PodList{}, &networkingv1.NetworkPolicyList{}} {
		must(o.world.User.List(context.Background(), l, client.UnsafeDisableDeepCopy))
		for _, obj := range items(l) {
			o.routeRuns(testkit.Change{Then: obj, Now: obj}, obj, now)
		}
	}
}

func (w *World) drills() []api.RestoreDrill {
	var l api.RestoreDrillList
	must(w.User.List(context.Background(), &l))
	return l.Items
}

// rehearse makes a drill as a user does.
func (w *World) rehearse(name string) {
	w.Apply(&api.RestoreDrill{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: name},
		Spec: api.RestoreDrillSpec{Policy: &api.PolicyReference{Name: "web"}}})
}

// foreign are the names and UIDs of all that no run may touch: snapshots, contents, and the claims that are captured with their volumes.
func (w *World) foreign() string {
	var out []string
	for _, l := range []client.ObjectList{&snapshotv1.VolumeSnapshotList{}, &snapshotv1.VolumeSnapshotContentList{}, &corev1.PersistentVolumeClaimList{}, &corev1.PersistentVolumeList{}} {
		must(w.User.List(context.Background(), l))
		for _, o := range items(l) {
			v, isVolume := o.(*corev1.PersistentVolume)
			if o.GetAnnotations()[api.AnnotationExpires] != "" || (isVolume && strings.HasPrefix(v.Name, "pvc-")) {
				continue
			}
			out = append(out, fmt.Sprintf("%T %s %s %s %v", o, o.GetName(), o.GetUID(), o.GetResourceVersion(), o.GetDeletionTimestamp()))
		}
	}
	return strings.Join(out, "\n")
}

// drilled is a policy that records every fingerprint, and checks what is rehearsed.
func drilled(b *api.BackupPolicy) {
	b.Spec.Fingerprint = api.FingerprintEvery
	b.Spec.Drill = &api.Drill{Cron: "30 12 * * *", Select: api.SelectLatest, Checks: []api.Check{
		{Name: "files", Proves: api.LevelConsistent, Image: "files", Command: []string{"check"}},
		{Name: "client", Proves: api.LevelAnswering, Image: "client", Command: []string{"ask"}},
	}}
}

// atHalfPast drills half an hour after the first point.
func atHalfPast(b *api.BackupPolicy) {
	drilled(b)
	b.Spec.Drill.Cron = "30 1 * * *"
}

func fates(f map[string]testkit.Fate) func(*World) {
	return func(w *World) {
		for which, fate := range f {
			w.Machine.Fates[which] = fate
		}
	}
}

// rehearsed has a drill run on the only point, and expects its outcome, its evidence and nothing else.
func rehearsed(want string) (act func(*World), expect func(*testing.T, *World)) {
	before := ""
	act = func(w *World) {
		before = w.foreign()
		w.rehearse("now")
	}
	return act, func(t *testing.T, w *World) {
		t.Helper()
		drillEnded(t, w, want)
		if after := w.foreign(); after != before {
			t.Errorf("the drill touched what it did not create:\n%s\nthen\n%s", before, after)
		}
	}
}

// mostReads has only some reads spoiled in drills that read as the first does. Every write is.
const mostReads = 7

func drillScenarios() []scenario {
	two := []string{"data", "logs"}
	const half = time.Hour + 40*time.Minute
	var out []scenario
	for _, c := range []struct {
		name, want string
		policy     testkit.Mod[api.BackupPolicy]
		prepare    func(*World)
		fates      map[string]testkit.Fate
		sample     int
	}{
		{"a drill passes with two checks", "Passed DrillPassed Answering", drilled, nil, nil, 0},
		{"a drill finds other content", "Failed ContentDiffers Restored", drilled, nil, map[string]testkit.Fate{"logs": testkit.Differs}, mostReads},
		{"a drill whose class retains volumes", "Passed DrillPassed Answering", drilled, retainingClass, nil, mostReads},
	} {
		act, expect := rehearsed(c.want)
		out = append(out, scenario{name: c.name, sample: c.sample, claims: two, policy: testkit.Policy(c.policy), rehearses: true, before: half, window: 15 * time.Minute,
			prepare: c.prepare, act: func(w *World) { fates(c.fates)(w); act(w) }, expect: expect})
	}
	return append(out,
		scenario{
			name: "a fingerprint is recorded", claims: two, policy: testkit.Policy(func(b *api.BackupPolicy) { b.Spec.Fingerprint = api.FingerprintEvery }), rehearses: true,
			before: 59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: func(t *testing.T, w *World) {
				completePoints(1)(t, w)
				if f := w.Points()[0].Status.Fingerprint; f == nil || f.State != api.FingerprintRecorded || len(f.Volumes) != 2 || !f.CleanedUp {
					t.Errorf("the fingerprint is %+v", f)
				}
			},
		},
		scenario{
			name: "a drill is due", claims: two, policy: testkit.Policy(atHalfPast), rehearses: true, sample: mostReads,
			before: time.Hour + 29*time.Minute, act: func(*World) {}, window: 20 * time.Minute,
			expect: func(t *testing.T, w *World) {
				drillEnded(t, w, "Passed DrillPassed Answering")
				if d := w.drills()[0]; d.Name != names.Drill("web", string(w.Policy("web").UID), monday.Add(90*time.Minute)) {
					t.Errorf("the drill is named %s", d.Name)
				}
			},
		},
		scenario{
			name: "a drill is deleted while it reads", claims: two, policy: testkit.Policy(atHalfPast), rehearses: true,
			before: time.Hour + 30*time.Minute + 4*time.Second, window: 15 * time.Minute,
			act:    func(w *World) { d := w.drills()[0]; w.Delete(&d) },
			expect: func(t *testing.T, w *World) { evidenceIs(t, w, "Aborted"); nothingLeft(t, w) },
		},
		scenario{
			name: "a drill is deleted by force while it reads", claims: two, policy: testkit.Policy(atHalfPast), rehearses: true,
			before: time.Hour + 30*time.Minute + 4*time.Second, window: 15 * time.Minute,
			act: func(w *World) {
				d := w.drills()[0]
				d.Finalizers = nil
				must(w.User.Update(context.Background(), &d))
				w.Delete(&d)
			},
			expect: func(t *testing.T, w *World) { evidenceIs(t, w); nothingLeft(t, w) },
		},
		scenario{
			name: "a point is deleted while its fingerprint is recorded", claims: two, policy: testkit.Policy(drilled), rehearses: true,
			before: 2*time.Hour + 7*time.Second, window: 15 * time.Minute,
			act:    func(w *World) { p := w.Points()[1]; w.Delete(&p) },
			expect: func(t *testing.T, w *World) { completePoints(1)(t, w); nothingLeft(t, w) },
		},
	)
}

// retainingClass keeps the volumes of deleted claims, unless they are let go of.
func retainingClass(w *World) {
	c := testkit.StorageClass()
	c.ReclaimPolicy = ptr.To(corev1.PersistentVolumeReclaimRetain)
	must(w.API.Seed(c))
}

// drillEnded expects one drill with this verdict, reason and level, cleaned up, with its evidence, and a proof only if it passed.
func drillEnded(t *testing.T, w *World, want string) {
	t.Helper()
	all := w.drills()
	if len(all) != 1 {
		t.Fatalf("there are %d drills", len(all))
	}
	d := all[0]
	c := meta.FindStatusCondition(d.Status.Conditions, api.ConditionSucceeded)
	if c == nil {
		t.Fatalf("the drill says nothing: %+v", d.Status)
	}
	if got := fmt.Sprintf("%s %s %s", d.Status.Verdict, c.Reason, d.Status.Level); got != want {
		t.Errorf("the drill ended as %q, want %q: %s", got, want, c.Message)
	}
	if !meta.IsStatusConditionTrue(d.Status.Conditions, api.ConditionCleanedUp) {
		t.Errorf("the drill is not cleaned up: %+v", d.Status.Conditions)
	}
	nothingLeft(t, w)
	evidenceIs(t, w, strings.Fields(want)[0])
	passed := d.Status.Verdict == api.VerdictPassed
	proven := meta.IsStatusConditionTrue(w.Policy("web").Status.Conditions, api.ConditionProven)
	point := slices.ContainsFunc(w.Points(), func(p api.RecoveryPoint) bool {
		return meta.IsStatusConditionTrue(p.Status.Conditions, api.ConditionProven) && len(p.Status.Proofs) == 1 && p.Status.Proofs[0].Drill == d.Name
	})
	if proven != passed || point != passed {
		t.Errorf("the drill passed: %t; the policy is proven: %t, the point: %t", passed, proven, point)
	}
}

// nothingLeft expects that no object of any run is there.
func nothingLeft(t *testing.T, w *World) {
	t.Helper()
	for _, l := range []client.ObjectList{&corev1.PodList{}, &networkingv1.NetworkPolicyList{}, &corev1.PersistentVolumeClaimList{}, &corev1.PersistentVolumeList{}} {
		must(w.User.List(context.Background(), l))
		for _, o := range items(l) {
			if o.GetAnnotations()[api.AnnotationExpires] != "" || strings.HasPrefix(o.GetName(), "pvc-") {
				t.Errorf("%T %s is left", o, o.GetName())
			}
		}
	}
}

// evidenceIs expects statements with these verdicts, which form one unbroken chain under the published key.
func evidenceIs(t *testing.T, w *World, verdicts ...string) {
	t.Helper()
	var list corev1.ConfigMapList
	must(w.User.List(context.Background(), &list, client.InNamespace(testkit.Namespace)))
	slices.SortFunc(list.Items, func(a, b corev1.ConfigMap) int { return sequence(a) - sequence(b) })
	var got []string
	var envelopes []evidence.Envelope
	for _, c := range list.Items {
		got = append(got, c.Annotations[api.AnnotationEvidenceVerdict])
		envelopes = append(envelopes, evidence.Envelope{Name: c.Name, JSON: []byte(c.Data[core.EnvelopeKey])})
	}
	slices.Sort(got)
	if !slices.Equal(got, verdicts) {
		t.Errorf("there is evidence of %v, want %v", got, verdicts)
	}
	if len(envelopes) == 0 {
		return
	}
	report, err := evidence.Verify(publishedKey(w), envelopes...)
	if err != nil || len(report.Chains) != 1 || report.Chains[0].Err() != nil || report.Chains[0].Before != "" {
		for _, c := range report.Chains {
			t.Errorf("a chain of %d statements after %q: %v", len(c.Links), c.Before, c.Err())
		}
		t.Errorf("there are %d chains: %v", len(report.Chains), err)
	}
}

// sequence is the place of a statement in its chain.
func sequence(c corev1.ConfigMap) int {
	n, err := strconv.Atoi(c.Annotations[api.AnnotationEvidenceSequence])
	must(err)
	return n
}

func publishedKey(w *World) []ed25519.PublicKey {
	var c corev1.ConfigMap
	must(w.User.Get(context.Background(), client.ObjectKey{Namespace: systemNamespace, Name: keeper.KeyName}, &c))
	keys, err := evidence.ParsePublic([]byte(c.Data[keeper.PublicKey]))
	must(err)
	return keys
}
