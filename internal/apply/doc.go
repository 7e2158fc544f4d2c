// SPDX-License-Identifier: Apache-2.0

// Package apply is the only writer to the cluster: create-only for what must exist once, patches that name what they
// own, and deletes that carry the UID of what they mean.
package apply

import (
	_ "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	_ "k8s.io/api/core/v1"
	_ "k8s.io/client-go/applyconfigurations/meta/v1"
	_ "sigs.k8s.io/controller-runtime"
)
