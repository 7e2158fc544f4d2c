// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// written are the versions of objects that were written over, for as long as a cache shows them. Who looks at one of them must not take
// what it says for what is said now: what is to be said may be the same again, and nothing would be written.
type written struct {
	sync.Mutex
	versions map[types.UID][]string
}

// note remembers the version of an object that was just written over.
func (w *written) note(o client.Object) {
	w.Lock()
	defer w.Unlock()
	if w.versions == nil {
		w.versions = map[types.UID][]string{}
	}
	w.versions[o.GetUID()] = append(w.versions[o.GetUID()], o.GetResourceVersion())
}

// over says whether this version of an object was written over. Once a cache shows a later one, it never shows those before again.
func (w *written) over(o client.Object) bool {
	w.Lock()
	defer w.Unlock()
	if slices.Contains(w.versions[o.GetUID()], o.GetResourceVersion()) {
		return true
	}
	delete(w.versions, o.GetUID())
	return false
}
