// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
)

const (
	benchClass = "array-a"
	benchImage = "lifeboat.test/toolbox:latest"
	drillData  = 64 // MiB
)

// rehearse measures what a drill costs beside the least that bringing a volume back needs, on a real cluster with Lifeboat
// installed: a claim from the same snapshot, and a pod that reads every byte of it. Both are asked for by the same client,
// by turns, and are timed until the reading pod, or the verdict, is seen.
func (b *bench) rehearse(ctx context.Context, kubeconfig string, rounds int) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("drills need a cluster with Lifeboat (make cluster-up install): %w", err)
	}
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: controllers.Scheme()})
	if err != nil {
		return err
	}
	d := &drillBench{Client: c, namespace: "bench-drills"}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: d.namespace}}
	if err := c.Create(ctx, ns); err != nil {
		return fmt.Errorf("is another benchmark running, or was one killed? %w", err)
	}
	defer func() {
		if err := d.remove(context.WithoutCancel(ctx), ns); err != nil {
			progress("something of namespace %s is left: %v", d.namespace, err)
		}
	}()
	progress("capturing %d MiB for drills", drillData)
	snapshot, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	var over, took, floor []float64
	for n := range rounds {
		least, err := d.least(ctx, fmt.Sprintf("floor-%d", n), snapshot)
		if err != nil {
			return err
		}
		drill, err := d.drill(ctx, fmt.Sprintf("drill-%d", n))
		if err != nil {
			return err
		}
		progress("round %d: a drill %.2f s, the least %.2f s", n+1, drill.Seconds(), least.Seconds())
		over, took, floor = append(over, (drill-least).Seconds()), append(took, drill.Seconds()), append(floor, least.Seconds())
	}
	b.report.add(row{ID: "P10", What: fmt.Sprintf("a drill of %d MiB without checks", drillData), Value: median(took), Floor: median(floor), Unit: "s"})
	b.report.add(row{ID: "P10", What: "a drill, beyond volume and reading", Value: median(over), Unit: "s", Most: 3})
	return nil
}

type drillBench struct {
	client.Client
	namespace string
}

func (d *drillBench) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: d.namespace}
}

// prepare fills a claim, captures it with a fingerprint, and tells the name of its snapshot.
func (d *drillBench) prepare(ctx context.Context) (string, error) {
	policy := &api.BackupPolicy{ObjectMeta: d.meta("bench"), Spec: api.BackupPolicySpec{
		Volumes: api.VolumeSelection{Claims: []string{"data"}}, Schedule: api.Schedule{Cron: "@yearly"}, Retention: api.Retention{Last: 3},
		OnDelete: api.OnDeletePrune, Fingerprint: api.FingerprintEvery,
	}}
	point := &api.RecoveryPoint{ObjectMeta: d.meta("point"), Spec: api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "bench"}}}
	write := fmt.Sprintf("for i in $(seq %d); do dd if=/dev/urandom of=/data/file-$i bs=1M count=1 2>/dev/null; done; sync", drillData)
	if err := d.createAll(ctx, d.claim("data", ""), d.pod("writer", "data", write, false)); err != nil {
		return "", err
	}
	if err := d.finished(ctx, "writer"); err != nil {
		return "", err
	}
	if err := d.createAll(ctx, policy, point); err != nil {
		return "", err
	}
	err := d.until(ctx, point, func() bool {
		return point.Status.Fingerprint != nil && point.Status.Fingerprint.CleanedUp && point.Status.Fingerprint.State == api.FingerprintRecorded
	})
	if err != nil {
		return "", err
	}
	return point.Status.Volumes[0].Snapshot, nil
}

// least brings a volume back and reads it, with nobody's help.
func (d *drillBench) least(ctx context.Context, name, snapshot string) (time.Duration, error) {
	began := time.Now()
	claim, pod := d.claim(name, snapshot), d.pod(name, name, "cat /data/* | sha256sum", true)
	if err := d.createAll(ctx, claim, pod); err != nil {
		return 0, err
	}
	if err := d.finished(ctx, name); err != nil {
		return 0, err
	}
	took := time.Since(began)
	for _, o := range []client.Object{pod, claim} {
		if err := d.Delete(ctx, o); err != nil {
			return 0, err
		}
	}
	return took, d.gone(ctx, claim)
}

// remove deletes the point with its bytes, which would outlive the namespace.
func (d *drillBench) remove(ctx context.Context, ns *corev1.Namespace) error {
	policy, point := &api.BackupPolicy{ObjectMeta: d.meta("bench")}, &api.RecoveryPoint{ObjectMeta: d.meta("point")}
	return errors.Join(client.IgnoreNotFound(d.Delete(ctx, policy)), d.gone(ctx, point), d.Delete(ctx, ns))
}

func (d *drillBench) drill(ctx context.Context, name string) (time.Duration, error) {
	began := time.Now()
	x := &api.RestoreDrill{ObjectMeta: d.meta(name), Spec: api.RestoreDrillSpec{Policy: &api.PolicyReference{Name: "bench"}}}
	if err := d.Create(ctx, x); err != nil {
		return 0, err
	}
	if err := d.until(ctx, x, func() bool { return x.Status.Verdict != "" }); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if x.Status.Verdict != api.VerdictPassed || x.Status.Level != api.LevelIntact {
		return 0, fmt.Errorf("drill %s ended %s at %s: %+v", name, x.Status.Verdict, x.Status.Level, x.Status.Conditions)
	}
	return took, d.until(ctx, x, func() bool { return meta.IsStatusConditionTrue(x.Status.Conditions, api.ConditionCleanedUp) })
}

func (d *drillBench) createAll(ctx context.Context, all ...client.Object) error {
	for _, o := range all {
		if err := d.Create(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// until looks at an object until it is as it should be.
func (d *drillBench) until(ctx context.Context, o client.Object, is func() bool) error {
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err := d.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		if is() {
			return nil
		}
	}
	return fmt.Errorf("%T %s did not become what it should be in three minutes", o, o.GetName())
}

func (d *drillBench) finished(ctx context.Context, pod string) error {
	p := &corev1.Pod{ObjectMeta: d.meta(pod)}
	return d.until(ctx, p, func() bool { return p.Status.Phase == corev1.PodSucceeded })
}

func (d *drillBench) gone(ctx context.Context, o client.Object) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := d.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	return fmt.Errorf("%T %s did not go", o, o.GetName())
}

func (d *drillBench) claim(name, snapshot string) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{ObjectMeta: d.meta(name), Spec: corev1.PersistentVolumeClaimSpec{
		StorageClassName: ptr.To(benchClass), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("128Mi")}},
	}}
	if snapshot != "" {
		c.Spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: ptr.To("snapshot.storage.k8s.io"), Kind: "VolumeSnapshot", Name: snapshot}
	}
	return c
}

func (d *drillBench) pod(name, claim, line string, readOnly bool) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: d.meta(name), Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: ptr.To(false),
		Containers: []corev1.Container{{Name: "tool", Image: benchImage, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"sh", "-ec", line},
			VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data", ReadOnly: readOnly}}}},
		Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim, ReadOnly: readOnly}}}},
	}}
}
