// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// story is how a finding comes and goes. It begins with a policy that keeps all its promises, at noon unless it says otherwise.
type story struct {
	kind, name string
	at         time.Duration // after noon
	breaks     change
	want       want
	louder     []louder // with nothing but time passing
	clears     []change // each alone
	clearsAt   time.Duration
}

type change func(o *Observed)

// want is the finding. Since is relative to noon.
type want struct {
	subject  string
	severity api.Severity
	since    time.Duration
	says     string
	breaks   []string
	blurs    []string
}

// louder is from when after noon on how loud it is.
type louder struct {
	at       time.Duration
	severity api.Severity
}

var (
	ready, protected = []string{api.ConditionReady}, []string{api.ConditionProtected}
	proven           = []string{api.ConditionProven}
	independent      = []string{api.ConditionIndependent}
)

const (
	pending, low, medium = api.SeverityPending, api.SeverityLow, api.SeverityMedium
	high, critical       = api.SeverityHigh, api.SeverityCritical
	hour                 = time.Hour
)

// catalogue are the kinds that are promised to users, but for GuardNotEnforced, which waits for the guard, and
// UnprotectedVolume, which is a finding on a cluster and not on a policy.
var catalogue = map[string][]string{
	"coverage":      {"PolicySelectsNothing", "UnsnapshotableVolume", "DriverNotRegistered", "PartialPoint", "VolumeReplaced"},
	"timeliness":    {"ObjectiveMissed", "NeverSucceeded", "SlotMissed", "SnapshotStuck", "SizeAnomaly", "PolicySuspended"},
	"integrity":     {"RecoveryPointVanished", "BindingBroken", "ReadinessRegressed", "CopyIncomplete", "CopyCorrupt", "VerificationOverdue", "OrphanedSnapshot"},
	"independence":  {"NoIndependentCopy", "CopyLate", "DomainCollapse", "RepositoryNotFound", "RepositoryUnreachable", "NoRestoreTarget"},
	"retention":     {"LastProvenAtRisk", "RetentionShort", "RetentionExcess", "SnapshotsDieWithNamespace", "ReclaimDeletesData", "Mutable"},
	"restorability": {"ProofExpired", "NeverProven", "DrillFailed", "DrillInconclusive", "ProofTooShallow", "ProofNotIndependent", "RecoveryTooSlow", "DrillLeftovers"},
	"self":          {"PolicyWeakened", "StorageStackChanged", "ClockSkew", "EvaluationError"},
}

// TestEveryKindComesAndGoes fails for a kind of the catalogue, or of a check, without a story in which it appears and one in
// which it clears.
func TestEveryKindComesAndGoes(t *testing.T) {
	appears, clears := map[string]bool{}, map[string]bool{}
	for _, s := range stories {
		appears[s.kind] = true
		if len(s.clears) > 0 || s.clearsAt != 0 {
			clears[s.kind] = true
		}
	}
	kinds := Kinds()
	for group, listed := range catalogue {
		for _, kind := range listed {
			if !slices.Contains(kinds, kind) {
				t.Errorf("%s: no check finds %s", group, kind)
			}
		}
	}
	for _, kind := range kinds {
		if !appears[kind] {
			t.Errorf("no story has %s appear", kind)
		}
		if !clears[kind] {
			t.Errorf("no story has %s clear", kind)
		}
	}
}

// TestAllIsWell: a policy that keeps its promises has no finding, and is looked at again when the first could break.
func TestAllIsWell(t *testing.T) {
	for name, mod := range map[string]change{"without copies": func(*Observed) {}, "with copies": withCopies} {
		o := healthy()
		mod(&o)
		a := Evaluate(o, noon)
		if len(a.Findings) > 0 {
			t.Errorf("%s: found %+v", name, a.Findings)
		}
		if want := noon.Add(2*hour + 10*time.Minute); !a.Wake.Equal(want) {
			t.Errorf("%s: it wakes at %s, want %s", name, a.Wake, want)
		}
	}
}

func TestStories(t *testing.T) {
	for _, s := range stories {
		t.Run(s.kind+"/"+s.name, func(t *testing.T) {
			o, now := healthy(), noon.Add(s.at)
			withCopies(&o)
			if f := s.in(Evaluate(o, noon).Findings); f != nil {
				t.Fatalf("it is there before anything happened: %+v", f)
			}
			s.breaks(&o)
			o = settle(o, now)
			s.appears(t, Evaluate(o, now))
			s.rises(t, o, now)
			for i, clear := range s.clears {
				again := anew(s)
				clear(&again)
				if f := s.in(Evaluate(again, now).Findings); f != nil {
					t.Errorf("what clears it (%d) does not: %+v", i, f)
				}
			}
			if at := noon.Add(s.clearsAt); s.clearsAt != 0 {
				if s.in(Evaluate(o, at.Add(-time.Second)).Findings) == nil || s.in(Evaluate(o, at).Findings) != nil {
					t.Errorf("it does not clear by itself at %s", at)
				}
			}
		})
	}
}

// anew is what is observed once a story's fault is there and was told of.
func anew(s story) Observed {
	o := healthy()
	withCopies(&o)
	s.breaks(&o)
	return settle(o, noon.Add(s.at))
}

// in is the story's finding; nil when it is not there.
func (s story) in(found []Finding) *Finding {
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Kind == s.kind && f.Subject == s.want.subject })
	if i < 0 {
		return nil
	}
	return &found[i]
}

func (s story) appears(t *testing.T, a Answer) {
	t.Helper()
	f := s.in(a.Findings)
	if f == nil {
		t.Fatalf("it does not appear with subject %q; found %+v", s.want.subject, a.Findings)
	}
	if since := noon.Add(s.want.since); f.Severity != s.want.severity || !f.Since.Time.Equal(since) {
		t.Errorf("it is %s since %s, want %s since %s", f.Severity, f.Since.UTC(), s.want.severity, since)
	}
	if s.want.says == "" || !strings.Contains(f.Message, s.want.says) {
		t.Errorf("it says %q, which lacks %q", f.Message, s.want.says)
	}
	if f.Remedy == "" {
		t.Error("it does not say what helps")
	}
	if !slices.Equal(f.Breaks, s.want.breaks) || !slices.Equal(f.Blurs, s.want.blurs) {
		t.Errorf("it breaks %v and blurs %v, want %v and %v", f.Breaks, f.Blurs, s.want.breaks, s.want.blurs)
	}
}

// rises checks that it gets louder at the instants given, not before, and that one is told to look again by then.
func (s story) rises(t *testing.T, o Observed, now time.Time) {
	t.Helper()
	was := s.want.severity
	for _, l := range s.louder {
		at := noon.Add(l.at)
		before := at.Add(-time.Second)
		if before.Before(now) {
			before = now
		}
		a := Evaluate(o, before)
		if f := s.in(a.Findings); f == nil || f.Severity != was {
			t.Errorf("a second before %s it is %+v, want %s", at, f, was)
		}
		if a.Wake.IsZero() || a.Wake.After(at) {
			t.Errorf("before %s, when it gets louder, the next look is at %s", at, a.Wake)
		}
		if f := s.in(Evaluate(o, at).Findings); f == nil || f.Severity != l.severity {
			t.Errorf("at %s it is %+v, want %s", at, f, l.severity)
		}
		was = l.severity
	}
	if f := s.in(Evaluate(o, now.Add(365*day)).Findings); s.clearsAt == 0 && (f == nil || f.Severity != was) {
		t.Errorf("a year later it is %+v, want %s", f, was)
	}
}

// settle is what is observed once the findings of an instant were written down, as often as it takes until they stay.
func settle(o Observed, now time.Time) Observed {
	for range 4 {
		status := o.Status.DeepCopy()
		status.Findings, status.FindingCounts = List(Evaluate(o, now).Findings)
		o.Status = status
	}
	return o
}

// edit changes points. The newest has place 0. They are copied, so that stories do not get into each other's way.
func edit(o *Observed, place int, mods ...testkit.Mod[api.RecoveryPoint]) *api.RecoveryPoint {
	i := max(0, len(o.Points)-1-place)
	q := o.Points[i].DeepCopy()
	for _, m := range mods {
		m(q)
	}
	o.Points = slices.Clone(o.Points)
	o.Points[i] = q
	return q
}

// status changes the status; it is copied first.
func status(o *Observed) *api.BackupPolicyStatus {
	o.Status = o.Status.DeepCopy()
	return o.Status
}

// volume changes the first volume.
func volume(mod func(v *Volume)) change {
	return func(o *Observed) {
		o.Volumes = slices.Clone(o.Volumes)
		mod(&o.Volumes[0])
	}
}

func after(d time.Duration) metav1.Time { return at(noon.Add(d)) }

// failed makes of a point one that is not complete, with a reason for one volume.
func failed(claim, reason string) testkit.Mod[api.RecoveryPoint] {
	return func(q *api.RecoveryPoint) {
		q.Status.Conditions = []metav1.Condition{{Type: api.ConditionComplete, Status: metav1.ConditionFalse, Reason: reason,
			Message: claim + " was not captured", LastTransitionTime: *q.Status.FinishedAt}}
		q.Status.Volumes = []api.VolumeRecord{{Claim: claim, State: api.VolumeFailed, Reason: reason}}
	}
}

// drill is a drill that ended, so long after noon.
func drill(name string, verdict api.Verdict, reason string, at time.Duration) *api.RestoreDrill {
	ended := after(at)
	d := &api.RestoreDrill{ObjectMeta: metav1.ObjectMeta{Name: name}}
	d.Status.Verdict, d.Status.FinishedAt = verdict, &ended
	meta.SetStatusCondition(&d.Status.Conditions, metav1.Condition{Type: api.ConditionSucceeded, Status: metav1.ConditionFalse, Reason: reason})
	return d
}

// withCopies promises copies, and keeps the promise.
func withCopies(o *Observed) {
	var copies []Copy
	for _, q := range o.Points {
		taken := q.Status.PointInTime.Time
		copies = append(copies, Copy{Point: q.Name, Repository: "vault", PointInTime: taken, EndedAt: taken, Complete: true})
	}
	o.Independence = &Independence{
		Sources: in("array-a"), Within: 6 * hour, Since: noon.Add(-3 * hour), Copies: copies,
		Repositories: []Repository{{Name: "vault", Place: domain.Place{Domain: "bucket-b"}, Declared: true, Verified: noon.Add(-2 * hour), VerifyWithin: 7 * day, Immutable: true, Enforced: true}},
		Targets:      in("array-a", "array-b"),
		Proofs:       []Proof{{At: noon.Add(-2 * hour)}, {At: noon.Add(-hour), Independent: true}},
	}
}

// in are the places of domains.
func in(domains ...string) []domain.Place {
	var out []domain.Place
	for _, d := range domains {
		out = append(out, domain.Place{Domain: d})
	}
	return out
}

// copies changes what is observed of copies.
func copies(mod func(i *Independence)) change {
	return func(o *Observed) {
		i := *o.Independence
		i.Copies, i.Repositories, i.Proofs = slices.Clone(i.Copies), slices.Clone(i.Repositories), slices.Clone(i.Proofs)
		mod(&i)
		o.Independence = &i
	}
}

// repository changes the repository.
func repository(mod func(r *Repository)) change {
	return copies(func(i *Independence) { mod(&i.Repositories[0]) })
}

// unread says that a fact could not be read.
func unread(fact Fact) change {
	return func(o *Observed) { o.Unread = map[Fact]string{fact: "the API server says no"} }
}

// all makes several changes.
func all(changes ...change) change {
	return func(o *Observed) {
		for _, c := range changes {
			c(o)
		}
	}
}

func born(d time.Duration) change { return func(o *Observed) { o.Policy.CreationTimestamp = after(d) } }

func obstructed(reason string, selection, schedule bool) change {
	return func(o *Observed) {
		o.Obstacle = &Obstacle{Reason: reason, Message: "says " + reason, Selection: selection, Schedule: schedule}
	}
}

func unobstructed(o *Observed) { o.Obstacle = nil }

// obstacleStory is of an obstacle that is there since noon.
func obstacleStory(reason string, selection, schedule bool, severity api.Severity, rises ...louder) story {
	w := want{severity: severity, says: "says " + reason, breaks: ready}
	switch {
	case selection:
		w.breaks = []string{api.ConditionReady, api.ConditionProtected}
	case schedule:
		w.blurs = protected
	}
	return story{kind: reason, name: "an obstacle", breaks: obstructed(reason, selection, schedule), want: w, louder: rises, clears: []change{unobstructed}}
}

// slot is a complete point of a later slot.
func slot(d time.Duration, mods ...testkit.Mod[api.RecoveryPoint]) change {
	return func(o *Observed) {
		o.Points = append(slices.Clone(o.Points), testkit.Point(noon.Add(d), threeClaims, mods...))
	}
}

// prints gives the points fingerprints, the newest first, as files and bytes.
func prints(numbers ...[2]int64) change {
	return func(o *Observed) {
		o.Points = nil
		for ago := len(numbers) - 1; ago >= 0; ago-- {
			slot(-time.Duration(ago)*hour, printed(numbers[ago][0], numbers[ago][1]))(o)
		}
	}
}

// usual are so many fingerprints of the usual size.
func usual(n int) [][2]int64 { return slices.Repeat([][2]int64{{100, 10 << 20}}, n) }

func pointName(ago int) string {
	return testkit.Point(noon.Add(-time.Duration(ago)*hour), nil).Name
}

func rp(ago int) string { return "rp/" + pointName(ago) }

func describe(f []Finding) string {
	var out []string
	for i := range f {
		out = append(out, fmt.Sprintf("%s %s %s", f[i].Severity, f[i].Kind, f[i].Subject))
	}
	return strings.Join(out, "\n")
}
