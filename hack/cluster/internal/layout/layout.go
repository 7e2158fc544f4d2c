// SPDX-License-Identifier: Apache-2.0

// Package layout names the places the cluster uses on the machine.
// Everything it writes is under one of them, so that taking it down is a sweep.
package layout

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/recipe"
)

// Fixed places.
const (
	// State holds data, configuration, logs and the kubeconfig.
	State = "/var/lib/lifeboat-cluster"
	// Run holds sockets, whose paths must stay below 108 bytes.
	Run = "/run/lifeboat-cluster"
	// Kubeconfig is the administrator's kubeconfig.
	Kubeconfig = State + "/kubeconfig"
)

// Paths below State and Run.
const (
	PKI           = State + "/pki"
	Config        = State + "/config"
	Logs          = State + "/logs"
	Images        = State + "/images"
	EtcdData      = State + "/etcd"
	KubeletRoot   = State + "/kubelet"
	PodLogs       = State + "/pod-logs"
	Storage       = State + "/storage"
	Faults        = State + "/faults"
	Objects       = State + "/objects"
	StoreAccess   = State + "/store.env"
	ContainerRoot = State + "/containerd"
	Inheritance   = State + "/found-before.json"

	ContainerState   = Run + "/containerd"
	ContainerSocket  = Run + "/containerd.sock"
	SupervisorSocket = Run + "/supervisor.sock"
	CSI              = Run + "/csi"
)

// Cache is the folder of built binaries that outlives the cluster.
func Cache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder (%w): set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(dir, "lifeboat"), nil
}

// Binaries is the folder that holds one folder per group and version.
func Binaries() (string, error) {
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "bin"), nil
}

// EnvtestAssets is the folder for KUBEBUILDER_ASSETS.
func EnvtestAssets() (string, error) {
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "envtest"), nil
}

// BinaryPaths maps every binary name to its place in the cache, built or not.
func BinaryPaths() (map[string]string, error) {
	root, err := Binaries()
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for _, g := range recipe.Groups() {
		for name := range g.Binaries {
			paths[name] = filepath.Join(root, g.Folder(), name)
		}
	}
	return paths, nil
}

// Source finds this module's folder, starting from the working directory.
func Source() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		for _, candidate := range []string{dir, filepath.Join(dir, "hack", "cluster")} {
			if _, err := os.Stat(filepath.Join(candidate, "build", "kube", "go.mod")); err == nil {
				return candidate, nil
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("hack/cluster not found: run this from inside the Lifeboat repository")
		}
		dir = parent
	}
}
