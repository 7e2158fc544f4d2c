// SPDX-License-Identifier: Apache-2.0

package order

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecode shows that what is read as an order asks for one thing, and stays the same when it is written and read again.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"version":1,"repository":{"filesystem":{"path":"/repo"}},"probe":{}}`,
		`{"version":1,"repository":{"s3":{"endpoint":"e","bucket":"b"}},"note":{"name":"evidence/x.json","text":"{}"}}`,
		`{"version":1,"repository":{"filesystem":{"path":"/repo"}},"probe":{}} {"version":1}`,
		`{"version":1,"repository":{"filesystem":{},"s3":{}},"probe":{}}`, `{"version":1,"repository":{"filesystem":null},"verify":{},"maintain":{}}`, `null`, `[]`, ``,
		`{"version":1,"Version":2,"repository":{"filesystem":{}},"probe":{}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := Decode(raw)
		if err != nil {
			return
		}
		text, err := Encode(o)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		back, err := Decode([]byte(text))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(o, back); diff != "" {
			t.Fatalf("read, written and read again, it differs:\n%s", diff)
		}
		for _, more := range []string{"{", "}", "]", "0"} {
			if _, err := Decode([]byte(string(raw) + " " + more)); err == nil {
				t.Fatal("something follows the order, and it was read all the same")
			}
		}
	})
}
