// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Names returns the references of the images in an OCI-layout or Docker tar.
func Names(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s holds neither index.json nor manifest.json: write it with `cluster image`, or save it as OCI", path)
		}
		if err != nil {
			return nil, fmt.Errorf("%s is not a tar: %w", path, err)
		}
		switch header.Name {
		case "index.json":
			return ociNames(r)
		case "manifest.json":
			return dockerNames(r)
		}
	}
}

func ociNames(r io.Reader) ([]string, error) {
	var index v1.IndexManifest
	if err := json.NewDecoder(r).Decode(&index); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	var names []string
	for _, m := range index.Manifests {
		for _, key := range []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"} {
			if name := m.Annotations[key]; name != "" {
				names = append(names, name)
				break
			}
		}
	}
	if len(names) == 0 {
		return nil, errors.New("index.json names no image: annotate it with org.opencontainers.image.ref.name")
	}
	return names, nil
}

func dockerNames(r io.Reader) ([]string, error) {
	var images []struct{ RepoTags []string }
	if err := json.NewDecoder(r).Decode(&images); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	var names []string
	for _, i := range images {
		names = append(names, i.RepoTags...)
	}
	return names, nil
}
