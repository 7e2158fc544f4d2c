// SPDX-License-Identifier: Apache-2.0

package result_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

func genVolume(t *rapid.T) result.Volume {
	count := rapid.Int64Range(0, 1<<62)
	return result.Volume{
		Name:   rapid.StringMatching(`[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?`).Draw(t, "name"),
		Digest: "sha256:" + rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, "digest"),
		Files:  count.Draw(t, "files"), Directories: count.Draw(t, "directories"), Others: count.Draw(t, "others"),
		Bytes: count.Draw(t, "bytes"), Unreadable: count.Draw(t, "unreadable"),
		Seconds: float64(rapid.Int64Range(0, 1e9).Draw(t, "milliseconds")) / 1000,
	}
}

// What fits by its names fits in truth, and comes back as it was.
func TestEncodedComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := result.Result{
			Volumes: rapid.SliceOfN(rapid.Custom(genVolume), 0, 12).Draw(t, "volumes"),
			Error:   rapid.StringN(0, 200, 256).Draw(t, "error"),
		}
		var names []string
		for _, v := range want.Volumes {
			names = append(names, v.Name)
		}
		raw, err := result.Encode(want)
		if err != nil {
			if result.Fits(names) == nil {
				t.Fatalf("should have fitted: %v", err)
			}
			return
		}
		if len(raw) > result.MaxSize {
			t.Fatalf("%d bytes", len(raw))
		}
		got, err := result.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestFits(t *testing.T) {
	var names []string
	for n := range 30 {
		names = append(names, fmt.Sprintf("claim-%d", n))
	}
	if err := result.Fits(names[:8]); err != nil {
		t.Errorf("eight volumes must fit: %v", err)
	}
	if err := result.Fits(names); err == nil || !strings.Contains(err.Error(), "read fewer volumes") {
		t.Errorf("thirty volumes: %v", err)
	}
}

func TestLongErrorIsCut(t *testing.T) {
	raw, err := result.Encode(result.Result{Error: strings.Repeat("ä", 5000)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := result.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Error) > 256 || !strings.HasSuffix(got.Error, "ä…") || !utf8.ValidString(got.Error) {
		t.Errorf("%q", got.Error)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, raw := range []string{
		"", "{}", "null", "[]", `{"volumes":null}`, `{"volumes":[]`, `{"volumes":[]} x`, `{"volumes":[{"name":"a","more":1}]}`, "panic: out of memory",
	} {
		if r, err := result.Decode([]byte(raw)); err == nil {
			t.Errorf("%q was taken for %+v", raw, r)
		}
	}
}
