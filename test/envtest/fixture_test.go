// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// soon is how long the operator may take for what needs no waiting.
const soon = 90 * time.Second

// world is a namespace of one test.
type world struct {
	*testing.T
	admin     client.Client
	namespace string
}

// newWorld makes a namespace with claims.
func newWorld(t *testing.T, claims ...string) *world {
	t.Helper()
	return newWorldOn(t, suite.admin, claims...)
}

func newWorldOn(t *testing.T, admin client.Client, claims ...string) *world {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	w := &world{T: t, admin: admin}
	w.ok(admin.Create(t.Context(), ns))
	w.namespace = ns.Name
	for _, c := range claims {
		w.claim(c, map[string]string{"app": "sync"})
	}
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) claim(name string, labels map[string]string) *corev1.PersistentVolumeClaim {
	w.Helper()
	c, err := storage.Claim(w.Context(), w.admin, w.namespace, name, labels)
	w.ok(err)
	return c
}

// policy makes a policy of the claims labelled app=sync that is due once a year. When the test ends it is suspended,
// so that nothing of it happens during another test.
func (w *world) policy(name string, change func(*api.BackupPolicy)) *api.BackupPolicy {
	w.Helper()
	b := &api.BackupPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: api.BackupPolicySpec{
			Volumes:   api.VolumeSelection{Selector: &api.LabelSelector{MatchLabels: map[string]string{"app": "sync"}}},
			Schedule:  api.Schedule{Cron: "0 0 1 1 *"},
			Retention: api.Retention{Last: 5},
		},
	}
	if change != nil {
		change(b)
	}
	w.ok(w.admin.Create(w.Context(), b))
	w.Cleanup(func() {
		suspend := client.RawPatch("application/merge-patch+json", []byte(`{"spec": {"suspend": true}}`))
		if err := client.IgnoreNotFound(w.admin.Patch(context.Background(), b.DeepCopy(), suspend)); err != nil {
			w.Error(err)
		}
	})
	return b
}

// now makes a point as a person does.
func (w *world) now(policy, name string) *api.RecoveryPoint {
	w.Helper()
	p := &api.RecoveryPoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec:       api.RecoveryPointSpec{Policy: api.PolicyReference{Name: policy}},
	}
	w.ok(w.admin.Create(w.Context(), p))
	return p
}

// await reads an object until a condition has a status and reason; an empty reason stands for any.
func (w *world) await(o client.Object, kind string, status metav1.ConditionStatus, reason string) {
	w.Helper()
	eventually(w.T, soon, func() error {
		if err := w.admin.Get(w.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		c := meta.FindStatusCondition(*conditionsOf(o), kind)
		if c == nil || c.Status != status || (reason != "" && c.Reason != reason) {
			return fmt.Errorf("%s %s: %s is %+v; want %s, %s", o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), kind, c, status, reason)
		}
		return nil
	})
}

// complete makes a point and waits for it.
func (w *world) complete(policy, name string) *api.RecoveryPoint {
	w.Helper()
	p := w.now(policy, name)
	w.await(p, api.ConditionComplete, metav1.ConditionTrue, api.ReasonAllCaptured)
	return p
}

func conditionsOf(o client.Object) *[]metav1.Condition {
	switch x := o.(type) {
	case *api.BackupPolicy:
		return &x.Status.Conditions
	case *api.RecoveryPoint:
		return &x.Status.Conditions
	case *api.RestoreDrill:
		return &x.Status.Conditions
	case *api.ClusterBackupPolicy:
		return &x.Status.Conditions
	case *api.Restore:
		return &x.Status.Conditions
	case *api.Repository:
		return &x.Status.Conditions
	}
	panic(fmt.Sprintf("%T has no conditions", o))
}

func (w *world) snapshots() []snapshotv1.VolumeSnapshot {
	w.Helper()
	var list snapshotv1.VolumeSnapshotList
	w.ok(w.admin.List(w.Context(), &list, client.InNamespace(w.namespace)))
	return list.Items
}

// contents are those of the world's namespace, whether or not their VolumeSnapshots are there.
func (w *world) contents() []snapshotv1.VolumeSnapshotContent {
	w.Helper()
	var list snapshotv1.VolumeSnapshotContentList
	w.ok(w.admin.List(w.Context(), &list))
	var out []snapshotv1.VolumeSnapshotContent
	for _, c := range list.Items {
		if c.Spec.VolumeSnapshotRef.Namespace == w.namespace {
			out = append(out, c)
		}
	}
	return out
}

// gone waits until an object is not there.
func (w *world) gone(o client.Object) {
	w.Helper()
	eventually(w.T, soon, func() error {
		err := w.admin.Get(w.Context(), client.ObjectKeyFromObject(o), o)
		if err == nil {
			return fmt.Errorf("%s is still there: %v", o.GetName(), o)
		}
		return client.IgnoreNotFound(err)
	})
}

// kubectl runs kubectl in the world's namespace.
func (w *world) kubectl(args ...string) string {
	w.Helper()
	out, err := suite.server.Kubectl(w.Context(), append([]string{"--namespace", w.namespace}, args...)...)
	w.ok(err)
	return strings.TrimSpace(out)
}
