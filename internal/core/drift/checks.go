// SPDX-License-Identifier: Apache-2.0

package drift

// checks are all rules, in the order of the promises they watch.
var checks = []check{
	// coverage
	checkObstacle, checkUnsnapshotable, checkPartialPoint, checkVolumeReplaced, checkNotCaptured,
	// timeliness
	checkObjective, checkNeverSucceeded, checkSlotMissed, checkSnapshotStuck, checkSuspended,
	// integrity
	checkPointLost,
	// restorability
	checkNeverProven, checkProofExpired, checkDrillFailed, checkDrillInconclusive, checkProofTooShallow, checkRecoveryTooSlow,
}
