// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// elseID is another repository than the one that copies are in.
var elseID = strings.Repeat("cd", 32)

// takesCopies has a repository take copies.
func takesCopies(r *api.Repository) {
	r.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonRepositoryReady, LastTransitionTime: metav1.NewTime(hour(1))}}
}

func away(r *api.Repository) {
	r.Status.Conditions[0].Status, r.Status.Conditions[0].Reason, r.Status.Conditions[0].Message = metav1.ConditionFalse, api.ReasonRepositoryUnreachable, "no answer"
}

type copyMod = func(*CopyObserved)

// seenCopy is the newest point of two, of a policy that has every point copied into one repository. Its finalizers are there.
func seenCopy(mods ...copyMod) CopyObserved {
	p := testkit.Point(hour(11), both, recorded, unrecorded)
	p.Finalizers = []string{api.FinalizerSnapshots, api.FinalizerCopies}
	o := CopyObserved{
		Point: p, Policy: testkit.Policy(func(b *api.BackupPolicy) { promise(b, "offsite", "vault") }),
		Siblings: []*api.RecoveryPoint{testkit.Point(hour(10), both), p}, Vaults: vaults(vault("vault", takesCopies)),
		Sources: []Source{sourceOf("data"), sourceOf("logs")}, Brought: map[string]Brought{}, Reports: map[string]CopyReport{},
		RunningInto: map[string]int{}, Settings: Settings{Copies: 4}, NamespaceUID: "namespace-1",
	}
	o.brings("offsite")
	for _, m := range mods {
		m(&o)
	}
	return o
}

func (o *CopyObserved) brings(target string) {
	o.Brought[target] = Brought{RunUID: names.CopyRun(string(o.Point.UID), target), Claims: map[string]BroughtClaim{}, Pods: map[string]BroughtPod{},
		Classes: map[string]string{testkit.Class: testkit.Driver}}
}

func promise(b *api.BackupPolicy, target, repository string) {
	b.Spec.Copies = append(b.Spec.Copies, api.CopyTarget{Name: target, Repository: api.RepositoryReference{Name: repository}})
}

// copied carries a plan out in the status alone.
func (o CopyObserved) copied(p CopyPlan, at time.Time) CopyObserved {
	q := o.Point.DeepCopy()
	q.Status.Conditions, q.Status.Copies = p.Conditions(o, at), p.Copies
	i := slices.IndexFunc(o.Siblings, func(s *api.RecoveryPoint) bool { return s.UID == q.UID })
	o.Siblings = slices.Clone(o.Siblings)
	o.Siblings[i], o.Point = q, q
	return o
}

// next is a pass whose plan is carried out in the status alone.
func (o CopyObserved) next(at time.Time) (CopyObserved, CopyPlan) {
	p := ForCopy(o, at)
	return o.copied(p, at), p
}

// inHand is a copy that was begun at noon.
func inHand(mods ...copyMod) CopyObserved {
	o, _ := seenCopy().next(noon)
	for _, m := range mods {
		m(&o)
	}
	return o
}

func (o CopyObserved) copier(claim string, try int) string {
	attempt := 0
	if len(o.Point.Status.Copies) > 0 {
		attempt = int(o.Point.Status.Copies[0].Attempt)
	}
	return names.Copier(claim, o.Brought["offsite"].RunUID, testkit.ClaimUID(claim), attempt, try)
}

// copies has a claim bound, and a pod copy it.
func copies(claim string, try int, phase PodPhase, mods ...func(*BroughtPod)) copyMod {
	return func(o *CopyObserved) {
		b := o.Brought["offsite"]
		b.Claims[names.Throwaway(claim, b.RunUID, testkit.ClaimUID(claim))] = BroughtClaim{RunUID: b.RunUID, Bound: true, Volume: "pv-" + claim}
		name := o.copier(claim, try)
		pod := BroughtPod{Target: Target{name, "uid-of-" + name}, RunUID: b.RunUID, Phase: phase}
		for _, m := range mods {
			m(&pod)
		}
		b.Pods[name] = pod
	}
}

func relates(r RepositoryResult) func(*BroughtPod) { return func(p *BroughtPod) { p.Told = &r } }

func wholeOf(claim string) func(*BroughtPod) {
	return relates(RepositoryResult{UniqueID: vaultID, Copied: &CopyResult{Fingerprint: printOf(claim), NewBytes: 10, Lost: 1}})
}

func copiedWell(o *CopyObserved) {
	copies("data", 0, PodSucceeded, wholeOf("data"))(o)
	copies("logs", 0, PodSucceeded, wholeOf("logs"))(o)
}

// said says in one line how the first copy stands, and what is asked for.
func said(p CopyPlan) string {
	out := []string{"none"}
	if len(p.Copies) > 0 {
		r := p.Copies[0]
		out = []string{strings.TrimSpace(fmt.Sprintf("%s %d %s", r.State, r.Attempt, r.Reason))}
	}
	for _, w := range p.Work {
		for _, ask := range []struct {
			n    int
			what string
		}{{len(w.Claims), "claims"}, {len(w.Mounts), "mounts"}, {len(w.Pods), "pods"}, {len(w.Remove), "removals"}} {
			if ask.n > 0 {
				out = append(out, fmt.Sprintf("%d %s", ask.n, ask.what))
			}
		}
	}
	if p.Finalizer != "" {
		out = append(out, "finalizer "+string(p.Finalizer))
	}
	return strings.Join(out, ", ")
}

func condition(p CopyPlan) string {
	if p.Copied == nil {
		return ""
	}
	return string(p.Copied.Status) + " " + p.Copied.Reason
}

// TestCopiesOfAPoint: what is asked of a point without looking at anything else.
func TestCopiesOfAPoint(t *testing.T) {
	of := func(mods ...testkit.Mod[api.RecoveryPoint]) *api.RecoveryPoint {
		return testkit.Point(hour(11), both, mods...)
	}
	copies := func(r api.CopyRecord) testkit.Mod[api.RecoveryPoint] {
		r.Name = "offsite"
		return func(p *api.RecoveryPoint) { p.Status.Copies = append(p.Status.Copies, r) }
	}
	for name, c := range map[string]struct {
		point                *api.RecoveryPoint
		has, underWay, makes bool
	}{
		"it has none":         {point: of()},
		"one is being made":   {of(copies(api.CopyRecord{State: api.CopyCopying})), true, true, true},
		"one is complete":     {of(copies(api.CopyRecord{State: api.CopyComplete, CleanedUp: true})), true, false, false},
		"one is not tidied":   {of(copies(api.CopyRecord{State: api.CopyComplete})), true, true, false},
		"one failed":          {of(copies(api.CopyRecord{State: api.CopyFailed, CleanedUp: true})), true, true, false},
		"one is removed":      {of(copies(api.CopyRecord{State: api.CopyRemoving})), true, true, false},
		"a finalizer is left": {point: of(func(p *api.RecoveryPoint) { p.Finalizers = []string{api.FinalizerCopies} }), has: true},
		"a condition is left": {point: of(func(p *api.RecoveryPoint) {
			p.Status.Conditions = append(p.Status.Conditions, conditions.Is(api.ConditionCopied, metav1.ConditionUnknown, api.ReasonCopying, ""))
		}), has: true},
	} {
		if has, underWay, makes := HasCopies(c.point), CopiesUnderWay(c.point), Copies(c.point); has != c.has || underWay != c.underWay || makes != c.makes {
			t.Errorf("%s: it has copies: %t, not all are at rest: %t, one is being made: %t", name, has, underWay, makes)
		}
	}
	p := of(copies(api.CopyRecord{}))
	if run := names.CopyRun(string(p.UID), "offsite"); !CopyRunOf(p, run) || CopyRunOf(p, run+"x") || CopyRunOf(of(), run) {
		t.Error("its runs are not told apart")
	}
}

func TestCopyBegins(t *testing.T) {
	failedBefore := func(r api.CopyRecord) copyMod {
		return func(o *CopyObserved) {
			r.Name, r.Repository, r.RepositoryID = "offsite", cmp.Or(r.Repository, "vault"), vaultID
			r.State, r.CleanedUp, r.Reason = api.CopyFailed, true, api.ReasonRepositoryUnreachable
			o.Point.Status.Copies = []api.CopyRecord{r}
		}
	}
	the := func(do func(*api.Repository)) copyMod {
		return func(o *CopyObserved) { do(o.Vaults.Repositories["vault"]) }
	}
	ended := metaTime(noon.Add(-time.Minute))
	for _, c := range []struct {
		name, want, condition string
		mods                  []copyMod
	}{
		{"of every complete point", "Copying 0", "Unknown Copying", nil},
		{"first the finalizer", "none, finalizer Add", "Unknown CopyPending", []copyMod{func(o *CopyObserved) { o.Point.Finalizers = nil }}},
		{"nothing is promised", "none", "", []copyMod{func(o *CopyObserved) { o.Policy.Spec.Copies = nil }}},
		{"the policy is gone", "none", "", []copyMod{func(o *CopyObserved) { o.Policy = nil }}},
		{"the policy is going", "none", "", []copyMod{func(o *CopyObserved) { o.Policy.DeletionTimestamp = metaTime(noon) }}},
		{"the policy is another", "none", "", []copyMod{func(o *CopyObserved) { o.Policy.UID = "another" }}},
		{"the point is not complete", "none", "", []copyMod{func(o *CopyObserved) { testkit.Incomplete(o.Point) }}},
		{"the point was imported", "none", "", []copyMod{func(o *CopyObserved) { o.Point.Status.Origin = &api.PointOrigin{} }}},
		{"its snapshots were let go", "none", "", []copyMod{func(o *CopyObserved) { o.Point.Status.SnapshotsReleasedAt = metaTime(noon) }}},
		{"the point is going", "none", "", []copyMod{func(o *CopyObserved) { testkit.Going(o.Point) }}},
		{"the namespace is going", "none", "", []copyMod{func(o *CopyObserved) { o.NamespaceTerminating = true }}},
		{"the copy was let go", "none", "", []copyMod{func(o *CopyObserved) { o.Point.Status.Release = []api.ReleasedPart{{Part: "copy/offsite"}} }}},
		{"there is no repository", "none", "False RepositoryNotFound", []copyMod{func(o *CopyObserved) { delete(o.Vaults.Repositories, "vault") }}},
		{"the repository is going", "none", "False RepositoryNotFound", []copyMod{the(func(r *api.Repository) { r.DeletionTimestamp = metaTime(noon) })}},
		{"the repository was not looked at", "none", "Unknown CopyPending", []copyMod{the(func(r *api.Repository) { r.Status = api.RepositoryStatus{} })}},
		{"the repository is away", "none", "False RepositoryUnreachable", []copyMod{the(away)}},
		{"the admin does not allow it", "none", "False InsecureNotAllowed", []copyMod{the(func(r *api.Repository) { r.Spec.S3.Insecure = true })}},
		{"as many are under way as may", "none", "Unknown CopyPending", []copyMod{func(o *CopyObserved) { o.Running = 4 }}},
		{"as many go into the repository as may", "none", "Unknown CopyPending", []copyMod{func(o *CopyObserved) { o.RunningInto["vault"] = 2 }}},
		{"the repository takes more", "Copying 0", "Unknown Copying", []copyMod{func(o *CopyObserved) { o.RunningInto["vault"] = 2 },
			the(func(r *api.Repository) { r.Spec.Limits = &api.RepositoryLimits{Copies: 3} })}},
		{"too many volumes for one status", "none", "False TooManyVolumes", []copyMod{func(o *CopyObserved) {
			for i := range 25 {
				promise(o.Policy, fmt.Sprint("t", i), "vault")
			}
		}}},
		{"as many volumes as one status takes", "Copying 0", "Unknown Copying", []copyMod{func(o *CopyObserved) {
			for i := range 24 {
				promise(o.Policy, fmt.Sprint("t", i), "vault")
			}
		}}},
		{"the repository is ready, and has no ID", "none", "Unknown CopyPending", []copyMod{the(func(r *api.Repository) { r.Status.UniqueID = "" })}},
		{"the repository was never reached", "none", "False RepositoryUnreachable", []copyMod{the(away), the(func(r *api.Repository) { r.Status.UniqueID = "" })}},
		{"it failed a moment ago", "Failed 0 RepositoryUnreachable", "False RepositoryUnreachable", []copyMod{failedBefore(api.CopyRecord{FinishedAt: ended})}},
		{"it failed a while ago", "Copying 1", "Unknown Copying", []copyMod{failedBefore(api.CopyRecord{FinishedAt: metaTime(noon.Add(-retryFirst))})}},
		{"it failed often", "Failed 3 RepositoryUnreachable", "False RepositoryUnreachable", []copyMod{failedBefore(api.CopyRecord{Attempt: 3, FinishedAt: metaTime(noon.Add(-8*retryFirst + time.Second))})}},
		{"it failed very often, and not so long ago", "Failed 40 RepositoryUnreachable", "False RepositoryUnreachable", []copyMod{failedBefore(api.CopyRecord{Attempt: 40, FinishedAt: metaTime(noon.Add(-retryLast + time.Second))})}},
		{"it failed very often", "Copying 41", "Unknown Copying", []copyMod{failedBefore(api.CopyRecord{Attempt: 40, FinishedAt: metaTime(noon.Add(-retryLast))})}},
		{"the repository is back", "Copying 1", "Unknown Copying", []copyMod{failedBefore(api.CopyRecord{FinishedAt: ended}),
			the(func(r *api.Repository) { r.Status.Conditions[0].LastTransitionTime = metav1.NewTime(noon) })}},
		{"it was promised into another repository", "Removing 1", "", []copyMod{failedBefore(api.CopyRecord{Repository: "old", FinishedAt: ended})}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := ForCopy(seenCopy(c.mods...), noon)
			if got := said(p); got != c.want {
				t.Errorf("it is %q, want %q", got, c.want)
			}
			if got := condition(p); got != c.condition {
				t.Errorf("Copied is %q, want %q: %+v", got, c.condition, p.Copied)
			}
			if len(p.Work) > 0 {
				t.Errorf("it acts before it is written down that it does: %+v", p.Work)
			}
		})
	}
}

// TestRoomForCopies: a point is copied into a repository once at a time, and no more copies are under way than may be.
func TestRoomForCopies(t *testing.T) {
	into := func(repository string, state api.CopyState) copyMod {
		return func(o *CopyObserved) {
			o.Point.Status.Copies = append(o.Point.Status.Copies, api.CopyRecord{Name: "old", Repository: repository, RepositoryID: vaultID, State: state, Deadline: metav1.NewTime(hour(20)), CleanedUp: true})
			o.brings("old")
		}
	}
	running := func(n int) copyMod { return func(o *CopyObserved) { o.Running = n } }
	for name, c := range map[string]struct {
		mods []copyMod
		want string
	}{
		"room for two":                                {[]copyMod{running(2)}, "offsite near"},
		"room for one":                                {[]copyMod{running(3)}, "offsite"},
		"room for none":                               {[]copyMod{running(4)}, ""},
		"two targets in one repository":               {[]copyMod{func(o *CopyObserved) { o.Policy.Spec.Copies[1].Repository.Name = "vault" }}, "offsite"},
		"one is made in the first repository":         {[]copyMod{into("vault", api.CopyCopying)}, "near"},
		"one is made elsewhere, and room for one":     {[]copyMod{into("attic", api.CopyCopying), running(2)}, "offsite"},
		"one is removed from the first repository":    {[]copyMod{into("vault", api.CopyRemoving)}, "near"},
		"one is removed elsewhere, and takes no room": {[]copyMod{into("attic", api.CopyRemoving), running(2)}, "offsite near"},
		"one is complete in the first repository":     {[]copyMod{into("vault", api.CopyComplete)}, "offsite near"},
	} {
		t.Run(name, func(t *testing.T) {
			o := seenCopy(append([]copyMod{func(o *CopyObserved) {
				promise(o.Policy, "near", "shed")
				for _, r := range []string{"shed", "attic"} {
					o.Vaults.Repositories[r] = vault(r, takesCopies)
				}
			}}, c.mods...)...)
			var begun []string
			for _, r := range ForCopy(o, noon).Copies {
				if r.StartedAt.Time.Equal(noon) && r.State == api.CopyCopying {
					begun = append(begun, r.Name)
				}
			}
			if got := strings.Join(begun, " "); got != c.want {
				t.Errorf("begun are %q, want %q", got, c.want)
			}
		})
	}
}

// TestCopiedSays: the condition counts what is complete, and names what is missing worst first.
func TestCopiedSays(t *testing.T) {
	is := func(name string, state api.CopyState) api.CopyRecord {
		return api.CopyRecord{Name: name, Repository: "in-" + name, State: state, Reason: api.ReasonRepositoryFull, Message: "no room"}
	}
	a, b := is("a", api.CopyComplete), is("b", api.CopyComplete)
	for _, c := range []struct {
		copies []api.CopyRecord
		due    []string
		want   string
	}{
		{nil, nil, ""},
		{[]api.CopyRecord{a}, nil, "True Copied: all 1 copies are complete"},
		{[]api.CopyRecord{a, b}, []string{"b"}, "True Copied: all 2 copies are complete"},
		{[]api.CopyRecord{a, is("c", api.CopyCopying)}, nil, "Unknown Copying: 1 of 2 copies are complete: a copy into repository in-c is under way"},
		{[]api.CopyRecord{a, b, is("c", api.CopyCopying), is("d", api.CopyFailed)}, []string{"d"}, "False RepositoryFull: 2 of 4 copies are complete: the copy into repository in-d failed: no room"},
		{[]api.CopyRecord{a, is("d", api.CopyFailed)}, nil, "True Copied: all 1 copies are complete"},
		{[]api.CopyRecord{a, is("e", api.CopyRemoving)}, []string{"f"}, "Unknown CopyPending: 1 of 2 copies are complete: it begins now"},
	} {
		p := CopyPlan{Copies: c.copies, due: c.due, waiting: map[string]Problem{"f": {api.ReasonCopyPending, "it begins now"}}}
		got := ""
		if said := p.condition(); said != nil {
			got = fmt.Sprintf("%s %s: %s", said.Status, said.Reason, said.Message)
		}
		if got != c.want {
			t.Errorf("it says %q, want %q", got, c.want)
		}
	}
}

// TestCopiedStandsInItsPlace: of the conditions of a point Copied alone is stated anew, for the generation that the others speak of.
func TestCopiedStandsInItsPlace(t *testing.T) {
	o := seenCopy(func(o *CopyObserved) {
		o.Point.Generation, o.Point.Status.ObservedGeneration = 3, 2
		o.Point.Status.Conditions = append(o.Point.Status.Conditions, metav1.Condition{Type: api.ConditionStalled, Status: metav1.ConditionTrue, Reason: "Odd"})
	})
	p := ForCopy(o, noon)
	var got []string
	for _, c := range p.Conditions(o, noon) {
		got = append(got, fmt.Sprint(c.Type, " ", c.ObservedGeneration))
	}
	if want := []string{"Complete 0", "Copied 2", "Stalled 0"}; !slices.Equal(got, want) {
		t.Errorf("they are %q, want %q", got, want)
	}
}

// TestCopyRefused: what the API server does not let be made ends the run, or this try at a removal, and leaves the others alone.
func TestCopyRefused(t *testing.T) {
	quota := map[string]Problem{"offsite": {api.ReasonQuotaExceeded, "exceeded quota"}}
	p := ForCopy(inHand(), noon)
	p.Refused(nil, noon)
	if said(p) != "Copying 0, 2 claims, 2 pods" || condition(p) != "Unknown Copying" {
		t.Errorf("with nothing refused it is %q, %q", said(p), condition(p))
	}
	p.Refused(map[string]Problem{"other": quota["offsite"]}, noon)
	if said(p) != "Copying 0, 2 claims, 2 pods" {
		t.Errorf("with another's refused it is %q", said(p))
	}
	p.Refused(quota, noon)
	if r := p.Copies[0]; r.State != api.CopyFailed || r.Reason != api.ReasonQuotaExceeded || !r.FinishedAt.Time.Equal(noon) || condition(p) != "False QuotaExceeded" {
		t.Errorf("it is %+v, %q", r, condition(p))
	}
	later := noon.Add(time.Minute)
	p = ForCopy(removing(), noon)
	p.Refused(quota, later)
	if r := p.Copies[0]; r.State != api.CopyRemoving || r.Reason != api.ReasonQuotaExceeded || !r.FinishedAt.Time.Equal(later) {
		t.Errorf("a removal is %+v", r)
	}
	for name, o := range map[string]CopyObserved{
		"a removal that has ended": removing(func(o *CopyObserved) {
			o.Point.Status.Copies[0].FinishedAt, o.Point.Status.Copies[0].Reason = metaTime(noon), api.ReasonRepositoryUnreachable
		}),
		"a complete copy": stored(),
	} {
		p, was := ForCopy(o, later), ForCopy(o, later)
		if p.Refused(quota, later); len(p.Notes) > 0 || !slices.EqualFunc(p.Copies, was.Copies, func(a, b api.CopyRecord) bool { return a.Reason == b.Reason && a.FinishedAt.Equal(b.FinishedAt) }) {
			t.Errorf("%s becomes %+v", name, p.Copies)
		}
	}
}

// TestWhatIsLeftGoesFirst: a copy that failed is made anew only once nothing is left of the run before.
func TestWhatIsLeftGoesFirst(t *testing.T) {
	o, _ := inHand(copies("logs", 0, PodSucceeded, wholeOf("logs")), copies("data", 0, PodFailed, relates(RepositoryResult{Reason: api.ReasonRepositoryFull}))).next(noon)
	o.brings("offsite")
	b := o.Brought["offsite"]
	b.Leftovers = left
	o.Brought["offsite"] = b
	if got := said(ForCopy(o, noon.Add(time.Hour))); got != "Failed 0 RepositoryFull, 2 removals" {
		t.Errorf("it is %q", got)
	}
}

// TestCopyWakes: what waits for time alone looks again by itself.
func TestCopyWakes(t *testing.T) {
	full := ForCopy(seenCopy(func(o *CopyObserved) { o.Running = 4 }), noon)
	if !full.Wake.Equal(noon.Add(waitAgain)) {
		t.Errorf("one that waits for its turn wakes at %s", full.Wake)
	}
	failed := inHand(copies("data", 0, PodFailed, relates(RepositoryResult{Reason: api.ReasonRepositoryFull})), copies("logs", 0, PodFailed))
	failed, _ = failed.next(noon.Add(time.Minute))
	failed, _ = failed.next(noon.Add(time.Minute)) // nothing is left
	if p := ForCopy(failed, noon.Add(2*time.Minute)); !p.Wake.Equal(noon.Add(time.Minute + retryFirst)) {
		t.Errorf("one that failed wakes at %s", p.Wake)
	}
	if p := ForCopy(inHand(), noon.Add(time.Minute)); !p.Wake.Equal(noon.Add(copyWithin)) {
		t.Errorf("one under way wakes at %s", p.Wake)
	}
	if p := ForCopy(inHand(copies("data", 0, PodRunning)), noon.Add(time.Minute)); !p.Wake.Equal(noon.Add(time.Minute + CopyReportEvery)) {
		t.Errorf("one that tells how far it is wakes at %s", p.Wake)
	}
	if p := ForCopy(removing(), noon.Add(time.Minute)); !p.Wake.Equal(noon.Add(forgetWithin)) {
		t.Errorf("a removal under way wakes at %s", p.Wake)
	}
	notRemoved := removing(func(o *CopyObserved) {
		o.Point.Status.Copies[0].FinishedAt, o.Point.Status.Copies[0].Reason = metaTime(noon), api.ReasonRepositoryUnreachable
	})
	if p := ForCopy(notRemoved, noon.Add(time.Minute)); !p.Wake.Equal(noon.Add(2 * retryFirst)) {
		t.Errorf("a removal that failed wakes at %s", p.Wake)
	}
	inTheEvening := func(o *CopyObserved) { o.Policy.Spec.Copies[0].Cron = "0 18 * * *" }
	if p := ForCopy(stored(inTheEvening), noon.Add(time.Minute)); !p.Wake.Equal(hour(18)) {
		t.Errorf("a point that a slot may make due wakes at %s", p.Wake)
	}
	if p := ForCopy(stored(inTheEvening, func(o *CopyObserved) { copiesOnly(o.Point) }), noon.Add(time.Minute)); !p.Wake.IsZero() {
		t.Errorf("a point without snapshots, which no slot makes due, wakes at %s", p.Wake)
	}
}

// TestCopyIsFrozen: a run is carried out as it was begun, whatever becomes of the policy.
func TestCopyIsFrozen(t *testing.T) {
	o := seenCopy(func(o *CopyObserved) {
		o.Policy.Spec.Mover = &api.MoverOptions{RunAsUser: ptr.To[int64](70)}
		o.Policy.Spec.Copies[0].Fidelity, o.Policy.Spec.Copies[0].Timeout = api.FidelityStrict, &metav1.Duration{Duration: time.Hour}
	})
	o, _ = o.next(noon)
	r := o.Point.Status.Copies[0]
	if r.RepositoryID != vaultID || !r.Deadline.Time.Equal(noon.Add(time.Hour)) || *r.Mover.RunAsUser != 70 || r.Fidelity != api.FidelityStrict {
		t.Fatalf("it is begun as %+v", r)
	}
	spec := o.Policy.Spec
	p := ForCopy(o, noon)
	if got := said(p); got != "Copying 0, 2 claims, 2 pods" {
		t.Fatalf("it is %q", got)
	}
	w := p.Work[0]
	if !w.Claims[0].Throw.Equal(r.Deadline.Add(sweepAfter)) || w.Claims[0].Name != names.Throwaway("data", o.Brought["offsite"].RunUID, testkit.ClaimUID("data")) || w.Claims[0].Access != "" {
		t.Errorf("the claim is %+v", w.Claims[0])
	}
	pod := w.Pods[0]
	if pod.Name != o.copier("data", 0) || pod.Claim != w.Claims[0].Name || pod.Writes || *pod.Mover.RunAsUser != 70 || pod.Bigger || pod.Access.Credentials != "keys" {
		t.Errorf("the pod is %+v", pod)
	}
	told, err := order.Decode([]byte(pod.Order))
	if err != nil {
		t.Fatal(err)
	}
	if told.Repository.UniqueID != vaultID || told.Copy == nil || !told.Copy.Strict || told.Copy.PointUID != string(o.Point.UID) || told.Copy.ClaimUID != testkit.ClaimUID("data") {
		t.Errorf("it is told %s", pod.Order)
	}
	var record order.Record
	if err := json.Unmarshal(told.Copy.Record, &record); err != nil {
		t.Fatal(err)
	}
	policy, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if record.NamespaceID != "namespace-1" || record.Volumes != 2 || record.Driver != testkit.Driver || record.StorageClass != testkit.Class || string(record.PolicySpec) != string(policy) ||
		record.PolicyUID != "policy-1" || !record.PointInTime.Equal(At(o.Point)) || record.CapturedAt.IsZero() || record.Size == 0 || record.Point != o.Point.Name {
		t.Errorf("the record is %+v", record)
	}
	if told.Copy.Block {
		t.Error("it is told to copy a file system as a block volume")
	}
	o.Sources[0].Mode, o.Vaults.Repositories["vault"].Status.UniqueID = modeBlock, ""
	if told, err = order.Decode([]byte(ForCopy(o, noon).Work[0].Pods[0].Order)); err != nil || !told.Copy.Block || told.Repository.UniqueID != vaultID {
		t.Errorf("of a block volume, into a repository that is looked at anew, it is told %+v: %v", told, err)
	}
	o.Policy = nil
	if p := ForCopy(o, noon); said(p) != "Copying 0, 2 claims, 2 pods" || *p.Work[0].Pods[0].Mover.RunAsUser != 70 {
		t.Errorf("without its policy it is %q", said(p))
	}
}

// TestRecordFitsIntoAnOrder: a policy that is too large for the annotation of a pod is not written beside the data.
func TestRecordFitsIntoAnOrder(t *testing.T) {
	o := seenCopy()
	sized := func(n int) []byte {
		o.Policy.Spec.Snapshot = &api.SnapshotOptions{Hooks: []api.Hook{{Name: strings.Repeat("x", n)}}}
		spec, err := json.Marshal(o.Policy.Spec)
		if err != nil {
			t.Fatal(err)
		}
		return spec
	}
	room := mostPolicySpec - len(sized(0))
	if spec := sized(room); string(copiedRecord(o, o.Sources[0]).PolicySpec) != string(spec) {
		t.Error("a policy that just fits is left out")
	}
	if sized(room + 1); copiedRecord(o, o.Sources[0]).PolicySpec != nil {
		t.Error("a policy that does not fit is written down")
	}
}

func TestCopyRuns(t *testing.T) {
	of := func(claim string, phase PodPhase, mods ...func(*BroughtPod)) copyMod {
		return copies(claim, 0, phase, mods...)
	}
	logs := of("logs", PodSucceeded, wholeOf("logs"))
	fails := func(reason string) func(*BroughtPod) {
		return relates(RepositoryResult{UniqueID: vaultID, Reason: reason, Error: "why"})
	}
	starved := func(p *BroughtPod) { p.Starved = true }
	lost := func(claim string, n int, mods ...func(*BroughtPod)) copyMod {
		return func(o *CopyObserved) {
			for try := range n {
				copies(claim, try, PodLost, mods...)(o)
			}
		}
	}
	for _, c := range []struct {
		name, want string
		after      time.Duration
		mods       []copyMod
	}{
		{"nothing is there", "Copying 0, 2 claims, 2 pods", 0, nil},
		{"one is being copied", "Copying 0, 1 claims, 1 pods", 0, []copyMod{of("data", PodRunning)}},
		{"one is whole", "Copying 0, 1 claims, 1 pods", 0, []copyMod{logs}},
		{"all are whole", "Complete 0", 0, []copyMod{copiedWell}},
		{"all are whole, and late", "Complete 0", 48 * time.Hour, []copyMod{copiedWell}},
		{"one failed, the other goes on", "Copying 0, 1 claims, 1 pods", 0, []copyMod{of("data", PodFailed, fails(api.ReasonRepositoryFull))}},
		{"the repository is full", "Failed 0 RepositoryFull", 0, []copyMod{logs, of("data", PodFailed, fails(api.ReasonRepositoryFull))}},
		{"the repository is away", "Failed 0 RepositoryUnreachable", 0, []copyMod{logs, of("data", PodFailed, fails(api.ReasonRepositoryUnreachable))}},
		{"what fidelity forbids", "Failed 0 FidelityLost", 0, []copyMod{logs, of("data", PodFailed, fails(api.ReasonFidelityLost))}},
		{"a word that is not known", "Failed 0 MoverFailed", 0, []copyMod{logs, of("data", PodFailed, fails("Gremlins"))}},
		{"it failed and ended well", "Failed 0 ReadFailed", 0, []copyMod{logs, of("data", PodSucceeded, fails(api.ReasonReadFailed))}},
		{"it told nothing", "Failed 0 MoverFailed", 0, []copyMod{logs, of("data", PodSucceeded)}},
		{"it told of no copy", "Failed 0 MoverFailed", 0, []copyMod{logs, of("data", PodSucceeded, relates(RepositoryResult{UniqueID: vaultID}))}},
		{"it told no digest", "Failed 0 MoverFailed", 0, []copyMod{logs, of("data", PodSucceeded, relates(RepositoryResult{UniqueID: vaultID, Copied: &CopyResult{}}))}},
		{"it told of a copy and ended badly", "Failed 0 MoverFailed", 0, []copyMod{logs, of("data", PodFailed, wholeOf("data"))}},
		{"it spoke to another repository", "Failed 0 RepositoryIDMismatch", 0, []copyMod{logs, of("data", PodSucceeded,
			relates(RepositoryResult{UniqueID: elseID, Copied: &CopyResult{Fingerprint: printOf("data")}}))}},
		{"it spoke to no repository", "Failed 0 MoverFailed", 0, []copyMod{logs, of("data", PodSucceeded,
			relates(RepositoryResult{Copied: &CopyResult{Fingerprint: printOf("data")}}))}},
		{"it could not read all", "Failed 0 ReadFailed", 0, []copyMod{logs, of("data", PodSucceeded,
			relates(RepositoryResult{UniqueID: vaultID, Copied: &CopyResult{Fingerprint: printOf("data"), Unreadable: 1}}))}},
		{"it is not what was captured", "Failed 0 ContentDiffers", 0, []copyMod{logs, of("data", PodSucceeded, wholeOf("logs")), func(o *CopyObserved) { recorded(o.Point) }}},
		{"it is what was captured", "Complete 0", 0, []copyMod{copiedWell, func(o *CopyObserved) { recorded(o.Point) }}},
		{"lost once", "Copying 0, 1 pods", 0, []copyMod{logs, lost("data", 1)}},
		{"lost twice", "Copying 0, 1 pods", 0, []copyMod{logs, lost("data", 2)}},
		{"lost thrice", "Failed 0 PodLost", 0, []copyMod{logs, lost("data", 3)}},
		{"it was asked to end", "Copying 0, 1 pods", 0, []copyMod{logs, of("data", PodFailed, fails(interrupted))}},
		{"out of memory", "Copying 0, 1 pods", 0, []copyMod{logs, lost("data", 1, starved)}},
		{"out of memory twice", "Failed 0 OutOfMemory", 0, []copyMod{logs, lost("data", 2, starved)}},
		{"lost twice, and out of memory", "Copying 0, 1 pods", 0, []copyMod{logs, lost("data", 2), copies("data", 2, PodLost, starved)}},
		{"the image is missing", "Failed 0 ImageUnavailable", 0, []copyMod{logs, of("data", PodPending, func(p *BroughtPod) { p.Waits = &Problem{api.ReasonImageUnavailable, ""} })}},
		{"the snapshot is gone", "Failed 0 SnapshotUnusable", 0, []copyMod{logs, func(o *CopyObserved) { o.Sources[0].Problem = &Problem{api.ReasonSnapshotUnusable, ""} }}},
		{"a source is not seen", "Failed 0 SnapshotUnusable", 0, []copyMod{copiedWell, func(o *CopyObserved) { o.Sources = o.Sources[:1] }}},
		{"no source is seen", "Failed 0 SnapshotUnusable", 0, []copyMod{copiedWell, func(o *CopyObserved) { o.Sources = nil }}},
		{"the repository was replaced", "Failed 0 RepositoryIDMismatch", 0, []copyMod{copiedWell, func(o *CopyObserved) { o.Vaults.Repositories["vault"].Status.UniqueID = elseID }}},
		{"the repository is gone", "Failed 0 RepositoryNotFound", 0, []copyMod{func(o *CopyObserved) { delete(o.Vaults.Repositories, "vault") }}},
		{"it takes too long", "Failed 0 CopyTimedOut", copyWithin, []copyMod{logs, of("data", PodRunning)}},
		{"it never started", "Failed 0 CopyTimedOut", copyWithin, nil},
		{"no node takes it", "Failed 0 CopyTimedOut", copyWithin, []copyMod{logs, of("data", PodPending, func(p *BroughtPod) { p.Waits = &Problem{api.ReasonUnschedulable, ""} })}},
		{"somebody else's claim", "Failed 0 NameTaken", 0, []copyMod{logs, func(o *CopyObserved) {
			b := o.Brought["offsite"]
			b.Claims[names.Throwaway("data", b.RunUID, testkit.ClaimUID("data"))] = BroughtClaim{}
		}}},
		{"what was captured is not known any more", "Failed 0 SnapshotUnusable", 0, []copyMod{func(o *CopyObserved) { o.Point.Status.Capture = nil }}},
		{"an XFS volume that is mounted beside its source", "Copying 0, 1 mounts", 0, []copyMod{logs, of("data", PodPending), func(o *CopyObserved) {
			b := o.Brought["offsite"]
			name := names.Throwaway("data", b.RunUID, testkit.ClaimUID("data"))
			c := b.Claims[name]
			c.Mount = &VolumeMount{Target: Target{"pv", "u-pv"}, FSType: "xfs", Mode: "Filesystem"}
			b.Claims[name] = c
		}}},
		{"an XFS volume of which it is not known how it is mounted", "Copying 0, 1 claims", 0, []copyMod{logs, func(o *CopyObserved) {
			b := o.Brought["offsite"]
			b.XFSAtOnce = map[string]bool{testkit.Class: true}
			o.Brought["offsite"] = b
		}}},
		{"retention lets it go", "Removing 1", 0, []copyMod{of("data", PodRunning), func(o *CopyObserved) { o.Point.Status.Release = []api.ReleasedPart{{Part: "copy/offsite"}} }}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := inHand(c.mods...)
			p := ForCopy(o, noon.Add(c.after))
			if got := said(p); got != c.want {
				t.Errorf("it is %q, want %q: %+v", got, c.want, p.Copies)
			}
			if r := p.Copies[0]; r.State == api.CopyFailed && (len(p.Notes) != 1 || !p.Notes[0].Warning || p.Notes[0].Reason != r.Reason || !strings.HasPrefix(p.Notes[0].Message, "the copy into repository vault failed: ")) {
				t.Errorf("it tells %+v", p.Notes)
			}
		})
	}
	p := ForCopy(inHand(logs, lost("data", mostAttempts)), noon)
	if m := p.Copies[0].Message; !strings.Contains(m, "the pod was lost 3 times") {
		t.Errorf("of one whose pods were lost it says %q", m)
	}
}

// TestCopyBigger: the pod after one that ran out of memory may take more, and so may those that follow it.
func TestCopyBigger(t *testing.T) {
	starved := func(p *BroughtPod) { p.Starved = true }
	for _, c := range []struct {
		name string
		mods []copyMod
		want bool
	}{
		{"the first", nil, false},
		{"after one that was lost", []copyMod{copies("data", 0, PodLost)}, false},
		{"after one that ran out of memory", []copyMod{copies("data", 0, PodLost, starved)}, true},
		{"after that was lost, too", []copyMod{copies("data", 0, PodLost, starved), copies("data", 1, PodLost)}, true},
	} {
		p := ForCopy(inHand(c.mods...), noon)
		if got := p.Work[0].Pods[0]; got.Bigger != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestCopyIsComplete: what a complete copy says of itself, and that what it was read from goes.
func TestCopyIsComplete(t *testing.T) {
	o := inHand(copies("logs", 0, PodSucceeded, wholeOf("logs")), copies("data", 0, PodRunning))
	for range 2 {
		o, _ = o.next(noon.Add(time.Minute)) // what is whole is counted once, however often it is looked at
	}
	copiedWell(&o)
	o, p := o.next(noon.Add(time.Hour))
	r := o.Point.Status.Copies[0]
	if r.State != api.CopyComplete || len(r.Volumes) != 2 || r.Volumes[1].Digest != printOf("logs").Digest || r.Volumes[0].Lost != 1 || r.Bytes != 8192 || r.NewBytes != 20 ||
		!r.VerifiedAt.Time.Equal(noon.Add(time.Hour)) || r.Progress != nil || r.CleanedUp {
		t.Errorf("it is %+v", r)
	}
	if condition(p) != "True Copied" || len(p.Notes) != 1 || p.Notes[0].Reason != api.ReasonCopied || p.Notes[0].Warning {
		t.Errorf("it tells %+v, and %+v", p.Copied, p.Notes)
	}
	o.Brought["offsite"] = Brought{Leftovers: left}
	o, p = o.next(noon.Add(time.Hour))
	if removed(p.Work[0].Remove) != "pod kept" || o.Point.Status.Copies[0].CleanedUp || p.Wake.IsZero() {
		t.Errorf("it removes %+v", p.Work)
	}
	o.Brought["offsite"] = Brought{Leftovers: []Leftover{{Target: Target{"pv", "uid"}, Kind: "PersistentVolume", Deleting: true, Retain: true}}}
	if p := ForCopy(o, noon.Add(time.Hour)); len(p.Work) != 1 || len(p.Work[0].Remove) != 1 || p.Copies[0].CleanedUp {
		t.Errorf("a volume that its class would keep is left alone: %+v", p)
	}
	o.Brought["offsite"] = Brought{Leftovers: []Leftover{{Target: Target{"pv", "uid"}, Kind: "PersistentVolume", Deleting: true}}}
	o, _ = o.next(noon.Add(time.Hour))
	if !o.Point.Status.Copies[0].CleanedUp || CopiesUnderWay(o.Point) {
		t.Errorf("in the end it is %+v", o.Point.Status.Copies[0])
	}
	if p := ForCopy(o, noon.Add(2*time.Hour)); p.Changed(o, noon.Add(2*time.Hour)) || !p.Wake.IsZero() {
		t.Errorf("at rest it still changes: %+v", p)
	}
}

// TestCopyIsDoubted: a complete copy is no longer one when its repository is another, or when it is not what was captured.
func TestCopyIsDoubted(t *testing.T) {
	for _, c := range []struct {
		name, want string
		mod        copyMod
	}{
		{"as it was", "Complete 0", func(*CopyObserved) {}},
		{"the repository was replaced", "Failed 0 RepositoryIDMismatch", func(o *CopyObserved) { o.Vaults.Repositories["vault"].Status.UniqueID = elseID }},
		{"the repository was replaced, and the snapshots were let go", "Complete 0", func(o *CopyObserved) {
			copiesOnly(o.Point)
			o.Vaults.Repositories["vault"].Status.UniqueID = elseID
		}},
		{"the repository was replaced, and the snapshots were lost", "Complete 0", func(o *CopyObserved) {
			lost(o.Point)
			o.Vaults.Repositories["vault"].Status.UniqueID = elseID
		}},
		{"the snapshots were let go, and the fingerprint is another", "Failed 0 ContentDiffers", func(o *CopyObserved) {
			copiesOnly(o.Point)
			recorded(o.Point)
			o.Point.Status.Fingerprint.Volumes[1].Digest = flipped
		}},
		{"the repository is away", "Complete 0", func(o *CopyObserved) { away(o.Vaults.Repositories["vault"]) }},
		{"the repository is looked at anew", "Complete 0", func(o *CopyObserved) { o.Vaults.Repositories["vault"].Status = api.RepositoryStatus{} }},
		{"the repository is gone", "Complete 0", func(o *CopyObserved) { delete(o.Vaults.Repositories, "vault") }},
		{"the fingerprint is another", "Failed 0 ContentDiffers", func(o *CopyObserved) {
			recorded(o.Point)
			o.Point.Status.Fingerprint.Volumes[1].Digest = flipped
		}},
		{"the fingerprint is equal", "Complete 0", func(o *CopyObserved) { recorded(o.Point) }},
		{"the policy is gone", "Complete 0", func(o *CopyObserved) { o.Policy = nil }},
		{"one that failed, and the repository was replaced", "Failed 0 RepositoryFull", func(o *CopyObserved) {
			r := &o.Point.Status.Copies[0]
			r.State, r.Reason, r.VerifiedAt, r.Volumes = api.CopyFailed, api.ReasonRepositoryFull, nil, nil
			o.Policy, o.Vaults.Repositories["vault"].Status.UniqueID = nil, elseID
		}},
	} {
		p := ForCopy(stored(c.mod), noon.Add(time.Hour))
		if got := said(p); got != c.want {
			t.Errorf("%s: it is %q, want %q", c.name, got, c.want)
		}
		if r := p.Copies[0]; r.State == api.CopyFailed && (r.VerifiedAt != nil || len(r.Volumes) > 0) {
			t.Errorf("%s: it says %+v", c.name, r)
		}
	}
}

// TestWhatWasCopiedIsNotCopiedAgain: a run after one that failed takes over the volumes that are whole, unless the failure casts
// doubt on them.
func TestWhatWasCopiedIsNotCopiedAgain(t *testing.T) {
	for reason, want := range map[string]string{
		api.ReasonRepositoryUnreachable: "Copying 1, 1 claims, 1 pods", api.ReasonRepositoryFull: "Copying 1, 1 claims, 1 pods",
		api.ReasonCopyCorrupt: "Copying 1, 2 claims, 2 pods", api.ReasonCopyMissing: "Copying 1, 2 claims, 2 pods",
	} {
		o, _ := inHand(copies("logs", 0, PodSucceeded, wholeOf("logs")), copies("data", 0, PodFailed, relates(RepositoryResult{Reason: reason}))).next(noon)
		o.brings("offsite")
		o, _ = o.next(noon)
		o, _ = o.next(noon.Add(time.Hour))
		if got := said(ForCopy(o, noon.Add(time.Hour))); got != want {
			t.Errorf("after %s it is %q, want %q", reason, got, want)
		}
	}
}

func TestCopyProgress(t *testing.T) {
	o := inHand(copies("data", 0, PodRunning), copies("logs", 0, PodRunning))
	report := func(data, logs int64) {
		o.Reports = map[string]CopyReport{
			o.copier("data", 0): {Bytes: data, Files: 1, BytesPerSecond: 5, TotalBytes: 600},
			o.copier("logs", 0): {Bytes: logs, Files: 2, BytesPerSecond: 5, TotalBytes: 400},
		}
	}
	at := noon.Add(time.Minute)
	step := func() *api.CopyProgress {
		var p CopyPlan
		o, p = o.next(at)
		return p.Copies[0].Progress
	}
	if got := step(); got != nil {
		t.Errorf("before they report it is %+v", got)
	}
	report(100, 100)
	if p := ForCopy(o, at); !p.Changed(o, at) {
		t.Error("that it got on is not written down")
	}
	if got := step(); got == nil || got.Bytes != 200 || got.Files != 3 || got.BytesPerSecond != 10 || got.TotalBytes != 1000 || got.TimeLeft.Duration != 80*time.Second || !got.At.Time.Equal(at) {
		t.Errorf("it is %+v", got)
	}
	before := ForCopy(o, at)
	at = at.Add(time.Minute)
	if p := ForCopy(o, at); p.Changed(o, at) || !before.Copies[0].Progress.At.Equal(&p.Copies[0].Progress.At) {
		t.Error("it changes without getting on")
	}
	o.Reports = map[string]CopyReport{o.copier("data", 0): {Bytes: 900}}
	if p := ForCopy(o, at); p.Changed(o, at) {
		t.Errorf("one of two reports changes it to %+v", p.Copies[0].Progress)
	}
	old := o.Siblings[0].DeepCopy()
	old.Status.Copies = []api.CopyRecord{{Name: "offsite", State: api.CopyComplete, Bytes: 2200}}
	o.Siblings[0] = old
	report(200, 0)
	o.Reports[o.copier("logs", 0)] = CopyReport{}
	if got := step(); got.Bytes != 200 || got.Files != 1 || got.TotalBytes != 2200 {
		t.Errorf("beside an older copy it is %+v", got)
	}
	copies("logs", 0, PodSucceeded, wholeOf("logs"))(&o)
	if got := step(); got.Bytes != 200+4096 || got.TotalBytes != 2200 || got.TimeLeft != nil {
		t.Errorf("with one volume whole it is %+v", got)
	}
	recorded(o.Point)
	report(300, 0)
	if got := step(); got.TotalBytes != 8192 {
		t.Errorf("with a fingerprint it is %+v", got)
	}
}

// TestProgressAddsUp: what the copiers report, and what is whole, is added up; how much there is in all is told only when it is known.
func TestProgressAddsUp(t *testing.T) {
	report := func(bytes, perSecond, total int64) *CopyReport {
		return &CopyReport{Bytes: bytes, Files: 3, BytesPerSecond: perSecond, TotalBytes: total}
	}
	before := func(bytes int64) copyMod {
		return func(o *CopyObserved) {
			old := o.Siblings[0].DeepCopy()
			old.Status.Copies = []api.CopyRecord{{Name: "offsite", State: api.CopyComplete, Bytes: bytes}}
			o.Siblings[0] = old
		}
	}
	whole := copies("logs", 0, PodSucceeded, wholeOf("logs"))
	running := copies("logs", 0, PodRunning)
	print := printOf("logs")
	for _, c := range []struct {
		name       string
		data, logs *CopyReport
		mods       []copyMod
		want       string // bytes of all, files, bytes per second, what is left
	}{
		{"nothing was read yet", report(0, 0, 600), report(0, 0, 400), []copyMod{running}, "none"},
		{"both are read", report(100, 5, 600), report(50, 5, 400), []copyMod{running}, "150 of 1000, 6 files, 10/s, 1m25s left"},
		{"one waits", report(100, 5, 600), nil, nil, "100 of 0, 3 files, 5/s"},
		{"one does not say how much there is", report(100, 5, 600), report(50, 5, 0), []copyMod{running}, "150 of 0, 6 files, 10/s"},
		{"the other does not", report(100, 5, 0), report(50, 5, 400), []copyMod{running}, "150 of 0, 6 files, 10/s"},
		{"one byte is all there is of one", report(100, 5, 600), report(1, 5, 1), []copyMod{running}, "101 of 601, 6 files, 10/s, 50s left"},
		{"one is whole", report(100, 5, 600), nil, []copyMod{whole},
			fmt.Sprintf("%d of %d, %d files, 5/s, 1m40s left", 100+print.Bytes, 600+print.Bytes, 3+print.Files)},
		{"as much as there is was read", report(600, 5, 600), report(400, 5, 400), []copyMod{running}, "1000 of 1000, 6 files, 10/s"},
		{"one byte is left, at one a second", report(599, 1, 600), report(400, 0, 400), []copyMod{running}, "999 of 1000, 6 files, 1/s, 1s left"},
		{"it stands still", report(100, 0, 600), report(50, 0, 400), []copyMod{running}, "150 of 1000, 6 files, 0/s"},
		{"one waits, and an older copy is known", report(100, 5, 600), nil, []copyMod{before(2100)}, "100 of 2100, 3 files, 5/s, 6m40s left"},
		{"one waits, and an older copy held a single byte", report(100, 5, 600), nil, []copyMod{before(1)}, "100 of 1, 3 files, 5/s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := inHand(append([]copyMod{copies("data", 0, PodRunning)}, c.mods...)...)
			if o.Reports[o.copier("data", 0)] = *c.data; c.logs != nil {
				o.Reports[o.copier("logs", 0)] = *c.logs
			}
			got := "none"
			if p := ForCopy(o, noon.Add(time.Minute)).Copies[0].Progress; p != nil {
				got = fmt.Sprintf("%d of %d, %d files, %d/s", p.Bytes, p.TotalBytes, p.Files, p.BytesPerSecond)
				if p.TimeLeft != nil {
					got += fmt.Sprintf(", %s left", p.TimeLeft.Duration)
				}
			}
			if got != c.want {
				t.Errorf("it is %s, want %s", got, c.want)
			}
		})
	}
}

// TestCopiers: asked how far they are is whoever copies now.
func TestCopiers(t *testing.T) {
	o := inHand(copies("data", 0, PodRunning), copies("logs", 0, PodRunning), copies("logs", 1, PodPending))
	want := []string{o.copier("data", 0), o.copier("logs", 0)}
	slices.Sort(want)
	for range 20 { // whatever order the pods are seen in
		if got := o.Copiers(); !slices.Equal(got, want) {
			t.Fatalf("they are %v, want %v", got, want)
		}
	}
	o.Point.Status.Copies[0].State = api.CopyRemoving
	if got := o.Copiers(); len(got) > 0 {
		t.Errorf("of a copy that is not being made they are %v", got)
	}
}

// TestRemoval: a copy is removed step by step, each on record before the next.
func TestRemoval(t *testing.T) {
	complete, _ := inHand(copiedWell).next(noon)
	complete.Brought["offsite"] = Brought{RunUID: complete.Brought["offsite"].RunUID}
	complete, _ = complete.next(noon)
	letGo := func(o *CopyObserved) { o.Point.Status.Release = []api.ReleasedPart{{Part: "copy/offsite"}} }
	o := complete
	o.Point = o.Point.DeepCopy()
	letGo(&o)
	forgetter := func(try int) string { return names.Forgetter("vault", o.Brought["offsite"].RunUID, 1, try) }
	pod := func(try int, phase PodPhase, mods ...func(*BroughtPod)) {
		b := o.Brought["offsite"]
		q := BroughtPod{Target: Target{forgetter(try), "uid"}, RunUID: b.RunUID, Phase: phase}
		for _, m := range mods {
			m(&q)
		}
		b.Pods = map[string]BroughtPod{q.Name: q}
		b.Leftovers = []Leftover{{Target: q.Target, Kind: "Pod"}}
		o.Brought["offsite"] = b
	}
	step := func(want string) CopyPlan {
		t.Helper()
		var p CopyPlan
		o, p = o.next(noon.Add(time.Hour))
		if got := said(p); got != want {
			t.Fatalf("it is %q, want %q", got, want)
		}
		return p
	}
	o.Point.Spec.Hold = true // before it was begun
	step("Complete 0")
	if !copiedTo(o.Point, "offsite") {
		t.Error("a copy that a hold keeps does not count")
	}
	o.Point.Spec.Hold = false
	step("Removing 1")
	o.Point.Spec.Hold = true // too late for it
	o.Brought["offsite"] = Brought{RunUID: o.Brought["offsite"].RunUID, Leftovers: left}
	if p := step("Removing 1, 2 removals"); p.Wake.IsZero() {
		t.Error("it does not look again")
	}
	o.Brought["offsite"] = Brought{RunUID: o.Brought["offsite"].RunUID, Leftovers: left[:1]} // one that may still write
	step("Removing 1, 1 removals")
	o.Brought["offsite"] = Brought{RunUID: o.Brought["offsite"].RunUID}
	p := step("Removing 1, 1 pods")
	told, err := order.Decode([]byte(p.Work[0].Pods[0].Order))
	if err != nil || told.Forget == nil || told.Forget.PointUID != string(o.Point.UID) || told.Repository.UniqueID != vaultID || p.Work[0].Pods[0].Claim != "" {
		t.Fatalf("it is told %s: %v", p.Work[0].Pods[0].Order, err)
	}
	pod(0, PodRunning)
	step("Removing 1")
	pod(0, PodSucceeded, relates(RepositoryResult{UniqueID: vaultID}))
	step("Removing 1 CopyRemoved")
	step("Removing 1 CopyRemoved, 1 removals")
	o.Brought["offsite"] = Brought{}
	if p := step("none"); len(p.Notes) != 1 || p.Notes[0].Reason != api.ReasonCopyRemoved || p.Notes[0].Warning || p.Copied != nil {
		t.Errorf("it tells %+v", p.Notes)
	}
}

// removing is a copy that is on record as being removed since noon.
func removing(mods ...copyMod) CopyObserved {
	o, _ := inHand(copiedWell).next(noon)
	o.brings("offsite")
	r := &o.Point.Status.Copies[0]
	startRemoving(r, noon)
	o.Point.Status.Release = []api.ReleasedPart{{Part: "copy/offsite"}}
	for _, m := range mods {
		m(&o)
	}
	return o
}

func TestRemovalFails(t *testing.T) {
	pod := func(phase PodPhase, mods ...func(*BroughtPod)) copyMod {
		return func(o *CopyObserved) {
			b := o.Brought["offsite"]
			q := BroughtPod{Target: Target{names.Forgetter("vault", b.RunUID, 1, 0), "uid"}, RunUID: b.RunUID, Phase: phase}
			for _, m := range mods {
				m(&q)
			}
			b.Pods[q.Name] = q
		}
	}
	failedAt := func(at time.Time) copyMod {
		return func(o *CopyObserved) {
			r := &o.Point.Status.Copies[0]
			r.FinishedAt, r.Reason = metaTime(at), api.ReasonRepositoryUnreachable
		}
	}
	for _, c := range []struct {
		name, want string
		after      time.Duration
		mods       []copyMod
	}{
		{"it begins", "Removing 1, 1 pods", 0, nil},
		{"the repository is away", "Removing 1 RepositoryUnreachable", 0, []copyMod{pod(PodFailed, relates(RepositoryResult{Reason: api.ReasonRepositoryUnreachable}))}},
		{"another repository answered", "Removing 1 RepositoryIDMismatch", 0, []copyMod{pod(PodSucceeded, relates(RepositoryResult{UniqueID: elseID}))}},
		{"it told nothing", "Removing 1 MoverFailed", 0, []copyMod{pod(PodSucceeded)}},
		{"it was lost", "Removing 1, 1 pods", 0, []copyMod{pod(PodLost)}},
		{"it takes too long", "Removing 1 CopyTimedOut", forgetWithin, []copyMod{pod(PodRunning)}},
		{"it never started", "Removing 1 CopyTimedOut", forgetWithin, nil},
		{"it was done, and late", "Removing 1 CopyRemoved", forgetWithin, []copyMod{pod(PodSucceeded, relates(RepositoryResult{UniqueID: vaultID}))}},
		{"it was lost again and again", "Removing 1 PodLost", 0, []copyMod{pod(PodLost), func(o *CopyObserved) {
			for try := range mostAttempts {
				b := o.Brought["offsite"]
				name := names.Forgetter("vault", b.RunUID, 1, try)
				b.Pods[name] = BroughtPod{Target: Target{name, "uid"}, RunUID: b.RunUID, Phase: PodLost}
			}
		}}},
		{"the admin does not allow it any more", "Removing 1 InsecureNotAllowed", 0, []copyMod{func(o *CopyObserved) { o.Vaults.Repositories["vault"].Spec.S3.Insecure = true }}},
		{"damage is found while it is being removed", "Removing 1", 0, []copyMod{pod(PodRunning), func(o *CopyObserved) {
			o.Vaults.Repositories["vault"].Status.Damage = damageAt(noon, "of-another")
		}}},
		{"it failed a moment ago, and its pod is left", "Removing 1 RepositoryUnreachable, 1 removals", time.Minute, []copyMod{failedAt(noon), func(o *CopyObserved) {
			o.Brought["offsite"] = Brought{Leftovers: left[:1]}
		}}},
		{"it failed a moment ago, and the repository went away", "Removing 1 RepositoryUnreachable", time.Minute, []copyMod{failedAt(noon), func(o *CopyObserved) {
			r := o.Vaults.Repositories["vault"]
			away(r)
			r.Status.Conditions[0].LastTransitionTime = metav1.NewTime(noon.Add(time.Second))
		}}},
		{"it failed a moment ago", "Removing 1 RepositoryUnreachable", time.Minute, []copyMod{failedAt(noon)}},
		{"it failed a while ago", "Removing 2", 2 * retryFirst, []copyMod{failedAt(noon)}},
		{"the repository is gone", "none", 0, []copyMod{func(o *CopyObserved) { delete(o.Vaults.Repositories, "vault") }}},
		{"the repository is going", "none", 0, []copyMod{func(o *CopyObserved) { o.Vaults.Repositories["vault"].DeletionTimestamp = metaTime(noon) }}},
		{"the repository was replaced", "none", 0, []copyMod{func(o *CopyObserved) { o.Vaults.Repositories["vault"].Status.UniqueID = elseID }}},
		{"the repository was replaced, and something is left", "Removing 1, 2 removals", 0, []copyMod{func(o *CopyObserved) {
			o.Vaults.Repositories["vault"].Status.UniqueID = elseID
			o.Brought["offsite"] = Brought{Leftovers: left}
		}}},
		{"another target counts on it", "Complete 0", 0, []copyMod{func(o *CopyObserved) {
			o.Point.Status.Copies = append(o.Point.Status.Copies, api.CopyRecord{Name: "second", Repository: "vault", RepositoryID: vaultID, State: api.CopyComplete, CleanedUp: true})
		}}},
		{"no other target counts on it", "Removing 1, 1 pods", 0, []copyMod{func(o *CopyObserved) {
			o.Point.Status.Copies = append(o.Point.Status.Copies, api.CopyRecord{Name: "second", Repository: "vault", RepositoryID: elseID, State: api.CopyComplete, CleanedUp: true})
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := removing(c.mods...)
			p := ForCopy(o, noon.Add(c.after))
			if got := said(p); got != c.want {
				t.Errorf("it is %q, want %q: %+v", got, c.want, p.Copies)
			}
			if o.Point.Status.Copies[0].FinishedAt != nil || len(p.Copies) == 0 {
				return
			}
			if r := p.Copies[0]; r.Reason != "" && r.Reason != api.ReasonCopyRemoved &&
				(len(p.Notes) != 1 || !p.Notes[0].Warning || p.Notes[0].Reason != r.Reason || !strings.HasPrefix(p.Notes[0].Message, "the copy offsite could not be removed from repository vault: ")) {
				t.Errorf("it tells %+v", p.Notes)
			}
		})
	}
}

// TestPointGoes: the copies of a point that is deleted go after the decision on its snapshots, and before the point.
func TestPointGoes(t *testing.T) {
	going := func(o *CopyObserved) { testkit.Going(o.Point) }
	decided := func(o *CopyObserved) { o.Point.Finalizers = []string{api.FinalizerCopies} }
	none := func(o *CopyObserved) { o.Point.Status.Copies = nil }
	complete := func(o *CopyObserved) {
		r := &o.Point.Status.Copies[0]
		r.State, r.CleanedUp, r.FinishedAt = api.CopyComplete, true, metaTime(noon)
	}
	for _, c := range []struct {
		name, want string
		mods       []copyMod
	}{
		{"its snapshots are there yet", "Complete 0", []copyMod{complete}},
		{"a copy goes on until then", "Copying 0, 2 claims, 2 pods", nil},
		{"its snapshots are gone", "Removing 1", []copyMod{complete, decided}},
		{"its snapshots are gone, and it is on record that its copies go", "Removing 1, 1 pods", []copyMod{decided, func(o *CopyObserved) { startRemoving(&o.Point.Status.Copies[0], noon) }}},
		{"its snapshots are gone in the middle of a copy", "Removing 1", []copyMod{decided}},
		{"it has no copies", "none, finalizer Release", []copyMod{decided, none}},
		{"it has none, and the snapshots are there yet", "none", []copyMod{none}},
		{"it has no finalizer", "Copying 0", []copyMod{func(o *CopyObserved) { o.Point.Finalizers = nil }}},
		{"it goes with its namespace", "Complete 0, finalizer Release", []copyMod{complete, func(o *CopyObserved) { o.NamespaceTerminating = true }}},
		{"it goes with its definition", "Complete 0, finalizer Release", []copyMod{complete, func(o *CopyObserved) { o.Withdrawn = true }}},
	} {
		p := ForCopy(inHand(append([]copyMod{going}, c.mods...)...), noon)
		if got := said(p); got != c.want {
			t.Errorf("%s: it is %q, want %q", c.name, got, c.want)
		}
	}
}

// TestCopiedIsCarriedOver: who judges the snapshots of a point states of its copies what was stated.
func TestCopiedIsCarriedOver(t *testing.T) {
	o := seenPoint(func(o *PointObserved) {
		o.Point.Status.Conditions = append(o.Point.Status.Conditions, conditions.Is(api.ConditionCopied, metav1.ConditionUnknown, api.ReasonCopying, "so it is"))
	})
	p := PointPlan{status: *o.Point.Status.DeepCopy()}
	p.state(o, noon)
	if c := findCondition(p.status.Conditions, api.ConditionCopied); c == nil || c.Reason != api.ReasonCopying || c.Message != "so it is" {
		t.Errorf("it states %+v", p.status.Conditions)
	}
}

// TestContentOf: what a point held is its fingerprint, or else what was read for a complete copy.
func TestContentOf(t *testing.T) {
	p := testkit.Point(hour(11), both, recorded, unrecorded)
	if ContentOf(p) != nil {
		t.Error("nothing is known of it")
	}
	r := api.CopyRecord{Name: "offsite", State: api.CopyFailed, Volumes: []api.CopiedVolume{{Claim: "data", Fingerprint: printOf("data")}}}
	p.Status.Copies = []api.CopyRecord{r}
	if ContentOf(p) != nil {
		t.Error("it is known from a copy that failed")
	}
	p.Status.Copies[0].State = api.CopyComplete
	if got := fingerprintOf(ContentOf(p), "data"); got == nil || *got != printOf("data") {
		t.Errorf("from a copy it is %+v", got)
	}
	recorded(p)
	p.Status.Fingerprint.Volumes[0].Digest = flipped
	if got := fingerprintOf(ContentOf(p), "data"); got.Digest != flipped {
		t.Errorf("with a fingerprint it is %+v", got)
	}
}

func TestCopyGotOn(t *testing.T) {
	at := func(bytes int64, mods ...testkit.Mod[api.RecoveryPoint]) *api.RecoveryPoint {
		p := testkit.Point(hour(11), both, mods...)
		p.ResourceVersion = fmt.Sprint(bytes)
		p.Status.Copies = []api.CopyRecord{{Name: "offsite", State: api.CopyCopying, Progress: &api.CopyProgress{Bytes: bytes}}}
		return p
	}
	ended := at(2)
	ended.Status.Copies[0].State = api.CopyComplete
	for name, c := range map[string]struct {
		after *api.RecoveryPoint
		want  bool
	}{
		"it got on": {at(2), true}, "nothing became of it": {at(1), false}, "it ended": {ended, false}, "it got on, and was put on hold": {at(2, testkit.Held), false},
	} {
		before := at(1)
		if got := CopyGotOn(before, c.after); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
		if before.ResourceVersion == "" || before.Status.Copies[0].Progress == nil {
			t.Errorf("%s: what is compared is changed", name)
		}
	}
}
