// SPDX-License-Identifier: Apache-2.0

// Package supervise keeps the cluster's processes running: a small server on a
// Unix socket that starts, restarts and stops them on request.
package supervise

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sync"
	"syscall"
	"time"
)

// Service is a process to keep running.
type Service struct {
	Name string   `json:"name"`
	Argv []string `json:"argv"`
	Env  []string `json:"env,omitempty"`
	// Revision changes when the process must be restarted although its
	// arguments are the same, because its binary or its files changed.
	Revision string `json:"revision,omitempty"`
	// Grace is how long the process may take to stop by itself; 10 s when it is zero.
	Grace time.Duration `json:"grace,omitempty"`
}

// State is what the supervisor reports about a service.
type State struct {
	Service
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`
	Restarts int       `json:"restarts"`
}

// Restart delays: quick for a sidecar that lost its driver, slow for a crash loop.
const (
	firstDelay = 200 * time.Millisecond
	lastDelay  = 5 * time.Second
	// settled is how long a process must run for its next restart to be quick again.
	settled = 30 * time.Second
	// stopGrace is how long a process may take to stop by itself, unless it says otherwise.
	stopGrace = 10 * time.Second
	// logLimit is where a log file is set aside when its process starts.
	logLimit = 64 << 20
)

// Supervisor owns the processes.
type Supervisor struct {
	logs string
	pids pidFiles

	mu      sync.Mutex
	running map[string]*worker
}

type worker struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	state State
}

// Serve answers on the socket until the context ends, then stops every process.
func Serve(ctx context.Context, socket, logs, pids string) error {
	for _, dir := range []string{filepath.Dir(socket), logs, pids} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	survivors, err := Survivors(pids)
	if err != nil {
		return err
	}
	for _, mark := range survivors {
		mark.End(stopGrace)
	}
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return err
	}
	s := &Supervisor{logs: logs, pids: pidFiles(pids), running: map[string]*worker{}}
	server := &http.Server{Handler: s.handler()}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	_ = server.Close()
	s.stopAll()
	return err
}

func (s *Supervisor) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /services", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(s.list())
	})
	mux.HandleFunc("PUT /services/{name}", func(w http.ResponseWriter, r *http.Request) {
		var service Service
		if err := json.NewDecoder(r.Body).Decode(&service); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.ensure(service)
	})
	mux.HandleFunc("DELETE /services/{name}", func(_ http.ResponseWriter, r *http.Request) {
		s.stop(r.PathValue("name"))
	})
	return mux
}

func (s *Supervisor) list() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make([]State, 0, len(s.running))
	for _, w := range s.running {
		w.mu.Lock()
		states = append(states, w.state)
		w.mu.Unlock()
	}
	return states
}

// ensure starts the service, or restarts it when it differs from the running one.
func (s *Supervisor) ensure(service Service) {
	s.mu.Lock()
	current := s.running[service.Name]
	s.mu.Unlock()
	if current != nil {
		if reflect.DeepEqual(current.state.Service, service) {
			return
		}
		s.stop(service.Name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{cancel: cancel, done: make(chan struct{}), state: State{Service: service}}
	s.mu.Lock()
	s.running[service.Name] = w
	s.mu.Unlock()
	go s.keepRunning(ctx, w)
}

func (s *Supervisor) stop(name string) {
	s.mu.Lock()
	w := s.running[name]
	delete(s.running, name)
	s.mu.Unlock()
	if w != nil {
		w.cancel()
		<-w.done
	}
}

func (s *Supervisor) stopAll() {
	var wg sync.WaitGroup
	for _, state := range s.list() {
		wg.Go(func() { s.stop(state.Name) })
	}
	wg.Wait()
}

func (s *Supervisor) keepRunning(ctx context.Context, w *worker) {
	defer close(w.done)
	delay := firstDelay
	for {
		began := time.Now()
		err := s.runOnce(ctx, w)
		if ctx.Err() != nil {
			return
		}
		s.note(w.state.Name, fmt.Sprintf("ended after %s: %v", time.Since(began).Round(time.Millisecond), err))
		if time.Since(began) > settled {
			delay = firstDelay
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
		delay = min(2*delay, lastDelay)
		w.mu.Lock()
		w.state.Restarts++
		w.mu.Unlock()
	}
}

func (s *Supervisor) runOnce(ctx context.Context, w *worker) error {
	service := w.state.Service
	log, err := s.openLog(service.Name)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(service.Argv[0], service.Argv[1:]...)
	// A clean environment: a proxy setting of the person's shell would lead the components astray.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/"}, service.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	// A session of its own keeps the terminal's signals away from the process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(log, "start %s: %v\n", service.Argv[0], err)
		return err
	}
	if err := s.pids.write(service.Name, cmd.Process.Pid); err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(log, "record the process: %v\n", err)
	}
	defer s.pids.remove(service.Name)
	w.mu.Lock()
	w.state.PID, w.state.Started = cmd.Process.Pid, time.Now()
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.state.PID = 0
		w.mu.Unlock()
	}()
	return waitOrStop(ctx, cmd, cmp.Or(service.Grace, stopGrace))
}

func waitOrStop(ctx context.Context, cmd *exec.Cmd, grace time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		return err
	case <-time.After(grace):
	}
	_ = cmd.Process.Kill()
	return <-ended
}

func (s *Supervisor) openLog(name string) (*os.File, error) {
	path := filepath.Join(s.logs, name+".log")
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		_ = os.Rename(path, path+".1")
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// note writes a line of the supervisor's own into the service's log.
func (s *Supervisor) note(name, text string) {
	log, err := s.openLog(name)
	if err != nil {
		return
	}
	defer log.Close()
	fmt.Fprintf(log, "%s supervisor: %s\n", time.Now().UTC().Format(time.RFC3339), text)
}
