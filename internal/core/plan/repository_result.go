// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// RepositoryResult is what a pod that speaks to a repository told in the end.
type RepositoryResult struct {
	UniqueID      string // of the repository that it spoke to
	Reason, Error string // what went wrong; empty when all went well
	Copied        *CopyResult
	Written       *WriteResult
	Probe         *ProbeDone
	Verify        *VerifyDone
	Freed         int64 // bytes
}

// ProbeDone is what was found in a repository.
type ProbeDone struct {
	Copies, Bytes int64
	Skew          time.Duration
	Locked        *bool // whether the bucket refused to delete; nil when that was not tried
	LockError     string
}

// VerifyDone is what reading back found.
type VerifyDone struct {
	Bytes         int64
	Contents      int64 // that cannot be read
	Damaged       int64 // copies that need one of them
	DamagedPoints int64 // their points, of which Points are some
	Points        []api.DamagedPoint
	Missing       map[string]int64 // by the UIDs of points: how many copies must be there, and are not
	Healing       bool
}

// WriteResult is a volume that a copy was written into.
type WriteResult struct {
	Files, Bytes int64
	Lost         int64 // what could not be brought back, such as owners without the right to set them
}

// CopyResult is a volume that was copied, and found to be all there in the repository.
type CopyResult struct {
	api.Fingerprint
	Unreadable int64
	NewBytes   int64
	Lost       int64
}

// interrupted is what a pod tells that was asked to end. It failed of nothing.
const interrupted = "Interrupted"

// knownFailures are what a pod can tell of a repository, and of a volume. What it tells beside them is not understood.
var knownFailures = []string{
	api.ReasonRepositoryUnreachable, api.ReasonCredentialsRefused, api.ReasonPasswordWrong, api.ReasonRepositoryMissing,
	api.ReasonRepositoryExists, api.ReasonRepositoryIDMismatch, api.ReasonRepositoryFull, api.ReasonCopyCorrupt, api.ReasonClockSkew,
	api.ReasonCopyMissing, api.ReasonReadFailed, api.ReasonFidelityLost, api.ReasonPathNotFound, api.ReasonWriteFailed, api.ReasonVolumeTooSmall,
	api.ReasonMutable,
}

// problem is what went wrong, in a word that people find a runbook for; nil when all went well in the repository that is meant, or
// in any while none is yet. What was told of another one says nothing of this one, whatever it is.
func (r RepositoryResult) problem(meant string) *Problem {
	switch {
	case meant != "" && r.UniqueID != "" && r.UniqueID != meant:
		return &Problem{api.ReasonRepositoryIDMismatch, fmt.Sprintf("another repository was found than the one that is meant, %s; nothing was written to it", meant)}
	case r.Reason != "" && slices.Contains(knownFailures, r.Reason):
		return &Problem{r.Reason, cmp.Or(r.Error, "the log of the pod says more")}
	case r.Reason != "":
		return &Problem{api.ReasonMoverFailed, cmp.Or(r.Error, "it told no reason that is known")}
	case r.UniqueID == "":
		return &Problem{api.ReasonMoverFailed, "the pod did not tell which repository it opened"}
	}
	return nil
}

// whole says whether the copy of a volume was told with all that makes one.
func (c *CopyResult) whole() bool {
	if c == nil {
		return false
	}
	digits, is := strings.CutPrefix(c.Digest, "sha256:")
	sum, err := hex.DecodeString(digits)
	return is && err == nil && len(sum) == sha256.Size
}
