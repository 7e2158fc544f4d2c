// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Client talks to a running supervisor.
type Client struct{ http *http.Client }

// NewClient returns a client for the socket, whether or not anyone listens.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// List returns the services the supervisor keeps; it fails when no supervisor runs.
func (c *Client) List(ctx context.Context) (map[string]State, error) {
	body, err := c.do(ctx, http.MethodGet, "/services", nil)
	if err != nil {
		return nil, err
	}
	var list []State
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	states := map[string]State{}
	for _, s := range list {
		states[s.Name] = s
	}
	return states, nil
}

// Ensure makes the service run as described.
func (c *Client) Ensure(ctx context.Context, service Service) error {
	body, err := json.Marshal(service)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, http.MethodPut, "/services/"+service.Name, body)
	return err
}

// Stop stops the service and waits until its process is gone.
func (c *Client) Stop(ctx context.Context, name string) error {
	_, err := c.do(ctx, http.MethodDelete, "/services/"+name, nil)
	return err
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://supervisor"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the cluster's supervisor does not answer: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("supervisor: %s: %s", resp.Status, answer)
	}
	return answer, err
}

// Launch starts this same program as a supervisor in the background and waits until it answers.
func Launch(ctx context.Context, socket, logs, pids string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(logs, "supervisor.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(self, "supervise", "--socket", socket, "--logs", logs, "--pids", pids)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	client := NewClient(socket)
	for {
		if _, err := client.List(ctx); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the supervisor ended at once (%v): see %s", err, log.Name())
		case <-ctx.Done():
			return fmt.Errorf("wait for the supervisor: %w; see %s", ctx.Err(), log.Name())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
