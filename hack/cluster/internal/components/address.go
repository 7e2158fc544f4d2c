// SPDX-License-Identifier: Apache-2.0

// Package components describes the processes of the cluster: their
// configuration files, identities and command lines.
package components

// The cluster lives on a bridge of its own: the API server, the kubelet and
// etcd answer on its address only, so no other interface of the machine is touched.
const (
	NodeName   = "lifeboat-node"
	Bridge     = "cni0"
	NodeIP     = "10.244.0.1"
	PodCIDR    = "10.244.0.0/16"
	PrefixBits = "16"
	// BridgeMAC is fixed, because a bridge otherwise takes over the address of its first port.
	BridgeMAC   = "0a:58:0a:f4:00:01"
	ServiceCIDR = "10.96.0.0/16"
	APIService  = "10.96.0.1"

	APIServerURL = "https://" + NodeIP + ":6443"
	etcdURL      = "https://" + NodeIP + ":2379"
	etcdPeerURL  = "https://" + NodeIP + ":2380"
)

// Images that are always present.
const (
	PauseImage   = "lifeboat.test/pause:latest"
	ToolboxImage = "lifeboat.test/toolbox:latest"
)

// System is one of the two storage systems.
type System string

// Systems are independent of each other: own file system, own processes, own faults.
var Systems = []System{"a", "b"}

// Driver is the CSI driver's name.
func (s System) Driver() string { return string(s) + ".csi.lifeboat.test" }

// Class names the StorageClass and both snapshot classes.
func (s System) Class() string { return "array-" + string(s) }
