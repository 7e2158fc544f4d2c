// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

func repositoryRun(r *api.Repository) objects.Run {
	return objects.Run{Kind: "Repository", Namespace: r.Namespace, Name: r.Name, UID: string(r.UID)}
}

// gather reads everything the decision about a repository may depend on, once. Its pods are read live: one that tidies up must
// be gone before the next is made.
func (r *RepositoryReconciler) gather(ctx context.Context, repository *api.Repository) (o plan.RepositoryObserved, err error) {
	o = plan.RepositoryObserved{Repository: repository}
	if o.FailureDomain, err = r.Read.failureDomain(ctx, repository); err != nil {
		return o, err
	}
	if o.NamespaceTerminating, err = r.Read.terminating(ctx, r.Read.Cache, repository.Namespace); err != nil {
		return o, err
	}
	if o.Allowed, err = r.Read.allowed(ctx, repository.Namespace); err != nil {
		return o, err
	}
	var pods corev1.PodList
	of := client.MatchingLabels{api.LabelRunUID: string(repository.UID)}
	if err := r.Read.Live.List(ctx, &pods, client.InNamespace(repository.Namespace), of); err != nil {
		return o, fmt.Errorf("list pods: %w", err)
	}
	for i := range pods.Items {
		o.Pods = append(o.Pods, taskPod(&pods.Items[i]))
	}
	if plan.Verifies(repository) {
		o.Points, err = r.Read.allPoints(ctx, repository.Namespace)
	}
	return o, err
}

// failureDomain is what a repository fails together with; for one on a claim that is asked of the claim and its class.
func (r *Reader) failureDomain(ctx context.Context, repository *api.Repository) (string, error) {
	if repository.Spec.Filesystem == nil {
		return plan.RepositoryDomain(repository, nil, nil), nil
	}
	claims, _, err := r.claims(ctx, repository.Namespace)
	if err != nil {
		return "", err
	}
	classes, err := r.classes(ctx)
	if err != nil {
		return "", err
	}
	return plan.RepositoryDomain(repository, claims, classes), nil
}

// taskPod is a pod that does something for a repository's own sake, in the words of a plan.
func taskPod(p *corev1.Pod) plan.TaskPod {
	return plan.TaskPod{BroughtPod: broughtPod(p), Scheduled: scheduled(p)}
}

// scheduled is since when a node has a pod; zero while none does.
func scheduled(p *corev1.Pod) time.Time {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// allowed is what whoever may edit the namespace allows its repositories.
func (r *Reader) allowed(ctx context.Context, namespace string) (plan.Allowed, error) {
	said, err := r.annotations(ctx, namespace)
	return plan.Allowed{
		WorkloadIdentity: said[api.AnnotationAllowWorkloadIdentity] == "true",
		Insecure:         said[api.AnnotationAllowInsecure] == "true",
	}, err
}

// allPoints are the recovery points of a namespace, read live: those that were made a moment ago count.
func (r *Reader) allPoints(ctx context.Context, namespace string) ([]*api.RecoveryPoint, error) {
	var list api.RecoveryPointList
	if err := r.Live.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list recovery points: %w", err)
	}
	return pointers(list.Items), nil
}
