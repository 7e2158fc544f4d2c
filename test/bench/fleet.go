// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	core "github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/test/manager"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// What each policy of the fleet has, in a namespace of its own.
const (
	claimsEach = 10
	pointsEach = 5 // each with a snapshot of every claim
)

// fleet measures memory, the cost of being idle, and the start, beside plain informers on the same objects; at
// parts of the fleet, and at the whole.
func (b *bench) fleet(ctx context.Context) error {
	class := storage.NewClass()
	if err := b.admin.Create(ctx, class); err != nil {
		return err
	}
	var sizes, memory, cpu []float64
	made := 0
	for _, part := range b.scales {
		n := b.policies / part
		if n == 0 {
			continue
		}
		progress("fleet: making %d policies, %d claims, %d snapshots", n, n*claimsEach, n*claimsEach*pointsEach)
		if err := each(24, n-made, func(i int) error { return b.tenant(ctx, fmt.Sprintf("fleet-%05d", made+i)) }); err != nil {
			return err
		}
		made = n
		m, c, err := b.fleetOf(ctx, n)
		if err != nil {
			return err
		}
		sizes, memory, cpu = append(sizes, float64(n)), append(memory, m), append(cpu, c)
	}
	b.report.growth("memory", sizes, memory)
	b.report.growth("processor time to start", sizes, cpu)
	return nil
}

// tenant is a namespace with a policy, claims, and snapshots in the shape that the operator gives them. The
// points they speak of are gone, so that nothing is left to be done about them.
func (b *bench) tenant(ctx context.Context, name string) error {
	if err := b.admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		return err
	}
	policy := &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "all"}, Spec: api.BackupPolicySpec{
		Volumes: api.VolumeSelection{Selector: &api.LabelSelector{}}, Schedule: api.Schedule{Cron: "0 0 1 1 *"}, Retention: api.Retention{Last: pointsEach}}}
	if err := b.admin.Create(ctx, policy); err != nil {
		return err
	}
	for i := range claimsEach {
		claim, err := storage.Claim(ctx, b.admin, name, fmt.Sprintf("claim-%d", i), map[string]string{"app": "sync"})
		if err != nil {
			return err
		}
		for p := range pointsEach {
			point := &api.RecoveryPoint{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: fmt.Sprintf("all-%d", p), UID: types.UID(fmt.Sprintf("%s-%d", claim.UID[:30], p))},
				Spec:   api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "all"}},
				Status: api.RecoveryPointStatus{Capture: &api.Capture{PolicyUID: string(policy.UID)}}}
			s := objects.Snapshot(point, core.SnapshotOrder{Name: fmt.Sprintf("claim-%d-%d-%s", i, p, claim.UID[:8]), Class: storage.Class, Claim: core.Claim{
				Name: claim.Name, UID: string(claim.UID), StorageClass: storage.Class, Mode: "Filesystem", Size: claim.Status.Capacity[corev1.ResourceStorage]}})
			if err := b.admin.Create(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// fleetOf measures with so many policies there.
func (b *bench) fleetOf(ctx context.Context, n int) (memory, startCPU float64, err error) {
	progress("fleet: first start, which writes every status")
	if err := b.firstStart(ctx, n); err != nil {
		return 0, 0, err
	}
	floor, err := b.informers(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, floor.Stop()) }()
	floorCPU, floorStart, err := floor.measureStart(ctx, func() (bool, error) {
		_, err := floor.metrics()
		return err == nil, nil // it answers once it is full
	})
	if err != nil {
		return 0, 0, err
	}
	op, err := b.operator()
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, op.Stop()) }()
	startCPU, start, err := op.measureStart(ctx, func() (bool, error) { return op.evaluated(n) })
	if err != nil {
		return 0, 0, err
	}
	asked, err := op.requests()
	if err != nil {
		return 0, 0, err
	}
	progress("fleet: started in %.1f s with %v requests; at rest for %s", start, asked, b.idle)
	name := fmt.Sprintf("%d policies, %d claims, %d snapshots", n, n*claimsEach, n*claimsEach*pointsEach)
	b.report.add(row{ID: "P5", What: "processor time to start, " + name, Value: startCPU, Floor: floorCPU, Unit: "s", Goal: 1.5})
	b.report.add(row{ID: "P5", What: "time to start, " + name, Value: start, Floor: floorStart, Unit: "s"})
	b.report.add(row{ID: "P5", What: "requests to start, " + name, Value: total(asked), Unit: "", Most: 50})
	memory, err = b.atRest(ctx, name, op, floor)
	return memory, startCPU, err
}

// atRest measures what it costs to be there while nothing is due.
func (b *bench) atRest(ctx context.Context, name string, op, floor *operator) (memory float64, err error) {
	time.Sleep(15 * time.Second) // until what starting took was given back
	before, err := op.requests()
	if err != nil {
		return 0, err
	}
	cpu, err := op.cpu()
	if err != nil {
		return 0, err
	}
	floorCPU, err := floor.cpu()
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, b.idle); err != nil {
		return 0, err
	}
	minutes := b.idle.Minutes()
	cpuAfter, err := op.cpu()
	if err != nil {
		return 0, err
	}
	floorAfter, err := floor.cpu()
	if err != nil {
		return 0, err
	}
	after, err := op.requests()
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, b.settle-time.Since(op.started)); err != nil {
		return 0, err
	}
	memory, peak, err := op.resident()
	if err != nil {
		return 0, err
	}
	floorMemory, floorPeak, err := floor.resident()
	const mib = 1 << 20
	b.report.add(row{ID: "P3", What: "memory at rest, " + name, Value: memory / mib, Floor: floorMemory / mib, Unit: "MiB", Goal: 1.2})
	b.report.add(row{ID: "P3", What: "memory at most, " + name, Value: peak / mib, Floor: floorPeak / mib, Unit: "MiB"})
	b.report.add(row{ID: "P4", What: "writes a minute at rest, " + name, Value: writes(minus(after, before)) / minutes, Unit: "", Most: 0, Bounded: true})
	b.report.add(row{ID: "P4", What: "processor seconds a minute at rest, " + name, Value: (cpuAfter - cpu) / minutes, Floor: (floorAfter - floorCPU) / minutes, Unit: "s", Most: 0.1})
	return memory, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// firstStart runs the operator until every policy's status is written.
func (b *bench) firstStart(ctx context.Context, n int) (err error) {
	op, err := b.operator()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, op.Stop()) }()
	if _, _, err := op.measureStart(ctx, func() (bool, error) { return op.evaluated(n) }); err != nil {
		return err
	}
	last := -1.0
	return until(ctx, 5*time.Minute, "the operator comes to rest", func() (bool, error) {
		time.Sleep(2 * time.Second)
		asked, err := op.requests()
		still := writes(asked) == last
		last = writes(asked)
		return still, err
	})
}

// evaluated says whether so many policies were looked at, and nothing waits.
func (o *operator) evaluated(n int) (bool, error) {
	all, err := o.metrics()
	if err != nil {
		return false, nil // it does not answer yet
	}
	return sum(all, "controller_runtime_reconcile_total", `controller="backuppolicy"`) >= float64(n) && sum(all, "workqueue_depth", "") == 0, nil
}

// askStart is how often a process is asked whether it has started. Asking costs it processor time: the operator's metrics
// describe every policy.
const askStart = time.Second

// measureStart waits until a process is ready and tells the processor time and the time that took.
func (o *operator) measureStart(ctx context.Context, ready func() (bool, error)) (cpu, seconds float64, err error) {
	err = untilAsking(ctx, askStart, 10*time.Minute, "the start", func() (bool, error) {
		if !o.Running() {
			return false, fmt.Errorf("it ended: %s", o.Log())
		}
		return ready()
	})
	if err != nil {
		return 0, 0, err
	}
	seconds = time.Since(o.probe.started).Seconds()
	cpu, err = o.cpu()
	return cpu, seconds, err
}

// informers starts the floor: this program again, as informers.
func (b *bench) informers(context.Context) (*operator, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	p, err := manager.Start(self, b.kubeconfig, "--informers="+address)
	if err != nil {
		return nil, err
	}
	return &operator{p, probe{pid: p.Pid(), address: address, started: started}}, nil
}
