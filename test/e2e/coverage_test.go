// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// coverage waits until a ClusterBackupPolicy says what it should.
func (s *space) coverage(name, what string, wrong func(*api.ClusterBackupPolicy) string) {
	s.t.Helper()
	s.await("cluster policy "+name+" to be "+what, soonEnough, func() string {
		var c api.ClusterBackupPolicy
		if err := kube.Get(s.ctx, client.ObjectKey{Name: name}, &c); err != nil {
			return err.Error()
		}
		return wrong(&c)
	})
}

// A whole cluster's promise: what is uncovered is told, exempted, and at last covered by a policy that is made from the
// template and captures for real; a tenant's own policy is not touched, and a namespace that goes is counted no more.
func TestCoverage(t *testing.T) {
	t.Parallel()
	s, other := newSpace(t), newSpace(t)
	for _, n := range []string{s.name, other.name} {
		if out, err := kubectl(s.ctx, "label", "namespace", n, "coverage="+s.name); err != nil {
			t.Fatal(out, err)
		}
	}
	s.claims(storageA, "contacts", "photos")
	other.claims(storageA, "todos")
	c := &api.ClusterBackupPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec:       api.ClusterBackupPolicySpec{NamespaceSelector: api.LabelSelector{MatchLabels: map[string]string{"coverage": s.name}}, Audit: true},
	}
	s.create(c)
	t.Cleanup(func() {
		if err := client.IgnoreNotFound(kube.Delete(s.ctx, c)); err != nil {
			t.Error(err)
		}
	})
	unprotected := func(want ...string) func(*api.ClusterBackupPolicy) string {
		return func(c *api.ClusterBackupPolicy) string {
			var got []string
			for _, f := range c.Status.Findings {
				if f.Kind == api.ReasonUnprotectedVolume {
					got = append(got, f.Subject)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if n := c.Status.Claims; !slices.Equal(got, want) || int(n.Uncovered) != len(want) || n.Total != n.Covered+n.Exempt+n.Uncovered {
				return fmt.Sprintf("it counts %+v, and its findings are %v", n, short(c.Status.Findings))
			}
			return ""
		}
	}
	subject := func(s *space, claim string) string { return "pvc/" + s.name + "/" + claim }
	s.coverage(s.name, "told of three", unprotected(subject(s, "contacts"), subject(s, "photos"), subject(other, "todos")))
	if table, err := kubectl(s.ctx, "get", "clusterbackuppolicies.lifeboat.dev", s.name); err != nil || !strings.Contains(table, "False") {
		t.Errorf("kubectl get cbp: %v\n%s", err, table)
	}

	other.policy("own") // covers todos
	c.Spec.Exemptions = nil
	s.await("an exemption", soonEnough, func() string {
		if err := kube.Get(s.ctx, client.ObjectKeyFromObject(c), c); err != nil {
			return err.Error()
		}
		c.Spec.Exemptions = []api.Exemption{{Name: "photos", Namespace: s.name, Claims: []string{"photos"}, Reason: "a cache", Owner: "somebody", Until: metav1.NewTime(time.Now().Add(time.Hour))}}
		return problem(kube.Update(s.ctx, c))
	})
	s.coverage(s.name, "told of one", unprotected(subject(s, "contacts")))

	s.await("a template", soonEnough, func() string {
		if err := kube.Get(s.ctx, client.ObjectKeyFromObject(c), c); err != nil {
			return err.Error()
		}
		c.Spec.Audit, c.Spec.Template = false, &api.ClusterPolicyTemplate{Schedule: api.Schedule{Cron: neverDue()}, Retention: api.Retention{Last: 3}}
		return problem(kube.Update(s.ctx, c))
	})
	s.coverage(s.name, "covered", unprotected())
	if out, err := kubectl(s.ctx, "wait", "--for=condition=Covered", "clusterbackuppolicy.lifeboat.dev/"+s.name, "--timeout=60s"); err != nil {
		t.Error(out, err)
	}
	s.take("first", s.name) // the policy that was made captures
	s.handles("first", storageA)
	if err := kube.Get(s.ctx, other.key(s.name), &api.BackupPolicy{}); !apierrors.IsNotFound(err) {
		t.Errorf("a namespace that covers all by itself was given a policy: %v", err)
	}

	other.kubectl("delete", "bp", "own", "--timeout=60s")
	if out, err := kubectl(s.ctx, "delete", "namespace", other.name, "--timeout=120s"); err != nil {
		t.Fatal(out, err)
	}
	s.coverage(s.name, "counting one namespace", func(c *api.ClusterBackupPolicy) string {
		if c.Status.Namespaces != 1 || c.Status.Claims.Total != 2 {
			return fmt.Sprintf("%+v", c.Status)
		}
		return ""
	})
	if err := kube.Delete(s.ctx, c); err != nil {
		t.Fatal(err)
	}
	s.stays("the policy that was made, and its point", 5*time.Second, func() string {
		var b api.BackupPolicy
		if err := kube.Get(s.ctx, s.key(s.name), &b); err != nil || !b.DeletionTimestamp.IsZero() {
			return fmt.Sprintf("the policy: %v", err)
		}
		var p api.RecoveryPoint
		if err := kube.Get(s.ctx, s.key("first"), &p); err != nil || !meta.IsStatusConditionTrue(p.Status.Conditions, api.ConditionComplete) {
			return fmt.Sprintf("the point: %v", err)
		}
		return ""
	})
}
