// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
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
	Bytes    int64
	Contents int64 // that cannot be read
	Damaged  int64 // copies that need one of them
	Healing  bool
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

// repositoryFailures are what a pod can tell of a repository.
var repositoryFailures = []string{
	api.ReasonRepositoryUnreachable, api.ReasonCredentialsRefused, api.ReasonPasswordWrong, api.ReasonRepositoryMissing,
	api.ReasonRepositoryExists, api.ReasonRepositoryIDMismatch, api.ReasonRepositoryFull, api.ReasonCopyCorrupt, api.ReasonClockSkew,
}

// knownFailures are what a pod can tell that has a volume as well. What it tells beside them is not understood.
var knownFailures = slices.Concat(repositoryFailures, []string{
	api.ReasonCopyMissing, api.ReasonReadFailed, api.ReasonFidelityLost, api.ReasonPathNotFound, api.ReasonWriteFailed, api.ReasonVolumeTooSmall,
})

// problem is what went wrong, in a word that people find a runbook for; nil when all went well in the repository that was meant.
func (r RepositoryResult) problem(id string) *Problem {
	switch {
	case r.Reason == "" && r.UniqueID == id:
		return nil
	case r.Reason == "":
		return &Problem{api.ReasonRepositoryIDMismatch, "another repository was found than the one that is pinned"}
	case !slices.Contains(knownFailures, r.Reason):
		return &Problem{api.ReasonMoverFailed, cmp.Or(r.Error, "it told no reason that is known")}
	}
	return &Problem{r.Reason, cmp.Or(r.Error, "the log of the pod says more")}
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
