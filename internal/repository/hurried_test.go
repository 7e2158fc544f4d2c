// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// The library for Google's storage asks for ever while the answer is that the server is busy.
func TestABusyBucketIsLeft(t *testing.T) {
	for what, before := range map[string]int64{"from the beginning": 0, "after it was found to be there": 1} {
		t.Run(what, func(t *testing.T) {
			asked := atomic.Int64{}
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if asked.Add(1) > before {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				fmt.Fprint(w, "{}")
			}))
			t.Cleanup(s.Close)
			t.Setenv("STORAGE_EMULATOR_HOST", s.URL)
			_, err := Open(t.Context(), Options{
				Location: order.Repository{GCS: &order.GCS{Bucket: "bucket", WorkloadIdentity: true}}, Secrets: Secrets{Password: "secret-password"}, silence: time.Second,
			})
			if Reason(err) != result.FailureUnreachable || !errors.Is(err, errSilent) || asked.Load() <= before+1 {
				t.Errorf("asked %d times: %s: %v", asked.Load(), Reason(err), err)
			}
		})
	}
}

// halting is a store that says a little at a time, and nothing more in the end.
type halting struct {
	blob.Storage
	times int
	every time.Duration
}

func (s halting) ListBlobs(ctx context.Context, _ blob.ID, each func(blob.Metadata) error) error {
	return s.speak(ctx, func() error { return each(blob.Metadata{}) })
}

func (s halting) GetBlob(ctx context.Context, _ blob.ID, _, _ int64, out blob.OutputBuffer) error {
	return s.speak(ctx, func() error {
		_, err := out.Write([]byte("x"))
		return err
	})
}

func (s halting) GetMetadata(ctx context.Context, _ blob.ID) (blob.Metadata, error) {
	return blob.Metadata{}, s.speak(ctx, func() error { return nil })
}

func (s halting) speak(ctx context.Context, say func() error) error {
	for range s.times {
		time.Sleep(s.every)
		if err := errors.Join(ctx.Err(), say()); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestAStoreIsLeftOnlyOnceItIsSilent(t *testing.T) {
	for what, ask := range map[string]func(context.Context, blob.Storage) (int, error){
		"lists": func(ctx context.Context, s blob.Storage) (n int, err error) {
			err = s.ListBlobs(ctx, "", func(blob.Metadata) error { n++; return nil })
			return n, err
		},
		"reads": func(ctx context.Context, s blob.Storage) (int, error) {
			var out buffer
			err := s.GetBlob(ctx, "", 0, -1, &out)
			return out.Len(), err
		},
	} {
		n, err := ask(t.Context(), hurried{halting{times: 8, every: 100 * time.Millisecond}, 500 * time.Millisecond})
		if n != 8 || Reason(err) != result.FailureUnreachable || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	if _, err := (hurried{halting{}, time.Millisecond}).GetMetadata(t.Context(), ""); !errors.Is(err, errSilent) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (hurried{halting{}, time.Hour}).GetMetadata(ctx, ""); !errors.Is(err, context.Canceled) || errors.Is(err, errSilent) {
		t.Errorf("whoever asked ended it, and is told %v", err)
	}
}
