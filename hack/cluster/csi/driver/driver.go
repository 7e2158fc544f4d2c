// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/faults"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// Version is what the driver calls itself.
const Version = "0.1.0"

// Driver is all four CSI services of one storage system on one node.
type Driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	csi.UnimplementedGroupControllerServer
	csi.UnimplementedNodeServer

	name   string
	node   string
	array  *storage.Array
	faults *faults.Switches
	log    *slog.Logger

	// attaching orders giving volumes to pods and deleting volumes: none is deleted under a pod.
	attaching sync.Mutex
	// damaging makes calls wait for orders to damage that were given before them.
	damaging sync.Mutex
}

// New makes a driver.
func New(name, node string, array *storage.Array, switches *faults.Switches, log *slog.Logger) *Driver {
	return &Driver{name: name, node: node, array: array, faults: switches, log: log}
}

// Register adds the services to a server.
func (d *Driver) Register(server *grpc.Server) {
	csi.RegisterIdentityServer(server, d)
	csi.RegisterControllerServer(server, d)
	csi.RegisterGroupControllerServer(server, d)
	csi.RegisterNodeServer(server, d)
}

func imageIn(dir string) string { return filepath.Join(dir, storage.Image) }
