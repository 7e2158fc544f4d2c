// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// copyist is what the laws judge: ForCopy, or a faulty one that a law must convict.
type copyist func(CopyObserved, time.Time) CopyPlan

// wave is what happens to a point and its copies before a pass.
type wave struct {
	after    time.Duration
	pods     [6]string // how the pods go on, by their place
	what     string
	unwarned bool // what the pass decides is done, and its record is not written
}

var (
	copyWays  = []string{"", "", "runs", "ends well", "ends well", "ends well", "ends well", "fails", "is lost", "is starved", "is another", "goes"}
	copyTimes = []time.Duration{0, 0, time.Second, time.Minute, 20 * time.Minute, 7 * time.Hour, 25 * time.Hour}
	happens   = []string{"", "", "", "", "", "", "away", "back", "let one go", "delete", "decide", "print", "gone", "replace"}
)

// voyage is what befalls a point.
type voyage struct {
	twice bool // two targets are in the same repository
	waves []wave
}

func drawVoyage(t *rapid.T) (v voyage) {
	v.twice = rapid.Bool().Draw(t, "twice")
	for range rapid.IntRange(5, 50).Draw(t, "passes") {
		w := wave{after: rapid.SampledFrom(copyTimes).Draw(t, "after"), what: rapid.SampledFrom(happens).Draw(t, "what")}
		for i := range w.pods {
			w.pods[i] = rapid.SampledFrom(copyWays).Draw(t, "way")
		}
		w.unwarned = rapid.IntRange(0, 9).Draw(t, "unwarned") == 0
		v.waves = append(v.waves, w)
	}
	return v
}

// ship is a point at sea, and what its repositories hold of it.
type ship struct {
	o      CopyObserved
	now    time.Time
	here   string                       // the ID of the repository that answers
	holds  map[string]map[string]string // by ID, by claim: the digest
	orders map[string]order.Order       // by pod
	decide copyist
}

// sighting is one pass, and what was true at it.
type sighting struct {
	seen   CopyObserved
	at     time.Time
	plan   CopyPlan
	before []api.CopyRecord // on record
	after  []api.CopyRecord
	holds  map[string]map[string]string
	again  CopyPlan // of the same input
}

func launch(v voyage, c copyist) *ship {
	o := seenCopy(func(o *CopyObserved) {
		o.Point.Finalizers = []string{api.FinalizerSnapshots}
		if v.twice {
			promise(o.Policy, "second", "vault")
		}
	})
	o.brings("second")
	return &ship{o: o, now: noon, here: vaultID, holds: map[string]map[string]string{}, orders: map[string]order.Order{}, decide: c}
}

func (v voyage) sail(c copyist) (out []sighting) {
	s := launch(v, c)
	for _, w := range v.waves {
		s.now = s.now.Add(w.after)
		s.befall(w)
		l := sighting{at: s.now, before: slices.Clone(s.o.Point.Status.Copies), holds: copyOf(s.holds)}
		l.seen = s.o
		l.seen.Point = s.o.Point.DeepCopy()
		l.plan = s.decide(s.o, s.now)
		l.again = s.decide(l.seen, s.now)
		s.do(l.plan, w.unwarned)
		l.after = slices.Clone(s.o.Point.Status.Copies)
		out = append(out, l)
	}
	return out
}

func copyOf(m map[string]map[string]string) map[string]map[string]string {
	out := map[string]map[string]string{}
	for k, v := range m {
		out[k] = maps.Clone(v)
	}
	return out
}

// befall has the pods go on, and the world turn.
func (s *ship) befall(w wave) {
	q := s.o.Point.DeepCopy()
	s.o.Point = q
	r := s.o.Vaults.Repositories["vault"]
	set := func(status metav1.ConditionStatus) {
		if r != nil {
			r = r.DeepCopy()
			takesCopies(r)
			r.Status.Conditions[0].Status, r.Status.Conditions[0].LastTransitionTime = status, metav1.NewTime(s.now)
			s.o.Vaults = vaults(r)
		}
	}
	switch w.what {
	case "away":
		set(metav1.ConditionFalse)
	case "back":
		set(metav1.ConditionTrue)
	case "let one go":
		q.Status.Release = []api.ReleasedPart{{Part: "copy/offsite"}}
	case "delete":
		testkit.Going(q)
	case "decide":
		if !q.DeletionTimestamp.IsZero() {
			q.Finalizers = slices.DeleteFunc(q.Finalizers, func(f string) bool { return f == api.FinalizerSnapshots })
		}
	case "print":
		recorded(q)
	case "gone":
		if len(w.pods[0]) == 0 {
			s.o.Vaults = vaults()
		}
	case "replace":
		if r != nil && len(w.pods[0]) == 0 {
			s.here = elseID
			r = r.DeepCopy()
			r.Status.UniqueID = elseID
			s.o.Vaults = vaults(r)
		}
	}
	i := slices.IndexFunc(s.o.Siblings, func(p *api.RecoveryPoint) bool { return p.UID == q.UID })
	s.o.Siblings = slices.Clone(s.o.Siblings)
	s.o.Siblings[i] = q
	s.podsGoOn(w)
}

func (s *ship) podsGoOn(w wave) {
	place := 0
	for _, target := range []string{"offsite", "second"} {
		b := s.o.Brought[target]
		pods := maps.Clone(b.Pods)
		for _, name := range slices.Sorted(maps.Keys(pods)) {
			if p, there := s.podGoesOn(pods[name], w.pods[place%len(w.pods)]); there {
				pods[name] = p
			} else {
				delete(pods, name)
			}
			place++
		}
		b.Pods = pods
		s.o.Brought[target] = b
	}
}

func (s *ship) podGoesOn(p BroughtPod, way string) (BroughtPod, bool) {
	if way == "goes" {
		return p, p.Phase == PodPending || p.Phase == PodRunning // what ended may be tidied up by anybody
	}
	if p.ended() || p.Phase == PodLost {
		return p, true
	}
	o := s.orders[p.Name]
	switch way {
	case "runs":
		p.Phase = PodRunning
	case "is lost", "is starved":
		p.Phase, p.Starved = PodLost, way == "is starved"
	case "fails":
		p.Phase, p.Told = PodFailed, &RepositoryResult{Reason: api.ReasonRepositoryUnreachable, Error: "no answer"}
	case "is another": // a mover that does not look where it is
		p.Phase, p.Told = PodSucceeded, s.carryOut(o, elseID)
	case "ends well":
		p.Phase, p.Told = PodSucceeded, &RepositoryResult{UniqueID: s.here, Reason: api.ReasonRepositoryIDMismatch}
		if o.Repository.UniqueID == s.here {
			p.Told = s.carryOut(o, s.here)
		}
	}
	return p, true
}

// carryOut is what a pod does in a repository.
func (s *ship) carryOut(o order.Order, id string) *RepositoryResult {
	if o.Forget != nil {
		delete(s.holds, id)
		return &RepositoryResult{UniqueID: id}
	}
	if s.holds[id] == nil {
		s.holds[id] = map[string]string{}
	}
	s.holds[id][o.Copy.Claim] = printOf(o.Copy.Claim).Digest
	return &RepositoryResult{UniqueID: id, Copied: &CopyResult{Fingerprint: printOf(o.Copy.Claim)}}
}

// do carries a plan out.
func (s *ship) do(p CopyPlan, unwarned bool) {
	for _, w := range p.Work {
		b := s.o.Brought[w.Target]
		b.Claims, b.Pods = maps.Clone(b.Claims), maps.Clone(b.Pods)
		for _, c := range w.Claims {
			b.Claims[c.Name] = BroughtClaim{Target: Target{c.Name, c.Name}, RunUID: b.RunUID, Bound: true}
		}
		for _, o := range w.Pods {
			if _, is := b.Pods[o.Name]; !is {
				b.Pods[o.Name] = BroughtPod{Target: Target{o.Name, o.Name}, RunUID: b.RunUID, Phase: PodPending}
				s.orders[o.Name], _ = order.Decode([]byte(o.Order))
			}
		}
		for _, l := range w.Remove {
			delete(b.Pods, l.Name)
			delete(b.Claims, l.Name)
		}
		s.o.Brought[w.Target] = b
	}
	if !unwarned {
		q := s.o.Point.DeepCopy()
		q.Status.Copies, q.Status.Conditions = p.Copies, p.Conditions(s.o, s.now)
		if p.Finalizer == FinalizerAdd {
			q.Finalizers = append(q.Finalizers, api.FinalizerCopies)
		}
		s.o.Point = q
	}
	s.o.Brought = maps.Clone(s.o.Brought)
	for target, b := range s.o.Brought {
		b.Leftovers = nil
		for _, p := range b.Pods {
			b.Leftovers = append(b.Leftovers, Leftover{Target: p.Target, Kind: "Pod"})
		}
		for _, c := range b.Claims {
			b.Leftovers = append(b.Leftovers, Leftover{Target: c.Target, Kind: "PersistentVolumeClaim"})
		}
		slices.SortFunc(b.Leftovers, func(a, c Leftover) int { return strings.Compare(a.Name, c.Name) })
		s.o.Brought[target] = b
	}
}

func copyRecordOf(all []api.CopyRecord, target string) *api.CopyRecord {
	for i := range all {
		if all[i].Name == target {
			return &all[i]
		}
	}
	return nil
}

// copyLaws are what must hold at each pass.
var copyLaws = map[string]func(sighting) error{
	"a complete copy is all there": func(l sighting) error {
		for _, r := range l.after {
			for _, s := range l.seen.Sources {
				i := slices.IndexFunc(r.Volumes, func(v api.CopiedVolume) bool { return v.Claim == s.Claim })
				if r.State == api.CopyComplete && (i < 0 || l.holds[r.RepositoryID][s.Claim] != r.Volumes[i].Digest) {
					return fmt.Errorf("%s is complete, and the repository holds no volume %s of it", r.Name, s.Claim)
				}
			}
		}
		return nil
	},
	"it is on record before it is done": func(l sighting) error {
		for _, w := range l.plan.Work {
			r := copyRecordOf(l.before, w.Target)
			if asks := len(w.Claims) + len(w.Pods); asks > 0 && (r == nil || r.FinishedAt != nil || (r.State != api.CopyCopying && r.State != api.CopyRemoving)) {
				return fmt.Errorf("%s is not on record as under way: %+v", w.Target, r)
			}
			for _, p := range w.Pods {
				if !slices.Contains(podsOf(l, w.Target, int(r.Attempt)), p.Name) {
					return fmt.Errorf("pod %s is not of attempt %d of %s", p.Name, r.Attempt, w.Target)
				}
			}
		}
		return nil
	},
	"attempts only grow": func(l sighting) error {
		for _, r := range l.after {
			was := copyRecordOf(l.before, r.Name)
			if was != nil && (r.Attempt < was.Attempt || (r.Attempt == was.Attempt && was.FinishedAt != nil && r.FinishedAt == nil)) {
				return fmt.Errorf("%s goes from attempt %d to %d", r.Name, was.Attempt, r.Attempt)
			}
		}
		return nil
	},
	"a point goes after its copies": func(l sighting) error {
		r := l.seen.Vaults.Repositories["vault"]
		if l.plan.Finalizer == FinalizerRelease && r != nil && len(l.holds[r.Status.UniqueID]) > 0 && r.Status.UniqueID == vaultID {
			return errors.New("it is let go, and its copies are still there")
		}
		return nil
	},
	"copies stay while the point may": func(l sighting) error {
		for _, w := range l.plan.Work {
			decided := !l.seen.Point.DeletionTimestamp.IsZero() && !slices.Contains(l.seen.Point.Finalizers, api.FinalizerSnapshots)
			if forgets(w) && !decided && !released(l.seen.Point, partCopy+w.Target) {
				return fmt.Errorf("%s is forgotten, and nobody decided that", w.Target)
			}
		}
		return nil
	},
	"nothing is written beside what forgets": func(l sighting) error {
		for _, w := range l.plan.Work {
			for name := range l.seen.Brought[w.Target].Pods {
				r := copyRecordOf(l.before, w.Target)
				if forgets(w) && !slices.Contains(forgettersOf(l, w.Target, int(r.Attempt)), name) {
					return fmt.Errorf("%s is forgotten beside pod %s", w.Target, name)
				}
			}
		}
		return nil
	},
	"the finalizer is there first": func(l sighting) error {
		if len(l.after) > 0 && len(l.before) == 0 && !slices.Contains(l.seen.Point.Finalizers, api.FinalizerCopies) {
			return errors.New("a copy is begun without the finalizer")
		}
		return nil
	},
	"the same gives the same": func(l sighting) error {
		if !reflect.DeepEqual(l.plan.Copies, l.again.Copies) || !reflect.DeepEqual(l.plan.Work, l.again.Work) || !reflect.DeepEqual(l.before, l.seen.Point.Status.Copies) {
			return errors.New("two answers to the same question, or the question was changed")
		}
		return nil
	},
}

func forgets(w CopyWork) bool {
	return slices.ContainsFunc(w.Pods, func(p RepositoryOrder) bool {
		o, err := order.Decode([]byte(p.Order))
		return err == nil && o.Forget != nil
	})
}

// podsOf are the names of all pods that an attempt may have.
func podsOf(l sighting, target string, attempt int) []string {
	out := forgettersOf(l, target, attempt)
	run := names.CopyRun(string(l.seen.Point.UID), target)
	for try := range mostAttempts + 1 {
		for _, s := range l.seen.Sources {
			out = append(out, names.Copier(s.Claim, run, s.ClaimUID, attempt, try))
		}
	}
	return out
}

func forgettersOf(l sighting, target string, attempt int) (out []string) {
	for try := range mostAttempts + 1 {
		out = append(out, names.Forgetter("vault", names.CopyRun(string(l.seen.Point.UID), target), attempt, try))
	}
	return out
}

// convict is the first law that a voyage breaks; empty when none is.
func convict(v voyage, c copyist) (string, error) {
	for i, l := range v.sail(c) {
		for _, law := range slices.Sorted(maps.Keys(copyLaws)) {
			if err := copyLaws[law](l); err != nil {
				return law, fmt.Errorf("pass %d: %w", i, err)
			}
		}
	}
	return "", nil
}

func TestCopyLaws(t *testing.T) {
	reached := map[api.CopyState]int{}
	forgotten := 0
	rapid.Check(t, func(t *rapid.T) {
		v := drawVoyage(t)
		if law, err := convict(v, ForCopy); err != nil {
			t.Fatalf("%s: %v", law, err)
		}
		for _, l := range v.sail(ForCopy) {
			for _, r := range l.after {
				reached[r.State]++
			}
			if slices.ContainsFunc(l.plan.Work, forgets) {
				forgotten++
			}
		}
	})
	if reached[api.CopyComplete] == 0 || reached[api.CopyFailed] == 0 || reached[api.CopyRemoving] == 0 || forgotten == 0 {
		t.Errorf("the voyages do not get about: %v, %d forgotten", reached, forgotten)
	}
}

// copyFaults are plans with a fault, and the law that each must break.
var copyFaults = map[string]struct {
	law   string
	fault copyist
}{
	"half a copy is whole": {"a complete copy is all there", func(o CopyObserved, at time.Time) CopyPlan {
		p := ForCopy(o, at)
		for i := range p.Copies {
			if r := &p.Copies[i]; r.State == api.CopyCopying && len(r.Volumes) == 1 {
				p.end(r, nil, at)
			}
		}
		return p
	}},
	"whichever repository answers": {"a complete copy is all there", func(o CopyObserved, at time.Time) CopyPlan {
		return ForCopy(believing(o, func(p *BroughtPod) {
			if p.Told != nil {
				p.Told.UniqueID = vaultID
			}
		}), at)
	}},
	"a target does not mind another": {"a complete copy is all there", func(o CopyObserved, at time.Time) CopyPlan {
		removing := func(r api.CopyRecord) bool { return r.State == api.CopyRemoving }
		if !slices.ContainsFunc(o.Point.Status.Copies, removing) {
			return ForCopy(o, at)
		}
		hidden := slices.DeleteFunc(slices.Clone(o.Point.Status.Copies), removing)
		o.Point = o.Point.DeepCopy()
		o.Point.Status.Copies = slices.DeleteFunc(o.Point.Status.Copies, func(r api.CopyRecord) bool { return !removing(r) })
		o.Policy = nil
		p := ForCopy(o, at)
		p.Copies = append(p.Copies, hidden...)
		return p
	}},
	"it is done at once": {"it is on record before it is done", func(o CopyObserved, at time.Time) CopyPlan {
		p := ForCopy(o, at)
		if p.Finalizer != "" || len(p.Work) > 0 {
			return p
		}
		return ForCopy(o.copied(p, at), at)
	}},
	"an attempt is taken up again": {"attempts only grow", func(o CopyObserved, at time.Time) CopyPlan {
		p := ForCopy(o, at)
		for i := range p.Copies {
			if p.Copies[i].State == api.CopyCopying {
				p.Copies[i].Attempt = 0
			}
		}
		return p
	}},
	"it is let go first": {"a point goes after its copies", func(o CopyObserved, at time.Time) CopyPlan {
		p := ForCopy(o, at)
		if !o.Point.DeletionTimestamp.IsZero() {
			p.Finalizer = FinalizerRelease
		}
		return p
	}},
	"the decision is not awaited": {"copies stay while the point may", func(o CopyObserved, at time.Time) CopyPlan {
		o.Point = o.Point.DeepCopy()
		o.Point.Finalizers = slices.DeleteFunc(o.Point.Finalizers, func(f string) bool { return f == api.FinalizerSnapshots })
		return ForCopy(o, at)
	}},
	"what is left is not looked at": {"nothing is written beside what forgets", func(o CopyObserved, at time.Time) CopyPlan {
		o.Brought = maps.Clone(o.Brought)
		for target, b := range o.Brought {
			b.Leftovers = nil
			o.Brought[target] = b
		}
		return ForCopy(o, at)
	}},
	"the finalizer is taken for granted": {"the finalizer is there first", func(o CopyObserved, at time.Time) CopyPlan {
		o.Point = o.Point.DeepCopy()
		o.Point.Finalizers = append(o.Point.Finalizers, api.FinalizerCopies)
		return ForCopy(o, at)
	}},
	"the question is changed": {"the same gives the same", func(o CopyObserved, at time.Time) CopyPlan {
		for i := range o.Point.Status.Copies {
			o.Point.Status.Copies[i].Message = "seen"
		}
		return ForCopy(o, at)
	}},
}

// believing is what was observed, with the pods changed.
func believing(o CopyObserved, change func(*BroughtPod)) CopyObserved {
	o.Brought = maps.Clone(o.Brought)
	for target, b := range o.Brought {
		b.Pods = maps.Clone(b.Pods)
		for name, p := range b.Pods {
			if p.Told != nil {
				told := *p.Told
				p.Told = &told
			}
			change(&p)
			b.Pods[name] = p
		}
		o.Brought[target] = b
	}
	return o
}

func TestCopyLawsKillFaults(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(copyFaults)) {
		f := copyFaults[name]
		broken := map[string]bool{}
		for seed := range 4000 {
			law, _ := convict(rapid.Custom(drawVoyage).Example(seed), f.fault)
			if broken[law] = true; broken[f.law] {
				break
			}
		}
		if !broken[f.law] {
			t.Errorf("%s: the law that %s lets it pass; it breaks %v", name, f.law, slices.Sorted(maps.Keys(broken)))
		}
	}
}
