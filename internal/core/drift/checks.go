// SPDX-License-Identifier: Apache-2.0

package drift

// checks are all rules, in the order of the promises they watch.
var checks = []check{
	// coverage
	checkObstacle, checkUnsnapshotable, checkDriverNotRegistered, checkPartialPoint, checkVolumeReplaced, checkNotCaptured,
	// timeliness
	checkObjective, checkNeverSucceeded, checkSlotMissed, checkSnapshotStuck, checkSizeAnomaly, checkSuspended,
	// integrity
	checkPointLost, checkCopyIncomplete, checkCopyCorrupt, checkVerificationOverdue, checkOrphanedSnapshot,
	// independence
	checkNoIndependentCopy, checkCopyLate, checkDomainCollapse, checkRepositoryNotFound, checkRepositoryUnreachable, checkNoRestoreTarget,
	// retention; the second is after all that holds pruning
	checkLastProven, checkRetentionShort, checkRetentionExcess, checkDiesWithNamespace, checkReclaim, checkMutable,
	// restorability
	checkNeverProven, checkProofExpired, checkDrillFailed, checkDrillInconclusive, checkProofTooShallow, checkProofNotIndependent,
	checkRecoveryTooSlow, checkDrillLeftovers,
	// self
	checkPolicyWeakened, checkStackChanged, checkClockSkew,
}
