// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/components"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/layout"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/machine"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/recipe"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/supervise"
)

// Down removes the cluster: its processes, what they left on the machine, and all its data but for the paths to keep.
func (c *Cluster) Down(ctx context.Context, keep ...string) error {
	release, err := c.lock()
	if err != nil {
		return err
	}
	defer release()
	if !exists(layout.State) && !exists(layout.Run) {
		c.console.Say("nothing to remove")
		return nil
	}
	if err := c.stopProcesses(ctx); err != nil {
		return err
	}
	if err := c.sweepMachine(ctx, keep); err != nil {
		return err
	}
	c.console.Say("removed after %s", c.console.Elapsed())
	return nil
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// stopProcesses stops the kubelet first, so that nothing starts containers again,
// and containerd last, so that the containers' shims still have someone to report to.
func (c *Cluster) stopProcesses(ctx context.Context) error {
	done := c.console.Step("processes")
	if _, err := c.supervisor.List(ctx); err == nil {
		var order []string
		for _, s := range components.Systems {
			order = append(order, recipe.Provisioner+"-"+string(s), recipe.Snapshotter+"-"+string(s))
		}
		order = append(order, recipe.SnapshotCtrl, recipe.ObjectStore, recipe.Kubelet, recipe.Proxy)
		for _, name := range order {
			if err := c.supervisor.Stop(ctx, name); err != nil {
				return err
			}
		}
	}
	c.sweepProcesses()
	done("stopped")
	return nil
}

// sweepProcesses ends whatever of the cluster still runs, known to a supervisor or not.
func (c *Cluster) sweepProcesses() {
	const grace = 5 * time.Second
	machine.KillPods()
	// Shims and supervisors mention these paths in their arguments; a supervisor stops its processes in parallel.
	machine.EndMentioning(2*grace, layout.SupervisorSocket)
	if survivors, err := supervise.Survivors(pids); err == nil {
		for _, mark := range survivors {
			mark.End(grace)
		}
	}
	machine.KillPods()
	machine.EndMentioning(grace, layout.State+"/", layout.Run+"/")
}

func (c *Cluster) sweepMachine(ctx context.Context, keep []string) error {
	done := c.console.Step("machine")
	var problems []error
	note := func(what string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", what, err))
		}
	}
	note("mounts", machine.UnmountBelow(layout.State, layout.Run))
	note("loop devices", machine.DetachLoops(ctx, layout.State))
	note("network", network.Down(ctx))
	note("control groups", machine.RemovePodGroups())
	note("shared folders and settings", machine.Restore(layout.Inheritance))
	if len(problems) == 0 {
		// The record of what was found stays until everything else is done.
		note("data", removeAll(keep, layout.Run, layout.State))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("not everything could be removed, run the command again: %w", err)
	}
	done("mounts, loop devices, bridge, rules and data removed")
	return nil
}

// removeAll removes folders, but for what is to be kept of the things in them.
func removeAll(keep []string, dirs ...string) error {
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		kept := false
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if slices.Contains(keep, path) {
				kept = true
				continue
			}
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
		if kept {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
