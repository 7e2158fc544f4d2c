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
	// ReasonDriverNotRegistered says that the driver of some selected volumes runs on no node.
	ReasonDriverNotRegistered = "DriverNotRegistered"
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

	// Covered of a ClusterBackupPolicy, and reasons of the claims and namespaces in its scope.

	// ReasonCovered says that every claim in scope is covered or exempt.
	ReasonCovered = "Covered"
	// ReasonUncovered says that claims in scope are neither covered nor exempt.
	ReasonUncovered = "Uncovered"
	// ReasonNothingInScope says that no namespace is selected, so that nothing can be judged.
	ReasonNothingInScope = "NothingInScope"
	// ReasonNoActivePolicy says that no policy of the namespace selects the claim.
	ReasonNoActivePolicy = "NoActivePolicy"
	// ReasonExemptionExpired says that an exemption has ended.
	ReasonExemptionExpired = "ExemptionExpired"
	// ReasonStampConflict says that a namespace has a policy of the ClusterBackupPolicy's name that was not made from its template.
	ReasonStampConflict = "StampConflict"
	// ReasonStampRefused says that the API server refused a policy that was to be made from the template.
	ReasonStampRefused = "StampRefused"
	// ReasonStamped says that policies were made from the template, or set to what it says.
	ReasonStamped = "Stamped"
	// ReasonStampsRemoved says that policies made from the template were deleted. Their recovery points stay.
	ReasonStampsRemoved = "StampsRemoved"

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

	// Succeeded of a RestoreDrill, and reasons of its volumes.

	// ReasonDrillPassed says that the required level was reached and every check passed.
	ReasonDrillPassed = "DrillPassed"
	// ReasonDrillRunning says that the drill is under way.
	ReasonDrillRunning = "DrillRunning"
	// ReasonDrillWaiting says that other drills come first.
	ReasonDrillWaiting = "DrillWaiting"
	// ReasonDrillTimedOut says that the drill did not get to start, or to end, before its deadline.
	ReasonDrillTimedOut = "DrillTimedOut"
	// ReasonDrillAborted says that the drill was deleted before it ended.
	ReasonDrillAborted = "DrillAborted"
	// ReasonNoEligiblePoint says that there is no point that could be rehearsed or restored.
	ReasonNoEligiblePoint = "NoEligiblePoint"
	// ReasonPointNotFound says that the named recovery point does not exist.
	ReasonPointNotFound = "PointNotFound"
	// ReasonPointNotComplete says that the named recovery point is not complete.
	ReasonPointNotComplete = "PointNotComplete"
	// ReasonTooManyVolumes says that the point has more volumes than one run brings back.
	ReasonTooManyVolumes = "TooManyVolumes"
	// ReasonSnapshotUnusable says that a snapshot of the point is gone, not ready, or not bound both ways.
	ReasonSnapshotUnusable = "SnapshotUnusable"
	// ReasonStorageClassNotFound says that the storage class of the restored volume does not exist.
	ReasonStorageClassNotFound = "StorageClassNotFound"
	// ReasonDriverMismatch says that the storage class belongs to another driver than the snapshot.
	ReasonDriverMismatch = "DriverMismatch"
	// ReasonRestorePending says that the storage system has not delivered the volume yet.
	ReasonRestorePending = "RestorePending"
	// ReasonRestoreTimedOut says that the storage system did not deliver the volume in time.
	ReasonRestoreTimedOut = "RestoreTimedOut"
	// ReasonReading says that a restored volume is being read.
	ReasonReading = "Reading"
	// ReasonReadFailed says that a restored volume could not be read in full.
	ReasonReadFailed = "ReadFailed"
	// ReasonContentDiffers says that what was read is not what was captured.
	ReasonContentDiffers = "ContentDiffers"
	// ReasonFingerprintMissing says that no fingerprint was recorded, so that nothing can be compared.
	ReasonFingerprintMissing = "FingerprintMissing"
	// ReasonManifestNotKept says that the list of files behind a fingerprint could not be kept; the fingerprint was.
	ReasonManifestNotKept = "ManifestNotKept"
	// ReasonCheckFailed says that a check did not accept the restored volumes.
	ReasonCheckFailed = "CheckFailed"
	// ReasonCheckTimedOut says that a check did not end in time.
	ReasonCheckTimedOut = "CheckTimedOut"
	// ReasonImageUnavailable says that a container image could not be had.
	ReasonImageUnavailable = "ImageUnavailable"
	// ReasonUnschedulable says that no node could take a pod.
	ReasonUnschedulable = "Unschedulable"
	// ReasonPodLost says that a pod was evicted, or lost with its node, again and again.
	ReasonPodLost = "PodLost"
	// ReasonCleanedUp says that all that a drill created is gone.
	ReasonCleanedUp = "CleanedUp"
	// ReasonCleaningUp says that what a drill created is being removed.
	ReasonCleaningUp = "CleaningUp"
	// ReasonCleanupDelayed says that what a drill created stays for a while, as spec.drill.cleanup asks.
	ReasonCleanupDelayed = "CleanupDelayed"

	// Proven of a BackupPolicy and of a RecoveryPoint.

	// ReasonProven says that a drill has proven the restore as deep, as recently and as quickly as is asked.
	ReasonProven = "Proven"
	// ReasonNeverProven says that no drill has passed yet.
	ReasonNeverProven = "NeverProven"
	// ReasonProofExpired says that the newest proof is older than is asked.
	ReasonProofExpired = "ProofExpired"
	// ReasonProofTooShallow says that the newest proof does not go as deep as is asked.
	ReasonProofTooShallow = "ProofTooShallow"
	// ReasonRecoveryTooSlow says that the proven recovery took longer than is asked.
	ReasonRecoveryTooSlow = "RecoveryTooSlow"
	// ReasonDrillFailed says that a drill failed after the newest proof.
	ReasonDrillFailed = "DrillFailed"

	// Succeeded of a Restore, and reasons of its volumes.

	// ReasonRestored says that every volume was brought back and verified.
	ReasonRestored = "Restored"
	// ReasonRestoring says that the restore is under way.
	ReasonRestoring = "Restoring"
	// ReasonDryRun says that the restore could be carried out, and was not, because dryRun is true.
	ReasonDryRun = "DryRun"
	// ReasonPartiallyRestored says that some volumes were brought back and others not.
	ReasonPartiallyRestored = "PartiallyRestored"
	// ReasonVolumeNotInPoint says that the recovery point holds no volume of a claim that was asked for.
	ReasonVolumeNotInPoint = "VolumeNotInPoint"
	// ReasonClaimExists says that a claim of the wanted name exists already.
	ReasonClaimExists = "ClaimExists"
	// ReasonInvalidName says that the name pattern gives no name that a claim may have, or the same twice.
	ReasonInvalidName = "InvalidName"
	// ReasonSizeTooSmall says that the wanted size is smaller than what was captured.
	ReasonSizeTooSmall = "SizeTooSmall"
	// ReasonClaimInUse says that a pod uses the claim whose volume was to be replaced.
	ReasonClaimInUse = "ClaimInUse"
	// ReasonClaimChanged says that the claim is not the one that was captured, or is unlike it.
	ReasonClaimChanged = "ClaimChanged"
	// ReasonSafetyPointPending says that a recovery point of the present state is being taken first.
	ReasonSafetyPointPending = "SafetyPointPending"
	// ReasonSafetyPointFailed says that the present state could not be captured, so that nothing was replaced.
	ReasonSafetyPointFailed = "SafetyPointFailed"
	// ReasonSwapping says that the restored volume takes the place of the old one.
	ReasonSwapping = "Swapping"

	// Kinds of findings that are not reasons of a condition's own, or are shared with one above.

	// ReasonUnprotectedVolume says that a claim in the scope of a ClusterBackupPolicy is in no active policy.
	ReasonUnprotectedVolume = "UnprotectedVolume"
	// ReasonVolumeReplaced says that a claim is not the one that was captured last: it was made anew, or has another volume.
	ReasonVolumeReplaced = "VolumeReplaced"
	// ReasonSizeAnomaly says that a volume holds far less, or far more, than it used to.
	ReasonSizeAnomaly = "SizeAnomaly"
	// ReasonPolicySuspended says that the policy has been suspended for long.
	ReasonPolicySuspended = "PolicySuspended"
	// ReasonOrphanedSnapshot says that a snapshot of ours belongs to no recovery point.
	ReasonOrphanedSnapshot = "OrphanedSnapshot"
	// ReasonCopyIncomplete says that a copy ended early.
	ReasonCopyIncomplete = "CopyIncomplete"
	// ReasonCopyCorrupt says that the verification of a repository failed.
	ReasonCopyCorrupt = "CopyCorrupt"
	// ReasonVerificationOverdue says that a repository was not read back in full in time.
	ReasonVerificationOverdue = "VerificationOverdue"
	// ReasonNoIndependentCopy says that there is no complete copy outside the source's failure domain.
	ReasonNoIndependentCopy = "NoIndependentCopy"
	// ReasonCopyLate says that the newest independent copy is older than promised.
	ReasonCopyLate = "CopyLate"
	// ReasonDomainCollapse says that what is declared to be elsewhere is the same place.
	ReasonDomainCollapse = "DomainCollapse"
	// ReasonRepositoryUnreachable says that a repository cannot be reached, or refuses the credentials.
	ReasonRepositoryUnreachable = "RepositoryUnreachable"
	// ReasonNoRestoreTarget says that no storage class of another domain could take a restore.
	ReasonNoRestoreTarget = "NoRestoreTarget"
	// ReasonLastProvenAtRisk says that the newest proven recovery point was about to go.
	ReasonLastProvenAtRisk = "LastProvenAtRisk"
	// ReasonRetentionShort says that there are fewer recovery points than promised.
	ReasonRetentionShort = "RetentionShort"
	// ReasonRetentionExcess says that recovery points stay that nothing keeps.
	ReasonRetentionExcess = "RetentionExcess"
	// ReasonSnapshotsDieWithNamespace says that contents would be deleted with their namespace.
	ReasonSnapshotsDieWithNamespace = "SnapshotsDieWithNamespace"
	// ReasonReclaimDeletesData says that deleting a claim, or a StatefulSet, deletes the data at once.
	ReasonReclaimDeletesData = "ReclaimDeletesData"
	// ReasonMutable says that a repository promises immutability and does not enforce it.
	ReasonMutable = "Mutable"
	// ReasonDrillInconclusive says that the last drills could not be carried out.
	ReasonDrillInconclusive = "DrillInconclusive"
	// ReasonProofNotIndependent says that every proof used the source's failure domain, though independence is promised.
	ReasonProofNotIndependent = "ProofNotIndependent"
	// ReasonDrillLeftovers says that throw-away volumes outlive their time.
	ReasonDrillLeftovers = "DrillLeftovers"
	// ReasonPolicyWeakened says that an edit promises less than before.
	ReasonPolicyWeakened = "PolicyWeakened"
	// ReasonStorageStackChanged says that the driver, a storage class or a snapshot class changed since the last proof.
	ReasonStorageStackChanged = "StorageStackChanged"
	// ReasonClockSkew says that the clocks of the storage system and of the cluster differ.
	ReasonClockSkew = "ClockSkew"

	// Repositories and copies.

	// ReasonRepositoryReady says that copies can be made in a repository, and brought back from it.
	ReasonRepositoryReady = "RepositoryReady"
	// ReasonRepositoryProbing says that a repository is being looked at, or made, for the first time.
	ReasonRepositoryProbing = "RepositoryProbing"
	// ReasonRepositoryNotFound says that a policy or a point names a Repository that does not exist.
	ReasonRepositoryNotFound = "RepositoryNotFound"
	// ReasonRepositoryMissing says that there is no repository where one is expected.
	ReasonRepositoryMissing = "RepositoryMissing"
	// ReasonRepositoryExists says that there is a repository, or something else, where one was to be made.
	ReasonRepositoryExists = "RepositoryExists"
	// ReasonRepositoryIDMismatch says that another repository was found than the one that is pinned.
	ReasonRepositoryIDMismatch = "RepositoryIDMismatch"
	// ReasonRepositoryFull says that the store takes no more.
	ReasonRepositoryFull = "RepositoryFull"
	// ReasonCredentialsRefused says that the store refused the credentials, or that there are none.
	ReasonCredentialsRefused = "CredentialsRefused"
	// ReasonPasswordWrong says that the password does not open the repository.
	ReasonPasswordWrong = "PasswordWrong"
	// ReasonPasswordCreated says that a Secret with a random password was created.
	ReasonPasswordCreated = "PasswordCreated"
	// ReasonSecretMissing says that a Secret that a pod needs is not there, or lacks a key.
	ReasonSecretMissing = "SecretMissing"
	// ReasonInvalidSpec says that the spec asks for something that this release does not know.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonIdentityNotAllowed says that the namespace's admin does not allow workload identity.
	ReasonIdentityNotAllowed = "IdentityNotAllowed"
	// ReasonInsecureNotAllowed says that the namespace's admin does not allow to speak without TLS.
	ReasonInsecureNotAllowed = "InsecureNotAllowed"
	// ReasonLockEnforced says that a probe found that the bucket refuses to delete what was written.
	ReasonLockEnforced = "LockEnforced"
	// ReasonNotVerified says that not every byte of a repository was read back yet.
	ReasonNotVerified = "NotVerified"
	// ReasonRepositoryVerified says that every byte was read back.
	ReasonRepositoryVerified = "RepositoryVerified"
	// ReasonMaintenanceFailed says that a repository could not be tidied up.
	ReasonMaintenanceFailed = "MaintenanceFailed"
	// ReasonPointsImported says that recovery points were made of what a repository holds.
	ReasonPointsImported = "PointsImported"
	// ReasonCopying says that a point is being copied.
	ReasonCopying = "Copying"
	// ReasonCopyPending says that a copy waits for its turn.
	ReasonCopyPending = "CopyPending"
	// ReasonCopied says that a point was copied, and the copy found to be all there.
	ReasonCopied = "Copied"
	// ReasonCopyMissing says that a repository does not hold a copy that it should.
	ReasonCopyMissing = "CopyMissing"
	// ReasonCopyTimedOut says that a copy took too long.
	ReasonCopyTimedOut = "CopyTimedOut"
	// ReasonCopyRemoved says that a copy was removed from its repository.
	ReasonCopyRemoved = "CopyRemoved"
	// ReasonCopiesOnly says that a point has no snapshots any more, and lives on in its copies.
	ReasonCopiesOnly = "CopiesOnly"
	// ReasonHoldTooLate says that a point was put on hold when its snapshots were being let go already.
	ReasonHoldTooLate = "HoldTooLate"
	// ReasonCopyNotVerified says that a snapshot is kept because the promised copy of it is not complete.
	ReasonCopyNotVerified = "CopyNotVerified"
	// ReasonNoCompleteCopy says that a point has no complete copy to restore from.
	ReasonNoCompleteCopy = "NoCompleteCopy"
	// ReasonFidelityLost says that a volume holds what cannot be carried, and fidelity is Strict.
	ReasonFidelityLost = "FidelityLost"
	// ReasonOwnershipNotKept says that owners could not be set on what was restored, for want of the right to do so.
	ReasonOwnershipNotKept = "OwnershipNotKept"
	// ReasonOutOfMemory says that a pod ran out of memory, twice.
	ReasonOutOfMemory = "OutOfMemory"
	// ReasonPathNotFound says that a path which a restore asks for is not in the copy.
	ReasonPathNotFound = "PathNotFound"
	// ReasonVolumeTooSmall says that the restored volume is full.
	ReasonVolumeTooSmall = "VolumeTooSmall"
	// ReasonWriteFailed says that the restored volume could not be written.
	ReasonWriteFailed = "WriteFailed"
	// ReasonDossierNotWritten says that after a proof no dossier could be written into a repository.
	ReasonDossierNotWritten = "DossierNotWritten"
	// ReasonMoverFailed says that a pod of the mover ended for a reason that it did not tell.
	ReasonMoverFailed = "MoverFailed"
	// ReasonIndependent says that the newest independent copy is young enough.
	ReasonIndependent = "IndependentCopy"
	// ReasonPointImported says that a point came from a repository.
	ReasonPointImported = "PointImported"

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

	// Events about the operator's own pod.

	// ReasonNotificationFailed says that a notifier could not be told anything for a while.
	ReasonNotificationFailed = "NotificationFailed"
)
