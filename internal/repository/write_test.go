// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// slow is a store that takes packs only once it is told to.
type slow struct {
	blob.Storage
	asked chan struct{} // gets something once a pack is under way
	take  chan error    // closed to take them; what comes before fails one
}

func (s slow) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, o blob.PutOptions) error {
	if strings.HasPrefix(string(id), "p") {
		select {
		case s.asked <- struct{}{}:
		default:
		}
		select {
		case err := <-s.take:
			if err != nil {
				return err
			}
		case <-time.After(20 * time.Second):
			return errors.New("nobody wrote meanwhile")
		}
	}
	return s.Storage.PutBlob(ctx, id, data, o)
}

// writeLarge writes an object of several packs, of which the store takes one only after more than a pack was written.
func writeLarge(ctx context.Context, w Writer, s slow, fails error) error {
	part := make([]byte, 1<<20)
	random := rand.New(rand.NewPCG(1, 1))
	o := w.NewObject(ctx, false, 2)
	for n := range 64 {
		for i := range part {
			part[i] = byte(random.Uint32())
		}
		if _, err := o.Write(part); err != nil {
			return errors.Join(err, o.Close())
		}
		if n == 30 { // a pack is full after some twenty
			<-s.asked
			if fails != nil {
				s.take <- fails
			}
			close(s.take)
		}
	}
	_, err := o.Result()
	return errors.Join(err, o.Close())
}

// Whoever waits for the store goes on reading; and what the store did not take is no object.
func TestALargeObjectIsWrittenWhileItsPartsAreSent(t *testing.T) {
	for _, fails := range []error{nil, blob.ErrInvalidCredentials} {
		m, o := inMemory(t)
		s := slow{m, make(chan struct{}, 1), make(chan error)}
		withMemory(t, s, o, func(ctx context.Context, r *opened) {
			err := r.Write(ctx, "large", func(ctx context.Context, w Writer) error { return writeLarge(ctx, w, s, fails) })
			if fails == nil && err != nil || fails != nil && Reason(err) != result.FailureRefused {
				t.Errorf("the store says %v, and the writer %v", fails, err)
			}
		})
	}
}
