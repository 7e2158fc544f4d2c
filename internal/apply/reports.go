// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
)

// ReportOwner is the name under which reports are written.
const ReportOwner = client.FieldOwner("lifeboat-reports")

// Report writes a report on a policy, if what is there, which may be nil, does not say all of it. One that somebody else made is
// never touched.
func (w *Writer) Report(ctx context.Context, about metav1.Object, want, there *unstructured.Unstructured) error {
	if there == nil {
		err := w.Client.Create(ctx, want, ReportOwner)
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return nil
		}
		return err
	}
	if !objects.OurReport(there, about) {
		return &NameTaken{there.GetKind(), there.GetName()}
	}
	if objects.SameReport(want, there) {
		return nil
	}
	want.SetUID(there.GetUID())
	return w.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(want), ReportOwner, client.ForceOwnership)
}

// Withdraw deletes a report of ours on a policy, which was read live.
func (w *Writer) Withdraw(ctx context.Context, about metav1.Object, there *unstructured.Unstructured) error {
	if !objects.OurReport(there, about) {
		return nil
	}
	if err := w.Client.Delete(ctx, there, preconditions(there.GetUID(), "")); !Gone(err) {
		return err
	}
	return nil
}
