// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/supervise"
)

// podGroups finds the kubelet's control group in every hierarchy.
func podGroups() []string {
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup/kubepods", "/sys/fs/cgroup/*/kubepods"} {
		matches, _ := filepath.Glob(pattern)
		found = append(found, matches...)
	}
	return found
}

// KillPods kills every process in the kubelet's control groups.
func KillPods() {
	for range 50 {
		pids := podProcesses()
		if len(pids) == 0 {
			return
		}
		for pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func podProcesses() map[int]bool {
	pids := map[int]bool{}
	for _, root := range podGroups() {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Name() != "cgroup.procs" {
				return nil
			}
			data, _ := os.ReadFile(path)
			for _, field := range strings.Fields(string(data)) {
				// A zombie stays listed until its parent reads its end.
				if pid, err := strconv.Atoi(field); err == nil {
					if _, err := supervise.MarkOf(pid); err == nil {
						pids[pid] = true
					}
				}
			}
			return nil
		})
	}
	return pids
}

// RemovePodGroups removes the kubelet's control groups, the deepest first.
func RemovePodGroups() error {
	var last error
	for range 50 {
		last = nil
		for _, root := range podGroups() {
			var dirs []string
			_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					dirs = append(dirs, path)
				}
				return nil
			})
			for i := len(dirs) - 1; i >= 0; i-- {
				if err := syscall.Rmdir(dirs[i]); err != nil {
					last = fmt.Errorf("remove control group %s: %w", dirs[i], err)
				}
			}
		}
		if last == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return last
}

// EndMentioning ends the processes whose command line mentions one of the
// paths: shims and others that no supervisor knows of. It spares this process and its parents.
func EndMentioning(grace time.Duration, paths ...string) {
	spared := ancestors()
	for _, pid := range supervise.Processes() {
		if spared[pid] {
			continue
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || !mentions(line, paths) {
			continue
		}
		if mark, err := supervise.MarkOf(pid); err == nil {
			mark.End(grace)
		}
	}
}

// mentions looks at whole arguments (or the values of flags), so that an
// editor or a shell command that merely names a path somewhere is not meant.
func mentions(cmdline []byte, paths []string) bool {
	args := bytes.Split(cmdline, []byte{0})
	if len(args) == 0 || !strings.Contains(string(args[0]), "/lifeboat/bin/") {
		return false
	}
	for _, arg := range args[1:] {
		for _, path := range paths {
			if bytes.Contains(arg, []byte(path)) {
				return true
			}
		}
	}
	return false
}

func ancestors() map[int]bool {
	spared := map[int]bool{}
	for pid := os.Getpid(); pid > 0 && !spared[pid]; {
		spared[pid] = true
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			break
		}
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		const parentAfterName = 1
		pid, _ = strconv.Atoi(fields[parentAfterName])
	}
	return spared
}

func runWithInput(ctx context.Context, input, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s: %s", name, err, strings.TrimSpace(string(out)), strings.TrimSpace(input))
	}
	return string(out), nil
}
