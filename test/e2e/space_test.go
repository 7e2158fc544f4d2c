// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// app labels the claims that policies of these tests select.
var app = map[string]string{"app": "sync"}

// space is a test's own namespace.
type space struct {
	t    *testing.T
	ctx  context.Context
	name string

	volumes []string // those of its claims, on the storage systems
}

// newSpace makes a namespace for the test. All of it goes when the test ends, the bytes on the storage systems too.
func newSpace(t *testing.T) *space {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	name := "e2e-" + strings.ToLower(strings.NewReplacer("Test", "", "/", "-", "_", "-").Replace(t.Name()))
	s := &space{t: t, ctx: ctx, name: name[:min(len(name), 50)] + "-" + rand.String(5)}
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.name}})
	t.Cleanup(func() {
		defer cancel()
		if t.Failed() {
			s.describe()
		}
		s.remove()
	})
	s.await("the default service account", time.Minute, func() string {
		return problem(kube.Get(s.ctx, s.key("default"), &corev1.ServiceAccount{}))
	})
	return s
}

func (s *space) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: s.name, Name: name}
}

func (s *space) create(o client.Object) {
	s.t.Helper()
	if err := kube.Create(s.ctx, o); err != nil {
		s.t.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}

// problem is what is wrong, as a text; empty when nothing is.
func problem(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// await waits until nothing is wrong any more.
func (s *space) await(what string, most time.Duration, wrong func() string) {
	s.t.Helper()
	if last := s.settled(most, wrong); last != "" {
		s.t.Fatalf("waited %s for %s: %s", most, what, last)
	}
}

func (s *space) settled(most time.Duration, wrong func() string) string {
	last := ""
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(150 * time.Millisecond) {
		if last = wrong(); last == "" {
			return ""
		}
		if s.ctx.Err() != nil {
			return s.ctx.Err().Error()
		}
	}
	return last
}

// stays checks that something holds, and goes on to hold for a while.
func (s *space) stays(what string, howLong time.Duration, wrong func() string) {
	s.t.Helper()
	for end := time.Now().Add(howLong); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		if bad := wrong(); bad != "" {
			s.t.Fatalf("%s: %s", what, bad)
		}
	}
}

// kubectl runs what a person would type, in the namespace.
func (s *space) kubectl(args ...string) string {
	s.t.Helper()
	out, err := s.kubectlTry(args...)
	if err != nil {
		s.t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

func (s *space) kubectlTry(args ...string) (string, error) {
	return kubectl(s.ctx, append([]string{"-n", s.name}, args...)...)
}

// kubectlIn is kubectl with something to read.
func (s *space) kubectlIn(input string, args ...string) {
	s.t.Helper()
	cmd := kubectlCommand(s.ctx, append([]string{"-n", s.name}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func kubectl(ctx context.Context, args ...string) (string, error) {
	out, err := kubectlCommand(ctx, args...).CombinedOutput()
	return string(out), err
}

func kubectlCommand(ctx context.Context, args ...string) *exec.Cmd {
	program, err := exec.LookPath("kubectl")
	if err != nil {
		cache, _ := os.UserCacheDir() // when there is none, kubectl is not found, which is what is wrong
		program = filepath.Join(cache, "lifeboat/envtest/kubectl")
	}
	return exec.CommandContext(ctx, program, args...)
}

// describe shows what there is when a test has failed.
func (s *space) describe() {
	out, _ := s.kubectlTry("get", "bp,rp,volumesnapshots,volumegroupsnapshots,pvc,pods", "-o", "wide")
	s.t.Logf("namespace %s:\n%s", s.name, out)
	out, _ = s.kubectlTry("get", "rp,bp,repo", "-o", "yaml")
	s.t.Logf("recovery points, policies and repositories:\n%s", out)
	out, _ = kubectl(s.ctx, "-n", operatorSpace, "logs", "deploy/lifeboat-manager", "--since=5m")
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, s.name) {
			s.t.Log(line)
		}
	}
}

// remove deletes the namespace, and then what was retained of it.
func (s *space) remove() {
	// Its own time: the test's may have run out.
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	s.ctx = ctx
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.name}}
	if err := client.IgnoreNotFound(kube.Delete(ctx, ns)); err != nil {
		s.t.Errorf("delete namespace %s: %v", s.name, err)
	}
	if left := s.settled(2*time.Minute, s.namespaceGone()); left != "" {
		s.t.Error(left)
	}
	if left := s.settled(time.Minute, s.removeRetained); left != "" {
		s.t.Error(left)
	}
	if left := s.settled(30*time.Second, s.leaks); left != "" {
		s.t.Error(left)
	}
}

// namespaceGone says whether the namespace is still there. What holds it up is nudged now and then.
func (s *space) namespaceGone() func() string {
	began := time.Now()
	return func() string {
		if time.Since(began) > 20*time.Second {
			s.nudge()
			began = time.Now()
		}
		var ns corev1.Namespace
		if err := kube.Get(s.ctx, client.ObjectKey{Name: s.name}, &ns); !apierrors.IsNotFound(err) {
			return fmt.Sprintf("namespace %s is still there: %v", s.name, ns.Status.Conditions)
		}
		return ""
	}
}

// nudge has the storage system's sidecar look again at contents that are being deleted: when the deletion meets the end of
// the creation, it overlooks it until its next resync, a quarter of an hour later.
func (s *space) nudge() {
	again := client.RawPatch(types.MergePatchType, []byte(fmt.Sprintf(`{"metadata":{"annotations":{"e2e/nudged":%q}}}`, time.Now())))
	for _, c := range s.groupContents() {
		if c.GetDeletionTimestamp() != nil {
			_ = kube.Patch(s.ctx, &c, again)
		}
	}
	for _, c := range s.contents() {
		if c.DeletionTimestamp != nil {
			_ = kube.Patch(s.ctx, &c, again)
		}
	}
}

// removeRetained deletes the contents of the namespace with their bytes, and says what is left.
func (s *space) removeRetained() string {
	left := 0
	free := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"deletionPolicy":"Delete"}}`))
	for _, c := range s.groupContents() {
		left++
		_ = kube.Patch(s.ctx, &c, free) // what fails is counted, and tried again
		_ = kube.Delete(s.ctx, &c)
	}
	for _, c := range s.contents() {
		left++
		_ = kube.Patch(s.ctx, &c, free)
		_ = kube.Delete(s.ctx, &c)
	}
	if left > 0 {
		return fmt.Sprintf("%d contents of namespace %s are still there", left, s.name)
	}
	return ""
}

// leaks says what the storage systems still hold of the namespace's volumes.
func (s *space) leaks() string {
	var left []string
	for _, system := range []*storageSystem{storageA, storageB} {
		ids, err := system.snapshotsOf(s.volumes)
		if err != nil {
			return err.Error()
		}
		left = append(left, ids...)
	}
	if len(left) > 0 {
		return fmt.Sprintf("the storage systems still hold %v", left)
	}
	return ""
}

// contents are the VolumeSnapshotContents that were made from, or for, this namespace.
func (s *space) contents() []snapshotv1.VolumeSnapshotContent {
	s.t.Helper()
	var list snapshotv1.VolumeSnapshotContentList
	if err := kube.List(s.ctx, &list); err != nil {
		s.t.Fatal(err)
	}
	var out []snapshotv1.VolumeSnapshotContent
	for _, c := range list.Items {
		if c.Spec.VolumeSnapshotRef.Namespace == s.name {
			out = append(out, c)
		}
	}
	return out
}

func groupKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "groupsnapshot.storage.k8s.io", Version: "v1", Kind: kind}
}

func (s *space) groupContents() []unstructured.Unstructured {
	s.t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(groupKind("VolumeGroupSnapshotContentList"))
	if err := kube.List(s.ctx, list); err != nil {
		s.t.Fatal(err)
	}
	var out []unstructured.Unstructured
	for _, c := range list.Items {
		if ns, _, _ := unstructured.NestedString(c.Object, "spec", "volumeGroupSnapshotRef", "namespace"); ns == s.name {
			out = append(out, c)
		}
	}
	return out
}

// claim makes a claim that policies of the namespace select.
func (s *space) claim(name string, on *storageSystem, edits ...func(*corev1.PersistentVolumeClaim)) {
	s.t.Helper()
	c := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.name, Labels: app},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: ptr.To(on.class),
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("64Mi")}},
		},
	}
	for _, edit := range edits {
		edit(c)
	}
	s.create(c)
}

// volume waits for a claim to be bound and is its volume's name on the storage system.
func (s *space) volume(claim string) string {
	s.t.Helper()
	var c corev1.PersistentVolumeClaim
	s.await("claim "+claim+" to be bound", time.Minute, func() string {
		if err := kube.Get(s.ctx, s.key(claim), &c); err != nil {
			return err.Error()
		}
		if c.Status.Phase != corev1.ClaimBound {
			return string(c.Status.Phase)
		}
		return ""
	})
	volume := "pvc-" + string(c.UID)
	s.volumes = append(s.volumes, volume)
	return volume
}

// claims makes several claims and waits until they are bound.
func (s *space) claims(on *storageSystem, names ...string) (volumes []string) {
	s.t.Helper()
	for _, n := range names {
		s.claim(n, on)
	}
	for _, n := range names {
		volumes = append(volumes, s.volume(n))
	}
	return volumes
}

// pod runs the toolbox with a claim at /data, or as the device /dev/data for a block volume.
func (s *space) pod(name, claim string, edits ...func(*corev1.Pod)) {
	s.t.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.name, Labels: map[string]string{"pod": name}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: ptr.To(int64(0)),
			Containers: []corev1.Container{{
				Name: "tool", Image: "lifeboat.test/toolbox:latest", ImagePullPolicy: corev1.PullNever,
				Command:      []string{"sleep", "86400"},
				VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
			}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}},
		},
	}
	for _, edit := range edits {
		edit(p)
	}
	s.create(p)
	s.await("pod "+name+" to be ready", 2*time.Minute, func() string {
		if err := kube.Get(s.ctx, s.key(name), p); err != nil {
			return err.Error()
		}
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				return ""
			}
		}
		return string(p.Status.Phase)
	})
}

// sh runs a shell line in a pod. The line must bear repetition: on a busy machine kubectl loses what a command prints, and says so.
func (s *space) sh(pod, line string) string {
	s.t.Helper()
	for {
		out := s.kubectl("exec", pod, "--", "sh", "-c", line)
		if !strings.Contains(out, "Unknown stream id") {
			return strings.TrimSpace(out)
		}
	}
}

// restore makes a claim from a snapshot, mounts it in a pod of the claim's name, and waits for the pod.
func (s *space) restore(claim, snapshot string, on *storageSystem, edits ...func(*corev1.Pod)) {
	s.t.Helper()
	s.claim(claim, on, func(c *corev1.PersistentVolumeClaim) { restoredFrom(c, snapshot) })
	s.pod(claim, claim, edits...)
}

func restoredFrom(c *corev1.PersistentVolumeClaim, snapshot string) {
	c.Labels = nil
	c.Spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: ptr.To("snapshot.storage.k8s.io"), Kind: "VolumeSnapshot", Name: snapshot}
}

// policy makes a policy of all claims of the namespace that is not due while a test runs.
func (s *space) policy(name string, edits ...func(*api.BackupPolicySpec)) {
	s.t.Helper()
	spec := api.BackupPolicySpec{
		Volumes:   api.VolumeSelection{Selector: &api.LabelSelector{MatchLabels: app}},
		Schedule:  api.Schedule{Cron: neverDue()},
		Retention: api.Retention{Last: 20},
		Snapshot:  &api.SnapshotOptions{Timeout: &metav1.Duration{Duration: 90 * time.Second}},
	}
	for _, edit := range edits {
		edit(&spec)
	}
	s.create(&api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.name}, Spec: spec})
}

// neverDue is a schedule whose next slot is days away, whatever the date.
func neverDue() string {
	day := time.Now().AddDate(0, 0, 10)
	return fmt.Sprintf("0 0 %d %d *", day.Day(), day.Month())
}

// shortest is the shortest timeout of a capture that a policy may have.
const shortest = 10 * time.Second

func timeout(d time.Duration) func(*api.BackupPolicySpec) {
	return func(b *api.BackupPolicySpec) { b.Snapshot.Timeout = &metav1.Duration{Duration: d} }
}

func everyMinute(b *api.BackupPolicySpec) { b.Schedule.Cron = "* * * * *" }

func keep(r api.Retention) func(*api.BackupPolicySpec) {
	return func(b *api.BackupPolicySpec) { b.Retention = r }
}
