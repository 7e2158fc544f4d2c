// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Relist is what caches hold whose watches of some kinds are broken, so that they list now and then instead. Whatever came
// and went in between was never seen; an object that was deleted and made anew under its name seems to have changed.
type Relist struct {
	api   *API
	kinds []string // none stands for all
	seen  state
	whole bool // the watches are whole again
}

// Relist has listed everything just now. It is for the kinds named, or for all.
func (a *API) Relist(kinds ...string) *Relist {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &Relist{api: a, kinds: kinds, seen: a.now}
}

// Relisting reads what the caches hold. What it writes is written now.
func (c *Client) Relisting(r *Relist) *Client {
	return &Client{api: c.api, around: c.around, past: r.view}
}

// Covers says whether the watch of a kind is broken.
func (r *Relist) Covers(kind string) bool {
	return !r.whole && (len(r.kinds) == 0 || slices.Contains(r.kinds, kind))
}

func (r *Relist) view() state {
	out := maps.Clone(r.api.now)
	for kind := range r.all() {
		if r.Covers(kind.Kind) {
			out[kind] = r.seen[kind]
		}
	}
	return out
}

// all are the kinds of which there are, or were, any objects.
func (r *Relist) all() map[schema.GroupVersionKind]bool {
	out := map[schema.GroupVersionKind]bool{}
	for _, s := range []state{r.seen, r.api.now} {
		for kind := range s {
			out[kind] = true
		}
	}
	return out
}

// Now lists again. It returns what differs from the last time, as the events that informers make of that.
func (r *Relist) Now() []Change {
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	var out []Change
	for kind := range r.all() {
		if r.Covers(kind.Kind) {
			out = append(out, differences(kind.Kind, r.seen[kind], r.api.now[kind])...)
		}
	}
	r.seen = r.api.now
	slices.SortStableFunc(out, func(x, y Change) int { return strings.Compare(x.Kind, y.Kind) })
	return out
}

// Mend ends the time of broken watches. What is listed last is all that tells of it.
func (r *Relist) Mend() []Change {
	out := r.Now()
	r.whole = true
	return out
}

// Behind says whether a list would show anything new.
func (r *Relist) Behind() bool {
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	for kind := range r.all() {
		if r.Covers(kind.Kind) && len(differences(kind.Kind, r.seen[kind], r.api.now[kind])) > 0 {
			return true
		}
	}
	return false
}

func differences(kind string, then, now map[client.ObjectKey]client.Object) []Change {
	var out []Change
	for key, o := range now {
		if was := then[key]; was == nil || was.GetResourceVersion() != o.GetResourceVersion() {
			out = append(out, Change{Kind: kind, Then: was, Now: o})
		}
	}
	for key, o := range then {
		if now[key] == nil {
			out = append(out, Change{Kind: kind, Then: o})
		}
	}
	slices.SortFunc(out, func(x, y Change) int {
		return cmp.Or(strings.Compare(x.key().Namespace, y.key().Namespace), strings.Compare(x.key().Name, y.key().Name))
	})
	return out
}

func (c Change) key() client.ObjectKey {
	if c.Now != nil {
		return client.ObjectKeyFromObject(c.Now)
	}
	return client.ObjectKeyFromObject(c.Then)
}
