// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/throttling"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/format"
	"github.com/kopia/kopia/repo/maintenance"
	"github.com/kopia/kopia/repo/manifest"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

const (
	// host and owner are who the library takes us for: the same everywhere, because maintenance has one owner.
	host  = "lifeboat"
	owner = "lifeboat"
	// mostContentCache and mostMetadataCache bound what is kept of a large repository on a node.
	mostContentCache  = 512 << 20
	mostMetadataCache = 2 << 30
	// largeIndex is how long an index is that is held on disk, and not in memory. A cache lives as long as a pod: to write files for it,
	// each of which is synced, takes longer than to read the little again that is read twice.
	largeIndex = 16 << 20
	// fullCycle is how often maintenance does more than the least. It is a little less than the day after which it is ordered, and a
	// day less than the shortest lock, so that what is in use is locked again before its lock ends.
	fullCycle = 20 * time.Hour
)

// opened is a repository that is open.
type opened struct {
	repo.DirectRepository
	store   blob.Storage
	options Options
	by      opening         // what the key was derived from
	window  *window         // nil when none of what is read is held in memory
	life    context.Context // ends when the store is given up
	cleanUp []func()
	written *counter
}

var _ Repository = (*opened)(nil)

// markLabels find the mark that says for whom a repository was made.
var markLabels = map[string]string{manifest.TypeLabelKey: "lifeboat-repository"}

// mark says for whom a repository was made: an attempt that was interrupted is told by it from somebody else's repository.
type mark struct {
	For string `json:"for"`
}

// Open opens the repository that is meant, and no other. It never makes one.
func Open(ctx context.Context, o Options) (Repository, error) {
	r, err := open(ctx, o)
	if err != nil {
		return nil, classify(err)
	}
	if id := o.Location.UniqueID; id != "" && r.UniqueID() != id {
		return nil, errors.Join(another(), r.Close(ctx))
	}
	return r, nil
}

func open(ctx context.Context, o Options) (*opened, error) {
	store, err := openStore(ctx, o, false)
	if err != nil {
		return nil, notOpened(err)
	}
	r, err := openIn(ctx, store, o)
	if err != nil {
		return nil, errors.Join(err, store.Close(ctx))
	}
	return r, nil
}

// openIn opens the repository in a store.
func openIn(ctx context.Context, store blob.Storage, o Options) (_ *opened, err error) {
	life, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	r := &opened{options: o, life: life, written: &counter{}}
	r.store, r.cleanUp = &watched{Storage: store, written: r.written, giveUp: giveUp}, []func(){func() { giveUp(nil) }}
	ctx, stop := r.bound(ctx)
	defer stop()
	defer func() {
		if err != nil {
			err = r.classify(err)
			r.tidy()
		}
	}()
	if r.by, err = initialised(ctx, r.store); err != nil {
		return nil, err
	}
	if o.Secrets.Password == "" {
		return nil, noPassword()
	}
	caching, err := r.caching(ctx)
	if err != nil {
		return nil, err
	}
	asked := r.store
	switch {
	case o.Bulk:
		r.window = newWindow(asked, mostWindow, allPacks)
		asked = r.window
	case caching.CacheDirectory == "" && !o.uncached:
		r.window = newWindow(asked, mostWindow/2, folderPacks)
		asked = r.window
	}
	info, letGo := hold(asked)
	r.cleanUp = append(r.cleanUp, letGo)
	config, err := r.configure(o, info, caching)
	if err != nil {
		return nil, err
	}
	fatal := func(error) {} // what fails also returns an error; a library must not end the process
	rep, err := repo.Open(ctx, config, o.Secrets.Password, &repo.Options{OnFatalError: fatal, DoNotWaitForUpgrade: true, DisableRepositoryLog: true, TimeNowFunc: o.now})
	if err != nil {
		return nil, err
	}
	direct, is := rep.(repo.DirectRepository)
	if !is {
		return nil, errors.Join(errors.New("the repository cannot be spoken to directly"), rep.Close(ctx))
	}
	r.DirectRepository = direct
	return r, nil
}

// initialised tells a store without a repository from one that does not answer, and from a bucket that is not there.
func initialised(ctx context.Context, store blob.Storage) (opening, error) {
	by, err := openedBy(ctx, store)
	if !errors.Is(err, blob.ErrBlobNotFound) {
		return by, err
	}
	if err := store.ListBlobs(ctx, "", func(blob.Metadata) error { return errEnough }); err != nil && !errors.Is(err, errEnough) {
		return by, err
	}
	return by, missing()
}

// errEnough ends a listing of which one entry was wanted.
var errEnough = errors.New("enough")

// configure writes the library's file, and says where it is.
func (r *opened) configure(o Options, info blob.ConnectionInfo, caching content.CachingOptions) (string, error) {
	config, err := r.folder(o.ConfigDir, "lifeboat-config-")
	if err != nil {
		return "", err
	}
	local := repo.LocalConfig{
		Storage: &info,
		Caching: &caching,
		ClientOptions: repo.ClientOptions{
			Hostname: host, Username: owner, ReadOnly: o.ReadOnly,
			Throttling: &throttling.Limits{UploadBytesPerSecond: float64(o.Location.UploadBytesPerSecond), DownloadBytesPerSecond: float64(o.Location.DownloadBytesPerSecond)},
		},
	}
	text, err := json.Marshal(local)
	if err != nil {
		return "", err
	}
	file := filepath.Join(config, "repository.config")
	return file, os.WriteFile(file, text, 0o600)
}

// caching says what is kept on disk of what is read: nothing where all is read once, or where there is little of it.
func (r *opened) caching(ctx context.Context) (c content.CachingOptions, err error) {
	if r.options.uncached || r.options.Bulk {
		return c, nil
	}
	index := int64(0)
	err = r.store.ListBlobs(ctx, "x", func(b blob.Metadata) error {
		if index += b.Length; index > cmp.Or(r.options.index, largeIndex) {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		return c, err
	}
	c.ContentCacheSizeBytes, c.MetadataCacheSizeBytes = mostContentCache, mostMetadataCache
	c.CacheDirectory, err = r.folder(r.options.CacheDir, "lifeboat-cache-")
	return c, err
}

// folder makes a folder of this repository's own below the given one: nothing of another time is in its cache.
func (r *opened) folder(below, pattern string) (string, error) {
	dir, err := os.MkdirTemp(below, pattern)
	if err == nil {
		r.cleanUp = append(r.cleanUp, func() { _ = os.RemoveAll(dir) }) // what is left of a cache goes with the pod
	}
	return dir, err
}

func (r *opened) tidy() {
	for _, f := range r.cleanUp {
		f()
	}
}

// UniqueID is the ID of the repository.
func (r *opened) UniqueID() string { return hex.EncodeToString(r.DirectRepository.UniqueID()) }

// Close closes the repository. Closing the library's part closes the store.
func (r *opened) Close(ctx context.Context) error {
	defer r.tidy()
	return classify(r.DirectRepository.Close(ctx))
}

// again opens a repository once more, over another view of its store, and without keeping anything that is read.
func (r *opened) again(ctx context.Context, store blob.Storage) (*opened, error) {
	o := r.options
	o.uncached, o.Bulk = true, false
	return openIn(ctx, shared{store}, o)
}

// shared is a store that somebody else closes.
type shared struct{ blob.Storage }

// Close leaves the store open.
func (shared) Close(context.Context) error { return nil }

// Create makes the repository where nothing is yet, for the given user of it. What an interrupted attempt for the same user
// left is completed; what anybody else left is not touched. Where a certain repository is expected, none is made.
func Create(ctx context.Context, o Options, user string) (_ Repository, made bool, err error) {
	if user == "" {
		return nil, false, errors.New("it is not said for whom the repository is made")
	}
	store, err := openStore(ctx, o, true)
	if err != nil {
		return nil, false, notOpened(err)
	}
	r, made, err := createIn(ctx, store, o, user)
	if err != nil {
		return nil, false, classify(errors.Join(err, store.Close(ctx)))
	}
	return r, made, nil
}

func createIn(ctx context.Context, store blob.Storage, o Options, user string) (_ *opened, made bool, err error) {
	_, there := initialised(ctx, store)
	switch {
	case there == nil:
	case Reason(there) != result.FailureMissing || o.Location.UniqueID != "":
		return nil, false, there
	default:
		made = true
		if err := initialise(ctx, store, o); err != nil {
			return nil, false, err
		}
	}
	r, err := openIn(ctx, store, o)
	if errors.Is(err, repo.ErrInvalidPassword) && !made {
		return nil, false, exists()
	}
	if err != nil {
		return nil, false, err
	}
	bound, stop := r.bound(ctx)
	err = r.classify(r.settle(bound, o, user))
	stop()
	if id := o.Location.UniqueID; err == nil && id != "" && r.UniqueID() != id {
		err = another()
	}
	if err != nil {
		r.tidy()
		return nil, false, err
	}
	return r, made, nil
}

// initialise makes a repository in a store where there is none.
func initialise(ctx context.Context, store blob.Storage, o Options) error {
	if o.Secrets.Password == "" {
		return noPassword()
	}
	if err := empty(ctx, store); err != nil {
		return err
	}
	return repo.Initialize(ctx, begun{store}, newOptions(o), o.Secrets.Password)
}

// begun is a store in which making a repository was begun. The library writes two blobs, and refuses to go on from the first:
// without the second it means nothing to anybody.
type begun struct{ blob.Storage }

// GetBlob does not find what an interrupted attempt left.
func (b begun) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	if id == format.KopiaBlobCfgBlobID {
		return blob.ErrBlobNotFound
	}
	return b.Storage.GetBlob(ctx, id, offset, length, out)
}

func noPassword() error {
	return &Failure{result.FailurePassword, errors.New("the password is empty; put one into the key password of its Secret")}
}

func another() error {
	return &Failure{result.FailureOther, errors.New("another repository is at this place than the one that is expected")}
}

func newOptions(o Options) *repo.NewRepositoryOptions {
	n := &repo.NewRepositoryOptions{}
	if o.Location.LockMode != "" {
		n.RetentionMode, n.RetentionPeriod = blob.Governance, o.Location.LockPeriod
		if o.Location.LockMode == "Compliance" {
			n.RetentionMode = blob.Compliance
		}
	}
	return n
}

func exists() error {
	return &Failure{result.FailureExists, errors.New("something is there already where a repository was to be made")}
}

// empty refuses a place where anything is, but for what an interrupted attempt may have left.
func empty(ctx context.Context, store blob.Storage) error {
	return store.ListBlobs(ctx, "", func(b blob.Metadata) error {
		if b.BlobID == format.KopiaBlobCfgBlobID || b.BlobID == lockBlob {
			return nil
		}
		return exists()
	})
}

// unused refuses a repository in which anything is.
func (r *opened) unused(ctx context.Context) error {
	all, err := r.FindManifests(ctx, nil)
	if err != nil {
		return err
	}
	if len(all) > 0 {
		return exists()
	}
	return r.ContentReader().IterateContents(ctx, content.IterateOptions{IncludeDeleted: true}, func(content.Info) error { return exists() })
}

// settle completes a new repository: it is marked, and its maintenance has an owner. One that is marked for another user, or
// holds anything without a mark, is somebody else's.
func (r *opened) settle(ctx context.Context, o Options, user string) error {
	marks, err := r.FindManifests(ctx, markLabels)
	if err != nil {
		return err
	}
	for _, m := range marks {
		var is mark
		if _, err := r.GetManifest(ctx, m.ID, &is); err != nil {
			return err
		}
		if is.For == user {
			return nil
		}
	}
	if err := r.unused(ctx); err != nil {
		return err
	}
	return repo.WriteSession(ctx, r.DirectRepository, repo.WriteSessionOptions{Purpose: "lifeboat: make"}, func(ctx context.Context, w repo.RepositoryWriter) error {
		if err := own(ctx, w, o.Location.LockMode != ""); err != nil {
			return err
		}
		_, err := w.PutManifest(ctx, markLabels, mark{For: user})
		return err
	})
}

// own makes whoever opens the repository by way of this package its maintainer.
func own(ctx context.Context, w repo.RepositoryWriter, locked bool) error {
	p := maintenance.DefaultParams()
	p.Owner = w.ClientOptions().UsernameAtHost()
	p.FullCycle.Interval = fullCycle
	p.ExtendObjectLocks = locked
	if err := maintenance.SetParams(ctx, w, &p); err != nil {
		return fmt.Errorf("set who maintains the repository: %w", err)
	}
	return nil
}
