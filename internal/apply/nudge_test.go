// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// A deletion that does not proceed is touched after a while, and then ever more rarely.
func TestStuckDeletionIsNudgedEverMoreRarely(t *testing.T) {
	began := time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC)
	deleted := metav1.NewTime(began)
	scheme := runtime.NewScheme()
	if err := snapshotv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := &snapshotv1.VolumeSnapshotContent{ObjectMeta: metav1.ObjectMeta{Name: "c", UID: "c", DeletionTimestamp: &deleted, Finalizers: []string{"x/y"}}}
	w := &Writer{Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(c).Build()}
	var nudges []time.Duration
	for age := time.Duration(0); age <= 10*time.Minute; age += time.Second {
		var there snapshotv1.VolumeSnapshotContent
		if err := w.Client.Get(context.Background(), client.ObjectKey{Name: "c"}, &there); err != nil {
			t.Fatal(err)
		}
		before := there.Annotations[api.AnnotationNudged]
		if err := w.nudge(context.Background(), &there, began.Add(age)); err != nil {
			t.Fatal(err)
		}
		if there.Annotations[api.AnnotationNudged] != before {
			nudges = append(nudges, age)
		}
	}
	if len(nudges) < 5 || len(nudges) > 7 || nudges[0] != nudgeAfter || nudges[1] != 2*nudgeAfter || nudges[2] != 4*nudgeAfter {
		t.Errorf("nudged after %v", nudges)
	}
}
