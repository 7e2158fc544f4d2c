// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// The hooks of these tests mark the volume for as long as the capture takes.
const (
	mark   = "echo marked > /data/marker && sync"
	unmark = "rm -f /data/marker"
	marked = "if [ -e /data/marker ]; then echo yes; else echo no; fi"
)

func hook(name string, when api.HookTime, line string, edits ...func(*api.Hook)) api.Hook {
	h := api.Hook{Name: name, When: when, Command: []string{"sh", "-c", line},
		Selector: api.LabelSelector{MatchLabels: map[string]string{"pod": "writer"}}}
	for _, edit := range edits {
		edit(&h)
	}
	return h
}

func hooks(h ...api.Hook) func(*api.BackupPolicySpec) {
	return func(b *api.BackupPolicySpec) { b.Snapshot.Hooks = h }
}

func hookRecord(p *api.RecoveryPoint, name string) api.HookRecord {
	for _, r := range p.Status.Hooks {
		if r.Name == name {
			return r
		}
	}
	return api.HookRecord{}
}

// A Before hook runs before the data are captured, and the After hook once they are.
func TestHooks(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.pod("writer", "contacts")
	s.policy("sync", hooks(hook("freeze", api.HookBefore, mark), hook("thaw", api.HookAfter, unmark)))
	p := s.take("first", "sync")
	for _, name := range []string{"freeze", "thaw"} {
		if r := hookRecord(p, name); r.State != api.HookSucceeded || r.Pods != 1 {
			t.Errorf("hook %s: %+v", name, r)
		}
	}
	if got := s.sh("writer", marked); got != "no" {
		t.Errorf("the volume is still marked: %s", got)
	}
	s.restore("restored", s.snapshots("first")["contacts"].Name, storageA)
	if got := s.sh("restored", marked); got != "yes" {
		t.Errorf("the restored volume is marked: %s", got)
	}
}

// The After hooks run also for a point that is deleted in the midst of its capture.
func TestHooksOfADeletedPoint(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "contacts")
	s.pod("writer", "contacts")
	storageA.fault(t, faultSlow, volumes...)
	s.policy("sync", hooks(hook("freeze", api.HookBefore, mark), hook("thaw", api.HookAfter, unmark)))
	s.now("first", "sync")
	s.await("a snapshot", soonEnough, func() string {
		if len(s.snapshots("first")) == 0 {
			return "there is none"
		}
		return ""
	})
	s.kubectl("delete", "rp", "first", "--timeout=60s")
	if got := s.sh("writer", marked); got != "no" {
		t.Errorf("the volume is still marked: %s", got)
	}
	if n := len(s.contents()); n > 0 {
		t.Errorf("%d contents are left", n)
	}
}

// A Before hook that fails, or takes too long, gives the point up, and the After hooks run all the same.
func TestHooksThatFail(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.pod("writer", "contacts")
	second := func(h *api.Hook) { h.Timeout = &metav1.Duration{Duration: time.Second} }
	thaw := hook("thaw", api.HookAfter, unmark)
	s.policy("failing", hooks(hook("freeze", api.HookBefore, mark+"; exit 3"), thaw))
	s.policy("hanging", hooks(hook("freeze", api.HookBefore, mark+"; sleep 20", second), thaw))
	s.policy("going-on", hooks(hook("freeze", api.HookBefore, "exit 3", func(h *api.Hook) { h.OnError = api.HookContinue }), thaw))
	s.policy("nobody", hooks(hook("freeze", api.HookBefore, mark, func(h *api.Hook) { h.Selector.MatchLabels["pod"] = "none" }), thaw))

	for policy, message := range map[string]string{"failing": "exit code 3", "hanging": "longer than 1s", "nobody": "no running pod"} {
		s.now(policy, policy)
		p := s.failed(policy, api.ReasonHookFailed, soonEnough)
		if r := hookRecord(p, "freeze"); r.State != api.HookFailed || !strings.Contains(r.Message, message) {
			t.Errorf("%s: %+v", policy, r)
		}
		if r := hookRecord(p, "thaw"); r.State != api.HookSucceeded {
			t.Errorf("%s: the After hook did not run: %+v", policy, r)
		}
		if n := len(s.snapshots(policy)); n > 0 {
			t.Errorf("%s: %d snapshots were taken", policy, n)
		}
		if got := s.sh("writer", marked); got != "no" {
			t.Errorf("%s: the volume is still marked", policy)
		}
	}
	p := s.take("going-on", "going-on")
	if r := hookRecord(p, "freeze"); r.State != api.HookFailed {
		t.Errorf("going-on: %+v", r)
	}
}
