// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
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
	return o, nil
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
	out := plan.TaskPod{BroughtPod: broughtPod(p), Scheduled: scheduled(p)}
	for _, s := range p.Status.ContainerStatuses {
		if t := s.State.Terminated; t != nil {
			out.Done = taskDone(t.Message)
		}
	}
	return out
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

// taskDone is what a pod told of a repository; nil when it told nothing that can be understood.
func taskDone(message string) *plan.TaskDone {
	d, err := result.DecodeDone([]byte(message))
	if err != nil {
		return nil
	}
	out := &plan.TaskDone{UniqueID: d.UniqueID, Reason: d.Reason, Error: d.Error}
	if f := d.Probe; f != nil {
		out.Probe = &plan.ProbeDone{Copies: f.Copies, Bytes: f.Bytes, Skew: f.Skew, Locked: f.Locked, LockError: f.LockError}
	}
	if f := d.Verify; f != nil {
		out.Verify = &plan.VerifyDone{Bytes: f.Bytes, Contents: f.Contents, Damaged: f.Damaged, Healing: f.Healing}
	}
	if f := d.Maintain; f != nil {
		out.Freed = f.Freed
	}
	return out
}

// allowed is what whoever may edit the namespace allows its repositories.
func (r *Reader) allowed(ctx context.Context, namespace string) (plan.Allowed, error) {
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := r.Cache.Get(ctx, client.ObjectKey{Name: namespace}, ns); err != nil {
		return plan.Allowed{}, client.IgnoreNotFound(err)
	}
	return plan.Allowed{
		WorkloadIdentity: ns.Annotations[api.AnnotationAllowWorkloadIdentity] == "true",
		Insecure:         ns.Annotations[api.AnnotationAllowInsecure] == "true",
	}, nil
}

// allPoints are the recovery points of a namespace, read live: those that were made a moment ago count.
func (r *Reader) allPoints(ctx context.Context, namespace string) ([]*api.RecoveryPoint, error) {
	var list api.RecoveryPointList
	if err := r.Live.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list recovery points: %w", err)
	}
	out := make([]*api.RecoveryPoint, len(list.Items))
	for i := range list.Items {
		out[i] = &list.Items[i]
	}
	return out, nil
}
