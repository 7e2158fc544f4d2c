// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// inScope puts the world's namespace into the scope of the baseline of that name, or takes it out.
func (w *world) inScope(baseline string, in bool) {
	w.Helper()
	value := "null"
	if in {
		value = `"` + baseline + `"`
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"labels": {"baseline": `+value+`}}}`))
	w.ok(w.admin.Patch(w.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}, patch))
}

// called is a name of the whole cluster that no other run of a test has.
func (w *world) called(name string) string {
	return name + "-" + strings.TrimPrefix(w.namespace, "test-")
}

// baseline makes a ClusterBackupPolicy of the worlds, with a template that is due once a year.
func baseline(name string, change func(*api.ClusterBackupPolicy), worlds ...*world) *api.ClusterBackupPolicy {
	w := worlds[0]
	w.Helper()
	for _, x := range worlds {
		x.inScope(name, true)
	}
	c := &api.ClusterBackupPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: api.ClusterBackupPolicySpec{
			NamespaceSelector: api.LabelSelector{MatchLabels: map[string]string{"baseline": name}},
			Template:          &api.ClusterPolicyTemplate{Schedule: api.Schedule{Cron: "0 0 1 1 *"}, Retention: api.Retention{Last: 5}},
		},
	}
	if change != nil {
		change(c)
	}
	w.ok(w.admin.Create(w.Context(), c))
	w.Cleanup(func() { // what it made goes with it, and is not at work during another test
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec": {"onDelete": "Remove"}}`))
		if err := client.IgnoreNotFound(w.admin.Patch(context.Background(), c.DeepCopy(), patch)); err != nil {
			w.Error(err)
		}
		if err := client.IgnoreNotFound(w.admin.Delete(context.Background(), c)); err != nil {
			w.Error(err)
		}
	})
	return c
}

// counts awaits what a baseline counts: total, covered, exempt and uncovered claims, and what was stamped.
func (w *world) counts(c *api.ClusterBackupPolicy, total, covered, exempt, uncovered, stamped int32) {
	w.Helper()
	want := api.ClaimCounts{Total: total, Covered: covered, Exempt: exempt, Uncovered: uncovered}
	eventually(w.T, soon, func() error {
		w.ok(w.admin.Get(w.Context(), client.ObjectKeyFromObject(c), c))
		if s := c.Status; s.Claims != want || s.Stamped != stamped || s.ObservedGeneration != c.Generation {
			return fmt.Errorf("status is %+v, want %+v and %d stamped", s, want, stamped)
		}
		return nil
	})
}

// stamp awaits that the policy of a baseline is there and as a check wants it.
func (w *world) stamp(name string, check func(*api.BackupPolicy) bool) *api.BackupPolicy {
	w.Helper()
	var b api.BackupPolicy
	eventually(w.T, soon, func() error {
		if err := w.admin.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &b); err != nil {
			return err
		}
		if check != nil && !check(&b) {
			return fmt.Errorf("the policy says %+v", b.Spec)
		}
		return nil
	})
	return &b
}

func (w *world) noPolicy(name string) {
	w.Helper()
	err := w.admin.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &api.BackupPolicy{})
	if client.IgnoreNotFound(err) != nil || err == nil {
		w.Errorf("namespace %s has the policy %s: %v", w.namespace, name, err)
	}
}

func (w *world) edit(o client.Object, patch string) {
	w.Helper()
	w.ok(w.admin.Patch(w.Context(), o, client.RawPatch("application/merge-patch+json", []byte(patch))))
}

func findingsOf(c *api.ClusterBackupPolicy) string {
	var out []string
	for _, f := range c.Status.Findings {
		out = append(out, f.Kind+" "+f.Subject)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestClusterPolicy gives a namespace its policy and keeps it as the template says, and leaves alone the one that has its own.
func TestClusterPolicy(t *testing.T) {
	t.Parallel()
	bare, served, empty := newWorld(t, "contacts", "photos"), newWorld(t, "contacts"), newWorld(t)
	served.policy("mine", nil)
	name := bare.called("baseline-stamps")
	c := baseline(name, nil, bare, served, empty)
	bare.counts(c, 3, 3, 0, 0, 1)
	bare.await(c, api.ConditionCovered, metav1.ConditionTrue, api.ReasonCovered)
	bare.await(c, api.ConditionReady, metav1.ConditionTrue, api.ReasonReady)
	if c.Status.Namespaces != 3 || len(c.Finalizers) != 0 {
		t.Errorf("%d namespaces are in scope, finalizers are %v", c.Status.Namespaces, c.Finalizers)
	}
	b := bare.stamp(name, nil)
	if len(b.OwnerReferences) != 0 || b.Labels[api.LabelClusterPolicyUID] != string(c.UID) || b.Spec.Volumes.Selector == nil || b.Spec.OnDelete != api.OnDeleteRetain {
		t.Errorf("the policy is %+v", b)
	}
	served.noPolicy(name)
	empty.noPolicy(name)
	p := bare.complete(name, "now") // it works like any other
	if got := len(bare.snapshots()); got != 2 {
		t.Errorf("%d snapshots were taken", got)
	}
	if table := bare.kubectl("get", "bp", "-o", "wide"); !strings.Contains(strings.Split(table, "\n")[0], "SOURCE") || strings.Count(table, name) != 2 {
		t.Errorf("kubectl does not show where it comes from:\n%s", table)
	}

	bare.edit(c, `{"spec": {"template": {"retention": {"last": 9}, "suspend": false}}}`)
	bare.stamp(name, func(b *api.BackupPolicy) bool { return b.Spec.Retention.Last == 9 })
	bare.edit(b, `{"metadata": {"labels": {"lifeboat.dev/cluster-policy": null}}, "spec": {"suspend": true, "onDelete": "Prune", "objectives": {"recoveryPoint": "1h"}}}`)
	b = bare.stamp(name, func(b *api.BackupPolicy) bool {
		return !b.Spec.Suspend && b.Spec.Objectives == nil && b.Spec.OnDelete == api.OnDeleteRetain && b.Labels[api.LabelClusterPolicy] == name
	})
	bare.ok(bare.admin.Delete(t.Context(), b)) // and comes again
	bare.stamp(name, func(now *api.BackupPolicy) bool { return now.UID != b.UID })
	bare.ok(bare.admin.Get(t.Context(), client.ObjectKeyFromObject(p), p))

	empty.claim("late", nil)
	empty.stamp(name, nil)
	bare.counts(c, 4, 4, 0, 0, 2)
	eventually(t, soon, func() error {
		var list eventsv1.EventList
		bare.ok(bare.admin.List(t.Context(), &list, client.InNamespace("default")))
		for _, e := range list.Items {
			if e.Regarding.Name == name && e.Reason == api.ReasonStamped {
				return nil
			}
		}
		return fmt.Errorf("no event tells that policies were made")
	})
}

// TestClusterPolicyTellsTheUncovered audits: nothing is made, and who is suspended, added or removed is seen.
func TestClusterPolicyTellsTheUncovered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	own := w.policy("mine", nil)
	c := baseline(w.called("baseline-audits"), func(c *api.ClusterBackupPolicy) { c.Spec.Template, c.Spec.Audit = nil, true }, w)
	w.counts(c, 1, 1, 0, 0, 0)
	w.edit(own, `{"spec": {"suspend": true}}`)
	w.counts(c, 1, 0, 0, 1, 0)
	w.await(c, api.ConditionCovered, metav1.ConditionFalse, api.ReasonUncovered)
	if u := c.Status.Uncovered; len(u) != 1 || u[0].Namespace != w.namespace || u[0].Claim != "contacts" || u[0].Reason != api.ReasonPolicySuspended {
		t.Errorf("uncovered are %+v", u)
	}
	if f := findingsOf(c); f != "UnprotectedVolume pvc/"+w.namespace+"/contacts" {
		t.Errorf("findings are %s", f)
	}
	w.edit(own, `{"spec": {"suspend": false}}`)
	w.counts(c, 1, 1, 0, 0, 0)
	if len(c.Status.Findings) != 0 {
		t.Errorf("findings are %s", findingsOf(c))
	}
	claim := w.claim("photos", nil) // not labelled app=sync
	w.counts(c, 2, 1, 0, 1, 0)
	w.edit(claim, `{"metadata": {"labels": {"app": "sync"}}}`)
	w.counts(c, 2, 2, 0, 0, 0)
	w.ok(w.admin.Delete(t.Context(), own))
	w.counts(c, 2, 0, 0, 2, 0)
	w.noPolicy(c.Name)
	w.ok(w.admin.Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "thrown-away", Annotations: map[string]string{api.AnnotationExpires: "2099-01-01T00:00:00Z"}},
		Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}},
	}))
	w.claim("last", nil) // looked at after the one before
	w.counts(c, 3, 0, 0, 3, 0)
	header, row, _ := strings.Cut(w.kubectl("get", "cbp", c.Name), "\n")
	if h, r := strings.Join(strings.Fields(header), " "), strings.Fields(row); h != "NAME COVERED NAMESPACES CLAIMS EXEMPT UNCOVERED AGE" ||
		!slices.Equal(r[:6], []string{c.Name, "False", "1", "3", "0", "3"}) {
		t.Errorf("kubectl shows\n%s\n%s", header, row)
	}
}

// TestClusterPolicyFollowsWorkloads: a policy selects by a workload that comes, changes and goes after its claims.
func TestClusterPolicyFollowsWorkloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.policy("mine", func(b *api.BackupPolicy) {
		b.Spec.Volumes = api.VolumeSelection{Workload: &api.WorkloadReference{Kind: "Deployment", Name: "web"}}
	})
	c := baseline(w.called("baseline-workloads"), func(c *api.ClusterBackupPolicy) { c.Spec.Template, c.Spec.Audit = nil, true }, w)
	w.counts(c, 1, 0, 0, 1, 0)
	labels := map[string]string{"app": "web"}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web"}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "web", Image: "web.test/web:1"}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "contacts"}}}},
		}},
	}}
	w.ok(w.admin.Create(t.Context(), d))
	w.counts(c, 1, 1, 0, 0, 0)
	w.ok(w.admin.Delete(t.Context(), d))
	w.counts(c, 1, 0, 0, 1, 0)
}

// TestClusterPolicyNeverTouchesANamesake has a tenant's own policy of that name, which is handed over in the end.
func TestClusterPolicyNeverTouchesANamesake(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	name := w.called("baseline-namesake")
	own := w.policy(name, func(b *api.BackupPolicy) { b.Spec.Volumes.Selector.MatchLabels["app"] = "other" })
	c := baseline(name, nil, w)
	w.counts(c, 1, 0, 0, 1, 0)
	if k := c.Status.Conflicts; k == nil || k.Total != 1 || k.Worst[0].Namespace != w.namespace || k.Worst[0].Reason != api.ReasonStampConflict {
		t.Errorf("conflicts are %+v", k)
	}
	if f := findingsOf(c); f != "StampConflict namespace/"+w.namespace+", UnprotectedVolume pvc/"+w.namespace+"/contacts" {
		t.Errorf("findings are %s", f)
	}
	w.edit(c, `{"spec": {"template": {"retention": {"last": 9}}}}`)
	w.counts(c, 1, 0, 0, 1, 0)
	if now := w.stamp(name, nil); now.UID != own.UID || now.Generation != own.Generation || now.Labels[api.LabelClusterPolicy] != "" {
		t.Errorf("it was touched: %+v", now)
	}
	w.kubectl("label", "backuppolicy/"+name, "--overwrite", api.LabelClusterPolicy+"="+name, api.LabelClusterPolicyUID+"="+string(c.UID))
	w.counts(c, 1, 1, 0, 0, 1)
	if now := w.stamp(name, nil); now.UID != own.UID || now.Spec.Retention.Last != 9 {
		t.Errorf("handed over, it is not the same, or not set: %+v", now)
	}
	if c.Status.Conflicts != nil || len(c.Status.Findings) != 0 {
		t.Errorf("conflicts are %+v, findings %s", c.Status.Conflicts, findingsOf(c))
	}
}

// TestClusterPolicyLeavesTheScope takes a namespace out of scope: the policy stays, or goes; its points stay.
func TestClusterPolicyLeavesTheScope(t *testing.T) {
	t.Parallel()
	for _, onDelete := range []api.StampedOnDelete{api.StampedRetain, api.StampedRemove} {
		t.Run(string(onDelete), func(t *testing.T) {
			t.Parallel()
			w, other := newWorld(t, "contacts"), newWorld(t, "contacts")
			name := w.called("baseline-scope-" + strings.ToLower(string(onDelete)))
			c := baseline(name, func(c *api.ClusterBackupPolicy) { c.Spec.OnDelete = onDelete }, w, other)
			w.counts(c, 2, 2, 0, 0, 2)
			b := w.stamp(name, nil)
			p := w.complete(name, "now")
			w.inScope(name, false)
			w.counts(c, 1, 1, 0, 0, 1)
			if onDelete == api.StampedRemove {
				w.gone(b)
			} else {
				w.edit(b, `{"spec": {"retention": {"last": 2}}}`) // it is the namespace's own now
				time.Sleep(3 * time.Second)
				w.stamp(name, func(b *api.BackupPolicy) bool { return b.Spec.Retention.Last == 2 })
				w.inScope(name, true) // and in scope again the template's
				w.stamp(name, func(b *api.BackupPolicy) bool { return b.Spec.Retention.Last == 5 })
			}
			w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(p), p))
			if !p.DeletionTimestamp.IsZero() {
				t.Error("the point is being deleted")
			}
			other.stamp(name, nil)
		})
	}
}

// TestClusterPolicyDeleted deletes a baseline: what it made stays, or goes; the points stay.
func TestClusterPolicyDeleted(t *testing.T) {
	t.Parallel()
	for _, onDelete := range []api.StampedOnDelete{api.StampedRetain, api.StampedRemove} {
		t.Run(string(onDelete), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "contacts")
			name := w.called("baseline-deleted-" + strings.ToLower(string(onDelete)))
			c := baseline(name, func(c *api.ClusterBackupPolicy) { c.Spec.OnDelete = onDelete }, w)
			w.counts(c, 1, 1, 0, 0, 1)
			if held := slices.Contains(c.Finalizers, api.FinalizerStamped); held != (onDelete == api.StampedRemove) {
				t.Errorf("finalizers are %v", c.Finalizers)
			}
			b := w.stamp(name, nil)
			p := w.complete(name, "now")
			w.ok(w.admin.Delete(t.Context(), c))
			w.gone(c)
			if onDelete == api.StampedRemove {
				w.gone(b)
			} else {
				time.Sleep(2 * time.Second)
				w.stamp(name, func(b *api.BackupPolicy) bool { return b.DeletionTimestamp.IsZero() })
			}
			w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(p), p))
			if !p.DeletionTimestamp.IsZero() {
				t.Error("the point is being deleted")
			}
		})
	}
}

// TestClusterPolicyExemptionEnds waits for the end of an exemption: nothing but time happens.
func TestClusterPolicyExemptionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cache")
	end := time.Now().Add(6 * time.Second).Truncate(time.Second)
	c := baseline(w.called("baseline-exempts"), func(c *api.ClusterBackupPolicy) {
		c.Spec.Template, c.Spec.Audit = nil, true
		c.Spec.Exemptions = []api.Exemption{{Name: "cache", Namespace: w.namespace, Claims: []string{"cache"}, Reason: "a cache", Owner: "ops", Until: metav1.NewTime(end)}}
	}, w)
	w.counts(c, 1, 0, 1, 0, 0)
	w.await(c, api.ConditionCovered, metav1.ConditionTrue, api.ReasonCovered)
	w.counts(c, 1, 0, 0, 1, 0)
	if time.Now().Before(end) {
		t.Error("it ended too early")
	}
	if f := findingsOf(c); f != "ExemptionExpired exemption/cache, UnprotectedVolume pvc/"+w.namespace+"/cache" {
		t.Errorf("findings are %s", f)
	}
	w.edit(c, `{"spec": {"exemptions": [{"name": "cache", "namespace": "`+w.namespace+`", "reason": "still a cache", "owner": "ops", "until": "2099-01-01T00:00:00Z"}]}}`)
	w.counts(c, 1, 0, 1, 0, 0)
	if len(c.Status.Findings) != 0 {
		t.Errorf("findings are %s", findingsOf(c))
	}
}

// TestClusterPolicyRefused has a quota refuse the policy in one namespace: the other gets its own all the same.
func TestClusterPolicyRefused(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t, "contacts"), newWorld(t, "contacts")
	const counted = "count/backuppolicies.lifeboat.dev"
	none := corev1.ResourceList{counted: resource.MustParse("0")}
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: none}}
	w.ok(w.admin.Create(t.Context(), q))
	q.Status = corev1.ResourceQuotaStatus{Hard: none, Used: none}
	w.ok(w.admin.Status().Update(t.Context(), q))
	time.Sleep(time.Second) // admission control reads quotas from a cache
	c := baseline(w.called("baseline-refused"), nil, w, other)
	w.counts(c, 2, 1, 0, 1, 1)
	other.stamp(c.Name, nil)
	if k := c.Status.Conflicts; k == nil || k.Total != 1 || k.Worst[0].Reason != api.ReasonStampRefused || !strings.Contains(k.Worst[0].Message, "exceeded quota") {
		t.Errorf("conflicts are %+v", k)
	}
	w.ok(w.admin.Delete(t.Context(), q))
	time.Sleep(time.Second)
	w.claim("more", nil)
	w.counts(c, 3, 3, 0, 0, 2)
}
