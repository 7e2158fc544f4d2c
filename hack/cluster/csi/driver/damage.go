// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"context"
	"fmt"
	"time"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/faults"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// How often the switches that damage snapshots are looked at while nobody calls.
const damageInterval = 500 * time.Millisecond

// WatchDamage carries out the switches that damage snapshots, also while no call comes in.
func (d *Driver) WatchDamage(ctx context.Context) {
	ticker := time.NewTicker(damageInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.damage()
		}
	}
}

// damage carries out every order once. Calls see the storage system after it.
func (d *Driver) damage() {
	d.damaging.Lock()
	defer d.damaging.Unlock()
	d.carryOut(faults.LoseSnapshot, d.lose)
	d.carryOut(faults.FlipByte, d.flip)
}

func (d *Driver) carryOut(name string, act func(faults.Order) (string, error)) {
	orders, err := d.faults.Take(name)
	var lines []string
	for _, order := range orders {
		result, actErr := act(order)
		if actErr != nil {
			result = fmt.Sprintf("%s: failed: %v", order.Snapshot, actErr)
		}
		lines = append(lines, result)
	}
	if len(orders) > 0 {
		d.log.Info("fault switch carried out", "switch", name, "results", lines)
		err = d.faults.Report(name, lines)
	}
	if err != nil {
		d.log.Error("fault switch", "switch", name, "error", err)
	}
}

func (d *Driver) lose(order faults.Order) (string, error) {
	doomed := []storage.Snapshot{{ID: order.Snapshot}}
	if order.Snapshot == faults.All {
		doomed = d.array.Snapshots()
	}
	for _, snapshot := range doomed {
		if err := d.array.Lose(snapshot.ID); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s: lost %d", order.Snapshot, len(doomed)), nil
}

func (d *Driver) flip(order faults.Order) (string, error) {
	damaged, err := d.array.Flip(order.Snapshot, order.Path)
	return fmt.Sprintf("%s: flipped %s", order.Snapshot, damaged), err
}
