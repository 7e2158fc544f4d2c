// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// start serves in a temporary folder until the test ends.
func start(t *testing.T) (*Client, string) {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	socket := filepath.Join(dir, "s.sock")
	go func() { served <- Serve(ctx, socket, filepath.Join(dir, "logs"), filepath.Join(dir, "pids")) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	client := NewClient(socket)
	eventually(t, "the supervisor answers", func() bool { _, err := client.List(t.Context()); return err == nil })
	return client, dir
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// pidOf waits for the service to run and returns its process.
func pidOf(t *testing.T, c *Client, name string) int {
	t.Helper()
	pid := 0
	eventually(t, name+" runs", func() bool {
		states, err := c.List(t.Context())
		pid = states[name].PID
		return err == nil && pid != 0
	})
	return pid
}

func ensure(t *testing.T, c *Client, s Service) {
	t.Helper()
	if err := c.Ensure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func TestAProcessThatEndsIsStartedAgain(t *testing.T) {
	c, _ := start(t)
	ensure(t, c, Service{Name: "sleeper", Argv: []string{"sleep", "1000"}})
	first := pidOf(t, c, "sleeper")
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another process runs", func() bool {
		states, err := c.List(t.Context())
		s := states["sleeper"]
		return err == nil && s.PID != 0 && s.PID != first && s.Restarts == 1
	})
}

func TestEnsureRestartsOnlyWhatChanged(t *testing.T) {
	c, _ := start(t)
	service := Service{Name: "sleeper", Argv: []string{"sleep", "1000"}, Revision: "1"}
	ensure(t, c, service)
	first := pidOf(t, c, "sleeper")
	ensure(t, c, service)
	if again := pidOf(t, c, "sleeper"); again != first {
		t.Errorf("the same service was restarted: %d, then %d", first, again)
	}
	service.Revision = "2"
	ensure(t, c, service)
	if changed := pidOf(t, c, "sleeper"); changed == first {
		t.Error("a changed service was not restarted")
	}
}

func TestStopKillsAProcessThatIgnoresTheSignal(t *testing.T) {
	c, dir := start(t)
	ready := filepath.Join(dir, "ready")
	ensure(t, c, Service{Name: "stubborn", Grace: 50 * time.Millisecond,
		Argv: []string{"sh", "-c", "trap '' TERM; touch " + ready + "; while :; do sleep 0.05; done"}})
	mark, err := MarkOf(pidOf(t, c, "stubborn"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the trap is set", func() bool { found, _ := filepath.Glob(ready); return len(found) == 1 })
	if err := c.Stop(t.Context(), "stubborn"); err != nil {
		t.Fatal(err)
	}
	if mark.Running() {
		t.Error("the process still runs")
	}
	if left, err := Survivors(filepath.Join(dir, "pids")); err != nil || len(left) != 0 {
		t.Errorf("recorded processes after the stop: %v, %v", left, err)
	}
}

func TestAMarkIsNotFooledByAReusedNumber(t *testing.T) {
	mark, err := MarkOf(syscall.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	mark.Start += "1"
	if mark.Running() {
		t.Error("a process with another start time was taken for the recorded one")
	}
}
