// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
	"github.com/minio/minio-go/v7"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// errDamaged marks what cannot be right.
var errDamaged = errors.New("damaged")

// classify gives an error of the library its kind.
func classify(err error) error {
	if f := (*Failure)(nil); err == nil || errors.As(err, &f) {
		return err
	}
	return &Failure{kind(err), err}
}

func kind(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return result.FailureInterrupted
	case errors.Is(err, repo.ErrInvalidPassword):
		return result.FailurePassword
	case errors.Is(err, repo.ErrRepositoryNotInitialized):
		return result.FailureMissing
	case errors.Is(err, repo.ErrAlreadyInitialized):
		return result.FailureExists
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return result.FailureFull
	case errors.Is(err, blob.ErrInvalidCredentials), errors.Is(err, fs.ErrPermission):
		return result.FailureRefused
	case isDamage(err):
		return result.FailureDamaged
	}
	if by := storeKind(err); by != "" {
		return by
	}
	return result.FailureUnknown
}

// isDamage tells what the library says of content that is gone or is not what it was.
func isDamage(err error) bool {
	if err == nil {
		return false
	}
	for _, is := range []error{errDamaged, content.ErrContentNotFound, object.ErrObjectNotFound, manifest.ErrNotFound, snapshot.ErrSnapshotNotFound, blob.ErrBlobNotFound, blob.ErrInvalidRange} {
		if errors.Is(err, is) {
			return true
		}
	}
	text := err.Error()
	return strings.Contains(text, "message authentication failed") || strings.Contains(text, "invalid checksum") || strings.Contains(text, "unable to decrypt content")
}

// storeKind is the kind of an error of the store itself; empty when it is none.
func storeKind(err error) string {
	if r := (minio.ErrorResponse{}); errors.As(err, &r) {
		switch r.Code {
		case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthorizationHeaderMalformed":
			return result.FailureRefused
		case "NoSuchBucket":
			return result.FailureUnreachable
		case "QuotaExceeded", "XMinioStorageFull", "EntityTooLarge", "InsufficientStorage":
			return result.FailureFull
		case "RequestTimeTooSkewed":
			return result.FailureClock
		}
		if r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusUnauthorized {
			return result.FailureRefused
		}
		if r.StatusCode == http.StatusInsufficientStorage {
			return result.FailureFull
		}
		return result.FailureUnreachable
	}
	var network net.Error
	var address *url.Error
	switch {
	case errors.As(err, &network), errors.As(err, &address), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EPIPE):
		return result.FailureUnreachable
	}
	switch text := strings.ToLower(err.Error()); {
	case strings.Contains(text, "unable to authenticate"), strings.Contains(text, "authenticationfailed"), strings.Contains(text, "401 unauthorized"), strings.Contains(text, "403 forbidden"):
		return result.FailureRefused
	case strings.Contains(text, "connection refused"), strings.Contains(text, "no such host"), strings.Contains(text, "i/o timeout"), strings.Contains(text, "bucket does not exist"), strings.Contains(text, "does not exist"):
		return result.FailureUnreachable
	}
	return ""
}

// Words says in a sentence without names what a kind of failure means, for those who may not see more.
func Words(reason string) string {
	switch reason {
	case result.FailureUnreachable:
		return "the store does not answer, or has no such bucket"
	case result.FailureRefused:
		return "the store refuses the credentials, or lacks some"
	case result.FailurePassword:
		return "the password does not open the repository"
	case result.FailureMissing:
		return "there is no repository at this place"
	case result.FailureExists:
		return "something is there already where a repository was to be made; adopt it by its uniqueID, or choose another prefix"
	case result.FailureOther:
		return "it is another repository than the one that is pinned"
	case result.FailureFull:
		return "the store takes no more"
	case result.FailureDamaged:
		return "the repository holds what cannot be read back"
	case result.FailureClock:
		return "the clocks of the store and of the cluster are too far apart"
	case result.FailureInterrupted:
		return "it was told to stop"
	}
	return "it failed; the log of the pod says more"
}
