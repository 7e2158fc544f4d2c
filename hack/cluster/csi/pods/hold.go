// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long the processes of a pod may take to stop, and poll how often they are looked at.
const (
	patience = 2 * time.Second
	poll     = time.Millisecond
)

// freezer is the file that holds and frees a control group.
type freezer struct {
	file string // that is written
	hold string // what to write there
	free string
	sign string // file that tells, and what it tells
	held string
}

var freezers = []freezer{
	{file: "freezer.state", hold: "FROZEN", free: "THAWED", sign: "freezer.state", held: "FROZEN\n"}, // version 1
	{file: "cgroup.freeze", hold: "1", free: "0", sign: "cgroup.events", held: "frozen 1\n"},         // version 2
}

// held is a control group that is held.
type held struct {
	dir   string
	by    freezer
	state *os.File
}

// Hold stops all processes of the given pods, and gives back what sets them free. Pods without
// a control group are none any more. If one does not stop in time, all are free again.
func Hold(uids []string) (release func() error, err error) {
	taken, err := take(uids)
	release = func() error { return releaseAll(taken) }
	for _, each := range taken {
		if err == nil {
			err = each.stop()
		}
	}
	if err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// Free sets pods free that a driver held when it was killed.
func Free(uids []string) error {
	taken, err := take(uids)
	return errors.Join(err, releaseAll(taken))
}

// take waits for the turn at each pod: another storage system may be holding the same one.
// The order of the UIDs, the same for all, keeps two from waiting for each other.
func take(uids []string) ([]held, error) {
	var taken []held
	for _, uid := range uids {
		dirs, err := groups(uid)
		if err != nil {
			return taken, err
		}
		for _, dir := range dirs {
			one, err := open(dir)
			if errors.Is(err, fs.ErrNotExist) {
				continue // the pod ended meanwhile, or the hierarchy has no freezer
			}
			if err != nil {
				return taken, err
			}
			taken = append(taken, one)
			if err := unix.Flock(int(one.state.Fd()), unix.LOCK_EX); err != nil {
				return taken, err
			}
		}
	}
	return taken, nil
}

func open(dir string) (held, error) {
	for _, by := range freezers {
		state, err := os.OpenFile(filepath.Join(dir, by.file), os.O_WRONLY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return held{dir: dir, by: by, state: state}, err
	}
	return held{}, fs.ErrNotExist
}

// stop returns when every process has stopped.
func (h held) stop() error {
	if _, err := h.state.WriteString(h.by.hold); err != nil {
		return err
	}
	for start := time.Now(); time.Since(start) < patience; time.Sleep(poll) {
		sign, err := os.ReadFile(filepath.Join(h.dir, h.by.sign))
		if err != nil {
			return err
		}
		if strings.Contains(string(sign), h.by.held) {
			return nil
		}
	}
	return fmt.Errorf("the processes of %s did not stop within %s", h.dir, patience)
}

func (h held) release() error {
	_, err := h.state.WriteString(h.by.free)
	if errors.Is(err, unix.ENODEV) {
		err = nil // the pod is gone
	}
	return errors.Join(err, h.state.Close())
}

func releaseAll(all []held) error {
	var err error
	for _, each := range all {
		err = errors.Join(err, each.release())
	}
	return err
}

// groups are the control groups of a pod, by either naming that the kubelet uses.
func groups(uid string) ([]string, error) {
	plain, slice := "pod"+uid, "pod"+strings.ReplaceAll(uid, "-", "_")+".slice"
	var found []string
	for _, root := range []string{"/sys/fs/cgroup/freezer", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue // not a hierarchy
		}
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !entry.IsDir() {
				return err
			}
			if name := entry.Name(); name == plain || strings.HasSuffix(name, slice) {
				found = append(found, path)
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
