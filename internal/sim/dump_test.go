// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// passing is what two runs may differ in: when exactly something happened. Slots and names are compared as they are.
var passing = regexp.MustCompile(`"(startedAt|deadline|pointInTime|finishedAt|lastTransitionTime|creationTimestamp|deletionTimestamp|creationTime|at|scheduleSince|retentionSince)":("[^"]*"|[0-9]+)`)

// Dump writes down every object and what the storage system holds, one a line, without versions and times.
func (w *World) Dump() string {
	var lines []string
	for _, l := range []client.ObjectList{&corev1.NamespaceList{}, &corev1.PersistentVolumeClaimList{}, &api.BackupPolicyList{},
		&api.RecoveryPointList{}, &snapshotv1.VolumeSnapshotList{}, &snapshotv1.VolumeSnapshotContentList{},
		groupList("VolumeGroupSnapshotList"), groupList("VolumeGroupSnapshotContentList")} {
		must(w.User.List(context.Background(), l))
		for _, o := range items(l) {
			o.SetResourceVersion("")
			o.SetGeneration(0)
			raw, err := json.Marshal(o)
			must(err)
			lines = append(lines, fmt.Sprintf("%T %s", o, passing.ReplaceAllString(string(raw), `"$1":"T"`)))
		}
	}
	for _, h := range slices.Sorted(maps.Keys(w.Storage.Bytes)) {
		lines = append(lines, "bytes "+h+" of "+w.Storage.Bytes[h].Claim)
	}
	return strings.Join(lines, "\n") + "\n"
}
