// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"fmt"
	"time"
)

// Rules say how many points to keep. A number of zero or less keeps none by that rule.
type Rules struct {
	// Last keeps the newest points whatever their age. For a lineage that is no longer selected it
	// counts only if no time rule is set.
	Last int
	// Hourly to Yearly keep one point, the newest, in each of so many buckets of time.
	Hourly, Daily, Weekly, Monthly, Yearly int
	// Minimum is the number of complete points below which nothing expires; at least 1.
	Minimum int
	// Location is the zone in which days, weeks, months and years begin; nil is UTC.
	Location *time.Location
}

// Point is what the rules need to know of a recovery point.
type Point struct {
	// ID tells points apart and breaks ties of time; unique.
	ID string
	// At is the point in time that the data shows. For an incomplete point, when it was meant to be.
	At time.Time
	// Complete says that all that was promised is there and was seen to be there.
	Complete bool
	// Proven says that a restore from it succeeded.
	Proven bool
	// Held says that someone asked to keep it.
	Held bool
	// InFlight says that work on it goes on; it neither counts nor goes.
	InFlight bool
	// Lineages are the opaque ids of the claims whose data it holds, sorted. Points that share one
	// slice are decided faster.
	Lineages []string
}

// counts tells whether the rules may rely on the point. One without a time has no place among others.
func (p *Point) counts() bool { return p.Complete && !p.InFlight && !p.At.IsZero() }

// Rule is a kind of reason to keep a point.
type Rule int

// The rules, in the order in which reasons are listed.
const (
	// Last to Yearly are those of Rules; Index is the place, 1 being the newest.
	Last Rule = iota
	Hourly
	Daily
	Weekly
	Monthly
	Yearly
	// Minimum: one of the newest points of a lineage, which stay whatever the other rules say.
	Minimum
	// OnlyLineage: the one complete point of a claim.
	OnlyLineage
	// NewestProven: the newest point of a claim from which a restore succeeded.
	NewestProven
	// Hold: someone asked to keep it.
	Hold
	// ClockInDoubt: a point lies in the future, so no age can be trusted and nothing goes.
	ClockInDoubt
	// Undated: the point has no time, so no rule can judge it.
	Undated
	// Unfinished: work on the point goes on.
	Unfinished
	// Incomplete: Decide does not judge incomplete points, Superseded does.
	Incomplete
	// Recent: an incomplete point, kept for a while so that people can see what happened.
	Recent
	// Unsuperseded: an incomplete point that holds data which nothing newer holds well enough.
	Unsuperseded

	ruleCount = iota
)

var ruleNames = [ruleCount]string{
	"last", "hourly", "daily", "weekly", "monthly", "yearly", "minimum", "only-lineage", "newest-proven", "hold",
	"clock-in-doubt", "undated", "unfinished", "incomplete", "recent", "unsuperseded",
}

// String returns the rule as people see it in the status of a point.
func (r Rule) String() string {
	if r < 0 || r >= ruleCount {
		return fmt.Sprintf("rule(%d)", int(r))
	}
	return ruleNames[r]
}

// Reason says why a point is kept.
type Reason struct {
	Rule Rule
	// Index is the place under the rule, 1 being the newest; zero for rules without places. When
	// several lineages keep a point by one rule, it is the best of their places.
	Index int
}

// String returns for example daily-3, or hold.
func (r Reason) String() string {
	if r.Index == 0 {
		return r.Rule.String()
	}
	return fmt.Sprintf("%s-%d", r.Rule, r.Index)
}

// Verdict is a point with the reasons to keep it.
type Verdict struct {
	Point
	// Why is sorted by rule, with at most one reason of each; empty means expire.
	Why []Reason
}

// Keep tells whether there is a reason to keep the point.
func (v Verdict) Keep() bool { return len(v.Why) > 0 }
