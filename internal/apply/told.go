// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	applyv1alpha1 "github.com/lifeboat-dev/lifeboat/api/applyconfiguration/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
)

// Told writes what a notifier was told of an object. Each notifier owns its own entry alone, so that none gets in the way of another,
// nor of whoever writes the rest of the status.
func (w *Writer) Told(ctx context.Context, m tell.Mark) error {
	if m.Object.Kind != "BackupPolicy" {
		return fmt.Errorf("the status of a %s does not say who was told of it", m.Object.Kind)
	}
	status := applyv1alpha1.BackupPolicyStatus()
	if !m.Remove {
		status = status.WithTold(&applyv1alpha1.NotifierMarkApplyConfiguration{Notifier: &m.Mark.Notifier, Findings: m.Mark.Findings, At: m.Mark.At})
	}
	policy := applyv1alpha1.BackupPolicy(m.Object.Name, m.Object.Namespace).WithUID(types.UID(m.Object.UID)).WithStatus(status)
	err := w.Client.Status().Apply(ctx, policy, client.FieldOwner("lifeboat-notify-"+m.Mark.Notifier), client.ForceOwnership)
	if Gone(err) { // the mark has gone with it
		return nil
	}
	return err
}
