// SPDX-License-Identifier: Apache-2.0

// Package image writes container images as OCI-layout tar files, without a
// container engine.
package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Spec is what an image consists of.
type Spec struct {
	// Name is the full reference, such as lifeboat.test/toolbox:latest.
	Name string
	// Fill adds the files.
	Fill       func(*Tree) error
	Entrypoint []string
	Cmd        []string
	// User is a number or number:number, empty for root.
	User       string
	WorkingDir string
	Env        []string
}

// Write writes the image as an OCI-layout tar.
func Write(spec Spec, out string) error {
	dir, err := os.MkdirTemp(filepath.Dir(out), ".image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	layer, err := writeLayer(filepath.Join(dir, "layer.tar"), spec.Fill)
	if err != nil {
		return fmt.Errorf("image %s: %w", spec.Name, err)
	}
	img, err := assemble(spec, layer)
	if err != nil {
		return fmt.Errorf("image %s: %w", spec.Name, err)
	}
	path, err := layout.Write(filepath.Join(dir, "oci"), empty.Index)
	if err != nil {
		return err
	}
	names := map[string]string{"io.containerd.image.name": spec.Name, "org.opencontainers.image.ref.name": spec.Name}
	if err := path.AppendImage(img, layout.WithAnnotations(names)); err != nil {
		return err
	}
	return archive(string(path), out)
}

func assemble(spec Spec, layer v1.Layer) (v1.Image, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: spec.Entrypoint, Cmd: spec.Cmd, User: spec.User,
		WorkingDir: spec.WorkingDir, Env: spec.Env}
	return mutate.ConfigFile(img, config)
}

// layer is an uncompressed layer in a file: it goes to a local disk, where
// packing and unpacking would only cost time.
type layer struct {
	path string
	hash v1.Hash
	size int64
}

func writeLayer(path string, fill func(*Tree) error) (*layer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	counter := &digester{sum: sha256.New()}
	archive := tar.NewWriter(io.MultiWriter(f, counter))
	tree := &Tree{out: archive, made: map[string]bool{}, first: map[inode]string{}}
	if err := fill(tree); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	digest := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(counter.sum.Sum(nil))}
	return &layer{path: path, hash: digest, size: counter.size}, nil
}

type digester struct {
	sum  hash.Hash
	size int64
}

func (d *digester) Write(data []byte) (int, error) {
	d.size += int64(len(data))
	return d.sum.Write(data)
}

func (l *layer) Digest() (v1.Hash, error)             { return l.hash, nil }
func (l *layer) DiffID() (v1.Hash, error)             { return l.hash, nil }
func (l *layer) Size() (int64, error)                 { return l.size, nil }
func (l *layer) MediaType() (types.MediaType, error)  { return types.OCIUncompressedLayer, nil }
func (l *layer) Compressed() (io.ReadCloser, error)   { return os.Open(l.path) }
func (l *layer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.path) }

// archive packs a folder into a tar that appears under its name only when it is whole.
func archive(dir, out string) error {
	staged := fmt.Sprintf("%s.%d", out, os.Getpid())
	f, err := os.Create(staged)
	if err != nil {
		return err
	}
	defer os.Remove(staged)
	defer f.Close()
	writer := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		return archiveOne(writer, dir, path, d)
	})
	if err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return os.Rename(staged, out)
}

func archiveOne(writer *tar.Writer, dir, path string, d fs.DirEntry) error {
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	if d.IsDir() {
		return writer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: epoch})
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: info.Size(), ModTime: epoch}
	if err := writer.WriteHeader(header); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(writer, f)
	return err
}
