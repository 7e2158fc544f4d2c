// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/test/monitoring"
)

// somebody is whoever is paged, by a webhook.
type somebody struct {
	mu   sync.Mutex
	told map[string]string // alert → its last status
}

func (p *somebody) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var message struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	if json.NewDecoder(r.Body).Decode(&message) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range message.Alerts {
		p.told[a.Labels["alertname"]+" "+a.Labels["namespace"]] = a.Status
	}
}

func (p *somebody) was(alert, namespace, status string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told[alert+" "+namespace] == status
}

// A real Prometheus and a real Alertmanager: a point that vanishes pages somebody; the operator dies, which pages too, and
// what was paged before is not forgotten; it comes back, and both clear; and a policy that is deleted leaves no series.
// It runs alone, because it takes the operator away.
func TestPages(t *testing.T) {
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync")
	s.take("first", "sync")
	rules, err := monitoring.Alerts()
	if err != nil {
		t.Fatal(err)
	}
	pager := &somebody{told: map[string]string{}}
	server := httptest.NewServer(pager)
	t.Cleanup(server.Close)
	t.Cleanup(func() { s.operators(1) })
	stack := monitoring.Start(t, monitoring.Options{Targets: s.operators(1), Rules: rules, ForOverride: time.Second, Alertmanager: true, Webhook: server.URL})
	paged := func(alert, namespace string) func() (bool, error) {
		return func() (bool, error) {
			alerts, err := stack.AlertmanagerAlerts()
			there := slices.ContainsFunc(alerts, func(a monitoring.Alert) bool {
				return a.Name() == alert && a.Labels["namespace"] == namespace && a.Labels["severity"] == "page"
			})
			return there && pager.was(alert, namespace, "firing"), err
		}
	}
	cleared := func(alert, namespace string) func() (bool, error) {
		return func() (bool, error) { return pager.was(alert, namespace, "resolved"), nil }
	}
	of := fmt.Sprintf(`{namespace=%q, __name__=~"lifeboat_.*"}`, s.name)
	stack.Eventually("series of the policy", time.Minute, func() (bool, error) {
		found, err := stack.Query(fmt.Sprintf(`lifeboat_policy_condition{namespace=%q, condition="Protected", status="True"} == 1`, s.name))
		return len(found) == 1, err
	})

	s.kubectl("delete", "volumesnapshot", s.snapshots("first")["contacts"].Name, "--timeout=60s")
	stack.Eventually("the lost point to be paged", time.Minute, paged(api.ReasonRecoveryPointVanished, s.name))

	s.operators(0)
	stack.Eventually("the dead operator to be paged", 2*time.Minute, paged("EvaluatorStale", ""))
	time.Sleep(5 * time.Second)
	if still, err := paged(api.ReasonRecoveryPointVanished, s.name)(); !still || err != nil {
		t.Errorf("with the operator, the lost point was forgotten: %v", err)
	}

	stack.SetTargets(s.operators(1)...)
	stack.Eventually("the page of the operator to clear", 2*time.Minute, cleared("EvaluatorStale", ""))
	if still, err := paged(api.ReasonRecoveryPointVanished, s.name)(); !still || err != nil {
		t.Errorf("with the new operator, the lost point was forgotten: %v", err)
	}
	s.take("second", "sync")
	s.kubectl("delete", "rp", "first", "--timeout=90s")
	stack.Eventually("the page of the lost point to clear", time.Minute, cleared(api.ReasonRecoveryPointVanished, s.name))

	if found, err := stack.Query(of); len(found) < 10 || err != nil {
		t.Errorf("only %d series of the policy: %v", len(found), err)
	}
	s.kubectl("delete", "bp", "sync", "--timeout=60s")
	stack.Eventually("the series of the deleted policy to vanish", time.Minute, func() (bool, error) {
		found, err := stack.Query(of)
		return len(found) == 0, err
	})
}

// operators has so many operators run, and waits for it. It gives back where their metrics are.
func (s *space) operators(n int) []string {
	s.t.Helper()
	d := &appsv1.Deployment{}
	if err := kube.Get(s.ctx, client.ObjectKey{Namespace: operatorSpace, Name: "lifeboat-manager"}, d); err != nil {
		s.t.Fatal(err)
	}
	if ptr.Deref(d.Spec.Replicas, 1) != int32(n) {
		s.patch(d, fmt.Sprintf(`{"spec":{"replicas":%d}}`, n))
	}
	var targets []string
	s.await(fmt.Sprintf("%d operators", n), 2*time.Minute, func() string {
		var pods corev1.PodList
		if err := kube.List(s.ctx, &pods, client.InNamespace(operatorSpace), client.MatchingLabels{"app.kubernetes.io/component": "manager"}); err != nil {
			return err.Error()
		}
		targets = nil
		for _, p := range pods.Items {
			ready := slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
				return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
			})
			if ready && p.DeletionTimestamp.IsZero() {
				targets = append(targets, p.Status.PodIP+":8080")
			}
		}
		if len(targets) != n || len(pods.Items) != n {
			return fmt.Sprintf("%d pods, %d ready", len(pods.Items), len(targets))
		}
		return ""
	})
	return targets
}
