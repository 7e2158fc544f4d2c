// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// independent waits until a policy says whether it has a copy elsewhere.
func (s *space) independent(policy string, status metav1.ConditionStatus) {
	s.t.Helper()
	s.policyStatus(policy, "Independent="+string(status), soonEnough, func(b *api.BackupPolicy) string {
		if c := meta.FindStatusCondition(b.Status.Conditions, api.ConditionIndependent); c == nil || c.Status != status {
			return fmt.Sprintf("%+v, findings %v", c, short(b.Status.Findings))
		}
		return ""
	})
}

// A repository that does not exist yet, copies that are due, one that is too old, and a store that goes and returns: what is captured
// stays meanwhile, and is copied once that can be.
func TestDriftOfCopies(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	way := newDoor(t)
	s.policy("sync", copiesTo("offsite"), func(b *api.BackupPolicySpec) {
		b.Objectives = &api.Objectives{CopyWithin: &metav1.Duration{Duration: time.Minute}}
	})
	s.finding("sync", api.ReasonRepositoryNotFound, api.SeverityPending, soonEnough)
	s.finding("sync", api.ReasonNoIndependentCopy, api.SeverityPending, soonEnough)
	s.take("first", "sync")
	s.finding("sync", api.ReasonNoIndependentCopy, api.SeverityCritical, 2*time.Minute)
	s.independent("sync", metav1.ConditionFalse)

	s.bucket("offsite", s.name+"/", through(way))
	s.cleared("sync", api.ReasonRepositoryNotFound, soonEnough)
	s.copied("first", 1)
	s.cleared("sync", api.ReasonNoIndependentCopy, soonEnough)
	s.take("second", "sync")
	s.copied("second", 1)
	s.cleared("sync", api.ReasonCopyLate, soonEnough) // the first may be as old as that by now
	s.independent("sync", metav1.ConditionTrue)

	way.shut()
	s.requested(api.AnnotationProbeRequested, "offsite")
	s.repositoryIs("offsite", api.ConditionReachable, metav1.ConditionFalse, api.ReasonRepositoryUnreachable, 3*time.Minute)
	s.finding("sync", api.ReasonRepositoryUnreachable, api.SeverityMedium, soonEnough)
	s.finding("sync", api.ReasonCopyLate, api.SeverityHigh, 2*time.Minute)
	s.independent("sync", metav1.ConditionFalse)
	s.take("third", "sync")
	s.kubectl("patch", "repo", "offsite", "--type=merge", "-p", `{"spec":{"verifyWithin":"1h"}}`)
	long := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)
	s.kubectl("patch", "repo", "offsite", "--subresource=status", "--type=merge", "-p", fmt.Sprintf(`{"status":{"lastVerified":%q}}`, long))
	s.finding("sync", api.ReasonVerificationOverdue, api.SeverityMedium, soonEnough)
	if p := s.points()[2]; len(s.handles(p.Name, storageA)) != 1 || len(p.Status.Copies) != 0 {
		t.Errorf("without the store the newest point is %+v", p.Status)
	}

	way.open(t)
	s.requested(api.AnnotationProbeRequested, "offsite")
	s.repositoryIs("offsite", api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 3*time.Minute)
	s.cleared("sync", api.ReasonRepositoryUnreachable, soonEnough)
	s.copied("third", 1)
	s.cleared("sync", api.ReasonVerificationOverdue, 2*time.Minute)
	s.take("fourth", "sync")
	s.copied("fourth", 1)
	s.cleared("sync", api.ReasonCopyLate, soonEnough)
}

// The store goes in the midst of a copy: the copy fails, nothing of it counts, and it is made once the store is back.
func TestStoreGoesDuringACopy(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.easilyLost("contacts")
	way := newDoor(t)
	s.bucket("offsite", s.name+"/", through(way), slowly)
	s.repositoryIs("offsite", api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute)
	s.policy("sync", copiesTo("offsite"))
	s.take("first", "sync")
	s.copier("contacts", "")
	way.shut()
	p := s.point("first", "not to be copied", 5*time.Minute, func(p *api.RecoveryPoint) string {
		if len(p.Status.Copies) != 1 || p.Status.Copies[0].State != api.CopyFailed {
			return fmt.Sprintf("%+v", p.Status.Copies)
		}
		return ""
	})
	if c := p.Status.Copies[0]; c.Reason != api.ReasonRepositoryUnreachable || len(c.Volumes) != 0 {
		t.Errorf("the copy is %+v", c)
	}
	s.finding("sync", api.ReasonCopyIncomplete, api.SeverityHigh, soonEnough)
	s.requested(api.AnnotationProbeRequested, "offsite")
	s.repositoryIs("offsite", api.ConditionReady, metav1.ConditionFalse, api.ReasonRepositoryUnreachable, 3*time.Minute)
	way.open(t)
	s.requested(api.AnnotationProbeRequested, "offsite")
	s.copied("first", 1)
	s.cleared("sync", api.ReasonCopyIncomplete, soonEnough)
}

// Copies in the failure domain of the volumes are none: who says that they are elsewhere is told, and so is who only hopes so.
func TestDriftOfDomains(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.privileged()
	s.claims(storageA, "contacts")
	s.folder("near", storageA, "64Mi")
	s.policy("sync", copiesTo("near"))
	s.take("first", "sync")
	s.copied("first", 1)
	if f := s.finding("sync", api.ReasonNoIndependentCopy, api.SeverityPending, soonEnough); !strings.Contains(f.Message, "repository near is in it") {
		t.Errorf("it says %q", f.Message)
	}
	s.independent("sync", metav1.ConditionFalse)
	s.kubectl("patch", "repo", "near", "--type=merge", "-p", `{"spec":{"failureDomain":"another-site"}}`)
	if f := s.finding("sync", api.ReasonDomainCollapse, api.SeverityCritical, soonEnough); f.Subject != "repository/near" {
		t.Errorf("it is about %s", f.Subject)
	}
	s.folder("far", storageB, "64Mi")
	s.edit("sync", func(b *api.BackupPolicySpec) { b.Copies = nil; copiesTo("far")(b) })
	s.cleared("sync", api.ReasonDomainCollapse, soonEnough)
	s.cleared("sync", api.ReasonNoIndependentCopy, 2*time.Minute)
	s.independent("sync", metav1.ConditionTrue)
}

// Where every storage class is in the failure domain of the volumes nothing can be restored elsewhere. Where one is not, a proof is
// owed that uses neither the volumes' storage system nor their snapshots.
func TestDriftOfIndependentProofs(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.privileged()
	s.claims(storageA, "contacts")
	s.claims(storageB, "photos")
	s.bucket("offsite", s.name+"/")
	s.policy("sync", copiesTo("offsite"), drilled())
	s.finding("sync", api.ReasonNoRestoreTarget, api.SeverityLow, soonEnough)
	s.fingerprinted("first", "sync")
	s.copied("first", 1)
	s.rehearse("beside", ofPolicy("sync"))
	s.drillEnds("beside", api.VerdictPassed, api.LevelIntact, api.ReasonDrillPassed)
	s.finding("sync", api.ReasonProofNotIndependent, api.SeverityLow, soonEnough)

	s.kubectl("label", "pvc", "photos", "app-")
	s.cleared("sync", api.ReasonNoRestoreTarget, soonEnough)
	s.finding("sync", api.ReasonProofNotIndependent, api.SeverityHigh, soonEnough)
	s.edit("sync", func(b *api.BackupPolicySpec) {
		b.Drill.From, b.Drill.StorageClassName = api.FromCopy, storageB.class
	})
	s.fingerprinted("second", "sync")
	s.copied("second", 1)
	s.rehearse("elsewhere", ofPolicy("sync"))
	s.drillEnds("elsewhere", api.VerdictPassed, api.LevelIntact, api.ReasonDrillPassed)
	s.cleared("sync", api.ReasonProofNotIndependent, soonEnough)
	s.edit("sync", func(b *api.BackupPolicySpec) { b.Drill.StorageClassName = "" })
}
