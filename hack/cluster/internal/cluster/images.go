// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/components"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/image"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/layout"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/machine"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/recipe"
)

// LoadImage imports an OCI or Docker tar for use by pods and returns the names it brought.
func (c *Cluster) LoadImage(ctx context.Context, tar string) ([]string, error) {
	names, err := image.Names(tar)
	if err != nil {
		return nil, fmt.Errorf("image tar: %w", err)
	}
	if _, err := c.supervisor.List(ctx); err != nil {
		return nil, ErrDown
	}
	if _, err := c.ctr(ctx, "images", "import", tar); err != nil {
		return nil, fmt.Errorf("import %s: %w", tar, err)
	}
	return names, nil
}

func (c *Cluster) ctr(ctx context.Context, args ...string) (string, error) {
	full := append([]string{"--address", layout.ContainerSocket, "--namespace", "k8s.io"}, args...)
	cmd := exec.CommandContext(ctx, c.parts.Binary(recipe.Ctr), full...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// ensureImages makes and imports the images that are always present.
func (c *Cluster) ensureImages(ctx context.Context) error {
	pause, err := c.builder.Local(ctx, "./pause", "pause")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(layout.Images, 0o755); err != nil {
		return err
	}
	specs := map[string]image.Spec{pause: pauseSpec(pause), machine.Busybox: toolboxSpec()}
	for source, spec := range specs {
		if err := c.ensureImage(ctx, source, spec); err != nil {
			return err
		}
	}
	return nil
}

// ensureImage leaves an image alone that was made from the same source and is still there.
func (c *Cluster) ensureImage(ctx context.Context, source string, spec image.Spec) error {
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	label := "lifeboat.test/source=" + hex.EncodeToString(sum[:])[:16]
	present, err := c.ctr(ctx, "images", "ls", "-q", "name=="+spec.Name)
	if err != nil {
		return err
	}
	labelled, err := c.ctr(ctx, "images", "ls", "name=="+spec.Name)
	if err != nil {
		return err
	}
	if strings.Contains(present, spec.Name) && strings.Contains(labelled, label) {
		return nil
	}
	tar := filepath.Join(layout.Images, strings.NewReplacer("/", "_", ":", "_").Replace(spec.Name)+".tar")
	if err := image.Write(spec, tar); err != nil {
		return err
	}
	defer os.Remove(tar)
	if _, err := c.LoadImage(ctx, tar); err != nil {
		return err
	}
	_, err = c.ctr(ctx, "images", "label", spec.Name, label)
	return err
}

func pauseSpec(binary string) image.Spec {
	return image.Spec{Name: components.PauseImage, Entrypoint: []string{"/pause"}, User: "65535:65535",
		Fill: func(t *image.Tree) error { return t.File(binary, "/pause", 0o755) }}
}

func toolboxSpec() image.Spec {
	return image.Spec{
		Name: components.ToolboxImage, Cmd: []string{"sh"},
		Env:  []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Fill: fillToolbox,
	}
}

// fillToolbox lays out busybox with a link for each of its programs.
func fillToolbox(t *image.Tree) error {
	if err := t.File(machine.Busybox, "/bin/busybox", 0o755); err != nil {
		return err
	}
	list, err := exec.Command(machine.Busybox, "--list-full").Output()
	if err != nil {
		return fmt.Errorf("list busybox's programs: %w", err)
	}
	for name := range strings.Lines(string(list)) {
		if name = strings.TrimSpace(name); name != "" && name != "bin/busybox" {
			if err := t.Link(name, "/bin/busybox"); err != nil {
				return err
			}
		}
	}
	for name, text := range map[string]string{
		"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
		"/etc/group":  "root:x:0:\nnobody:x:65534:\n",
	} {
		if err := t.Text(name, text); err != nil {
			return err
		}
	}
	if err := t.Dir("/root", 0o700); err != nil {
		return err
	}
	return t.Dir("/tmp", 0o1777)
}
