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

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// held waits until a point says that its deletion is held.
func (s *space) held(name string) {
	s.t.Helper()
	s.point(name, "held", soonEnough, func(p *api.RecoveryPoint) string {
		c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionStalled)
		if p.DeletionTimestamp == nil || c == nil || c.Reason != api.ReasonDeletionHeld {
			return fmt.Sprintf("deleted %v, stalled %v", p.DeletionTimestamp, c)
		}
		return ""
	})
}

func (s *space) hold(name string, hold bool) {
	s.t.Helper()
	s.kubectl("patch", "rp", name, "--type=merge", "-p", fmt.Sprintf(`{"spec":{"hold":%t}}`, hold))
}

// gone says whether a point is not there any more.
func (s *space) gone(name string) bool {
	s.t.Helper()
	err := kube.Get(s.ctx, s.key(name), &api.RecoveryPoint{})
	if err != nil && !apierrors.IsNotFound(err) {
		s.t.Fatal(err)
	}
	return err != nil
}

// Points that no rule keeps go, with their bytes and their contents; a hold keeps one whatever happens.
func TestRetentionPrunes(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", keep(api.Retention{Last: 2}))
	handles := map[string]map[string]string{}
	for _, name := range []string{"one", "two"} {
		s.take(name, "sync")
		handles[name] = s.handles(name, storageA)
	}
	s.hold("two", true)
	for _, name := range []string{"three", "four"} {
		s.take(name, "sync")
	}
	s.pointGone("one", soonEnough)
	s.bytesGone(storageA, handles["one"])
	p := s.point("four", "kept", soonEnough, func(p *api.RecoveryPoint) string {
		if !slices.Contains(p.Status.Keep, "last") {
			return fmt.Sprintf("kept for %v", p.Status.Keep)
		}
		return ""
	})
	if table := s.kubectl("get", "rp", p.Name); !strings.Contains(table, "last") {
		t.Errorf("kubectl get rp does not say why it is kept:\n%s", table)
	}
	s.kubectl("delete", "rp", "two", "--wait=false")
	s.held("two")
	s.stays("what is on hold stays", 3*time.Second, func() string {
		for claim, h := range handles["two"] {
			if !storageA.holds(t, h) {
				return "the bytes of " + claim + " are gone"
			}
		}
		return ""
	})
	s.hold("two", false)
	s.pointGone("two", soonEnough)
	s.bytesGone(storageA, handles["two"])
	if names := pointNames(s.points()); !slices.Equal(names, []string{"three", "four"}) {
		t.Errorf("points %v are left", names)
	}
	if n := len(s.contents()); n != 2 {
		t.Errorf("%d contents are left", n)
	}
}

// minimum wins over every rule.
func TestMinimumIsKept(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", keep(api.Retention{Last: 1, Minimum: 2}))
	for _, name := range []string{"one", "two", "three"} {
		s.take(name, "sync")
	}
	s.pointGone("one", soonEnough)
	s.stays("two points are kept", 5*time.Second, func() string {
		if s.gone("two") || s.gone("three") {
			return fmt.Sprint(pointNames(s.points()))
		}
		return ""
	})
}

// Whoever deletes the last good point is asked to wait until there is a newer one.
func TestLastGoodPointIsHeld(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync")
	s.take("first", "sync")
	handles := s.handles("first", storageA)
	s.kubectl("delete", "rp", "first", "--wait=false")
	s.held("first")
	s.stays("the last good point stays", 5*time.Second, func() string {
		if s.gone("first") || !storageA.holds(t, handles["contacts"]) {
			return "it is gone"
		}
		return ""
	})
	s.take("second", "sync")
	s.pointGone("first", soonEnough)
	s.bytesGone(storageA, handles)
	s.handles("second", storageA)
}

// An edit that keeps less is shown first, and does nothing before the grace has passed.
func TestShrunkRetentionWaits(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", keep(api.Retention{Last: 3}))
	for _, name := range []string{"one", "two", "three"} {
		s.take(name, "sync")
	}
	edited := time.Now()
	s.kubectl("patch", "bp", "sync", "--type=merge", "-p", `{"spec":{"retention":{"last":1}}}`)
	s.policyStatus("sync", "showing what expires", soonEnough, func(b *api.BackupPolicy) string {
		if len(b.Status.Expiring) != 2 {
			return fmt.Sprintf("%+v", b.Status.Expiring)
		}
		for _, e := range b.Status.Expiring {
			if e.At.Time.Before(edited.Add(grace - 2*time.Second)) {
				return fmt.Sprintf("%s expires at %s, which is within the grace", e.Name, e.At)
			}
		}
		return ""
	})
	s.stays("nothing expires within the grace", time.Until(edited.Add(grace-3*time.Second)), func() string {
		if s.gone("one") || s.gone("two") {
			return fmt.Sprintf("%v after %s", pointNames(s.points()), time.Since(edited))
		}
		return ""
	})
	s.pointGone("one", soonEnough)
	s.pointGone("two", soonEnough)
	if s.gone("three") {
		t.Error("the last point is gone")
	}
}

// Deleting a policy leaves its points, unless it asks for their removal; then a hold still counts.
func TestPolicyDeletion(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("keeper")
	s.policy("pruner", func(b *api.BackupPolicySpec) { b.OnDelete = api.OnDeletePrune })
	handles := map[string]map[string]string{}
	for name, policy := range map[string]string{"kept": "keeper", "pruned": "pruner", "held": "pruner"} {
		s.take(name, policy)
		handles[name] = s.handles(name, storageA)
	}
	s.hold("held", true)
	s.kubectl("delete", "bp", "keeper", "pruner", "--timeout=60s")
	s.pointGone("pruned", soonEnough)
	s.bytesGone(storageA, handles["pruned"])
	s.stays("the others stay", 3*time.Second, func() string {
		for _, name := range []string{"kept", "held"} {
			if s.gone(name) || !storageA.holds(t, handles[name]["contacts"]) {
				return name + " is gone"
			}
		}
		return ""
	})
	s.kubectl("delete", "rp", "kept", "--timeout=60s")
	s.bytesGone(storageA, handles["kept"])
}
