// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Labels and annotations that Lifeboat puts on what it creates. Labels find objects; they are never authority:
// ownership is the recorded UIDs.
const (
	// LabelManagedBy is the usual Kubernetes label; its value on our objects is ManagedBy.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "lifeboat"

	// LabelPolicy is the name of the policy.
	LabelPolicy = "lifeboat.dev/policy"
	// LabelPolicyUID is the UID of the policy.
	LabelPolicyUID = "lifeboat.dev/policy-uid"
	// LabelClusterPolicy, on a BackupPolicy, is the name of the ClusterBackupPolicy from whose template it was made.
	LabelClusterPolicy = "lifeboat.dev/cluster-policy"
	// LabelClusterPolicyUID is its UID. Only a policy that bears it, and its name, is edited or deleted for the template's sake.
	LabelClusterPolicyUID = "lifeboat.dev/cluster-policy-uid"
	// LabelPoint is the name of the recovery point.
	LabelPoint = "lifeboat.dev/recovery-point"
	// LabelPointUID is the UID of the recovery point.
	LabelPointUID = "lifeboat.dev/recovery-point-uid"
	// LabelClaimUID is the UID of the captured claim.
	LabelClaimUID = "lifeboat.dev/claim-uid"

	// LabelRunKind is the kind of what an object was made for: RestoreDrill, Restore, Repository, RecoveryPoint for a fingerprint, or Copy.
	LabelRunKind = "lifeboat.dev/run-kind"
	// LabelRun is its name; of a Copy that of its point.
	LabelRun = "lifeboat.dev/run"
	// LabelRunUID is its UID. What bears it and has no such run any more is swept away, unless it is a claim that a Restore made.
	LabelRunUID = "lifeboat.dev/run-uid"
	// LabelAttempt, on a claim that a run made to have a copy written into it, counts those of its name, from 0.
	LabelAttempt = "lifeboat.dev/attempt"
	// LabelTrigger, on a RestoreDrill without a slot that Lifeboat created, is what it was created for.
	LabelTrigger = "lifeboat.dev/trigger"
	// LabelEvidence, on a ConfigMap, is the UID of the policy whose drills it speaks of.
	LabelEvidence = "lifeboat.dev/evidence-policy-uid"

	// AnnotationExpires, on an object that is thrown away, is when it is swept away at the latest, RFC 3339.
	AnnotationExpires = "lifeboat.dev/expires-at"
	// AnnotationEvidenceSequence, on a ConfigMap, is the place of its statement in the policy's chain, from 1.
	AnnotationEvidenceSequence = "lifeboat.dev/evidence-sequence"
	// AnnotationEvidenceDigest, on a ConfigMap, is the digest of its statement.
	AnnotationEvidenceDigest = "lifeboat.dev/evidence-digest"
	// AnnotationEvidenceVerdict, on a ConfigMap, is the verdict of its drill.
	AnnotationEvidenceVerdict = "lifeboat.dev/evidence-verdict"
	// AnnotationPrivilegedMovers, on a Namespace, is "true" where the pods that read restored volumes may run as root with
	// the one capability to read every file. Whoever may edit a Namespace decides it.
	AnnotationPrivilegedMovers = "lifeboat.dev/privileged-movers"
	// AnnotationAllowWorkloadIdentity, on a Namespace, is "true" where repositories may be reached with the identity that the
	// environment gives a pod. Whoever may edit a Namespace decides it.
	AnnotationAllowWorkloadIdentity = "lifeboat.dev/allow-workload-identity"
	// AnnotationAllowInsecure, on a Namespace, is "true" where repositories may be reached without TLS.
	AnnotationAllowInsecure = "lifeboat.dev/allow-insecure-repositories"
	// AnnotationFailureDomain, on a StorageClass, is the failure domain of its volumes, as ROOT or ROOT/PART.
	AnnotationFailureDomain = "lifeboat.dev/failure-domain"
	// AnnotationProbeRequested, AnnotationVerifyRequested and AnnotationMaintainRequested, on a Repository, ask for a run that
	// starts at or after this time, RFC 3339, whether or not one is due.
	AnnotationProbeRequested    = "lifeboat.dev/probe-requested-at"
	AnnotationVerifyRequested   = "lifeboat.dev/verify-requested-at"
	AnnotationMaintainRequested = "lifeboat.dev/maintain-requested-at"
	// AnnotationImportedFrom, on a RecoveryPoint, is the repository and the UID of the point that it was made of, as
	// REPOSITORY/UID. A point that bears it captures nothing.
	AnnotationImportedFrom = "lifeboat.dev/imported-from"
	// AnnotationOrder, on a pod that speaks to a repository, is what it is to do, in JSON. It holds no credentials.
	AnnotationOrder = "lifeboat.dev/order"
	// LabelReachesRepository, on a pod, is "true" when it may speak to a repository. All other pods of a run speak to nobody.
	LabelReachesRepository = "lifeboat.dev/reaches-repository"
	// LabelRepository is the name of the repository that a pod speaks to.
	LabelRepository = "lifeboat.dev/repository"

	// AnnotationKeepUntil, on a PersistentVolume that a restore in place replaced, is until when it is kept, RFC 3339.
	AnnotationKeepUntil = "lifeboat.dev/keep-until"

	// AnnotationAcceptWeakening, on a BackupPolicy, says that it was meant that the spec promises less than before. Its value
	// is the metadata.generation that it speaks of: a later edit needs another.
	AnnotationAcceptWeakening = "lifeboat.dev/accept-weakening"

	// AnnotationNamespace, on a VolumeSnapshotContent, is the namespace of the captured claim.
	AnnotationNamespace = "lifeboat.dev/namespace"
	// AnnotationClaim is the name of the captured claim.
	AnnotationClaim = "lifeboat.dev/claim"
	// AnnotationStorageClass is the storage class of the captured claim.
	AnnotationStorageClass = "lifeboat.dev/storage-class"
	// AnnotationSize is the capacity of the captured volume.
	AnnotationSize = "lifeboat.dev/size"
	// AnnotationVolumeMode is the volume mode of the captured claim.
	AnnotationVolumeMode = "lifeboat.dev/volume-mode"
	// AnnotationAccessModes are the access modes of the captured claim, separated by commas.
	AnnotationAccessModes = "lifeboat.dev/access-modes"
	// AnnotationSlot is the slot of the point, RFC 3339, absent on manual points.
	AnnotationSlot = "lifeboat.dev/slot"

	// AnnotationNudged, on a content whose deletion does not proceed, is when it was last touched, RFC 3339,
	// so that whoever carries the deletion out looks again.
	AnnotationNudged = "lifeboat.dev/nudged"

	// FinalizerSnapshots, on a RecoveryPoint, holds its deletion until its snapshots are gone or released.
	FinalizerSnapshots = "lifeboat.dev/snapshots"
	// FinalizerCopies, on a RecoveryPoint, holds its deletion until its copies are removed from their repositories, or kept.
	FinalizerCopies = "lifeboat.dev/copies"
	// FinalizerThrowaways, on a RestoreDrill or a Restore, holds its deletion until what it threw away is verified to be gone.
	FinalizerThrowaways = "lifeboat.dev/throwaways"
	// FinalizerPoints, on a BackupPolicy with onDelete Prune, holds its deletion until its points were told to go.
	FinalizerPoints = "lifeboat.dev/points"
	// FinalizerStamped, on a ClusterBackupPolicy with onDelete Remove, holds its deletion until the policies made from its
	// template were told to go.
	FinalizerStamped = "lifeboat.dev/stamped"
)
