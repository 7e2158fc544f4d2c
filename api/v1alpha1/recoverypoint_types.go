// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RecoveryPoint is one captured moment of all volumes of a policy. Lifeboat creates one for each slot;
// a user creates one, with spec.policy alone, to capture now.
//
// Deleting a RecoveryPoint deletes its snapshots, unless it is on hold or among the last complete points that
// its policy must keep: then the deletion waits. Deleting its namespace destroys no snapshot on the storage system.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=rp,categories=lifeboat
// +kubebuilder:printcolumn:name="Policy",type=string,JSONPath=`.spec.policy.name`
// +kubebuilder:printcolumn:name="Complete",type=string,JSONPath=`.status.conditions[?(@.type=="Complete")].status`,description="True when every volume's snapshot is ready and bound both ways."
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Complete")].reason`
// +kubebuilder:printcolumn:name="Volumes",type=string,JSONPath=`.status.progress`,description="Captured volumes of those selected."
// +kubebuilder:printcolumn:name="Taken",type=date,JSONPath=`.status.pointInTime`,description="Age of the data, by the storage system's clock."
// +kubebuilder:printcolumn:name="Proof",type=string,JSONPath=`.status.proofs[0].level`,description="How deep the newest proof of this point goes."
// +kubebuilder:printcolumn:name="Copies",type=string,JSONPath=`.status.copies[*].state`,description="How far its copies are."
// +kubebuilder:printcolumn:name="Keep",type=string,JSONPath=`.status.keep`,description="Why retention keeps it."
// +kubebuilder:printcolumn:name="Hold",type=boolean,priority=1,JSONPath=`.spec.hold`
// +kubebuilder:printcolumn:name="Slot",type=string,priority=1,JSONPath=`.spec.slot`
// +kubebuilder:printcolumn:name="Trigger",type=string,priority=1,JSONPath=`.status.trigger`
// +kubebuilder:printcolumn:name="Fingerprint",type=string,priority=1,JSONPath=`.status.fingerprint.state`
// +kubebuilder:printcolumn:name="Consistency",type=string,priority=1,JSONPath=`.status.consistency`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters, because it is used as a label value; choose a shorter name"
type RecoveryPoint struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what is to be captured.
	// +required
	Spec RecoveryPointSpec `json:"spec"`

	// status is what was observed. Only Lifeboat writes it.
	// +optional
	Status RecoveryPointStatus `json:"status,omitempty,omitzero"`
}

// RecoveryPointList is a list of RecoveryPoint.
//
// +kubebuilder:object:root=true
type RecoveryPointList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RecoveryPoint `json:"items"`
}

// RecoveryPointSpec says what is to be captured. All but hold is immutable.
//
// +kubebuilder:validation:XValidation:rule="has(self.slot) == has(oldSelf.slot)",fieldPath=".slot",message="slot is immutable; create another RecoveryPoint instead"
type RecoveryPointSpec struct {
	// policy is the policy whose volumes are captured, as it stands when the capture starts. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="policy is immutable; create another RecoveryPoint instead"
	Policy PolicyReference `json:"policy"`

	// slot is the scheduled instant of a point that Lifeboat created. Immutable.
	// Leave it out to capture now: a point with a slot that Lifeboat did not create is refused.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="slot is immutable; create another RecoveryPoint instead"
	Slot *metav1.Time `json:"slot,omitempty"`

	// hold keeps this point, whatever retention says and even when it is asked to be deleted, while it is true.
	// When absent the point is not on hold.
	// +optional
	Hold bool `json:"hold,omitempty"`
}

// PolicyReference names a BackupPolicy of the same namespace.
type PolicyReference struct {
	// name is the BackupPolicy's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
}

// Trigger says what started a capture or a drill.
//
// +kubebuilder:validation:Enum=Schedule;Manual;StorageStackChanged
type Trigger string

const (
	// TriggerSchedule is a slot of the policy.
	TriggerSchedule Trigger = "Schedule"
	// TriggerManual is a person, or a tool, that created the point.
	TriggerManual Trigger = "Manual"
	// TriggerStorageStackChanged is a driver or a class that changed since the last proof; it starts drills alone.
	TriggerStorageStackChanged Trigger = "StorageStackChanged"
)

// RecoveryPointStatus is what was observed of one point.
type RecoveryPointStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Complete, once a drill passed Proven, and while copies are promised Copied; Reconciling is present, and True, only while the capture is under way; Stalled only once it has failed.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// trigger says what started the capture.
	// +optional
	Trigger Trigger `json:"trigger,omitempty"`

	// capture is what is being carried out: the policy as it stood when the capture started. It never changes afterwards.
	// +optional
	Capture *Capture `json:"capture,omitempty"`

	// consistency is what was reached: Crash or Group.
	// +optional
	Consistency Consistency `json:"consistency,omitempty"`

	// groupSnapshot is the name of the VolumeGroupSnapshot, when consistency is Group.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	GroupSnapshot string `json:"groupSnapshot,omitempty"`

	// pointInTime is the moment the data are from: the oldest creation time that the storage system gave to a snapshot of this point.
	// +optional
	PointInTime *metav1.Time `json:"pointInTime,omitempty"`

	// finishedAt is when the capture ended, well or not.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`

	// progress is how many of the volumes are captured, such as 2/3.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Progress string `json:"progress,omitempty"`

	// volumes are the volumes of this point, at most 50, those with a problem first. The VolumeSnapshots
	// labelled lifeboat.dev/recovery-point are the full list.
	// +optional
	// +listType=map
	// +listMapKey=claim
	// +kubebuilder:validation:MaxItems=50
	Volumes []VolumeRecord `json:"volumes,omitempty"`

	// hooks are the results of the hooks that were run.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Hooks []HookRecord `json:"hooks,omitempty"`

	// fingerprint is what the volumes held at the capture, recorded from their snapshots. Absent when the policy records none.
	// +optional
	Fingerprint *PointFingerprint `json:"fingerprint,omitempty"`

	// copies are the copies of this point, by the name of their target in the policy.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Copies []CopyRecord `json:"copies,omitempty"`

	// release are the parts of this point that retention lets go while another part is kept.
	// +optional
	// +listType=map
	// +listMapKey=part
	// +kubebuilder:validation:MaxItems=9
	Release []ReleasedPart `json:"release,omitempty"`

	// snapshotsReleasedAt is when the snapshots of a point that lives on in its copies were gone. Absent while it has snapshots.
	// +optional
	SnapshotsReleasedAt *metav1.Time `json:"snapshotsReleasedAt,omitempty"`

	// origin says where a point that was imported came from. Absent for a point of this cluster.
	// +optional
	Origin *PointOrigin `json:"origin,omitempty"`

	// proofs are the drills that passed on this point, newest first, at most 5.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Proofs []ProofSummary `json:"proofs,omitempty"`

	// keep are the reasons for which retention keeps this point, such as daily or hold, and its copies, such as offsite:daily.
	// copy-pending keeps its snapshots until a promised copy is complete. Absent when nothing keeps it, or it cannot be restored.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	Keep []string `json:"keep,omitempty"`
}

// FingerprintState says how far the recording of a fingerprint is.
//
// +kubebuilder:validation:Enum=Recording;Recorded;Failed
type FingerprintState string

const (
	// FingerprintRecording is under way.
	FingerprintRecording FingerprintState = "Recording"
	// FingerprintRecorded is there to be compared with.
	FingerprintRecorded FingerprintState = "Recorded"
	// FingerprintFailed could not be recorded.
	FingerprintFailed FingerprintState = "Failed"
)

// PointFingerprint is what the volumes of a point held.
type PointFingerprint struct {
	// state says how far the recording is.
	// +required
	State FingerprintState `json:"state"`
	// reason is a stable word for why it failed.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message says what is wrong and what helps.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
	// startedAt is when the recording started.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// deadline is when an unfinished recording has failed.
	// +required
	Deadline metav1.Time `json:"deadline"`
	// mover are the options of the pods that read.
	// +optional
	Mover *MoverOptions `json:"mover,omitempty"`
	// manifest says whether the list of files is kept too.
	// +optional
	Manifest ManifestMode `json:"manifest,omitempty"`
	// finishedAt is when it ended.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// cleanedUp says that the throw-away volumes it was read from are gone.
	// +optional
	CleanedUp bool `json:"cleanedUp,omitempty"`
	// volumes are the fingerprints of the volumes.
	// +optional
	// +listType=map
	// +listMapKey=claim
	// +kubebuilder:validation:MaxItems=50
	Volumes []VolumeFingerprint `json:"volumes,omitempty"`
}

// VolumeFingerprint is what one volume held.
type VolumeFingerprint struct {
	// claim is the name of the captured claim.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`

	Fingerprint `json:",inline"`

	// manifest is the name of the ConfigMap with the list of files. Absent when it is not kept.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Manifest string `json:"manifest,omitempty"`
}

// Capture is the frozen order of one capture.
type Capture struct {
	// policyUID is the UID of the policy.
	// +required
	// +kubebuilder:validation:MaxLength=64
	PolicyUID string `json:"policyUID"`
	// policyGeneration is the generation of the policy that was frozen.
	// +optional
	PolicyGeneration int64 `json:"policyGeneration,omitempty"`
	// run identifies the capture in the names of its snapshots: the slot, or this point's UID.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Run string `json:"run"`
	// startedAt is when the capture started.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// deadline is when an unfinished capture has failed.
	// +required
	Deadline metav1.Time `json:"deadline"`
	// snapshot are the options in force.
	// +optional
	Snapshot SnapshotOptions `json:"snapshot,omitempty,omitzero"`
	// selector selects the members of a group snapshot.
	// +optional
	Selector *LabelSelector `json:"selector,omitempty"`
	// volumes is how many volumes were selected.
	// +required
	Volumes int32 `json:"volumes"`
	// claimSet identifies the selected claims: eight characters of each one's UID hash, sorted and joined.
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	ClaimSet string `json:"claimSet,omitempty"`
	// missing names claims that the policy names and that did not exist; at most 20.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=253
	Missing []string `json:"missing,omitempty"`
}

// VolumeState says how far a volume's capture is.
//
// +kubebuilder:validation:Enum=Pending;Captured;Failed;Released
type VolumeState string

const (
	// VolumePending is not captured yet.
	VolumePending VolumeState = "Pending"
	// VolumeCaptured has a ready snapshot that is bound both ways.
	VolumeCaptured VolumeState = "Captured"
	// VolumeFailed will not be captured in this point, or its snapshot was lost.
	VolumeFailed VolumeState = "Failed"
	// VolumeReleased was captured, and its snapshot let go because a copy is kept.
	VolumeReleased VolumeState = "Released"
)

// VolumeRecord is one volume of a recovery point.
type VolumeRecord struct {
	// claim is the PersistentVolumeClaim's name.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`
	// claimUID is its UID.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ClaimUID string `json:"claimUID,omitempty"`
	// state says how far its capture is.
	// +required
	State VolumeState `json:"state"`
	// reason is a stable word for what is wrong or awaited.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message says what is wrong and what helps.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
	// snapshot is the VolumeSnapshot's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Snapshot string `json:"snapshot,omitempty"`
	// content is the VolumeSnapshotContent's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Content string `json:"content,omitempty"`
	// driver is the CSI driver of the volume.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Driver string `json:"driver,omitempty"`
	// storageClass is the claim's storage class.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClass string `json:"storageClass,omitempty"`
	// handle is the volume's name on the storage system.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Handle string `json:"handle,omitempty"`
	// size is the capacity of the volume.
	// +optional
	Size *resource.Quantity `json:"size,omitempty"`
	// pointInTime is the snapshot's own creation time.
	// +optional
	PointInTime *metav1.Time `json:"pointInTime,omitempty"`
}

// HookRecord is the result of one hook.
type HookRecord struct {
	// name is the hook's name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// state is Running (or interrupted, and to be run again), Succeeded or Failed.
	// +required
	// +kubebuilder:validation:Enum=Running;Succeeded;Failed
	State HookState `json:"state"`
	// pods is in how many pods it was run.
	// +optional
	Pods int32 `json:"pods,omitempty"`
	// finishedAt is when it ended.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// message says what went wrong. The command's output is never shown.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// HookState says how far a hook is.
type HookState string

const (
	// HookRunning was begun, and its result is not known yet.
	HookRunning HookState = "Running"
	// HookSucceeded ended well in every pod.
	HookSucceeded HookState = "Succeeded"
	// HookFailed did not.
	HookFailed HookState = "Failed"
)
