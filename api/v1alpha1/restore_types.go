// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Restore brings volumes of one recovery point back, once: into new claims, or in the place of the captured ones.
// A restored claim counts only when every byte of it was read, and equals the fingerprint of the point where there is one.
// Deleting a Restore leaves the restored claims, and the old volumes it keeps, as they are.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=lifeboat
// +kubebuilder:printcolumn:name="Point",type=string,JSONPath=`.status.run.recoveryPoint.name`,description="The recovery point that is restored."
// +kubebuilder:printcolumn:name="Data from",type=string,JSONPath=`.status.run.recoveryPoint.pointInTime`,description="The moment the restored data are from."
// +kubebuilder:printcolumn:name="From",type=string,JSONPath=`.status.run.from`,description="What is restored: Snapshot, or Copy."
// +kubebuilder:printcolumn:name="Succeeded",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].reason`
// +kubebuilder:printcolumn:name="Volumes",type=string,JSONPath=`.status.progress`,description="Restored and verified volumes of those asked for."
// +kubebuilder:printcolumn:name="In place",type=boolean,priority=1,JSONPath=`.spec.inPlace`
// +kubebuilder:printcolumn:name="Dry run",type=boolean,priority=1,JSONPath=`.spec.dryRun`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Succeeded")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters, because it is used as a label value; choose a shorter name"
type Restore struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what is brought back, and where. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable; create another Restore instead"
	Spec RestoreSpec `json:"spec"`

	// status is what was observed. Only Lifeboat writes it.
	// +optional
	Status RestoreStatus `json:"status,omitempty,omitzero"`
}

// RestoreList is a list of Restore.
//
// +kubebuilder:object:root=true
type RestoreList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Restore `json:"items"`
}

// RestoreSpec says what is brought back, and where.
//
// +kubebuilder:validation:XValidation:rule="has(self.policy) != has(self.recoveryPoint)",message="exactly one of policy and recoveryPoint must be set; recoveryPoint names the point, policy selects its newest one"
// +kubebuilder:validation:XValidation:rule="!has(self.asOf) || has(self.policy)",fieldPath=".asOf",message="asOf selects among the points of a policy; set policy, or leave asOf out"
// +kubebuilder:validation:XValidation:rule="!has(self.latest) || has(self.policy)",fieldPath=".latest",message="latest selects among the points of a policy; set policy, or leave latest out"
// +kubebuilder:validation:XValidation:rule="!(has(self.inPlace) && self.inPlace) || !has(self.namePattern)",fieldPath=".namePattern",message="namePattern names new claims; with inPlace the claims keep their names, so leave it out"
// +kubebuilder:validation:XValidation:rule="!(has(self.inPlace) && self.inPlace) || !has(self.labels)",fieldPath=".labels",message="labels are put on new claims; with inPlace the claims keep their labels, so leave it out"
// +kubebuilder:validation:XValidation:rule="!(has(self.inPlace) && self.inPlace) || !has(self.storageClassName)",fieldPath=".storageClassName",message="with inPlace the claims keep their storage class; leave storageClassName out"
// +kubebuilder:validation:XValidation:rule="!(has(self.inPlace) && self.inPlace) || !has(self.volumes) || self.volumes.all(v, !has(v.as))",fieldPath=".volumes",message="volumes[].as names a new claim; with inPlace the claims keep their names, so leave it out"
// +kubebuilder:validation:XValidation:rule="!has(self.keepOldFor) || (has(self.inPlace) && self.inPlace)",fieldPath=".keepOldFor",message="keepOldFor says how long the replaced volumes are kept; it needs inPlace: true"
// +kubebuilder:validation:XValidation:rule="!has(self.paths) || !has(self.from) || self.from != 'Snapshot'",fieldPath=".paths",message="paths are restored from a copy, and a snapshot is restored whole; set from to Copy or leave it out, or leave paths out"
// +kubebuilder:validation:XValidation:rule="!has(self.copy) || !has(self.from) || self.from != 'Snapshot'",fieldPath=".copy",message="copy names the copy to restore; set from to Copy or leave it out, or leave copy out"
// +kubebuilder:validation:XValidation:rule="!has(self.paths) || !(has(self.inPlace) && self.inPlace)",fieldPath=".paths",message="paths restore a part, and in place it would replace the whole volume; leave inPlace out, or leave paths out"
type RestoreSpec struct {
	// recoveryPoint is the point to restore. It must be complete. When absent, policy selects one.
	// +optional
	RecoveryPoint *PointReference `json:"recoveryPoint,omitempty"`

	// policy is the policy whose newest point is restored, subject to asOf and latest. The policy itself need not exist any more.
	// When absent, recoveryPoint names the point.
	// +optional
	Policy *PolicyReference `json:"policy,omitempty"`

	// asOf restores the newest point whose data are from this moment or before. When absent, the newest of all.
	// +optional
	AsOf *metav1.Time `json:"asOf,omitempty"`

	// latest says which points count: Complete, or Proven for those that a drill restored. When absent it is Complete.
	// +optional
	// +kubebuilder:validation:Enum=Complete;Proven
	Latest PointStanding `json:"latest,omitempty"`

	// from says what is restored: Snapshot, Copy, or Any for the snapshots where they can be restored, and else a complete copy.
	// When absent it is Any.
	// +optional
	// +kubebuilder:validation:Enum=Any;Snapshot;Copy
	From RestoreSource `json:"from,omitempty"`

	// copy is the name of the copy to restore, as status.copies of the point names it. When absent, the first that is complete
	// and whose repository can be reached.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Copy string `json:"copy,omitempty"`

	// paths restores only these files and folders, such as photos/2009, from a copy, into new claims. When absent, all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=4096
	// +kubebuilder:validation:items:MinLength=1
	Paths []string `json:"paths,omitempty"`

	// volumes are those to bring back. When absent, all volumes of the point, of which there may be at most 50.
	// +optional
	// +listType=map
	// +listMapKey=claim
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	Volumes []RestoreVolume `json:"volumes,omitempty"`

	// namePattern names the new claims; it must contain {claim}, and may contain {restore}.
	// When absent it is {claim}-{restore}.
	// +optional
	// +kubebuilder:validation:MaxLength=120
	// +kubebuilder:validation:XValidation:rule="self.contains('{claim}') && self.replace('{claim}', 'a').replace('{restore}', 'a').matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="namePattern must contain {claim}, may contain {restore}, and otherwise be made of lower case letters, digits, dots and dashes"
	NamePattern string `json:"namePattern,omitempty"`

	// storageClassName is the class of the new claims. From snapshots its provisioner must be their driver; from copies it may be any.
	// When absent, the class of each captured claim.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClassName string `json:"storageClassName,omitempty"`

	// labels are put on the new claims. When absent, none but Lifeboat's own: a restored claim is in no policy's selector by accident.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('lifeboat.dev/'))",message="labels must not begin with lifeboat.dev/, which Lifeboat uses itself"
	Labels map[string]string `json:"labels,omitempty"`

	// inPlace replaces the volumes behind the captured claims, which keep their names. No pod may use them.
	// A recovery point of the present state is taken first, and the replaced volumes are kept. When absent, new claims are made.
	// +optional
	InPlace bool `json:"inPlace,omitempty"`

	// keepOldFor is for how long the replaced volumes are kept after a restore in place, at most 8760h. When absent it is 72h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="keepOldFor must be a duration such as 10m or 72h"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || duration(self) <= duration('8760h')",message="keepOldFor must be at most 8760h"
	KeepOldFor *metav1.Duration `json:"keepOldFor,omitempty"`

	// mover are the options of the pods that read the restored volumes. When absent, those of the policy.
	// +optional
	Mover *MoverOptions `json:"mover,omitempty"`

	// timeout is how long the restore may take, between 30s and 168h. When absent it is 6h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="timeout must be a duration such as 90s, 10m or 1h30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('30s') && duration(self) <= duration('168h'))",message="timeout must be between 30s and 168h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// dryRun reports in status.plan what would happen, or why it would be refused, and changes nothing. When absent the restore is carried out.
	// +optional
	DryRun bool `json:"dryRun,omitempty"`
}

// RestoreSource says what is restored.
//
// +kubebuilder:validation:Enum=Any;Snapshot;Copy
type RestoreSource string

const (
	// FromAny is the snapshots where they can be restored, and else a complete copy.
	FromAny RestoreSource = "Any"
	// FromSnapshot is the snapshots.
	FromSnapshot RestoreSource = "Snapshot"
	// FromCopy is a complete copy.
	FromCopy RestoreSource = "Copy"
)

// PointStanding says which points count.
type PointStanding string

const (
	// StandingComplete counts every complete point.
	StandingComplete PointStanding = "Complete"
	// StandingProven counts points that a drill restored.
	StandingProven PointStanding = "Proven"
)

// RestoreVolume is one volume to bring back.
type RestoreVolume struct {
	// claim is the name of the captured claim.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`
	// as is the name of the new claim. When absent, namePattern names it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	As string `json:"as,omitempty"`
	// size is the size of the restored volume, not less than what was captured. When absent, what was captured.
	// +optional
	Size *resource.Quantity `json:"size,omitempty"`
}

// RestoreStatus is what was observed of one restore.
type RestoreStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Succeeded, Unknown while the restore runs. Reconciling is present, and True, only while it runs;
	// Stalled only once it failed.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// run is what is being carried out. It never changes afterwards.
	// +optional
	Run *RestoreRun `json:"run,omitempty"`

	// plan says in sentences what is done, or with dryRun what would be.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=60
	// +kubebuilder:validation:items:MaxLength=512
	Plan []string `json:"plan,omitempty"`

	// safetyPoint is the recovery point of the state before a restore in place.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SafetyPoint string `json:"safetyPoint,omitempty"`

	// progress is how many of the volumes are restored and verified, such as 2/3.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Progress string `json:"progress,omitempty"`

	// volumes are the volumes that are brought back.
	// +optional
	// +listType=map
	// +listMapKey=claim
	// +kubebuilder:validation:MaxItems=50
	Volumes []RestoredVolume `json:"volumes,omitempty"`

	// finishedAt is when the restore ended, well or not.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
}

// RestoreRun is the frozen order of one restore.
type RestoreRun struct {
	// recoveryPoint is the point that is restored.
	// +required
	RecoveryPoint DrilledPoint `json:"recoveryPoint"`
	// startedAt is when the restore started.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// deadline is when an unfinished restore has failed.
	// +required
	Deadline metav1.Time `json:"deadline"`
	// from is what is restored: the snapshots, or a copy.
	// +optional
	From RestoreSource `json:"from,omitempty"`
	// copy is the name of the copy that is restored. Absent from snapshots.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Copy string `json:"copy,omitempty"`
	// mover are the options of the pods that read.
	// +optional
	Mover *MoverOptions `json:"mover,omitempty"`
}

// RestoreState says how far a volume is.
//
// +kubebuilder:validation:Enum=Pending;Restoring;Verifying;Verified;Swapping;Restored;Failed
type RestoreState string

const (
	// RestorePending waits to be begun.
	RestorePending RestoreState = "Pending"
	// RestoreRestoring waits for the storage system.
	RestoreRestoring RestoreState = "Restoring"
	// RestoreVerifying is being read.
	RestoreVerifying RestoreState = "Verifying"
	// RestoreVerified was read in full, and waits to take the place of the old volume.
	RestoreVerified RestoreState = "Verified"
	// RestoreSwapping takes the place of the old volume.
	RestoreSwapping RestoreState = "Swapping"
	// RestoreRestored is there to be used.
	RestoreRestored RestoreState = "Restored"
	// RestoreFailed was not brought back.
	RestoreFailed RestoreState = "Failed"
)

// RestoredVolume is one volume that is brought back.
type RestoredVolume struct {
	// claim is the name of the captured claim.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`
	// as is the name of the claim that holds the restored data.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	As string `json:"as,omitempty"`
	// state says how far it is.
	// +required
	State RestoreState `json:"state"`
	// reason is a stable word for what is wrong or awaited.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message says what is wrong and what helps.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
	// verified is Restored when every byte was read, Intact when it also equals the fingerprint of the point. Absent before.
	// +optional
	Verified ProofLevel `json:"verified,omitempty"`
	// read is what was read.
	// +optional
	Read *Fingerprint `json:"read,omitempty"`
	// size is the capacity of the restored volume.
	// +optional
	Size *resource.Quantity `json:"size,omitempty"`
	// swap records a restore in place. What it names was written down before it was touched.
	// +optional
	Swap *VolumeSwap `json:"swap,omitempty"`
	// writing is how a copy was written into the volume. Absent from snapshots, and where there is nothing to tell.
	// +optional
	Writing *VolumeWriting `json:"writing,omitempty"`
}

// VolumeSwap records how the volume behind a claim is replaced.
type VolumeSwap struct {
	// oldClaimUID is the UID of the claim whose volume is replaced.
	// +required
	// +kubebuilder:validation:MaxLength=64
	OldClaimUID string `json:"oldClaimUID"`
	// oldVolume is the PersistentVolume that is replaced. It is kept, released, until keepUntil.
	// +required
	// +kubebuilder:validation:MaxLength=253
	OldVolume string `json:"oldVolume"`
	// newVolume is the PersistentVolume that takes its place.
	// +required
	// +kubebuilder:validation:MaxLength=253
	NewVolume string `json:"newVolume"`
	// temporary is the claim that holds the restored data until then.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Temporary string `json:"temporary"`
	// reclaimPolicy is what the old volume's reclaim policy was; the new one gets it in the end.
	// +required
	// +kubebuilder:validation:MaxLength=16
	ReclaimPolicy string `json:"reclaimPolicy"`
	// claim is the old claim as it was, in JSON, so that it can be made again.
	// +required
	// +kubebuilder:validation:MaxLength=16384
	Claim string `json:"claim"`
	// keepUntil is until when the old volume is kept. Absent while the volume is being replaced.
	// +optional
	KeepUntil *metav1.Time `json:"keepUntil,omitempty"`
	// releasedAt is when the old volume was let go: it got its reclaim policy back, was gone, or was taken by somebody else.
	// +optional
	ReleasedAt *metav1.Time `json:"releasedAt,omitempty"`
}
