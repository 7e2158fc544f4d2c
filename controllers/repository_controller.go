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
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// RepositoryReconciler looks after repositories, through pods: the operator itself opens none, and reads no Secret.
type RepositoryReconciler struct {
	Read  *Reader
	Write *apply.Writer
	Tell  Teller
	Clock clock.PassiveClock
	Mover objects.Mover
	Logs  PodLogs
}

// mostCatalogue is how much of a catalogue is looked at: there is a line for each volume of each point.
const mostCatalogue = 64 << 20

// +kubebuilder:rbac:groups=lifeboat.dev,resources=repositories,verbs=get;list;watch
// +kubebuilder:rbac:groups=lifeboat.dev,resources=repositories/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create

// Reconcile gathers, asks, does, and says. The repository is read live: whether a run is over must not be forgotten by a cache
// that lags, or its pod would be made a second time.
func (r *RepositoryReconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var repository api.Repository
	if err := r.Read.Live.Get(ctx, req.NamespacedName, &repository); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	now := r.Clock.Now()
	seen, err := r.gather(ctx, &repository)
	if err != nil {
		return settle(time.Time{}, now, err)
	}
	todo := plan.ForRepository(seen, now)
	err = r.apply(ctx, &repository, &todo)
	if told := r.report(ctx, seen, &todo); told != nil {
		return settle(time.Time{}, now, errors.Join(err, told))
	}
	if err == nil { // what a pod brought is on record, and the pod may go
		err = r.Write.Remove(ctx, repository.Namespace, todo.Remove)
	}
	return settle(todo.Wake, now, err)
}

func (r *RepositoryReconciler) apply(ctx context.Context, repository *api.Repository, todo *plan.RepositoryPlan) error {
	if todo.Password != "" {
		made, why, err := r.Write.Password(ctx, repository, todo.Password)
		switch {
		case err != nil:
			return err
		case why != nil:
			todo.PasswordRefused(*why, r.Clock.Now())
		default:
			todo.PasswordThere(made)
		}
	}
	for _, o := range todo.Pods {
		why, err := r.Write.AtRepository(ctx, repositoryRun(repository), o.RepositoryOrder, r.Mover)
		if err != nil {
			return err
		}
		if why != nil {
			todo.Refused(o.Task, *why, r.Clock.Now())
		}
	}
	if todo.Import == "" {
		return nil
	}
	return r.importPoints(ctx, repository, todo)
}

// importPoints makes recovery points of what the log of a pod lists.
func (r *RepositoryReconciler) importPoints(ctx context.Context, repository *api.Repository, todo *plan.RepositoryPlan) error {
	printed, err := r.Logs.Read(ctx, repository.Namespace, todo.Import, mostCatalogue)
	if err != nil {
		todo.ImportFailed(plan.Problem{Reason: api.ReasonMoverFailed, Message: "what the repository holds could not be read: " + err.Error()}, r.Clock.Now())
		return nil
	}
	seen := plan.ImportObserved{Repository: repository, Records: plan.Catalogue(printed, result.RecordMark)}
	if seen.Points, err = r.Read.allPoints(ctx, repository.Namespace); err != nil {
		return err
	}
	now, made, there := r.Clock.Now(), 0, plan.PointsOf(repository, seen.Points)
	imports := plan.ForImport(seen, now)
	for _, i := range imports.Points {
		p, err := r.Write.Import(ctx, repository, i, now)
		if taken := (*apply.NameTaken)(nil); errors.As(err, &taken) {
			imports.Odd++ // the others are not to wait for somebody to make room
			continue
		}
		if err != nil {
			return err
		}
		if there++; p != nil { // else somebody else made it meanwhile
			made++
			r.Tell.Tell(p, plan.Note{Reason: api.ReasonPointImported, Message: "the point was made of what repository " + repository.Name + " holds"})
		}
	}
	todo.Imported(there, made, imports, now)
	return nil
}

// report writes the status once, when it changed, and only then tells what became true.
func (r *RepositoryReconciler) report(ctx context.Context, seen plan.RepositoryObserved, todo *plan.RepositoryPlan) error {
	before := seen.Repository
	after := before.DeepCopy()
	var notes []plan.Note
	after.Status, notes = todo.Report(seen, r.Clock.Now())
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return nil
	}
	if err := r.Write.Client.Status().Patch(ctx, after, apply.StatusPatch(before), apply.FieldOwner); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.Tell.All(before, notes)
	return nil
}
