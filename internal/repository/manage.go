// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/maintenance"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/snapshotgc"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// Probe looks whether a repository can be read and written, and tells how much is in it.
func Probe(ctx context.Context, in Repository) (result.Probe, error) {
	r, err := ours(in)
	if err != nil {
		return result.Probe{}, err
	}
	ctx, stop := r.bound(ctx)
	defer stop()
	var p result.Probe
	records, err := r.FindManifests(ctx, snapshotLabels(sourceRecord, nil))
	if err != nil {
		return p, r.classify(err)
	}
	p.Copies = int64(len(records))
	err = r.store.ListBlobs(ctx, "", func(b blob.Metadata) error {
		p.Bytes += b.Length
		return nil
	})
	if err != nil {
		return p, r.classify(err)
	}
	p.Skew, err = r.skew(ctx)
	return p, r.classify(err)
}

func ours(in Repository) (*opened, error) {
	if r, is := in.(*opened); is {
		return r, nil
	}
	return nil, errors.New("the repository was not opened by this package")
}

// probeBlob is what a probe writes. Its name is none that the library gives.
const probeBlob blob.ID = "lifeboat-probe"

// lockBlob is what a probe writes with a lock, and may have to leave.
const lockBlob = probeBlob + "-lock"

// skew is how far the clock of the store is ahead, to the second. What is written to learn it shows that it can be written to.
func (r *opened) skew(ctx context.Context) (time.Duration, error) {
	var at time.Time
	before := r.Time()
	if err := r.store.PutBlob(ctx, probeBlob, text("probe"), blob.PutOptions{GetModTime: &at}); err != nil {
		return 0, err
	}
	after := r.Time()
	// Who may write and not delete can copy; where maintenance is done with the same rights, it tells of it.
	if err := r.store.DeleteBlob(ctx, probeBlob); err != nil && kind(err) != result.FailureRefused {
		return 0, err
	}
	const rounded = 2 * time.Second // stores tell whole seconds
	switch {
	case at.IsZero():
		return 0, nil
	case at.After(after.Add(rounded)):
		return at.Sub(after).Round(time.Second), nil
	case at.Before(before.Add(-rounded)):
		return at.Sub(before).Round(time.Second), nil
	}
	return 0, nil
}

// text is a blob.
type text string

// WriteTo writes the text.
func (t text) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write([]byte(t))
	return int64(n), err
}

// Length is its length.
func (t text) Length() int { return len(t) }

// Reader reads it.
func (t text) Reader() io.ReadSeekCloser { return nopCloser{bytes.NewReader([]byte(t))} }

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// lockedFor is how long what ProbeLock writes cannot be deleted.
const lockedFor = 2 * time.Minute

// Unlocked is why no repository can be made in a bucket that is to refuse deletions; nil where that is not why.
func Unlocked(ctx context.Context, o Options, now time.Time) error {
	locked, why, err := ProbeLock(ctx, o, now)
	if locked || err != nil {
		return nil
	}
	return &Failure{result.FailureUnlocked, errors.New(why)}
}

// ProbeLock looks whether the bucket refuses to delete what is written with a lock; the second result says why not.
func ProbeLock(ctx context.Context, o Options, now time.Time) (locked bool, why string, err error) {
	at := o.Location.S3
	if at == nil {
		return false, "only a bucket that speaks the protocol of S3 can be asked to refuse deletions", nil
	}
	c, err := client(o)
	if err != nil {
		return false, "", classify(err)
	}
	mode := minio.Governance
	if o.Location.LockMode == "Compliance" {
		mode = minio.Compliance
	}
	name := at.Prefix + string(lockBlob)
	removeUnlocked(ctx, c, at.Bucket, name)
	put, err := c.PutObject(ctx, at.Bucket, name, strings.NewReader("probe"), int64(len("probe")),
		minio.PutObjectOptions{Mode: mode, RetainUntilDate: now.Add(lockedFor), SendContentMd5: true})
	switch k := kind(err); {
	case err == nil:
	case k == result.FailureUnreachable && answered(err), k == result.FailureRefused:
		_ = c.RemoveObject(ctx, at.Bucket, name, minio.RemoveObjectOptions{}) // some servers say no and keep it all the same
		return false, "the bucket takes nothing with a lock", nil
	default:
		return false, "", classify(err)
	}
	if put.VersionID == "" {
		_ = c.RemoveObject(ctx, at.Bucket, name, minio.RemoveObjectOptions{}) // a few bytes, if it cannot be
		return false, "the bucket keeps no versions, without which nothing can be locked", nil
	}
	err = c.RemoveObject(ctx, at.Bucket, name, minio.RemoveObjectOptions{VersionID: put.VersionID})
	switch {
	case err == nil:
		return false, "what was written with a lock could be deleted", nil
	case answered(err):
		return true, "", nil
	}
	return false, "", classify(err)
}

// removeUnlocked removes what earlier probes left, whose locks have ended. What cannot be removed is a few bytes.
func removeUnlocked(ctx context.Context, c *minio.Client, bucket, name string) {
	for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: name, WithVersions: true}) {
		if o.Err != nil {
			return
		}
		if err := c.RemoveObject(ctx, bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID}); err != nil && !answered(err) {
			return
		}
	}
}

// answered tells a store that said no from one that said nothing.
func answered(err error) bool {
	var r minio.ErrorResponse
	return errors.As(err, &r) && r.StatusCode >= http.StatusBadRequest && r.StatusCode < http.StatusInternalServerError
}

func client(o Options) (*minio.Client, error) {
	at := o.Location.S3
	id, key := o.Secrets.get("accessKeyID"), o.Secrets.get("secretAccessKey")
	keys := credentials.NewStaticV4(id, key, o.Secrets.get("sessionToken"))
	if at.WorkloadIdentity && (id == "" || key == "") {
		keys = credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.IAM{}})
	}
	transport, err := transportFor(o.Secrets.CA, at.Insecure)
	if err != nil {
		return nil, err
	}
	return minio.New(at.Endpoint, &minio.Options{Creds: keys, Secure: !at.Insecure, Region: at.Region, Transport: transport, MaxRetries: 3})
}

// orphanAge is how old data without a record must be to be removed: no copy takes that long between the two.
const orphanAge = 24 * time.Hour

// Maintain tidies a repository up. Nothing is freed that was in use within the last day: somebody may be writing. With keep,
// nothing is freed at all, and no more is done than to renew locks and to merge indexes.
func Maintain(ctx context.Context, in Repository, keep bool, now time.Time) (result.Maintain, error) {
	r, err := ours(in)
	if err != nil {
		return result.Maintain{}, err
	}
	ctx, stop := r.bound(ctx)
	defer stop()
	before, err := r.size(ctx)
	if err != nil {
		return result.Maintain{}, r.classify(err)
	}
	if !keep {
		if err := r.removeOrphans(ctx, now); err != nil {
			return result.Maintain{}, r.classify(err)
		}
	}
	if err := r.maintain(ctx, keep); err != nil {
		return result.Maintain{}, r.classify(err)
	}
	after, err := r.size(ctx)
	return result.Maintain{Freed: max(0, before-after)}, r.classify(err)
}

// keeping has maintenance find nothing old enough to be removed, or written anew elsewhere.
var keeping = func() maintenance.SafetyParameters {
	const ever = 100 * 365 * 24 * time.Hour
	p := maintenance.SafetyFull
	p.RewriteMinAge, p.MinContentAgeSubjectToGC, p.DropContentFromIndexExtraMargin, p.PackDeleteMinAge, p.SessionExpirationAge = ever, ever, ever, ever, ever
	return p
}()

// maintain has the library do what is due.
func (r *opened) maintain(ctx context.Context, keep bool) error {
	safety := maintenance.SafetyFull
	if keep {
		safety = keeping
	}
	err := repo.DirectWriteSession(ctx, r.DirectRepository, repo.WriteSessionOptions{Purpose: "lifeboat: maintain"}, func(ctx context.Context, w repo.DirectRepositoryWriter) error {
		p, err := maintenance.GetParams(ctx, w)
		if err != nil {
			return err
		}
		if p.Owner == "" { // nobody was ever named, or it was lost
			if err := own(ctx, w, r.options.Location.LockMode != ""); err != nil {
				return err
			}
		}
		return maintenance.RunExclusive(ctx, w, maintenance.ModeAuto, false, func(ctx context.Context, run maintenance.RunParameters) error {
			var unused error
			if run.Mode == maintenance.ModeFull && !keep {
				unused = snapshotgc.Run(ctx, w, true, safety, run.MaintenanceStartTime)
			}
			if unused != nil && !isDamage(unused) {
				return unused
			}
			// What is damaged keeps the library from finding what is not needed any more, and must not keep locks from being renewed.
			return errors.Join(unused, maintenance.Run(ctx, run, safety))
		})
	})
	if err != nil && strings.Contains(err.Error(), "clock skew detected") {
		return &Failure{result.FailureClock, err}
	}
	return err
}

func (r *opened) size(ctx context.Context) (n int64, err error) {
	err = r.store.ListBlobs(ctx, "", func(b blob.Metadata) error {
		n += b.Length
		return nil
	})
	return n, err
}

// removeOrphans removes data of which no record tells: what interrupted copies left.
func (r *opened) removeOrphans(ctx context.Context, now time.Time) error {
	records, err := r.FindManifests(ctx, snapshotLabels(sourceRecord, nil))
	if err != nil {
		return err
	}
	known := map[manifest.ID]bool{}
	for _, m := range records {
		s, err := r.stored(ctx, m.ID)
		if err != nil {
			return fmt.Errorf("a record cannot be read, so that nothing is removed: %w", err)
		}
		known[manifest.ID(s.DataID)] = true
	}
	data, err := r.FindManifests(ctx, snapshotLabels(sourceData, nil))
	if err != nil {
		return err
	}
	return repo.WriteSession(ctx, r.DirectRepository, repo.WriteSessionOptions{Purpose: "lifeboat: remove what was not finished"}, func(ctx context.Context, w repo.RepositoryWriter) error {
		for _, m := range data {
			d, err := snapshot.LoadSnapshot(ctx, w, m.ID)
			if err != nil {
				return err
			}
			if !known[m.ID] && now.Sub(d.EndTime.ToTime()) > orphanAge {
				if err := w.DeleteManifest(ctx, m.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
