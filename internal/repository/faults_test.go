// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/kopia/kopia/repo/blob"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

var errPlanted = errors.New("planted")

// fault says how an operation of a store fails. Stores put blobs whole or not at all; one that does not may lose what it has,
// and must not be believed all the same.
type fault string

const (
	before fault = "before it was done"
	after  fault = "after it was done, though nobody is told"
	torn   fault = "with a part of it done"
	lying  fault = "with a part of it done, and says that all is well"
	lost   fault = "without being done, and says that all is well"
	down   fault = "and so do all that follow"
)

// failing is a store of which the n-th operation fails.
type failing struct {
	blob.Storage
	fault fault
	n     *int
}

// beginning is as much as is written of a blob by halves: less than its first content, for small packs are mostly noise.
const beginning = 40

// strikes says whether it is the turn of the fault.
func (f failing) strikes() bool {
	*f.n--
	return *f.n == 0 || f.fault == down && *f.n < 0
}

// do does an operation, or not.
func (f failing) do(operation func() error) error {
	if !f.strikes() {
		return operation()
	}
	if f.fault == after {
		_ = operation()
	}
	return errPlanted
}

func (f failing) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, o blob.PutOptions) error {
	put := func() error { return f.Storage.PutBlob(ctx, id, data, o) }
	if f.fault != torn && f.fault != lying && f.fault != lost {
		return f.do(put)
	}
	if !f.strikes() {
		return put()
	}
	if f.fault == lost {
		return nil
	}
	var whole bytes.Buffer
	if _, err := data.WriteTo(&whole); err != nil {
		return err
	}
	if err := f.Storage.PutBlob(ctx, id, text(whole.String()[:beginning]), o); err != nil || f.fault == lying {
		return err
	}
	return errPlanted
}

// others are the operations that write nothing, of which there is no part, nor a later.
func (f failing) others(operation func() error) error {
	if f.fault == before || f.fault == down {
		return f.do(operation)
	}
	return operation()
}

func (f failing) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	return f.others(func() error { return f.Storage.GetBlob(ctx, id, offset, length, out) })
}

func (f failing) GetMetadata(ctx context.Context, id blob.ID) (m blob.Metadata, err error) {
	err = f.others(func() error {
		m, err = f.Storage.GetMetadata(ctx, id)
		return err
	})
	return m, err
}

func (f failing) ListBlobs(ctx context.Context, prefix blob.ID, each func(blob.Metadata) error) error {
	return f.others(func() error { return f.Storage.ListBlobs(ctx, prefix, each) })
}

func (f failing) DeleteBlob(ctx context.Context, id blob.ID) error {
	return f.others(func() error { return f.Storage.DeleteBlob(ctx, id) })
}

// copyAsMoversDo saves data, finds them in a repository that was opened afresh, and only then saves the record, which it looks for in
// the same way.
func copyAsMoversDo(ctx context.Context, open func() (Repository, error), v order.Volume, files map[string]string) error {
	var d data
	r, err := open()
	if err != nil {
		return err
	}
	err = r.Write(ctx, "data", func(ctx context.Context, w Writer) (err error) {
		d, err = putData(ctx, w, v, files)
		return err
	})
	if err == nil {
		err = recordAfresh(ctx, r, v, d)
	}
	if err := errors.Join(err, r.Close(ctx)); err != nil {
		return err
	}
	if r, err = open(); err != nil {
		return err
	}
	copies, err := r.Copies(ctx, v)
	if err == nil && len(copies) != 1 {
		err = fmt.Errorf("%d records were found", len(copies))
	}
	if err == nil {
		var beside ObjectID
		if beside, err = r.Beside(ctx, copies[0]); err == nil {
			err = Check(ctx, r, beside)
		}
	}
	return errors.Join(err, r.Close(ctx))
}

func recordAfresh(ctx context.Context, r Repository, v order.Volume, d data) error {
	afresh, err := r.Afresh(ctx)
	if err != nil {
		return err
	}
	err = Check(ctx, afresh, d.root)
	if err == nil {
		err = afresh.Write(ctx, "record", func(ctx context.Context, w Writer) error { return putRecord(ctx, w, v, d) })
	}
	return errors.Join(err, afresh.Close(ctx))
}

// Whichever operation of the store fails, and however, no copy is listed that is not whole, and the next attempt succeeds.
func TestNothingPhantomWhateverFails(t *testing.T) {
	pristine, o := inMemory(t)
	for _, kind := range []fault{before, after, torn, lying, lost, down} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel() // most of the time goes by in deriving keys
			everyOperation(t, pristine, o, kind)
		})
	}
}

// stride is how far apart the operations are that fail. What a library tries again takes long, so that each third operation is
// struck of those of which there are many; LIFEBOAT_EXHAUSTIVE=1 has every one fail.
func stride(kind fault) int {
	if os.Getenv("LIFEBOAT_EXHAUSTIVE") == "" && (kind == before || kind == down) {
		return 3
	}
	return 1
}

// everyOperation has each operation of a copy fail, one at a time.
func everyOperation(t *testing.T, pristine *memory, o Options, kind fault) {
	t.Helper()
	n := 0
	every := stride(kind)
	for struck := true; struck; {
		n += every
		m, left := pristine.clone(), n
		err := copyAsMoversDo(t.Context(), func() (Repository, error) { return openIn(t.Context(), failing{m, kind, &left}, o) }, firstVolume, someFiles)
		if struck = left <= 0; !struck && err != nil {
			t.Fatalf("nothing failed, and yet %v", err)
		}
		if kind == down && struck && err == nil {
			t.Errorf("operation %d and all after it failed, and nobody was told", n)
		}
		checkAfter(t, m, o, fmt.Sprintf("operation %d failed %s: %v", n, kind, err), kind, err)
	}
	if n < 4 {
		t.Errorf("%s: a copy took %d operations: nothing was tested", kind, n-1)
	}
	t.Logf("%s: %d operations", kind, n-1)
}

// checkAfter looks at a repository after a fault.
func checkAfter(t *testing.T, m *memory, o Options, what string, kind fault, failed error) {
	t.Helper()
	half := kind == torn || kind == lying || kind == lost
	r, err := openIn(t.Context(), m, o)
	if err != nil {
		if !half || Reason(classify(err)) != result.FailureDamaged {
			t.Errorf("%s: it cannot be opened: %v", what, err)
		}
		return
	}
	defer r.Close(t.Context())
	copies, err := r.Copies(t.Context(), order.Volume{})
	if err != nil && !(half && Reason(err) == result.FailureDamaged) {
		t.Errorf("%s: %v", what, err)
	}
	if failed == nil && len(copies) != 1 {
		t.Errorf("%s: all was said to be well, and there are %d copies", what, len(copies))
	}
	if len(copies) > 0 {
		if got, err := get(t.Context(), r, firstVolume); err != nil || fmt.Sprint(got) != fmt.Sprint(someFiles) {
			t.Errorf("%s: a copy is listed and is not whole: %q, %v", what, got, err)
		}
	}
	if half {
		return // what was said to be there is damage, and is found as such
	}
	if err := put(t.Context(), r, secondVolume, someFiles); err != nil {
		t.Errorf("%s: the next attempt: %v", what, err)
	}
	if got, err := get(t.Context(), r, secondVolume); err != nil || fmt.Sprint(got) != fmt.Sprint(someFiles) {
		t.Errorf("%s: the next attempt: %q, %v", what, got, err)
	}
}

// Whichever operation fails while a repository is made, the next attempt of the same user makes it, and that of another does not
// take over what was finished.
func TestMakingIsFinishedWhateverFails(t *testing.T) {
	o := Options{Secrets: Secrets{Password: "secret-password"}, ConfigDir: t.TempDir(), uncached: true}
	for _, kind := range []fault{after, down} {
		n := 0
		for struck := true; struck; {
			n++
			m, left := newMemory(), n
			_, _, err := createIn(t.Context(), failing{m, kind, &left}, o, "user-1")
			if struck = left <= 0; !struck && err != nil {
				t.Fatal(err)
			}
			r, _, err := createIn(t.Context(), m, o, "user-1")
			if err != nil {
				t.Errorf("operation %d failed %s: the next attempt: %v", n, kind, err)
				continue
			}
			if err := r.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if _, _, err := createIn(t.Context(), m, o, "user-2"); Reason(err) != result.FailureExists {
				t.Errorf("operation %d failed %s: another user: %v", n, kind, err)
			}
		}
		if n < 4 {
			t.Errorf("%s: it took %d operations: nothing was tested", kind, n-1)
		}
	}
}
