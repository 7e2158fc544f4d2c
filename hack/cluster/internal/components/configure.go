// SPDX-License-Identifier: Apache-2.0

package components

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/layout"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/pki"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/recipe"
)

//go:embed files
var files embed.FS

// Components writes the configuration and describes the processes.
type Components struct {
	binaries map[string]string
	// Driver is the path of the CSI driver, which is built from this repository.
	Driver string
}

// New finds the built binaries.
func New(driver string) (*Components, error) {
	binaries, err := layout.BinaryPaths()
	if err != nil {
		return nil, err
	}
	return &Components{binaries: binaries, Driver: driver}, nil
}

// Configure writes certificates, kubeconfigs and configuration files.
func (c *Components) Configure() error {
	if err := c.identities(); err != nil {
		return fmt.Errorf("make certificates: %w", err)
	}
	if err := c.configFiles(); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	if err := makeStoreAccess(); err != nil {
		return fmt.Errorf("write the object store's keys: %w", err)
	}
	return nil
}

func (c *Components) identities() error {
	authority, err := pki.Open(layout.PKI)
	if err != nil {
		return err
	}
	servers := []pki.Identity{
		{File: "etcd", User: "etcd", Hosts: []string{NodeIP}},
		{File: "apiserver", User: "kube-apiserver", Hosts: []string{NodeIP, APIService, "localhost",
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}},
		{File: "apiserver-client", User: apiServerUser},
		{File: "front-proxy", User: frontProxyUser},
		{File: "kubelet", User: "system:node:" + NodeName, Groups: []string{"system:nodes"}, Hosts: []string{NodeIP, NodeName}},
		{File: "service-accounts", User: "service-accounts"},
		{File: "store", User: "store", Hosts: []string{NodeIP}},
	}
	for _, id := range servers {
		if err := authority.Issue(id); err != nil {
			return err
		}
	}
	clients := map[string]pki.Identity{
		"kubelet":            servers[4],
		"controller-manager": {File: "controller-manager", User: "system:kube-controller-manager"},
		"scheduler":          {File: "scheduler", User: "system:kube-scheduler"},
		"kube-proxy":         {File: "kube-proxy", User: "system:kube-proxy"},
		"storage":            {File: "storage", User: storageUser},
	}
	if err := os.MkdirAll(layout.Config, 0o700); err != nil {
		return err
	}
	for name, id := range clients {
		if err := authority.Kubeconfig(kubeconfigOf(name), APIServerURL, id); err != nil {
			return err
		}
	}
	admin := pki.Identity{File: "admin", User: "admin", Groups: []string{"system:masters"}}
	return authority.Kubeconfig(layout.Kubeconfig, APIServerURL, admin)
}

func (c *Components) configFiles() error {
	values := map[string]string{
		"NodeIP": NodeIP, "NodeName": NodeName, "PodCIDR": PodCIDR, "Bridge": Bridge, "PauseImage": PauseImage,
		"State": layout.State, "PKI": layout.PKI, "Config": layout.Config, "PodLogs": layout.PodLogs,
		"ContainerRoot": layout.ContainerRoot, "ContainerState": layout.ContainerState,
		"ContainerSocket": layout.ContainerSocket, "CNIBinaries": filepath.Dir(c.binaries["bridge"]),
		"Shim": c.binaries[recipe.ContainerdShim], "Runc": c.binaries[recipe.Runc],
	}
	targets := map[string]string{
		"kubelet.yaml": "kubelet.yaml", "kube-proxy.yaml": "kube-proxy.yaml", "containerd.toml": "containerd.toml",
		"cni.conflist": "cni/10-lifeboat.conflist", "resolv.conf": "resolv.conf",
	}
	for source, target := range targets {
		t, err := template.ParseFS(files, "files/"+source)
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if err := t.Option("missingkey=error").Execute(&text, values); err != nil {
			return err
		}
		path := filepath.Join(layout.Config, target)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := writeChanged(path, text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// writeChanged leaves a file alone that has the content already: kube-proxy
// watches its file and restarts when it is written.
func writeChanged(path string, content []byte) error {
	if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, content) {
		return nil
	}
	return os.WriteFile(path, content, 0o600)
}

func configFile(name string) string { return filepath.Join(layout.Config, name) }

func kubeconfigOf(name string) string { return configFile(name + ".kubeconfig") }

func certificate(name string) string { return filepath.Join(layout.PKI, name+".crt") }

func privateKey(name string) string { return filepath.Join(layout.PKI, name+".key") }
