// SPDX-License-Identifier: Apache-2.0

// Package metrics names, explains and registers every metric. What describes objects is read from them at each
// scrape, so that a restart forgets nothing and a deleted object leaves no series. Instants are timestamps, not
// ages: a dead operator cannot look healthy.
package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

var (
	evaluated = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lifeboat_evaluation_timestamp_seconds",
		Help: "When a policy was last evaluated, in seconds since 1970.",
	})
	missed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lifeboat_slots_missed_total",
		Help: "Slots that passed without a run.",
	}, []string{"namespace", "policy"})
	refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lifeboat_prunes_refused_total",
		Help: "Expiries that a fresh look refused.",
	}, []string{"reason"})
	captures = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "lifeboat_capture_seconds",
		Help:    "How long captures took, from their start to their end, by result (Complete or Failed).",
		Buckets: []float64{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600},
	}, []string{"result"})
)

// Evaluated records that a policy was evaluated.
func Evaluated(now time.Time) { evaluated.Set(float64(now.Unix())) }

// Missed counts slots that passed without a run.
func Missed(namespace, policy string, n int64) {
	if n > 0 {
		missed.WithLabelValues(namespace, policy).Add(float64(n))
	}
}

// PruneRefused counts an expiry that was refused.
func PruneRefused(reason string) { refused.WithLabelValues(reason).Inc() }

// Captured records how long a capture took.
func Captured(p *api.RecoveryPoint) {
	if p.Status.Capture == nil || p.Status.FinishedAt == nil {
		return
	}
	result := "Failed"
	if plan.Complete(p) {
		result = "Complete"
	}
	captures.WithLabelValues(result).Observe(p.Status.FinishedAt.Sub(p.Status.Capture.StartedAt.Time).Seconds())
}

// Register registers every metric; what describes objects is read through the given reader.
func Register(from client.Reader) {
	metrics.Registry.MustRegister(evaluated, missed, refused, captures, &fleet{from})
	metrics.Registry.MustRegister(notified)
}

// Deleted drops the series of a deleted policy.
func Deleted(namespace, policy string) { missed.DeleteLabelValues(namespace, policy) }

// fleet describes policies as they are at the scrape.
type fleet struct{ from client.Reader }

var (
	perPolicy = []string{"namespace", "policy"}
	lastPoint = describe("lifeboat_policy_last_recovery_point_timestamp_seconds", "The moment the newest complete recovery point is from, in seconds since 1970; absent until there is one.", perPolicy...)
	nextSlot  = describe("lifeboat_policy_next_slot_timestamp_seconds", "The next scheduled instant, in seconds since 1970; absent while suspended.", perPolicy...)
	objective = describe("lifeboat_policy_objective_seconds", "How old data may get, as the policy promises.", "namespace", "policy", "objective")
	state     = describe("lifeboat_policy_condition", "1 for the status that a condition has.", "namespace", "policy", "condition", "status")
	points    = describe("lifeboat_recovery_points", "Recovery points by state.", "namespace", "policy", "state")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (f *fleet) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lastPoint, nextSlot, objective, state, points} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (f *fleet) Collect(out chan<- prometheus.Metric) {
	var list api.BackupPolicyList
	if err := f.from.List(context.Background(), &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		out <- prometheus.NewInvalidMetric(lastPoint, err)
		return
	}
	for i := range list.Items {
		collect(&list.Items[i], out)
	}
}

func collect(b *api.BackupPolicy, out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{b.Namespace, b.Name}, labels...)...)
	}
	if p := b.Status.LastRecoveryPoint; p != nil {
		gauge(lastPoint, float64(p.PointInTime.Unix()))
	}
	if s := b.Status.NextSlot; s != nil {
		gauge(nextSlot, float64(s.Unix()))
	}
	if o := b.Spec.Objectives; o != nil && o.RecoveryPoint != nil {
		gauge(objective, o.RecoveryPoint.Seconds(), "recoveryPoint")
	}
	for _, c := range b.Status.Conditions {
		gauge(state, 1, c.Type, string(c.Status))
	}
	n := b.Status.RecoveryPoints
	gauge(points, float64(n.Complete), "complete")
	gauge(points, float64(n.Capturing), "capturing")
	gauge(points, float64(n.Failed), "failed")
	gauge(points, float64(n.Held), "held")
}
