// SPDX-License-Identifier: Apache-2.0

package result

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Done is what a pod that spoke to a repository tells the operator. It names no credential, and no file but those that the
// order names.
type Done struct {
	// UniqueID is the repository that was opened; empty when none was.
	UniqueID string `json:"uniqueID,omitempty"`
	// Reason is a stable word for what went wrong, one of the Failure constants; empty when all went well.
	Reason string `json:"reason,omitempty"`
	// Error says in short what it was. The pod's log says more.
	Error string `json:"error,omitempty"`

	Probe    *Probe    `json:"probe,omitempty"`
	Copy     *Copy     `json:"copy,omitempty"`
	Restore  *Restore  `json:"restore,omitempty"`
	Verify   *Verify   `json:"verify,omitempty"`
	Maintain *Maintain `json:"maintain,omitempty"`
	Forgot   int       `json:"forgot,omitempty"` // records removed

	Seconds float64 `json:"seconds"`
}

// What can go wrong with a repository.
const (
	FailureUnreachable  = "RepositoryUnreachable" // no answer, no such bucket
	FailureRefused      = "CredentialsRefused"    // the store refused the credentials, or there are none
	FailurePassword     = "PasswordWrong"         // the repository is there and the password does not open it
	FailureMissing      = "RepositoryMissing"     // there is no repository where one is expected
	FailureExists       = "RepositoryExists"      // there is a repository, or something else, where one was to be made
	FailureOther        = "RepositoryIDMismatch"  // it is another repository than the one that is pinned
	FailureFull         = "RepositoryFull"        // the store takes no more
	FailureUnlocked     = "Mutable"               // the bucket takes nothing with a lock
	FailureDamaged      = "CopyCorrupt"           // what the repository holds cannot be read back, or is not what it should be
	FailureClock        = "ClockSkew"             // the clocks are too far apart
	FailureNotCopied    = "CopyMissing"           // the repository holds no complete copy of this
	FailureUnreadable   = "ReadFailed"            // the volume could not be read
	FailureFidelity     = "FidelityLost"          // something cannot be carried, and fidelity is Strict
	FailureWrite        = "WriteFailed"           // the restored volume could not be written
	FailurePath         = "PathNotFound"          // a path that was asked for is not in the copy
	FailureInsufficient = "VolumeTooSmall"        // the restored volume is full
	FailureInterrupted  = "Interrupted"           // the pod was told to stop
	FailureUnknown      = "MoverFailed"           // anything else
)

// Probe is what was found in a repository.
type Probe struct {
	Created bool          `json:"created,omitempty"` // it was made by this probe
	Copies  int64         `json:"copies"`            // complete copies of volumes
	Bytes   int64         `json:"bytes"`             // what all blobs take
	Skew    time.Duration `json:"skew,omitempty"`    // how far the store's clock is ahead
	// Locked says whether the bucket refused to delete; nil when that was not probed.
	Locked *bool `json:"locked,omitempty"`
	// LockError says why not.
	LockError string `json:"lockError,omitempty"`
}

// Copy is a volume that was copied. The fingerprint was made of what was read for the copy.
type Copy struct {
	Volume
	NewBytes int64 `json:"newBytes"`
	Lost     int64 `json:"lost"`
	// Unannounced are files whose content changed while the file system said that they had not; all others were read again then.
	Unannounced int64 `json:"unannounced,omitempty"`
}

// Restore is a volume that was written.
type Restore struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
	Lost  int64 `json:"lost"` // what could not be brought back, such as owners without the right to set them
}

// Verify is what reading back found.
type Verify struct {
	Copies   int64 `json:"copies"`   // whose every byte was read
	Bytes    int64 `json:"bytes"`    // read
	Contents int64 `json:"contents"` // that cannot be read
	Damaged  int64 `json:"damaged"`  // copies that need one of them
	// Healing says that all that cannot be read is set aside, so that it is taken again when it comes.
	Healing bool `json:"healing,omitempty"`
	// DamagedPoints is how many points have a damaged copy. Points are those with the newest copies, at most MostDamaged.
	DamagedPoints int64     `json:"damagedPoints,omitempty"`
	Points        []Damaged `json:"points,omitempty"`
}

// Miss names the points of which fewer copies were found than are expected, by their UIDs: as many points as can be told.
func (v *Verify) Miss(expect, found map[string]int) {
	for _, uid := range slices.Sorted(maps.Keys(expect)) {
		missing := int64(expect[uid] - found[uid])
		if missing <= 0 {
			continue
		}
		i := slices.IndexFunc(v.Points, func(d Damaged) bool { return d.UID == uid })
		if i < 0 && len(v.Points) == MostDamaged {
			continue // it is named once the others are healed
		}
		if i < 0 {
			i = len(v.Points)
			v.Points = append(v.Points, Damaged{UID: uid})
			v.DamagedPoints++
		}
		v.Points[i].Missing = missing
		v.Damaged += missing
	}
}

// Damaged is a point with a copy that cannot be read, as its record names it. Where the record cannot be read either, its UID is
// all that is known; and so it is where the names of all do not fit into a termination log.
type Damaged struct {
	UID       string `json:"uid"`
	Namespace string `json:"ns,omitempty"`
	Policy    string `json:"policy,omitempty"`
	Point     string `json:"point,omitempty"`
	// Missing is how many copies of it there must be, and are not.
	Missing int64 `json:"missing,omitempty"`
}

// MostDamaged is how many damaged points are named at a time: the rest is named once these are healed, or gone.
const MostDamaged = 50

// Maintain is what tidying up did.
type Maintain struct {
	Freed int64 `json:"freed"` // bytes, beside what later runs free
}

// EncodeDone writes a result for the termination log. A long error is cut, and of damaged points that do not fit, the last bear no
// names.
func EncodeDone(d Done) ([]byte, error) {
	if len(d.Error) > longestError {
		d.Error = strings.ToValidUTF8(d.Error[:longestError-len("…")], "") + "…"
	}
	raw, err := json.Marshal(d)
	if v := d.Verify; err == nil && len(raw) > MaxSize && v != nil {
		cut := *v
		cut.Points, d.Verify = slices.Clone(v.Points), &cut
		for i := len(cut.Points) - 1; i >= 0 && err == nil && len(raw) > MaxSize; i-- {
			cut.Points[i] = Damaged{UID: cut.Points[i].UID, Missing: cut.Points[i].Missing}
			raw, err = json.Marshal(d)
		}
	}
	if err == nil && len(raw) > MaxSize {
		err = fmt.Errorf("the result takes %d bytes, and a termination log has %d", len(raw), MaxSize)
	}
	return raw, err
}

// DecodeDone reads a termination log. What is no result, or has fields that this version does not know, is an error.
func DecodeDone(raw []byte) (Done, error) {
	var d Done
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return Done{}, fmt.Errorf("the termination log is no result of the mover: %w", err)
	}
	if follows(decoder, raw) {
		return Done{}, fmt.Errorf("the termination log is no result of the mover: something follows it")
	}
	return d, nil
}

// Progress is one line, in JSON, that a pod prints now and then while it copies or restores.
type Progress struct {
	Bytes          int64 `json:"bytes"`
	Files          int64 `json:"files"`
	BytesPerSecond int64 `json:"bytesPerSecond"`
	TotalBytes     int64 `json:"totalBytes,omitempty"`
}

// ProgressMark begins a line of progress; RecordMark one with a Record of the catalogue, in JSON.
const (
	ProgressMark = "progress "
	RecordMark   = "record "
)
