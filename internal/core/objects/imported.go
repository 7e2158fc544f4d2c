// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Password is the Secret with the password of a repository. It has no owner: what the password opens outlives the Repository.
func Password(r *api.Repository, name, password string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: r.Namespace,
			Labels: map[string]string{api.LabelManagedBy: api.ManagedBy, api.LabelRepository: r.Name},
		},
		Type:      corev1.SecretTypeOpaque,
		Immutable: ptr.To(true),
		Data:      map[string][]byte{"password": []byte(password)},
	}
}

// ImportedPoint is a recovery point that is made of copies. Until its status says more, its annotation keeps anybody from
// capturing something in its name.
func ImportedPoint(r *api.Repository, i plan.ImportedPoint) *api.RecoveryPoint {
	return &api.RecoveryPoint{
		ObjectMeta: metav1.ObjectMeta{
			Name: i.Name, Namespace: r.Namespace,
			Labels:      map[string]string{api.LabelManagedBy: api.ManagedBy, api.LabelPolicy: i.Records[0].Policy, api.LabelRepository: r.Name},
			Annotations: map[string]string{api.AnnotationImportedFrom: plan.ImportedFrom(r.Name, i.Records[0].PointUID)},
		},
		Spec: api.RecoveryPointSpec{Policy: api.PolicyReference{Name: i.Records[0].Policy}},
	}
}

// ImportedStatus is what is known of a recovery point that is made of copies.
func ImportedStatus(r *api.Repository, p *api.RecoveryPoint, i plan.ImportedPoint, now time.Time) api.RecoveryPointStatus {
	one := i.Records[0]
	at := func(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }
	n := len(i.Records)
	s := api.RecoveryPointStatus{
		ObservedGeneration: p.Generation, Trigger: api.TriggerManual, Consistency: api.ConsistencyCrash, Progress: fmt.Sprintf("%d/%d", n, n),
		PointInTime: ptr.To(at(one.PointInTime)), FinishedAt: ptr.To(at(one.CapturedAt)), SnapshotsReleasedAt: ptr.To(at(now)),
		Origin: &api.PointOrigin{Repository: r.Name, RepositoryID: r.Status.UniqueID, Namespace: one.Namespace,
			PointName: one.Point, PointUID: one.PointUID, ImportedAt: at(now)},
		Fingerprint: &api.PointFingerprint{State: api.FingerprintRecorded, StartedAt: at(one.CapturedAt), Deadline: at(one.CapturedAt),
			FinishedAt: ptr.To(at(one.CapturedAt)), CleanedUp: true},
		Conditions: conditions.State(nil, p.Generation, now, conditions.Is(api.ConditionComplete, metav1.ConditionTrue, api.ReasonCopiesOnly,
			fmt.Sprintf("all %d volumes are in repository %s; it was imported from there and has no snapshots", n, r.Name))),
	}
	done := one.CopiedAt
	for _, v := range i.Records {
		f := api.Fingerprint{Digest: v.Digest, Files: v.Files, Bytes: v.Bytes}
		s.Volumes = append(s.Volumes, importedVolume(v))
		s.Fingerprint.Volumes = append(s.Fingerprint.Volumes, api.VolumeFingerprint{Claim: v.Claim, Fingerprint: f})
		if v.CopiedAt.After(done) {
			done = v.CopiedAt
		}
	}
	s.Copies = []api.CopyRecord{importedCopy(r, i.Records, at(done))}
	return s
}

func importedVolume(v order.Record) api.VolumeRecord {
	return api.VolumeRecord{Claim: v.Claim, ClaimUID: v.ClaimUID, State: api.VolumeCaptured, Driver: v.Driver, StorageClass: v.StorageClass,
		Size: resource.NewQuantity(v.Size, resource.BinarySI), PointInTime: ptr.To(metav1.NewTime(v.PointInTime.UTC().Truncate(time.Second)))}
}

func importedCopy(r *api.Repository, records []order.Record, done metav1.Time) api.CopyRecord {
	c := api.CopyRecord{Name: r.Name, Repository: r.Name, RepositoryID: r.Status.UniqueID, State: api.CopyComplete,
		StartedAt: done, Deadline: done, FinishedAt: &done, VerifiedAt: &done, CleanedUp: true}
	for _, v := range records {
		c.Bytes, c.NewBytes = c.Bytes+v.Bytes, c.NewBytes+v.NewBytes
		c.Volumes = append(c.Volumes, api.CopiedVolume{Claim: v.Claim, Mode: v.Mode, AccessModes: v.AccessModes, NewBytes: v.NewBytes, Lost: v.Lost,
			Fingerprint: api.Fingerprint{Digest: v.Digest, Files: v.Files, Bytes: v.Bytes}})
	}
	return c
}
