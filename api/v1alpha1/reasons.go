// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Reasons. One constant serves as condition reason, volume reason, event reason and metric label,
// and names the page docs/runbooks/<Reason>.md. A test asserts that the page exists.
const (
	// Ready of a BackupPolicy.

	// ReasonReady says that the policy can be carried out.
	ReasonReady = "Ready"
	// ReasonSuspended says that spec.suspend is true: nothing is captured on schedule and nothing expires.
	ReasonSuspended = "Suspended"
	// ReasonInvalidSchedule says that the schedule cannot be understood, or is never due.
	ReasonInvalidSchedule = "InvalidSchedule"
	// ReasonInvalidSelector says that the label selector cannot be understood.
	ReasonInvalidSelector = "InvalidSelector"
	// ReasonPolicySelectsNothing says that no claim is selected.
	ReasonPolicySelectsNothing = "PolicySelectsNothing"
	// ReasonWorkloadNotFound says that the workload named in spec.volumes does not exist.
	ReasonWorkloadNotFound = "WorkloadNotFound"
	// ReasonSnapshotAPIMissing says that the cluster does not serve the VolumeSnapshot API.
	ReasonSnapshotAPIMissing = "SnapshotAPIMissing"
	// ReasonUnsnapshotableVolume says that some selected volumes cannot be captured as things stand.
	ReasonUnsnapshotableVolume = "UnsnapshotableVolume"
	// ReasonHooksDisabled says that the policy has hooks and the operator runs without them.
	ReasonHooksDisabled = "HooksDisabled"
	// ReasonNamespaceTerminating says that the namespace is being deleted.
	ReasonNamespaceTerminating = "NamespaceTerminating"
	// ReasonEvaluationError says that something needed for the judgement could not be read.
	ReasonEvaluationError = "EvaluationError"

	// Protected of a BackupPolicy.

	// ReasonObjectiveMet says that every selected volume has a recent enough complete point.
	ReasonObjectiveMet = "ObjectiveMet"
	// ReasonObjectiveMissed says that the newest complete point is older than promised.
	ReasonObjectiveMissed = "ObjectiveMissed"
	// ReasonNeverSucceeded says that there was no complete point yet.
	ReasonNeverSucceeded = "NeverSucceeded"
	// ReasonVolumeNotCaptured says that a selected volume is in no complete point yet.
	ReasonVolumeNotCaptured = "VolumeNotCaptured"

	// Complete of a RecoveryPoint.

	// ReasonAllCaptured says that every selected volume is captured.
	ReasonAllCaptured = "AllCaptured"
	// ReasonCapturing says that the capture is under way.
	ReasonCapturing = "Capturing"
	// ReasonWaitingForOtherPoint says that another point of the policy is being captured.
	ReasonWaitingForOtherPoint = "WaitingForOtherPoint"
	// ReasonPolicyNotFound says that the policy does not exist.
	ReasonPolicyNotFound = "PolicyNotFound"
	// ReasonInvalidSlot says that the point carries a slot but was not made by the schedule.
	ReasonInvalidSlot = "InvalidSlot"
	// ReasonPartialPoint says that some volumes are not captured, and will not be.
	ReasonPartialPoint = "PartialPoint"
	// ReasonSnapshotTimedOut says that a snapshot was not ready in time.
	ReasonSnapshotTimedOut = "SnapshotTimedOut"
	// ReasonHookFailed says that a Before hook failed and asked to abort.
	ReasonHookFailed = "HookFailed"
	// ReasonRecoveryPointVanished says that a snapshot of a complete point is gone.
	ReasonRecoveryPointVanished = "RecoveryPointVanished"
	// ReasonBindingBroken says that a VolumeSnapshot and its content do not point at each other, or not at the volume.
	ReasonBindingBroken = "BindingBroken"
	// ReasonDeleting says that the point and its snapshots are being deleted.
	ReasonDeleting = "Deleting"
	// ReasonDeletionHeld says that the point must not go yet: it is on hold or among the last good ones.
	ReasonDeletionHeld = "DeletionHeld"

	// Reasons of single volumes.

	// ReasonClaimMissing says that a claim named in the policy does not exist, or went during the capture.
	ReasonClaimMissing = "ClaimMissing"
	// ReasonClaimNotBound says that a claim has no volume yet.
	ReasonClaimNotBound = "ClaimNotBound"
	// ReasonClaimTerminating says that a claim is being deleted.
	ReasonClaimTerminating = "ClaimTerminating"
	// ReasonNotCSI says that the volume is not served by a CSI driver.
	ReasonNotCSI = "NotCSI"
	// ReasonNoSnapshotClass says that the driver has no default VolumeSnapshotClass.
	ReasonNoSnapshotClass = "NoSnapshotClass"
	// ReasonSeveralDefaultClasses says that the driver has more than one default VolumeSnapshotClass.
	ReasonSeveralDefaultClasses = "SeveralDefaultClasses"
	// ReasonClassNotFound says that the named VolumeSnapshotClass does not exist.
	ReasonClassNotFound = "ClassNotFound"
	// ReasonClassForOtherDriver says that the named VolumeSnapshotClass belongs to another driver.
	ReasonClassForOtherDriver = "ClassForOtherDriver"
	// ReasonSnapshotStuck says that an older snapshot of the claim is still unready, so that no other is asked for.
	ReasonSnapshotStuck = "SnapshotStuck"
	// ReasonSnapshotPending says that the snapshot was asked for and is not ready yet.
	ReasonSnapshotPending = "SnapshotPending"
	// ReasonSnapshotError says that the storage system reported an error; it may still succeed until the deadline.
	ReasonSnapshotError = "SnapshotError"
	// ReasonQuotaExceeded says that a resource quota refused the snapshot.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonAdmissionRefused says that admission control or RBAC refused the snapshot.
	ReasonAdmissionRefused = "AdmissionRefused"
	// ReasonCreateFailed says that the snapshot could not be created for another reason.
	ReasonCreateFailed = "CreateFailed"
	// ReasonNameTaken says that an object with the snapshot's name exists and is not ours.
	ReasonNameTaken = "NameTaken"
	// ReasonReadinessRegressed says that a snapshot was ready and no longer is.
	ReasonReadinessRegressed = "ReadinessRegressed"
	// ReasonRetainPending says that the snapshot is ready and its content is not yet switched to Retain.
	ReasonRetainPending = "RetainPending"
	// ReasonGroupUnsupported says that the cluster, the driver or the class does not offer group snapshots.
	ReasonGroupUnsupported = "GroupUnsupported"
	// ReasonGroupSpansDrivers says that the volumes belong to several drivers, which no group can span.
	ReasonGroupSpansDrivers = "GroupSpansDrivers"
	// ReasonGroupIncomplete says that the group snapshot lacks a member.
	ReasonGroupIncomplete = "GroupIncomplete"

	// Events, and reasons of expiry.

	// ReasonPointCreated says that a recovery point was begun for a slot.
	ReasonPointCreated = "PointCreated"
	// ReasonSlotMissed says that a slot passed without a run.
	ReasonSlotMissed = "SlotMissed"
	// ReasonRetentionPassed says that no retention rule keeps the point any more.
	ReasonRetentionPassed = "RetentionPassed"
	// ReasonSuperseded says that a point that did not become complete is no longer needed.
	ReasonSuperseded = "Superseded"
	// ReasonRetentionChanged says that spec.retention was edited: nothing expires until the grace period has passed.
	ReasonRetentionChanged = "RetentionChanged"
	// ReasonPolicyDeleted says that the policy is gone and asked for its points to be pruned.
	ReasonPolicyDeleted = "PolicyDeleted"
	// ReasonExpired says that a point was deleted because retention no longer keeps it.
	ReasonExpired = "Expired"
	// ReasonSnapshotsReleased says that a point went with its namespace and its snapshots stay on the storage system.
	ReasonSnapshotsReleased = "SnapshotsReleased"
)
