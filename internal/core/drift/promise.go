// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
)

// PromiseOf is what a policy promises, with the level that its drills are held to.
func PromiseOf(b *api.BackupPolicy, required api.ProofLevel) api.Promise {
	s := &b.Spec
	out := api.Promise{Generation: b.Generation, Interval: longest(s.Schedule.Cron, s.Schedule.TimeZone), Retention: s.Retention, Fingerprint: levels.Fingerprints(b)}
	out.Retention.Minimum = max(1, s.Retention.Minimum)
	if s.Objectives != nil {
		out.Objectives = *s.Objectives.DeepCopy()
	}
	if s.Drill != nil {
		out.DrillInterval = longest(s.Drill.Cron, s.Schedule.TimeZone)
		out.DrillFrom = cmp.Or(s.Drill.From, api.FromSnapshot)
	}
	for i := range s.Copies {
		out.Copies = append(out.Copies, s.Copies[i].Name)
	}
	slices.Sort(out.Copies)
	if within := levels.ProofWithin(b); within > 0 {
		out.Objectives.RequiredProof = required
		out.Objectives.ProofWithin = &metav1.Duration{Duration: within}
	}
	return out
}

// Accepted is the generation of a policy for which somebody said that it may promise less; zero when nobody did.
func Accepted(b *api.BackupPolicy) int64 {
	generation, err := strconv.ParseInt(b.Annotations[api.AnnotationAcceptWeakening], 10, 64)
	if err != nil {
		return 0
	}
	return generation
}

// Strongest is the promise to remember: the strongest of each part that has not been given up. What falls short of it was an
// edit since the instant it bears. What is accepted for the generation at hand gives up all that it falls short of.
func Strongest(was *api.Promise, is api.Promise, accepted int64, now time.Time) *api.Promise {
	out := is.DeepCopy()
	out.Since = nil
	if was == nil || accepted == is.Generation || len(Weaker(*was, is)) == 0 {
		return out
	}
	for i := range parted {
		if parted[i].weaker(was, &is) != "" {
			parted[i].take(out, was)
		}
	}
	out.Since = was.Since
	if out.Since == nil {
		since := at(now)
		out.Since = &since
	}
	return out
}

// Weaker says in what a promise falls short of another.
func Weaker(was, is api.Promise) []string {
	var out []string
	for i := range parted {
		if what := parted[i].weaker(&was, &is); what != "" {
			out = append(out, what)
		}
	}
	return out
}

// part is one of the things that are promised.
type part struct {
	weaker func(was, is *api.Promise) string // in what it is less; empty when it is not
	take   func(to, from *api.Promise)
}

// parted are all things that are promised.
var parted = []part{
	within("the longest time between two slots", func(p *api.Promise) **metav1.Duration { return &p.Interval }),
	within("objectives.recoveryPoint", func(p *api.Promise) **metav1.Duration { return &p.Objectives.RecoveryPoint }),
	within("objectives.recoveryTime", func(p *api.Promise) **metav1.Duration { return &p.Objectives.RecoveryTime }),
	within("objectives.copyWithin", func(p *api.Promise) **metav1.Duration { return &p.Objectives.CopyWithin }),
	within("objectives.proofWithin", func(p *api.Promise) **metav1.Duration { return &p.Objectives.ProofWithin }),
	within("the longest time between two drills", func(p *api.Promise) **metav1.Duration { return &p.DrillInterval }),
	{func(was, is *api.Promise) string {
		return ranked("the required proof", string(was.Objectives.RequiredProof), string(is.Objectives.RequiredProof),
			levels.Depth(was.Objectives.RequiredProof), levels.Depth(is.Objectives.RequiredProof))
	}, func(to, from *api.Promise) { to.Objectives.RequiredProof = from.Objectives.RequiredProof }},
	{func(was, is *api.Promise) string {
		return ranked("spec.fingerprint", string(was.Fingerprint), string(is.Fingerprint), levels.Coverage(was.Fingerprint), levels.Coverage(is.Fingerprint))
	}, func(to, from *api.Promise) { to.Fingerprint = from.Fingerprint }},
	{func(was, is *api.Promise) string {
		return ranked("drill.from", string(was.DrillFrom), string(is.DrillFrom), rehearsed(was.DrillFrom), rehearsed(is.DrillFrom))
	}, func(to, from *api.Promise) { to.DrillFrom = from.DrillFrom }},
	{fewerCopies, moreCopies},
	number("last", func(r *api.Retention) *int32 { return &r.Last }),
	number("hourly", func(r *api.Retention) *int32 { return &r.Hourly }),
	number("daily", func(r *api.Retention) *int32 { return &r.Daily }),
	number("weekly", func(r *api.Retention) *int32 { return &r.Weekly }),
	number("monthly", func(r *api.Retention) *int32 { return &r.Monthly }),
	number("yearly", func(r *api.Retention) *int32 { return &r.Yearly }),
	number("minimum", func(r *api.Retention) *int32 { return &r.Minimum }),
}

// within is a time of which more is less, and none the least.
func within(what string, of func(*api.Promise) **metav1.Duration) part {
	return part{func(was, is *api.Promise) string {
		switch then, now := *of(was), *of(is); {
		case then == nil || now != nil && now.Duration <= then.Duration:
			return ""
		case now == nil:
			return fmt.Sprintf("%s was %s and is not promised any more", what, then.Duration)
		default:
			return fmt.Sprintf("%s was %s and is %s", what, then.Duration, now.Duration)
		}
	}, func(to, from *api.Promise) { *of(to) = *of(from) }}
}

// rehearsed ranks what is rehearsed: a copy shows that it can be done without the storage system.
func rehearsed(from api.RestoreSource) int {
	if from == api.FromCopy {
		return 1
	}
	return 0 // that there is no drill at all is told by its interval
}

// fewerCopies says into which targets points are not copied any more.
func fewerCopies(was, is *api.Promise) string {
	var gone []string
	for _, name := range was.Copies {
		if !slices.Contains(is.Copies, name) {
			gone = append(gone, name)
		}
	}
	if len(gone) == 0 {
		return ""
	}
	return fmt.Sprintf("copies to %s are not promised any more", strings.Join(gone, ", "))
}

// mostCopies bounds the targets that a promise remembers.
const mostCopies = 16

// moreCopies promises what either does: a target that came while another went is remembered too.
func moreCopies(to, from *api.Promise) {
	all := slices.Concat(from.Copies, to.Copies)
	slices.Sort(all)
	all = slices.Compact(all)
	to.Copies = all[:min(len(all), mostCopies)]
}

func number(what string, of func(*api.Retention) *int32) part {
	return part{func(was, is *api.Promise) string {
		then, now := *of(&was.Retention), *of(&is.Retention)
		return ranked("retention."+what, strconv.Itoa(int(then)), strconv.Itoa(int(now)), int(then), int(now))
	}, func(to, from *api.Promise) { *of(&to.Retention) = *of(&from.Retention) }}
}

func ranked(what, was, is string, then, now int) string {
	switch {
	case now >= then:
		return ""
	case is == "":
		return fmt.Sprintf("%s was %s and is not promised any more", what, was)
	}
	return fmt.Sprintf("%s was %s and is %s", what, was, is)
}

const (
	slotsMeasured = 64 // from the reference on
	daysMeasured  = 31 // in which no midnight is left out, so that days without a slot are seen
)

// longest is the longest time between two slots, of those after an instant that is the same for all; nil when there are
// fewer than two.
func longest(cron, zone string) *metav1.Duration {
	c, err := schedule.Parse(cron, zone)
	if err != nil {
		return nil
	}
	reference := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	var most time.Duration
	slot := c.Next(reference)
	for range slotsMeasured - 1 {
		next := c.Next(slot)
		if next.IsZero() {
			break
		}
		most, slot = max(most, next.Sub(slot)), next
	}
	for d := range daysMeasured {
		midnight := reference.Add(time.Duration(d+1) * day)
		if before, after := c.Previous(midnight), c.Next(midnight); before.After(reference) && !after.IsZero() {
			most = max(most, after.Sub(before))
		}
	}
	if most == 0 {
		return nil
	}
	return &metav1.Duration{Duration: most}
}
