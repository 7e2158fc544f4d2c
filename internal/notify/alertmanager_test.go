// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/config"
	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
	"github.com/lifeboat-dev/lifeboat/test/apiserver"
	"github.com/lifeboat-dev/lifeboat/test/monitoring"
)

// pager is what a real Alertmanager notifies: the end of the line.
type pager struct {
	mu  sync.Mutex
	got []string // "firing High DrillFailed", in the order in which they came
}

func (p *pager) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var body struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(raw, &body) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range body.Alerts {
		p.got = append(p.got, a.Status+" "+a.Labels["severity"]+" "+a.Labels["alertname"]+" "+a.Labels["policy"])
	}
}

func (p *pager) heard(want string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.got, want)
}

// alertmanager starts Debian's, which is unpacked where it is not there yet, and tells where it answers.
func alertmanager(t *testing.T, to string) string {
	t.Helper()
	if _, err := monitoring.Tools(); err != nil {
		t.Skipf("NOTHING OF THE ALERTMANAGER WAS TESTED: it could not be had: %v", err)
	}
	root, err := apiserver.Root()
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "alertmanager.yml")
	text := fmt.Sprintf("route: {receiver: pager, group_by: [policy], group_wait: 100ms, group_interval: 200ms}\nreceivers: [{name: pager, webhook_configs: [{url: %q, send_resolved: true}]}]\n", to)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	p := exec.Command(filepath.Join(root, "hack/monitoring/alertmanager.sh"), "--config.file="+file, "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=")
	p.Stdout, p.Stderr = &log, &log
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := p.Wait(); err != nil && t.Failed() {
			t.Logf("the Alertmanager said (%v):\n%s", err, log.String())
		}
	})
	within(t, "it is ready", func() bool {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
	return "http://" + address
}

func within(t *testing.T, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !check(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestRealAlertmanager has a real Alertmanager page somebody: of a finding, of one that became louder, and of the end of both.
func TestRealAlertmanager(t *testing.T) {
	end := &pager{}
	s := httptest.NewServer(end)
	t.Cleanup(s.Close)
	n := New(config.Notifier{Name: "am", Type: config.NotifierAlertmanager, URL: alertmanager(t, s.URL)})
	route := tell.Route{Name: "am", Alerts: true, Severity: api.SeverityHigh, Resolved: true}
	o := tell.Object{Kind: tell.KindPolicy, Namespace: "shop", Name: "orders", UID: "u"}
	send := func(severity api.Severity) {
		t.Helper()
		o.Findings, o.Total = nil, 0
		if severity != "" {
			o.Findings, o.Total = []api.Finding{{Kind: "DrillFailed", Severity: severity, Since: metav1.NewTime(time.Now().Add(-time.Hour)), Message: "m", Remedy: "r"}}, 1
		}
		a := tell.Alerts(route, []tell.Object{o}, time.Now())
		if a.Message == nil {
			t.Fatal("there is nothing to send")
		}
		if err := n.Send(context.Background(), *a.Message); err != nil {
			t.Fatal(err)
		}
		o.Marks = nil
		for _, m := range a.Marks {
			o.Marks = append(o.Marks, m.Mark)
		}
	}
	hears := func(want string) {
		t.Helper()
		within(t, "somebody hears "+want, func() bool { return end.heard(want) })
	}
	send(api.SeverityHigh)
	hears("firing High DrillFailed orders")
	send(api.SeverityCritical)
	hears("firing Critical DrillFailed orders")
	hears("resolved High DrillFailed orders")
	if end.heard("resolved Critical DrillFailed orders") {
		t.Error("what is still there was called resolved")
	}
	send("")
	hears("resolved Critical DrillFailed orders")
	if err := n.Send(t.Context(), tell.Trial(time.Now())); err != nil {
		t.Fatal(err)
	}
	within(t, "somebody hears the test", func() bool {
		end.mu.Lock()
		defer end.mu.Unlock()
		return slices.ContainsFunc(end.got, func(s string) bool { return strings.HasPrefix(s, "firing Low LifeboatNotificationTest") })
	})
}
