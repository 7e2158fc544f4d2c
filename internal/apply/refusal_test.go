// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// TestRefusal: what a person must change is told, what passes by itself is tried again; nothing is both.
func TestRefusal(t *testing.T) {
	r := schema.GroupResource{Group: "snapshot.storage.k8s.io", Resource: "volumesnapshots"}
	terminating := apierrors.NewForbidden(r, "x", errors.New("the namespace is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for _, c := range []struct {
		name   string
		err    error
		reason string // empty: it passes
		final  bool
	}{
		{"nothing", nil, "", false},
		{"a quota", testkit.QuotaExceeded("x"), api.ReasonQuotaExceeded, false},
		{"admission or RBAC", apierrors.NewForbidden(r, "x", errors.New("no")), api.ReasonAdmissionRefused, false},
		{"the namespace goes", terminating, api.ReasonNamespaceTerminating, true},
		{"a name that is taken", &NameTaken{"VolumeSnapshot", "x"}, api.ReasonNameTaken, true},
		{"a name that is taken, within another error", fmt.Errorf("create: %w", &NameTaken{"VolumeSnapshot", "x"}), api.ReasonNameTaken, true},
		{"invalid", apierrors.NewInvalid(schema.GroupKind{}, "x", nil), api.ReasonCreateFailed, true},
		{"a bad request", apierrors.NewBadRequest("no"), api.ReasonCreateFailed, true},
		{"the API went away", apierrors.NewNotFound(r, "x"), api.ReasonSnapshotAPIMissing, false},
		{"the API is not there", &meta.NoKindMatchError{}, api.ReasonSnapshotAPIMissing, false},
		{"too many requests", apierrors.NewTooManyRequests("slow down", 1), "", false},
		{"a timeout", apierrors.NewTimeoutError("x", 1), "", false},
		{"a deadline", context.DeadlineExceeded, "", false},
		{"an internal error", apierrors.NewInternalError(errors.New("x")), "", false},
		{"a conflict", apierrors.NewConflict(r, "x", errors.New("x")), "", false},
		{"unavailable", apierrors.NewServiceUnavailable("x"), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := refusal(c.err)
			switch {
			case got == nil && c.reason != "":
				t.Errorf("it passes, want %s", c.reason)
			case got != nil && (got.Reason != c.reason || got.Final != c.final):
				t.Errorf("it is %s, final: %t; want %q, %t", got.Reason, got.Final, c.reason, c.final)
			}
		})
	}
}
