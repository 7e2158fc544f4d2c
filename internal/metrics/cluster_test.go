// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// clusterSeries are the series of ClusterBackupPolicies, one a line.
func clusterSeries(t *testing.T, from client.Reader) (string, error) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&clusterPolicies{from})
	families, err := registry.Gather()
	var out []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			out = append(out, fmt.Sprintf("%s{%s} %v", f.GetName(), strings.Join(labels, ","), m.GetGauge().GetValue()))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n"), err
}

func TestClusterPolicySeries(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	a := testkit.NewAPI(scheme, clocktesting.NewFakePassiveClock(time.Unix(0, 0)))
	covered := metav1.Condition{Type: api.ConditionCovered, Status: metav1.ConditionFalse}
	unknown := metav1.Condition{Type: api.ConditionCovered, Status: metav1.ConditionUnknown}
	baseline := &api.ClusterBackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "baseline"}, Status: api.ClusterBackupPolicyStatus{
		ObservedGeneration: 1, Conditions: []metav1.Condition{covered}, Claims: api.ClaimCounts{Total: 6, Covered: 3, Exempt: 2, Uncovered: 1},
		Findings: []api.Finding{
			{Kind: api.ReasonUnprotectedVolume, Severity: api.SeverityHigh, Subject: "pvc/a/x"},
			{Kind: api.ReasonUnprotectedVolume, Severity: api.SeverityHigh, Subject: "pvc/a/y"},
			{Kind: api.ReasonUnprotectedVolume, Severity: api.SeverityLow, Subject: "pvc/a/z"},
		},
	}}
	slip := &api.ClusterBackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "slip"}, Status: api.ClusterBackupPolicyStatus{Conditions: []metav1.Condition{unknown}}}
	fresh := &api.ClusterBackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "fresh"}}
	if err := a.Seed(baseline, slip, fresh); err != nil {
		t.Fatal(err)
	}
	c := a.Client(nil)
	got, err := clusterSeries(t, c)
	want := strings.Join([]string{
		"lifeboat_cluster_finding{cluster_policy=baseline,kind=UnprotectedVolume,severity=High} 1",
		"lifeboat_cluster_finding{cluster_policy=baseline,kind=UnprotectedVolume,severity=Low} 1",
		"lifeboat_cluster_policy_claims{cluster_policy=baseline,state=covered} 3",
		"lifeboat_cluster_policy_claims{cluster_policy=baseline,state=exempt} 2",
		"lifeboat_cluster_policy_claims{cluster_policy=baseline,state=uncovered} 1",
		"lifeboat_cluster_policy_condition{cluster_policy=baseline,condition=Covered,status=False} 1",
		"lifeboat_cluster_policy_condition{cluster_policy=slip,condition=Covered,status=Unknown} 1",
	}, "\n")
	if err != nil || got != want {
		t.Errorf("series are (%v)\n%s\nwant\n%s", err, got, want)
	}
	if err := c.Delete(t.Context(), baseline); err != nil {
		t.Fatal(err)
	}
	if got, err := clusterSeries(t, c); err != nil || strings.Contains(got, "baseline") {
		t.Errorf("once it is deleted series are (%v)\n%s", err, got)
	}
	broken := a.Client(func(testkit.Call, func() error) error { return errors.New("no leader") })
	if _, err := clusterSeries(t, broken); err == nil {
		t.Error("a failed read is not told, and looks like nothing to tell")
	}
}
