// SPDX-License-Identifier: Apache-2.0

package objects

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// Stamped is the BackupPolicy of a namespace, made from the template of a ClusterBackupPolicy. It has no owner, with which it
// would be collected: onDelete of the ClusterBackupPolicy says what becomes of it.
func Stamped(from *api.ClusterBackupPolicy, namespace string, spec api.BackupPolicySpec) *api.BackupPolicy {
	return &api.BackupPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: from.Name, Namespace: namespace, Labels: StampedLabels(from)},
		Spec:       spec,
	}
}

// StampedLabels say on a BackupPolicy from whose template it was made.
func StampedLabels(from *api.ClusterBackupPolicy) map[string]string {
	return map[string]string{
		api.LabelManagedBy: api.ManagedBy, api.LabelClusterPolicy: from.Name, api.LabelClusterPolicyUID: string(from.UID),
	}
}
