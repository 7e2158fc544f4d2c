// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/faults"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/components"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/machine"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/recipe"
)

// switches are the faults that the driver knows.
var switches = []string{faults.Slow, faults.Fail, faults.ErrorThenReady, faults.NeverReady, faults.Clock,
	faults.LoseSnapshot, faults.FlipByte}

// FaultUsage explains the fault command.
var FaultUsage = "fault a|b stop | start | destroy | clear | show | NAME[=VALUE], NAME being one of " + strings.Join(switches, ", ") +
	"\n  fault store stop | start"

// Fault switches a fault of a storage system.
func (c *Cluster) Fault(ctx context.Context, system, order string) error {
	if _, err := c.supervisor.List(ctx); err != nil {
		return ErrDown
	}
	if system == "store" {
		return c.faultStore(ctx, order)
	}
	s := components.System(system)
	if !slices.Contains(components.Systems, s) {
		return fmt.Errorf("storage system %q: use a, b or store", system)
	}
	switch order {
	case "stop":
		return c.stopSystem(ctx, s)
	case "start":
		return c.startSystem(ctx, s)
	case "destroy":
		return c.destroySystem(ctx, s)
	case "clear":
		return clearFaults(s)
	case "show":
		return c.showFaults(ctx, s)
	}
	name, value, _ := strings.Cut(order, "=")
	if !slices.Contains(switches, name) {
		return fmt.Errorf("fault %q is unknown: %s", name, FaultUsage)
	}
	path := filepath.Join(s.FaultDir(), name)
	if name == faults.LoseSnapshot || name == faults.FlipByte {
		return c.damage(ctx, path, value)
	}
	return writeSwitch(path, value)
}

// writeSwitch makes the file appear whole: the driver reads it at any moment.
func writeSwitch(path, value string) error {
	staged := path + ".new"
	if err := os.WriteFile(staged, []byte(value+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(staged, path)
}

// damage orders what is done once and prints what the driver reports about it.
func (c *Cluster) damage(ctx context.Context, path, value string) error {
	if value == "" {
		return fmt.Errorf("fault %s: name the snapshot, as in %[1]s=SNAPSHOT-HANDLE or %[1]s=%[2]s", filepath.Base(path), faults.All)
	}
	report := path + ".done"
	if err := os.RemoveAll(report); err != nil {
		return err
	}
	if err := writeSwitch(path, value); err != nil {
		return err
	}
	var text []byte
	read := func(context.Context) (err error) { text, err = os.ReadFile(report); return err }
	if err := c.await(ctx, "csi-driver-"+filepath.Base(filepath.Dir(path)), "the driver's report", read); err != nil {
		return err
	}
	fmt.Print(string(text))
	return nil
}

// stopSystem takes the whole storage system away, the sidecars first, because they end badly without their driver.
func (c *Cluster) stopSystem(ctx context.Context, s components.System) error {
	for _, service := range slices.Backward(c.parts.StorageSystem(s)) {
		if err := c.supervisor.Stop(ctx, service.Name); err != nil {
			return err
		}
	}
	return nil
}

// startSystem starts a storage system. One that was destroyed begins anew, with nothing in it.
func (c *Cluster) startSystem(ctx context.Context, s components.System) error {
	if err := machine.MountBtrfs(ctx, s.Disk(), s.Root(), diskSize); err != nil {
		return err
	}
	return c.ensure(ctx, c.parts.StorageSystem(s)...)
}

// destroySystem takes a storage system away for good: its processes, and the disk with all that was on it.
func (c *Cluster) destroySystem(ctx context.Context, s components.System) error {
	if err := c.stopSystem(ctx, s); err != nil {
		return err
	}
	if err := machine.UnmountBelow(s.Root()); err != nil {
		return err
	}
	return os.Remove(s.Disk())
}

// faultStore stops the object store, and starts it again.
func (c *Cluster) faultStore(ctx context.Context, order string) error {
	switch order {
	case "stop":
		return c.supervisor.Stop(ctx, recipe.ObjectStore)
	case "start":
		return c.startStore(ctx)
	}
	return fmt.Errorf("the object store can be told stop and start, not %q", order)
}

func (c *Cluster) showFaults(ctx context.Context, s components.System) error {
	services, err := c.supervisor.List(ctx)
	if err != nil {
		return err
	}
	state := "running"
	if services[c.parts.StorageSystem(s)[0].Name].PID == 0 {
		state = "stopped"
	}
	fmt.Printf("%s %s\n", s.Driver(), state)
	entries, err := os.ReadDir(s.FaultDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		value, err := os.ReadFile(filepath.Join(s.FaultDir(), e.Name()))
		if err != nil {
			return err
		}
		fmt.Printf("%s=%s\n", e.Name(), strings.TrimSpace(string(value)))
	}
	return nil
}

func clearFaults(s components.System) error {
	entries, err := os.ReadDir(s.FaultDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(s.FaultDir(), e.Name())); err != nil {
			return err
		}
	}
	return nil
}
