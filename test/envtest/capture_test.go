// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

func TestPointBecomesComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts", "photos")
	w.claim("other", nil)
	b := w.policy("sync", nil)
	w.await(b, api.ConditionReady, metav1.ConditionTrue, api.ReasonReady)
	w.await(b, api.ConditionProtected, metav1.ConditionFalse, api.ReasonNeverSucceeded)
	p := w.complete("sync", "now")
	if p.Status.Progress != "2/2" || p.Status.PointInTime == nil || p.Status.Trigger != api.TriggerManual || len(p.Status.Volumes) != 2 {
		t.Errorf("status = %+v", p.Status)
	}
	if got := kstatus(p); got != "Current" {
		t.Errorf("kstatus of the point is %s", got)
	}
	if got := len(w.snapshots()); got != 2 {
		t.Errorf("%d snapshots; want one for each selected claim", got)
	}
	for _, c := range w.contents() {
		if c.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentRetain || c.Labels[api.LabelPointUID] != string(p.UID) {
			t.Errorf("content %s is %s and labelled %v", c.Name, c.Spec.DeletionPolicy, c.Labels)
		}
	}
	w.await(b, api.ConditionProtected, metav1.ConditionTrue, api.ReasonObjectiveMet)
	if got := kstatus(b); got != "Current" {
		t.Errorf("kstatus of the policy is %s", got)
	}
}

// TestSlotIsTaken waits for the next minute.
func TestSlotIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	born := time.Now()
	b := w.policy("sync", func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "* * * * *" })
	var points api.RecoveryPointList
	eventually(t, 90*time.Second, func() error {
		if err := w.admin.List(t.Context(), &points, client.InNamespace(w.namespace)); err != nil {
			return err
		}
		if len(points.Items) == 0 {
			return fmt.Errorf("no point yet")
		}
		return nil
	})
	p := &points.Items[0]
	w.await(p, api.ConditionComplete, metav1.ConditionTrue, api.ReasonAllCaptured)
	if p.Spec.Slot == nil || p.Spec.Slot.Before(&metav1.Time{Time: born}) || p.Spec.Slot.Second() != 0 || p.Status.Trigger != api.TriggerSchedule {
		t.Errorf("slot %v of trigger %s; the policy is of %s", p.Spec.Slot, p.Status.Trigger, born)
	}
	w.await(b, api.ConditionProtected, metav1.ConditionTrue, api.ReasonObjectiveMet)
}

func TestPrinterColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.policy("sync", nil)
	w.complete("sync", "now")
	w.kubectl("wait", "--for=condition=Protected", "--timeout=30s", "backuppolicy/sync")
	for _, c := range []struct {
		args []string
		want string // a line for each of the table's, as expressions
	}{
		{[]string{"get", "bp"}, `NAME PROTECTED INDEPENDENT PROVEN LAST NEXT POINTS VOLUMES FINDING SEVERITY AGE\nsync True \d+s 20\d\d-01-01T00:00:00Z 1 1 \d+s`},
		{[]string{"get", "bp", "-o", "wide"}, `NAME PROTECTED INDEPENDENT PROVEN LAST NEXT POINTS VOLUMES FINDING SEVERITY AGE READY FINDINGS WHY PROOF PROOF AGE RECOVERY NEXT DRILL SOURCE SCHEDULE ZONE SUSPENDED FAILED MISSED\n` +
			`sync True \d+s 20\d\d-01-01T00:00:00Z 1 1 \d+s True 0 ObjectiveMet 0 0 1 1 \* UTC 0 0`},
		{[]string{"get", "rp"}, `NAME POLICY COMPLETE REASON VOLUMES TAKEN PROOF COPIES KEEP AGE\nnow sync True AllCaptured 1/1 \d+s \["?.*last.*\] \d+s`},
		{[]string{"get", "lifeboat", "-o", "name"}, `backuppolicy.lifeboat.dev/sync\nrecoverypoint.lifeboat.dev/now`},
	} {
		got := regexp.MustCompile(` +`).ReplaceAllString(w.kubectl(c.args...), " ")
		if !regexp.MustCompile(`^` + c.want + `\s*$`).MatchString(got) {
			t.Errorf("kubectl %v:\n%s\nwant\n%s", c.args, got, c.want)
		}
	}
}

// TestWorkloads selects by what a StatefulSet and a Deployment use.
func TestWorkloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "web-data")
	w.claim("data-db-0", nil)
	w.claim("data-db-7", nil)
	labels := map[string]string{"app": "x"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "main", Image: "none"}},
		Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "web-data"}}}},
	}}
	w.ok(w.admin.Create(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web"},
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template}}))
	set := template.DeepCopy()
	set.Spec.Volumes = nil
	w.ok(w.admin.Create(t.Context(), &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "db"},
		Spec: appsv1.StatefulSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: *set,
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}}}}}}))
	for name, want := range map[string]struct {
		kind    string
		volumes int32
	}{"web": {"Deployment", 1}, "db": {"StatefulSet", 2}} {
		w.policy(name, func(b *api.BackupPolicy) {
			b.Spec.Volumes = api.VolumeSelection{Workload: &api.WorkloadReference{Kind: want.kind, Name: name}}
		})
		if p := w.complete(name, name+"-now"); p.Status.Capture.Volumes != want.volumes {
			t.Errorf("%s %s: %d volumes; want %d", want.kind, name, p.Status.Capture.Volumes, want.volumes)
		}
	}
}

// TestStatusStaysSmall captures a thousand claims with long names.
func TestStatusStaysSmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	each(1000, func(i int) {
		w.claim(fmt.Sprintf("claim-%04d-%s", i, strings.Repeat("x", 180)), map[string]string{"app": "sync"})
	})
	b := w.policy("sync", nil)
	p := w.now("sync", "now")
	eventually(t, 2*time.Minute, func() error {
		w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(p), p))
		if p.Status.FinishedAt == nil {
			return fmt.Errorf("not finished: %s", p.Status.Progress)
		}
		return nil
	})
	w.await(p, api.ConditionComplete, metav1.ConditionTrue, api.ReasonAllCaptured)
	w.await(b, api.ConditionProtected, metav1.ConditionTrue, api.ReasonObjectiveMet)
	for what, status := range map[string]any{"policy": b.Status, "point": p.Status} {
		raw, err := json.Marshal(status)
		w.ok(err)
		t.Logf("the status of the %s has %d bytes", what, len(raw))
		if len(raw) >= 32<<10 {
			t.Errorf("the status of the %s has %d bytes; want less than 32 KiB", what, len(raw))
		}
	}
}

// each does n things, some of them at the same time.
func each(n int, do func(i int)) {
	var wait sync.WaitGroup
	next := make(chan int)
	for range 16 {
		wait.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
}
