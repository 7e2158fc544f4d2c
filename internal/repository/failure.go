// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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
	case err == nil:
		return ""
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
	return slices.ContainsFunc(damageWords, func(words string) bool { return strings.Contains(text, words) })
}

// damageWords are what the library says, in errors of no type, of what it read and cannot decrypt.
var damageWords = []string{"message authentication failed", "invalid checksum", "unable to decrypt content", "error decrypting BLOB", "ciphertext too short"}

// storeKind is the kind of an error of the store itself; empty when it is none.
func storeKind(err error) string {
	if r := (minio.ErrorResponse{}); errors.As(err, &r) {
		return bucketKind(r)
	}
	text := strings.ToLower(err.Error())
	if by := cmp.Or(wordsKind(text, plainWords), statusKind(text), wordsKind(text, storeWords)); by != "" {
		return by
	}
	var network net.Error
	var address *url.Error
	if errors.As(err, &network) || errors.As(err, &address) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) || slices.ContainsFunc(gone, func(e error) bool { return errors.Is(err, e) }) {
		return result.FailureUnreachable
	}
	return ""
}

// gone are errors of a network, or of a disk behind one, that went.
var gone = []error{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ETIMEDOUT, syscall.EPIPE, syscall.EIO, syscall.ESTALE, syscall.ENOTCONN, syscall.EHOSTDOWN}

// bucketKind is the kind of what a server of the protocol of S3 answered.
func bucketKind(r minio.ErrorResponse) string {
	switch r.Code {
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthorizationHeaderMalformed":
		return result.FailureRefused
	case "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage":
		return result.FailureFull
	case "RequestTimeTooSkewed":
		return result.FailureClock
	}
	switch r.StatusCode {
	case http.StatusForbidden, http.StatusUnauthorized:
		return result.FailureRefused
	case http.StatusInsufficientStorage:
		return result.FailureFull
	}
	return result.FailureUnreachable
}

// status finds an HTTP status in what the libraries of the other stores say, none of which is linked here for its types alone.
var status = regexp.MustCompile(`(?:: |error |response |code |status )([45][0-9]{2})\b`)

func statusKind(text string) string {
	m := status.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	switch m[1] {
	case "401", "403":
		return result.FailureRefused
	case "507":
		return result.FailureFull
	}
	return result.FailureUnreachable
}

func wordsKind(text string, all []words) string {
	for _, w := range all {
		if strings.Contains(text, w.text) {
			return w.kind
		}
	}
	return ""
}

// words are what is told of an error of a kind, in small letters.
type words struct{ text, kind string }

// plainWords say more than the status beside them, which may be that of who gives tokens.
var plainWords = []words{
	{"request date header too old", result.FailureClock}, // Azure
	{"in a reasonable timeframe", result.FailureClock},   // Google, of a token's claims
	{"invalid_grant", result.FailureRefused},
}

// storeWords are what stores say that do not speak HTTP, or have not come so far.
var storeWords = []words{
	{"unable to authenticate", result.FailureRefused},
	{"knownhosts: ", result.FailureRefused},                // the key of the server is none of those in the Secret
	{"failed to parse private key", result.FailureRefused}, // what is in the place of a service account's key is none
	{"decode account key", result.FailureRefused},          // the same of an account's of Azure
	{"unable to create gcs client", result.FailureRefused}, // for which nobody is asked anything yet
	{"no space left", result.FailureFull},
	{"quota exceeded", result.FailureFull},
	{"connection refused", result.FailureUnreachable},
	{"connection lost", result.FailureUnreachable},
	{"no such host", result.FailureUnreachable},
	{"i/o timeout", result.FailureUnreachable},
	{"bucket doesn't exist", result.FailureUnreachable},
	{"bucket does not exist", result.FailureUnreachable},
}

// notOpened gives an error its kind that came before any repository was looked for. What is missing then is the place of it.
func notOpened(err error) error {
	if isDamage(err) {
		return &Failure{result.FailureUnreachable, err}
	}
	return classify(err)
}

// Words says in a sentence without names what a kind of failure means, for those who may not see more.
func Words(reason string) string {
	switch reason {
	case result.FailureUnreachable:
		return "the store does not answer, its certificate is not trusted, or it has no such bucket or folder"
	case result.FailureRefused:
		return "the store refuses the credentials, or the Secret with them lacks some"
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
	case result.FailureUnlocked:
		return "the bucket takes nothing with a lock; switch object lock on for it, which most stores allow only when a bucket is made, or leave spec.objectLock out"
	case result.FailureDamaged:
		return "the repository holds what cannot be read back"
	case result.FailureClock:
		return "the clocks of the store and of the cluster are too far apart"
	case result.FailureInterrupted:
		return "it was told to stop"
	}
	return "it failed; the log of the pod says more"
}
