// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/coverage"
)

// ClusterPolicyReconciler carries cluster backup policies out.
type ClusterPolicyReconciler struct {
	Read  *Reader
	Write *apply.Writer
	Tell  Teller
	Clock clock.PassiveClock
	Hooks bool // the operator may run commands in pods

	// Workloads has StatefulSets and Deployments watched, once a policy is seen that selects by one. When absent they are not.
	Workloads func() error
}

// +kubebuilder:rbac:groups=lifeboat.dev,resources=clusterbackuppolicies,verbs=list;watch;patch
// +kubebuilder:rbac:groups=lifeboat.dev,resources=clusterbackuppolicies/status,verbs=patch
// +kubebuilder:rbac:groups=lifeboat.dev,resources=backuppolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=list;watch
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get,resourceNames=clusterbackuppolicies.lifeboat.dev
// +kubebuilder:rbac:groups=apps,resources=statefulsets;deployments,verbs=list;watch

// Reconcile gathers, asks, does, and says.
func (r *ClusterPolicyReconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var c api.ClusterBackupPolicy
	if err := r.Read.Cache.Get(ctx, req.NamespacedName, &c); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	now := r.Clock.Now()
	seen, err := r.gather(ctx, &c)
	if err != nil {
		return settle(time.Time{}, now, err)
	}
	if !c.DeletionTimestamp.IsZero() {
		return settle(time.Time{}, now, r.conclude(ctx, &c, coverage.ForDeleted(&seen)))
	}
	todo := coverage.ForPolicy(&seen, now)
	refused, err := r.apply(ctx, &c, &todo)
	if len(refused) > 0 {
		seen.Refused = refused
		todo = coverage.ForPolicy(&seen, now)
	}
	if told := r.report(ctx, &c, todo); told != nil {
		err = errors.Join(err, told)
	}
	return settle(todo.Wake, now, err)
}

// apply holds the object before it makes what its deletion is to remove.
func (r *ClusterPolicyReconciler) apply(ctx context.Context, c *api.ClusterBackupPolicy, todo *coverage.Plan) (map[string]string, error) {
	if err := r.Write.Finalizer(ctx, c.DeepCopy(), api.FinalizerStamped, todo.Finalizer); err != nil {
		return nil, err
	}
	refused, err := r.Write.Stamp(ctx, c, todo)
	r.Tell.All(c, todo.Deeds(refused))
	return refused, err
}

// report writes the status once, when it changed, and only then tells what became true.
func (r *ClusterPolicyReconciler) report(ctx context.Context, c *api.ClusterBackupPolicy, todo coverage.Plan) error {
	if equality.Semantic.DeepEqual(c.Status, todo.Status) {
		return nil
	}
	after := c.DeepCopy()
	after.Status = todo.Status
	if err := r.Write.Client.Status().Patch(ctx, after, apply.StatusPatch(c), apply.FieldOwner); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.Tell.All(c, todo.Notes)
	return nil
}

// conclude carries out what the deletion asks for, and lets the object go once all of it was done.
func (r *ClusterPolicyReconciler) conclude(ctx context.Context, c *api.ClusterBackupPolicy, todo coverage.Plan) error {
	refused, err := r.Write.Stamp(ctx, c, &todo)
	r.Tell.All(c, todo.Deeds(refused))
	if err != nil {
		return err
	}
	for namespace, why := range refused {
		return errors.New("namespace " + namespace + ": " + why)
	}
	return r.Write.Finalizer(ctx, c.DeepCopy(), api.FinalizerStamped, todo.Finalizer)
}
