// SPDX-License-Identifier: Apache-2.0

package report

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// Categories, as docs/reference/findings.md has them.
const (
	readiness     = "Readiness"
	coverage      = "Coverage"
	timeliness    = "Timeliness"
	integrity     = "Integrity"
	independence  = "Independence"
	retention     = "Retention"
	restorability = "Restorability"
	promise       = "Promise"
)

// kind is a kind of finding on a policy.
type kind struct {
	name, category string
	promise        string // the condition that judges what it speaks of, where that need not be promised
}

// kinds are all of them; a test compares them with those that there are.
var kinds = []kind{
	{api.ReasonInvalidSchedule, readiness, ""}, {api.ReasonInvalidSelector, readiness, ""}, {api.ReasonPolicySelectsNothing, readiness, ""},
	{api.ReasonWorkloadNotFound, readiness, ""}, {api.ReasonSnapshotAPIMissing, readiness, ""}, {api.ReasonHooksDisabled, readiness, ""},
	{api.ReasonGroupUnsupported, readiness, ""}, {api.ReasonNamespaceTerminating, readiness, ""},

	{api.ReasonUnsnapshotableVolume, coverage, ""}, {api.ReasonPartialPoint, coverage, ""}, {api.ReasonVolumeReplaced, coverage, ""},
	{api.ReasonVolumeNotCaptured, coverage, ""}, {api.ReasonDriverNotRegistered, coverage, ""},

	{api.ReasonObjectiveMissed, timeliness, ""}, {api.ReasonNeverSucceeded, timeliness, ""}, {api.ReasonSlotMissed, timeliness, ""},
	{api.ReasonSnapshotStuck, timeliness, ""}, {api.ReasonSizeAnomaly, timeliness, ""}, {api.ReasonPolicySuspended, timeliness, ""},

	{api.ReasonRecoveryPointVanished, integrity, ""}, {api.ReasonBindingBroken, integrity, ""}, {api.ReasonReadinessRegressed, integrity, ""},
	{api.ReasonCopyIncomplete, integrity, api.ConditionIndependent}, {api.ReasonCopyCorrupt, integrity, api.ConditionIndependent},
	{api.ReasonVerificationOverdue, integrity, api.ConditionIndependent}, {api.ReasonOrphanedSnapshot, integrity, ""},

	{api.ReasonNoIndependentCopy, independence, api.ConditionIndependent}, {api.ReasonCopyLate, independence, api.ConditionIndependent},
	{api.ReasonDomainCollapse, independence, api.ConditionIndependent}, {api.ReasonRepositoryUnreachable, independence, api.ConditionIndependent},
	{api.ReasonRepositoryNotFound, independence, api.ConditionIndependent},
	{api.ReasonNoRestoreTarget, independence, api.ConditionIndependent}, {api.ReasonMutable, independence, api.ConditionIndependent},

	{api.ReasonLastProvenAtRisk, retention, api.ConditionProven}, {api.ReasonRetentionShort, retention, ""}, {api.ReasonRetentionExcess, retention, ""},
	{api.ReasonSnapshotsDieWithNamespace, retention, ""}, {api.ReasonReclaimDeletesData, retention, ""},

	{api.ReasonNeverProven, restorability, api.ConditionProven}, {api.ReasonProofExpired, restorability, api.ConditionProven},
	{api.ReasonDrillFailed, restorability, api.ConditionProven}, {api.ReasonDrillInconclusive, restorability, api.ConditionProven},
	{api.ReasonProofTooShallow, restorability, api.ConditionProven}, {api.ReasonProofNotIndependent, restorability, api.ConditionIndependent},
	{api.ReasonRecoveryTooSlow, restorability, api.ConditionProven}, {api.ReasonDrillLeftovers, restorability, ""},

	{api.ReasonPolicyWeakened, promise, ""}, {api.ReasonStorageStackChanged, promise, api.ConditionProven}, {api.ReasonClockSkew, promise, ""},
	{api.ReasonEvaluationError, promise, ""},
}

// otherwise is what is said of a kind of which nothing is open. That nothing could be judged comes before what is promised:
// that is not known then either.
func (k *kind) otherwise(b *api.BackupPolicy, l listed) (Outcome, string) {
	if why := l.whole(); why != "" {
		return Error, why
	}
	if what := k.lacks(b); what != "" {
		return Skip, notPromised(what)
	}
	if why := l.blind(drift.Needs(k.name)); why != "" {
		return Error, why
	}
	if why := k.unjudged(b); why != "" {
		return Error, why
	}
	return Pass, ""
}

// lacks names the promise that a kind speaks of and that is not made; empty when it is made. A policy has a condition for what
// it promises, and for nothing else.
func (k *kind) lacks(b *api.BackupPolicy) string {
	switch made := k.promise == "" || meta.FindStatusCondition(b.Status.Conditions, k.promise) != nil; {
	case made && k.name == api.ReasonRecoveryTooSlow && (b.Spec.Objectives == nil || b.Spec.Objectives.RecoveryTime == nil):
		return "spec.objectives.recoveryTime is absent"
	case made:
		return ""
	case k.promise == api.ConditionIndependent:
		return "the policy asks for no copies"
	}
	return "the policy asks for no drills and no proof"
}

// unjudged says why nobody can tell how old data may be: it depends on the schedule, which cannot be understood.
func (k *kind) unjudged(b *api.BackupPolicy) string {
	switch k.name {
	case api.ReasonObjectiveMissed, api.ReasonNeverSucceeded, api.ReasonVolumeNotCaptured, api.ReasonRetentionShort:
	default:
		return ""
	}
	invalid := listed{findings: b.Status.Findings}.of(api.ReasonInvalidSchedule)
	c := meta.FindStatusCondition(b.Status.Conditions, api.ConditionProtected)
	if len(invalid) == 0 || c == nil || c.Status != metav1.ConditionUnknown {
		return ""
	}
	return invalid[0].Message
}

// clusterKind is a kind of finding on a policy of the whole cluster.
type clusterKind struct {
	name  string
	lacks func(*api.ClusterBackupPolicy) string
}

// clusterKinds are all of them.
var clusterKinds = []clusterKind{
	{api.ReasonUnprotectedVolume, func(*api.ClusterBackupPolicy) string { return "" }},
	{api.ReasonExemptionExpired, func(c *api.ClusterBackupPolicy) string {
		if len(c.Spec.Exemptions) == 0 {
			return "spec.exemptions is empty"
		}
		return ""
	}},
	{api.ReasonStampConflict, stamps}, {api.ReasonStampRefused, stamps},
}

func stamps(c *api.ClusterBackupPolicy) string {
	if c.Spec.Template == nil || c.Spec.Audit {
		return "the policy makes no policies from a template"
	}
	return ""
}

// otherwise is what is said of a kind of which nothing is open. Where coverage is Unknown, claims may be unprotected unseen.
func (k *clusterKind) otherwise(c *api.ClusterBackupPolicy) (Outcome, string) {
	if what := k.lacks(c); what != "" {
		return Skip, notPromised(what)
	}
	if s := meta.FindStatusCondition(c.Status.Conditions, api.ConditionCovered); s == nil || s.Status == metav1.ConditionUnknown {
		why := "coverage has not been judged"
		if s != nil {
			why = s.Message
		}
		return Error, why
	}
	return Pass, ""
}
