// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// What a pod that speaks to a repository is given when its policy does not say.
const (
	moverCPU    = "100m"
	moverMemory = "128Mi"
	moverLimit  = "1Gi"
	// mostCache bounds what such a pod keeps of the repository on its node.
	mostCache = 5 << 30
)

// RepositoryPod is the pod that does one thing with a repository. What it is to do stands in an annotation, what it needs for it
// in Secrets, which are mounted as files: no credential is an argument or an environment variable.
func RepositoryPod(r Run, o plan.RepositoryOrder, m Mover) *corev1.Pod {
	p := pod(r, o.Name, o.Throw, user(nil, nil, o.Mover))
	if p.Annotations == nil {
		p.Annotations = map[string]string{}
	}
	p.Annotations[api.AnnotationOrder] = o.Order
	p.Labels[api.LabelReachesRepository], p.Labels[api.LabelRepository] = "true", o.Access.Repository
	p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](30) // what was uploaded is worth an index
	c := corev1.Container{
		Name: "mover", Image: m.Image, ImagePullPolicy: corev1.PullPolicy(m.PullPolicy),
		Command:                  []string{"/mover", "do", "--order", order.File},
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		SecurityContext:          restricted(true),
		Resources:                moverResources(o),
	}
	c.Env = []corev1.EnvVar{{Name: "GOMEMLIMIT", Value: goMemoryLimit(c.Resources)}}
	s := &p.Spec
	if o.Privileged {
		s.SecurityContext.RunAsNonRoot, s.SecurityContext.RunAsUser, s.SecurityContext.RunAsGroup = ptr.To(false), ptr.To[int64](0), ptr.To[int64](0)
		c.SecurityContext.Capabilities.Add = []corev1.Capability{"DAC_READ_SEARCH"}
		if o.Writes {
			c.SecurityContext.Capabilities.Add = []corev1.Capability{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"}
		}
	} else if o.Writes {
		giveVolumes(s.SecurityContext, s.SecurityContext.RunAsGroup) // a fresh one belongs to root
	}
	if o.Access.Claim != "" {
		shareFolder(s.SecurityContext, o.Writes)
	}
	if o.Mover != nil {
		s.PriorityClassName = o.Mover.PriorityClassName
		if at := o.Mover.Placement; at != nil {
			s.NodeSelector, s.Tolerations = maps.Clone(at.NodeSelector), slices.Clone(at.Tolerations)
		}
	}
	s.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{apart()}
	mountAll(s, &c, o)
	s.Containers = []corev1.Container{c}
	return p
}

// shareFolder lets a pod into the folder of a repository on a claim. Whoever reads and writes there, as whatever user, is of one group.
// Who restores writes nothing there, and mounts it so, because the group that owns volumes is then that of the restored one.
func shareFolder(c *corev1.PodSecurityContext, restores bool) {
	c.SupplementalGroups = []int64{nobody}
	if !restores {
		giveVolumes(c, ptr.To[int64](nobody))
	}
}

// giveVolumes has the volumes that a pod writes to belong to a group.
func giveVolumes(c *corev1.PodSecurityContext, group *int64) {
	c.FSGroup, c.FSGroupChangePolicy = group, ptr.To(corev1.FSGroupChangeOnRootMismatch)
}

// apart spreads the pods of a namespace that speak to repositories over the nodes, so that no node's disk and network has to bear all of
// them. How many there are is bound elsewhere: one that can run on a single node, for its volume is there, runs there all the same.
func apart() corev1.TopologySpreadConstraint {
	return corev1.TopologySpreadConstraint{
		MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{api.LabelReachesRepository: "true"}},
	}
}

// mountAll gives a pod what it needs: its order, the Secrets, scratch space, and the volume that is copied or written.
func mountAll(s *corev1.PodSpec, c *corev1.Container, o plan.RepositoryOrder) {
	mount := func(name, path string, readOnly bool, source corev1.VolumeSource) {
		s.Volumes = append(s.Volumes, corev1.Volume{Name: name, VolumeSource: source})
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: path, ReadOnly: readOnly})
	}
	mount("order", "/order", true, orderFile())
	mount("password", "/password", true, secret(o.Access.Password))
	mount("config", order.ConfigDir, false, scratch(corev1.StorageMediumMemory, 64<<20))
	mount("cache", order.CacheDir, false, scratch(corev1.StorageMediumDefault, mostCache))
	if o.Access.Credentials != "" {
		mount("credentials", order.CredentialsDir, true, secret(o.Access.Credentials))
	}
	if o.Access.CABundle != "" {
		mount("ca", "/ca", true, secret(o.Access.CABundle))
	}
	if o.Access.Claim != "" {
		mount("repository", order.FilesystemDir, o.Writes, claimVolume("", o.Access.Claim, o.Writes).VolumeSource)
	}
	switch {
	case o.Claim == "":
	case volumeMode(o.Mode) == corev1.PersistentVolumeBlock:
		s.Volumes = append(s.Volumes, claimVolume(volumeName, o.Claim, false))
		c.VolumeDevices = []corev1.VolumeDevice{{Name: volumeName, DevicePath: order.VolumeDir}}
	default:
		mount(volumeName, order.VolumeDir, !o.Writes, claimVolume("", o.Claim, !o.Writes).VolumeSource)
	}
}

func orderFile() corev1.VolumeSource {
	return corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{
		Path: "order.json", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['" + api.AnnotationOrder + "']"},
	}}}}
}

// secret is readable for the pod's own user, whoever that is: nobody else is in the pod.
func secret(name string) corev1.VolumeSource {
	return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name, DefaultMode: ptr.To[int32](0o444)}}
}

func scratch(medium corev1.StorageMedium, most int64) corev1.VolumeSource {
	return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: medium, SizeLimit: resource.NewQuantity(most, resource.BinarySI)}}
}

func moverResources(o plan.RepositoryOrder) corev1.ResourceRequirements {
	out := resources(moverCPU, moverMemory, moverLimit)
	if o.Mover != nil && o.Mover.Resources != nil {
		out = *o.Mover.Resources.DeepCopy()
	}
	if limit, is := out.Limits[corev1.ResourceMemory]; is && o.Bigger {
		out.Limits[corev1.ResourceMemory] = *resource.NewQuantity(2*limit.Value(), resource.BinarySI)
	}
	return out
}

// goMemoryLimit has the collector work harder before the kernel kills: at nine tenths of the limit.
func goMemoryLimit(r corev1.ResourceRequirements) string {
	limit, is := r.Limits[corev1.ResourceMemory]
	if !is {
		return "off"
	}
	return resource.NewQuantity(limit.Value()/10*9>>20<<20, resource.BinarySI).String() + "B"
}
