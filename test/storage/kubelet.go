// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// Digest is what every reader finds.
const Digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// NewStorageClass is the driver's class of volumes. It keeps the volumes of deleted claims.
func NewStorageClass() *storagev1.StorageClass {
	return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: Class}, Provisioner: Driver, ReclaimPolicy: ptr.To(corev1.PersistentVolumeReclaimRetain)}
}

// Kubelet plays a node, a provisioner and the controllers of volumes in one namespace: it binds claims of runs, runs pods to a good
// end, and lets go of what is deleted. Pods that speak to a repository are left to whoever plays that.
type Kubelet struct {
	Client    client.Client
	Namespace string
	Stuck     bool // no claim is ever bound
}

// Run plays until the context ends. It returns the first error that is none of a race with others.
func (k *Kubelet) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		for _, step := range []func(context.Context) error{k.claims, k.pods, k.volumes} {
			if _, err := again(step(ctx)); err != nil && ctx.Err() == nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func (k *Kubelet) claims(ctx context.Context) error {
	var list corev1.PersistentVolumeClaimList
	if err := k.Client.List(ctx, &list, client.InNamespace(k.Namespace)); err != nil {
		return err
	}
	for i := range list.Items {
		c := &list.Items[i]
		switch {
		case c.DeletionTimestamp != nil && len(c.Finalizers) > 0:
			c.Finalizers = nil
			if err := k.Client.Update(ctx, c); err != nil {
				return err
			}
		case c.DeletionTimestamp == nil && c.Status.Phase != corev1.ClaimBound && c.Labels[api.LabelRunUID] != "" && !k.Stuck:
			if err := k.bind(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *Kubelet) bind(ctx context.Context, c *corev1.PersistentVolumeClaim) error {
	v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(c.UID)}, Spec: corev1.PersistentVolumeSpec{
		Capacity: c.Spec.Resources.Requests, AccessModes: c.Spec.AccessModes, StorageClassName: Class, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		ClaimRef:               &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: c.Namespace, Name: c.Name, UID: c.UID},
		PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: Driver, VolumeHandle: "restored-" + string(c.UID)}},
	}}
	if err := client.IgnoreAlreadyExists(k.Client.Create(ctx, v)); err != nil {
		return fmt.Errorf("volume of claim %s: %w", c.Name, err)
	}
	if c.Spec.VolumeName == "" {
		c.Spec.VolumeName = v.Name
		if err := k.Client.Update(ctx, c); err != nil {
			return err
		}
	}
	c.Status.Phase, c.Status.Capacity, c.Status.AccessModes = corev1.ClaimBound, c.Spec.Resources.Requests, c.Spec.AccessModes
	return k.Client.Status().Update(ctx, c)
}

// pods run, and then end well.
func (k *Kubelet) pods(ctx context.Context) error {
	var list corev1.PodList
	if err := k.Client.List(ctx, &list, client.InNamespace(k.Namespace)); err != nil {
		return err
	}
	for i := range list.Items {
		p := &list.Items[i]
		if p.Labels[api.LabelReachesRepository] != "" {
			continue
		}
		switch p.Status.Phase {
		case corev1.PodSucceeded, corev1.PodFailed:
			continue
		case corev1.PodPending, corev1.PodUnknown:
			if k.Stuck {
				continue
			}
			p.Status.Phase = corev1.PodRunning
		case corev1.PodRunning:
			told, err := result.Encode(result.Result{Volumes: []result.Volume{{Name: "volume", Digest: Digest, Files: 2, Bytes: 20}}})
			if err != nil {
				return err
			}
			name := p.Spec.Containers[0].Name
			ended := corev1.ContainerStateTerminated{Reason: "Completed"}
			if name == "reader" {
				ended.Message = string(told)
			}
			p.Status.Phase = corev1.PodSucceeded
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: name, Image: p.Spec.Containers[0].Image, State: corev1.ContainerState{Terminated: &ended}}}
		}
		if err := k.Client.Status().Update(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// volumes that are to go with their claims go.
func (k *Kubelet) volumes(ctx context.Context) error {
	var list corev1.PersistentVolumeList
	if err := k.Client.List(ctx, &list); err != nil {
		return err
	}
	for i := range list.Items {
		v := &list.Items[i]
		if v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete || v.Spec.ClaimRef == nil || v.Spec.ClaimRef.Namespace != k.Namespace {
			continue
		}
		err := k.Client.Get(ctx, client.ObjectKey{Namespace: k.Namespace, Name: v.Spec.ClaimRef.Name}, &corev1.PersistentVolumeClaim{})
		if err == nil {
			continue
		}
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		if len(v.Finalizers) > 0 {
			v.Finalizers = nil
			if err := k.Client.Update(ctx, v); err != nil {
				return err
			}
		}
		if err := k.Client.Delete(ctx, v); err != nil {
			return err
		}
	}
	return nil
}
