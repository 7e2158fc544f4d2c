// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// laws looks at every version of every object that any test brings about.
type laws struct {
	mu     sync.Mutex
	seen   int
	before map[types.UID]client.Object
	broken []string
}

// watchLaws watches policies of both kinds, points, restores and repositories until the context ends.
func watchLaws(ctx context.Context, c client.WithWatch) (*laws, error) {
	l := &laws{before: map[types.UID]client.Object{}}
	for _, list := range []client.ObjectList{&api.BackupPolicyList{}, &api.RecoveryPointList{}, &api.RestoreList{}, &api.ClusterBackupPolicyList{}, &api.RepositoryList{}} {
		w, err := c.Watch(ctx, list)
		if err != nil {
			return nil, err
		}
		go func() {
			for e := range w.ResultChan() {
				l.look(e)
			}
		}()
	}
	return l, nil
}

func (l *laws) look(e watch.Event) {
	o, ok := e.Object.(client.Object)
	if !ok || e.Type == watch.Bookmark {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen++
	if bad := judge(l.before[o.GetUID()], o); bad != "" {
		l.broken = append(l.broken, fmt.Sprintf("%s/%s at %s: %s", o.GetNamespace(), o.GetName(), o.GetResourceVersion(), bad))
	}
	l.before[o.GetUID()] = o
}

// judge names the first law of conditions that an object breaks.
func judge(before, o client.Object) string {
	conditions := *conditionsOf(o)
	observed, promised := observedGeneration(o)
	if observed == 0 && len(conditions) == 0 {
		return "" // not looked at yet
	}
	for _, kind := range promised {
		if meta.FindStatusCondition(conditions, kind) == nil {
			return "lacks the condition " + kind
		}
	}
	if observed > o.GetGeneration() {
		return "speaks of a generation that is not there yet"
	}
	reconciling, stalled := meta.FindStatusCondition(conditions, api.ConditionReconciling), meta.FindStatusCondition(conditions, api.ConditionStalled)
	if reconciling != nil && stalled != nil {
		return "is reconciling and stalled at once"
	}
	for _, c := range conditions {
		if bad := judgeCondition(before, c, observed); bad != "" {
			return c.Type + " " + bad
		}
	}
	return ""
}

func judgeCondition(before client.Object, c metav1.Condition, observed int64) string {
	switch {
	case (c.Type == api.ConditionReconciling || c.Type == api.ConditionStalled) && c.Status != metav1.ConditionTrue:
		return "is there and not True"
	case c.ObservedGeneration != observed:
		return fmt.Sprintf("speaks of generation %d, the status of %d", c.ObservedGeneration, observed)
	case c.Reason == "" || c.Message == "" || c.LastTransitionTime.IsZero():
		return "lacks a reason, a message or a time"
	}
	if before == nil {
		return ""
	}
	if was := meta.FindStatusCondition(*conditionsOf(before), c.Type); was != nil && (was.Status == c.Status) != was.LastTransitionTime.Equal(&c.LastTransitionTime) && was.Status == c.Status {
		return "changed its transition time and not its status"
	}
	return ""
}

// observedGeneration is the generation a status speaks of, and the conditions its kind promises.
func observedGeneration(o client.Object) (generation int64, promised []string) {
	switch x := o.(type) {
	case *api.BackupPolicy:
		return x.Status.ObservedGeneration, []string{api.ConditionReady, api.ConditionProtected}
	case *api.RecoveryPoint:
		return x.Status.ObservedGeneration, []string{api.ConditionComplete}
	case *api.Restore:
		return x.Status.ObservedGeneration, []string{api.ConditionSucceeded}
	case *api.ClusterBackupPolicy:
		return x.Status.ObservedGeneration, []string{api.ConditionReady, api.ConditionCovered}
	case *api.Repository:
		return x.Status.ObservedGeneration, []string{api.ConditionReady, api.ConditionReachable, api.ConditionVerified}
	}
	return 0, nil
}

// kstatus is what tools that know the conventions of kstatus make of an object.
func kstatus(o client.Object) string {
	conditions := *conditionsOf(o)
	observed, _ := observedGeneration(o)
	switch {
	case o.GetDeletionTimestamp() != nil:
		return "Terminating"
	case observed != o.GetGeneration():
		return "InProgress"
	case meta.IsStatusConditionTrue(conditions, api.ConditionStalled):
		return "Failed"
	case meta.IsStatusConditionTrue(conditions, api.ConditionReconciling):
		return "InProgress"
	case meta.IsStatusConditionFalse(conditions, "Ready"):
		return "InProgress"
	}
	return "Current"
}

// TestLaws shows what was seen so far; verifyRole looks once more when all tests have run.
func TestLaws(t *testing.T) {
	w := newWorld(t, "contacts")
	w.policy("sync", nil)
	w.complete("sync", "now")
	if err := suite.laws.verdict(); err != nil {
		t.Error(err)
	}
}

func (l *laws) verdict() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == 0 {
		return fmt.Errorf("no version of any object was looked at")
	}
	if len(l.broken) > 0 {
		return fmt.Errorf("of %d versions of objects %d broke a law of conditions: %q", l.seen, len(l.broken), l.broken[:min(len(l.broken), 10)])
	}
	return nil
}
