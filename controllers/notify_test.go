// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/config"
	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// inbox is a notifier that keeps what it accepts.
type inbox struct {
	err error // why it accepts nothing
	got []tell.Message
}

func (i *inbox) Send(_ context.Context, m tell.Message) error {
	if i.err == nil {
		i.got = append(i.got, m)
	}
	return i.err
}

// told is a world with one policy and two notifiers, a chat and an Alertmanager.
type told struct {
	*testing.T
	clock    *clocktesting.FakePassiveClock
	client   *testkit.Client
	lag      int   // by how many writes the cache is behind
	refuse   error // why marks cannot be written
	chat, am *inbox
	events   *events.FakeRecorder
	operator *NotifyReconciler
	policy   *api.BackupPolicy
}

func newTold(t *testing.T) *told {
	t.Helper()
	w := &told{T: t, clock: clocktesting.NewFakePassiveClock(noon), chat: &inbox{}, am: &inbox{}, events: events.NewFakeRecorder(20)}
	a := testkit.NewAPI(Scheme(), w.clock)
	w.policy = testkit.Policy()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "manager-0"}}
	if err := a.Seed(testkit.NamespaceObject(), w.policy, pod); err != nil {
		t.Fatal(err)
	}
	w.client = a.Client(func(c testkit.Call, do func() error) error {
		if c.Verb == testkit.Status && w.refuse != nil && c.Body["status"] != nil {
			return w.refuse
		}
		return do()
	})
	w.restart()
	return w
}

// restart forgets what only the process knew.
func (w *told) restart() {
	lagging := w.client.Lagging(func() int { return w.lag })
	w.operator = &NotifyReconciler{
		Read: &Reader{Cache: lagging, Live: w.client}, Write: &apply.Writer{Client: w.client, Live: w.client},
		Clock: w.clock, Tell: Teller{w.events}, Pod: client.ObjectKey{Namespace: testkit.Namespace, Name: "manager-0"},
	}
	of := config.Notifications{GroupWait: metav1.Duration{Duration: 30 * time.Second}, MinInterval: metav1.Duration{Duration: time.Minute}}
	yes := true
	w.operator.Add(config.Notifier{Name: "chat", Type: config.NotifierURL, Severity: api.SeverityMedium, Resolved: &yes}, of, w.chat)
	w.operator.Add(config.Notifier{Name: "pager", Type: config.NotifierAlertmanager, Severity: api.SeverityHigh, Resolved: &yes}, of, w.am)
}

// pass looks at all for a notifier, and tells after how long to look again; zero when nothing is due.
func (w *told) pass(notifier string) time.Duration {
	w.Helper()
	got, err := w.operator.Reconcile(w.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: notifier}})
	if err != nil && w.refuse == nil {
		w.Fatal(err)
	}
	return got.RequeueAfter
}

// later lets time pass until a notifier looks again by itself.
func (w *told) later(notifier string) time.Duration {
	w.Helper()
	after := w.pass(notifier)
	if after == 0 {
		w.Fatal("it does not come back")
	}
	w.clock.SetTime(w.clock.Now().Add(after))
	w.pass(notifier)
	return after
}

func (w *told) find(findings ...api.Finding) {
	w.Helper()
	before := w.there()
	after := before.DeepCopy()
	after.Status.Findings = findings
	after.Status.FindingCounts.Total = int32(len(findings))
	if err := w.client.Status().Patch(w.Context(), after, client.MergeFrom(before)); err != nil {
		w.Fatal(err)
	}
}

func (w *told) there() *api.BackupPolicy {
	w.Helper()
	b := w.policy.DeepCopy()
	if err := w.client.Get(w.Context(), client.ObjectKeyFromObject(b), b); err != nil {
		w.Fatal(err)
	}
	return b
}

func (w *told) mark(notifier string) string {
	w.Helper()
	for _, m := range w.there().Status.Told {
		if m.Notifier == notifier {
			return strings.Join(m.Findings, ", ")
		}
	}
	return "none"
}

func aFinding(kind string, s api.Severity) api.Finding {
	return api.Finding{Kind: kind, Severity: s, Since: metav1.NewTime(noon), Message: "what is", Remedy: "mend it"}
}

func TestToldOnce(t *testing.T) {
	w := newTold(t)
	w.find(aFinding("DrillFailed", api.SeverityHigh))
	if after := w.later("chat"); after != 30*time.Second || len(w.chat.got) != 1 {
		t.Fatalf("after %s it was told %+v", after, w.chat.got)
	}
	if got := w.mark("chat"); got != "DrillFailed High" {
		t.Errorf("the mark is %q", got)
	}
	w.restart()
	w.clock.SetTime(noon.Add(time.Hour))
	if after := w.pass("chat"); after != 0 || len(w.chat.got) != 1 {
		t.Errorf("a restart repeats: %+v; comes back after %s", w.chat.got, after)
	}
	w.find()
	if w.later("chat"); len(w.chat.got) != 2 || !strings.Contains(w.chat.got[1].Title, "cleared DrillFailed") || w.mark("chat") != "" {
		t.Errorf("told %+v; the mark is %q", w.chat.got, w.mark("chat"))
	}
}

// TestToldOfAnOldCache shows that what was told is not told again because the cache is behind.
func TestToldOfAnOldCache(t *testing.T) {
	w := newTold(t)
	w.find(aFinding("DrillFailed", api.SeverityHigh))
	w.later("chat")
	w.lag = 2 // the cache shows neither the intent nor the mark
	w.clock.SetTime(w.clock.Now().Add(time.Hour))
	w.pass("chat")
	w.clock.SetTime(w.clock.Now().Add(time.Hour))
	if w.pass("chat"); len(w.chat.got) != 1 {
		t.Errorf("told %d times", len(w.chat.got))
	}
}

// TestToldAfterFailures shows retries, that another notifier is not held up, and that a failure that lasts is seen.
func TestToldAfterFailures(t *testing.T) {
	w := newTold(t)
	w.chat.err = errors.New("notifier chat: connection refused")
	w.find(aFinding("DrillFailed", api.SeverityHigh))
	w.later("chat")
	if got := w.mark("chat"); got != "DrillFailed Sending" {
		t.Errorf("the mark is %q", got)
	}
	if w.pass("pager"); len(w.am.got) != 1 || w.mark("pager") != "DrillFailed High" {
		t.Errorf("the other was told %+v", w.am.got)
	}
	var waits []time.Duration
	for range 9 {
		waits = append(waits, w.later("chat"))
	}
	if waits[0] != 5*time.Second || waits[1] != 10*time.Second || waits[8] != 5*time.Minute {
		t.Errorf("it was tried after %v", waits)
	}
	select {
	case e := <-w.events.Events:
		if !strings.Contains(e, api.ReasonNotificationFailed) || !strings.Contains(e, "connection refused") {
			t.Errorf("the event says %q", e)
		}
	default:
		t.Error("there is no event")
	}
	if len(w.events.Events) != 0 {
		t.Errorf("%d more events within the hour", len(w.events.Events))
	}
	w.chat.err = nil
	if w.later("chat"); len(w.chat.got) != 1 || w.mark("chat") != "DrillFailed High" {
		t.Errorf("told %+v; the mark is %q", w.chat.got, w.mark("chat"))
	}
	if w.pass("chat"); len(w.chat.got) != 1 {
		t.Errorf("told %d times", len(w.chat.got))
	}
}

// TestToldAndNotWritten shows that what was accepted is not sent again because it could not be written down.
func TestToldAndNotWritten(t *testing.T) {
	w := newTold(t)
	w.find(aFinding("DrillFailed", api.SeverityHigh))
	w.clock.SetTime(noon.Add(w.pass("chat")))
	w.refuse = errors.New("the API server is away")
	if w.pass("chat"); len(w.chat.got) != 0 {
		t.Errorf("it was told without an intent on record: %+v", w.chat.got)
	}
	w.refuse = nil
	sent := len(w.chat.got)
	w.chat.err = nil
	// The intent is written, the message accepted, and then the API server goes away.
	w.operator.recipients["chat"].to = sendAnd{w.chat, func() { w.refuse = errors.New("the API server is away") }}
	if w.pass("chat"); len(w.chat.got) != sent+1 || w.mark("chat") != "DrillFailed Sending" {
		t.Errorf("told %+v; the mark is %q", w.chat.got, w.mark("chat"))
	}
	w.pass("chat")
	w.refuse = nil
	if w.pass("chat"); len(w.chat.got) != sent+1 || w.mark("chat") != "DrillFailed High" {
		t.Errorf("told %+v; the mark is %q", w.chat.got, w.mark("chat"))
	}
}

// sendAnd does something once a message was accepted.
type sendAnd struct {
	*inbox
	then func()
}

func (s sendAnd) Send(ctx context.Context, m tell.Message) error {
	defer s.then()
	return s.inbox.Send(ctx, m)
}

// TestKilledAfterSending shows that who is killed before it is written tells it again, and then also the end.
func TestKilledAfterSending(t *testing.T) {
	w := newTold(t)
	w.find(aFinding("DrillFailed", api.SeverityHigh))
	w.clock.SetTime(noon.Add(w.pass("chat")))
	w.operator.recipients["chat"].to = sendAnd{w.chat, func() { w.refuse = errors.New("killed") }}
	w.pass("chat")
	w.restart()
	w.refuse = nil
	w.find()
	if w.later("chat"); len(w.chat.got) != 2 || !strings.Contains(w.chat.got[1].Text, "it was there") || w.mark("chat") != "" {
		t.Errorf("told %+v; the mark is %q", w.chat.got, w.mark("chat"))
	}
}

// TestAlertmanagerIsRepeated shows the rhythm that an Alertmanager needs.
func TestAlertmanagerIsRepeated(t *testing.T) {
	w := newTold(t)
	w.find(aFinding("DrillFailed", api.SeverityHigh), aFinding("SlotMissed", api.SeverityMedium))
	w.pass("pager")
	if after := w.later("pager"); after != time.Minute || len(w.am.got) != 3 || len(w.am.got[2].Alerts) != 1 {
		t.Fatalf("after %s it was sent %+v", after, w.am.got)
	}
	w.find(aFinding("DrillFailed", api.SeverityCritical))
	w.pass("pager")
	if last := w.am.got[3].Alerts; len(last) != 2 || !last[1].Ends.Equal(w.clock.Now()) {
		t.Errorf("of what became louder it was sent %+v", last)
	}
	w.find()
	if after := w.pass("pager"); after != time.Minute || len(w.am.got[4].Alerts) != 1 {
		t.Errorf("of what cleared it was sent %+v", w.am.got[4].Alerts)
	}
	w.clock.SetTime(w.clock.Now().Add(time.Minute))
	if after := w.pass("pager"); after != 0 || len(w.am.got) != 5 {
		t.Errorf("it goes on: %+v, after %s", w.am.got[5:], after)
	}
}

// TestMarksOfOthersGo shows that a notifier which is not configured any more leaves nothing behind.
func TestMarksOfOthersGo(t *testing.T) {
	w := newTold(t)
	w.find(aFinding("DrillFailed", api.SeverityHigh))
	w.pass("pager")
	delete(w.operator.recipients, "pager")
	if w.pass("chat"); w.mark("pager") != "none" {
		t.Errorf("the mark is %q", w.mark("pager"))
	}
}

// TestDeletedPoliciesAreNotTold shows that a policy on its way out takes its findings with it.
func TestDeletedPoliciesAreNotTold(t *testing.T) {
	w := newTold(t)
	w.find(aFinding("DrillFailed", api.SeverityHigh))
	w.pass("chat")
	if err := w.client.Delete(t.Context(), w.there()); err != nil {
		t.Fatal(err)
	}
	w.clock.SetTime(noon.Add(time.Hour))
	if after := w.pass("chat"); after != 0 || len(w.chat.got) != 0 {
		t.Errorf("told %+v", w.chat.got)
	}
}

// TestClusterPoliciesAreTold shows that findings on the cluster as a whole are told, marked, and not repeated.
func TestClusterPoliciesAreTold(t *testing.T) {
	w := newTold(t)
	c := &api.ClusterBackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "all", UID: "cluster-1"}}
	c.Status.Findings = []api.Finding{aFinding("UnprotectedVolume", api.SeverityHigh)}
	c.Status.FindingCounts.Total = 1
	if err := w.client.Create(t.Context(), c.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
		t.Fatal(err)
	}
	before := c.DeepCopy()
	c.Status.Findings = []api.Finding{aFinding("UnprotectedVolume", api.SeverityHigh)}
	c.Status.FindingCounts.Total = 1
	if err := w.client.Status().Patch(t.Context(), c, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	w.later("chat")
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
		t.Fatal(err)
	}
	if len(w.chat.got) != 1 || !strings.Contains(w.chat.got[0].Title, "UnprotectedVolume in ClusterBackupPolicy all") || len(c.Status.Told) != 1 || c.Status.Told[0].Findings[0] != "UnprotectedVolume High" {
		t.Errorf("told %+v; marks %+v", w.chat.got, c.Status.Told)
	}
	w.restart()
	w.clock.SetTime(noon.Add(time.Hour))
	if after := w.pass("chat"); after != 0 || len(w.chat.got) != 1 {
		t.Errorf("it is repeated: %+v", w.chat.got)
	}
}
