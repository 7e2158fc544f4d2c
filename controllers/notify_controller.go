// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/config"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
	"github.com/lifeboat-dev/lifeboat/internal/metrics"
	"github.com/lifeboat-dev/lifeboat/internal/notify"
)

// A notifier that fails for so long has an event, and another each time that much has passed.
const (
	failsLong   = 15 * time.Minute
	failsLonger = time.Hour
)

// NotifyReconciler tells notifiers what became of findings. A request names a notifier, not an object, so that one that fails holds no
// other up.
type NotifyReconciler struct {
	Read  *Reader
	Write *apply.Writer
	Tell  Teller
	Clock clock.PassiveClock
	Pod   client.ObjectKey // the operator's own; without a name there is none to have events about

	recipients map[string]*recipient
}

// recipient is a notifier, with what only this process knows of it.
type recipient struct {
	route  tell.Route
	to     notify.Notifier
	memory tell.Memory
	owed   []tell.Mark // to be written down before anything else is told

	failed       int // times in a row
	since, retry time.Time
	event        time.Time // when the last event told of it
}

// Add has a notifier told, from the start on.
func (r *NotifyReconciler) Add(n config.Notifier, of config.Notifications, to notify.Notifier) {
	if r.recipients == nil {
		r.recipients = map[string]*recipient{}
	}
	r.recipients[n.Name] = &recipient{to: to, route: tell.Route{
		Name: n.Name, Alerts: n.Type == config.NotifierAlertmanager, Severity: n.Severity, Namespaces: n.Namespaces, Resolved: *n.Resolved,
		GroupWait: of.GroupWait.Duration, MinInterval: of.MinInterval.Duration,
	}}
	metrics.Notifier(n.Name)
}

func (r *NotifyReconciler) names() []string { return slices.Sorted(maps.Keys(r.recipients)) }

// everybody is to look at what changed.
func (r *NotifyReconciler) everybody(context.Context, client.Object) []reconcile.Request {
	var out []reconcile.Request
	for _, name := range r.names() {
		out = append(out, request("", name)...)
	}
	return out
}

// Reconcile looks at all findings for one notifier.
func (r *NotifyReconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	n := r.recipients[req.Name]
	now := r.Clock.Now()
	if n.retry.After(now) {
		return settle(n.retry, now, nil)
	}
	if err := r.settleDebt(ctx, n); err != nil {
		return settle(time.Time{}, now, err)
	}
	answer, err := r.decide(ctx, n, now)
	if err != nil {
		return settle(time.Time{}, now, err)
	}
	n.memory.Waiting = answer.Waiting
	if answer.Message != nil {
		for _, m := range answer.Intent {
			if err := r.Write.Told(ctx, m); err != nil {
				return settle(time.Time{}, now, err)
			}
		}
		if err := n.to.Send(ctx, *answer.Message); err != nil {
			r.complain(ctx, n, err, now)
			return settle(n.retry, now, nil)
		}
		metrics.Notified(n.route.Name, false)
		n.failed, n.since, n.retry, n.event = 0, time.Time{}, time.Time{}, time.Time{}
		if !n.route.Alerts {
			n.memory.Last = now
			log.FromContext(ctx).Info("a notifier was told", "title", answer.Message.Title)
		}
	}
	n.owed = answer.Marks
	return settle(answer.Wake, now, r.settleDebt(ctx, n))
}

// settleDebt writes down what was told. What cannot be written is owed, and nothing more is told before.
func (r *NotifyReconciler) settleDebt(ctx context.Context, n *recipient) error {
	for len(n.owed) > 0 {
		if err := r.Write.Told(ctx, n.owed[0]); err != nil {
			return fmt.Errorf("write what notifier %s was told: %w", n.route.Name, err)
		}
		n.owed = n.owed[1:]
	}
	return nil
}

// decide asks twice where people are told: the second time of what was read live.
func (r *NotifyReconciler) decide(ctx context.Context, n *recipient, now time.Time) (tell.Answer, error) {
	objects, err := r.Read.tellable(ctx)
	if err != nil {
		return tell.Answer{}, err
	}
	if names := r.names(); names[0] == n.route.Name { // one of them clears away what is left of those that are gone
		for _, m := range tell.Strays(objects, names) {
			if err := r.Write.Told(ctx, m); err != nil {
				return tell.Answer{}, err
			}
		}
	}
	if n.route.Alerts {
		return tell.Alerts(n.route, objects, now), nil
	}
	answer := tell.Messages(n.route, objects, n.memory, now)
	if answer.Message == nil {
		return answer, nil
	}
	if err := r.Read.refresh(ctx, answer.Intent); err != nil {
		return tell.Answer{}, err
	}
	return tell.Messages(n.route, objects, tell.Memory{Waiting: answer.Waiting, Last: n.memory.Last}, now), nil
}

// complain says that a notifier could not be told, and when it is tried again.
func (r *NotifyReconciler) complain(ctx context.Context, n *recipient, err error, now time.Time) {
	metrics.Notified(n.route.Name, true)
	n.failed++
	if n.since.IsZero() {
		n.since = now
	}
	n.retry = now.Add(tell.Backoff(n.failed))
	log.FromContext(ctx).Error(err, "a notifier could not be told, and will be tried again", "failures", n.failed, "again", n.retry)
	if r.Pod.Name == "" || now.Sub(n.since) < failsLong || !n.event.IsZero() && now.Sub(n.event) < failsLonger {
		return
	}
	var pod corev1.Pod
	if err := r.Read.Live.Get(ctx, r.Pod, &pod); err != nil {
		log.FromContext(ctx).Error(err, "read the operator's own pod, to have an event about it")
		return
	}
	n.event = now
	r.Tell.Tell(&pod, plan.Note{Reason: api.ReasonNotificationFailed, Warning: true,
		Message: fmt.Sprintf("nobody could be told for %s: %s", now.Sub(n.since).Round(time.Minute), err)})
}
