// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/format"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/repo/object"
)

// Afresh opens the repository once more, and is closed before it. What it knows it has read from the store since: which blobs
// there are, the index, contents. The key alone is taken over, because deriving it from the password is made to take long, and
// only while the blobs that it was derived from are what they were.
func (r *opened) Afresh(ctx context.Context) (Repository, error) {
	ctx, stop := r.bound(ctx)
	defer stop()
	now, err := initialised(ctx, r.store)
	if err != nil {
		return nil, r.classify(err)
	}
	if now != r.by {
		return r.reopen(ctx)
	}
	a := &opened{options: r.options, store: r.store, by: r.by, life: r.life, written: r.written}
	if a.DirectRepository, err = a.fresh(ctx, r); err != nil {
		a.tidy()
		return nil, r.classify(err)
	}
	return a, nil
}

// reopen opens a repository whose key may be another now.
func (r *opened) reopen(ctx context.Context) (Repository, error) {
	a, err := openIn(ctx, shared{r.store}, r.options)
	if err != nil {
		return nil, r.classify(err)
	}
	if a.UniqueID() != r.UniqueID() {
		return nil, errors.Join(another(), a.Close(ctx))
	}
	return a, nil
}

// opening are the blobs of which the key comes, and how blobs are kept.
type opening struct{ format, blobs string }

// openedBy reads what a repository is opened by.
func openedBy(ctx context.Context, store blob.Storage) (o opening, err error) {
	if o.format, err = readWhole(ctx, store, format.KopiaRepositoryBlobID); err != nil {
		return o, err
	}
	if o.blobs, err = readWhole(ctx, store, format.KopiaBlobCfgBlobID); errors.Is(err, blob.ErrBlobNotFound) {
		err = nil // as the library has it
	}
	return o, err
}

func readWhole(ctx context.Context, store blob.Storage, id blob.ID) (string, error) {
	var all whole
	err := store.GetBlob(ctx, id, 0, -1, &all)
	return all.String(), err
}

// fresh is the library's repository with everything beneath it made anew, but for the key.
type fresh struct {
	repo.DirectRepository
	shared    *content.SharedManager
	contents  *content.WriteManager
	objects   *object.Manager
	manifests *manifest.Manager
}

func (r *opened) fresh(ctx context.Context, from *opened) (*fresh, error) {
	// The library's view of the store: it keeps to limits, and locks what is written.
	store, is := from.BlobReader().(blob.Storage)
	if !is {
		return nil, errors.New("the store of the repository cannot be read afresh")
	}
	from.window.forget()
	caching, err := r.caching(ctx)
	if err != nil {
		return nil, err
	}
	if caching.HMACSecret, err = from.DeriveKey("lifeboat-cache", cacheKeySize); err != nil {
		return nil, err
	}
	f := &fresh{DirectRepository: from.DirectRepository}
	if f.shared, err = content.NewSharedManager(ctx, store, from.FormatManager(), &caching, &content.ManagerOptions{TimeNow: from.Time}, nil, nil); err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	return f, f.begin(ctx, "")
}

const cacheKeySize = 16

// begin makes what a session has of its own.
func (f *fresh) begin(ctx context.Context, name string) (err error) {
	f.contents = content.NewWriteManager(ctx, f.shared, content.SessionOptions{SessionUser: owner, SessionHost: host}, name)
	if f.objects, err = object.NewObjectManager(ctx, f.contents, f.ObjectFormat(), nil); err != nil {
		return err
	}
	f.manifests, err = manifest.NewManager(ctx, f.contents, manifest.ManagerOptions{TimeNow: f.Time}, nil)
	return err
}

// Close ends it, and leaves the repository open that it was made from.
func (f *fresh) Close(ctx context.Context) error { return f.shared.CloseShared(ctx) }

// OpenObject opens an object.
func (f *fresh) OpenObject(ctx context.Context, id object.ID) (object.Reader, error) {
	return object.Open(ctx, f.contents, id)
}

// VerifyObject looks for the contents of an object.
func (f *fresh) VerifyObject(ctx context.Context, id object.ID) ([]content.ID, error) {
	return object.VerifyObject(ctx, f.contents, id)
}

// PrefetchObjects brings nothing nearer.
func (f *fresh) PrefetchObjects(context.Context, []object.ID, string) ([]content.ID, error) {
	return nil, nil
}

// PrefetchContents brings nothing nearer.
func (f *fresh) PrefetchContents(context.Context, []content.ID, string) []content.ID { return nil }

// ContentInfo finds a content in the index.
func (f *fresh) ContentInfo(ctx context.Context, id content.ID) (content.Info, error) {
	return f.contents.ContentInfo(ctx, id)
}

// ContentReader reads contents.
func (f *fresh) ContentReader() content.Reader { return f.contents }

// GetManifest reads a manifest of the library.
func (f *fresh) GetManifest(ctx context.Context, id manifest.ID, data any) (*manifest.EntryMetadata, error) {
	return f.manifests.Get(ctx, id, data)
}

// FindManifests finds manifests of the library.
func (f *fresh) FindManifests(ctx context.Context, labels map[string]string) ([]*manifest.EntryMetadata, error) {
	return f.manifests.Find(ctx, labels)
}

// Refresh reads the index anew.
func (f *fresh) Refresh(ctx context.Context) error { return f.contents.Refresh(ctx) }

// NewWriter begins a session that knows what is known here.
func (f *fresh) NewWriter(ctx context.Context, o repo.WriteSessionOptions) (context.Context, repo.RepositoryWriter, error) {
	w := &freshWriter{fresh: fresh{DirectRepository: f.DirectRepository, shared: f.shared}}
	return ctx, w, w.begin(ctx, o.Purpose)
}

// freshWriter is a session.
type freshWriter struct {
	fresh
	flushed []repo.RepositoryWriterCallback
}

var _ repo.RepositoryWriter = (*freshWriter)(nil)

// Close leaves what is shared to others.
func (w *freshWriter) Close(context.Context) error { return nil }

// NewObjectWriter begins an object.
func (w *freshWriter) NewObjectWriter(ctx context.Context, o object.WriterOptions) object.Writer {
	return w.objects.NewWriter(ctx, o)
}

// ConcatenateObjects puts objects together.
func (w *freshWriter) ConcatenateObjects(ctx context.Context, ids []object.ID, o repo.ConcatenateOptions) (object.ID, error) {
	return w.objects.Concatenate(ctx, ids, o.Compressor)
}

// PutManifest writes a manifest of the library.
func (w *freshWriter) PutManifest(ctx context.Context, labels map[string]string, payload any) (manifest.ID, error) {
	return w.manifests.Put(ctx, labels, payload)
}

// ReplaceManifests writes one in place of those with the same labels.
func (w *freshWriter) ReplaceManifests(ctx context.Context, labels map[string]string, payload any) (manifest.ID, error) {
	found, err := w.FindManifests(ctx, labels)
	if err != nil {
		return "", err
	}
	for _, m := range found {
		if err := w.DeleteManifest(ctx, m.ID); err != nil {
			return "", err
		}
	}
	return w.PutManifest(ctx, labels, payload)
}

// DeleteManifest deletes a manifest of the library.
func (w *freshWriter) DeleteManifest(ctx context.Context, id manifest.ID) error {
	return w.manifests.Delete(ctx, id)
}

// OnSuccessfulFlush has somebody told.
func (w *freshWriter) OnSuccessfulFlush(tell repo.RepositoryWriterCallback) {
	w.flushed = append(w.flushed, tell)
}

// Flush makes durable what was written: manifests first, which are contents.
func (w *freshWriter) Flush(ctx context.Context) error {
	if err := w.manifests.Flush(ctx); err != nil {
		return err
	}
	if err := w.contents.Flush(ctx); err != nil {
		return err
	}
	for _, tell := range w.flushed {
		if err := tell(ctx, w); err != nil {
			return err
		}
	}
	return nil
}
