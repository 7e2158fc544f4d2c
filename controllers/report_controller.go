// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/report"
)

// reportLater is when a report is tried again whose API has gone meanwhile.
const reportLater = 5 * time.Minute

// ReportReconciler repeats the findings on policies as reports. The rights that it needs, and nothing else does, are in
// config/with-reports: they are given only where reports are wanted.
type ReportReconciler struct {
	Read  *Reader
	Write *apply.Writer
	Clock clock.PassiveClock
	In    objects.ReportAPI   // the API that reports are written in
	Not   []objects.ReportAPI // others that are served: what we wrote in them before would be out of date
}

// Reconcile gathers, asks, does. A request without a namespace is for a policy of the whole cluster.
func (r *ReportReconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	now := r.Clock.Now()
	about, say, err := r.policy(ctx, req)
	if err != nil || !about.GetDeletionTimestamp().IsZero() { // then it goes soon, and its report with it
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	seen, err := r.gather(ctx, about)
	if err == nil {
		err = r.apply(ctx, about, seen, say(objects.Reported(seen.there), now))
	}
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return settle(now.Add(reportLater), now, nil)
	}
	return settle(time.Time{}, now, err)
}

// saying is what is to be said of a policy, after what was said before.
type saying func(before map[string]report.Said, now time.Time) *report.Report

// policy reads what a request is about.
func (r *ReportReconciler) policy(ctx context.Context, req reconcile.Request) (metav1.Object, saying, error) {
	if req.Namespace == "" {
		var c api.ClusterBackupPolicy
		err := r.Read.Cache.Get(ctx, req.NamespacedName, &c)
		return &c, func(before map[string]report.Said, now time.Time) *report.Report {
			return report.ForClusterPolicy(&c, before, now)
		}, err
	}
	var b api.BackupPolicy
	err := r.Read.Cache.Get(ctx, req.NamespacedName, &b)
	return &b, func(before map[string]report.Said, now time.Time) *report.Report {
		return report.ForPolicy(&b, before, now)
	}, err
}

func (r *ReportReconciler) apply(ctx context.Context, about metav1.Object, seen reportsSeen, say *report.Report) error {
	if say == nil {
		return nil
	}
	if err := r.Write.Report(ctx, about, objects.Report(r.In, about, say), seen.there); err != nil {
		return err
	}
	for _, old := range seen.elsewhere {
		if err := r.Write.Withdraw(ctx, about, old); err != nil {
			return err
		}
	}
	return nil
}
