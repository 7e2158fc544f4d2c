// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/components"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/layout"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/machine"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/recipe"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/supervise"
)

//go:embed manifests
var manifests embed.FS

// diskSize is each storage system's capacity; the file is sparse.
const diskSize = 20 << 30

// patience bounds each wait of the start; a loaded machine takes a while.
const patience = 3 * time.Minute

// Up starts the cluster, or completes and repairs the one that runs.
func (c *Cluster) Up(ctx context.Context) error {
	release, err := c.lock()
	if err != nil {
		return err
	}
	defer release()
	running, _ := c.supervisor.List(ctx)
	if err := c.prepare(ctx, running); err != nil {
		return err
	}
	steps := []struct {
		name   string
		result string
		act    func(context.Context) error
	}{
		{"control plane", components.APIServerURL, c.startControlPlane},
		{"node", components.NodeName + " is ready", c.startNode},
		{"storage", "array-a and array-b answer", c.startStorage},
		{"object store", components.StoreURL + ", buckets " + strings.Join(components.Buckets(), " and "), c.startStore},
	}
	for _, s := range steps {
		done := c.console.Step(s.name)
		if err := s.act(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		done(s.result)
	}
	c.console.Say("ready after %s: export KUBECONFIG=%s", c.console.Elapsed(), layout.Kubeconfig)
	return nil
}

// prepare brings the machine into the state that the processes expect.
func (c *Cluster) prepare(ctx context.Context, running map[string]supervise.State) error {
	if err := machine.InstallForRun(ctx, c.console.Say); err != nil {
		return err
	}
	if missing := c.builder.Missing(recipe.ForCluster()); len(missing) > 0 {
		if err := machine.InstallForBuild(ctx, c.console.Say); err != nil {
			return err
		}
		if err := c.builder.Build(ctx, recipe.ForCluster()); err != nil {
			return err
		}
	}
	done := c.console.Step("machine")
	if _, err := c.builder.Local(ctx, "./csi", driverName); err != nil {
		return err
	}
	if err := c.claimMachine(ctx); err != nil {
		return err
	}
	if running == nil {
		// Whatever an earlier supervisor left is in the way of new processes.
		c.sweepProcesses()
	}
	if err := c.parts.Configure(); err != nil {
		return err
	}
	for _, s := range components.Systems {
		if err := os.MkdirAll(s.FaultDir(), 0o755); err != nil {
			return err
		}
		if err := machine.MountBtrfs(ctx, s.Disk(), s.Root(), diskSize); err != nil {
			return err
		}
	}
	if running == nil {
		if err := supervise.Launch(ctx, layout.SupervisorSocket, layout.Logs, pids); err != nil {
			return err
		}
	}
	done("bridge " + components.Bridge + ", two disks of 20 GiB (sparse)")
	return nil
}

// claimMachine refuses a machine where another Kubernetes lives, for both would
// write the same iptables chains, control groups and bridge.
func (c *Cluster) claimMachine(ctx context.Context) error {
	if _, err := os.Stat(layout.Inheritance); err != nil {
		if machine.ForeignRules(ctx) || network.Exists(ctx) {
			return fmt.Errorf("another Kubernetes seems to run on this machine (chain KUBE-SERVICES or bridge %s exists); %w",
				components.Bridge, machine.ErrUnfit)
		}
	}
	if err := machine.Record(layout.Inheritance); err != nil {
		return err
	}
	for _, dir := range []string{layout.State, layout.Run, layout.Storage, layout.CSI} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := machine.AllowForwarding(); err != nil {
		return err
	}
	return network.Up(ctx)
}

func (c *Cluster) startControlPlane(ctx context.Context) error {
	first := []supervise.Service{c.parts.Etcd(), c.parts.Containerd(), c.parts.APIServer()}
	if err := c.ensure(ctx, first...); err != nil {
		return err
	}
	if err := c.await(ctx, recipe.APIServer, "the API server to be ready", apiServerReady); err != nil {
		return err
	}
	if err := c.ensure(ctx, c.parts.ControllerManager(), c.parts.Scheduler(), c.parts.Proxy()); err != nil {
		return err
	}
	return c.applyText(ctx, "access.yaml", nil)
}

func (c *Cluster) startNode(ctx context.Context) error {
	answers := func(ctx context.Context) error { _, err := c.ctr(ctx, "version"); return err }
	if err := c.await(ctx, recipe.Containerd, "containerd to answer", answers); err != nil {
		return err
	}
	if err := c.ensureImages(ctx); err != nil {
		return err
	}
	if err := c.ensure(ctx, c.parts.Kubelet()); err != nil {
		return err
	}
	return c.await(ctx, recipe.Kubelet, "the node to be ready", c.nodeReady)
}

func (c *Cluster) startStorage(ctx context.Context) error {
	if err := c.applySnapshotAPI(ctx); err != nil {
		return err
	}
	services := []supervise.Service{c.parts.SnapshotController()}
	for _, s := range components.Systems {
		if err := clearFaults(s); err != nil {
			return err
		}
		services = append(services, c.parts.StorageSystem(s)...)
		if err := c.applyText(ctx, "system.yaml", s); err != nil {
			return err
		}
	}
	if err := c.ensure(ctx, services...); err != nil {
		return err
	}
	return c.await(ctx, "csi-driver-a", "both drivers to be registered", c.driversRegistered)
}

// startStore starts what speaks S3. Its files are on the machine's own disk, outside of both storage systems.
func (c *Cluster) startStore(ctx context.Context) error {
	store, err := c.parts.Store()
	if err != nil {
		return err
	}
	if err := c.ensure(ctx, store); err != nil {
		return err
	}
	made := func(ctx context.Context) error { return c.parts.MakeBuckets(ctx) }
	return c.await(ctx, recipe.ObjectStore, "the object store to answer", made)
}

func (c *Cluster) ensure(ctx context.Context, services ...supervise.Service) error {
	for _, s := range services {
		if err := c.supervisor.Ensure(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// await polls until the condition holds.
func (c *Cluster) await(ctx context.Context, service, what string, holds func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := holds(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w; %s", what, err, c.logHint(service))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *Cluster) applySnapshotAPI(ctx context.Context) error {
	dir, err := c.builder.Module(ctx, "snapshotter", recipe.SnapshotClient)
	if err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, "", "apply", "--server-side", "--force-conflicts", "-k", filepath.Join(dir, "config", "crd")); err != nil {
		return err
	}
	_, err = c.kubectl(ctx, "", "wait", "--for=condition=Established", "--timeout=60s",
		"crd/volumesnapshotclasses.snapshot.storage.k8s.io", "crd/volumesnapshots.snapshot.storage.k8s.io",
		"crd/volumesnapshotcontents.snapshot.storage.k8s.io", "crd/volumegroupsnapshotclasses.groupsnapshot.storage.k8s.io",
		"crd/volumegroupsnapshots.groupsnapshot.storage.k8s.io", "crd/volumegroupsnapshotcontents.groupsnapshot.storage.k8s.io")
	return err
}

func (c *Cluster) applyText(ctx context.Context, file string, values any) error {
	t, err := template.ParseFS(manifests, "manifests/"+file)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, values); err != nil {
		return err
	}
	_, err = c.kubectl(ctx, text.String(), "apply", "--server-side", "--force-conflicts", "-f", "-")
	return err
}

func (c *Cluster) kubectl(ctx context.Context, input string, args ...string) (string, error) {
	full := append([]string{"--kubeconfig", layout.Kubeconfig, "--cache-dir", filepath.Join(layout.State, "kubectl-cache")}, args...)
	cmd := exec.CommandContext(ctx, c.parts.Binary(recipe.Kubectl), full...)
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
