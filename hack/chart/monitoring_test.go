// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	alertsFile    = "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {summary: '{{ $labels.x }}'}}]}]\n"
	dashboardFile = "{\n  \"title\": \"{{policy}}\"\n}\n"

	monitored = `
kind: PrometheusRule
apiVersion: v1
metadata: {name: r}
spec: {groups: [{name: g, rules: [{alert: A, expr: up, annotations: {summary: '{{ $labels.x }}'}}]}]}
---
kind: ConfigMap
apiVersion: v1
metadata: {name: l-dashboard, labels: {grafana_dashboard: "1"}}
data:
  lifeboat.json: |-
    {
      "title": "{{policy}}"
    }
---
kind: ServiceMonitor
apiVersion: v1
metadata: {name: m}
spec: {selector: {matchLabels: {app: l}}, endpoints: [{port: metrics, honorLabels: true}]}
---
kind: Service
apiVersion: v1
metadata: {name: l-metrics, labels: {app: l}}
spec: {selector: {app: l}, ports: [{name: metrics, port: 8080, targetPort: numbers}]}
---
kind: NetworkPolicy
apiVersion: v1
metadata: {name: n}
spec: {ingress: [{ports: [{port: numbers}]}]}
---
kind: Deployment
apiVersion: v1
metadata: {name: d}
spec: {template: {metadata: {labels: {app: l, more: yes-please}}, spec: {containers: [{ports: [{name: numbers, containerPort: 8080}]}]}}}
`
)

func TestCheckMonitoring(t *testing.T) {
	tests := []struct{ why, from, to, want string }{
		{"nothing is wrong", "", "", ""},
		{"another expression", "expr: up", "expr: down", "alerts.yaml"},
		{"no rules", "kind: PrometheusRule", "kind: Other", "0 objects of kind PrometheusRule"},
		{"a template was carried out", "{{policy}}", "", "dashboard.json"},
		{"the sidecar's label", "{grafana_dashboard: \"1\"}", "{}", "sidecar"},
		{"labels that are not honoured", "honorLabels: true", "honorLabels: false", "honorLabels"},
		{"a selector of another Service", "matchLabels: {app: l}", "matchLabels: {app: m}", "does not select the Service"},
		{"a selector of everything", "matchLabels: {app: l}", "matchLabels: {}", "does not select the Service"},
		{"a Service of other pods", "selector: {app: l}, ports", "selector: {app: m}, ports", "does not select the manager"},
		{"a port that the Service lacks", "[{port: metrics,", "[{port: metric,", "no port metric"},
		{"a port that the manager lacks", "name: numbers, containerPort", "name: number, containerPort", "no port numbers"},
		{"a port that is closed", "ingress: [{ports: [{port: numbers}]}]", "ingress: [{ports: [{port: probes}]}]", "lets nobody"},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			folder := t.TempDir()
			write := func(name, text string) string {
				path := filepath.Join(folder, name)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			write("alerts.yaml", alertsFile)
			write("dashboard.json", dashboardFile)
			if !strings.Contains(monitored, test.from) {
				t.Fatalf("%q is not there to be changed", test.from)
			}
			err := checkMonitoring(write("all.yaml", strings.Replace(monitored, test.from, test.to, 1)), folder)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("the error is %v, want one about %q", err, test.want)
			}
		})
	}
}
