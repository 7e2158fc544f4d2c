// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// configure writes a configuration of a webhook and an Alertmanager on loopback, and one that is not there.
func configure(t *testing.T) (file string, got func() string) {
	t.Helper()
	bodies := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bodies <- r.URL.Path + " " + string(body)
	}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	host := strings.TrimPrefix(s.URL, "http://")
	for name, text := range map[string]string{
		"url":  "generic://" + host + "/s3cret?disabletls=yes&template=json",
		"gone": "generic://127.0.0.1:1/s3cret?disabletls=yes",
		"notifications.yaml": fmt.Sprintf("notifiers:\n- {name: hook, type: url, urlFile: %s/url}\n- {name: am, type: alertmanager, url: %q}\n- {name: gone, type: url, urlFile: %s/gone}\n",
			dir, s.URL, dir),
		"none.yaml": "notifiers: []",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "notifications.yaml"), func() string {
		close(bodies)
		var all []string
		for b := range bodies {
			all = append(all, b)
		}
		return strings.Join(all, "\n")
	}
}

func TestEverybody(t *testing.T) {
	file, got := configure(t)
	var out bytes.Buffer
	err := Test(t.Context(), []string{"--notifications", file}, noon, &out)
	if !errors.Is(err, ErrFailed) {
		t.Errorf("ended with %v", err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "NAME") || !strings.HasSuffix(lines[1], "sent") || !strings.HasSuffix(lines[2], "sent") ||
		!strings.Contains(lines[3], "failed: ") || strings.Contains(out.String(), "s3cret") {
		t.Errorf("printed:\n%s", out.String())
	}
	all := got()
	if !strings.Contains(all, "/s3cret ") || !strings.Contains(all, "this is a test") || !strings.Contains(all, "LifeboatNotificationTest") {
		t.Errorf("received:\n%s", all)
	}
}

func TestSome(t *testing.T) {
	file, got := configure(t)
	var out bytes.Buffer
	if err := Test(t.Context(), []string{"--notifications", file, "am"}, noon, &out); err != nil {
		t.Errorf("%v: %s", err, out.String())
	}
	if all := got(); strings.Contains(all, "s3cret") || !strings.Contains(all, "/api/v2/alerts") {
		t.Errorf("received:\n%s", all)
	}
}

func TestRefusals(t *testing.T) {
	file, _ := configure(t)
	for want, args := range map[string][]string{
		`there is no notifier "nobody"`:       {"--notifications", file, "nobody"},
		"set notifications.notifiers":         {"--notifications", filepath.Join(filepath.Dir(file), "none.yaml")},
		"no such file":                        {"--notifications", filepath.Join(filepath.Dir(file), "missing.yaml")},
		"flag provided but not defined: -who": {"--who"},
	} {
		if err := Test(t.Context(), args, noon, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %q", args, err, want)
		}
	}
	if err := Test(t.Context(), []string{"--help"}, noon, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
}
