// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
)

// Settings are the operator's own switches.
type Settings struct {
	Grace        time.Duration // nothing expires for so long after retention was edited
	HooksEnabled bool          // the operator may run commands in pods
	Retain       bool          // contents are switched to Retain once captured
	Drills       int           // how many drills, and how many recordings of fingerprints, are under way at once in the cluster
	Copies       int           // how many copies are under way at once in the cluster
}

// Cluster is what a cluster offers.
type Cluster struct {
	Snapshots    bool // the VolumeSnapshot API is served
	Groups       bool // the VolumeGroupSnapshot API is served
	Classes      []Class
	GroupClasses []Class
}

// Class is a VolumeSnapshotClass or VolumeGroupSnapshotClass.
type Class struct {
	Name, Driver string
	Default      bool
	Deletes      bool   // contents made by it are deleted with their VolumeSnapshot
	Digest       string // of what it says
}

// Storage is what stands between a claim and its bytes.
type Storage struct {
	Classes    []StorageClass
	Drivers    []Driver
	Registered []string // the drivers that some node has
}

// StorageClass is a StorageClass.
type StorageClass struct {
	Name, Provisioner, Digest string
	Parameters                map[string]string
	FailureDomain             *string // as its annotation says; nil without
}

// Driver is a CSI driver, with the images that run it.
type Driver struct{ Name, Digest string }

// Claim is a PersistentVolumeClaim with the volume it is bound to.
type Claim struct {
	Name, UID    string
	Labels       map[string]string
	StorageClass string
	Mode         string // Filesystem or Block
	AccessModes  string // separated by commas
	Size         resource.Quantity
	Bound        bool
	Deleting     bool
	Driver       string // empty: the volume is not CSI, or there is none
	Handle       string // the volume's name on the storage system
	Created      time.Time
	Deletes      bool // deleting the claim deletes the volume
}

// Workload is the part of a StatefulSet or Deployment that names claims.
type Workload struct {
	Name      string
	Found     bool
	Claims    []string // named in the pod template
	Templates []string // volumeClaimTemplates of a StatefulSet
	Drops     bool     // the StatefulSet deletes its claims when it is deleted or scaled down
}

// Snapshot is a VolumeSnapshot of ours, with the content it says it is bound to.
type Snapshot struct {
	Name, UID  string
	Version    string // its resource version
	Claim      string
	ClaimUID   string
	Access     string // the access modes of the claim, separated by commas; empty when they are not known
	PolicyUID  string
	PointUID   string
	Group      string // the VolumeGroupSnapshot that brought it; empty for one made alone
	Deleting   bool
	Ready      bool
	Error      string
	Cut        time.Time // when the storage system took it; zero until it has
	ContentRef string    // the content it says it is bound to
	Content    *Content  // nil when there is none of that name
}

// Content is a VolumeSnapshotContent.
type Content struct {
	Name, UID      string
	Version        string // its resource version
	Driver         string
	VolumeHandle   string // empty when the content was not made from a volume
	SnapshotHandle string
	RefUID         string // the UID of the VolumeSnapshot it points back at
	PointUID       string // our label; empty until it is retained
	Retain         bool
	Ready          bool
	Deleting       bool
	DeletingSince  time.Time // zero unless Deleting
	RestoreSize    int64     // bytes that a restored volume must have at least
	SourceMode     string    // Filesystem or Block; empty when it is not known
}

// Problem says why something cannot be done, in a stable word and a sentence.
type Problem struct{ Reason, Message string }

// Target names one very object: nothing else of that name is meant.
type Target struct{ Name, UID string }

// The longest message of a status, and that of one of many volumes, that the schema takes.
const (
	mostMessage       = 512
	mostVolumeMessage = 256
)

func clipMessage(s string) string { return conditions.Clip(s, mostMessage) }

func clipVolumeMessage(s string) string { return conditions.Clip(s, mostVolumeMessage) }

// Note is something to tell people once it is true.
type Note struct {
	Warning bool
	Reason  string
	Message string
}

// Finished says whether a point's capture has ended, well or not.
func Finished(p *api.RecoveryPoint) bool { return p.Status.FinishedAt != nil }
