// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func aPod(phase corev1.PodPhase, mods ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{Status: corev1.PodStatus{Phase: phase}}
	for _, m := range mods {
		m(p)
	}
	return p
}

// terminated has the main container end.
func terminated(reason string, code int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Image: "image",
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code}}})
	}
}

func waiting(reason string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Image: "image",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "why"}}})
	}
}

// sidecar is an application that runs, or has restarted.
func sidecar(running bool, restarts int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		s := corev1.ContainerStatus{Image: "application", RestartCount: restarts,
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 7}}}
		if running {
			s.State.Running = &corev1.ContainerStateRunning{}
		}
		p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, s)
	}
}

func podCondition(kind corev1.PodConditionType, status corev1.ConditionStatus) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: kind, Status: status, Message: "0/3 nodes are available"})
	}
}

func TestPodPhase(t *testing.T) {
	deleted := func(p *corev1.Pod) { at := metav1.NewTime(noon); p.DeletionTimestamp = &at }
	because := func(reason string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Status.Reason = reason } }
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		want plan.PodPhase
	}{
		"not scheduled":                    {aPod(corev1.PodPending), plan.PodPending},
		"running":                          {aPod(corev1.PodRunning), plan.PodRunning},
		"ended well":                       {aPod(corev1.PodSucceeded, terminated("Completed", 0)), plan.PodSucceeded},
		"ended well, and is being deleted": {aPod(corev1.PodSucceeded, terminated("Completed", 0), deleted), plan.PodSucceeded},
		"ended badly":                      {aPod(corev1.PodFailed, terminated("Error", 1)), plan.PodFailed},
		"evicted":                          {aPod(corev1.PodFailed, terminated("Error", 137), because("Evicted")), plan.PodLost},
		"evicted before it started":        {aPod(corev1.PodFailed, because("Evicted")), plan.PodLost},
		"out of memory":                    {aPod(corev1.PodFailed, terminated("OOMKilled", 137)), plan.PodLost},
		"its node restarted":               {aPod(corev1.PodFailed, terminated("ContainerStatusUnknown", 137)), plan.PodLost},
		"somebody deletes it":              {aPod(corev1.PodFailed, terminated("Error", 143), deleted), plan.PodLost},
		"its node is drained":              {aPod(corev1.PodFailed, terminated("Error", 143), podCondition(corev1.DisruptionTarget, corev1.ConditionTrue)), plan.PodLost},
		"its node was to be drained":       {aPod(corev1.PodFailed, terminated("Error", 1), podCondition(corev1.DisruptionTarget, corev1.ConditionFalse)), plan.PodFailed},
		"the application starts":           {aPod(corev1.PodPending, sidecar(true, 0)), plan.PodRunning},
		"the application restarted once":   {aPod(corev1.PodPending, sidecar(false, 1)), plan.PodRunning},
		"the application fails for good":   {aPod(corev1.PodPending, sidecar(false, restartsOfAnApplication)), plan.PodFailed},
		"its node does not answer":         {aPod(corev1.PodUnknown), plan.PodPending},
	} {
		if got := podPhase(c.pod); got != c.want {
			t.Errorf("a pod that is %s is %s, want %s", name, got, c.want)
		}
	}
}

func TestPodWaits(t *testing.T) {
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		want string
	}{
		"nothing":               {aPod(corev1.PodPending), ""},
		"a container is made":   {aPod(corev1.PodPending, waiting("ContainerCreating")), ""},
		"no image":              {aPod(corev1.PodPending, waiting("ImagePullBackOff")), api.ReasonImageUnavailable},
		"a name that is none":   {aPod(corev1.PodPending, waiting("InvalidImageName")), api.ReasonImageUnavailable},
		"an image never pulled": {aPod(corev1.PodPending, waiting("ErrImageNeverPull")), api.ReasonImageUnavailable},
		"no such command":       {aPod(corev1.PodPending, waiting("RunContainerError")), api.ReasonImageUnavailable},
		"no node":               {aPod(corev1.PodPending, podCondition(corev1.PodScheduled, corev1.ConditionFalse)), api.ReasonUnschedulable},
		"a node":                {aPod(corev1.PodPending, podCondition(corev1.PodScheduled, corev1.ConditionTrue)), ""},
	} {
		got := ""
		if w := podWaits(c.pod); w != nil {
			got = w.Reason
		}
		if got != c.want {
			t.Errorf("%s: it waits for %q, want %q", name, got, c.want)
		}
	}
	if w := podWaits(aPod(corev1.PodPending, waiting("ImagePullBackOff"))); !strings.Contains(w.Message, "image image") {
		t.Errorf("it does not name the image: %s", w.Message)
	}
}

func TestBroughtPod(t *testing.T) {
	p := broughtPod(aPod(corev1.PodFailed, terminated("StartError", 128)))
	if p.Phase != plan.PodPending || p.Waits == nil || p.Waits.Reason != api.ReasonImageUnavailable {
		t.Errorf("a container that never started: %+v", p)
	}
	mover := func(p *corev1.Pod) { p.Labels = map[string]string{api.LabelReachesRepository: "true"} }
	tells := func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0].State.Terminated.Message = `{"reason":"WriteFailed"}`
	}
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		want plan.PodPhase
	}{
		"a mover that was killed":             {aPod(corev1.PodFailed, terminated("Error", sigkilled), mover), plan.PodLost},
		"a mover that told how it ended":      {aPod(corev1.PodFailed, terminated("Error", sigkilled), mover, tells), plan.PodFailed},
		"a mover that ended badly":            {aPod(corev1.PodFailed, terminated("Error", 2), mover), plan.PodFailed},
		"another program that ended so":       {aPod(corev1.PodFailed, terminated("Error", sigkilled)), plan.PodFailed},
		"a mover that ended well all at once": {aPod(corev1.PodSucceeded, terminated("Completed", 0), mover), plan.PodSucceeded},
	} {
		if got := broughtPod(c.pod).Phase; got != c.want {
			t.Errorf("%s is %s, want %s", name, got, c.want)
		}
	}
	p = broughtPod(aPod(corev1.PodPending, sidecar(false, restartsOfAnApplication)))
	if p.Phase != plan.PodFailed || p.ExitCode != 7 {
		t.Errorf("an application that fails: %+v", p)
	}
	p = broughtPod(aPod(corev1.PodRunning, podCondition(corev1.PodReady, corev1.ConditionTrue)))
	if !p.Ready || p.Phase != plan.PodRunning {
		t.Errorf("one that is ready: %+v", p)
	}
}

func TestReadResult(t *testing.T) {
	const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	good := readResult(`{"volumes":[{"name":"volume","digest":"` + digest + `","files":3,"directories":1,"others":0,"bytes":12,"unreadable":0,"seconds":0.1}]}`)
	if good == nil || good.Digest != digest || good.Files != 3 || good.Bytes != 12 || good.Unreadable != 0 {
		t.Errorf("a result is read as %+v", good)
	}
	if r := readResult(`{"volumes":[{"name":"volume","files":3,"directories":1,"others":0,"bytes":12,"unreadable":2,"seconds":0.1}],"error":"permission denied"}`); r == nil || r.Unreadable != 2 || r.Error == "" || r.Digest != "" {
		t.Errorf("unreadable files are read as %+v", r)
	}
	for name, message := range map[string]string{
		"nothing": "", "a sentence": "panic: no", "no volume": `{"volumes":[]}`, "a result cut short": `{"volumes":[{"name":"volume"`,
		"two volumes":                `{"volumes":[{"name":"a","files":0,"directories":0,"others":0,"bytes":0,"unreadable":0,"seconds":0},{"name":"b","files":0,"directories":0,"others":0,"bytes":0,"unreadable":0,"seconds":0}]}`,
		"a field of another version": `{"volumes":[],"verdict":"good"}`,
	} {
		if r := readResult(message); r != nil {
			t.Errorf("%s is read as %+v", name, r)
		}
	}
}

// leftoverWorld is a namespace in which a run left things, beside others.
func leftoverWorld(t *testing.T) (*Reader, objects.Run) {
	t.Helper()
	run := objects.Run{Kind: "RestoreDrill", Namespace: testkit.Namespace, Name: "rehearsal", UID: "run"}
	meta := func(name, uid string, expires bool) metav1.ObjectMeta {
		m := metav1.ObjectMeta{Namespace: testkit.Namespace, Name: name, UID: types.UID(uid), Labels: map[string]string{api.LabelRunUID: run.UID}}
		if expires {
			m.Annotations = map[string]string{api.AnnotationExpires: "2026-03-02T14:00:00Z"}
		}
		return m
	}
	snapshot := &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: "s"}
	claim := func(name string, expires bool, source *corev1.TypedLocalObjectReference) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: meta(name, "u-"+name, expires), Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "pv-" + name, DataSource: source}}
	}
	volume := func(name, claim, claimUID string) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("u-" + name)}, Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain, ClaimRef: &corev1.ObjectReference{Namespace: testkit.Namespace, Name: claim, UID: types.UID(claimUID)}}}
	}
	foreign := claim("foreign", true, nil)
	other := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "other", UID: "u-other"}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "pv-reused"}}
	a := testkit.NewAPI(Scheme(), clocktesting.NewFakePassiveClock(noon))
	if err := a.Seed(testkit.NamespaceObject(),
		&corev1.Pod{ObjectMeta: meta("pod", "u-pod", true)}, &corev1.Pod{ObjectMeta: meta("copy-of-its-labels", "u-copy", false)},
		&networkingv1.NetworkPolicy{ObjectMeta: meta("isolation", "u-isolation", true)},
		claim("thrown", true, snapshot), claim("stays", false, snapshot), foreign, other,
		volume("pv-thrown", "thrown", "u-thrown"), volume("pv-stays", "stays", "u-stays"), volume("pv-foreign", "foreign", "u-foreign"),
		volume("pv-reused", "other", "u-other"), volume("pv-orphan", "gone", "u-gone"),
		&corev1.PersistentVolumeClaim{ObjectMeta: meta("thief", "u-thief", true), Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "pv-kept", DataSource: snapshot}},
		volume("pv-kept", "deleted-long-ago", "u-deleted"),
	); err != nil {
		t.Fatal(err)
	}
	live := a.Client(nil)
	return &Reader{Cache: live, Live: live, API: ServedSnapshotAPI(testkit.GroupVersion)}, run
}

// TestLeftovers: what is to be thrown away is what the run's label and an expiry mark, was restored from a snapshot, and is
// bound to it. Labels alone can be put on anything.
func TestLeftovers(t *testing.T) {
	r, run := leftoverWorld(t)
	all, err := r.leftovers(t.Context(), run, []string{"pv-orphan", "pv-reused", "pv-gone"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range all {
		got = append(got, l.Name)
		if l.Kind == "PersistentVolume" && !l.Retain {
			t.Errorf("volume %s is not known to be retained", l.Name)
		}
	}
	slices.Sort(got)
	if want := []string{"isolation", "pod", "pv-orphan", "pv-thrown", "thief", "thrown"}; !slices.Equal(got, want) {
		t.Errorf("left over are %v, want %v", got, want)
	}
	if all[0].Kind != "PersistentVolume" || all[1].Kind != "PersistentVolume" {
		t.Errorf("volumes do not come first: %+v", all)
	}
}

// TestThrowawaysAreNotCaptured: a policy that selects every claim of its namespace does not select what a drill restored.
func TestThrowawaysAreNotCaptured(t *testing.T) {
	r, run := leftoverWorld(t)
	claims, thrown, err := r.claims(t.Context(), run.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	if len(thrown) == 0 {
		t.Error("what is to be thrown away is not told apart")
	}
	var got []string
	for _, c := range claims {
		got = append(got, c.Name)
	}
	if want := []string{"other", "stays"}; !slices.Equal(got, want) {
		t.Errorf("claims to select from are %v, want %v", got, want)
	}
}

// TestSourcesWithoutTheAPI: what cannot be looked at is not gone.
func TestSourcesWithoutTheAPI(t *testing.T) {
	r := &Reader{API: &SnapshotAPI{}}
	if _, err := r.sources(context.Background(), testkit.Point(noon, []string{"data"})); err == nil {
		t.Error("a cluster that does not serve snapshots has none")
	}
}

// TestSwept: a request of the sweeper names a run, and comes only from what bears a run and an expiry.
func TestSwept(t *testing.T) {
	labels := map[string]string{api.LabelRunKind: "RestoreDrill", api.LabelRun: "rehearsal", api.LabelRunUID: "u"}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", Labels: labels, Annotations: map[string]string{api.AnnotationExpires: "soon"}}}
	reqs := swept(p)
	if len(reqs) != 1 {
		t.Fatalf("requests %v", reqs)
	}
	run, err := sweptRun(reqs[0])
	if err != nil || run != (objects.Run{Kind: "RestoreDrill", Namespace: "shop", Name: "rehearsal", UID: "u"}) {
		t.Errorf("run %+v, %v", run, err)
	}
	for name, o := range map[string]client.Object{
		"without an expiry": &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		"without a run":     &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: p.Annotations}},
	} {
		if got := swept(o); got != nil {
			t.Errorf("%s: requests %v", name, got)
		}
	}
}

// TestVolumeMount: only the volume that is bound to the run's own claim is known; how it is mounted survives the cache.
func TestVolumeMount(t *testing.T) {
	run := objects.Run{Kind: "RestoreDrill", Namespace: testkit.Namespace, Name: "rehearsal", UID: "u-run"}
	volume := func(claimUID string, csi *corev1.CSIPersistentVolumeSource) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv", UID: "u-pv"}, Spec: corev1.PersistentVolumeSpec{
			ClaimRef: &corev1.ObjectReference{UID: types.UID(claimUID)}, MountOptions: []string{"noatime"},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: csi}}}
	}
	ofXFS := &corev1.CSIPersistentVolumeSource{Driver: "d", VolumeHandle: "h", FSType: "xfs"}
	for name, c := range map[string]struct {
		runUID string
		volume *corev1.PersistentVolume
		known  bool
	}{
		"its own":               {run.UID, volume("u-claim", ofXFS), true},
		"another claim's":       {run.UID, volume("u-other", ofXFS), false},
		"another run's":         {"u-another", volume("u-claim", ofXFS), false},
		"no CSI driver made it": {run.UID, volume("u-claim", nil), false},
	} {
		leanVolume(c.volume)
		a := testkit.NewAPI(Scheme(), clocktesting.NewFakePassiveClock(noon))
		if err := a.Seed(c.volume); err != nil {
			t.Fatal(err)
		}
		live := a.Client(nil)
		r := &Reader{Cache: live, Live: live}
		m, err := r.volumeMount(t.Context(), run, &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{UID: "u-claim", Labels: map[string]string{api.LabelRunUID: c.runUID}},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "pv"}})
		if err != nil || (m != nil) != c.known {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
		if m != nil && (m.FSType != "xfs" || m.Mode != "Filesystem" || m.UID != "u-pv" || !slices.Equal(m.Options, []string{"noatime"})) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}
