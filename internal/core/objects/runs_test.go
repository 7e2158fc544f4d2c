// SPDX-License-Identifier: Apache-2.0

package objects_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

var (
	throw = slot.Add(2 * time.Hour)
	mover = objects.Mover{Image: "registry.test/lifeboat:v1", PullPolicy: "IfNotPresent"}
)

func run() objects.Run {
	return objects.Run{Kind: "RestoreDrill", Namespace: "shop", Name: "rehearsal", UID: "dddddddd-0000-1111-2222-333333333333"}
}

func claimOrder(mode string) plan.ClaimOrder {
	return plan.ClaimOrder{Name: "data-restored-x", Class: "array-a", Size: resource.MustParse("1Gi"), Throw: throw,
		Source: plan.Source{Claim: "data", Snapshot: plan.Target{Name: "data-snapshot"}, Mode: mode}}
}

func claimThatStays() plan.ClaimOrder {
	o := claimOrder("Block")
	o.Throw, o.Labels = time.Time{}, map[string]string{"app": "shop"}
	return o
}

// claimForCopy asks for an empty claim, the second of its name.
func claimForCopy() plan.ClaimOrder {
	o := claimOrder("Filesystem")
	o.Attempt, o.Source.Snapshot = 1, plan.Target{}
	o.Source.ClaimUID, o.Source.Copy = "99999999-8888-7777-6666-555555555555", &plan.CopySource{}
	o.Name = names.Throwaway(o.Source.Claim, run().UID, o.Source.ClaimUID)
	return o
}

func writeOrder(privileged bool) plan.RepositoryOrder {
	return plan.RepositoryOrder{Name: "data-write-x", Order: `{"version":1}`, Claim: "data-restored-x", Mode: "Filesystem", Writes: true, Privileged: privileged, Throw: throw,
		Access: plan.Access{Repository: "amsterdam", Password: "amsterdam-repository-password", Credentials: "keys"}}
}

func readOrder(mode string, privileged bool) plan.ReadOrder {
	o := plan.ReadOrder{Name: "data-read-x", Claim: "data-restored-x", Mode: mode, Privileged: privileged, Throw: throw}
	if mode == "Block" {
		o.Mover = &api.MoverOptions{RunAsUser: ptr.To[int64](70), RunAsGroup: ptr.To[int64](71)}
	}
	return o
}

func checkOrder(k api.Check) plan.CheckOrder {
	return plan.CheckOrder{Name: "check-x", Check: k, Throw: throw, Volumes: []plan.CheckVolume{
		{Claim: "data", Throwaway: "data-restored-x", Mode: "Filesystem"}, {Claim: "raw", Throwaway: "raw-restored-x", Mode: "Block"}}}
}

func fullCheck() api.Check {
	return api.Check{
		Name: "query", Image: "registry.test/client:1", Command: []string{"query"}, RunAsUser: ptr.To[int64](999),
		Env: []api.CheckVariable{{Name: "PGDATA", Value: "/var/lib/pg"}}, Mounts: []api.CheckMount{{Claim: "data", Path: "/var/lib/pg"}},
		Resources: &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}},
		Application: &api.CheckApplication{Image: "registry.test/pg:16", Command: []string{"postgres"},
			Exec: &api.ExecProbe{Command: []string{"pg_isready"}}},
	}
}

func drill() *api.RestoreDrill {
	return &api.RestoreDrill{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "rehearsal", UID: "dddddddd-0000-1111-2222-333333333333"},
		Status:     api.RestoreDrillStatus{Verdict: api.VerdictPassed, Run: &api.DrillRun{Policy: "web", PolicyUID: string(policy().UID)}},
	}
}

// TestPodsHaveNoRights: whatever a policy asks for, the pods of runs keep to the restricted Pod Security Standard, have no
// token and no secret, read volumes only where they shall, and bear what the sweeper finds them by. It catches a pod with a
// token, a container that may become root, a reader that can write, and a pod without its run's UID or its expiry.
func TestPodsHaveNoRights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := api.Check{Name: "check", Image: "image"}
		if rapid.Bool().Draw(t, "command") {
			k.Command = []string{"x"}
		}
		if rapid.Bool().Draw(t, "application") || k.Command == nil {
			k.Application = &api.CheckApplication{HTTP: &api.HTTPProbe{Port: 80}}
		}
		if rapid.Bool().Draw(t, "user") {
			k.RunAsUser = ptr.To(rapid.Int64Range(1, 70000).Draw(t, "uid"))
		}
		order := checkOrder(k)
		order.Volumes = nil
		for i := range rapid.IntRange(1, plan.MostBrought).Draw(t, "volumes") {
			order.Volumes = append(order.Volumes, plan.CheckVolume{Claim: fmt.Sprint("c", i), Throwaway: fmt.Sprint("t", i),
				Mode: rapid.SampledFrom([]string{"Filesystem", "Block", ""}).Draw(t, "mode")})
		}
		read := readOrder(rapid.SampledFrom([]string{"Filesystem", "Block", ""}).Draw(t, "read mode"), false)
		read.Manifest = rapid.Bool().Draw(t, "manifest")
		check := objects.CheckPod(run(), order)
		restrictedPod(t, check)
		if got := len(check.Spec.Volumes); got != len(order.Volumes) {
			t.Fatalf("%d volumes, want %d", got, len(order.Volumes))
		}
		p := objects.Reader(run(), read, mover)
		restrictedPod(t, p)
		for _, m := range p.Spec.Containers[0].VolumeMounts {
			if m.Name == "manifests" {
				continue // its own, which goes with it
			}
			if !m.ReadOnly || !p.Spec.Volumes[0].PersistentVolumeClaim.ReadOnly {
				t.Fatal("a reader can write")
			}
		}
		if !*p.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem {
			t.Fatal("a reader can write to its root")
		}
	})
}

func restrictedPod(t *rapid.T, p *corev1.Pod) {
	s := p.Spec
	if p.Labels[api.LabelRunUID] != run().UID || p.Annotations[api.AnnotationExpires] == "" || p.Labels[api.LabelManagedBy] != api.ManagedBy {
		t.Fatalf("the sweeper does not find it: %v %v", p.Labels, p.Annotations)
	}
	if *s.AutomountServiceAccountToken || s.ServiceAccountName != "" || s.HostNetwork || s.HostPID || s.HostIPC || s.RestartPolicy != corev1.RestartPolicyNever {
		t.Fatalf("it has a token, or is the host's: %+v", s)
	}
	if !*s.SecurityContext.RunAsNonRoot || *s.SecurityContext.RunAsUser == 0 || s.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault || s.SecurityContext.FSGroup != nil {
		t.Fatalf("its security context is %+v", s.SecurityContext)
	}
	names := map[string]bool{}
	for _, v := range s.Volumes {
		own := v.EmptyDir != nil && v.EmptyDir.SizeLimit != nil && v.EmptyDir.Medium == ""
		if (v.PersistentVolumeClaim == nil && !own) || names[v.Name] {
			t.Fatalf("volume %+v is neither a claim nor a bounded folder of its own, or there twice", v)
		}
		names[v.Name] = true
	}
	for _, c := range append(s.InitContainers, s.Containers...) {
		x := c.SecurityContext
		if *x.AllowPrivilegeEscalation || x.Privileged != nil || len(x.Capabilities.Add) > 0 || x.Capabilities.Drop[0] != "ALL" || len(c.EnvFrom) > 0 || len(c.Ports) > 0 {
			t.Fatalf("container %s: %+v", c.Name, x)
		}
		if c.TerminationMessagePolicy != corev1.TerminationMessageReadFile {
			t.Fatalf("container %s: what it prints gets into the status", c.Name)
		}
		if c.Resources.Limits.Memory().IsZero() {
			t.Fatalf("container %s may take all memory", c.Name)
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil {
				t.Fatalf("container %s reads %s from elsewhere", c.Name, e.Name)
			}
		}
	}
}

// TestClaimForCopyIsEmpty: whatever is known of snapshots, a claim for a copy is made from nothing.
func TestClaimForCopyIsEmpty(t *testing.T) {
	o := claimForCopy()
	o.Source.Snapshot, o.Source.Handle = plan.Target{Name: "data-snapshot", UID: "u"}, "snap"
	if c := objects.Claim(run(), o); c.Spec.DataSource != nil || c.Spec.DataSourceRef != nil {
		t.Errorf("it is made from %+v", c.Spec.DataSource)
	}
}

// TestBrought: of what bears a run's labels, only what a run makes is a run's: others' claims must not go with it.
func TestBrought(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*corev1.PersistentVolumeClaim)
		want bool
	}{
		"for a copy":                  {func(*corev1.PersistentVolumeClaim) {}, true},
		"of another name":             {func(c *corev1.PersistentVolumeClaim) { c.Name = "contacts" }, false},
		"that says it is for another": {func(c *corev1.PersistentVolumeClaim) { c.Annotations[api.AnnotationClaim] = "logs" }, false},
		"that does not say for which": {func(c *corev1.PersistentVolumeClaim) { delete(c.Labels, api.LabelClaimUID) }, false},
		"from a snapshot":             {func(c *corev1.PersistentVolumeClaim) { *c = *objects.Claim(run(), claimOrder("Block")) }, true},
		"from something else": {func(c *corev1.PersistentVolumeClaim) {
			c.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "x"}
		}, false},
		"of a run whose UID is another": {func(c *corev1.PersistentVolumeClaim) {
			c.Name = names.Throwaway("data", "other", c.Labels[api.LabelClaimUID])
		}, false},
	} {
		claim := objects.Claim(run(), claimForCopy())
		c.edit(claim)
		if got := objects.Brought(run(), claim); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestProbes: each sort of probe is passed on, and where there is a command the application is awaited before it starts.
func TestProbes(t *testing.T) {
	for name, a := range map[string]api.CheckApplication{
		"http": {HTTP: &api.HTTPProbe{Port: 8080, Path: "/ready"}}, "tcp": {TCP: &api.TCPProbe{Port: 5432}}, "exec": {Exec: &api.ExecProbe{Command: []string{"ask"}}}, "none": {},
	} {
		for _, command := range [][]string{nil, {"check"}} {
			if command == nil && name == "none" {
				continue // refused by the schema
			}
			t.Run(name+strings.Join(command, " "), func(t *testing.T) {
				p := objects.CheckPod(run(), checkOrder(api.Check{Name: "x", Image: "i", Command: command, Application: &a}))
				app := p.Spec.Containers[0]
				probe := app.ReadinessProbe
				if command != nil {
					app = p.Spec.InitContainers[0]
					probe = app.StartupProbe
					if *app.RestartPolicy != corev1.ContainerRestartPolicyAlways || p.Spec.Containers[0].Name != "check" {
						t.Errorf("the application is no sidecar: %+v", app)
					}
				}
				if app.Name != "application" || (probe == nil) != (name == "none") {
					t.Fatalf("the application is %+v", app)
				}
				got := map[string]bool{"none": probe == nil}
				if probe != nil {
					got["http"], got["tcp"], got["exec"] = probe.HTTPGet != nil, probe.TCPSocket != nil, probe.Exec != nil
				}
				for kind, is := range got {
					if is != (kind == name) {
						t.Errorf("%s: %t", kind, is)
					}
				}
			})
		}
	}
}

// TestMoversAreSpread: whatever pod speaks to a repository is counted among those that are spread over nodes, and none waits for that.
func TestMoversAreSpread(t *testing.T) {
	for _, o := range []plan.RepositoryOrder{writeOrder(false), writeOrder(true), {Name: "probe"}} {
		p := objects.RepositoryPod(run(), o, mover)
		all := p.Spec.TopologySpreadConstraints
		if len(all) != 1 || all[0].TopologyKey != corev1.LabelHostname || all[0].WhenUnsatisfiable != corev1.ScheduleAnyway {
			t.Fatalf("%s is spread by %+v", o.Name, all)
		}
		if s, err := metav1.LabelSelectorAsSelector(all[0].LabelSelector); err != nil || s.Empty() || !s.Matches(labels.Set(p.Labels)) {
			t.Errorf("%s with labels %v is not among %s: %v", o.Name, p.Labels, s, err)
		}
	}
}

// TestMoversShareAFolder: whoever works on a repository in a folder, as whatever user, is of the group that owns it. Who restores leaves
// it alone: the group of the volumes is that of what is restored then.
func TestMoversShareAFolder(t *testing.T) {
	const uid, folder = 10001, 65532
	for _, c := range []struct {
		name               string
		privileged, writes bool
		group              int64 // of the volumes; 0 for none
	}{
		{"copies", false, false, folder},
		{"copies, privileged", true, false, folder},
		{"restores", false, true, uid},
		{"restores, privileged", true, true, 0},
	} {
		o := plan.RepositoryOrder{Name: "x", Access: plan.Access{Repository: "vault", Claim: "vault"}, Claim: "data", Mode: "Filesystem",
			Writes: c.writes, Privileged: c.privileged, Mover: &api.MoverOptions{RunAsUser: ptr.To[int64](uid)}}
		s := objects.RepositoryPod(run(), o, mover).Spec
		if got := s.SecurityContext; !slices.Contains(got.SupplementalGroups, folder) || ptr.Deref(got.FSGroup, 0) != c.group {
			t.Errorf("who %s is of %v, and volumes are of %d", c.name, got.SupplementalGroups, ptr.Deref(got.FSGroup, 0))
		}
		for _, v := range s.Volumes {
			if claim := v.PersistentVolumeClaim; claim != nil && claim.ReadOnly != ((claim.ClaimName == "vault") == c.writes) {
				t.Errorf("who %s mounts claim %s for reading alone: %t", c.name, claim.ClaimName, claim.ReadOnly)
			}
		}
	}
	if s := objects.RepositoryPod(run(), plan.RepositoryOrder{Name: "x", Access: plan.Access{Repository: "vault"}}, mover).Spec.SecurityContext; s.FSGroup != nil || len(s.SupplementalGroups) > 0 {
		t.Errorf("without a folder a mover is of %v and %v", s.FSGroup, s.SupplementalGroups)
	}
}
