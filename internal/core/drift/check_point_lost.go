// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkPointLost finds points that were whole and are not any more, or whose parts do not belong together.
var checkPointLost = check{
	kinds: []string{api.ReasonRecoveryPointVanished, api.ReasonBindingBroken, api.ReasonReadinessRegressed},
	needs: []Fact{FactPoints},
	judge: func(p *pass) {
		for _, q := range p.Points {
			if q.Status.FinishedAt == nil || complete(q) || !q.DeletionTimestamp.IsZero() {
				continue
			}
			kind, claims := damage(q)
			if q.Status.SnapshotsReleasedAt != nil {
				kind, claims = api.ReasonRecoveryPointVanished, nil
			}
			if kind == "" {
				continue
			}
			f := Finding{}
			f.Kind, f.Subject, f.Severity = kind, "rp/"+q.Name, api.SeverityHigh
			f.Since = *q.Status.FinishedAt
			if c := meta.FindStatusCondition(q.Status.Conditions, api.ConditionComplete); c != nil {
				f.Since = c.LastTransitionTime
			}
			f.Message, f.Remedy = tellDamage(kind, q.Name, claims)
			if kind == api.ReasonRecoveryPointVanished {
				f.Severity = api.SeverityCritical
			}
			p.find(f)
		}
	},
}

// lost says whether a reason speaks of data that were there.
func lost(reason string) bool {
	switch reason {
	case api.ReasonRecoveryPointVanished, api.ReasonBindingBroken, api.ReasonReadinessRegressed:
		return true
	}
	return false
}

// damage is the worst that befell the snapshots of a point, and to which volumes.
func damage(q *api.RecoveryPoint) (kind string, claims []string) {
	for _, kind := range []string{api.ReasonRecoveryPointVanished, api.ReasonReadinessRegressed, api.ReasonBindingBroken} {
		for i := range q.Status.Volumes {
			if q.Status.Volumes[i].Reason == kind {
				claims = append(claims, q.Status.Volumes[i].Claim)
			}
		}
		if len(claims) > 0 {
			return kind, claims
		}
	}
	return "", nil
}

func tellDamage(kind, point string, claims []string) (message, remedy string) {
	switch kind {
	case api.ReasonRecoveryPointVanished:
		if len(claims) == 0 {
			return fmt.Sprintf("recovery point %s lived on in its copies, and none of them is complete any more", point),
				"kubectl describe rp " + point + " tells what is wrong with each copy; bring back the repository that it was written to, and delete nothing before"
		}
		return fmt.Sprintf("recovery point %s lost the snapshots of %s before its time", point, Some(claims)),
			"find out who deleted them, in the audit log and on the storage system; capture anew with a RecoveryPoint that has spec.policy alone"
	case api.ReasonReadinessRegressed:
		return fmt.Sprintf("snapshots of recovery point %s were ready and are not any more: %s", point, Some(claims)),
			"ask the storage system whether the snapshots are there; rehearse the point with a RestoreDrill before you rely on it"
	}
	return fmt.Sprintf("snapshots of recovery point %s and their contents do not point at each other: %s", point, Some(claims)),
		"kubectl get volumesnapshot,volumesnapshotcontent -o yaml shows who points where; do not restore from it before that is clear"
}
