// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Mark identifies a process beyond its number, which the kernel reuses.
type Mark struct {
	PID int `json:"pid"`
	// Start is the process's start time in clock ticks since boot.
	Start string `json:"start"`
}

// MarkOf reads the mark of a running process.
func MarkOf(pid int) (Mark, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Mark{}, err
	}
	// The command name in parentheses may hold spaces; fields count from after it.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	const startTimeAfterName, stateAfterName = 19, 0
	if len(fields) <= startTimeAfterName || fields[stateAfterName] == "Z" {
		return Mark{}, os.ErrNotExist
	}
	return Mark{PID: pid, Start: fields[startTimeAfterName]}, nil
}

// Running tells whether the marked process still exists.
func (m Mark) Running() bool {
	now, err := MarkOf(m.PID)
	return err == nil && now == m
}

// End asks the process to stop and kills it when it does not within the grace period.
func (m Mark) End(grace time.Duration) {
	if !m.Running() {
		return
	}
	_ = syscall.Kill(m.PID, syscall.SIGTERM)
	deadline := time.Now().Add(grace)
	for m.Running() && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	for m.Running() {
		_ = syscall.Kill(m.PID, syscall.SIGKILL)
		time.Sleep(20 * time.Millisecond)
	}
}

// pidFiles records which processes belong to the cluster, for a successor of
// a supervisor that was killed.
type pidFiles string

func (d pidFiles) write(name string, pid int) error {
	mark, err := MarkOf(pid)
	if err != nil {
		return err
	}
	data, err := json.Marshal(mark)
	if err != nil {
		return err
	}
	return os.WriteFile(d.path(name), data, 0o644)
}

func (d pidFiles) remove(name string) { _ = os.Remove(d.path(name)) }

func (d pidFiles) path(name string) string { return filepath.Join(string(d), name+".pid") }

// read returns the recorded processes that still run.
func (d pidFiles) read() (map[string]Mark, error) {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	marks := map[string]Mark{}
	for _, e := range entries {
		name, isPID := strings.CutSuffix(e.Name(), ".pid")
		if !isPID {
			continue
		}
		data, err := os.ReadFile(filepath.Join(string(d), e.Name()))
		if err != nil {
			continue
		}
		var mark Mark
		if json.Unmarshal(data, &mark) == nil && mark.Running() {
			marks[name] = mark
		}
	}
	return marks, nil
}

// Survivors returns the processes that a supervisor recorded in dir and that still run.
func Survivors(dir string) (map[string]Mark, error) { return pidFiles(dir).read() }

// Processes lists the numbers of all processes.
func Processes() []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
