// SPDX-License-Identifier: Apache-2.0

package result_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// What is printed is found again among other lines, by its digest alone; what is too large is not printed.
func TestManifestComesBack(t *testing.T) {
	small, other := strings.Repeat("./file type=file size=3\n", 1000), "#mtree\n"
	noise := make([]byte, 64<<10)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.IntN(256))
	}
	var out bytes.Buffer
	out.WriteString("reading: 3 of 4 files\n")
	for _, text := range []string{other, small} {
		if ok, err := result.PrintManifest(&out, strings.NewReader(text), 16<<10); err != nil || !ok {
			t.Fatal(ok, err)
		}
		out.WriteString("another line\n")
	}
	if ok, err := result.PrintManifest(&out, bytes.NewReader(noise), 16<<10); ok || err != nil {
		t.Errorf("what is too large is printed: %t, %v", ok, err)
	}
	packed, err := result.FindManifest(out.Bytes(), digestOf(small))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != small {
		t.Errorf("another text comes back: %v", err)
	}
	if _, err := result.FindManifest(out.Bytes(), digestOf("x")); err == nil || !strings.Contains(err.Error(), "none has the digest") {
		t.Errorf("one with another digest: %v", err)
	}
	if _, err := result.FindManifest([]byte("nothing\n"), digestOf("x")); err == nil {
		t.Error("one is found where there is none")
	}
	torn := bytes.Replace(out.Bytes(), []byte("MANIFEST-----\nH"), []byte("MANIFEST-----\nI"), 2)
	if _, err := result.FindManifest(torn, digestOf(small)); err == nil {
		t.Error("one that was damaged is found")
	}
}
