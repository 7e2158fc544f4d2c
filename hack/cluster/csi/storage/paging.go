// SPDX-License-Identifier: Apache-2.0

package storage

import "strings"

const tokenPrefix = "after/"

// Page is one part of a long list. Next is empty on the last one.
type Page[T any] struct {
	Items []T
	Next  string
}

// Cut takes the page that token asks for out of items in ascending order of key. A token
// holds the last key that was given out, so that what comes and goes between two pages
// neither repeats nor hides an item. size 0 means all.
func Cut[T any](items []T, key func(T) string, token string, size int) (Page[T], error) {
	if token != "" {
		last, genuine := strings.CutPrefix(token, tokenPrefix)
		if !genuine {
			return Page[T]{}, refuse(Invalid, "starting_token %q was not given out by this driver: start without one", token)
		}
		for len(items) > 0 && key(items[0]) <= last {
			items = items[1:]
		}
	}
	if size == 0 || size >= len(items) {
		return Page[T]{Items: items}, nil
	}
	return Page[T]{Items: items[:size], Next: tokenPrefix + key(items[size-1])}, nil
}
