// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The fault switches.
const (
	Slow           = "slow"
	Fail           = "fail"
	ErrorThenReady = "error-then-ready"
	NeverReady     = "never-ready"
	Clock          = "clock"
	LoseSnapshot   = "lose-snapshot"
	FlipByte       = "flip-byte"
	Stop           = "stop"
)

// Switches are the fault switches in one directory.
type Switches struct {
	dir string

	mu    sync.Mutex
	tries map[string]int // refused tries by name of snapshot, for ErrorThenReady
}

// Open uses the switches in dir, which is made if it is not there.
func Open(dir string) (*Switches, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return &Switches{dir: dir, tries: map[string]int{}}, nil
}

// Stopped tells whether the whole storage system is down.
func (s *Switches) Stopped() bool {
	_, on, err := s.read(Stop)
	return on || err != nil
}

// read gives the words of a switch, and whether it is on.
func (s *Switches) read(name string) (words []string, on bool, err error) {
	body, err := os.ReadFile(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("fault switch %s: %w", name, err)
	}
	return strings.Fields(string(body)), true, nil
}

// Call is a request for a snapshot, or for a group of them: what a fault can be limited to.
type Call struct {
	Name    string   // the snapshot's or the group's
	Volumes []string // identifiers of the volumes
}

// about tells whether a limit, the words that remain of a switch, covers the call: any word
// that is part of the name or of a volume's identifier, or no word at all.
func (c Call) about(limits []string) bool {
	if len(limits) == 0 {
		return true
	}
	for _, limit := range limits {
		for _, subject := range append([]string{c.Name}, c.Volumes...) {
			if strings.Contains(subject, limit) {
				return true
			}
		}
	}
	return false
}

// Refusal is the error, if any, with which a snapshot has to fail now.
func (s *Switches) Refusal(call Call) error {
	limits, on, err := s.read(Fail)
	if err != nil {
		return err
	}
	if on && call.about(limits) {
		return fmt.Errorf("fault switch %s is on: snapshot %s of %s fails", Fail, call.Name, strings.Join(call.Volumes, ", "))
	}
	return s.refuseFirst(call)
}

// refuseFirst counts the tries of a name, as long as the switch is on.
func (s *Switches) refuseFirst(call Call) error {
	words, on, err := s.read(ErrorThenReady)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !on {
		clear(s.tries)
		return err
	}
	if len(words) == 0 {
		return malformed(ErrorThenReady, "how many calls fail, and perhaps a limit, such as `2 pvc-1234`")
	}
	refused, err := strconv.Atoi(words[0])
	if err != nil || refused < 0 {
		return malformed(ErrorThenReady, "a number first")
	}
	if !call.about(words[1:]) || s.tries[call.Name] >= refused {
		return nil
	}
	s.tries[call.Name]++
	return fmt.Errorf("fault switch %s is on: call %d of %d for %s fails", ErrorThenReady, s.tries[call.Name], refused, call.Name)
}

// Delay is how long a snapshot takes.
func (s *Switches) Delay(call Call) (time.Duration, error) {
	return s.duration(Slow, call)
}

// Skew is by how much the clock, by which snapshots are dated, is ahead.
func (s *Switches) Skew(call Call) (time.Duration, error) {
	return s.duration(Clock, call)
}

// duration is what a switch says first, for a call that its limits cover; else zero.
func (s *Switches) duration(name string, call Call) (time.Duration, error) {
	words, on, err := s.read(name)
	if err != nil || !on {
		return 0, err
	}
	if len(words) == 0 {
		return 0, malformed(name, "a duration, and perhaps a limit, such as `5s pvc-1234`")
	}
	d, err := time.ParseDuration(words[0])
	if err != nil {
		return 0, malformed(name, "a duration first, such as 5s")
	}
	if !call.about(words[1:]) {
		return 0, nil
	}
	return d, nil
}

// Ready tells whether a snapshot that was made may be called ready.
func (s *Switches) Ready(call Call) bool {
	limits, on, err := s.read(NeverReady)
	return err == nil && !(on && call.about(limits))
}

func malformed(name, want string) error {
	return fmt.Errorf("fault switch %s: its file must hold %s", name, want)
}
