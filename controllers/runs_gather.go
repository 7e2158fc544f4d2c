// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// brought reads how far a run is. All claims of the namespace are looked at, because one that was not made for the run
// may bear a name that the run needs.
func (r *Reader) brought(ctx context.Context, run objects.Run) (b plan.Brought, err error) {
	b = plan.Brought{RunUID: run.UID, Claims: map[string]plan.BroughtClaim{}, Pods: map[string]plan.BroughtPod{}}
	var claims corev1.PersistentVolumeClaimList
	if err := r.Cache.List(ctx, &claims, client.InNamespace(run.Namespace)); err != nil {
		return b, fmt.Errorf("list claims: %w", err)
	}
	for i := range claims.Items {
		if b.Claims[claims.Items[i].Name], err = r.broughtClaim(ctx, run, &claims.Items[i]); err != nil {
			return b, err
		}
	}
	var pods corev1.PodList
	if err := r.Cache.List(ctx, &pods, client.InNamespace(run.Namespace), client.MatchingLabels{api.LabelRunUID: run.UID}); err != nil {
		return b, fmt.Errorf("list pods: %w", err)
	}
	for i := range pods.Items {
		b.Pods[pods.Items[i].Name] = broughtPod(&pods.Items[i])
	}
	var isolation networkingv1.NetworkPolicy
	err = r.Cache.Get(ctx, client.ObjectKey{Namespace: run.Namespace, Name: names.Isolation(run.Name, run.UID)}, &isolation)
	if client.IgnoreNotFound(err) != nil {
		return b, fmt.Errorf("get network policy: %w", err)
	}
	b.Isolated = err == nil && isolation.Labels[api.LabelRunUID] == run.UID
	if b.Classes, b.XFSAtOnce, err = r.storageClasses(ctx); err != nil {
		return b, err
	}
	b.Privileged, err = r.privileged(ctx, run.Namespace)
	return b, err
}

// attemptOf is which of the claims of its name this is, of those that a copy is written into.
func attemptOf(c *corev1.PersistentVolumeClaim) int {
	n, _ := strconv.Atoi(c.Labels[api.LabelAttempt])
	return n
}

// broughtClaim is a claim in the words of a plan.
func (r *Reader) broughtClaim(ctx context.Context, run objects.Run, c *corev1.PersistentVolumeClaim) (plan.BroughtClaim, error) {
	mount, err := r.volumeMount(ctx, run, c)
	return plan.BroughtClaim{
		Target: plan.Target{Name: c.Name, UID: string(c.UID)}, RunUID: c.Labels[api.LabelRunUID], Attempt: attemptOf(c),
		Bound: c.Status.Phase == corev1.ClaimBound && c.Spec.VolumeName != "", Deleting: !c.DeletionTimestamp.IsZero(),
		Volume: c.Spec.VolumeName, Size: c.Status.Capacity[corev1.ResourceStorage], Mount: mount,
	}, err
}

// find looks live for what was not in the cache, and should be there.
func (r *Reader) find(ctx context.Context, run objects.Run, b plan.Brought, all plan.ToFind) error {
	for _, name := range all.Pods {
		var p corev1.Pod
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: run.Namespace, Name: name}, &p)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("get pod %s: %w", name, err)
		}
		if err == nil {
			b.Pods[name] = broughtPod(&p)
		}
	}
	for _, name := range all.Claims {
		var c corev1.PersistentVolumeClaim
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: run.Namespace, Name: name}, &c)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("get claim %s: %w", name, err)
		}
		if err != nil {
			delete(b.Claims, name)
			continue
		}
		if b.Claims[name], err = r.broughtClaim(ctx, run, &c); err != nil {
			return err
		}
	}
	return nil
}

// vaults are the repositories of a namespace, and what its admin allows them.
func (r *Reader) vaults(ctx context.Context, namespace string) (v plan.Vaults, err error) {
	if v.Repositories, err = r.repositoriesOf(ctx, r.Cache, namespace); err != nil {
		return v, err
	}
	v.Allowed, err = r.allowed(ctx, namespace)
	return v, err
}

// repositoriesOf are those of a namespace, by name.
func (r *Reader) repositoriesOf(ctx context.Context, from client.Reader, namespace string) (map[string]*api.Repository, error) {
	var list api.RepositoryList
	if err := from.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list repositories: %w", err)
	}
	return plan.ByName(list.Items), nil
}

// fsTypeParameter is where a storage class names the file system of its volumes, whoever the driver is.
const fsTypeParameter = "csi.storage.k8s.io/fstype"

// volumeMount is how the volume of a claim that the run made is mounted; nil when there is none yet, or it is not bound to
// this very claim, or no CSI driver made it. A claim may be seen as bound before its volume is in the cache.
func (r *Reader) volumeMount(ctx context.Context, run objects.Run, c *corev1.PersistentVolumeClaim) (*plan.VolumeMount, error) {
	if c.Labels[api.LabelRunUID] != run.UID || c.Spec.VolumeName == "" {
		return nil, nil
	}
	var v corev1.PersistentVolume
	key := client.ObjectKey{Name: c.Spec.VolumeName}
	err := r.Cache.Get(ctx, key, &v)
	if apierrors.IsNotFound(err) {
		err = r.Live.Get(ctx, key, &v)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get volume %s: %w", c.Spec.VolumeName, err)
	}
	if ref := v.Spec.ClaimRef; ref == nil || ref.UID != c.UID || v.Spec.CSI == nil {
		return nil, nil
	}
	mode := corev1.PersistentVolumeFilesystem
	if v.Spec.VolumeMode != nil {
		mode = *v.Spec.VolumeMode
	}
	return &plan.VolumeMount{
		Target: plan.Target{Name: v.Name, UID: string(v.UID)}, FSType: v.Spec.CSI.FSType, Mode: string(mode), Options: v.Spec.MountOptions,
	}, nil
}

// storageClasses are the provisioners of all classes, and the classes that make XFS volumes without waiting for a pod.
func (r *Reader) storageClasses(ctx context.Context) (provisioners map[string]string, xfs map[string]bool, err error) {
	var list storagev1.StorageClassList
	if err := r.Cache.List(ctx, &list); err != nil {
		return nil, nil, fmt.Errorf("list storage classes: %w", err)
	}
	provisioners, xfs = make(map[string]string, len(list.Items)), map[string]bool{}
	for i := range list.Items {
		c := &list.Items[i]
		provisioners[c.Name] = c.Provisioner
		if waits := c.VolumeBindingMode != nil && *c.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer; !waits && c.Parameters[fsTypeParameter] == "xfs" {
			xfs[c.Name] = true
		}
	}
	return provisioners, xfs, nil
}

// privileged says whether whoever may edit the namespace lets readers read every file in it.
func (r *Reader) privileged(ctx context.Context, namespace string) (bool, error) {
	said, err := r.annotations(ctx, namespace)
	return said[api.AnnotationPrivilegedMovers] == "true", err
}

// broughtPod is a pod in the words of a plan.
func broughtPod(p *corev1.Pod) plan.BroughtPod {
	out := plan.BroughtPod{
		Target: plan.Target{Name: p.Name, UID: string(p.UID)}, RunUID: p.Labels[api.LabelRunUID],
		Phase: podPhase(p), Deleting: !p.DeletionTimestamp.IsZero(), Waits: podWaits(p),
		Ready: slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}),
	}
	for _, s := range p.Status.ContainerStatuses {
		out.ImageID = s.ImageID
		if t := s.State.Terminated; t != nil {
			out.ExitCode, out.Starved = t.ExitCode, t.Reason == outOfMemory
			out.Result, out.Told = readResult(t.Message), repositoryResult(t.Message)
		}
		if t := s.State.Terminated; t != nil && neverStarted(t) {
			out.Phase, out.Waits = plan.PodPending, &plan.Problem{Reason: api.ReasonImageUnavailable,
				Message: fmt.Sprintf("a container of image %s could not be started: look whether the image has the command", s.Image)}
		}
	}
	for _, s := range p.Status.InitContainerStatuses {
		if t := s.LastTerminationState.Terminated; t != nil && out.Phase == plan.PodFailed {
			out.ExitCode = t.ExitCode
		}
	}
	if out.Phase == plan.PodFailed && moverKilled(p, out) {
		out.Phase = plan.PodLost
	}
	return out
}

// sigkilled is the exit code of a process that was killed.
const sigkilled = 137

// moverKilled says whether a mover was ended from outside, which is no word on what it had to do: it always tells how it ended, and
// never ends with that code by itself. Of other programs nobody can know.
func moverKilled(p *corev1.Pod, out plan.BroughtPod) bool {
	return p.Labels[api.LabelReachesRepository] == "true" && out.ExitCode == sigkilled && out.Told == nil
}

// neverStarted says whether a container ended before its first instruction: that is the command's fault, not the data's.
func neverStarted(t *corev1.ContainerStateTerminated) bool {
	return t.Reason == "StartError" || t.Reason == "ContainerCannotRun"
}

// restartsOfAnApplication is after how many restarts an application is taken to have failed.
const restartsOfAnApplication = 2

// podPhase tells a pod that failed from one that was lost, and takes one whose application has started to be running.
func podPhase(p *corev1.Pod) plan.PodPhase {
	ended := func(s corev1.ContainerStatus) *corev1.ContainerStateTerminated { return s.State.Terminated }
	switch p.Status.Phase {
	case corev1.PodSucceeded:
		return plan.PodSucceeded
	case corev1.PodFailed:
		if disrupted(p) {
			return plan.PodLost
		}
		for _, s := range p.Status.ContainerStatuses {
			if t := ended(s); t != nil && p.Status.Reason == "" && t.Reason != outOfMemory && t.Reason != "ContainerStatusUnknown" {
				return plan.PodFailed
			}
		}
		return plan.PodLost
	case corev1.PodRunning:
		return plan.PodRunning
	case corev1.PodPending, corev1.PodUnknown:
	}
	for _, s := range p.Status.InitContainerStatuses {
		switch {
		case s.RestartCount >= restartsOfAnApplication:
			return plan.PodFailed
		case s.State.Running != nil, s.RestartCount > 0:
			return plan.PodRunning
		}
	}
	return plan.PodPending
}

// outOfMemory is the reason with which the kernel ends a container that takes more than it may.
const outOfMemory = "OOMKilled"

// disrupted says whether a pod was told to end: somebody deleted it, drained its node, or needed its place. What its
// containers ended with is then no word on the volumes.
func disrupted(p *corev1.Pod) bool {
	return !p.DeletionTimestamp.IsZero() || slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue
	})
}

// podWaits says what keeps a pending pod from running; nil when it is not known.
func podWaits(p *corev1.Pod) *plan.Problem {
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		w := s.State.Waiting
		if w == nil {
			continue
		}
		switch w.Reason {
		case "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
			return &plan.Problem{Reason: api.ReasonImageUnavailable, Message: fmt.Sprintf("image %s could not be had (%s)", s.Image, w.Reason)}
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return &plan.Problem{Reason: api.ReasonImageUnavailable, Message: fmt.Sprintf("a container of image %s could not be started (%s): %s", s.Image, w.Reason, w.Message)}
		}
	}
	for _, c := range p.Status.Conditions {
		// A pod whose claim is not bound yet waits for the storage system, and not for a node.
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && !strings.Contains(c.Message, "unbound immediate PersistentVolumeClaims") {
			return &plan.Problem{Reason: api.ReasonUnschedulable, Message: "no node takes the pod: " + c.Message}
		}
	}
	return nil
}

// readResult is what a reader told; nil when it told nothing that can be understood, which proves nothing.
func readResult(message string) *plan.ReadResult {
	r, err := result.Decode([]byte(message))
	if err != nil || len(r.Volumes) != 1 {
		return nil
	}
	v := r.Volumes[0]
	return &plan.ReadResult{Fingerprint: api.Fingerprint{Digest: v.Digest, Files: v.Files, Bytes: v.Bytes}, Unreadable: v.Unreadable, Error: r.Error}
}

// repositoryResult is what a pod that spoke to a repository told; nil when it told nothing that can be understood.
func repositoryResult(message string) *plan.RepositoryResult {
	d, err := result.DecodeDone([]byte(message))
	if err != nil {
		return nil
	}
	out := &plan.RepositoryResult{UniqueID: d.UniqueID, Reason: d.Reason, Error: d.Error}
	if c := d.Copy; c != nil {
		out.Copied = &plan.CopyResult{Fingerprint: api.Fingerprint{Digest: c.Digest, Files: c.Files, Bytes: c.Bytes}, Unreadable: c.Unreadable, NewBytes: c.NewBytes, Lost: c.Lost}
	}
	if w := d.Restore; w != nil {
		out.Written = &plan.WriteResult{Files: w.Files, Bytes: w.Bytes, Lost: w.Lost}
	}
	if f := d.Probe; f != nil {
		out.Probe = &plan.ProbeDone{Copies: f.Copies, Bytes: f.Bytes, Skew: f.Skew, Locked: f.Locked, LockError: f.LockError}
	}
	if f := d.Verify; f != nil {
		out.Verify = &plan.VerifyDone{Bytes: f.Bytes, Contents: f.Contents, Damaged: f.Damaged, DamagedPoints: f.DamagedPoints, Healing: f.Healing, Missing: map[string]int64{}}
		for _, d := range f.Points {
			out.Verify.Points = append(out.Verify.Points, api.DamagedPoint{UID: d.UID, Namespace: d.Namespace, Policy: d.Policy, Name: d.Point})
			if d.Missing > 0 {
				out.Verify.Missing[d.UID] = d.Missing
			}
		}
	}
	if f := d.Maintain; f != nil {
		out.Freed = f.Freed
	}
	return out
}

// leftovers are all objects of a run that are to be thrown away, read live: what cannot be seen is not gone. The volumes
// are those of the claims that are there, and those that are named. They come first: one that its class would keep is let
// go of while its claim still leads to it.
func (r *Reader) leftovers(ctx context.Context, run objects.Run, volumes []string) ([]plan.Leftover, error) {
	of := []client.ListOption{client.InNamespace(run.Namespace), client.MatchingLabels{api.LabelRunUID: run.UID}}
	var out []plan.Leftover
	owner := map[string]types.UID{} // of each volume the claim, where it is there
	for _, name := range volumes {
		owner[name] = ""
	}
	add := func(kind string, o client.Object) {
		if o.GetAnnotations()[api.AnnotationExpires] == "" {
			return // it stays
		}
		out = append(out, plan.Leftover{Target: plan.Target{Name: o.GetName(), UID: string(o.GetUID())}, Kind: kind, Deleting: !o.GetDeletionTimestamp().IsZero()})
	}
	var pods corev1.PodList
	if err := r.Live.List(ctx, &pods, of...); err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	for i := range pods.Items {
		add("Pod", &pods.Items[i])
	}
	var policies networkingv1.NetworkPolicyList
	if err := r.Live.List(ctx, &policies, of...); err != nil {
		return nil, fmt.Errorf("list network policies: %w", err)
	}
	for i := range policies.Items {
		add("NetworkPolicy", &policies.Items[i])
	}
	var claims corev1.PersistentVolumeClaimList
	if err := r.Live.List(ctx, &claims, of...); err != nil {
		return nil, fmt.Errorf("list claims: %w", err)
	}
	for i := range claims.Items {
		c := &claims.Items[i]
		if !objects.Brought(run, c) {
			continue
		}
		add("PersistentVolumeClaim", c)
		if c.Annotations[api.AnnotationExpires] != "" && c.Spec.VolumeName != "" {
			owner[c.Spec.VolumeName] = c.UID
		}
	}
	for _, name := range slices.Sorted(maps.Keys(owner)) {
		v, err := r.leftoverVolume(ctx, run, name, owner[name])
		if err != nil {
			return nil, err
		}
		if v != nil {
			out = slices.Insert(out, 0, *v)
		}
	}
	return out, nil
}

// leftoverVolume is the volume of a claim that was thrown away; nil when it is gone, or another claim's. It must be bound
// to the claim that leads to it; where that is gone, to none that is there.
func (r *Reader) leftoverVolume(ctx context.Context, run objects.Run, name string, claim types.UID) (*plan.Leftover, error) {
	var v corev1.PersistentVolume
	err := r.Live.Get(ctx, client.ObjectKey{Name: name}, &v)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get volume %s: %w", name, err)
	}
	ref := v.Spec.ClaimRef
	if ref == nil || ref.Namespace != run.Namespace || (claim != "" && ref.UID != claim) {
		return nil, nil
	}
	if claim == "" {
		var other corev1.PersistentVolumeClaim
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, &other)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("get claim %s: %w", ref.Name, err)
		}
		if err == nil {
			return nil, nil
		}
	}
	return &plan.Leftover{
		Target: plan.Target{Name: v.Name, UID: string(v.UID)}, Kind: "PersistentVolume", Claim: ref.Name, Deleting: true, // it goes with its claim
		Retain: v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRetain,
	}, nil
}

// sources are the volumes of a point, each with the snapshot that holds it. Without the snapshot API nothing is known of
// them, which is not to say that they are gone.
func (r *Reader) sources(ctx context.Context, p *api.RecoveryPoint) ([]plan.Source, error) {
	if !r.API.Snapshots() {
		return nil, errors.New("VolumeSnapshots are not served; install their definitions again")
	}
	snapshots, _, err := r.snapshots(ctx, p)
	return plan.Sources(p, snapshots), err
}
