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
	ConditionProven = "Proven"

	// ConditionReconciling is present and True while a capture or a deletion is under way.
	ConditionReconciling = "Reconciling"

	// ConditionStalled is present and True when nothing more will happen without somebody's help.
	ConditionStalled = "Stalled"
)
