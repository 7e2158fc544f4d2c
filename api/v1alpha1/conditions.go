// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready, Protected and Complete have positive polarity; Reconciling and Stalled are
// present, and True, only while they hold, so that tools which know kstatus read our objects rightly.
const (
	// ConditionReady of a BackupPolicy is True when its spec is valid and can be carried out: the claims,
	// classes and drivers it needs were found. The user can act when it is False.
	ConditionReady = "Ready"

	// ConditionProtected of a BackupPolicy is True while every selected volume is in a complete recovery point
	// that is younger than the recovery point objective, by the storage system's own clock.
	ConditionProtected = "Protected"

	// ConditionComplete of a RecoveryPoint is True when the snapshot of every selected volume is ready and was
	// verified to be bound both ways. It becomes False again when a snapshot is lost.
	ConditionComplete = "Complete"

	// ConditionProven of a RecoveryPoint is True when a drill restored it. Retention keeps the newest proven point.
	// Of a BackupPolicy it is True while a drill has proven the restore as deep, as recently and as quickly as the objectives ask.
	ConditionProven = "Proven"

	// ConditionIndependent of a BackupPolicy is True while a complete copy, younger than promised, is outside the failure
	// domain of its volumes. Absent while no copies are promised.
	ConditionIndependent = "Independent"

	// ConditionReachable of a Repository is True while the last probe could open it.
	ConditionReachable = "Reachable"

	// ConditionVerified of a Repository is True while every byte of it was read back within spec.verifyWithin, and no damage is known.
	ConditionVerified = "Verified"

	// ConditionImmutable of a Repository is True when a probe found that its bucket refuses to delete what was written. Absent
	// unless spec.objectLock promises it.
	ConditionImmutable = "Immutable"

	// ConditionCopied of a RecoveryPoint is True when all promised copies of it are complete. Absent while none are promised.
	ConditionCopied = "Copied"

	// ConditionCovered of a ClusterBackupPolicy is True while every claim in scope is selected by an active policy, or exempt.
	ConditionCovered = "Covered"

	// ConditionSucceeded of a RestoreDrill or a Restore is Unknown while it runs, and then says how it ended.
	ConditionSucceeded = "Succeeded"

	// ConditionCleanedUp of a RestoreDrill is True once all that the drill created was verified to be gone.
	ConditionCleanedUp = "CleanedUp"

	// ConditionReconciling is present and True while a capture or a deletion is under way.
	ConditionReconciling = "Reconciling"

	// ConditionStalled is present and True when nothing more will happen without somebody's help.
	ConditionStalled = "Stalled"
)
