// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Inheritance is what the machine was like before the cluster, where the
// cluster's programs write to fixed places that cannot be configured.
type Inheritance struct {
	// Present are those of sharedPaths that existed.
	Present map[string]bool `json:"present"`
	// Settings are kernel settings by name.
	Settings map[string]string `json:"settings"`
}

// sharedPaths are written to by kubelet (device plugins, log links) and containerd (CNI cache, shim sockets).
var sharedPaths = []string{
	"/var/lib/kubelet", "/var/log/containers", "/var/log/pods", "/var/lib/cni", "/etc/cni", "/opt/cni", "/opt/containerd",
	"/run/containerd", "/run/runc", "/run/netns", "/var/lib/containerd", "/etc/containerd", "/usr/libexec/kubernetes", "/run/nri", "/etc/nri", "/opt/nri", "/run/flannel", "/run/calico",
}

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
	for _, path := range sharedPaths {
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
	for _, path := range sharedPaths {
		if found.Present[path] {
			continue
		}
		if err := UnmountBelow(path); err != nil {
			problems = append(problems, err)
			continue
		}
		problems = append(problems, os.RemoveAll(path))
	}
	return errors.Join(problems...)
}

// AllowForwarding lets the machine route between the bridge's addresses.
func AllowForwarding() error {
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}
