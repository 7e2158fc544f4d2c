// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// storageSystem is one of the test cluster's two storage systems, with its fault switches.
type storageSystem struct {
	letter, class, driver string

	// alone is held by a test that disturbs all users of the system, such as by stopping it.
	alone sync.RWMutex

	mu     sync.Mutex
	limits map[string][]string // fault → the volumes it is limited to
}

var (
	storageA = &storageSystem{letter: "a", class: "array-a", driver: "a.csi.lifeboat.test", limits: map[string][]string{}}
	storageB = &storageSystem{letter: "b", class: "array-b", driver: "b.csi.lifeboat.test", limits: map[string][]string{}}
)

// The faults, each with its one parameter: tests that run side by side share the switch and differ in volumes.
const (
	faultFail           = "fail"
	faultNeverReady     = "never-ready"
	faultSlow           = "slow"             // by slowness
	faultErrorThenReady = "error-then-ready" // twice
	faultClock          = "clock"            // by aheadBy
)

// systems is where the storage systems keep their data.
const systems = "/var/lib/lifeboat-cluster/storage"

const (
	slowness = 6 * time.Second
	aheadBy  = 10 * time.Minute
)

var parameters = map[string]string{faultSlow: slowness.String(), faultErrorThenReady: "2", faultClock: aheadBy.String()}

// nobody is a limit that matches nothing: a switch without a limit would be for all.
const nobody = "no-volume-at-all"

// order orders something of a storage system.
func (s *storageSystem) order(order string) error { return clusterCommand("fault", s.letter, order) }

// clusterCommand runs the test cluster's own command.
func clusterCommand(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(cache, "lifeboat/bin/local/cluster"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (s *storageSystem) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = map[string][]string{}
	if err := s.order("clear"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// fault has snapshots of the given volumes fail in one way. It ends with the test, or when the returned function is called.
func (s *storageSystem) fault(t *testing.T, fault string, volumes ...string) (end func()) {
	t.Helper()
	if err := s.limit(fault, func(now []string) []string { return append(now, volumes...) }); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() {
		err := s.limit(fault, func(now []string) []string {
			return slices.DeleteFunc(now, func(v string) bool { return slices.Contains(volumes, v) })
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return end
}

func (s *storageSystem) limit(fault string, change func([]string) []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits[fault] = change(s.limits[fault])
	words := append(strings.Fields(parameters[fault]), nobody)
	return s.order(fault + "=" + strings.Join(append(words, s.limits[fault]...), " "))
}

// holds says whether the bytes of a snapshot are on the storage system. It looks at the disk, not at what the API says.
func (s *storageSystem) holds(t *testing.T, handle string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(systems, s.letter, "snapshots", handle))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}

// snapshotsOf are the snapshots of given volumes on the storage system, as its own records have them.
func (s *storageSystem) snapshotsOf(volumes []string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(systems, s.letter, "records/*s/*.json"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range files {
		body, err := os.ReadFile(f)
		if os.IsNotExist(err) {
			continue // it went meanwhile
		}
		if err != nil {
			return nil, err
		}
		type snapshot struct{ ID, Volume string }
		var record struct {
			snapshot
			Members []snapshot // of a group
		}
		if err := json.Unmarshal(body, &record); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		for _, r := range append(record.Members, record.snapshot) {
			if slices.Contains(volumes, r.Volume) {
				out = append(out, r.ID)
			}
		}
	}
	return out, nil
}

// share is for tests that use a system and must not be there when another test disturbs it for all.
func (s *storageSystem) share(t *testing.T) {
	s.alone.RLock()
	t.Cleanup(s.alone.RUnlock)
}

// own is for tests that disturb a system for all.
func (s *storageSystem) own(t *testing.T) {
	s.alone.Lock()
	t.Cleanup(s.alone.Unlock)
}
