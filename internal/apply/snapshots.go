// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Snapshots creates the snapshots of a point side by side. One that is refused keeps no other from being created;
// an error that may pass is returned, and what was refused is named.
func (w *Writer) Snapshots(ctx context.Context, point *api.RecoveryPoint, orders []plan.SnapshotOrder) (plan.Refusals, error) {
	refused := plan.Refusals{}
	var passing []error
	var mu sync.Mutex
	w.each(len(orders), func(i int) {
		o := orders[i]
		err := w.snapshot(ctx, point, o)
		mu.Lock()
		defer mu.Unlock()
		if r := refusal(err); r != nil {
			refused[o.Claim.UID] = *r
		} else if err != nil {
			passing = append(passing, err)
		}
	})
	return refused, joined(passing)
}

// joined names the first of many alike errors; a thousand of them would tell no more.
func joined(errs []error) error {
	return errors.Join(errs[:min(len(errs), 3)]...)
}

// each runs f for every index, as many side by side as there are lanes.
func (w *Writer) each(n int, f func(int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, w.Lanes.Width()) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func (w *Writer) snapshot(ctx context.Context, point *api.RecoveryPoint, o plan.SnapshotOrder) error {
	release, err := w.Lanes.Enter(ctx, point.Status.Capture.PolicyUID, o.Claim.Driver)
	if err != nil {
		return err
	}
	defer release()
	want := objects.Snapshot(point, o)
	err = w.Client.Create(ctx, want, FieldOwner)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	var there snapshotv1.VolumeSnapshot
	if err := w.Live.Get(ctx, client.ObjectKeyFromObject(want), &there); err != nil {
		return err
	}
	if !objects.SameOwner(want, &there) {
		return &NameTaken{"VolumeSnapshot", want.Name}
	}
	return nil
}

// refusal tells what a person must change from what passes by itself; nil for the latter.
func refusal(err error) *plan.Refusal {
	var taken *NameTaken
	r := func(reason string, final bool) *plan.Refusal {
		return &plan.Refusal{Problem: plan.Problem{Reason: reason, Message: err.Error()}, Final: final}
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &taken):
		return r(api.ReasonNameTaken, true)
	case meta.IsNoMatchError(err):
		return r(api.ReasonSnapshotAPIMissing, false)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return r(api.ReasonNamespaceTerminating, true)
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"):
		return r(api.ReasonQuotaExceeded, false)
	case apierrors.IsForbidden(err):
		return r(api.ReasonAdmissionRefused, false)
	case apierrors.IsNotFound(err):
		return r(api.ReasonSnapshotAPIMissing, false)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return r(api.ReasonCreateFailed, true)
	}
	return nil
}

// Adopt marks snapshots that a group brought as ours.
func (w *Writer) Adopt(ctx context.Context, point *api.RecoveryPoint, orders []plan.AdoptOrder) error {
	return w.all(len(orders), func(i int) error {
		o := orders[i]
		s := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: point.Namespace, Name: o.Name, UID: types.UID(o.UID)}}
		labels, annotations := objects.SnapshotMarks(point, o.Claim)
		patch, err := mergePatch(s, map[string]any{"labels": labels, "annotations": annotations}, nil)
		if err != nil {
			return err
		}
		return w.Client.Patch(ctx, s, patch, FieldOwner)
	})
}

// Retain switches contents to Retain and writes on them what they hold, so that neither the deletion of a VolumeSnapshot
// nor that of its namespace destroys bytes, or makes them anonymous.
func (w *Writer) Retain(ctx context.Context, point *api.RecoveryPoint, orders []plan.RetainOrder) error {
	return w.all(len(orders), func(i int) error {
		o := orders[i]
		c := &snapshotv1.VolumeSnapshotContent{ObjectMeta: metav1.ObjectMeta{Name: o.Name, UID: types.UID(o.UID)}}
		labels, annotations := objects.ContentMarks(point, o.Claim)
		patch, err := mergePatch(c, map[string]any{"labels": labels, "annotations": annotations},
			map[string]any{"deletionPolicy": snapshotv1.VolumeSnapshotContentRetain})
		if err != nil {
			return err
		}
		return client.IgnoreNotFound(w.Client.Patch(ctx, c, patch, FieldOwner))
	})
}

// all runs f for every index side by side and joins what went wrong.
func (w *Writer) all(n int, f func(int) error) error {
	var errs []error
	var mu sync.Mutex
	w.each(n, func(i int) {
		if err := f(i); err != nil {
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
		}
	})
	return joined(errs)
}

// DeleteSnapshots deletes snapshots with their bytes: each content is looked at live, switched to Delete, and only
// then its VolumeSnapshot deleted, or the content itself when the VolumeSnapshot is gone.
func (w *Writer) DeleteSnapshots(ctx context.Context, namespace string, orders []plan.DeleteOrder) error {
	return w.all(len(orders), func(i int) error { return w.deleteSnapshot(ctx, namespace, orders[i]) })
}

func (w *Writer) deleteSnapshot(ctx context.Context, namespace string, o plan.DeleteOrder) error {
	if o.Version != "" { // spared when it changed: it may have become ready
		if changed, err := w.changed(ctx, namespace, o); changed || err != nil {
			return err
		}
	}
	if err := w.freeContent(ctx, o); err != nil {
		return err
	}
	if o.Snapshot.Name == "" || o.Deleting {
		return nil
	}
	s := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: o.Snapshot.Name}}
	err := w.Client.Delete(ctx, s, preconditions(types.UID(o.Snapshot.UID), o.Version))
	return client.IgnoreNotFound(err)
}

func (w *Writer) changed(ctx context.Context, namespace string, o plan.DeleteOrder) (bool, error) {
	var s snapshotv1.VolumeSnapshot
	err := w.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: o.Snapshot.Name}, &s)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return s.ResourceVersion != o.Version, err
}

// freeContent lets a content's bytes go with it; without a VolumeSnapshot it is deleted right away.
func (w *Writer) freeContent(ctx context.Context, o plan.DeleteOrder) error {
	if o.Content.Name == "" {
		return nil
	}
	var c snapshotv1.VolumeSnapshotContent
	err := w.Live.Get(ctx, client.ObjectKey{Name: o.Content.Name}, &c)
	if apierrors.IsNotFound(err) || (err == nil && string(c.UID) != o.Content.UID) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.Snapshot.UID != "" && string(c.Spec.VolumeSnapshotRef.UID) != o.Snapshot.UID {
		return nil // it is somebody else's: a forged reference deletes nothing
	}
	if c.Spec.Source.VolumeHandle == nil && c.Labels[api.LabelPointUID] == "" {
		return nil // it was brought in by hand, and not made for us
	}
	if c.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentDelete {
		patch, err := mergePatch(&c, map[string]any{}, map[string]any{"deletionPolicy": snapshotv1.VolumeSnapshotContentDelete})
		if err != nil {
			return err
		}
		if err := w.Client.Patch(ctx, &c, patch, FieldOwner); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	if !c.DeletionTimestamp.IsZero() {
		return w.nudge(ctx, &c, o.At)
	}
	if o.Snapshot.UID != "" {
		return nil
	}
	err = w.Client.Delete(ctx, &c, preconditions(c.UID, ""))
	return client.IgnoreNotFound(err)
}

// nudgeAfter is how long a deletion may take before it is given a nudge.
const nudgeAfter = 15 * time.Second

// nudge touches a content whose deletion does not proceed, ever more rarely. The sidecar of a storage system overlooks a
// deletion that meets the end of the creation, until its next resync a quarter of an hour later; the claim could not be captured until then.
func (w *Writer) nudge(ctx context.Context, c client.Object, now time.Time) error {
	began := c.GetDeletionTimestamp().Time
	last := began
	if t, err := time.Parse(time.RFC3339, c.GetAnnotations()[api.AnnotationNudged]); err == nil {
		last = t
	}
	if now.Sub(last) < max(nudgeAfter, last.Sub(began)) {
		return nil
	}
	patch, err := mergePatch(c, map[string]any{"annotations": map[string]string{api.AnnotationNudged: now.UTC().Format(time.RFC3339)}}, nil)
	if err != nil {
		return err
	}
	return client.IgnoreNotFound(w.Client.Patch(ctx, c, patch, FieldOwner))
}
