// SPDX-License-Identifier: Apache-2.0

// Package manager runs the operator's own program, built from this tree, as a process beside a test or a benchmark:
// what it needs, what it logs and what it costs are its own.
package manager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/lifeboat-dev/lifeboat/test/apiserver"
)

// Build compiles the operator into a folder and tells the program's path.
func Build(ctx context.Context, into string) (string, error) {
	root, err := apiserver.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(into, "manager")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/manager")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the manager: %w: %s", err, out)
	}
	return path, nil
}

// Process is a running program.
type Process struct {
	cmd   *exec.Cmd
	log   *log
	ended chan struct{}
	err   error // how it ended
}

// Start starts a program with a kubeconfig. It must be stopped.
func Start(program, kubeconfig string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(program, args...), log: &log{}, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it never outlives a test that was killed
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Pid is the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Running says whether it has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Stop asks it to end, waits, and tells how it ended; what does not end by itself is killed, and is an error.
func (p *Process) Stop() error {
	if !p.Running() {
		return p.err
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(time.Minute):
		return errors.Join(errors.New("it did not end within a minute of SIGTERM"), p.cmd.Process.Kill())
	}
}

// Log is what it has said so far.
func (p *Process) Log() string { return p.log.String() }

// log keeps what is written.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
