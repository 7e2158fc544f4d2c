// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"k8s.io/apimachinery/pkg/api/equality"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// Stamp is the policy that one namespace gets from the template, or is relieved of.
type Stamp struct {
	Namespace string
	There     *api.BackupPolicy // nil where it is to be created
}

// Spec is what a policy made from the template says. onDelete is said too: its points stay, whatever becomes of it.
func Spec(c *api.ClusterBackupPolicySpec) api.BackupPolicySpec {
	t := c.Template.DeepCopy()
	selector := c.ClaimSelector.DeepCopy()
	if selector == nil {
		selector = &api.LabelSelector{}
	}
	return api.BackupPolicySpec{
		Volumes:     api.VolumeSelection{Selector: selector},
		Schedule:    t.Schedule,
		Suspend:     t.Suspend,
		Snapshot:    t.Snapshot,
		Retention:   t.Retention,
		Copies:      t.Copies,
		Objectives:  t.Objectives,
		Fingerprint: t.Fingerprint,
		Manifest:    t.Manifest,
		Drill:       t.Drill,
		Mover:       t.Mover,
		OnDelete:    api.OnDeleteRetain,
	}
}

// Made says whether a policy was made from the template of this very object: names are locks, and the UID is the key. A copy
// under another name is somebody's own.
func Made(c *api.ClusterBackupPolicy, b *api.BackupPolicy) bool {
	return b.Name == c.Name && b.Labels[api.LabelClusterPolicyUID] == string(c.UID)
}

// differs says whether a policy says something else than it was made to.
func differs(b *api.BackupPolicy, c *api.ClusterBackupPolicy, spec *api.BackupPolicySpec) bool {
	return b.Labels[api.LabelClusterPolicy] != c.Name || !equality.Semantic.DeepEqual(&b.Spec, spec)
}

// active says whether a policy looks after anything.
func active(b *api.BackupPolicy) bool { return !b.Spec.Suspend && b.DeletionTimestamp.IsZero() }
