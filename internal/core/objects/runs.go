// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Run is what brings volumes back: a drill, a restore, or a recovery point whose fingerprint is recorded.
type Run struct{ Kind, Namespace, Name, UID string }

// Mover is the image that reads volumes, and how it is pulled.
type Mover struct {
	Image      string
	PullPolicy string
}

const (
	// restoreDir is where restored volumes are in a pod, each in a folder, or as a device, named like its claim.
	restoreDir = "/restore/"
	// volumeName names the one volume of a reader.
	volumeName = "volume"
	// nobody is the user of pods for which none is named.
	nobody = 65532
)

func (r Run) meta(name string, throw time.Time) metav1.ObjectMeta {
	m := metav1.ObjectMeta{
		Name: name, Namespace: r.Namespace,
		Labels: map[string]string{
			api.LabelManagedBy: api.ManagedBy, api.LabelRunKind: r.Kind, api.LabelRun: r.Name, api.LabelRunUID: r.UID,
		},
	}
	if !throw.IsZero() {
		m.Annotations = map[string]string{api.AnnotationExpires: throw.UTC().Format(time.RFC3339)}
	}
	return m
}

// Claim is a claim that is made from a snapshot, or an empty one into which a copy is written.
func Claim(r Run, o plan.ClaimOrder) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{
		ObjectMeta: r.meta(o.Name, o.Throw),
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      accessModes(o.Access),
			StorageClassName: &o.Class,
			VolumeMode:       ptr.To(volumeMode(o.Source.Mode)),
			DataSource:       &corev1.TypedLocalObjectReference{APIGroup: ptr.To("snapshot.storage.k8s.io"), Kind: "VolumeSnapshot", Name: o.Source.Snapshot.Name},
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: o.Size}},
		},
	}
	if o.Source.Copy != nil {
		c.Spec.DataSource = nil
		c.Labels[api.LabelAttempt], c.Labels[api.LabelClaimUID] = strconv.Itoa(o.Attempt), o.Source.ClaimUID
		metav1.SetMetaDataAnnotation(&c.ObjectMeta, api.AnnotationClaim, o.Source.Claim)
	}
	for k, v := range o.Labels {
		c.Labels[k] = v
	}
	return c
}

// Brought says whether a claim was made by a run: from a snapshot, or, where a copy was to be written into it, by a name that nobody
// else gives. Labels can be put on anything.
func Brought(r Run, c *corev1.PersistentVolumeClaim) bool {
	if s := c.Spec.DataSource; s != nil {
		return s.Kind == "VolumeSnapshot"
	}
	claim, uid := c.Annotations[api.AnnotationClaim], c.Labels[api.LabelClaimUID]
	return claim != "" && uid != "" && c.Name == names.Throwaway(claim, r.UID, uid)
}

// accessModes are those of a list separated by commas. What is no access mode is passed over; where none is left it is ReadWriteOnce.
func accessModes(list string) []corev1.PersistentVolumeAccessMode {
	var out []corev1.PersistentVolumeAccessMode
	for m := range strings.SplitSeq(list, ",") {
		switch mode := corev1.PersistentVolumeAccessMode(m); mode {
		case corev1.ReadWriteOnce, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOncePod:
			out = append(out, mode)
		}
	}
	if len(out) == 0 {
		return []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	}
	return out
}

// AccessModes are those of a claim as a list separated by commas.
func AccessModes(modes []corev1.PersistentVolumeAccessMode) string {
	out := make([]string, len(modes))
	for i, m := range modes {
		out[i] = string(m)
	}
	return strings.Join(out, ",")
}

func volumeMode(mode string) corev1.PersistentVolumeMode {
	if mode == string(corev1.PersistentVolumeBlock) {
		return corev1.PersistentVolumeBlock
	}
	return corev1.PersistentVolumeFilesystem
}

// Reader is the pod that reads every byte of a claim, and can write none.
func Reader(r Run, o plan.ReadOrder, m Mover) *corev1.Pod {
	where := restoreDir + volumeName
	c := corev1.Container{
		Name: "reader", Image: m.Image, ImagePullPolicy: corev1.PullPolicy(m.PullPolicy),
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		SecurityContext:          restricted(true),
		Env:                      []corev1.EnvVar{{Name: "GOMEMLIMIT", Value: "400MiB"}},
		Resources:                resources("50m", "64Mi", "512Mi"),
	}
	if volumeMode(o.Mode) == corev1.PersistentVolumeBlock {
		c.Command = []string{"/mover", "read", "--block", volumeName + "=" + where}
		c.VolumeDevices = []corev1.VolumeDevice{{Name: volumeName, DevicePath: where}}
	} else {
		c.Command = []string{"/mover", "read", "--volume", volumeName + "=" + where}
		c.VolumeMounts = []corev1.VolumeMount{{Name: volumeName, MountPath: where, ReadOnly: true}}
	}
	p := pod(r, o.Name, o.Throw, user(nil, nil, o.Mover))
	if o.Privileged {
		p.Spec.SecurityContext.RunAsNonRoot, p.Spec.SecurityContext.RunAsUser, p.Spec.SecurityContext.RunAsGroup = ptr.To(false), ptr.To[int64](0), ptr.To[int64](0)
		c.SecurityContext.Capabilities.Add = []corev1.Capability{"DAC_READ_SEARCH"}
	}
	p.Spec.Volumes = []corev1.Volume{claimVolume(volumeName, o.Claim, volumeMode(o.Mode) == corev1.PersistentVolumeFilesystem)}
	if o.Manifest {
		c.Command = append(c.Command, "--manifest-dir", manifestDir, "--print-manifests", strconv.Itoa(mostManifest))
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "manifests", MountPath: manifestDir})
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "manifests", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{
			SizeLimit: resource.NewQuantity(4<<30, resource.BinarySI)}}})
	}
	p.Spec.Containers = []corev1.Container{c}
	return p
}

const (
	// manifestDir is where a reader writes the list of files, which may be large, before it prints it, when it is not.
	manifestDir = "/manifests"
	// mostManifest is how many bytes of a compressed list of files are printed and kept: there is one for each volume of each point.
	mostManifest = 512 << 10
)

// Manifest is the ConfigMap that keeps the list of files behind a fingerprint, compressed by gzip. It goes with its point.
func Manifest(point *api.RecoveryPoint, k plan.KeepManifest, compressed []byte) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: k.Name, Namespace: point.Namespace,
			Labels:      map[string]string{api.LabelManagedBy: api.ManagedBy, api.LabelPolicy: point.Spec.Policy.Name, api.LabelPoint: point.Name},
			Annotations: map[string]string{api.AnnotationClaim: k.Claim},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: api.GroupVersion.String(), Kind: "RecoveryPoint", Name: point.Name, UID: point.UID,
			}},
		},
		Immutable:  ptr.To(true),
		BinaryData: map[string][]byte{"manifest.mtree.gz": compressed},
	}
}

func claimVolume(name, claim string, readOnly bool) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim, ReadOnly: readOnly},
	}}
}

// pod is what all pods of a run have in common: nobody's rights, no token, and an end. No fsGroup is set, so that nobody
// changes the files' owners and modes: what is checked is what was captured.
func pod(r Run, name string, throw time.Time, security *corev1.PodSecurityContext) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: r.meta(name, throw),
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			AutomountServiceAccountToken:  ptr.To(false),
			EnableServiceLinks:            ptr.To(false),
			TerminationGracePeriodSeconds: ptr.To[int64](2),
			SecurityContext:               security,
		},
	}
}

func user(uid, gid *int64, m *api.MoverOptions) *corev1.PodSecurityContext {
	if m != nil && uid == nil {
		uid = m.RunAsUser
	}
	if m != nil && gid == nil {
		gid = m.RunAsGroup
	}
	if uid == nil {
		uid = ptr.To[int64](nobody)
	}
	if gid == nil {
		gid = uid
	}
	return &corev1.PodSecurityContext{
		RunAsNonRoot: ptr.To(true), RunAsUser: uid, RunAsGroup: gid,
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func restricted(readOnlyRoot bool) *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(readOnlyRoot),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

func resources(cpu, memory, limit string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)},
	}
}

// CheckPod is the pod of one check. Its application starts first, as a sidecar, and the command once that answers; without a
// command the application is all there is, and being ready is its answer.
func CheckPod(r Run, o plan.CheckOrder) *corev1.Pod {
	k := o.Check
	p := pod(r, o.Name, o.Throw, user(k.RunAsUser, k.RunAsGroup, o.Mover))
	base := corev1.Container{
		Image: k.Image, ImagePullPolicy: corev1.PullIfNotPresent, SecurityContext: restricted(false), Resources: resources("50m", "64Mi", "1Gi"),
		// What a check prints may hold what is in the volumes: the kubelet must not copy it into the pod's status.
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}
	if k.Resources != nil {
		base.Resources = *k.Resources.DeepCopy()
	}
	for _, e := range k.Env {
		base.Env = append(base.Env, corev1.EnvVar{Name: e.Name, Value: e.Value})
	}
	for i, v := range o.Volumes {
		name := "volume-" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		p.Spec.Volumes = append(p.Spec.Volumes, claimVolume(name, v.Throwaway, false))
		if volumeMode(v.Mode) == corev1.PersistentVolumeBlock {
			base.VolumeDevices = append(base.VolumeDevices, corev1.VolumeDevice{Name: name, DevicePath: mountPath(k, v.Claim)})
		} else {
			base.VolumeMounts = append(base.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: mountPath(k, v.Claim)})
		}
	}
	app, probe := application(k, base)
	if len(k.Command) == 0 {
		app.ReadinessProbe = probe
		p.Spec.Containers = []corev1.Container{app}
		return p
	}
	if k.Application != nil {
		app.StartupProbe = probe
		app.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		p.Spec.InitContainers = []corev1.Container{app}
	}
	base.Name, base.Command = "check", k.Command
	p.Spec.Containers = []corev1.Container{base}
	return p
}

func mountPath(k api.Check, claim string) string {
	for _, m := range k.Mounts {
		if m.Claim == claim {
			return m.Path
		}
	}
	return restoreDir + claim
}

// application is the container of a check's application, and the probe that says whether it answers; nil without one.
func application(k api.Check, base corev1.Container) (corev1.Container, *corev1.Probe) {
	a := k.Application
	if a == nil {
		return base, nil
	}
	base.Name, base.Command = "application", a.Command
	if a.Image != "" {
		base.Image = a.Image
	}
	// The drill keeps the time; the probe only has to go on for as long.
	probe := &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 5, FailureThreshold: 24 * 60 * 60}
	switch {
	case a.HTTP != nil:
		probe.HTTPGet = &corev1.HTTPGetAction{Port: intstr.FromInt32(a.HTTP.Port), Path: a.HTTP.Path}
	case a.TCP != nil:
		probe.TCPSocket = &corev1.TCPSocketAction{Port: intstr.FromInt32(a.TCP.Port)}
	case a.Exec != nil:
		probe.Exec = &corev1.ExecAction{Command: a.Exec.Command}
	default:
		return base, nil
	}
	return base, probe
}

// Isolation is the NetworkPolicy that lets the pods of a run talk to nobody, but for those that bring a copy from its repository.
func Isolation(r Run, throw time.Time) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: r.meta(names.Isolation(r.Name, r.UID), throw),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{
				MatchLabels:      map[string]string{api.LabelRunUID: r.UID},
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: api.LabelReachesRepository, Operator: metav1.LabelSelectorOpDoesNotExist}},
			},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		},
	}
}

// Drill is the RestoreDrill of a slot.
func Drill(policy *api.BackupPolicy, d plan.Rehearse) *api.RestoreDrill {
	drill := &api.RestoreDrill{
		ObjectMeta: metav1.ObjectMeta{
			Name: d.Name, Namespace: policy.Namespace,
			Labels:     map[string]string{api.LabelManagedBy: api.ManagedBy, api.LabelPolicy: policy.Name, api.LabelPolicyUID: string(policy.UID)},
			Finalizers: []string{api.FinalizerThrowaways},
		},
		Spec: api.RestoreDrillSpec{Policy: &api.PolicyReference{Name: policy.Name}},
	}
	if d.Slot.IsZero() {
		drill.Labels[api.LabelTrigger] = string(api.TriggerStorageStackChanged)
	} else {
		drill.Spec.Slot = ptr.To(metav1.NewTime(d.Slot.UTC()))
	}
	return drill
}

// Evidence is the ConfigMap that keeps the signed statement of a drill, whose digest and place in the chain are given. It has
// no owner: evidence outlives the drill.
func Evidence(d *api.RestoreDrill, sequence int, digest string, envelope []byte) *corev1.ConfigMap {
	run := d.Status.Run
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: names.Evidence(run.Policy, string(d.UID)), Namespace: d.Namespace,
			Labels: map[string]string{api.LabelManagedBy: api.ManagedBy, api.LabelPolicy: run.Policy, api.LabelEvidence: run.PolicyUID},
			Annotations: map[string]string{
				api.AnnotationEvidenceSequence: strconv.Itoa(sequence), api.AnnotationEvidenceDigest: digest,
				api.AnnotationEvidenceVerdict: string(d.Status.Verdict),
			},
		},
		Immutable: ptr.To(true),
		Data:      map[string]string{evidence.EnvelopeKey: string(envelope)},
	}
}
