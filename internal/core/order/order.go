// SPDX-License-Identifier: Apache-2.0

// Package order is what the operator tells a pod of the mover to do with a repository. An order stands in an annotation of the
// pod, which sees it as a file, and holds no credentials: those are mounted from Secrets.
package order

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Version is raised when an older mover would misunderstand an order. Operator and mover come in one image; still, a pod may
// outlive the operator that made it.
const Version = 1

// Where a pod of the mover finds what it needs.
const (
	File           = "/order/order.json"  // the order
	PasswordFile   = "/password/password" // the password of the repository
	CredentialsDir = "/credentials"       // one file for each key of the Secret
	CAFile         = "/ca/ca.crt"         // the certificates that the server's is verified with
	FilesystemDir  = "/repository"        // the claim of a repository of kind filesystem
	CacheDir       = "/cache"             // what may be lost
	ConfigDir      = "/run/lifeboat"      // in memory: what is written there may hold credentials
	VolumeDir      = "/restore/volume"    // the volume, or its device
)

// Order is one thing to do. Exactly one of the pointers is set.
type Order struct {
	Version    int        `json:"version"`
	Repository Repository `json:"repository"`

	Probe    *Probe    `json:"probe,omitempty"`
	Copy     *Copy     `json:"copy,omitempty"`
	Restore  *Restore  `json:"restore,omitempty"`
	Forget   *Forget   `json:"forget,omitempty"`
	Verify   *Verify   `json:"verify,omitempty"`
	Maintain *Maintain `json:"maintain,omitempty"`
	Note     *Note     `json:"note,omitempty"`
}

// Repository says where a repository is. Exactly one of the locations is set.
type Repository struct {
	// UniqueID is the only repository that is meant; empty while it is made.
	UniqueID string `json:"uniqueID,omitempty"`

	S3         *S3         `json:"s3,omitempty"`
	GCS        *GCS        `json:"gcs,omitempty"`
	Azure      *Azure      `json:"azure,omitempty"`
	SFTP       *SFTP       `json:"sftp,omitempty"`
	WebDAV     *WebDAV     `json:"webdav,omitempty"`
	Filesystem *Filesystem `json:"filesystem,omitempty"`

	// LockMode is Governance or Compliance; empty without object lock.
	LockMode   string        `json:"lockMode,omitempty"`
	LockPeriod time.Duration `json:"lockPeriod,omitempty"`

	UploadBytesPerSecond   int64 `json:"uploadBytesPerSecond,omitempty"`
	DownloadBytesPerSecond int64 `json:"downloadBytesPerSecond,omitempty"`
}

// S3 is a bucket. Keys of its Secret: accessKeyID, secretAccessKey, sessionToken.
type S3 struct {
	Endpoint         string `json:"endpoint"`
	Bucket           string `json:"bucket"`
	Prefix           string `json:"prefix,omitempty"`
	Region           string `json:"region,omitempty"`
	Insecure         bool   `json:"insecure,omitempty"`
	WorkloadIdentity bool   `json:"workloadIdentity,omitempty"`
	CA               bool   `json:"ca,omitempty"` // CAFile is there
}

// GCS is a bucket. Key of its Secret: credentials.json.
type GCS struct {
	Bucket           string `json:"bucket"`
	Prefix           string `json:"prefix,omitempty"`
	WorkloadIdentity bool   `json:"workloadIdentity,omitempty"`
}

// Azure is a container. Keys of its Secret: storageKey or sasToken.
type Azure struct {
	Account   string `json:"account"`
	Container string `json:"container"`
	Prefix    string `json:"prefix,omitempty"`
	Domain    string `json:"domain,omitempty"`
}

// SFTP is a folder on an SSH server. Keys of its Secret: known_hosts, and privateKey or password.
type SFTP struct {
	Host string `json:"host"`
	Port int    `json:"port,omitempty"`
	User string `json:"user"`
	Path string `json:"path"`
}

// WebDAV is a folder on a WebDAV server. Keys of its Secret: username, password.
type WebDAV struct {
	URL string `json:"url"`
}

// Filesystem is a folder.
type Filesystem struct {
	Path string `json:"path"` // absolute, or below FilesystemDir in a pod
}

// Volume identifies the copy of one volume of one point in a repository.
type Volume struct {
	PointUID string `json:"pointUID"`
	ClaimUID string `json:"claimUID"`
}

// Probe looks whether the repository can be opened, and tells its clock and what is in it.
type Probe struct {
	// Create makes the repository when there is none; For is the UID of the Repository that it is made for, so that an attempt that
	// was interrupted can be told from somebody else's repository.
	Create bool   `json:"create,omitempty"`
	For    string `json:"for,omitempty"`
	// Lock tests whether the bucket refuses to delete what was written.
	Lock bool `json:"lock,omitempty"`
	// Catalogue prints the records of what is in it.
	Catalogue bool `json:"catalogue,omitempty"`
}

// Copy copies one volume, mounted at VolumeDir.
type Copy struct {
	Volume
	Claim  string `json:"claim"`
	Block  bool   `json:"block,omitempty"`
	Strict bool   `json:"strict,omitempty"` // fail when something cannot be carried
	// Full has every byte read and sent anew where the repository does not have it: neither a copy of this very volume that is there
	// already, nor what the last one left, is relied on.
	Full   bool            `json:"full,omitempty"`
	Size   int64           `json:"size"`   // of the volume, in bytes
	Record json.RawMessage `json:"record"` // what is written beside the data: a Record
}

// Restore writes a copy into the empty volume that is mounted at VolumeDir.
type Restore struct {
	Volume
	Block  bool     `json:"block,omitempty"`
	Paths  []string `json:"paths,omitempty"` // only these; empty for all
	Digest string   `json:"digest"`          // the fingerprint that the copy has; another copy is refused
}

// Forget removes the copies of a point. What they alone held is freed by later maintenance.
type Forget struct {
	PointUID string `json:"pointUID"`
}

// Verify reads back what the repository holds, each byte, and sets aside what is damaged when Heal is true.
type Verify struct {
	Heal bool `json:"heal,omitempty"`
	// Expect is by the UID of a point of how many of its volumes there must be copies. What has vanished without a trace leaves no
	// damage behind.
	Expect map[string]int `json:"expect,omitempty"`
}

// Maintain tidies the repository up.
type Maintain struct {
	// Keep has nothing removed: locks are renewed, and no more. It is set while damage is known.
	Keep bool `json:"keep,omitempty"`
}

// Note writes a document beside the data: evidence of a drill, or a dossier.
type Note struct {
	Name string `json:"name"` // such as evidence/UID.json; an existing one is replaced
	Text string `json:"text"`
}

// Record is what a repository knows of one copied volume beside its data, so that it can be brought back where nothing else is
// left. It is written once the data were verified to be there: a copy without a record is none.
type Record struct {
	Version int `json:"version"`

	PointUID    string    `json:"pointUID"`
	Point       string    `json:"point"`
	Namespace   string    `json:"namespace"`
	NamespaceID string    `json:"namespaceUID"`
	Policy      string    `json:"policy"`
	PolicyUID   string    `json:"policyUID"`
	PointInTime time.Time `json:"pointInTime"`
	CapturedAt  time.Time `json:"capturedAt"` // when the capture ended
	Volumes     int       `json:"volumes"`    // of the point: it is whole once so many have a record

	Claim        string `json:"claim"`
	ClaimUID     string `json:"claimUID"`
	Driver       string `json:"driver,omitempty"`
	StorageClass string `json:"storageClass,omitempty"`
	Mode         string `json:"mode,omitempty"`        // Filesystem or Block
	AccessModes  string `json:"accessModes,omitempty"` // separated by commas
	Size         int64  `json:"size"`                  // bytes

	// PolicySpec is the policy as it stood, in JSON; it is written back by whoever wants it.
	PolicySpec json.RawMessage `json:"policySpec,omitempty"`

	// Filled in by the mover.
	Digest   string    `json:"digest,omitempty"` // the fingerprint
	Files    int64     `json:"files,omitempty"`
	Dirs     int64     `json:"directories,omitempty"`
	Others   int64     `json:"others,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`
	NewBytes int64     `json:"newBytes,omitempty"`
	Lost     int64     `json:"lost,omitempty"` // what could not be carried
	CopiedAt time.Time `json:"copiedAt,omitzero"`
}

// Encode writes an order for a pod.
func Encode(o Order) (string, error) {
	o.Version = Version
	if err := o.check(); err != nil {
		return "", err
	}
	raw, err := json.Marshal(o)
	return string(raw), err
}

// Decode reads an order. One of another version, or with fields that are not known, is refused: to do half of it may be worse
// than to do nothing.
func Decode(raw []byte) (Order, error) {
	var o Order
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return Order{}, fmt.Errorf("the order cannot be read: %w", err)
	}
	if len(bytes.TrimSpace(raw[d.InputOffset():])) > 0 {
		return Order{}, errors.New("the order cannot be read: something follows it")
	}
	if o.Version != Version {
		return Order{}, fmt.Errorf("the order is of version %d, and this mover knows version %d: operator and mover must be of one release", o.Version, Version)
	}
	return o, o.check()
}

func (o Order) check() error {
	if n := count(o.Probe != nil, o.Copy != nil, o.Restore != nil, o.Forget != nil, o.Verify != nil, o.Maintain != nil, o.Note != nil); n != 1 {
		return fmt.Errorf("the order asks for %d things, not one", n)
	}
	r := o.Repository
	if count(r.S3 != nil, r.GCS != nil, r.Azure != nil, r.SFTP != nil, r.WebDAV != nil, r.Filesystem != nil) != 1 {
		return errors.New("the order must name exactly one repository")
	}
	return nil
}

func count(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}
