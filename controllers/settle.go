// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
)

// soon is when to look again at what has just been written, or written by somebody else: the cache needs a moment.
const soon = 100 * time.Millisecond

// settle says when to look again: at the next instant at which the answer can differ. A conflict is not an error, but news.
func settle(wake, now time.Time, err error) (ctrl.Result, error) {
	switch {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: soon}, nil
	case err != nil:
		return ctrl.Result{}, err
	case wake.IsZero():
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: max(soon, wake.Sub(now))}, nil
}
