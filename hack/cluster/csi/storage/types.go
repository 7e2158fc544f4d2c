// SPDX-License-Identifier: Apache-2.0

package storage

import "time"

// Mode is how a volume is used by a pod.
type Mode string

// The two modes of a volume.
const (
	Filesystem Mode = "Filesystem"
	Block      Mode = "Block"
)

// Access tells whether a subvolume can be written.
type Access string

// The two kinds of access.
const (
	ReadOnly Access = "ReadOnly"
	Writable Access = "Writable"
)

// Unlimited is the size bound that is none.
const Unlimited int64 = 0

// Source is what a volume was made from; zero means that it was made empty.
type Source struct {
	Snapshot string `json:"snapshot,omitempty"`
	Volume   string `json:"volume,omitempty"`
}

// Volume is one volume. Bytes is its size limit.
type Volume struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Mode    Mode      `json:"mode"`
	FSType  string    `json:"fsType,omitempty"` // XFS or empty
	Bytes   int64     `json:"bytes"`
	Source  Source    `json:"source,omitzero"`
	Created time.Time `json:"created"`
}

// Snapshot is one volume as it was at Created. Bytes is the least size of a volume restored from it.
type Snapshot struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	Volume  string    `json:"volume"`
	Mode    Mode      `json:"mode"`
	FSType  string    `json:"fsType,omitempty"`
	Bytes   int64     `json:"bytes"`
	Created time.Time `json:"created"`
	// Group is the group snapshot that this snapshot belongs to, if any.
	Group string `json:"group,omitempty"`
}

// Group is a set of snapshots made together. Volumes is what was asked for, in ascending
// order; Members shrinks when a member is lost, Volumes does not.
type Group struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Volumes []string   `json:"volumes"`
	Members []Snapshot `json:"members"`
	Created time.Time  `json:"created"`
}

// Disk is what the storage system is built upon.
type Disk interface {
	Create(path string) error
	Snapshot(src, dst string, access Access) error
	Delete(path string) error
	SetAccess(path string, access Access) error
	// Limit bounds the bytes that the subvolume may hold; Unlimited lifts the bound.
	Limit(path string, bytes int64) error
	Used(path string) (int64, error)
	Space() (total, free int64, err error)
}
