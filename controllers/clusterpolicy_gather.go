// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/coverage"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// gather reads everything the decision about a ClusterBackupPolicy may depend on, once: each kind with one list.
func (r *ClusterPolicyReconciler) gather(ctx context.Context, c *api.ClusterBackupPolicy) (o coverage.Observed, err error) {
	o = coverage.Observed{Policy: c, Hooks: r.Hooks}
	if !c.DeletionTimestamp.IsZero() {
		if o.Withdrawn, err = r.Read.withdrawn(ctx, "clusterbackuppolicies"); err != nil {
			return o, err
		}
	}
	var named bool
	if o.Namespaces, named, err = r.Read.namespaces(ctx); err != nil {
		return o, err
	}
	if named && r.Workloads != nil {
		err = r.Workloads()
	}
	return o, err
}

// namespaces are all of the cluster, by name, and whether a policy selects by workload.
func (r *Reader) namespaces(ctx context.Context) (out []coverage.Namespace, workloads bool, err error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := r.Cache.List(ctx, list); err != nil {
		return nil, false, fmt.Errorf("list namespaces: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b metav1.PartialObjectMetadata) int { return strings.Compare(a.Name, b.Name) })
	out = make([]coverage.Namespace, len(list.Items))
	place := make(map[string]*coverage.Namespace, len(list.Items))
	for i := range list.Items {
		n := &list.Items[i]
		out[i] = coverage.Namespace{Name: n.Name, Labels: n.Labels, Terminating: !n.DeletionTimestamp.IsZero()}
		place[n.Name] = &out[i]
	}
	if err := r.fillClaims(ctx, place); err != nil {
		return nil, false, err
	}
	workloads, err = r.fillPolicies(ctx, place)
	return out, workloads, err
}

func (r *Reader) fillClaims(ctx context.Context, place map[string]*coverage.Namespace) error {
	var claims corev1.PersistentVolumeClaimList
	if err := r.Cache.List(ctx, &claims); err != nil {
		return fmt.Errorf("list claims: %w", err)
	}
	for i := range claims.Items {
		c := &claims.Items[i]
		ns := place[c.Namespace]
		if ns == nil || c.Annotations[api.AnnotationExpires] != "" {
			continue // of a namespace that the cache does not show yet, or to be thrown away
		}
		ns.Claims = append(ns.Claims, coverage.Claim{Name: c.Name, Labels: c.Labels, Created: c.CreationTimestamp.Time, Deleting: !c.DeletionTimestamp.IsZero()})
	}
	return nil
}

func (r *Reader) fillPolicies(ctx context.Context, place map[string]*coverage.Namespace) (workloads bool, err error) {
	var policies api.BackupPolicyList
	if err := r.Cache.List(ctx, &policies, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		return false, fmt.Errorf("list policies: %w", err)
	}
	for i := range policies.Items {
		b := &policies.Items[i]
		ns := place[b.Namespace]
		if ns == nil {
			continue
		}
		ns.Policies = append(ns.Policies, b)
		ref := b.Spec.Volumes.Workload
		if ref == nil {
			continue
		}
		workloads = true
		w, err := r.workload(ctx, b.Namespace, ref)
		if err != nil {
			return false, err
		}
		if ns.Workloads == nil {
			ns.Workloads = map[api.WorkloadReference]*plan.Workload{}
		}
		ns.Workloads[*ref] = w
	}
	return workloads, nil
}
