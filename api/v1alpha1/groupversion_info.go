// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every kind in this package; SchemeGroupVersion is its name in generated code.
var (
	GroupVersion       = schema.GroupVersion{Group: "lifeboat.dev", Version: "v1alpha1"}
	SchemeGroupVersion = GroupVersion
)

var (
	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme registers every kind of this package.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&BackupPolicy{}, &BackupPolicyList{},
		&ClusterBackupPolicy{}, &ClusterBackupPolicyList{},
		&RecoveryPoint{}, &RecoveryPointList{},
		&RestoreDrill{}, &RestoreDrillList{},
		&Restore{}, &RestoreList{},
		&Repository{}, &RepositoryList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
