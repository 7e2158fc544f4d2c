// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
)

// informers only holds the objects that the operator holds, whole, and does nothing. It answers once it has them all.
func informers(ctx context.Context, address string) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.QPS = -1
	held, err := cache.New(config, cache.Options{Scheme: controllers.Scheme()})
	if err != nil {
		return err
	}
	for _, kind := range []client.Object{
		&api.BackupPolicy{}, &api.RecoveryPoint{}, &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{},
		&snapshotv1.VolumeSnapshot{}, &snapshotv1.VolumeSnapshotContent{}, &snapshotv1.VolumeSnapshotClass{}, &corev1.Namespace{},
	} {
		if _, err := held.GetInformer(ctx, kind, cache.BlockUntilSynced(false)); err != nil {
			return err
		}
	}
	go func() { err = held.Start(ctx) }()
	if !held.WaitForCacheSync(ctx) {
		return errors.Join(err, errors.New("the informers did not fill"))
	}
	server := &http.Server{Addr: address, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "informers_full 1") })}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
