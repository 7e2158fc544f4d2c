// SPDX-License-Identifier: Apache-2.0

// Package cluster brings the test cluster up and takes it down.
package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/build"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/components"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/console"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/layout"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/machine"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/supervise"
)

// Cluster is the one cluster of this machine.
type Cluster struct {
	console    *console.Console
	builder    *build.Builder
	parts      *components.Components
	supervisor *supervise.Client
}

// pids is where the supervisor records its processes.
var pids = filepath.Join(layout.State, "pids")

var network = machine.Network{Bridge: components.Bridge, MAC: components.BridgeMAC,
	Address: components.NodeIP, PrefixBits: components.PrefixBits}

// New prepares the commands on the cluster; nothing happens yet.
func New(c *console.Console) (*Cluster, error) {
	if err := machine.CheckFit(); err != nil {
		return nil, err
	}
	builder, err := build.New(c)
	if err != nil {
		return nil, err
	}
	parts, err := components.New(filepath.Join(builder.Root, "local", driverName))
	if err != nil {
		return nil, err
	}
	return &Cluster{console: c, builder: builder, parts: parts,
		supervisor: supervise.NewClient(layout.SupervisorSocket)}, nil
}

// driverName is the CSI driver's binary.
const driverName = "lifeboat-csi"

// lock keeps an up and a down from working against each other.
func (c *Cluster) lock() (release func(), err error) {
	if err := os.MkdirAll(c.builder.Root, 0o755); err != nil {
		return nil, err
	}
	// Not in the cluster's own folders, which come and go.
	f, err := os.OpenFile(filepath.Join(c.builder.Root, ".cluster-lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		c.console.Say("waiting for another cluster command to finish")
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return nil, err
		}
	}
	return func() { f.Close() }, nil
}

// ErrDown says that a command needs a running cluster.
var ErrDown = errors.New("the cluster is not running: run `make cluster-up` first")

func (c *Cluster) logHint(name string) string {
	return fmt.Sprintf("see %s", filepath.Join(layout.Logs, name+".log"))
}
