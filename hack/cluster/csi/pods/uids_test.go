// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"slices"
	"testing"
)

func TestAt(t *testing.T) {
	got := At([]string{
		"/var/lib/kubelet/pods/6f96-2/volumes/kubernetes.io~csi/pvc-1/mount",
		"/var/lib/kubelet/plugins/kubernetes.io/csi/volumeDevices/publish/pvc-2/6f96-1",
		"/var/lib/kubelet/pods/6f96-2/volumeDevices/kubernetes.io~csi/pvc-3",
		"/mnt/elsewhere",
	})
	if want := []string{"6f96-1", "6f96-2"}; !slices.Equal(got, want) {
		t.Errorf("pods %v, want %v", got, want)
	}
}
