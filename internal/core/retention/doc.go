// SPDX-License-Identifier: Apache-2.0

// Package retention answers: which recovery points are kept, and why? A point for which no reason is
// found expires.
//
// A lineage is one claim, by UID: a claim that is deleted and created again under its name is a new
// lineage. Rules apply to each lineage on its own, and a point is kept when any lineage in it wants
// it, so points of one lineage never push out those of another.
//
// Only complete points count, and only complete points can push another one out. Incomplete ones
// have rules of their own, see Superseded.
//
// A time rule such as daily: 7 divides time into buckets on the wall clock of the policy's zone. The
// newest point of a bucket stands for it, and the newest seven buckets that have a point are kept. Days begin at
// midnight there, weeks on Monday (ISO 8601), and hours are real hours, so that an hour that the clock
// repeats counts twice.
//
// For a lineage that is no longer selected no new point arrives, so nothing would ever push its old
// ones out: its buckets are counted from now instead, and daily: 7 keeps what is left of the last
// seven days.
//
// Whatever the rules say, each lineage keeps its newest max(1, minimum) complete points and its newest
// proven one; since every point belongs to a lineage, this holds for the policy as a whole too.
// Held points stay. When the clock is in doubt everything stays.
package retention
