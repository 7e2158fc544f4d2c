// SPDX-License-Identifier: Apache-2.0

package components

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/layout"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/recipe"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/supervise"
)

// Users that the manifests bind to roles.
const (
	apiServerUser  = "lifeboat-cluster:apiserver"
	frontProxyUser = "lifeboat-cluster:front-proxy"
	storageUser    = "lifeboat-cluster:storage"
)

// Etcd is the API server's store. It skips fsync: nobody needs this data after a power cut.
func (c *Components) Etcd() supervise.Service {
	return c.service(recipe.Etcd, recipe.Etcd, nil,
		"--name=lifeboat", "--data-dir="+layout.EtcdData, "--unsafe-no-fsync",
		"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
		"--listen-peer-urls="+etcdPeerURL, "--initial-advertise-peer-urls="+etcdPeerURL,
		"--initial-cluster=lifeboat="+etcdPeerURL,
		"--cert-file="+certificate("etcd"), "--key-file="+privateKey("etcd"),
		"--client-cert-auth", "--trusted-ca-file="+certificate("ca"),
		"--peer-cert-file="+certificate("etcd"), "--peer-key-file="+privateKey("etcd"),
		"--peer-client-cert-auth", "--peer-trusted-ca-file="+certificate("ca"),
		"--quota-backend-bytes=4294967296", "--auto-compaction-retention=5m", "--log-level=warn")
}

// APIServer answers on the bridge's address.
func (c *Components) APIServer() supervise.Service {
	service := c.service(recipe.APIServer, recipe.APIServer, nil,
		"--advertise-address="+NodeIP, "--bind-address="+NodeIP, "--secure-port=6443",
		"--etcd-servers="+etcdURL, "--etcd-cafile="+certificate("ca"),
		"--etcd-certfile="+certificate("apiserver-client"), "--etcd-keyfile="+privateKey("apiserver-client"),
		"--tls-cert-file="+certificate("apiserver"), "--tls-private-key-file="+privateKey("apiserver"),
		"--client-ca-file="+certificate("ca"), "--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction", "--allow-privileged",
		"--kubelet-client-certificate="+certificate("apiserver-client"),
		"--kubelet-client-key="+privateKey("apiserver-client"),
		"--kubelet-certificate-authority="+certificate("ca"), "--kubelet-preferred-address-types=InternalIP",
		"--service-cluster-ip-range="+ServiceCIDR, "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+certificate("service-accounts"),
		"--service-account-signing-key-file="+privateKey("service-accounts"),
		"--requestheader-client-ca-file="+certificate("ca"), "--requestheader-allowed-names="+frontProxyUser,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+certificate("front-proxy"), "--proxy-client-key-file="+privateKey("front-proxy"))
	// It would wait for its watchers to leave, and they wait for it.
	service.Grace = time.Second
	return service
}

// ControllerManager runs the built-in controllers.
func (c *Components) ControllerManager() supervise.Service {
	return c.service(recipe.ControllerManager, recipe.ControllerManager, nil,
		"--kubeconfig="+kubeconfigOf("controller-manager"), "--leader-elect=false", "--bind-address="+NodeIP,
		"--authentication-kubeconfig="+kubeconfigOf("controller-manager"),
		"--authorization-kubeconfig="+kubeconfigOf("controller-manager"),
		"--use-service-account-credentials", "--root-ca-file="+certificate("ca"),
		"--service-account-private-key-file="+privateKey("service-accounts"),
		"--cluster-signing-cert-file="+certificate("ca"), "--cluster-signing-key-file="+privateKey("ca"),
		"--kube-api-qps=200", "--kube-api-burst=400")
}

// Scheduler places pods on the one node.
func (c *Components) Scheduler() supervise.Service {
	return c.service(recipe.Scheduler, recipe.Scheduler, nil,
		"--kubeconfig="+kubeconfigOf("scheduler"), "--leader-elect=false", "--bind-address="+NodeIP,
		"--authentication-kubeconfig="+kubeconfigOf("scheduler"),
		"--authorization-kubeconfig="+kubeconfigOf("scheduler"))
}

// Containerd runs the containers.
func (c *Components) Containerd() supervise.Service {
	return c.service(recipe.Containerd, recipe.Containerd, []string{configFile("containerd.toml")},
		"--config="+configFile("containerd.toml"), "--log-level=warn")
}

// Kubelet is the node.
func (c *Components) Kubelet() supervise.Service {
	return c.service(recipe.Kubelet, recipe.Kubelet, []string{configFile("kubelet.yaml")},
		"--config="+configFile("kubelet.yaml"), "--kubeconfig="+kubeconfigOf("kubelet"),
		"--root-dir="+layout.KubeletRoot, "--hostname-override="+NodeName, "--node-ip="+NodeIP, "--v=1")
}

// Proxy makes service addresses work.
func (c *Components) Proxy() supervise.Service {
	return c.service(recipe.Proxy, recipe.Proxy, []string{configFile("kube-proxy.yaml")},
		"--config="+configFile("kube-proxy.yaml"))
}

// SnapshotController binds snapshots to their contents, for both storage systems.
func (c *Components) SnapshotController() supervise.Service {
	return c.service(recipe.SnapshotCtrl, recipe.SnapshotCtrl, nil,
		"--kubeconfig="+kubeconfigOf("storage"), "--feature-gates=CSIVolumeGroupSnapshot=true",
		"--kube-api-qps=100", "--kube-api-burst=200", "--worker-threads=20", "--v=2")
}

// StorageSystem returns the driver and its sidecars, the driver first.
func (c *Components) StorageSystem(s System) []supervise.Service {
	socket := filepath.Join(layout.CSI, string(s)+".sock")
	driver := c.service("csi-driver-"+string(s), c.Driver, nil,
		"--driver-name="+s.Driver(), "--endpoint=unix://"+socket, "--node-id="+NodeName,
		"--root="+s.Root(), "--fault-dir="+s.FaultDir(),
		"--kubelet-registration-dir="+filepath.Join(layout.KubeletRoot, "plugins_registry"))
	provisioner := c.service(recipe.Provisioner+"-"+string(s), recipe.Provisioner, nil,
		"--kubeconfig="+kubeconfigOf("storage"), "--csi-address="+socket, "--extra-create-metadata",
		"--retry-interval-start=500ms", "--retry-interval-max=10s", "--kube-api-qps=100", "--kube-api-burst=200", "--v=2")
	snapshotter := c.service(recipe.Snapshotter+"-"+string(s), recipe.Snapshotter, nil,
		"--kubeconfig="+kubeconfigOf("storage"), "--csi-address="+socket, "--extra-create-metadata",
		"--feature-gates=CSIVolumeGroupSnapshot=true", "--snapshot-name-prefix=snapshot",
		"--retry-interval-start=500ms", "--retry-interval-max=10s",
		"--kube-api-qps=100", "--kube-api-burst=200", "--worker-threads=20", "--v=2")
	return []supervise.Service{driver, provisioner, snapshotter}
}

// Root is where the system's file system is mounted.
func (s System) Root() string { return filepath.Join(layout.Storage, string(s)) }

// Disk is the file that holds the system's file system.
func (s System) Disk() string { return filepath.Join(layout.Storage, string(s)+".img") }

// FaultDir is where the system's driver looks for fault switches.
func (s System) FaultDir() string { return filepath.Join(layout.Faults, string(s)) }

// Binary returns the path of a built binary.
func (c *Components) Binary(name string) string { return c.binaries[name] }

// service fills in the binary's path and a revision over everything the
// process reads at its start, so that a change restarts it.
func (c *Components) service(name, binary string, reads []string, args ...string) supervise.Service {
	path := binary
	if known, ok := c.binaries[binary]; ok {
		path = known
	}
	return supervise.Service{
		Name: name, Argv: append([]string{path}, args...), Revision: revision(path, reads),
		Env: []string{"PATH=" + filepath.Dir(path) + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}
}

func revision(binary string, reads []string) string {
	sum := sha256.New()
	if info, err := os.Stat(binary); err == nil {
		fmt.Fprintln(sum, info.Size(), info.ModTime().UnixNano())
	}
	for _, path := range append(reads, certificate("ca")) {
		if data, err := os.ReadFile(path); err == nil {
			sum.Write(data)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}
