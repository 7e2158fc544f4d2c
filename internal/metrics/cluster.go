// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// clusterPolicies describes ClusterBackupPolicies as they are at the scrape.
type clusterPolicies struct{ from client.Reader }

var (
	clusterClaims  = describe(prometheus.GaugeValue, "lifeboat_cluster_policy_claims", "Claims in the scope of a ClusterBackupPolicy by state: covered, exempt or uncovered.", "cluster_policy", "state")
	clusterState   = describe(prometheus.GaugeValue, "lifeboat_cluster_policy_condition", "1 for the status that a condition of a ClusterBackupPolicy has.", "cluster_policy", "condition", "status")
	clusterFinding = describe(prometheus.GaugeValue, "lifeboat_cluster_finding", "1 while a ClusterBackupPolicy has findings of a kind and a severity; pending ones are left out.", "cluster_policy", "kind", "severity")
)

// ofCluster are all that are told of ClusterBackupPolicies.
var ofCluster = []series{clusterClaims, clusterState, clusterFinding}

// Describe implements prometheus.Collector.
func (c *clusterPolicies) Describe(out chan<- *prometheus.Desc) {
	for _, s := range ofCluster {
		out <- s.desc
	}
}

// Collect implements prometheus.Collector.
func (c *clusterPolicies) Collect(out chan<- prometheus.Metric) {
	var list api.ClusterBackupPolicyList
	if err := c.from.List(context.Background(), &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		out <- prometheus.NewInvalidMetric(clusterClaims.desc, err)
		return
	}
	for i := range list.Items {
		collectCluster(&list.Items[i], out)
	}
}

// collectCluster says nothing of claims that could not be judged: not known is not the same as none uncovered.
func collectCluster(c *api.ClusterBackupPolicy, out chan<- prometheus.Metric) {
	gauge := func(s series, v float64, labels ...string) {
		out <- s.of(v, append([]string{c.Name}, labels...)...)
	}
	if covered := meta.FindStatusCondition(c.Status.Conditions, api.ConditionCovered); covered != nil && covered.Status != metav1.ConditionUnknown {
		n := c.Status.Claims
		gauge(clusterClaims, float64(n.Covered), "covered")
		gauge(clusterClaims, float64(n.Exempt), "exempt")
		gauge(clusterClaims, float64(n.Uncovered), "uncovered")
	}
	for i := range c.Status.Conditions {
		gauge(clusterState, 1, c.Status.Conditions[i].Type, string(c.Status.Conditions[i].Status))
	}
	told := map[[2]string]bool{}
	for i := range c.Status.Findings {
		f := &c.Status.Findings[i]
		if key := [2]string{f.Kind, string(f.Severity)}; !told[key] && f.Severity != api.SeverityPending {
			told[key] = true
			gauge(clusterFinding, 1, f.Kind, string(f.Severity))
		}
	}
}
