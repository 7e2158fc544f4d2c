// SPDX-License-Identifier: Apache-2.0

// Package monitoring runs a real Prometheus and a real Alertmanager, from Debian's packages, for tests: on ports of the
// loopback, with a folder of their own, scraping and evaluating every second. Both are gone when the test is, however it
// ends.
//
//	stack := monitoring.Start(t, monitoring.Options{Targets: []string{"10.85.0.7:8080"}, Rules: rules, Alertmanager: true, ForOverride: time.Second})
//	stack.Eventually("EvaluatorStale is paged", time.Minute, func() (bool, error) { … })
package monitoring

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/lifeboat-dev/lifeboat/test/apiserver"
)

// Options say what is watched, and how.
type Options struct {
	// Targets are the addresses to scrape, as host:port; SetTargets changes them. They are scraped with honor_labels.
	Targets []string
	// Rules is a rule file; charts/lifeboat/files/alerts.yaml, see Alerts. When empty nothing is evaluated.
	Rules []byte
	// ForOverride is how long each alert must hold before it fires, in place of what the rules say. Zero leaves them.
	ForOverride time.Duration
	// Alertmanager says that one is started, to which Prometheus sends its alerts.
	Alertmanager bool
	// Webhook is to where Alertmanager sends what it is told. When empty nobody is notified.
	Webhook string
}

// Stack is a running Prometheus, and perhaps an Alertmanager.
type Stack struct {
	// Prometheus and Alertmanager are their addresses, as http://127.0.0.1:port; the latter is empty when there is none.
	Prometheus, Alertmanager string

	t      testing.TB
	folder string
	all    []*process
}

// Tools is the folder with the programs. They are downloaded when they are not there yet.
func Tools() (string, error) {
	root, err := apiserver.Root()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(root, "hack/monitoring/tools.sh")).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("%s", strings.TrimSpace(string(failed.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

// Alerts are the chart's.
func Alerts() ([]byte, error) {
	root, err := apiserver.Root()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(root, "charts/lifeboat/files/alerts.yaml"))
}

// Start starts what is asked for and waits until it answers. It ends with the test.
func Start(t testing.TB, o Options) *Stack {
	t.Helper()
	tools, err := Tools()
	if err != nil {
		t.Fatal(err)
	}
	root, err := apiserver.Root()
	if err != nil {
		t.Fatal(err)
	}
	s := &Stack{t: t, folder: t.TempDir()}
	t.Cleanup(s.stop)
	if o.Alertmanager {
		s.Alertmanager = s.startOne("alertmanager", func(address string) []string {
			s.write("alertmanager.yaml", alertmanagerConfig(o))
			return []string{filepath.Join(root, "hack/monitoring/alertmanager.sh"), "--config.file=" + s.path("alertmanager.yaml"), "--storage.path=" + s.path("alertmanager"),
				"--web.listen-address=" + address, "--cluster.listen-address="}
		})
	}
	s.SetTargets(o.Targets...)
	rules, err := hurried(o.Rules, o.ForOverride)
	if err != nil {
		t.Fatal(err)
	}
	s.write("rules.yaml", rules)
	s.write("prometheus.yaml", s.prometheusConfig())
	s.Prometheus = s.startOne("prometheus", func(address string) []string {
		return []string{filepath.Join(tools, "prometheus"), "--config.file=" + s.path("prometheus.yaml"), "--storage.tsdb.path=" + s.path("prometheus"),
			"--web.listen-address=" + address, "--rules.alert.resend-delay=2s", "--log.level=warn"}
	})
	return s
}

// SetTargets changes what is scraped from the next second on.
func (s *Stack) SetTargets(targets ...string) {
	s.t.Helper()
	if targets == nil {
		targets = []string{}
	}
	text, err := json.Marshal([]map[string]any{{"targets": targets}})
	if err != nil {
		s.t.Fatal(err)
	}
	// At once, so that no half is read.
	s.write("targets.new", text)
	if err := os.Rename(s.path("targets.new"), s.path("targets.json")); err != nil {
		s.t.Fatal(err)
	}
}

// startOne starts a program on a free port. Between finding the port and taking it somebody else may: then another is tried.
func (s *Stack) startOne(name string, command func(address string) []string) string {
	s.t.Helper()
	var err error
	for range 3 {
		var address string
		if address, err = freeAddress(); err != nil {
			break
		}
		var p *process
		if p, err = start(name, command(address)); err != nil {
			break
		}
		s.all = append(s.all, p)
		if err = p.ready("http://" + address + "/-/ready"); err == nil {
			return "http://" + address
		}
	}
	s.t.Fatal(err)
	return ""
}

func (s *Stack) stop() {
	for _, p := range s.all {
		if err := p.stop(); err != nil {
			s.t.Errorf("%s: %v", p.name, err)
		}
		if s.t.Failed() {
			s.t.Logf("%s said:\n%s", p.name, p.said())
		}
	}
}

func (s *Stack) path(name string) string { return filepath.Join(s.folder, name) }

func (s *Stack) write(name string, text []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Stack) prometheusConfig() []byte {
	alerting := ""
	if s.Alertmanager != "" {
		alerting = "alerting: {alertmanagers: [{static_configs: [{targets: ['" + strings.TrimPrefix(s.Alertmanager, "http://") + "']}]}]}\n"
	}
	return []byte("global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n" +
		"rule_files: [rules.yaml]\n" + alerting +
		"scrape_configs: [{job_name: lifeboat, honor_labels: true, file_sd_configs: [{files: [targets.json], refresh_interval: 1s}]}]\n")
}

func alertmanagerConfig(o Options) []byte {
	receiver := "{name: somebody}"
	if o.Webhook != "" {
		receiver = "{name: somebody, webhook_configs: [{url: '" + o.Webhook + "', send_resolved: true}]}"
	}
	return []byte("route: {receiver: somebody, group_by: ['...'], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}\n" +
		"receivers: [" + receiver + "]\n")
}

// hurried are rules with another for, evaluated as often as all others.
func hurried(rules []byte, wait time.Duration) ([]byte, error) {
	if len(rules) == 0 {
		return []byte("groups: []\n"), nil
	}
	var file struct {
		Groups []map[string]any `json:"groups"`
	}
	if err := yaml.UnmarshalStrict(rules, &file); err != nil {
		return nil, err
	}
	for _, g := range file.Groups {
		delete(g, "interval")
		list, ok := g["rules"].([]any)
		if !ok {
			return nil, fmt.Errorf("group %v has no rules", g["name"])
		}
		for _, r := range list {
			if r, ok := r.(map[string]any); ok && r["alert"] != nil && wait > 0 {
				r["for"] = fmt.Sprintf("%dms", wait.Milliseconds())
			}
		}
	}
	return yaml.Marshal(file)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
