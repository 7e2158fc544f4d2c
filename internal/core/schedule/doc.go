// SPDX-License-Identifier: Apache-2.0

// Package schedule answers one question: which slot of a calendar, if any, is to run now,
// and when can that answer next differ?
//
// A slot is an instant that a cron expression names in a time zone. What happens where the
// zone's wall clock jumps is decided here and nowhere else:
//
//   - A slot happens at the first instant at which the wall clock reaches or passes it.
//     Hence a slot inside a gap (30 2 * * * in Europe/Berlin on the last Sunday of March) runs
//     at the first valid instant after the gap, 03:00; several slots inside one gap run once,
//     and so does a whole day that a zone leaves out.
//   - When the wall clock is set back, it passes some readings twice. A calendar that names
//     hours (30 2 * * *, 0 */2 * * *) runs them at the first passing only.
//   - A calendar that runs in every hour of the day (0 * * * *, */15 * * * *) says "this often",
//     not "at this time of day". It runs at both passings: one real hour without a backup would
//     break the recovery point objective that such a calendar exists for. The two passings are
//     different instants, so no slot runs twice.
//
// Invariants, each a law in the tests: slots strictly increase; Previous inverts Next; at most
// one slot is due; none is due at or below the high-water mark, before its jitter has passed, or
// beyond its deadline; once a due slot is recorded nothing is due; the wake-up is in the future,
// and the answer does not change before it.
//
// Nothing here reads a clock. The one thing outside its arguments that this package depends on is
// the time zone database, through time.LoadLocation; binaries embed it (time/tzdata). A zone is read
// from it once, see loadZone.
package schedule
