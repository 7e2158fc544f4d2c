// SPDX-License-Identifier: Apache-2.0

package main

// elsewhere is what goes wrong in tests whose runs are not counted.
var elsewhere = []struct {
	what  string
	tests []string // each after its package
}{
	{"clocks: the nights of a clock change, a jump of 400 days ahead and of 4 hours back, ten days of outage, and every time zone for two years",
		[]string{"internal/sim TestNightOfTheClockChange", "internal/sim TestClockJumpsForward", "internal/sim TestClockJumpsBack", "internal/sim TestTenDaysOfOutage", "internal/core/schedule TestAllZones"}},
	{"storage that never answers, or loses what it had; whatever else it does is in the scenarios", []string{"internal/sim TestPermanentFailureIsNotAHotLoop", "internal/sim TestContentsDeletedOutOfBand"}},
	{"pods of a drill that fail, hang, are lost or refused; fifty drills of an operator that is killed at random, by one seed", []string{"internal/sim TestDrillFates", "internal/sim TestDrillsKilledAtRandom"}},
	{"a restore in place that is deleted after each write, or torn away without its finalizer", []string{"internal/sim TestRestoreDeletedAtAnyTime", "internal/sim TestRestoreTornAway"}},
	{"each write for a copy and for a repository with each fault, by their controllers alone", []string{"controllers TestCopySurvives", "controllers TestRepositorySurvives"}},
	{"a hold before each request by which snapshots are let go of", []string{"controllers TestHoldMeetsARelease"}},
	{"each operation of a store in six ways", []string{"internal/repository TestNothingPhantomWhateverFails", "internal/repository TestMakingIsFinishedWhateverFails"}},
	{"a copying process that is killed at 25 moments", []string{"internal/mover TestKilledAtAnyMoment"}},
	{"every field of what people write", []string{"internal/testkit/schema TestRefusalsNameTheField", "internal/sim TestEditedPolicyEndsAsAFreshOne", "internal/sim TestDrillsAsWritten", "internal/sim TestRestoresAsWritten",
		"internal/sim TestEditedTemplateEndsAsAFreshOne"}},
	{"objects that say anything, to every planner", []string{"internal/core/plan FuzzForPolicy", "internal/core/plan FuzzForRepository", "internal/core/drift TestLawNothingPanics"}},
}
