// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Observed is everything the decision about a ClusterBackupPolicy may depend on.
type Observed struct {
	Policy     *api.ClusterBackupPolicy
	Namespaces []Namespace // all of the cluster
	Hooks      bool        // the operator may run commands in pods
	Withdrawn  bool        // the definition of ClusterBackupPolicies is being deleted

	// Refused says of namespaces why their policy could not be written in this very pass.
	Refused map[string]string
}

// Namespace is a namespace with what is in it.
type Namespace struct {
	Name        string
	Labels      map[string]string
	Terminating bool
	Claims      []Claim // without those that are thrown away
	Policies    []*api.BackupPolicy
	Workloads   map[api.WorkloadReference]*plan.Workload // those that its policies name
}

// Claim is a PersistentVolumeClaim, bound or not.
type Claim struct {
	Name     string
	Labels   map[string]string
	Created  time.Time
	Deleting bool
}
