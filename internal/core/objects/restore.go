// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// ofBinding are annotations that say how a claim came to its volume. A claim that is made again for another volume must not bear them.
var ofBinding = []string{
	"pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/selected-node",
	"volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner",
}

// claimRecord is what of a claim is kept to make it again. Owners are left out: one that is gone would take the claim with it.
type claimRecord struct {
	Labels      map[string]string                `json:"labels,omitempty"`
	Annotations map[string]string                `json:"annotations,omitempty"`
	Spec        corev1.PersistentVolumeClaimSpec `json:"spec"`
}

// RecordClaim is a claim in JSON, without what belongs to its present volume.
func RecordClaim(c *corev1.PersistentVolumeClaim) (string, error) {
	r := claimRecord{Labels: c.Labels, Annotations: maps.Clone(c.Annotations), Spec: *c.Spec.DeepCopy()}
	for _, a := range ofBinding {
		delete(r.Annotations, a)
	}
	r.Spec.VolumeName = ""
	out, err := json.Marshal(r)
	return string(out), err
}

// ClaimAgain is a recorded claim for one very volume.
func ClaimAgain(namespace, name, record, volume string) (*corev1.PersistentVolumeClaim, error) {
	var r claimRecord
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		return nil, fmt.Errorf("the record of claim %s: %w", name, err)
	}
	r.Spec.VolumeName = volume
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: r.Labels, Annotations: r.Annotations},
		Spec:       r.Spec,
	}, nil
}

// SafetyPoint is the recovery point of the state before a restore in place. It is on hold: only a person lets it go.
func SafetyPoint(r Run, o plan.SafetyOrder) *api.RecoveryPoint {
	meta := metav1.ObjectMeta{
		Name: o.Name, Namespace: r.Namespace, Finalizers: []string{api.FinalizerSnapshots},
		Labels: map[string]string{
			api.LabelManagedBy: api.ManagedBy, api.LabelPolicy: o.Policy, api.LabelPolicyUID: o.PolicyUID,
			api.LabelRunKind: r.Kind, api.LabelRun: r.Name, api.LabelRunUID: r.UID,
		},
	}
	return &api.RecoveryPoint{ObjectMeta: meta, Spec: api.RecoveryPointSpec{Policy: api.PolicyReference{Name: o.Policy}, Hold: true}}
}
