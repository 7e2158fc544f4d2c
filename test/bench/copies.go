// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

const (
	copyRounds   = 3
	copyPassword = "not-a-secret"
	// settling is how long the mover does not trust what may have changed in the tick of a snapshot.
	settling = 2200 * time.Millisecond
)

// keeper copies a tree into a repository of its own, and restores it from there: Lifeboat's mover, or a peer.
type keeper struct {
	name    string
	begin   func(ctx context.Context, dir string) error // makes the repository
	copy    func(ctx context.Context, dir string) (*exec.Cmd, error)
	restore func(ctx context.Context, dir, to string) (*exec.Cmd, error)
}

// spent is what a program took.
type spent struct {
	seconds   float64
	processor float64 // seconds of it, in the program and in the kernel
	mebibytes float64
}

func (s spent) String() string {
	return fmt.Sprintf("%.2f s, %.2f s of a processor, %.0f MiB", s.seconds, s.processor, s.mebibytes)
}

// copies measures copying and restoring many small files and a large one, beside the kopia command, restic and cp. All run as
// programs of their own, on trees in the page cache, until what they wrote is on the disk. kopia compresses as the mover does.
func (b *bench) copies(ctx context.Context, dir string) error {
	keepers, err := b.keepers(ctx, dir)
	if err != nil {
		return err
	}
	small, large := filepath.Join(dir, "small"), filepath.Join(dir, "large")
	progress("writing %d files of 4 KiB and one of %d MiB", b.copied, b.large)
	random := rand.New(rand.NewPCG(20091001, 1))
	if err := errors.Join(writeRandom(small, b.copied, 4<<10, random), writeRandom(large, 1, int64(b.large)<<20, random)); err != nil {
		return err
	}
	return errors.Join(b.copiesOf(ctx, dir, fmt.Sprintf("%d files of 4 KiB", b.copied), small, keepers, random), b.copiesOf(ctx, dir, fmt.Sprintf("a file of %d MiB", b.large), large, keepers, random))
}

// writeRandom writes files, a thousand in each folder, half of whose content can be compressed away.
func writeRandom(root string, count int, size int64, random *rand.Rand) error {
	for n := range count {
		path := filepath.Join(root, fmt.Sprintf("%03d", n/1000), fmt.Sprintf("file-%06d", n))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := writeOne(path, size, random); err != nil {
			return err
		}
	}
	return nil
}

func writeOne(path string, size int64, random *rand.Rand) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, min(size, 1<<20))
	for written := int64(0); written < size && err == nil; written += int64(len(block)) {
		for i := 0; i+16 <= len(block); i += 16 {
			word := random.Uint64()
			for j := range 8 {
				block[i+j] = byte(word >> (8 * j))
			}
			copy(block[i+8:], "contacts")
		}
		_, err = f.Write(block)
	}
	return errors.Join(err, f.Close())
}

// stages of a copy, in their order.
var stages = []string{"first", "unchanged", "1 % changed"}

// copiesOf measures all keepers in turns, in another order each round.
func (b *bench) copiesOf(ctx context.Context, dir, what, tree string, keepers []keeper, random *rand.Rand) error {
	found := map[string][]spent{} // by keeper and stage
	for round := range copyRounds {
		for stage, name := range stages {
			if stage == 2 {
				if err := change(tree, random); err != nil {
					return err
				}
			}
			for n := range keepers {
				k := keepers[(n+round)%len(keepers)]
				at := filepath.Join(dir, "keeper", k.name)
				if stage == 0 {
					if err := errors.Join(os.RemoveAll(at), os.MkdirAll(at, 0o700)); err != nil {
						return err
					}
					if err := k.begin(ctx, at); err != nil {
						return fmt.Errorf("%s: %w", k.name, err)
					}
					if err := os.Symlink(tree, filepath.Join(at, "tree")); err != nil {
						return err
					}
				}
				c, err := k.copy(ctx, at)
				s, err := run1(c, err, at)
				if err != nil {
					return fmt.Errorf("%s: %w", k.name, err)
				}
				found[k.name+name] = append(found[k.name+name], s)
				progress("copy of %s, %s: %s %s", what, name, k.name, s)
			}
			// The newest file has been there for a while when the next copy comes, as with most volumes.
			time.Sleep(settling)
			if err := os.WriteFile(filepath.Join(tree, "newest"), []byte(time.Now().String()), 0o644); err != nil {
				return err
			}
		}
		if err := b.restoresOf(ctx, dir, what, tree, keepers, round, found); err != nil {
			return err
		}
	}
	b.tellCopies(what, found, keepers)
	return os.RemoveAll(filepath.Join(dir, "keeper"))
}

// restoresOf measures one round of restores, cp among them.
func (b *bench) restoresOf(ctx context.Context, dir, what, tree string, keepers []keeper, round int, found map[string][]spent) error {
	all := append([]keeper{{name: "cp", restore: func(ctx context.Context, _, to string) (*exec.Cmd, error) {
		return exec.CommandContext(ctx, "cp", "-a", tree+"/.", to), nil
	}}}, keepers...)
	for n := range all {
		k := all[(n+round)%len(all)]
		to := filepath.Join(dir, "restored")
		if err := errors.Join(os.RemoveAll(to), os.Mkdir(to, 0o755)); err != nil {
			return err
		}
		syscall.Sync()
		c, err := k.restore(ctx, filepath.Join(dir, "keeper", k.name), to)
		s, err := run1(c, err, to)
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		found[k.name+"restore"] = append(found[k.name+"restore"], s)
		progress("restore of %s: %s %s", what, k.name, s)
	}
	return os.RemoveAll(filepath.Join(dir, "restored"))
}

// run1 runs a program until what it wrote is on the disk that holds a folder.
func run1(c *exec.Cmd, err error, folder string) (spent, error) {
	if err != nil {
		return spent{}, err
	}
	runtime.GC()
	begun := time.Now()
	said, err := c.CombinedOutput()
	if err != nil {
		return spent{}, fmt.Errorf("%w\n%s", err, said)
	}
	d, err := os.Open(folder)
	if err != nil {
		return spent{}, err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return spent{}, err
	}
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	used := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	return spent{time.Since(begun).Seconds(), used.Seconds(), float64(usage.Maxrss) / 1024}, nil
}

// change gives one file of a hundred another content; of fewer, the one there is a longer one.
func change(tree string, random *rand.Rand) error {
	files, err := filepath.Glob(filepath.Join(tree, "*", "file-*"))
	if err != nil {
		return err
	}
	if len(files) < 100 {
		f, err := os.OpenFile(files[0], os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		part := make([]byte, info.Size()/100)
		for i := range part {
			part[i] = byte(random.Uint32())
		}
		_, err = f.WriteAt(part, info.Size()/2)
		return err
	}
	for n := 0; n < len(files); n += 100 {
		if err := writeOne(files[n], 4<<10, random); err != nil {
			return err
		}
	}
	return nil
}

// tellCopies reports the mover, and below it what the peers need, each beside the same floor.
func (b *bench) tellCopies(what string, found map[string][]spent, keepers []keeper) {
	tell := func(id, what, stage, floor string, goal float64, all []keeper) {
		for n, k := range all {
			s, f := found[k.name+stage], found[floor+stage]
			name, most := k.name+", ", 0.0
			if n == 0 {
				name, most = "", goal
			}
			if k.name != floor {
				b.report.add(row{ID: id, What: name + what, Value: medianOf(s, spent.wall), Floor: medianOf(f, spent.wall), Unit: "s", Goal: most})
				b.report.add(row{ID: id, What: name + "processor time", Value: medianOf(s, spent.work), Floor: medianOf(f, spent.work), Unit: "s"})
				b.report.add(row{ID: id, What: name + "memory", Value: medianOf(s, spent.memory), Floor: medianOf(f, spent.memory), Unit: "MiB"})
			}
		}
	}
	for _, stage := range stages {
		tell("P8", fmt.Sprintf("copy of %s, %s; floor: kopia", what, stage), stage, "kopia", 1, keepers)
	}
	tell("P9", "restore of "+what+", verified while writing; floor: cp -a", "restore", "cp", 1.5, keepers)
}

func (s spent) wall() float64   { return s.seconds }
func (s spent) work() float64   { return s.processor }
func (s spent) memory() float64 { return s.mebibytes }

func medianOf(all []spent, of func(spent) float64) float64 {
	var values []float64
	for _, s := range all {
		values = append(values, of(s))
	}
	return median(values)
}

// keepers builds what is measured: the mover first, and restic only where it is installed.
func (b *bench) keepers(ctx context.Context, dir string) ([]keeper, error) {
	mover := filepath.Join(dir, "mover")
	if said, err := exec.CommandContext(ctx, "go", "build", "-o", mover, "./cmd/mover").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the mover: %w\n%s", err, said)
	}
	kopia, err := buildKopia(ctx)
	if err != nil {
		return nil, err
	}
	all := []keeper{moverKeeper(mover), kopiaKeeper(kopia)}
	restic, err := exec.LookPath("restic")
	if err != nil {
		progress("restic IS NOT INSTALLED AND IS LEFT OUT: apt-get install restic")
		return all, nil
	}
	return append(all, resticKeeper(restic)), nil
}

// buildKopia builds the command of the library that the mover links, in the same version, once.
func buildKopia(ctx context.Context) (string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", errors.New("this program does not know what it was built of")
	}
	version := "unknown"
	for _, m := range info.Deps {
		if m.Path == "github.com/kopia/kopia" {
			version = m.Version
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "lifeboat", "tools", "kopia-"+version)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	progress("building the kopia command %s, once", version)
	if said, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/kopia/kopia").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the kopia command: %w\n%s", err, said)
	}
	return path, nil
}

func kopiaKeeper(program string) keeper {
	command := func(ctx context.Context, at string, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, program, append([]string{"--config-file=" + filepath.Join(at, "config"), "--log-dir=" + filepath.Join(at, "log")}, args...)...)
		c.Env = append(os.Environ(), "KOPIA_PASSWORD="+copyPassword, "KOPIA_CHECK_FOR_UPDATES=false")
		return c
	}
	tree := func(at string) (string, error) { return filepath.EvalSymlinks(filepath.Join(at, "tree")) }
	return keeper{
		name: "kopia",
		begin: func(ctx context.Context, at string) error {
			_, err := run1(command(ctx, at, "repository", "create", "filesystem", "--path="+filepath.Join(at, "repository"), "--cache-directory="+filepath.Join(at, "cache")), nil, at)
			if err == nil {
				_, err = run1(command(ctx, at, "policy", "set", "--global", "--compression=zstd-fastest"), nil, at)
			}
			return err
		},
		copy: func(ctx context.Context, at string) (*exec.Cmd, error) {
			path, err := tree(at)
			return command(ctx, at, "snapshot", "create", "--no-progress", path), err
		},
		restore: func(ctx context.Context, at, to string) (*exec.Cmd, error) {
			path, err := tree(at)
			return command(ctx, at, "snapshot", "restore", "--no-progress", "--snapshot-time=latest", path, to), err
		},
	}
}

func resticKeeper(program string) keeper {
	command := func(ctx context.Context, at string, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, program, append([]string{"--quiet", "--repo=" + filepath.Join(at, "repository"), "--cache-dir=" + filepath.Join(at, "cache")}, args...)...)
		c.Env = append(os.Environ(), "RESTIC_PASSWORD="+copyPassword)
		c.Dir = filepath.Join(at, "tree")
		return c
	}
	return keeper{
		name: "restic",
		begin: func(ctx context.Context, at string) error {
			c := command(ctx, at, "init")
			c.Dir = at
			_, err := run1(c, nil, at)
			return err
		},
		copy: func(ctx context.Context, at string) (*exec.Cmd, error) { return command(ctx, at, "backup", "."), nil },
		restore: func(ctx context.Context, at, to string) (*exec.Cmd, error) {
			return command(ctx, at, "restore", "latest", "--target="+to), nil
		},
	}
}

// moverKeeper has the mover carry out orders as in a pod, whose root is a folder.
func moverKeeper(program string) keeper {
	points := 0
	command := func(ctx context.Context, at string, o order.Order) (*exec.Cmd, error) {
		o.Repository = order.Repository{Filesystem: &order.Filesystem{Path: "/repository"}}
		text, err := order.Encode(o)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(at, "order.json")
		return exec.CommandContext(ctx, program, "do", "--root", at, "--order", file, "--termination-log", filepath.Join(at, "log")), os.WriteFile(file, []byte(text), 0o600)
	}
	volume := func(at, path string) error {
		link := filepath.Join(at, order.VolumeDir)
		if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
			return err
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return os.Symlink(path, link)
	}
	return keeper{
		name: "mover",
		begin: func(ctx context.Context, at string) error {
			err := errors.Join(os.MkdirAll(filepath.Join(at, "password"), 0o700), os.MkdirAll(filepath.Join(at, order.CacheDir), 0o700),
				os.MkdirAll(filepath.Join(at, order.ConfigDir), 0o700), os.WriteFile(filepath.Join(at, order.PasswordFile), []byte(copyPassword), 0o600))
			if err != nil {
				return err
			}
			c, err := command(ctx, at, order.Order{Probe: &order.Probe{Create: true, For: "bench"}})
			_, err = run1(c, err, at)
			return err
		},
		copy: func(ctx context.Context, at string) (*exec.Cmd, error) {
			if err := volume(at, filepath.Join(at, "tree")); err != nil {
				return nil, err
			}
			points++
			point := fmt.Sprint("point-", points)
			raw, err := json.Marshal(order.Record{PointUID: point, ClaimUID: "claim", Claim: "claim", Mode: "Filesystem", PointInTime: time.Now(), Volumes: 1})
			if err != nil {
				return nil, err
			}
			return command(ctx, at, order.Order{Copy: &order.Copy{Volume: order.Volume{PointUID: point, ClaimUID: "claim"}, Claim: "claim", Record: raw}})
		},
		restore: func(ctx context.Context, at, to string) (*exec.Cmd, error) {
			raw, err := os.ReadFile(filepath.Join(at, "log")) // of the copy
			if err != nil {
				return nil, err
			}
			done, err := result.DecodeDone(raw)
			if err != nil {
				return nil, err
			}
			if err := volume(at, to); err != nil {
				return nil, err
			}
			return command(ctx, at, order.Order{Restore: &order.Restore{Volume: order.Volume{PointUID: fmt.Sprint("point-", points), ClaimUID: "claim"}, Digest: done.Copy.Digest}})
		},
	}
}
