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
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// passing is what two runs may differ in: when exactly something happened. Slots and names are compared as they are.
var passing = regexp.MustCompile(`"(startedAt|deadline|pointInTime|finishedAt|lastTransitionTime|creationTimestamp|deletionTimestamp|creationTime|at|scheduleSince|retentionSince|drillSince|recoveryTime|dataAge|captureTime|since|first)":("[^"]*"|[0-9]+)`)

// signed is what differs with the key, or with the instants that are signed.
var signed = regexp.MustCompile(`"(lifeboat.dev/evidence-digest|configMap":"[^"]*","digest)":"[^"]*"`)

// message is a sentence, in which a moment may stand.
var (
	message = regexp.MustCompile(`"message":"[^"]*"`)
	moment  = regexp.MustCompile(`20\d\d-[0-9T:-]*Z|([0-9.]+[hms])+`)
)

// Dump writes down every object and what the storage system holds, one a line, without versions and times.
func (w *World) Dump() string {
	var lines []string
	for _, l := range []client.ObjectList{&corev1.NamespaceList{}, &corev1.PersistentVolumeClaimList{}, &api.BackupPolicyList{},
		&api.RecoveryPointList{}, &snapshotv1.VolumeSnapshotList{}, &snapshotv1.VolumeSnapshotContentList{},
		groupList("VolumeGroupSnapshotList"), groupList("VolumeGroupSnapshotContentList"), &api.RestoreDrillList{}, &api.ClusterBackupPolicyList{}, &corev1.PodList{},
		&networkingv1.NetworkPolicyList{}, &corev1.PersistentVolumeList{}, &corev1.ConfigMapList{}, &corev1.SecretList{}} {
		must(w.User.List(context.Background(), l))
		for _, o := range items(l) {
			o.SetResourceVersion("")
			o.SetGeneration(0)
			switch o := o.(type) { // the key is drawn, and what is signed holds instants; the scenarios verify it
			case *corev1.ConfigMap:
				o.Data = nil
			case *corev1.Secret:
				o.Data = nil
			}
			raw, err := json.Marshal(o)
			must(err)
			text := signed.ReplaceAllString(passing.ReplaceAllString(string(raw), `"$1":"T"`), `"$1":"S"`)
			lines = append(lines, fmt.Sprintf("%T %s", o, message.ReplaceAllStringFunc(text, func(m string) string { return moment.ReplaceAllString(m, "T") })))
		}
	}
	for _, h := range slices.Sorted(maps.Keys(w.Storage.Bytes)) {
		lines = append(lines, "bytes "+h+" of "+w.Storage.Bytes[h].Claim)
	}
	return strings.Join(lines, "\n") + "\n"
}
