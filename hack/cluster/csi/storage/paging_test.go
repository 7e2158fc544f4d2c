// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"slices"
	"testing"
)

func self(s string) string { return s }

func TestPagesTogetherAreTheList(t *testing.T) {
	items := []string{"a", "b", "c", "d", "e"}
	for size := range 7 {
		var got []string
		token := ""
		for {
			page, err := Cut(items, self, token, size)
			if err != nil {
				t.Fatal(err)
			}
			if size > 0 && len(page.Items) > size {
				t.Fatalf("page of %d items, asked for %d", len(page.Items), size)
			}
			got = append(got, page.Items...)
			if token = page.Next; token == "" {
				break
			}
		}
		if !slices.Equal(got, items) {
			t.Errorf("pages of %d give %v, want %v", size, got, items)
		}
	}
}

func TestPagingSurvivesChangesBetweenPages(t *testing.T) {
	first, err := Cut([]string{"a", "b", "c"}, self, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	// b, the last one given out, is deleted; aa comes before it, bb after it.
	second, err := Cut([]string{"a", "aa", "bb", "c"}, self, first.Next, 2)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(second.Items, []string{"bb", "c"}) || second.Next != "" {
		t.Errorf("second page %v, next %q", second.Items, second.Next)
	}
}

func TestForeignTokenIsRefused(t *testing.T) {
	_, err := Cut([]string{"a"}, self, "invalid-token", 1)
	wantRefusal(t, err, Invalid)
}
