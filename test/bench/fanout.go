// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	core "github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// floorWorkers is how many requests the bare client has under way.
const floorWorkers = 10

// fanOut measures how long it takes from the creation of a point to the last of its snapshots, beside a bare client
// that creates the same snapshots; and how many requests the point takes in all.
func (b *bench) fanOut(ctx context.Context) (err error) {
	if b.array, err = storage.Run(ctx, b.server.Config); err != nil {
		return err
	}
	op, err := b.operator()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, op.Stop()) }()
	var sizes, ours, floors []float64
	for i, n := range b.sizes {
		rounds := b.rounds
		if n >= 5000 {
			rounds = 1
		}
		var mine, bare, per, other []float64
		for r := range rounds {
			progress("fan-out: %d claims, round %d of %d", n, r+1, rounds)
			namespace, err := b.claims(ctx, fmt.Sprintf("fan-%d-%d", i, r), n)
			if err != nil {
				return err
			}
			floor, err := b.bareClient(ctx, namespace, n)
			if err != nil {
				return err
			}
			took, asked, err := b.point(ctx, op, namespace, n)
			if err != nil {
				return err
			}
			progress("  %.2f s; bare client %.2f s; requests %v, writes %v", took, floor, asked, b.report.Writes[len(b.report.Writes)-1].Writes)
			mine, bare = append(mine, took), append(bare, floor)
			per = append(per, total(asked)/float64(n))
			other = append(other, total(asked)-2*float64(n))
		}
		sizes, ours, floors = append(sizes, float64(n)), append(ours, median(mine)), append(floors, median(bare))
		name := fmt.Sprintf("%d claims", n)
		b.report.add(row{ID: "P1", What: "fan-out, " + name, Value: median(mine), Floor: median(bare), Unit: "s", Goal: 1.3})
		b.report.add(row{ID: "P2", What: "requests per snapshot, " + name, Value: median(per), Floor: 1, Unit: "", Goal: 2.1})
		b.report.add(row{ID: "P2", What: "other requests of the point, " + name, Value: median(other), Unit: "", Most: 10})
	}
	b.report.growth("fan-out", sizes, ours)
	b.report.growth("fan-out, bare client", sizes, floors)
	return nil
}

// claims makes a namespace with bound claims, whose snapshots do not become ready until told.
func (b *bench) claims(ctx context.Context, namespace string, n int) (string, error) {
	if err := b.admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return "", err
	}
	b.array.Stop(namespace)
	return namespace, each(16, n, func(i int) error {
		_, err := storage.Claim(ctx, b.admin, namespace, fmt.Sprintf("claim-%05d", i), nil)
		return err
	})
}

// bareClient creates the snapshots that a point of so many claims would, in a namespace of its own, and tells how
// long it took until a watcher saw the last.
func (b *bench) bareClient(ctx context.Context, like string, n int) (seconds float64, err error) {
	namespace := like + "-bare"
	if err := b.admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return 0, err
	}
	b.array.Stop(namespace)
	point := &api.RecoveryPoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "now", UID: "0d0a5b9e-8a55-4f0e-9a3c-8d9b7e3f5a11"},
		Spec:   api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "none"}},
		Status: api.RecoveryPointStatus{Capture: &api.Capture{PolicyUID: "0d0a5b9e-8a55-4f0e-9a3c-8d9b7e3f5a12"}}}
	return b.untilCreated(ctx, namespace, n, func() error {
		return each(floorWorkers, n, func(i int) error {
			claim := core.Claim{Name: fmt.Sprintf("claim-%05d", i), UID: fmt.Sprintf("0d0a5b9e-8a55-4f0e-9a3c-%012d", i), StorageClass: storage.Class, Mode: "Filesystem"}
			s := objects.Snapshot(point, core.SnapshotOrder{Name: fmt.Sprintf("%s-%010d", claim.Name, i), Class: storage.Class, Claim: claim})
			return b.admin.Create(ctx, s)
		})
	})
}

// point has the operator capture all claims of a namespace. The storage system answers once all was asked for.
func (b *bench) point(ctx context.Context, op *operator, namespace string, n int) (seconds float64, asked map[string]float64, err error) {
	policy := &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "all"}, Spec: api.BackupPolicySpec{
		Volumes: api.VolumeSelection{Selector: &api.LabelSelector{}}, Schedule: api.Schedule{Cron: "0 0 1 1 *"}, Retention: api.Retention{Last: 3}}}
	if err := b.admin.Create(ctx, policy); err != nil {
		return 0, nil, err
	}
	err = until(ctx, 2*time.Minute, "the policy sees its claims", func() (bool, error) {
		err := b.admin.Get(ctx, client.ObjectKeyFromObject(policy), policy)
		return int(policy.Status.Volumes.Selected) == n && meta.IsStatusConditionTrue(policy.Status.Conditions, api.ConditionReady), err
	})
	if err != nil {
		return 0, nil, err
	}
	before, err := op.requests()
	if err != nil {
		return 0, nil, err
	}
	wrote, err := b.written(ctx)
	if err != nil {
		return 0, nil, err
	}
	point := &api.RecoveryPoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "now"}, Spec: api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "all"}}}
	seconds, err = b.untilCreated(ctx, namespace, n, func() error { return b.admin.Create(ctx, point) })
	if err != nil {
		return 0, nil, err
	}
	if err := b.array.Resume(ctx, namespace); err != nil {
		return 0, nil, err
	}
	err = until(ctx, 10*time.Minute, "the point is complete", func() (bool, error) {
		err := b.admin.Get(ctx, client.ObjectKeyFromObject(point), point)
		return meta.IsStatusConditionTrue(point.Status.Conditions, api.ConditionComplete), err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %+v", err, point.Status.Conditions)
	}
	time.Sleep(2 * time.Second) // what it still asks for is the point's, too
	after, err := op.requests()
	if err != nil {
		return 0, nil, err
	}
	writtenNow, err := b.written(ctx)
	b.report.Writes = append(b.report.Writes, writesOfPoint{Claims: n, Writes: minus(writtenNow, wrote)})
	return seconds, minus(after, before), err
}

// untilCreated tells how long it takes from an act until a watcher has seen so many new snapshots in a namespace.
func (b *bench) untilCreated(ctx context.Context, namespace string, n int, act func() error) (seconds float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	w, err := b.admin.Watch(ctx, &snapshotv1.VolumeSnapshotList{}, client.InNamespace(namespace))
	if err != nil {
		return 0, err
	}
	defer w.Stop()
	done := make(chan error, 1)
	start := time.Now()
	go func() { done <- act() }()
	for seen := 0; seen < n; {
		e, open := <-w.ResultChan()
		if !open {
			return 0, errors.Join(ctx.Err(), fmt.Errorf("%d of %d snapshots were seen", seen, n))
		}
		if e.Type == watch.Added {
			seen++
		}
	}
	took := time.Since(start).Seconds()
	return took, <-done
}

// each does n things, so many at a time, and tells the first trouble.
func each(workers, n int, do func(i int) error) error {
	next := make(chan int)
	errs := make([]error, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := range next {
				if errs[w] == nil {
					errs[w] = do(i)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
	return errors.Join(errs...)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
