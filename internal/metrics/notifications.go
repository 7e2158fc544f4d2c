// SPDX-License-Identifier: Apache-2.0

package metrics

import "github.com/prometheus/client_golang/prometheus"

var notified = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "lifeboat_notifications_total",
	Help: "Messages to notifiers, by result: sent, or failed and to be tried again.",
}, []string{"notifier", "result"})

// Results of sending a message.
const (
	resultSent   = "sent"
	resultFailed = "failed"
)

// Notifier makes the series of a notifier, so that its first failure is an increase.
func Notifier(name string) {
	notified.WithLabelValues(name, resultSent)
	notified.WithLabelValues(name, resultFailed)
}

// Notified counts a message to a notifier.
func Notified(name string, failed bool) {
	if failed {
		notified.WithLabelValues(name, resultFailed).Inc()
		return
	}
	notified.WithLabelValues(name, resultSent).Inc()
}
