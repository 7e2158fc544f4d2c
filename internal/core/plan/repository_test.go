// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

var (
	theID   = strings.Repeat("a", 64)
	otherID = strings.Repeat("b", 64)
)

// offsite is a repository that is to be made at noon.
func offsite(mods ...func(*api.Repository)) *api.Repository {
	r := &api.Repository{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "offsite", UID: "repository-1", Generation: 1, CreationTimestamp: metav1.NewTime(noon), Annotations: map[string]string{}},
		Spec:       api.RepositorySpec{S3: &api.S3Location{Endpoint: "s3.test", Bucket: "lifeboat", Credentials: &api.SecretReference{Name: "keys"}}},
	}
	for _, m := range mods {
		m(r)
	}
	return r
}

// shore is a repository with the little that happens around it.
type shore struct {
	t       testing.TB
	o       RepositoryObserved
	now     time.Time
	decide  func(RepositoryObserved, time.Time) RepositoryPlan
	made    bool                                       // the Secret is there
	answers func(order.Order) (RepositoryResult, bool) // how a pod ends; false while it runs
	asked   []string                                   // the pods that were ever made: when, and for what
	orders  []order.Order
	by      map[string]order.Order // of the pods that are there
	told    []string
}

func ashore(t testing.TB, mods ...func(*api.Repository)) *shore {
	t.Helper()
	return &shore{t: t, o: RepositoryObserved{Repository: offsite(mods...), FailureDomain: "s3.test"}, now: noon, decide: ForRepository, answers: allWell, by: map[string]order.Order{}}
}

// allWell is a store in which nothing goes wrong.
func allWell(o order.Order) (RepositoryResult, bool) {
	d := RepositoryResult{UniqueID: theID}
	switch {
	case o.Probe != nil:
		d.Probe = &ProbeDone{Copies: 3, Bytes: 100, Skew: 1400 * time.Millisecond}
		if o.Probe.Lock {
			d.Probe.Locked = ptr.To(true)
		}
	case o.Verify != nil:
		d.Verify = &VerifyDone{Bytes: 90}
	case o.Maintain != nil:
		d.Freed = 7
	}
	return d, true
}

// failing is a store in which orders of a sort fail.
func failing(reason string, which func(order.Order) bool) func(order.Order) (RepositoryResult, bool) {
	return func(o order.Order) (RepositoryResult, bool) {
		if which(o) {
			return RepositoryResult{Reason: reason, Error: "it went wrong"}, true
		}
		return allWell(o)
	}
}

func probes(o order.Order) bool    { return o.Probe != nil }
func verifies(o order.Order) bool  { return o.Verify != nil }
func maintains(o order.Order) bool { return o.Maintain != nil }

// pass looks once, and carries out what is to be done.
func (s *shore) pass() RepositoryPlan {
	s.t.Helper()
	p := s.decide(s.o, s.now)
	if p.Password != "" {
		p.PasswordThere(!s.made)
		s.made = true
	}
	for _, q := range p.Pods {
		o, err := order.Decode([]byte(q.Order))
		if err != nil {
			s.t.Fatal(err)
		}
		s.asked, s.orders = append(s.asked, fmt.Sprintf("%s %s", s.now.Sub(noon), q.Task)), append(s.orders, o)
		s.by[q.Name] = o
		s.o.Pods = append(slices.Clone(s.o.Pods), TaskPod{BroughtPod: BroughtPod{Target: Target{q.Name, q.Name}, Phase: PodPending}, Scheduled: s.now})
	}
	status, notes := p.Report(s.o, s.now)
	for _, n := range notes {
		s.told = append(s.told, n.Reason)
	}
	s.o.Repository = s.o.Repository.DeepCopy()
	s.o.Repository.Status = status
	s.o.Pods = slices.DeleteFunc(slices.Clone(s.o.Pods), func(q TaskPod) bool {
		return slices.ContainsFunc(p.Remove, func(l Leftover) bool { return l.Name == q.Name })
	})
	return p
}

// work has the pods end that the store answers.
func (s *shore) work() {
	s.o.Pods = slices.Clone(s.o.Pods)
	for i := range s.o.Pods {
		q := &s.o.Pods[i]
		o, ours := s.by[q.Name]
		if !ours || q.ended() {
			continue
		}
		if d, ended := s.answers(o); ended {
			q.Phase, q.Told = PodSucceeded, &d
			if d.Reason != "" {
				q.Phase = PodFailed
			}
		}
	}
}

// until passes time, from one wake to the next. It never polls.
func (s *shore) until(end time.Time) {
	s.t.Helper()
	for n := 0; ; n++ {
		if n > 100000 {
			s.t.Fatal("it does not come to rest")
		}
		before, pods := s.status(), len(s.o.Pods)
		p := s.pass()
		s.work()
		ended := slices.ContainsFunc(s.o.Pods, func(q TaskPod) bool { return q.ended() })
		if ended || len(s.o.Pods) != pods || !equality.Semantic.DeepEqual(before, s.status()) {
			s.now = s.now.Add(time.Second)
			continue
		}
		if p.Wake.IsZero() {
			s.t.Fatalf("at %s nothing has it looked at again", s.now)
		}
		if p.Wake.After(end) {
			s.now = end
			return
		}
		s.now = later(p.Wake, s.now.Add(100*time.Millisecond))
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s *shore) status() api.RepositoryStatus { return s.o.Repository.Status }

// says is what a condition says, in short.
func (s *shore) says(kind string) string { return conditionReason(s.status().Conditions, kind) }

func (s *shore) want(kind, what string) {
	s.t.Helper()
	if got := s.says(kind); got != what {
		s.t.Errorf("at %s %s is %q, want %q: %v", s.now.Sub(noon), kind, got, what, findCondition(s.status().Conditions, kind))
	}
}

// count is how many pods were made for a task.
func (s *shore) count(t RepositoryTask) (n int) {
	for _, a := range s.asked {
		if strings.HasSuffix(a, " "+string(t)) {
			n++
		}
	}
	return n
}

func TestRepositoryIsMade(t *testing.T) {
	s := ashore(t)
	p := s.pass()
	if p.Password != "offsite-repository-password" || len(p.Pods) > 0 || s.status().Probe != nil {
		t.Fatalf("at first it does %+v", p)
	}
	s.want(api.ConditionReady, "Unknown RepositoryProbing")
	s.want(api.ConditionReconciling, "True RepositoryProbing")
	if p = s.pass(); len(p.Pods) > 0 || s.status().Probe == nil || p.Wake.After(s.now) {
		t.Fatalf("it acts before it is on record that it does: %+v", p)
	}
	p = s.pass()
	if len(p.Pods) != 1 || p.Pods[0].Access.Password != "offsite-repository-password" || p.Pods[0].Access.Credentials != "keys" {
		t.Fatalf("then it does %+v", p)
	}
	if o := s.orders[0]; !o.Probe.Create || o.Probe.For != "repository-1" || o.Probe.Lock || o.Repository.UniqueID != "" {
		t.Errorf("it orders %+v", o.Probe)
	}
	s.until(noon.Add(10 * time.Minute))
	s.want(api.ConditionReady, "True RepositoryReady")
	s.want(api.ConditionReachable, "True RepositoryReady")
	s.want(api.ConditionVerified, "True RepositoryVerified")
	s.want(api.ConditionImmutable, "")
	s.want(api.ConditionReconciling, "")
	got := s.status()
	if got.UniqueID != theID || got.Copies != 3 || got.Bytes != 100 || got.Skew.Duration != time.Second || got.Location != "s3://s3.test/lifeboat" ||
		got.FailureDomain != "s3.test" || got.PasswordSecret != "offsite-repository-password" || got.ObservedGeneration != 1 {
		t.Errorf("its status is %+v", got)
	}
	if want := []string{"PasswordCreated", "RepositoryReady", "RepositoryVerified"}; !slices.Equal(s.told, want) {
		t.Errorf("told is %v, want %v", s.told, want)
	}
	if len(s.o.Pods) > 0 {
		t.Errorf("pods are left: %v", s.o.Pods)
	}
}

// TestRepositoryForAMonth: probes every quarter of an hour, maintenance every day, and all of it read back in time.
func TestRepositoryForAMonth(t *testing.T) {
	s := ashore(t)
	s.until(noon.Add(30 * 24 * time.Hour))
	if n := s.count(TaskProbe); n < 30*96 || n > 30*96*11/10+1 {
		t.Errorf("%d probes in 30 days", n)
	}
	if n := s.count(TaskMaintain); n != 30 {
		t.Errorf("%d times it was tidied up", n)
	}
	if n := s.count(TaskVerify); n != 2 {
		t.Errorf("%d times it was read back: %v", n, s.asked[:3])
	}
	s.want(api.ConditionVerified, "True RepositoryVerified")
	if m := s.status().Maintenance; m.Bytes != 7 || m.Reason != "" {
		t.Errorf("it was tidied up: %+v", m)
	}
	for i, o := range s.orders {
		if i > 0 && (o.Repository.UniqueID != theID || o.Probe != nil && o.Probe.Create) {
			t.Fatalf("order %d is %+v", i, o)
		}
	}
	if want := []string{"PasswordCreated", "RepositoryReady", "RepositoryVerified"}; !slices.Equal(s.told, want) {
		t.Errorf("told is %v", s.told)
	}
}

func TestRepositoryPasswords(t *testing.T) {
	for name, c := range map[string]struct {
		mod  func(*api.Repository)
		want string
	}{
		"made up":                     {func(*api.Repository) {}, "offsite-repository-password"},
		"given":                       {func(r *api.Repository) { r.Spec.Password = &api.SecretReference{Name: "mine"} }, ""},
		"adopted":                     {func(r *api.Repository) { r.Spec.UniqueID = theID }, ""},
		"imported":                    {func(r *api.Repository) { r.Spec.Import = true }, ""},
		"pinned":                      {func(r *api.Repository) { r.Status.UniqueID = theID }, ""},
		"made up before":              {func(r *api.Repository) { r.Status.PasswordSecret = "offsite-repository-password" }, ""},
		"given before, and not now":   {func(r *api.Repository) { r.Status.PasswordSecret = "mine" }, "offsite-repository-password"},
		"given before, pinned, taken": {func(r *api.Repository) { r.Status.PasswordSecret, r.Status.UniqueID = "mine", theID }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := ashore(t, c.mod)
			if p := s.pass(); p.Password != c.want {
				t.Errorf("asked for is %q, want %q", p.Password, c.want)
			}
		})
	}
	s := ashore(t)
	p := ForRepository(s.o, noon)
	p.PasswordRefused(Problem{api.ReasonQuotaExceeded, "no more"}, noon)
	status, _ := p.Report(s.o, noon)
	if conditionReason(status.Conditions, api.ConditionReady) != "False QuotaExceeded" || status.PasswordSecret != "" || p.Wake.IsZero() {
		t.Errorf("refused, it is %+v, and wakes at %s", status, p.Wake)
	}
}

func TestRepositoryIsBlocked(t *testing.T) {
	insecure := func(r *api.Repository) { r.Spec.S3.Insecure = true }
	identity := func(r *api.Repository) { r.Spec.S3.Credentials, r.Spec.S3.WorkloadIdentity = nil, true }
	for name, c := range map[string]struct {
		mod  func(*api.Repository)
		want string
	}{
		"without TLS":                   {insecure, api.ReasonInsecureNotAllowed},
		"with somebody else's identity": {identity, api.ReasonIdentityNotAllowed},
		"of a kind that is not known":   {func(r *api.Repository) { r.Spec.S3 = nil }, api.ReasonInvalidSpec},
		"another one than was pinned":   {func(r *api.Repository) { r.Spec.UniqueID, r.Status.UniqueID = otherID, theID }, api.ReasonRepositoryIDMismatch},
		"without TLS, and a pod running": {func(r *api.Repository) {
			insecure(r)
			r.Status.Probe = &api.RepositoryRun{StartedAt: metav1.NewTime(noon)}
		}, api.ReasonInsecureNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			s := ashore(t, c.mod)
			s.o.Pods = []TaskPod{{BroughtPod: BroughtPod{Target: Target{"running", "1"}, Phase: PodRunning}}}
			p := s.pass()
			if len(p.Pods) > 0 || p.Password != "" || len(p.Remove) != 1 || underWay(s.status().Probe) {
				t.Errorf("it does %+v", p)
			}
			s.want(api.ConditionReady, "False "+c.want)
			s.want(api.ConditionStalled, "True "+c.want)
			if s.status().ObservedGeneration != 1 {
				t.Error("the status does not speak of the spec")
			}
		})
	}
	for name, c := range map[string]struct {
		mod func(*api.Repository)
		may Allowed
	}{"without TLS": {insecure, Allowed{Insecure: true}}, "identity": {identity, Allowed{WorkloadIdentity: true}}} {
		s := ashore(t, c.mod)
		s.pass()
		s.o.Allowed = c.may
		s.until(noon.Add(time.Minute))
		if s.says(api.ConditionReady) != "True RepositoryReady" {
			t.Errorf("%s, once allowed: %s", name, s.says(api.ConditionReady))
		}
	}
}

func TestRepositoryFails(t *testing.T) {
	for reason, stalled := range map[string]string{
		api.ReasonRepositoryUnreachable: "", api.ReasonCredentialsRefused: "True CredentialsRefused", api.ReasonPasswordWrong: "True PasswordWrong",
		api.ReasonRepositoryExists: "True RepositoryExists", api.ReasonRepositoryMissing: "True RepositoryMissing", api.ReasonClockSkew: "",
	} {
		s := ashore(t)
		s.answers = failing(reason, probes)
		s.until(noon.Add(2 * time.Hour))
		s.want(api.ConditionReady, "False "+reason)
		s.want(api.ConditionReachable, "False "+reason)
		s.want(api.ConditionStalled, stalled)
		got := s.status()
		if got.UniqueID != "" || got.UnreachableSince == nil || got.UnreachableSince.Sub(noon) > time.Minute || s.count(TaskVerify)+s.count(TaskMaintain) > 0 {
			t.Errorf("%s: its status is %+v", reason, got)
		}
		// 1, 2, 4 and 8 minutes apart, and then every quarter of an hour.
		if n := s.count(TaskProbe); n < 10 || n > 13 {
			t.Errorf("%s: %d probes in two hours", reason, n)
		}
		if want := []string{"PasswordCreated", reason}; !slices.Equal(s.told, want) {
			t.Errorf("told is %v, want %v", s.told, want)
		}
		s.answers = allWell
		s.until(noon.Add(3 * time.Hour))
		s.want(api.ConditionReady, "True RepositoryReady")
		if s.status().UnreachableSince != nil || s.status().Probe.Failures != 0 {
			t.Errorf("%s: once it answers, it is %+v", reason, s.status())
		}
	}
}

// TestUnreachableSinceStays: it is since the first failure, however many follow, and no verification starts meanwhile.
func TestUnreachableSinceStays(t *testing.T) {
	s := ashore(t)
	s.until(noon.Add(time.Hour))
	s.answers = failing(api.ReasonRepositoryUnreachable, probes)
	s.until(noon.Add(2 * time.Hour))
	since := s.status().UnreachableSince.Time
	s.o.Repository.Annotations[api.AnnotationVerifyRequested] = s.now.Format(time.RFC3339)
	n := s.count(TaskVerify)
	s.until(noon.Add(48 * time.Hour))
	if !s.status().UnreachableSince.Time.Equal(since) || since.Sub(noon) > 77*time.Minute || s.count(TaskVerify) != n || s.count(TaskMaintain) != 0 {
		t.Errorf("unreachable since %s, then since %s", since, s.status().UnreachableSince)
	}
	s.want(api.ConditionVerified, "True RepositoryVerified") // it was, and recently enough
	s.answers = allWell
	s.until(noon.Add(49 * time.Hour))
	if s.count(TaskVerify) != n+1 || s.count(TaskMaintain) != 1 {
		t.Error("what was due is not made up for")
	}
}

func TestAnotherRepositoryIsRefused(t *testing.T) {
	another := func(o order.Order) (RepositoryResult, bool) {
		d, ended := allWell(o)
		d.UniqueID = otherID
		return d, ended
	}
	pinned := ashore(t)
	pinned.until(noon.Add(time.Hour))
	pinned.answers = another
	pinned.until(noon.Add(2 * time.Hour))
	adopted := ashore(t, func(r *api.Repository) { r.Spec.UniqueID = theID })
	adopted.answers = another
	adopted.until(noon.Add(time.Hour))
	for _, s := range []*shore{pinned, adopted} {
		s.want(api.ConditionReady, "False RepositoryIDMismatch")
		s.want(api.ConditionStalled, "True RepositoryIDMismatch")
		if id := s.status().UniqueID; id == otherID {
			t.Error("another repository was pinned")
		}
	}
	if pinned.status().Copies != 3 {
		t.Error("what another repository holds is told of this one")
	}
}

func TestMoverTellsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		pod  TaskPod
		want string
	}{
		"lost":                {TaskPod{BroughtPod: BroughtPod{Phase: PodLost}}, api.ReasonPodLost},
		"failed":              {TaskPod{BroughtPod: BroughtPod{Phase: PodFailed, ExitCode: 2}}, api.ReasonMoverFailed},
		"told nothing":        {TaskPod{BroughtPod: BroughtPod{Phase: PodSucceeded}}, api.ReasonMoverFailed},
		"no ID":               {TaskPod{BroughtPod: BroughtPod{Phase: PodSucceeded, Told: &RepositoryResult{Probe: &ProbeDone{}}}}, api.ReasonMoverFailed},
		"no finding":          {TaskPod{BroughtPod: BroughtPod{Phase: PodSucceeded, Told: &RepositoryResult{UniqueID: theID}}}, api.ReasonMoverFailed},
		"a reason of its own": {TaskPod{BroughtPod: BroughtPod{Phase: PodFailed, Told: &RepositoryResult{Reason: "<script>"}}}, api.ReasonMoverFailed},
		"has no image":        {TaskPod{BroughtPod: BroughtPod{Phase: PodPending, Waits: &Problem{api.ReasonImageUnavailable, "no image"}}}, api.ReasonImageUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := ashore(t)
			s.pass()
			s.pass()
			s.pass()
			c.pod.Target = s.o.Pods[0].Target
			s.o.Pods[0] = c.pod
			s.pass()
			s.want(api.ConditionReady, "False "+c.want)
			if s.status().UniqueID != "" || len(s.o.Pods) > 0 {
				t.Errorf("it is %+v, with pods %v", s.status(), s.o.Pods)
			}
		})
	}
}

func TestPodWaits(t *testing.T) {
	never := func(order.Order) (RepositoryResult, bool) { return RepositoryResult{}, false }
	s := ashore(t)
	s.answers = never
	s.until(noon.Add(50 * time.Second))
	s.want(api.ConditionReady, "Unknown RepositoryProbing")
	s.until(noon.Add(2 * time.Minute))
	s.want(api.ConditionReady, "False SecretMissing")
	if m := s.status().Probe.Message; !strings.Contains(m, "offsite-repository-password") || !strings.Contains(m, "Secret keys") {
		t.Errorf("it says %q", m)
	}
	s.answers = allWell
	s.work()
	s.until(noon.Add(3 * time.Minute))
	s.want(api.ConditionReady, "True RepositoryReady")

	full := ashore(t)
	full.answers = never
	full.until(noon.Add(30 * time.Second))
	full.o.Pods[0].Scheduled, full.o.Pods[0].Waits = time.Time{}, &Problem{api.ReasonUnschedulable, "no node"}
	full.until(noon.Add(90 * time.Second))
	full.want(api.ConditionReady, "False Unschedulable")
	first := full.o.Pods[0].Name
	full.until(noon.Add(15 * time.Minute))
	if full.status().Probe.Failures == 0 || len(full.o.Pods) > 0 && full.o.Pods[0].Name == first {
		t.Error("a pod waits beyond its deadline")
	}
	running := ashore(t)
	running.answers = never
	running.until(noon.Add(30 * time.Second))
	running.o.Pods[0].Phase = PodRunning
	running.until(noon.Add(10*time.Minute + 30*time.Second))
	running.want(api.ConditionReady, "False RepositoryUnreachable")
}

func TestAskedFor(t *testing.T) {
	for annotation, task := range map[string]RepositoryTask{
		api.AnnotationProbeRequested: TaskProbe, api.AnnotationVerifyRequested: TaskVerify, api.AnnotationMaintainRequested: TaskMaintain,
	} {
		s := ashore(t)
		s.until(noon.Add(5 * time.Minute))
		before := s.count(task)
		s.o.Repository.Annotations[annotation] = "tomorrow"
		s.until(noon.Add(6 * time.Minute))
		s.o.Repository.Annotations[annotation] = noon.Add(7 * time.Minute).Format(time.RFC3339)
		s.until(noon.Add(6*time.Minute + 30*time.Second))
		if n := s.count(task); n != before {
			t.Errorf("%s ran %d times before its time", task, n-before)
		}
		s.until(noon.Add(12 * time.Minute))
		if n := s.count(task); n != before+1 {
			t.Errorf("asked for once, %s ran %d times", task, n-before)
		}
	}
}

func TestEditedRepositoryIsProbedAtOnce(t *testing.T) {
	s := ashore(t)
	s.until(noon.Add(5 * time.Minute))
	n := s.count(TaskProbe)
	s.o.Repository.Generation, s.o.Repository.Spec.ObjectLock = 2, &api.ObjectLock{Mode: api.LockCompliance, Period: metav1.Duration{Duration: 48 * time.Hour}}
	s.pass()
	s.want(api.ConditionImmutable, "Unknown RepositoryProbing")
	s.until(noon.Add(6 * time.Minute))
	if s.count(TaskProbe) != n+1 || s.status().ObservedGeneration != 2 {
		t.Errorf("probes: %d, then %d; observed is generation %d", n, s.count(TaskProbe), s.status().ObservedGeneration)
	}
	s.want(api.ConditionImmutable, "True LockEnforced")
	s.answers = func(o order.Order) (RepositoryResult, bool) {
		d, ended := allWell(o)
		if d.Probe != nil {
			d.Probe.Locked, d.Probe.LockError = ptr.To(false), "no lock configuration"
		}
		return d, ended
	}
	s.until(noon.Add(time.Hour))
	s.want(api.ConditionImmutable, "False Mutable")
	s.answers = failing(api.ReasonRepositoryUnreachable, probes)
	s.until(noon.Add(2 * time.Hour))
	s.want(api.ConditionImmutable, "False Mutable") // what was found holds
	if last := s.orders[len(s.orders)-1]; last.Repository.LockMode != "Compliance" || last.Repository.LockPeriod != 48*time.Hour {
		t.Errorf("it orders %+v", last.Repository)
	}
}

func TestDamage(t *testing.T) {
	s := ashore(t)
	s.until(noon.Add(time.Hour))
	s.answers = func(o order.Order) (RepositoryResult, bool) {
		if o.Verify != nil {
			return RepositoryResult{UniqueID: theID, Reason: api.ReasonCopyCorrupt, Error: "2 contents", Verify: &VerifyDone{Bytes: 80, Contents: 2, Damaged: 1, Healing: o.Verify.Heal}}, true
		}
		return allWell(o)
	}
	s.o.Repository.Annotations[api.AnnotationVerifyRequested] = s.now.Format(time.RFC3339)
	s.told = nil
	s.until(noon.Add(2 * time.Hour))
	s.want(api.ConditionVerified, "False CopyCorrupt")
	s.want(api.ConditionReady, "True RepositoryReady")
	d := s.status().Damage
	if d == nil || d.Contents != 2 || d.Copies != 1 || !d.Healing || !slices.Equal(s.told, []string{"CopyCorrupt"}) {
		t.Fatalf("the damage is %+v, and told is %v", d, s.told)
	}
	n, since := s.count(TaskVerify), d.Since
	s.until(noon.Add(20 * time.Hour))
	if s.count(TaskVerify) != n {
		t.Error("what is damaged is read over and over")
	}
	s.until(noon.Add(27 * time.Hour))
	if s.count(TaskVerify) != n+1 || !s.status().Damage.Since.Equal(&since) || s.status().LastVerified.Sub(noon) > time.Hour {
		t.Errorf("read again, it is %+v", s.status())
	}
	s.answers = allWell
	s.until(noon.Add(52 * time.Hour))
	s.want(api.ConditionVerified, "True RepositoryVerified")
	if s.status().Damage != nil || !slices.Equal(s.told, []string{"CopyCorrupt", "RepositoryVerified"}) {
		t.Errorf("once nothing is found, it is %+v, and told is %v", s.status().Damage, s.told)
	}
}

func TestVerificationIsOverdue(t *testing.T) {
	s := ashore(t, func(r *api.Repository) { r.Spec.VerifyWithin = &metav1.Duration{Duration: 48 * time.Hour} })
	s.until(noon.Add(time.Hour))
	s.answers = failing(api.ReasonRepositoryUnreachable, verifies)
	s.until(noon.Add(47*time.Hour + 59*time.Minute))
	s.want(api.ConditionVerified, "True RepositoryVerified")
	s.told = nil
	s.until(noon.Add(48*time.Hour + time.Minute))
	s.want(api.ConditionVerified, "False VerificationOverdue")
	if !slices.Equal(s.told, []string{"VerificationOverdue"}) {
		t.Errorf("told is %v", s.told)
	}
	if c := findCondition(s.status().Conditions, api.ConditionVerified); !strings.Contains(c.Message, "it went wrong") {
		t.Errorf("it does not say why: %q", c.Message)
	}
	never := ashore(t, func(r *api.Repository) { r.Spec.UniqueID = theID })
	never.answers = failing(api.ReasonRepositoryUnreachable, verifies)
	never.until(noon.Add(23 * time.Hour))
	never.want(api.ConditionVerified, "Unknown NotVerified")
	if never.count(TaskVerify) != 0 {
		t.Error("what was adopted is read back at once")
	}
	never.until(noon.Add(721 * time.Hour))
	never.want(api.ConditionVerified, "False VerificationOverdue")
}

func TestMaintenanceFails(t *testing.T) {
	s := ashore(t)
	s.answers = failing(api.ReasonRepositoryFull, maintains)
	s.until(noon.Add(48 * time.Hour))
	s.want(api.ConditionReady, "True RepositoryReady")
	m := s.status().Maintenance
	if m.Reason != api.ReasonRepositoryFull || m.Failures < 3 || !slices.Contains(s.told, api.ReasonMaintenanceFailed) {
		t.Errorf("it is %+v, and told is %v", m, s.told)
	}
	if n := len(slices.DeleteFunc(slices.Clone(s.told), func(r string) bool { return r != api.ReasonMaintenanceFailed })); n != 1 {
		t.Errorf("it is told %d times", n)
	}
}

func TestOneThatMustBeAlone(t *testing.T) {
	s := ashore(t)
	s.until(noon.Add(time.Hour))
	n := s.count(TaskVerify)
	stray := TaskPod{BroughtPod: BroughtPod{Target: Target{"stray", "1"}, Phase: PodRunning, Deleting: true}}
	s.o.Pods = append(s.o.Pods, stray)
	s.o.Repository.Annotations[api.AnnotationVerifyRequested] = s.now.Format(time.RFC3339)
	for range 5 {
		if p := s.pass(); underWay(s.o.Repository.Status.Verification) && p.Wake.After(s.now.Add(waitAgain)) {
			t.Errorf("it looks again only at %s", p.Wake)
		}
	}
	if s.count(TaskVerify) != n || !underWay(s.status().Verification) {
		t.Error("it begins beside a pod that is on its way out")
	}
	s.o.Pods = nil
	s.until(noon.Add(90 * time.Minute))
	if s.count(TaskVerify) != n+1 {
		t.Error("it does not begin once it is alone")
	}
}

// TestMaintenanceAndVerificationTakeTurns: asked for both, it begins one, and the other once that has ended.
func TestMaintenanceAndVerificationTakeTurns(t *testing.T) {
	s := ashore(t)
	s.until(noon.Add(time.Hour))
	s.answers = func(order.Order) (RepositoryResult, bool) { return RepositoryResult{}, false }
	for _, asked := range []string{api.AnnotationMaintainRequested, api.AnnotationVerifyRequested} {
		s.o.Repository.Annotations[asked] = s.now.Format(time.RFC3339)
	}
	for range 5 {
		s.pass()
		if underWay(s.status().Maintenance) && underWay(s.status().Verification) {
			t.Fatal("both are under way")
		}
	}
	if !underWay(s.status().Maintenance) && !underWay(s.status().Verification) {
		t.Error("neither is under way")
	}
}

func TestRepositoryGoes(t *testing.T) {
	for name, mod := range map[string]func(*RepositoryObserved){
		"deleted":   func(o *RepositoryObserved) { o.Repository.DeletionTimestamp = metaTime(noon) },
		"namespace": func(o *RepositoryObserved) { o.NamespaceTerminating = true },
	} {
		s := ashore(t)
		s.answers = func(order.Order) (RepositoryResult, bool) { return RepositoryResult{}, false }
		s.until(noon.Add(30 * time.Second))
		before := s.status()
		mod(&s.o)
		p := s.pass()
		if len(p.Remove) != 1 || len(p.Pods) > 0 || !equality.Semantic.DeepEqual(before, s.status()) {
			t.Errorf("%s: it does %+v", name, p)
		}
		if p.Wake.IsZero() || p.Wake.After(s.now.Add(waitAgain)) {
			t.Errorf("%s: whether the pod went is looked at again at %s", name, p.Wake)
		}
	}
}

func TestRefusedPod(t *testing.T) {
	s := ashore(t)
	s.pass()
	s.pass()
	p := ForRepository(s.o, s.now)
	p.Refused(TaskProbe, Problem{api.ReasonQuotaExceeded, "no more"}, s.now)
	status, _ := p.Report(s.o, s.now)
	if len(p.Pods) > 0 || conditionReason(status.Conditions, api.ConditionReady) != "False QuotaExceeded" || status.Probe.FinishedAt == nil {
		t.Errorf("refused, it is %+v", status)
	}
}

// TestClocksThatWereWrong: a run from the future holds nothing up.
func TestClocksThatWereWrong(t *testing.T) {
	s := ashore(t)
	s.until(noon.Add(time.Hour))
	s.now = noon.Add(-100 * time.Hour)
	n := s.count(TaskProbe)
	s.until(noon.Add(-99 * time.Hour))
	if got := s.count(TaskProbe) - n; got < 4 || got > 6 {
		t.Errorf("%d probes in an hour after the clock went back", got)
	}
}

// TestStartsDiffer: two runs of a task never have one pod's name.
func TestStartsDiffer(t *testing.T) {
	run := &api.RepositoryRun{StartedAt: metav1.NewTime(noon)}
	for _, at := range []time.Duration{-500 * time.Millisecond, 0, 900 * time.Millisecond} {
		if got := startAfter(run, noon.Add(at)); !got.After(noon) {
			t.Errorf("%s later it starts at %s", at, got)
		}
	}
}

func TestLocations(t *testing.T) {
	for want, s := range map[string]api.RepositorySpec{
		"s3://h:9000/b/team":                    {S3: &api.S3Location{Endpoint: "h:9000", Bucket: "b", Prefix: "team/"}},
		"gs://b":                                {GCS: &api.GCSLocation{Bucket: "b"}},
		"azure://acc.blob.core.windows.net/c/p": {Azure: &api.AzureLocation{Account: "acc", Container: "c", Prefix: "p/"}},
		"sftp://h:22/srv/x":                     {SFTP: &api.SFTPLocation{Host: "h", Path: "/srv/x"}},
		"https://dav.test/x":                    {WebDAV: &api.WebDAVLocation{URL: "https://dav.test/x"}},
		"claim://store/lifeboat":                {Filesystem: &api.FilesystemLocation{Claim: "store"}},
		"":                                      {},
	} {
		if got := RepositoryLocation(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRepositoryStatusIsSmall(t *testing.T) {
	s := ashore(t, func(r *api.Repository) { r.Spec.ObjectLock, r.Spec.Import = &api.ObjectLock{}, true })
	long := strings.Repeat("x", 5000)
	s.answers = func(order.Order) (RepositoryResult, bool) {
		return RepositoryResult{Reason: api.ReasonRepositoryUnreachable, Error: long}, true
	}
	s.until(noon.Add(48 * time.Hour))
	raw, err := json.Marshal(s.status())
	if err != nil || len(raw) > 16<<10 {
		t.Errorf("the status has %d bytes, %v", len(raw), err)
	}
}
