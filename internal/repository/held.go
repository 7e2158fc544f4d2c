// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/kopia/kopia/repo/blob"
)

// The library opens a repository by way of a file that says where it is stored, with all credentials in clear text. Here the
// file says nothing but a number under which this process holds the opened store.

// heldType is what the library calls such a store.
const heldType = "lifeboat-held"

type heldOptions struct {
	Number string `json:"number"`
}

var held = struct {
	sync.Mutex
	last   int
	stores map[string]blob.Storage
}{stores: map[string]blob.Storage{}}

func init() {
	blob.AddSupportedStorage(heldType, heldOptions{}, func(_ context.Context, o *heldOptions, _ bool) (blob.Storage, error) {
		held.Lock()
		defer held.Unlock()
		if s, is := held.stores[o.Number]; is {
			return s, nil
		}
		return nil, errors.New("the store is not open any more")
	})
}

// hold keeps a store until it is let go.
func hold(s blob.Storage) (info blob.ConnectionInfo, letGo func()) {
	held.Lock()
	defer held.Unlock()
	held.last++
	number := strconv.Itoa(held.last)
	held.stores[number] = heldStore{s, number}
	return held.stores[number].ConnectionInfo(), func() {
		held.Lock()
		defer held.Unlock()
		delete(held.stores, number)
	}
}

// heldStore does not tell what it stands for.
type heldStore struct {
	blob.Storage
	number string
}

// ConnectionInfo is what the library writes into its file.
func (h heldStore) ConnectionInfo() blob.ConnectionInfo {
	return blob.ConnectionInfo{Type: heldType, Config: &heldOptions{Number: h.number}}
}
