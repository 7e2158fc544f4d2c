// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/test/apiserver"
	"github.com/lifeboat-dev/lifeboat/test/manager"
)

// postbox is a webhook and an Alertmanager on loopback. The webhook refuses the first messages.
type postbox struct {
	server *httptest.Server

	mu       sync.Mutex
	refusals int
	messages []string // that the webhook accepted
	alerts   []struct {
		Labels           map[string]string
		StartsAt, EndsAt time.Time
	}
}

func (p *postbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case strings.HasSuffix(r.URL.Path, "/api/v2/alerts"):
		if err := json.Unmarshal(body, &p.alerts); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	case p.refusals > 0:
		p.refusals--
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		p.messages = append(p.messages, string(body))
	}
}

// saying counts the accepted messages with all of some words in them.
func (p *postbox) saying(words ...string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, m := range p.messages {
		all := true
		for _, word := range words {
			all = all && strings.Contains(m, word)
		}
		if all {
			n++
		}
	}
	return n
}

// TestNotifications has a policy be broken and mended, and looks at what people hear of it: once each, though the first attempts
// are refused and the operator is started anew.
func TestNotifications(t *testing.T) {
	t.Parallel()
	const secret = "t0kenOfTheWebhook"
	box := &postbox{refusals: 2}
	box.server = httptest.NewServer(box)
	t.Cleanup(box.server.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"url": "generic://" + strings.TrimPrefix(box.server.URL, "http://") + "/" + secret + "?disabletls=yes&template=json",
		"notifications.yaml": fmt.Sprintf("groupWait: 1s\nminInterval: 1s\nnotifiers:\n- {name: hook, type: url, urlFile: %s/url, severity: High}\n- {name: alerts, type: alertmanager, url: %q}\n",
			dir, box.server.URL),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server, err := apiserver.Start(apiserver.WithSnapshotAPI)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := server.Client(controllers.Scheme())
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := asInstalled(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	var operator *manager.Process
	start := func() {
		t.Helper()
		if operator, err = startOperator(kubeconfig, "--leader-elect=false", "--notifications="+filepath.Join(dir, "notifications.yaml")); err != nil {
			t.Fatal(err)
		}
		p := operator
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("an operator said at last:\n%s", last(p.Log(), 4000))
			}
			if err := p.Stop(); err != nil {
				t.Errorf("the operator ended: %v: %s", err, last(p.Log(), 2000))
			}
			if strings.Contains(p.Log(), secret) {
				t.Error("the log shows the secret of the webhook")
			}
		})
	}
	start()
	w := newWorldOn(t, admin, "contacts")
	b := w.policy("sync", func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "0 0 30 2 *" }) // never due
	w.told(b, "hook", "InvalidSchedule High")
	w.told(b, "alerts", "InvalidSchedule High")
	where := w.namespace + "/sync"
	if n := box.saying("High InvalidSchedule", where, "docs/runbooks/InvalidSchedule.md"); n != 1 {
		t.Errorf("told %d times: %q", n, box.messages)
	}
	if !strings.Contains(operator.Log(), "will be tried again") {
		t.Error("the log says nothing of the refusals")
	}
	if err := operator.Stop(); err != nil {
		t.Fatal(err)
	}
	start()
	time.Sleep(5 * time.Second) // several group waits
	if n := box.saying("InvalidSchedule", where); n != 1 {
		t.Errorf("a restart repeats it: %q", box.messages)
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec": {"schedule": {"cron": "0 0 1 1 *"}}}`))
	w.ok(admin.Patch(t.Context(), b, patch))
	w.told(b, "hook", "")
	w.told(b, "alerts", "")
	if n := box.saying("cleared InvalidSchedule", where); n != 1 {
		t.Errorf("told %d times that it cleared: %q", n, box.messages)
	}
	box.mu.Lock()
	defer box.mu.Unlock()
	for _, a := range box.alerts {
		if a.Labels["alertname"] == "InvalidSchedule" && a.EndsAt.After(time.Now().Add(time.Minute)) {
			t.Errorf("the alert goes on: %+v", a)
		}
	}
	if len(box.alerts) == 0 {
		t.Error("the Alertmanager was not sent the end")
	}
}

// told waits until the status says that a notifier knows just this of InvalidSchedule.
func (w *world) told(b *api.BackupPolicy, notifier, want string) {
	w.Helper()
	eventually(w.T, time.Minute, func() error {
		if err := w.admin.Get(w.Context(), client.ObjectKeyFromObject(b), b); err != nil {
			return err
		}
		for _, m := range b.Status.Told {
			if m.Notifier != notifier {
				continue
			}
			got := ""
			for _, f := range m.Findings {
				if strings.HasPrefix(f, "InvalidSchedule") {
					got = f
				}
			}
			if got == want {
				return nil
			}
		}
		return fmt.Errorf("told: %+v; want %q of %s; findings: %+v", b.Status.Told, want, notifier, b.Status.Findings)
	})
}
