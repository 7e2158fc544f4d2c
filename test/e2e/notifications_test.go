// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// alertmanagerIP is the address in values.yaml: the test cluster has no DNS.
const alertmanagerIP = "10.96.200.93"

// oncall is an alert as the Alertmanager in the cluster has it.
type oncall struct {
	Labels, Annotations map[string]string
}

// alertmanager runs a real one, where values.yaml says that it is. It gives back what it holds.
func (s *space) alertmanager() func() ([]oncall, error) {
	s.t.Helper()
	const name = "alertmanager"
	meta := metav1.ObjectMeta{Name: name, Namespace: "e2e-alertmanager", Labels: map[string]string{"app": name}}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: meta.Namespace}}
	s.create(ns)
	s.t.Cleanup(func() {
		if err := client.IgnoreNotFound(kube.Delete(s.ctx, ns)); err != nil {
			s.t.Error(err)
		}
	})
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: meta.Labels, ClusterIP: alertmanagerIP, Ports: []corev1.ServicePort{{Port: 9093, TargetPort: intstr.FromInt32(9093)}}}}
	s.create(service)
	s.await("the default service account", time.Minute, func() string {
		return problem(kube.Get(s.ctx, client.ObjectKey{Namespace: meta.Namespace, Name: "default"}, &corev1.ServiceAccount{}))
	})
	pod := &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: name, Image: "lifeboat.test/alertmanager:latest", ImagePullPolicy: corev1.PullNever,
		Args: []string{"--config.file=/etc/prometheus/alertmanager.yml", "--storage.path=/tmp/data", "--cluster.listen-address="},
	}}}}
	s.create(pod)
	ask := func() ([]oncall, error) {
		direct := http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second} // no proxy knows the cluster's addresses
		answer, err := direct.Get("http://" + alertmanagerIP + ":9093/api/v2/alerts")
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		var out []oncall
		err = json.Unmarshal(text, &out)
		return out, err
	}
	s.await("the Alertmanager to answer", 2*time.Minute, func() string {
		_, err := ask()
		return problem(err)
	})
	return ask
}

// Without Prometheus: a finding is told to a real Alertmanager when it appears, when it becomes louder, and when it ends; and
// people can try whether they would be told.
func TestNotifications(t *testing.T) {
	t.Parallel()
	loadImage(t, "alertmanager")
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", drilled())
	s.fingerprinted("first", "sync")
	alerts := s.alertmanager()
	told := func(kind, severity string) func() string {
		return func() string {
			all, err := alerts()
			if err != nil {
				return err.Error()
			}
			for _, a := range all {
				if a.Labels["alertname"] == kind && a.Labels["namespace"] == s.name && a.Labels["policy"] == "sync" && a.Labels["severity"] == severity {
					if a.Annotations["remedy"] == "" || !strings.Contains(a.Annotations["runbook_url"], kind) {
						return fmt.Sprintf("it helps nobody: %v", a.Annotations)
					}
					return ""
				}
			}
			return fmt.Sprintf("it holds %v", all)
		}
	}
	forgotten := func(kind string) func() string {
		return func() string {
			all, err := alerts()
			for _, a := range all {
				if a.Labels["alertname"] == kind && a.Labels["namespace"] == s.name {
					return fmt.Sprintf("it holds %v", a.Labels)
				}
			}
			return problem(err)
		}
	}
	fails := ofPolicy("sync")
	fails.Checks = []api.Check{check("no", api.LevelConsistent, "false")}
	s.rehearse("fails", fails)
	s.finding("sync", api.ReasonDrillFailed, api.SeverityHigh, 2*time.Minute)
	s.await("the Alertmanager to be told", soonEnough, told(api.ReasonDrillFailed, string(api.SeverityHigh)))
	s.rehearse("fails-again", fails)
	s.finding("sync", api.ReasonDrillFailed, api.SeverityCritical, 2*time.Minute)
	s.await("the Alertmanager to be told that it is worse", soonEnough, told(api.ReasonDrillFailed, string(api.SeverityCritical)))
	s.rehearse("passes", ofPolicy("sync"))
	s.cleared("sync", api.ReasonDrillFailed, 2*time.Minute)
	s.await("the Alertmanager to be told the end", 2*time.Minute, forgotten(api.ReasonDrillFailed))

	if out, err := kubectl(s.ctx, "-n", operatorSpace, "exec", "deploy/lifeboat-manager", "--", "/manager", "notify-test"); err != nil || !strings.Contains(out, "on-call") {
		t.Errorf("notify-test: %v\n%s", err, out)
	}
	helm, err := exec.CommandContext(s.ctx, "make", "-s", "-C", repository, "helm").Output()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(s.ctx, strings.TrimSpace(string(helm)), "test", "lifeboat", "-n", operatorSpace, "--timeout", "90s").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Succeeded") {
		t.Errorf("helm test: %v\n%s", err, out)
	}
}
