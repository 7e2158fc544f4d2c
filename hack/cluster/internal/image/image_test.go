// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// read returns the files of a tar.
func read(t *testing.T, data []byte) map[string]*entry {
	t.Helper()
	files := map[string]*entry{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = &entry{header: header, content: content}
	}
}

type entry struct {
	header  *tar.Header
	content []byte
}

// blob follows a descriptor into the layout.
func blob(t *testing.T, files map[string]*entry, digest v1.Hash) []byte {
	t.Helper()
	file, ok := files["blobs/sha256/"+digest.Hex]
	if !ok {
		t.Fatalf("blob %s is not in the tar", digest)
	}
	return file.content
}

func decode[T any](t *testing.T, data []byte) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestAnImageHoldsTheTreeAndItsSettings(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{"etc/conf": "x=1", "first": "same"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Link(root+"/first", root+"/second"), os.Symlink("etc/conf", root+"/link")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "image.tar")
	spec := Spec{Name: "lifeboat.test/x:1", Entrypoint: []string{"/bin/tool"}, User: "1000:1000", Env: []string{"A=b"},
		Fill: Contents(root, []string{filepath.Join(root, "first") + "=/bin/tool"})}
	if err := Write(spec, out); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}

	if names, err := Names(out); err != nil || len(names) != 1 || names[0] != spec.Name {
		t.Errorf("Names = %v, %v", names, err)
	}
	files := read(t, data)
	index := decode[v1.IndexManifest](t, files["index.json"].content)
	if name := index.Manifests[0].Annotations["io.containerd.image.name"]; name != spec.Name {
		t.Errorf("name = %q, want %q", name, spec.Name)
	}
	manifest := decode[v1.Manifest](t, blob(t, files, index.Manifests[0].Digest))
	config := decode[v1.ConfigFile](t, blob(t, files, manifest.Config.Digest)).Config
	if config.User != spec.User || config.Entrypoint[0] != "/bin/tool" || config.Env[0] != "A=b" {
		t.Errorf("config = %+v", config)
	}
	tree := read(t, blob(t, files, manifest.Layers[0].Digest))
	if got := string(tree["etc/conf"].content); got != "x=1" {
		t.Errorf("etc/conf = %q", got)
	}
	if h := tree["second"].header; h.Typeflag != tar.TypeLink || h.Linkname != "first" {
		t.Errorf("second is not a hard link to first: %+v", h)
	}
	if h := tree["link"].header; h.Typeflag != tar.TypeSymlink || h.Linkname != "etc/conf" {
		t.Errorf("link is not a symbolic link: %+v", h)
	}
	if h := tree["bin/tool"].header; h.Mode != 0o755 {
		t.Errorf("bin/tool has mode %o, want 755", h.Mode)
	}
}

func TestEqualContentGivesAnEqualImage(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "tool")
	var images [2][]byte
	for i := range images {
		// Written anew each time, so that the file's own time differs.
		if err := os.WriteFile(source, []byte("content"), 0o755); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, "image.tar")
		if err := Write(Spec{Name: "lifeboat.test/x:1", Fill: Contents("", []string{source})}, out); err != nil {
			t.Fatal(err)
		}
		var err error
		if images[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(images[0], images[1]) {
		t.Error("two images of the same content differ")
	}
}
