// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	registry "sigs.k8s.io/controller-runtime/pkg/metrics"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/metrics"
	"github.com/lifeboat-dev/lifeboat/test/apiserver"
)

// contacts is a policy that keeps all of its promises, with something of everything.
func contacts() *api.BackupPolicy {
	now := metav1.Now()
	b := &api.BackupPolicy{}
	b.Namespace, b.Name, b.CreationTimestamp = "mail", "contacts", metav1.NewTime(now.Add(-24*time.Hour))
	b.Spec.Drill = &api.Drill{}
	b.Spec.Objectives = &api.Objectives{RecoveryPoint: &metav1.Duration{Duration: time.Hour}, RecoveryTime: &metav1.Duration{Duration: time.Minute}, CopyWithin: &metav1.Duration{Duration: time.Hour}}
	b.Spec.Copies = []api.CopyTarget{{Name: "offsite", Repository: api.RepositoryReference{Name: "offsite"}}}
	next := metav1.NewTime(now.Add(time.Hour))
	b.Status = api.BackupPolicyStatus{
		NextSlot:          &next,
		LastRecoveryPoint: &api.PointSummary{PointInTime: now, CaptureTime: &metav1.Duration{Duration: 2 * time.Second}},
		LastProof:         &api.ProofSummary{Level: api.LevelIntact, At: now, RecoveryTime: &metav1.Duration{Duration: 9 * time.Second}},
		LastCopy:          &api.CopySummary{RecoveryPoint: "first", Repository: "offsite", PointInTime: now, Bytes: 5000, NewBytes: 70},
		RecoveryPoints:    api.PointCounts{Complete: 3},
		Volumes:           api.VolumeCounts{Selected: 2, Protected: 2},
		Conditions: []metav1.Condition{
			{Type: api.ConditionProtected, Status: metav1.ConditionTrue}, {Type: api.ConditionProven, Status: metav1.ConditionTrue},
			{Type: api.ConditionIndependent, Status: metav1.ConditionTrue},
		},
		Findings: []api.Finding{{Kind: api.ReasonOrphanedSnapshot, Severity: api.SeverityLow, Since: now}},
	}
	return b
}

// offsite is the repository of its copies.
func offsite() *api.Repository {
	r := &api.Repository{}
	r.Namespace, r.Name = "mail", "offsite"
	r.Status = api.RepositoryStatus{UniqueID: "id", Copies: 3, Bytes: 1024}
	return r
}

// operator serves the metrics that the operator's own collector makes of what an API server holds.
type operator struct {
	server  client.Client
	handler http.Handler
	working atomic.Bool
}

func (o *operator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if o.working.Load() {
		metrics.Evaluated(time.Now())
	}
	o.handler.ServeHTTP(w, r)
}

// edit changes the policy's status as the operator does.
func (o *operator) edit(t *testing.T, change func(*api.BackupPolicyStatus)) {
	t.Helper()
	var b api.BackupPolicy
	if err := o.server.Get(context.Background(), client.ObjectKeyFromObject(contacts()), &b); err != nil {
		t.Fatal(err)
	}
	change(&b.Status)
	if err := o.server.Update(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
}

// TestFromTheMetricsToThePage follows alerts all the way, with the operator's own collector and the chart's own rules.
func TestFromTheMetricsToThePage(t *testing.T) {
	if _, err := Tools(); err != nil {
		t.Skipf("NOTHING OF ALERTING WAS TESTED: Prometheus and Alertmanager could not be had: %v", err)
	}
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	o := &operator{server: fake.NewClientBuilder().WithScheme(scheme).WithObjects(contacts(), offsite()).Build()}
	o.handler = promhttp.HandlerFor(registry.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	o.working.Store(true)
	metrics.Register(o.server)
	one, other := httptest.NewServer(o), httptest.NewServer(o)
	defer one.Close()
	defer other.Close()
	told := make(chan string, 100)
	phone := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			told <- string(body)
		}
	}))
	defer phone.Close()
	rules, err := Alerts()
	if err != nil {
		t.Fatal(err)
	}
	s := Start(t, Options{Targets: []string{address(one), address(other)}, Rules: rules, ForOverride: time.Second, Alertmanager: true, Webhook: phone.URL})

	s.Eventually("both managers are scraped", 20*time.Second, func() (bool, error) {
		up, err := s.Query(`sum(up) == 2 and count(policy:lifeboat_recoverability_ends:timestamp) == 1`)
		return len(up) == 1, err
	})
	if alerts, err := s.Alerts(); err != nil || slices.ContainsFunc(alerts, func(a Alert) bool { return a.Name() != "EvaluatorStale" }) {
		t.Errorf("without anything wrong there are %+v %v", alerts, err) // EvaluatorStale may be pending from before the first scrape
	}
	t.Run("dashboard", func(t *testing.T) { everyPanelShowsSomething(t, s) })

	o.edit(t, func(s *api.BackupPolicyStatus) {
		s.Findings = append(s.Findings, api.Finding{Kind: api.ReasonRecoveryPointVanished, Severity: api.SeverityCritical, Since: metav1.Now()})
		s.LastRecoveryPoint.PointInTime = metav1.NewTime(time.Now().Add(-3 * time.Hour))
	})
	s.expect("a lost point, and the age of the newest", "RecoverabilityLost", "RecoveryPointVanished")
	if n := count(t, s, "RecoveryPointVanished"); n != 1 {
		t.Errorf("two managers make %d alerts", n)
	}
	heard(t, told, `"status":"firing"`, "RecoveryPointVanished", "docs/runbooks/RecoveryPointVanished.md")

	for len(told) > 0 { // EvaluatorStale from before the first scrape may be among it
		<-told
	}
	s.SetTargets() // both die
	s.expect("a dead operator", "EvaluatorStale", "RecoverabilityLost", "RecoveryPointVanished")
	heard(t, told, `"status":"firing"`, "EvaluatorStale")
	s.SetTargets(address(other))
	s.expect("one is back", "RecoverabilityLost", "RecoveryPointVanished")
	heard(t, told, `"status":"resolved"`, "EvaluatorStale")

	if err := o.server.Delete(context.Background(), contacts()); err != nil {
		t.Fatal(err)
	}
	s.expect("the policy is gone")
	if left, err := s.Query(`{__name__=~"(policy:)?lifeboat_.+", policy="contacts"}`); err != nil || len(left) != 0 {
		t.Errorf("series of a deleted policy are left: %v %v", left, err)
	}
	if _, err := s.Query("max by ("); err == nil {
		t.Error("half an expression was answered")
	}
}

// expect waits until just these alerts have reached Alertmanager.
func (s *Stack) expect(when string, names ...string) {
	s.t.Helper()
	s.Eventually(when+": "+strings.Join(names, ", "), 30*time.Second, func() (bool, error) {
		list, err := s.AlertmanagerAlerts()
		var got []string
		for _, a := range list {
			got = append(got, a.Name())
		}
		slices.Sort(got)
		return slices.Equal(got, names), err
	})
}

func count(t *testing.T, s *Stack, name string) int {
	t.Helper()
	list, err := s.AlertmanagerAlerts()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range list {
		if a.Name() == name {
			n++
		}
	}
	return n
}

// heard waits for a message with all these words.
func heard(t *testing.T, told <-chan string, words ...string) {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case message := <-told:
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(message, w) }) {
				return
			}
		case <-late:
			t.Fatalf("nobody was told of %v", words)
		}
	}
}

func address(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

// everyPanelShowsSomething asks what each panel of the dashboard asks.
func everyPanelShowsSomething(t *testing.T, s *Stack) {
	root, err := apiserver.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "charts/lifeboat/files/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			asked++
			got, err := s.Query(strings.NewReplacer("$namespace", "mail", "$policy", "contacts").Replace(target.Expr))
			if err != nil {
				t.Errorf("panel %q: %v", p.Title, err)
			} else if len(got) == 0 {
				t.Errorf("panel %q shows nothing: %s", p.Title, target.Expr)
			}
		}
	}
	if asked < 25 {
		t.Errorf("only %d questions were asked", asked)
	}
}

// TestNothingIsLeft shows that both programs end with the test that started them, also with one that failed.
func TestNothingIsLeft(t *testing.T) {
	if _, err := Tools(); err != nil {
		t.Skipf("NOTHING OF ALERTING WAS TESTED: Prometheus and Alertmanager could not be had: %v", err)
	}
	var s *Stack
	t.Run("inner", func(t *testing.T) { s = Start(t, Options{Alertmanager: true}) })
	if s == nil || len(s.all) != 2 {
		t.Fatal("two programs were to be started")
	}
	for _, p := range s.all {
		if _, err := os.Stat(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))); !os.IsNotExist(err) {
			t.Errorf("%s still runs: %v", p.name, err)
		}
	}
	if _, err := os.Stat(s.folder); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", s.folder, err)
	}
}

func TestHurried(t *testing.T) {
	const rules = "groups: [{name: g, interval: 1m, rules: [{record: 'a:b:c', expr: up}, {alert: A, expr: up, for: 5m}, {alert: B, expr: up}]}]\n"
	got, err := hurried([]byte(rules), 1500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(got); strings.Count(text, "for: 1500ms") != 2 || strings.Contains(text, "interval") || strings.Contains(text, "5m") {
		t.Errorf("got\n%s", text)
	}
	got, err = hurried([]byte(rules), 0)
	if err != nil || !strings.Contains(string(got), "for: 5m") {
		t.Errorf("without another for, got\n%s%v", got, err)
	}
	if _, err := hurried([]byte("rules: []"), 0); err == nil {
		t.Error("a file that is no rule file was accepted")
	}
}
