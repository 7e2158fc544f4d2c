// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// ofPoint restores a point by name.
func ofPoint(name string, edits ...func(*api.RestoreSpec)) api.RestoreSpec {
	r := api.RestoreSpec{RecoveryPoint: &api.PointReference{Name: name}}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

// ofNewest restores the newest point of a policy.
func ofNewest(policy string, edits ...func(*api.RestoreSpec)) api.RestoreSpec {
	r := api.RestoreSpec{Policy: &api.PolicyReference{Name: policy}}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func inPlace(r *api.RestoreSpec) { r.InPlace = true }

func dryRun(r *api.RestoreSpec) { r.DryRun = true }

// into brings one claim back under another name.
func into(claim, as string) func(*api.RestoreSpec) {
	return func(r *api.RestoreSpec) { r.Volumes = append(r.Volumes, api.RestoreVolume{Claim: claim, As: as}) }
}

// bringBackNow asks for a restore, as a person does.
func (s *space) bringBackNow(name string, spec api.RestoreSpec) {
	s.t.Helper()
	s.create(&api.Restore{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.name}, Spec: spec})
}

// restoring waits until a restore is as it should be.
func (s *space) restoring(name, what string, most time.Duration, wrong func(*api.Restore) string) *api.Restore {
	s.t.Helper()
	var r *api.Restore
	s.await("restore "+name+" to be "+what, most, func() string {
		r = &api.Restore{}
		if err := kube.Get(s.ctx, s.key(name), r); err != nil {
			return err.Error()
		}
		return wrong(r)
	})
	return r
}

// restoreEnds waits until a restore has ended and cleaned up, and checks how it ended, and that nothing is left to be thrown away.
func (s *space) restoreEnds(name, reason string) *api.Restore {
	s.t.Helper()
	r := s.restoring(name, "over", 4*time.Minute, func(r *api.Restore) string {
		if r.Status.FinishedAt == nil || len(r.Finalizers) > 0 {
			return restoreTold(r)
		}
		return ""
	})
	if c := meta.FindStatusCondition(r.Status.Conditions, api.ConditionSucceeded); c.Reason != reason {
		s.t.Fatalf("restore %s: %s; want %s; %+v", name, restoreTold(r), reason, r.Status.Volumes)
	}
	if left := s.thrownAway(); len(left) > 0 {
		s.t.Errorf("restore %s left %v", name, left)
	}
	return r
}

func restoreTold(r *api.Restore) string {
	out := []string{fmt.Sprintf("finished %v", r.Status.FinishedAt)}
	for _, c := range r.Status.Conditions {
		out = append(out, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(out, "; ")
}

// restored orders a restore and waits until it succeeded.
func (s *space) restored(name string, spec api.RestoreSpec) *api.Restore {
	s.t.Helper()
	s.bringBackNow(name, spec)
	return s.restoreEnds(name, api.ReasonRestored)
}

// claimNow is a claim of the namespace.
func (s *space) claimNow(name string) *corev1.PersistentVolumeClaim {
	s.t.Helper()
	var c corev1.PersistentVolumeClaim
	if err := kube.Get(s.ctx, s.key(name), &c); err != nil {
		s.t.Fatal(err)
	}
	return &c
}

func (s *space) claimNames() string {
	s.t.Helper()
	var list corev1.PersistentVolumeClaimList
	if err := kube.List(s.ctx, &list, client.InNamespace(s.name)); err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, c := range list.Items {
		out = append(out, c.Name)
	}
	return strings.Join(out, " ")
}

// volumeNow is a PersistentVolume; nil when there is none.
func (s *space) volumeNow(name string) *corev1.PersistentVolume {
	s.t.Helper()
	var v corev1.PersistentVolume
	err := kube.Get(s.ctx, client.ObjectKey{Name: name}, &v)
	if client.IgnoreNotFound(err) != nil {
		s.t.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return &v
}

// freeKept has the volumes that a restore in place kept go with the namespace.
func (s *space) freeKept() {
	s.t.Cleanup(func() {
		var list corev1.PersistentVolumeList
		if err := kube.List(s.ctx, &list); err != nil {
			s.t.Error(err)
		}
		free := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}`))
		for _, v := range list.Items {
			if r := v.Spec.ClaimRef; r != nil && r.Namespace == s.name {
				if err := client.IgnoreNotFound(kube.Patch(s.ctx, &v, free)); err != nil {
					s.t.Error(err)
				}
			}
		}
	})
}
