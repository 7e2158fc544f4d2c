// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
)

// reportsSeen are the reports on a policy that are there.
type reportsSeen struct {
	there     *unstructured.Unstructured // nil when there is none
	elsewhere []*unstructured.Unstructured
}

// gather reads live: reports are looked at only when there is something to say, and others make many more of them than we do.
func (r *ReportReconciler) gather(ctx context.Context, about metav1.Object) (seen reportsSeen, err error) {
	if seen.there, err = r.Read.report(ctx, r.In, about); err != nil {
		return seen, err
	}
	for _, in := range r.Not {
		old, err := r.Read.report(ctx, in, about)
		if err != nil && !meta.IsNoMatchError(err) {
			return seen, err
		}
		if old != nil {
			seen.elsewhere = append(seen.elsewhere, old)
		}
	}
	return seen, nil
}

// report is the report on a policy that is there; nil when there is none.
func (r *Reader) report(ctx context.Context, in objects.ReportAPI, about metav1.Object) (*unstructured.Unstructured, error) {
	u := objects.BlankReport(in, about)
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(u), u)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the report: %w", err)
	}
	return u, nil
}

// reportAPIs are those that are served, the best first, each group in one version.
func reportAPIs(m meta.RESTMapper) ([]objects.ReportAPI, error) {
	var out []objects.ReportAPI
	for _, a := range objects.ReportAPIs {
		if len(out) > 0 && out[len(out)-1].Group == a.Group {
			continue
		}
		_, err := m.RESTMapping(a.WithKind(a.Kind).GroupKind(), a.Version)
		switch {
		case err == nil:
			out = append(out, a)
		case !meta.IsNoMatchError(err):
			return nil, err
		}
	}
	return out, nil
}

// awaitReportAPIs asks until an API for reports is served, or the operator ends. While there is none nothing can be watched, so
// this is a poll.
func awaitReportAPIs(ctx context.Context, m meta.RESTMapper, every time.Duration) (out []objects.ReportAPI) {
	asked := false
	err := wait.PollUntilContextCancel(ctx, every, true, func(context.Context) (bool, error) {
		var err error
		if out, err = reportAPIs(m); err != nil {
			log.FromContext(ctx).Error(err, "cannot ask which API for reports is served")
		}
		if len(out) == 0 && !asked {
			asked = true
			log.FromContext(ctx).Info("no API for reports is served; reporting starts once one is")
		}
		return len(out) > 0, nil
	})
	if err != nil {
		return nil // the operator ends
	}
	return out
}
