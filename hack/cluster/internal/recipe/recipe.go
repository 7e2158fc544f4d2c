// SPDX-License-Identifier: Apache-2.0

// Package recipe lists what the test cluster is built from: one group per
// module under hack/cluster/build, because their k8s.io versions differ.
package recipe

import (
	"fmt"
	"slices"
	"strings"
)

// Group is a set of binaries that come from one pinned module.
type Group struct {
	// Name is the folder under hack/cluster/build.
	Name string
	// Version is the release of the main module; it names the folder in the cache.
	Version string
	// Binaries maps the file name to the package it is built from.
	Binaries map[string]string
	// Tags are Go build tags.
	Tags []string
	// Cgo is true where the program needs a C library.
	Cgo bool
	// Stamp sets linker variables, for programs that report their version.
	Stamp []string
}

// Binary names that other packages ask for.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kubelet           = "kubelet"
	Proxy             = "kube-proxy"
	Kubectl           = "kubectl"
	Containerd        = "containerd"
	ContainerdShim    = "containerd-shim-runc-v2"
	Ctr               = "ctr"
	Runc              = "runc"
	SnapshotCtrl      = "snapshot-controller"
	Snapshotter       = "csi-snapshotter"
	Provisioner       = "csi-provisioner"
	Sanity            = "csi-sanity"
	ObjectStore       = "versitygw"
)

// KubernetesVersion is the release of every Kubernetes component.
const KubernetesVersion = "v1.37.2"

// SnapshotClient is the module that carries the snapshot CRDs.
const SnapshotClient = "github.com/kubernetes-csi/external-snapshotter/client/v8"

// EnvtestAssets are the binaries an API server test environment needs.
var EnvtestAssets = []string{Etcd, APIServer, Kubectl}

// Groups returns every group in the order in which they are worth building:
// first what the API server tests need, then what the cluster needs.
func Groups() []Group {
	return []Group{
		{Name: "etcd", Version: "v3.7.3", Binaries: map[string]string{Etcd: "go.etcd.io/etcd/server/v3"}},
		{Name: "kube", Version: KubernetesVersion, Stamp: kubernetesStamp(), Binaries: under("k8s.io/kubernetes/cmd/",
			APIServer, Kubectl, ControllerManager, Scheduler, Kubelet, Proxy)},
		{Name: "containerd", Version: "v2.4.2", Tags: []string{"no_btrfs", "no_devmapper", "no_zfs"},
			Binaries: under("github.com/containerd/containerd/v2/cmd/", Containerd, ContainerdShim, Ctr)},
		{Name: "runc", Version: "v1.5.2", Tags: []string{"seccomp"}, Cgo: true,
			Binaries: map[string]string{Runc: "github.com/opencontainers/runc"}},
		{Name: "cni", Version: "v1.9.1", Binaries: under("github.com/containernetworking/plugins/plugins/",
			"main/bridge", "main/loopback", "ipam/host-local", "meta/portmap")},
		{Name: "snapshotter", Version: "v8.7.0",
			Binaries: under("github.com/kubernetes-csi/external-snapshotter/v8/cmd/", Snapshotter, SnapshotCtrl)},
		{Name: "provisioner", Version: "v6.3.0",
			Binaries: under("github.com/kubernetes-csi/external-provisioner/v6/cmd/", Provisioner)},
		{Name: "s3", Version: "v1.8.0", Binaries: under("github.com/versity/versitygw/cmd/", ObjectStore)},
		{Name: "sanity", Version: "v5.6.0", Binaries: under("github.com/kubernetes-csi/csi-test/v5/cmd/", Sanity)},
	}
}

// ForCluster are the groups that a running cluster needs: all but the driver's test suite.
func ForCluster() []Group {
	return slices.DeleteFunc(Groups(), func(g Group) bool { return g.Name == "sanity" })
}

// Folder is the name of the group's folder in the cache of binaries.
func (g Group) Folder() string { return g.Name + "-" + g.Version }

// Only returns the groups reduced to the named binaries; groups left empty are dropped.
func Only(groups []Group, names []string) []Group {
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n] = true
	}
	var kept []Group
	for _, g := range groups {
		reduced := map[string]string{}
		for name, pkg := range g.Binaries {
			if wanted[name] {
				reduced[name] = pkg
			}
		}
		if len(reduced) > 0 {
			g.Binaries = reduced
			kept = append(kept, g)
		}
	}
	return kept
}

func under(prefix string, paths ...string) map[string]string {
	binaries := map[string]string{}
	for _, p := range paths {
		binaries[p[strings.LastIndex(p, "/")+1:]] = prefix + p
	}
	return binaries
}

// kubernetesStamp gives the components the version that they would otherwise
// report as v0.0.0-master, which clients and kubectl refuse to compare.
func kubernetesStamp() []string {
	parts := strings.Split(strings.TrimPrefix(KubernetesVersion, "v"), ".")
	values := [][2]string{
		{"gitVersion", KubernetesVersion}, {"gitMajor", parts[0]}, {"gitMinor", parts[1]},
		{"gitTreeState", "clean"}, {"gitCommit", KubernetesVersion}, {"buildDate", "1970-01-01T00:00:00Z"},
	}
	var stamp []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, v := range values {
			stamp = append(stamp, fmt.Sprintf("-X %s.%s=%s", pkg, v[0], v[1]))
		}
	}
	return stamp
}
