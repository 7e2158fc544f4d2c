// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"slices"
	"testing"

	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// TestWatchesThatAreRefused: rights that were taken away are noticed, name what cannot be judged any more, and are
// forgotten once they are back. A watch that breaks and is made anew at once is no news.
func TestWatchesThatAreRefused(t *testing.T) {
	refuse := true
	live := interceptor.NewClient(fake.NewClientBuilder().WithScheme(Scheme()).Build(), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, o ...client.ListOption) error {
			if _, drivers := l.(*storagev1.CSIDriverList); drivers && refuse {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "csidrivers"}, "", errors.New("no rights"))
			}
			return c.List(ctx, l, o...)
		},
	})
	h := NewWatchHealth()
	kinds := func() []string {
		var out []string
		for _, w := range watched {
			out = append(out, w.kind())
		}
		return out
	}()
	for _, want := range []string{"*v1.CSIDriver", "*v1.PersistentVolumeClaim", "*v1alpha1.RecoveryPoint"} {
		if !slices.Contains(kinds, want) {
			t.Fatalf("kinds are named %v", kinds)
		}
	}
	h.failed("*v1.CSIDriver", errors.New("watch closed"))
	h.failed("*v1.StorageClass", errors.New("watch closed"))
	h.failed("*v1.Lease", errors.New("watch closed"))
	if got := h.unread(); len(got) != 0 {
		t.Errorf("before anybody asked, %v counts as unread", got)
	}
	if !h.probe(t.Context(), live) || h.unread()[drift.FactStack] == "" || len(h.unread()) != 1 {
		t.Errorf("unread are %v", h.unread())
	}
	if h.probe(t.Context(), live) {
		t.Error("nothing changed, and it is told")
	}
	refuse = false
	if !h.probe(t.Context(), live) || len(h.unread()) != 0 {
		t.Errorf("the rights are back, and unread are %v", h.unread())
	}
}
