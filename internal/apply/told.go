// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	applyv1alpha1 "github.com/lifeboat-dev/lifeboat/api/applyconfiguration/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
)

// Told writes what a notifier was told of an object. Each notifier owns its own entry alone, so that none gets in the way of another,
// nor of whoever writes the rest of the status.
func (w *Writer) Told(ctx context.Context, m tell.Mark) error {
	var marks []*applyv1alpha1.NotifierMarkApplyConfiguration
	if !m.Remove {
		marks = append(marks, &applyv1alpha1.NotifierMarkApplyConfiguration{Notifier: &m.Mark.Notifier, Findings: m.Mark.Findings, At: m.Mark.At})
	}
	var object runtime.ApplyConfiguration
	uid := types.UID(m.Object.UID)
	switch m.Object.Kind {
	case tell.KindPolicy:
		status := applyv1alpha1.BackupPolicyStatus().WithTold(marks...)
		object = applyv1alpha1.BackupPolicy(m.Object.Name, m.Object.Namespace).WithUID(uid).WithStatus(status)
	case tell.KindClusterPolicy:
		status := applyv1alpha1.ClusterBackupPolicyStatus().WithTold(marks...)
		object = applyv1alpha1.ClusterBackupPolicy(m.Object.Name).WithUID(uid).WithStatus(status)
	default:
		return fmt.Errorf("the status of a %s does not say who was told of it", m.Object.Kind)
	}
	err := w.Client.Status().Apply(ctx, object, client.FieldOwner("lifeboat-notify-"+m.Mark.Notifier), client.ForceOwnership)
	if Gone(err) { // the mark has gone with it
		return nil
	}
	return err
}
