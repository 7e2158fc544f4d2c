// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

const toolbox = "lifeboat.test/toolbox:latest"

// drilled has a policy rehearse, not while a test runs, with the given checks.
func drilled(checks ...api.Check) func(*api.BackupPolicySpec) {
	return func(b *api.BackupPolicySpec) { b.Drill = &api.Drill{Cron: neverDue(), Checks: checks} }
}

// readAs has readers and checks run as a user.
func readAs(uid int64) func(*api.BackupPolicySpec) {
	return func(b *api.BackupPolicySpec) { b.Mover = &api.MoverOptions{RunAsUser: ptr.To(uid)} }
}

// check is one that runs a shell line in the toolbox, or in another image.
func check(name string, proves api.ProofLevel, line string, edits ...func(*api.Check)) api.Check {
	c := api.Check{Name: name, Proves: proves, Image: toolbox, Command: []string{"sh", "-ec", line}}
	for _, edit := range edits {
		edit(&c)
	}
	return c
}

// ofPolicy rehearses a point of a policy.
func ofPolicy(name string) api.RestoreDrillSpec {
	return api.RestoreDrillSpec{Policy: &api.PolicyReference{Name: name}, Select: api.SelectLatest}
}

// rehearse asks for a drill, as a person does.
func (s *space) rehearse(name string, spec api.RestoreDrillSpec) {
	s.t.Helper()
	s.create(&api.RestoreDrill{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.name}, Spec: spec})
}

// drill waits until a drill is as it should be.
func (s *space) drill(name, what string, most time.Duration, wrong func(*api.RestoreDrill) string) *api.RestoreDrill {
	s.t.Helper()
	var d *api.RestoreDrill
	s.await("drill "+name+" to be "+what, most, func() string {
		d = &api.RestoreDrill{}
		if err := kube.Get(s.ctx, s.key(name), d); err != nil {
			return err.Error()
		}
		return wrong(d)
	})
	return d
}

// drillEnds waits until a drill has ended and cleaned up, and checks how it ended, and that nothing is left.
func (s *space) drillEnds(name string, verdict api.Verdict, level api.ProofLevel, reason string) *api.RestoreDrill {
	s.t.Helper()
	d := s.drill(name, "over", 4*time.Minute, func(d *api.RestoreDrill) string {
		if !meta.IsStatusConditionTrue(d.Status.Conditions, api.ConditionCleanedUp) || (d.Status.Run != nil && d.Status.Evidence == nil) {
			return drillTold(d)
		}
		return ""
	})
	if c := meta.FindStatusCondition(d.Status.Conditions, api.ConditionSucceeded); d.Status.Verdict != verdict || d.Status.Level != level || c.Reason != reason {
		s.t.Errorf("drill %s: %s at level %q, want %s at %q for %s", name, drillTold(d), d.Status.Level, verdict, level, reason)
	}
	if left := s.thrownAway(); len(left) > 0 {
		s.t.Errorf("drill %s left %v", name, left)
	}
	return d
}

func drillTold(d *api.RestoreDrill) string {
	out := []string{"verdict " + string(d.Status.Verdict)}
	for _, c := range d.Status.Conditions {
		out = append(out, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(out, "; ")
}

// fingerprinted takes a point and waits for its fingerprint, and for what that made to be gone.
func (s *space) fingerprinted(name, policy string) *api.RecoveryPoint {
	s.t.Helper()
	s.take(name, policy)
	return s.point(name, "fingerprinted", 3*time.Minute, func(p *api.RecoveryPoint) string {
		f := p.Status.Fingerprint
		if f == nil || f.State == api.FingerprintRecording || !f.CleanedUp {
			return fmt.Sprintf("its fingerprint: %+v", f)
		}
		if f.State != api.FingerprintRecorded {
			s.t.Fatalf("the fingerprint of %s: %+v", name, f)
		}
		return ""
	})
}

// thrownAway are the objects of the namespace that drills, restores and copies were to remove. Repositories are looked at all the time.
func (s *space) thrownAway() []string {
	s.t.Helper()
	var out []string
	for _, list := range []client.ObjectList{&corev1.PersistentVolumeClaimList{}, &corev1.PodList{}, &networkingv1.NetworkPolicyList{}} {
		if err := kube.List(s.ctx, list, client.InNamespace(s.name), client.HasLabels{api.LabelRunUID}); err != nil {
			s.t.Fatal(err)
		}
		objects, err := meta.ExtractList(list)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, o := range objects {
			if x, is := o.(client.Object); is && x.GetAnnotations()[api.AnnotationExpires] != "" && x.GetLabels()[api.LabelRunKind] != "Repository" {
				out = append(out, fmt.Sprintf("%T %s", x, x.GetName()))
			}
		}
	}
	return out
}

// withoutTrace says what of the storage systems' volumes, and of the cluster's, is left of drills in this namespace.
func (s *space) withoutTrace() string {
	if left := s.thrownAway(); len(left) > 0 {
		return fmt.Sprintf("left are %v", left)
	}
	var volumes corev1.PersistentVolumeList
	if err := kube.List(s.ctx, &volumes); err != nil {
		return err.Error()
	}
	for _, v := range volumes.Items {
		if r := v.Spec.ClaimRef; r != nil && r.Namespace == s.name && strings.Contains(r.Name, "-restored-") {
			return "left is volume " + v.Name + " of claim " + r.Name
		}
	}
	return ""
}
