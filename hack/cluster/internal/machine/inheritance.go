// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Inheritance is what the machine was like before the cluster, where the
// cluster's programs write to fixed places that cannot be configured.
type Inheritance struct {
	// Present are the shared folders that existed.
	Present map[string]bool `json:"present"`
	// Settings are kernel settings by name.
	Settings map[string]string `json:"settings"`
}

// sharedTrees are written to by the kubelet (device plugins, log links) and
// containerd (CNI results, shims), which do not let their place be chosen.
var sharedTrees = []string{
	"/var/lib/kubelet/device-plugins", "/var/log/containers", "/var/lib/cni/results", "/run/containerd/s", "/run/containerd/runc",
}

// sharedParents are the folders above them, which others may have come to use meanwhile.
var sharedParents = []string{"/var/lib/kubelet", "/var/lib/cni", "/run/containerd"}

// sharedSettings are changed by kubelet, kube-proxy and the network.
var sharedSettings = []string{
	"net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "net/ipv4/vs/conntrack",
	"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables",
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	"net/netfilter/nf_conntrack_tcp_be_liberal",
}

// Record writes down the state before the cluster, once.
func Record(file string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	found := Inheritance{Present: map[string]bool{}, Settings: map[string]string{}}
	for _, path := range append(slices.Clone(sharedTrees), sharedParents...) {
		if _, err := os.Lstat(path); err == nil {
			found.Present[path] = true
		}
	}
	for _, name := range sharedSettings {
		if value, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			found.Settings[name] = strings.TrimSpace(string(value))
		}
	}
	data, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// Restore brings back the settings and removes the folders that were not there.
func Restore(file string) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var found Inheritance
	if err := json.Unmarshal(data, &found); err != nil {
		return err
	}
	var problems []error
	for name, value := range found.Settings {
		path := filepath.Join("/proc/sys", name)
		now, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(now)) == value {
			continue
		}
		problems = append(problems, os.WriteFile(path, []byte(value), 0o644))
	}
	for _, path := range sharedTrees {
		if !found.Present[path] {
			problems = append(problems, os.RemoveAll(path))
		}
	}
	for _, path := range sharedParents {
		if !found.Present[path] {
			// It stays when it is not empty.
			_ = os.Remove(path)
		}
	}
	return errors.Join(problems...)
}

// AllowForwarding lets the machine route between the bridge's addresses.
func AllowForwarding() error {
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}
