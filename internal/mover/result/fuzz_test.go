// SPDX-License-Identifier: Apache-2.0

package result

import (
	"bytes"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sum = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

// FuzzDecode reads termination messages, which any program in a pod can write: what is understood stays the same when it is written
// and read again, and nothing may follow it.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"volumes":[{"name":"data","digest":"` + sum + `","files":3,"bytes":30}]}`, `{"volumes":[]}`, `{"volumes":null}`, `{}`, `{"volumes":[]} x`, `{"volumes":[]}{"volumes":[]}`,
		`{"volumes":[{"files":-1,"bytes":1e99}]}`, `{"volumes":[{"seconds":1e308}]}`, `{"volumes":[],"error":"` + strings.Repeat("é", 200) + `"}`, "\xff\xfe"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Decode(raw)
		if err != nil {
			return
		}
		again, err := Encode(r)
		if err != nil {
			if len(raw) <= MaxSize/2 {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			return
		}
		back, err := Decode(again)
		if err != nil || len(again) > MaxSize {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if len(r.Error) <= longestError {
			if diff := cmp.Diff(r, back); diff != "" {
				t.Fatalf("read, written and read again, it differs:\n%s", diff)
			}
		}
		for _, more := range []string{"{", "}", "]", "0"} {
			if _, err := Decode([]byte(string(raw) + " " + more)); err == nil {
				t.Fatal("something follows the result, and it was read all the same")
			}
		}
	})
}

// FuzzDecodeDone is the same for what pods tell of a repository.
func FuzzDecodeDone(f *testing.F) {
	for _, s := range []string{`{"error":"x"}`, `{}`, `null`, `{} {}`, `{"verify":{"bytes":-1,"points":[""]}}`, `{"maintain":{"freed":9223372036854775807}}`, `{"maintain":{"freed":9223372036854775808}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := DecodeDone(raw)
		if err != nil {
			return
		}
		again, err := EncodeDone(d)
		if err != nil {
			if len(raw) <= MaxSize/2 {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			return
		}
		back, err := DecodeDone(again)
		if err != nil || len(again) > MaxSize {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if len(d.Error) <= longestError {
			if diff := cmp.Diff(d, back); diff != "" {
				t.Fatalf("read, written and read again, it differs:\n%s", diff)
			}
		}
		for _, more := range []string{"{", "}", "]", "0"} {
			if _, err := DecodeDone([]byte(string(raw) + " " + more)); err == nil {
				t.Fatal("something follows the result, and it was read all the same")
			}
		}
	})
}

// FuzzPrinted reads what a pod printed beside somebody's data: a manifest is found only when it has the digest that was asked for, and
// progress only on a line of its own.
func FuzzPrinted(f *testing.F) {
	var good bytes.Buffer
	if _, err := PrintManifest(&good, strings.NewReader("#mtree\n. type=dir\n"), 1<<10); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add(append([]byte(ProgressMark+`{"bytes":1}`+"\n"+ProgressMark+`{"bytes":`), good.Bytes()...))
	f.Add([]byte("-----BEGIN LIFEBOAT MANIFEST-----\nH4sIAAAAAAAA/w==\n-----END LIFEBOAT MANIFEST-----\n"))
	f.Add([]byte("-----BEGIN LIFEBOAT MANIFEST-----\n-----BEGIN LIFEBOAT MANIFEST-----\n"))
	block, _ := pem.Decode(good.Bytes())
	genuine, err := unpackedDigest(block.Bytes)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, printed []byte) {
		LastProgress(printed)
		if got, err := FindManifest(printed, sum); err == nil {
			t.Fatalf("found one that has not the digest: %q", got)
		}
		if got, err := FindManifest(append(bytes.Clone(good.Bytes()), printed...), genuine); err != nil || len(got) == 0 {
			t.Fatalf("what follows a manifest hides it: %v", err)
		}
		if len(printed) > 0 && printed[len(printed)-1] == '\n' {
			if got := LastProgress(append(bytes.Clone(printed), ProgressMark+`{"bytes":7}`+"\n"+ProgressMark+`{"bytes":8`...)); got.Bytes != 7 {
				t.Fatalf("progress is %d, and the last whole line says 7", got.Bytes)
			}
		}
	})
}
