// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// each calls for every object that is there.
func (k *Checker) each(do func(client.Object)) {
	k.api.mu.Lock()
	now := k.api.now
	k.api.mu.Unlock()
	for _, objects := range now {
		for _, o := range objects {
			do(o)
		}
	}
}

func (k *Checker) byUID(uid types.UID) (found client.Object) {
	k.each(func(o client.Object) {
		if o.GetUID() == uid {
			found = o
		}
	})
	return found
}

func (k *Checker) drills() (out []*api.RestoreDrill) {
	k.each(func(o client.Object) {
		if d, ok := o.(*api.RestoreDrill); ok {
			out = append(out, d)
		}
	})
	return out
}

// runOver says whether the run of an object has nothing more to do with it: its verdict fell, it is being deleted, or it is gone.
func (k *Checker) runOver(o client.Object) bool {
	switch r := k.byUID(types.UID(o.GetLabels()[api.LabelRunUID])).(type) {
	case *api.RestoreDrill:
		return r.Status.Verdict != ""
	case *api.RecoveryPoint:
		return !r.DeletionTimestamp.IsZero() || (r.Status.Fingerprint != nil && r.Status.Fingerprint.State != api.FingerprintRecording)
	case *api.Repository:
		return !k.taskUnderWay(r, o.GetName())
	case *api.Restore:
		return r.Status.FinishedAt != nil || !r.DeletionTimestamp.IsZero()
	}
	return !k.beingCopied(o)
}

// throwsAway is invariant 14: a run removes what the operator created for it, and nothing else, once it is over.
func (k *Checker) throwsAway(c Call) {
	o := k.byUID(c.UID)
	switch {
	case o == nil:
	case k.made[c.UID] && k.attemptOver(o):
	case !k.made[c.UID] || o.GetLabels()[api.LabelRunUID] == "" || o.GetAnnotations()[api.AnnotationExpires] == "":
		k.broken(14, "%s: it was not made to be thrown away", c)
	case !k.runOver(o):
		k.broken(14, "%s: its run is under way", c)
	}
}

// freesVolume allows it only for volumes of claims that the operator created.
func (k *Checker) freesVolume(c Call) {
	v, ok := k.byUID(c.UID).(*corev1.PersistentVolume)
	if ok && !k.made[v.Spec.ClaimRef.UID] {
		k.broken(14, "%s: the volume is of claim %s, which no run made", c, v.Spec.ClaimRef.Name)
	}
}

// forgetsDrill allows it only for drills that ended and whose evidence is recorded, and never for the newest that passed.
func (k *Checker) forgetsDrill(c Call) {
	d, ok := k.byUID(c.UID).(*api.RestoreDrill)
	if !ok {
		return
	}
	if d.Status.Verdict == "" || (d.Status.Run != nil && d.Status.Evidence == nil) {
		k.broken(14, "%s: it has not ended", c)
	}
	newer := false
	for _, q := range k.drills() {
		newer = newer || (q.Status.Verdict == api.VerdictPassed && d.Status.FinishedAt.Before(q.Status.FinishedAt))
	}
	if d.Status.Verdict == api.VerdictPassed && !newer {
		k.broken(14, "%s: it is the newest that passed", c)
	}
}

// afterDrill checks what holds at any time: one drill of a policy in flight, no proof without evidence, checks behind a NetworkPolicy.
func (k *Checker) afterDrill(c Call) {
	o := k.keyed(c)
	if c.Verb == Create && o != nil {
		k.made[o.GetUID()] = true
	}
	switch o := o.(type) {
	case *corev1.Pod:
		if _, moves := orderOf(o); o.Labels[api.LabelRunKind] == "RestoreDrill" && !moves && !k.isolated(o) {
			k.broken(14, "%s: no NetworkPolicy is there", c)
		}
	case *api.RestoreDrill:
		running := 0
		for _, d := range k.drills() {
			if d.Status.Run != nil && d.Status.Verdict == "" && o.Status.Run != nil && d.Status.Run.PolicyUID == o.Status.Run.PolicyUID {
				running++
			}
		}
		if running > 1 {
			k.broken(12, "policy %s has %d drills in flight", o.Status.Run.Policy, running)
		}
	case *api.RecoveryPoint:
		for _, p := range o.Status.Proofs {
			k.evident(p)
		}
	case *api.BackupPolicy:
		k.selectsNoThrowaways(o)
		if p := o.Status.LastProof; p != nil {
			k.evident(*p)
		}
	}
}

// selectsNoThrowaways holds a policy that selects all claims against those that are there to stay. What it says while it cannot be judged
// is of before.
func (k *Checker) selectsNoThrowaways(b *api.BackupPolicy) {
	if slices.ContainsFunc(b.Status.Findings, func(f api.Finding) bool { return f.Kind == api.ReasonEvaluationError }) {
		return
	}
	n := int32(0)
	k.each(func(o client.Object) {
		thrown := k.made[o.GetUID()] && o.GetAnnotations()[api.AnnotationExpires] != ""
		if _, ok := o.(*corev1.PersistentVolumeClaim); ok && o.GetNamespace() == b.Namespace && !thrown {
			n++
		}
	})
	if b.Spec.Volumes.Selector != nil && b.Status.Volumes.Selected > n {
		k.broken(14, "policy %s selects %d claims, of which %d are there to stay", b.Name, b.Status.Volumes.Selected, n)
	}
}

// keyed is the object that a call was about.
func (k *Checker) keyed(c Call) (found client.Object) {
	k.api.mu.Lock()
	defer k.api.mu.Unlock()
	for kind, objects := range k.api.now {
		if kind.Kind == c.Kind {
			found = objects[c.Key]
		}
	}
	return found
}

func (k *Checker) isolated(p *corev1.Pod) (is bool) {
	k.each(func(o client.Object) {
		n, ok := o.(*networkingv1.NetworkPolicy)
		is = is || (ok && n.Namespace == p.Namespace && n.Spec.PodSelector.MatchLabels[api.LabelRunUID] == p.Labels[api.LabelRunUID])
	})
	return is
}

// evident is invariant 7: a proof is of a drill that passed, and whose statement is kept.
func (k *Checker) evident(p api.ProofSummary) {
	for _, d := range k.drills() {
		if d.Name == p.Drill && (d.Status.Verdict != api.VerdictPassed || d.Status.Run == nil || !k.kept(d)) {
			k.broken(7, "drill %s is taken for a proof without evidence that it passed", p.Drill)
		}
	}
}

func (k *Checker) kept(d *api.RestoreDrill) (is bool) {
	k.each(func(o client.Object) {
		c, ok := o.(*corev1.ConfigMap)
		is = is || (ok && c.Name == names.Evidence(d.Status.Run.Policy, string(d.UID)) && c.Annotations[api.AnnotationEvidenceVerdict] == string(d.Status.Verdict))
	})
	return is
}

// noThrowaways is invariant 13: at rest nothing is left of runs that are over, and each drill that ended has its evidence.
func (k *Checker) noThrowaways() {
	claims := map[types.UID]bool{}
	k.each(func(o client.Object) {
		if _, ok := o.(*corev1.PersistentVolumeClaim); ok {
			claims[o.GetUID()] = true
		}
	})
	k.each(func(o client.Object) {
		switch o := o.(type) {
		case *corev1.Pod, *corev1.PersistentVolumeClaim, *networkingv1.NetworkPolicy:
			if o.GetAnnotations()[api.AnnotationExpires] != "" && k.made[o.GetUID()] && k.runOver(o) {
				k.broken(13, "%T %s is left over", o, o.GetName())
			}
		case *corev1.PersistentVolume:
			if k.made[o.Spec.ClaimRef.UID] && !claims[o.Spec.ClaimRef.UID] {
				k.broken(13, "volume %s is left over", o.Name)
			}
		}
	})
	for _, d := range k.drills() {
		if d.Status.Verdict != "" && d.Status.Run != nil && (d.Status.Evidence == nil || !k.kept(d)) {
			k.broken(7, "drill %s ended without evidence", d.Name)
		}
	}
}
