// SPDX-License-Identifier: Apache-2.0

// Package metrics names, explains and registers every metric. What describes objects is read from them at each
// scrape, so that a restart forgets nothing and a deleted object leaves no series. Instants are timestamps, not
// ages: a dead operator cannot look healthy.
package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	evaluated = &heartbeat{}
	refused   = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lifeboat_prunes_refused_total",
		Help: "Expiries that a fresh look refused.",
	}, []string{"reason"})
)

// Evaluated records that a policy was evaluated.
func Evaluated(now time.Time) { evaluated.at.Store(now.Unix()) }

// PruneRefused counts an expiry that was refused.
func PruneRefused(reason string) { refused.WithLabelValues(reason).Inc() }

// Register registers every metric; what describes objects is read through the given reader.
func Register(from client.Reader) {
	metrics.Registry.MustRegister(all(from)...)
}

func all(from client.Reader) []prometheus.Collector {
	return []prometheus.Collector{evaluated, refused, &fleet{from}, &clusterPolicies{from}, &repositories{from}, notified}
}

// heartbeat tells when a policy was last evaluated. Nothing is told before: a manager that stands by has evaluated nothing.
type heartbeat struct{ at atomic.Int64 }

var evaluation = describe(prometheus.GaugeValue, "lifeboat_evaluation_timestamp_seconds",
	"When a policy was last evaluated, in seconds since 1970; absent until one was, and so from managers that stand by.")

// Describe implements prometheus.Collector.
func (h *heartbeat) Describe(out chan<- *prometheus.Desc) { out <- evaluation.desc }

// Collect implements prometheus.Collector.
func (h *heartbeat) Collect(out chan<- prometheus.Metric) {
	if at := h.at.Load(); at != 0 {
		out <- evaluation.of(float64(at))
	}
}

// series is a metric that is read when it is asked for.
type series struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func describe(kind prometheus.ValueType, name, help string, labels ...string) series {
	return series{prometheus.NewDesc(name, help, labels, nil), kind}
}

func (s series) of(value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(s.desc, s.kind, value, labels...)
}
