// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/config"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/metrics"
	"github.com/lifeboat-dev/lifeboat/internal/notify"
)

// policiesAtOnce is how many policies are looked at side by side.
const policiesAtOnce = 4

// What failed is tried again after retryFirst, and after twice as long each time, but never later than retryLast: a
// capture has a deadline, and an outage of the API server must not cost more than it lasted.
const (
	retryFirst = 50 * time.Millisecond
	retryLast  = 30 * time.Second
)

// askForAPI is how often a cluster without the snapshot API is asked for it.
const askForAPI = 15 * time.Second

// setup holds what the controllers share.
type setup struct {
	mgr      ctrl.Manager
	options  config.Options
	read     *Reader
	write    *apply.Writer
	clock    clock.PassiveClock
	settings plan.Settings
	mover    objects.Mover

	// every policy and every point, once the snapshot API is there
	wakePolicies, wakePoints chan event.GenericEvent
	beats                    chan event.GenericEvent
}

// Setup adds every controller to the manager.
func Setup(ctx context.Context, mgr ctrl.Manager, health *WatchHealth, options config.Options, now clock.PassiveClock) error {
	s := &setup{
		mgr: mgr, options: options, clock: now,
		wakePolicies: make(chan event.GenericEvent), wakePoints: make(chan event.GenericEvent), beats: make(chan event.GenericEvent),
		read:     &Reader{Cache: mgr.GetClient(), Live: mgr.GetAPIReader(), API: &SnapshotAPI{Mapper: mgr.GetRESTMapper()}, Health: health},
		write:    &apply.Writer{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Lanes: apply.NewLanes(options.ConcurrentCreates)},
		settings: plan.Settings{Grace: options.RetentionGrace, HooksEnabled: options.EnableHooks, Retain: options.RetainContents, Drills: options.ConcurrentDrills, Copies: options.ConcurrentCopies},
	}
	if err := s.findMover(ctx); err != nil {
		return err
	}
	if err := indexPoints(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	policies, err := s.policies()
	if err != nil {
		return err
	}
	points, err := s.points()
	if err != nil {
		return err
	}
	for _, add := range []func() error{s.drills, s.restores, s.fingerprints, s.repositories, s.copies, s.sweeper, s.health, s.clusterPolicies, s.notifiers, s.reports} {
		if err := add(); err != nil {
			return err
		}
	}
	metrics.Register(mgr.GetClient())
	return s.snapshots(ctx, policies, points)
}

// health has the evaluation of policies watched: that it goes on, and that what it looks at is not stale.
func (s *setup) health() error {
	if err := s.mgr.Add(manager.RunnableFunc(func(ctx context.Context) error { return beat(ctx, s.beats) })); err != nil {
		return err
	}
	return s.mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		return s.read.Health.watch(ctx, s.mgr.GetAPIReader(), s.wakeEveryPolicy)
	}))
}

// findMover takes the image of the operator's own pod: what it installs and what it runs never differ.
func (s *setup) findMover(ctx context.Context) error {
	s.mover = objects.Mover{Image: s.options.MoverImage, PullPolicy: string(corev1.PullIfNotPresent)}
	if s.mover.Image != "" {
		return nil
	}
	var pod corev1.Pod
	if err := s.mgr.GetAPIReader().Get(ctx, client.ObjectKey{Namespace: s.options.Namespace, Name: s.options.PodName}, &pod); err != nil {
		return fmt.Errorf("read the operator's own pod, to learn its image (or set --mover-image): %w", err)
	}
	c := pod.Spec.Containers[0]
	s.mover = objects.Mover{Image: c.Image, PullPolicy: string(c.ImagePullPolicy)}
	return nil
}

func (s *setup) policies() (controller.Controller, error) {
	r := &PolicyReconciler{Read: s.read, Write: s.write, Clock: s.clock, Settings: s.settings,
		Tell: Teller{s.mgr.GetEventRecorder("lifeboat")}}
	return ctrl.NewControllerManagedBy(s.mgr).Named("backuppolicy").
		For(&api.BackupPolicy{}, builder.WithPredicates(policyChanged)).
		Watches(&api.RecoveryPoint{}, handler.EnqueueRequestsFromMapFunc(policyOfPoint), builder.WithPredicates(afterStart, saysMore)).
		Watches(&api.RestoreDrill{}, handler.EnqueueRequestsFromMapFunc(policyOfDrill), builder.WithPredicates(afterStart, drillEnded)).
		Watches(&api.Repository{}, handler.EnqueueRequestsFromMapFunc(s.policiesBeside), builder.WithPredicates(afterStart, repositoryChanged)).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(s.policiesBeside), builder.WithPredicates(afterStart, claimChanged)).
		Watches(&corev1.PersistentVolume{}, handler.EnqueueRequestsFromMapFunc(s.policiesOfVolume), builder.WithPredicates(afterStart, volumeChanged)).
		Watches(&appsv1.StatefulSet{}, handler.EnqueueRequestsFromMapFunc(s.policiesBeside), builder.WithPredicates(afterStart, specChanged)).
		Watches(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(s.policiesBeside), builder.WithPredicates(afterStart, specChanged)).
		Watches(&storagev1.StorageClass{}, handler.EnqueueRequestsFromMapFunc(s.allPolicies), builder.WithPredicates(afterStart)).
		Watches(&storagev1.CSIDriver{}, handler.EnqueueRequestsFromMapFunc(s.allPolicies), builder.WithPredicates(afterStart)).
		Watches(&storagev1.CSINode{}, handler.EnqueueRequestsFromMapFunc(s.policiesWhenDriversChange()), builder.WithPredicates(afterStart)).
		Watches(&appsv1.DaemonSet{}, handler.EnqueueRequestsFromMapFunc(s.allPolicies), builder.WithPredicates(afterStart, runsDriver)).
		WatchesRawSource(source.Channel(s.wakePolicies, &handler.EnqueueRequestForObject{})).
		WatchesRawSource(source.Channel(s.beats, &handler.EnqueueRequestForObject{})).
		WithOptions(sideBySide(policiesAtOnce)).
		Build(r)
}

func (s *setup) points() (controller.Controller, error) {
	r := &PointReconciler{Read: s.read, Write: s.write, Clock: s.clock, Settings: s.settings,
		Tell: Teller{s.mgr.GetEventRecorder("lifeboat")}}
	if s.options.EnableHooks {
		clients, err := kubernetes.NewForConfig(s.mgr.GetConfig())
		if err != nil {
			return nil, err
		}
		r.Hooks = &apply.Hooks{Config: s.mgr.GetConfig(), Client: clients, Clock: s.clock}
	}
	return ctrl.NewControllerManagedBy(s.mgr).Named("recoverypoint").
		For(&api.RecoveryPoint{}, builder.WithPredicates(saysMore)).
		Watches(&api.BackupPolicy{}, handler.EnqueueRequestsFromMapFunc(s.pointsOfPolicy), builder.WithPredicates(afterStart, specChanged)).
		Watches(&api.RecoveryPoint{}, handler.EnqueueRequestsFromMapFunc(s.waitingSiblings), builder.WithPredicates(captureEnded)).
		Watches(&api.Repository{}, handler.EnqueueRequestsFromMapFunc(s.pointsHeld), builder.WithPredicates(afterStart, damageChanged)).
		WithOptions(sideBySide(s.options.ConcurrentPoints)).
		Build(r)
}

func (s *setup) drills() error {
	r := &DrillReconciler{Read: s.read, Write: s.write, Clock: s.clock, Settings: s.settings, Mover: s.mover,
		Evidence: &EvidenceRecorder{Read: s.read, Write: s.write, Namespace: s.options.Namespace, Version: s.options.Version},
		Tell:     Teller{s.mgr.GetEventRecorder("lifeboat")}}
	return ctrl.NewControllerManagedBy(s.mgr).Named("restoredrill").
		For(&api.RestoreDrill{}).
		Watches(&api.RestoreDrill{}, handler.EnqueueRequestsFromMapFunc(s.waitingDrills), builder.WithPredicates(drillEnded)).
		Watches(&api.Repository{}, handler.EnqueueRequestsFromMapFunc(s.drillsAwaiting), builder.WithPredicates(afterStart, reachChanged)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(runOf("RestoreDrill"))).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(runOf("RestoreDrill"))).
		WithOptions(sideBySide(s.options.ConcurrentDrills)).
		Complete(r)
}

// restoresAtOnce is how many restores are looked at side by side. They are rare, and somebody waits for each.
const restoresAtOnce = 8

func (s *setup) restores() error {
	r := &RestoreReconciler{Read: s.read, Write: s.write, Clock: s.clock, Mover: s.mover, Tell: Teller{s.mgr.GetEventRecorder("lifeboat")}}
	return ctrl.NewControllerManagedBy(s.mgr).Named("restore").
		For(&api.Restore{}).
		Watches(&api.RecoveryPoint{}, handler.EnqueueRequestsFromMapFunc(runOf("Restore"))).
		Watches(&api.Repository{}, handler.EnqueueRequestsFromMapFunc(s.restoresAwaiting), builder.WithPredicates(afterStart, reachChanged)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(runOf("Restore"))).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(runOf("Restore"))).
		WithOptions(sideBySide(restoresAtOnce)).
		Complete(r)
}

func (s *setup) fingerprints() error {
	clients, err := kubernetes.NewForConfig(s.mgr.GetConfig())
	if err != nil {
		return err
	}
	r := &FingerprintReconciler{Read: s.read, Write: s.write, Clock: s.clock, Settings: s.settings, Mover: s.mover, Logs: clusterLogs{clients},
		Tell: Teller{s.mgr.GetEventRecorder("lifeboat")}}
	return ctrl.NewControllerManagedBy(s.mgr).Named("fingerprint").
		For(&api.RecoveryPoint{}, builder.WithPredicates(wantsFingerprint)).
		Watches(&api.BackupPolicy{}, handler.EnqueueRequestsFromMapFunc(s.newestPoint), builder.WithPredicates(specEdited)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(runOf("RecoveryPoint"))).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(runOf("RecoveryPoint"))).
		WithOptions(sideBySide(s.options.ConcurrentDrills)).
		Complete(r)
}

// repositoriesAtOnce is how many repositories are looked at side by side. An import of many points must not hold up the rest.
const repositoriesAtOnce = 8

func (s *setup) repositories() error {
	clients, err := kubernetes.NewForConfig(s.mgr.GetConfig())
	if err != nil {
		return err
	}
	r := &RepositoryReconciler{Read: s.read, Write: s.write, Clock: s.clock, Mover: s.mover, Logs: clusterLogs{clients},
		Tell: Teller{s.mgr.GetEventRecorder("lifeboat")}}
	return ctrl.NewControllerManagedBy(s.mgr).Named("repository").
		For(&api.Repository{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(runOf("Repository")), builder.WithPredicates(afterStart)).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(s.repositoriesIn), builder.WithPredicates(annotationsChanged)).
		WithOptions(sideBySide(repositoriesAtOnce)).
		Complete(r)
}

func (s *setup) copies() error {
	clients, err := kubernetes.NewForConfig(s.mgr.GetConfig())
	if err != nil {
		return err
	}
	r := &CopyReconciler{Read: s.read, Write: s.write, Clock: s.clock, Settings: s.settings, Mover: s.mover, Logs: clusterLogs{clients},
		Tell: Teller{s.mgr.GetEventRecorder("lifeboat")}}
	return ctrl.NewControllerManagedBy(s.mgr).Named("copy").
		For(&api.RecoveryPoint{}, builder.WithPredicates(saysMore)).
		Watches(&api.RecoveryPoint{}, handler.EnqueueRequestsFromMapFunc(s.pointsBeside), builder.WithPredicates(copiesMoved)).
		Watches(&api.BackupPolicy{}, handler.EnqueueRequestsFromMapFunc(s.pointsOf), builder.WithPredicates(afterStart, specChanged)).
		Watches(&api.Repository{}, handler.EnqueueRequestsFromMapFunc(s.pointsInto), builder.WithPredicates(afterStart, readyChanged)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(runOf(copyKind))).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(runOf(copyKind))).
		WithOptions(sideBySide(1)).
		Complete(r)
}

func (s *setup) sweeper() error {
	find := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request { return swept(o) })
	left := handler.EnqueueRequestsFromMapFunc(s.leftOf)
	return ctrl.NewControllerManagedBy(s.mgr).Named("sweeper").
		Watches(&corev1.PersistentVolumeClaim{}, find).
		Watches(&corev1.Pod{}, find).
		Watches(&networkingv1.NetworkPolicy{}, find).
		Watches(&api.RestoreDrill{}, left, builder.WithPredicates(runDeleted)).
		Watches(&api.Restore{}, left, builder.WithPredicates(runDeleted)).
		Watches(&api.RecoveryPoint{}, left, builder.WithPredicates(runDeleted)).
		Watches(&api.Repository{}, left, builder.WithPredicates(runDeleted)).
		WithOptions(sideBySide(1)).
		Complete(&Sweeper{Read: s.read, Write: s.write, Clock: s.clock})
}

// notifiers has people told of findings, if there is anybody to tell.
func (s *setup) notifiers() error {
	of := s.options.Notifications
	if len(of.Notifiers) == 0 {
		return nil
	}
	r := &NotifyReconciler{Read: s.read, Write: s.write, Clock: s.clock, Tell: Teller{s.mgr.GetEventRecorder("lifeboat")},
		Pod: client.ObjectKey{Namespace: s.options.Namespace, Name: s.options.PodName}}
	for _, n := range of.Notifiers {
		r.Add(n, of, notify.New(n))
	}
	return ctrl.NewControllerManagedBy(s.mgr).Named("notify").
		Watches(&api.BackupPolicy{}, batched(r.everybody), builder.WithPredicates(findingsChanged)).
		Watches(&api.ClusterBackupPolicy{}, batched(r.everybody), builder.WithPredicates(findingsChanged)).
		WithOptions(sideBySide(len(of.Notifiers))). // so that one that hangs does not hold another up
		Complete(r)
}

// clusterPoliciesAtOnce is how many ClusterBackupPolicies are looked at side by side: a pass may write to a thousand namespaces.
const clusterPoliciesAtOnce = 2

func (s *setup) clusterPolicies() error {
	r := &ClusterPolicyReconciler{Read: s.read, Write: s.write, Clock: s.clock, Hooks: s.settings.HooksEnabled, Tell: Teller{s.mgr.GetEventRecorder("lifeboat")}}
	scope := gathered(s.allClusterPolicies, scopeBatch)
	c, err := ctrl.NewControllerManagedBy(s.mgr).Named("clusterbackuppolicy").
		For(&api.ClusterBackupPolicy{}, builder.WithPredicates(specChanged)).
		WatchesMetadata(&corev1.Namespace{}, scope, builder.WithPredicates(afterStart, labelsChanged)).
		Watches(&corev1.PersistentVolumeClaim{}, scope, builder.WithPredicates(afterStart, labelsChanged)).
		Watches(&api.BackupPolicy{}, scope, builder.WithPredicates(afterStart, predicate.Or[client.Object](specChanged, labelsChanged))).
		WithOptions(sideBySide(clusterPoliciesAtOnce)).
		Build(r)
	if err != nil {
		return err
	}
	var watched atomic.Bool
	r.Workloads = func() error {
		if watched.Swap(true) {
			return nil
		}
		cache := s.mgr.GetCache()
		return errors.Join(
			c.Watch(source.Kind[client.Object](cache, &appsv1.StatefulSet{}, scope, afterStart, specChanged)),
			c.Watch(source.Kind[client.Object](cache, &appsv1.Deployment{}, scope, afterStart, specChanged)))
	}
	return nil
}

// reportsAtOnce is how many reports are written side by side.
const reportsAtOnce = 2

// reports has findings repeated as reports, if that is wanted, once there is an API for them.
func (s *setup) reports() error {
	if !s.options.Reports {
		return nil
	}
	return s.mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		served := awaitReportAPIs(ctx, s.mgr.GetRESTMapper(), askForAPI)
		if len(served) == 0 {
			return nil
		}
		ctrl.LoggerFrom(ctx).Info("findings are reported", "api", served[0].GroupVersion.String())
		r := &ReportReconciler{Read: s.read, Write: s.write, Clock: s.clock, In: served[0], Not: served[1:]}
		return ctrl.NewControllerManagedBy(s.mgr).Named("report").
			Watches(&api.BackupPolicy{}, &handler.EnqueueRequestForObject{}, builder.WithPredicates(reportChanged)).
			Watches(&api.ClusterBackupPolicy{}, &handler.EnqueueRequestForObject{}, builder.WithPredicates(reportChanged)).
			WithOptions(sideBySide(reportsAtOnce)).
			Complete(r)
	}))
}

func sideBySide(n int) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: n,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryLast),
	}
}

// snapshots watches the snapshot API when it is served; when it is not, the operator runs without it until it is.
func (s *setup) snapshots(ctx context.Context, policies, points controller.Controller) error {
	ok, err := s.read.API.served()
	if err != nil {
		return fmt.Errorf("ask whether VolumeSnapshots are served: %w", err)
	}
	watch := func(ctx context.Context) error { return s.watchSnapshots(ctx, policies, points) }
	if ok {
		return watch(ctx)
	}
	if err := points.Watch(source.Channel(s.wakePoints, &handler.EnqueueRequestForObject{})); err != nil {
		return err
	}
	return s.mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		ctrl.LoggerFrom(ctx).Info("VolumeSnapshots are not served; capturing starts once they are")
		return s.read.API.await(ctx, askForAPI, func(ctx context.Context) error {
			if err := watch(ctx); err != nil {
				return err
			}
			return s.wakeAll(ctx)
		})
	}))
}

func (s *setup) watchSnapshots(ctx context.Context, policies, points controller.Controller) error {
	if err := indexSnapshots(ctx, s.mgr.GetFieldIndexer()); err != nil {
		return err
	}
	cache := s.mgr.GetCache()
	for _, err := range []error{
		s.read.API.findGroups(),
		policies.Watch(source.Kind[client.Object](cache, &snapshotv1.VolumeSnapshotClass{}, handler.EnqueueRequestsFromMapFunc(s.allPolicies), afterStart)),
		points.Watch(source.Kind[client.Object](cache, &snapshotv1.VolumeSnapshot{}, batched(s.pointsOfSnapshot), afterStart)),
		points.Watch(source.Kind[client.Object](cache, &snapshotv1.VolumeSnapshotContent{}, batched(s.pointOfContent), afterStart)),
	} {
		if err != nil {
			return err
		}
	}
	s.read.API.snapshots.Store(true)
	return nil
}

// wakeEveryPolicy has every policy looked at again.
func (s *setup) wakeEveryPolicy(ctx context.Context) error {
	var policies api.BackupPolicyList
	if err := s.mgr.GetClient().List(ctx, &policies); err != nil {
		return err
	}
	for i := range policies.Items {
		select {
		case s.wakePolicies <- event.GenericEvent{Object: &policies.Items[i]}:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// wakeAll has every policy and point looked at again.
func (s *setup) wakeAll(ctx context.Context) error {
	var points api.RecoveryPointList
	if err := s.mgr.GetClient().List(ctx, &points); err != nil {
		return err
	}
	if err := s.wakeEveryPolicy(ctx); err != nil {
		return err
	}
	for i := range points.Items {
		s.wakePoints <- event.GenericEvent{Object: &points.Items[i]}
	}
	return nil
}
