// SPDX-License-Identifier: Apache-2.0

// Package build turns recipes into binaries in the cache.
package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/console"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/layout"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/recipe"
)

// heartbeat is short enough that nobody takes a long compile for a hang.
const heartbeat = 15 * time.Second

// Builder compiles groups from the modules under Source into Root.
type Builder struct {
	Source  string
	Root    string
	Console *console.Console
}

// New finds the source and cache folders.
func New(c *console.Console) (*Builder, error) {
	source, err := layout.Source()
	if err != nil {
		return nil, err
	}
	root, err := layout.Binaries()
	if err != nil {
		return nil, err
	}
	return &Builder{Source: source, Root: root, Console: c}, nil
}

// Missing reduces the groups to the binaries that are not in the cache.
func (b *Builder) Missing(groups []recipe.Group) []recipe.Group {
	var names []string
	for _, g := range groups {
		for name := range g.Binaries {
			if _, err := os.Stat(filepath.Join(b.Root, g.Folder(), name)); err != nil {
				names = append(names, name)
			}
		}
	}
	return recipe.Only(groups, names)
}

// Build compiles what is missing, one group after the other.
func (b *Builder) Build(ctx context.Context, groups []recipe.Group) error {
	if len(b.Missing(groups)) == 0 {
		return nil
	}
	if err := os.MkdirAll(b.Root, 0o755); err != nil {
		return err
	}
	release, err := b.lock()
	if err != nil {
		return err
	}
	defer release()
	missing := b.Missing(groups)
	for i, g := range missing {
		title := fmt.Sprintf("[%d/%d] %s %s", i+1, len(missing), g.Name, g.Version)
		if err := b.group(ctx, title, g); err != nil {
			return err
		}
	}
	return nil
}

// lock keeps two builds from compiling the same packages side by side.
func (b *Builder) lock() (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(b.Root, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		b.Console.Say("waiting for another build on this machine to finish")
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return nil, err
		}
	}
	return func() { f.Close() }, nil
}

func (b *Builder) group(ctx context.Context, title string, g recipe.Group) error {
	names := slices.Sorted(maps.Keys(g.Binaries))
	b.Console.Say("%s: building %s", title, strings.Join(names, ", "))
	staging, err := os.MkdirTemp(b.Root, ".building-"+g.Name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging)

	began := time.Now()
	for _, name := range names {
		if err := b.compile(ctx, title, g, name, filepath.Join(staging, name)); err != nil {
			return err
		}
	}
	final := filepath.Join(b.Root, g.Folder())
	if err := os.MkdirAll(final, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(staging, name), filepath.Join(final, name)); err != nil {
			return err
		}
	}
	b.Console.Say("%s: done in %s", title, console.Short(time.Since(began)))
	return nil
}

// compile builds one binary. go build -v names each package as it is compiled,
// which is the only sign of life in builds that take minutes.
func (b *Builder) compile(ctx context.Context, title string, g recipe.Group, name, out string) error {
	// No -trimpath: with it, Go would compile everything a second time for the project's own builds.
	args := []string{"build", "-v", "-buildvcs=false",
		"-ldflags", strings.Join(append([]string{"-s", "-w"}, g.Stamp...), " "),
		"-tags", strings.Join(g.Tags, ","), "-o", out, g.Binaries[name]}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(b.Source, "build", g.Name)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED="+cgoSetting(g))
	progress := &packageCounter{}
	cmd.Stderr = progress
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the Go compiler: %w; install Go and put it on PATH", err)
	}
	finished := make(chan error, 1)
	go func() { finished <- cmd.Wait() }()
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	began := time.Now()
	for {
		select {
		case err := <-finished:
			if err != nil {
				return fmt.Errorf("build %s %s: %w\n%s", g.Name, g.Version, err, progress.complaints())
			}
			return nil
		case <-ticker.C:
			b.Console.Say("%s: %s, %s, %d packages compiled", title, name,
				console.Short(time.Since(began)), progress.packages.Load())
		}
	}
}

func cgoSetting(g recipe.Group) string {
	if g.Cgo {
		return "1"
	}
	return "0"
}

// packageCounter counts the lines of go build -v that name packages and keeps the rest.
type packageCounter struct {
	packages atomic.Int64
	partial  []byte
	other    bytes.Buffer
}

func (p *packageCounter) Write(data []byte) (int, error) {
	p.partial = append(p.partial, data...)
	for {
		end := bytes.IndexByte(p.partial, '\n')
		if end < 0 {
			return len(data), nil
		}
		line := string(p.partial[:end])
		p.partial = p.partial[end+1:]
		switch {
		case strings.HasPrefix(line, "go: downloading"):
		case line != "" && !strings.ContainsAny(line, " \t:"):
			p.packages.Add(1)
		default:
			p.other.WriteString(line + "\n")
		}
	}
}

func (p *packageCounter) complaints() string {
	const limit = 4000
	text := p.other.String()
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}

// Module returns the folder of a dependency in the module cache.
func (b *Builder) Module(ctx context.Context, group, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", module)
	cmd.Dir = filepath.Join(b.Source, "build", group)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("download %s: %w: %s", module, err, out)
	}
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	list.Dir, list.Env = cmd.Dir, cmd.Env
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("find %s in the module cache: %w", module, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Local compiles a package of this module (the driver, the pause program)
// and puts it into the cache, replacing the file only as a whole.
func (b *Builder) Local(ctx context.Context, pkg, name string) (string, error) {
	dir := filepath.Join(b.Root, "local")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	final := filepath.Join(dir, name)
	staged := fmt.Sprintf("%s.%d", final, os.Getpid())
	defer os.Remove(staged)
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags", "-s -w", "-o", staged, pkg)
	cmd.Dir = b.Source
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	if same, err := sameContent(staged, final); err == nil && same {
		return final, nil
	}
	return final, os.Rename(staged, final)
}

func sameContent(a, b string) (bool, error) {
	left, err := os.ReadFile(a)
	if err != nil {
		return false, err
	}
	right, err := os.ReadFile(b)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return bytes.Equal(left, right), err
}

// LinkEnvtest fills the folder for KUBEBUILDER_ASSETS with links to the cached binaries.
func LinkEnvtest() (string, error) {
	dir, err := layout.EnvtestAssets()
	if err != nil {
		return "", err
	}
	paths, err := layout.BinaryPaths()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range recipe.EnvtestAssets {
		link := filepath.Join(dir, name)
		if target, err := os.Readlink(link); err == nil && target == paths[name] {
			continue
		}
		staged := fmt.Sprintf("%s.%d", link, os.Getpid())
		if err := os.Symlink(paths[name], staged); err != nil {
			return "", err
		}
		if err := os.Rename(staged, link); err != nil {
			return "", err
		}
	}
	return dir, nil
}

var _ io.Writer = (*packageCounter)(nil)
