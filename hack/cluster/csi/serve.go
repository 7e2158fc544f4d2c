// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/btrfs"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/driver"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/faults"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/mounts"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/registration"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// grace is how long calls in flight may take after a signal to stop.
const grace = 5 * time.Second

func serve(ctx context.Context, set settings, log *slog.Logger) error {
	array, err := openArray(set.root)
	if err != nil {
		return err
	}
	defer func() { _ = array.Close() }()
	switches, err := faults.Open(set.faults)
	if err != nil {
		return err
	}
	system := driver.New(set.driver, set.node, array, switches, log)
	if err := system.FreePods(); err != nil {
		return err
	}
	go system.WatchDamage(ctx)
	server := grpc.NewServer(grpc.UnaryInterceptor(system.Intercept))
	system.Register(server)
	servers := map[string]*grpc.Server{set.socket: server}
	if set.registration != "" {
		plugin := &registration.Plugin{Driver: set.driver, Socket: set.socket, Log: log}
		kubelet := grpc.NewServer()
		plugin.Register(kubelet)
		servers[plugin.SocketIn(set.registration)] = kubelet
	}
	return serveAll(ctx, servers, log)
}

// openArray takes over the state that the last process left.
func openArray(root string) (*storage.Array, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	root, err := filepath.EvalSymlinks(root) // the kernel names mounts and images by their real paths
	if err != nil {
		return nil, err
	}
	if root, err = filepath.Abs(root); err != nil {
		return nil, err
	}
	filesystem, err := btrfs.Open(root)
	if err != nil {
		return nil, err
	}
	array, err := storage.Open(root, filesystem, time.Now)
	if err != nil {
		return nil, err
	}
	// Only now is it certain that no other process is about to use a device.
	if err := errors.Join(mounts.ReleaseAll(root), filesystem.Repair()); err != nil {
		return nil, errors.Join(err, array.Close())
	}
	return array, nil
}

// serveAll runs every server on its socket until the context ends or one of them fails.
func serveAll(ctx context.Context, servers map[string]*grpc.Server, log *slog.Logger) error {
	ended := make(chan error, len(servers))
	var failed error
	for path, server := range servers {
		listener, err := listen(path)
		if err != nil {
			failed = err
			break
		}
		log.Info("serving", "socket", path)
		go func() { ended <- server.Serve(listener) }()
	}
	if failed == nil {
		select {
		case failed = <-ended:
		case <-ctx.Done():
		}
	}
	for _, server := range servers {
		timer := time.AfterFunc(grace, server.Stop)
		server.GracefulStop()
		timer.Stop()
	}
	return failed
}

// listen takes the place of the socket that a killed process left.
func listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", path, err)
	}
	return listener, nil
}
