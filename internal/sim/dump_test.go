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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// passing is what two runs may differ in: when exactly something happened. Slots and names are compared as they are.
var passing = map[string]bool{}

func init() {
	for _, key := range strings.Fields(`startedAt deadline pointInTime finishedAt lastTransitionTime creationTimestamp deletionTimestamp creationTime at
		scheduleSince retentionSince drillSince copiesSince snapshotsReleasedAt unreachableSince lastVerified verifiedAt importedAt recoveryTime dataAge
		captureTime since first`) {
		passing[key] = true
	}
}

// moment is one that stands in a sentence.
var moment = regexp.MustCompile(`20\d\d-[0-9T:-]*Z|([0-9.]+[hms])+`)

// timeless leaves out what two runs may differ in: moments, and what differs with the key, or with the instants that are signed.
func timeless(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = timeless(v[i])
		}
	case map[string]any:
		_, refers := v["configMap"]
		_, copied := v["repositoryID"]
		for key, is := range v {
			text, isText := is.(string)
			_, isNumber := is.(int64)
			switch {
			case passing[key] && (isText || isNumber):
				v[key] = "T"
			case key == api.AnnotationEvidenceDigest, key == "digest" && refers:
				v[key] = "S"
			case key == "full", key == "attempt" && copied: // whether damage was known when a copy was ordered, or only later
				delete(v, key)
			case key == "message" && isText:
				v[key] = moment.ReplaceAllString(text, "T")
			default:
				v[key] = timeless(is)
			}
		}
	}
	return v
}

// Dump writes down every object and what the storage system holds, one a line, without versions and times.
func (w *World) Dump() string {
	var lines []string
	for _, l := range []client.ObjectList{&corev1.NamespaceList{}, &corev1.PersistentVolumeClaimList{}, &api.BackupPolicyList{},
		&api.RecoveryPointList{}, &snapshotv1.VolumeSnapshotList{}, &snapshotv1.VolumeSnapshotContentList{},
		groupList("VolumeGroupSnapshotList"), groupList("VolumeGroupSnapshotContentList"), &api.RestoreDrillList{}, &api.ClusterBackupPolicyList{},
		&api.RepositoryList{}, &api.RestoreList{}, &corev1.PodList{},
		&networkingv1.NetworkPolicyList{}, &corev1.PersistentVolumeList{}, &corev1.ConfigMapList{}, &corev1.SecretList{}} {
		must(w.User.List(context.Background(), l, client.UnsafeDisableDeepCopy))
		for _, o := range items(l) {
			body := wire(o)
			m := body["metadata"].(map[string]any)
			delete(m, "resourceVersion")
			delete(m, "generation")
			switch o.(type) { // the key is drawn, and what is signed holds instants; the scenarios verify it
			case *corev1.ConfigMap, *corev1.Secret:
				delete(body, "data")
			}
			raw, err := json.Marshal(timeless(body))
			must(err)
			lines = append(lines, fmt.Sprintf("%T %s/%s %s", o, o.GetNamespace(), o.GetName(), raw))
		}
	}
	for _, h := range slices.Sorted(maps.Keys(w.Storage.Bytes)) {
		lines = append(lines, "bytes "+h+" of "+w.Storage.Bytes[h].Claim)
	}
	for _, bucket := range slices.Sorted(maps.Keys(w.Machine.Stores)) {
		for _, l := range w.Machine.Stores[bucket].Lines() {
			lines = append(lines, bucket+": "+l)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// wire is an object as it is on the wire.
func wire(o client.Object) map[string]any {
	if u, is := o.(*unstructured.Unstructured); is {
		return u.DeepCopy().Object
	}
	out, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	must(err)
	return out
}
