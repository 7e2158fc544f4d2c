// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RestoreDrill is one rehearsal of a restore: a recovery point is brought back into throw-away volumes of its own
// namespace, read in full, compared with what was captured, and handed to the checks of the policy. Lifeboat creates one
// for each slot of spec.drill.cron of a policy; a user creates one, with spec.policy or spec.recoveryPoint alone, to rehearse now.
//
// A drill changes nothing that it did not create, and removes all that it did.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=drill,categories=lifeboat
// +kubebuilder:printcolumn:name="Policy",type=string,JSONPath=`.status.run.policy`
// +kubebuilder:printcolumn:name="Point",type=string,JSONPath=`.status.run.recoveryPoint.name`,description="The recovery point that is rehearsed."
// +kubebuilder:printcolumn:name="From",type=string,JSONPath=`.status.run.from`,description="What was restored: Snapshot, or Copy."
// +kubebuilder:printcolumn:name="Verdict",type=string,JSONPath=`.status.verdict`,description="Passed, Failed, Inconclusive or Aborted; empty while it runs."
// +kubebuilder:printcolumn:name="Level",type=string,JSONPath=`.status.level`,description="How deep the proof goes: Restored, Intact, Consistent or Answering."
// +kubebuilder:printcolumn:name="Recovery",type=string,JSONPath=`.status.recoveryTime`,description="From the first request to the storage system until the level was reached."
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].reason`
// +kubebuilder:printcolumn:name="Independent",type=boolean,priority=1,JSONPath=`.status.run.independent`,description="It was done without the failure domain of the captured volumes."
// +kubebuilder:printcolumn:name="Select",type=string,priority=1,JSONPath=`.status.selection.strategy`
// +kubebuilder:printcolumn:name="Data age",type=string,priority=1,JSONPath=`.status.dataAge`,description="How old the data were when the drill began."
// +kubebuilder:printcolumn:name="Cleaned up",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="CleanedUp")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters, because it is used as a label value; choose a shorter name"
type RestoreDrill struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what is to be rehearsed. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable; create another RestoreDrill instead"
	Spec RestoreDrillSpec `json:"spec"`

	// status is what was observed. Only Lifeboat writes it.
	// +optional
	Status RestoreDrillStatus `json:"status,omitempty,omitzero"`
}

// RestoreDrillList is a list of RestoreDrill.
//
// +kubebuilder:object:root=true
type RestoreDrillList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RestoreDrill `json:"items"`
}

// RestoreDrillSpec says what is to be rehearsed. What is left out is taken from the policy's spec.drill, as it stands
// when the drill starts.
//
// +kubebuilder:validation:XValidation:rule="has(self.policy) != has(self.recoveryPoint)",message="exactly one of policy and recoveryPoint must be set; policy lets Lifeboat choose the point, recoveryPoint names it"
// +kubebuilder:validation:XValidation:rule="!has(self.select) || has(self.policy)",fieldPath=".select",message="select chooses among the points of a policy; leave it out when recoveryPoint names one"
// +kubebuilder:validation:XValidation:rule="!has(self.checks) || !self.checks.exists(c, c.proves == 'Answering') || self.checks.exists(c, c.proves == 'Consistent')",fieldPath=".checks",message="levels are cumulative: a check that proves Answering needs another one that proves Consistent; add one, such as the application's own check of its files"
type RestoreDrillSpec struct {
	// policy is the policy of which a point is rehearsed. When absent, recoveryPoint names the point.
	// +optional
	Policy *PolicyReference `json:"policy,omitempty"`

	// recoveryPoint is the point to rehearse. It is recorded as picked by hand. When absent, a point of policy is selected.
	// +optional
	RecoveryPoint *PointReference `json:"recoveryPoint,omitempty"`

	// slot is the scheduled instant of a drill that Lifeboat created. Leave it out to rehearse now.
	// +optional
	Slot *metav1.Time `json:"slot,omitempty"`

	// select says which point is rehearsed. When absent, the policy's spec.drill.select.
	// +optional
	Select DrillSelect `json:"select,omitempty"`

	// from says what is restored: Snapshot, or Copy for a copy of the point. When absent, the policy's spec.drill.from, or else
	// Snapshot.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self != 'Any'",message="from must be Snapshot or Copy: a drill proves one of them, and says which"
	From RestoreSource `json:"from,omitempty"`

	// storageClassName is the class of the throw-away volumes. From snapshots its provisioner must be their driver; from copies it
	// may be any.
	// When absent, the policy's spec.drill.storageClassName, or else the class of the captured claim.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClassName string `json:"storageClassName,omitempty"`

	// checks are run on the restored volumes, in this order. When absent, the policy's spec.drill.checks.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Checks []Check `json:"checks,omitempty"`

	// timeout is how long the drill may take until its last check has ended, between 30s and 24h.
	// When absent, the policy's spec.drill.timeout, or else 1h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}(ms|([.][0-9]{1,3})?[smh]))+$')",message="timeout must be a duration such as 90s, 10m or 1h30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}(ms|([.][0-9]{1,3})?[smh]))+$') || (duration(self) >= duration('30s') && duration(self) <= duration('24h'))",message="timeout must be between 30s and 24h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// cleanup says how long the throw-away volumes stay. When absent, the policy's spec.drill.cleanup.
	// +optional
	Cleanup *DrillCleanup `json:"cleanup,omitempty"`
}

// PointReference names a RecoveryPoint of the same namespace.
type PointReference struct {
	// name is the RecoveryPoint's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
}

// DrillSelect says which of a policy's complete points a drill rehearses.
//
// +kubebuilder:validation:Enum=Latest;Random;Oldest;Rotate
type DrillSelect string

const (
	// SelectLatest takes the newest complete point.
	SelectLatest DrillSelect = "Latest"
	// SelectRandom takes any complete point, by a recorded seed.
	SelectRandom DrillSelect = "Random"
	// SelectOldest takes the oldest complete point.
	SelectOldest DrillSelect = "Oldest"
	// SelectRotate mixes the three: half of the drills take the newest, a quarter the oldest, a quarter any.
	SelectRotate DrillSelect = "Rotate"
)

// ProofLevel is how deep a proof goes. The levels are cumulative.
//
// +kubebuilder:validation:Enum=Restored;Intact;Consistent;Answering
type ProofLevel string

const (
	// LevelRestored says that every volume came out, was mounted, and every byte was read.
	LevelRestored ProofLevel = "Restored"
	// LevelIntact says that the content equals the fingerprint that was recorded at the capture.
	LevelIntact ProofLevel = "Intact"
	// LevelConsistent says that the application's own check accepts the content.
	LevelConsistent ProofLevel = "Consistent"
	// LevelAnswering says that the application started on the content and answered a client.
	LevelAnswering ProofLevel = "Answering"
)

// Check is a test of the restored volumes by a container image. It runs in the policy's namespace under the restricted
// Pod Security Standard, without a service account token, without secrets, and with a NetworkPolicy that denies all traffic
// but inside of its own pod. It may write: the volumes are thrown away.
//
// +kubebuilder:validation:XValidation:rule="has(self.command) || has(self.application)",message="a check needs a command, whose exit code 0 passes, or an application with a probe, or both"
// +kubebuilder:validation:XValidation:rule="has(self.command) || !has(self.application) || has(self.application.http) || has(self.application.tcp) || has(self.application.exec)",fieldPath=".application",message="without a command, the application needs a probe that says whether it answers: set http, tcp or exec"
type Check struct {
	// name identifies the check within the drill.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// proves is the level that is reached when this check, and all of a lower level, have passed: Consistent or Answering.
	// +required
	// +kubebuilder:validation:XValidation:rule="self in ['Consistent', 'Answering']",message="proves must be Consistent or Answering; what is less deep is proven by reading, without a check"
	Proves ProofLevel `json:"proves"`

	// image is the container image, best named by digest. The image that was really used is recorded.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image"`

	// command is run as it is, without a shell; exit code 0 passes. It starts once the application's probe succeeds.
	// When absent, the application's probe decides.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=4096
	Command []string `json:"command,omitempty"`

	// application is started on the same volumes before the command, which reaches it at localhost.
	// When absent the command runs alone.
	// +optional
	Application *CheckApplication `json:"application,omitempty"`

	// env are environment variables of the command and of the application. When absent, none.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Env []CheckVariable `json:"env,omitempty"`

	// mounts say where volumes are mounted. A volume that is not named is at /restore/CLAIM; a block volume is the
	// device /restore/CLAIM. When absent, all are there.
	// +optional
	// +listType=map
	// +listMapKey=claim
	// +kubebuilder:validation:MaxItems=50
	Mounts []CheckMount `json:"mounts,omitempty"`

	// runAsUser is the user ID of the containers, other than 0. When absent, the policy's spec.mover.runAsUser, or else 65532.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2147483647
	RunAsUser *int64 `json:"runAsUser,omitempty"`

	// runAsGroup is the group ID of the containers. When absent, the policy's spec.mover.runAsGroup, or else the user ID.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2147483647
	RunAsGroup *int64 `json:"runAsGroup,omitempty"`

	// resources are those of the command's and of the application's container, each. When absent: requests of 50m CPU and
	// 64Mi memory, and a limit of 1Gi memory.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// timeout is how long the check may take, the start of its containers included, between 1s and 12h. When absent it is 5m.
	// +optional
	// +kubebuilder:default="5m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}(ms|([.][0-9]{1,3})?[smh]))+$')",message="timeout of a check must be a duration such as 90s, 10m or 1h30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}(ms|([.][0-9]{1,3})?[smh]))+$') || (duration(self) >= duration('1s') && duration(self) <= duration('12h'))",message="timeout of a check must be between 1s and 12h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// CheckApplication is the application's own container, started on the restored volumes.
//
// +kubebuilder:validation:XValidation:rule="[has(self.http), has(self.tcp), has(self.exec)].filter(given, given).size() <= 1",message="at most one of http, tcp and exec may be set; keep one and remove the others"
type CheckApplication struct {
	// image is the container image. When absent, the check's image.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`
	// command starts the application, without a shell. When absent, the image's own entry point.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=4096
	Command []string `json:"command,omitempty"`
	// http passes once a GET is answered with a status from 200 to 399. When absent, tcp or exec decides, or nothing is waited for.
	// +optional
	HTTP *HTTPProbe `json:"http,omitempty"`
	// tcp passes once a connection is accepted. When absent, http or exec decides, or nothing is waited for.
	// +optional
	TCP *TCPProbe `json:"tcp,omitempty"`
	// exec passes once the command, run in the application's container, ends with 0. When absent, http or tcp decides, or nothing is waited for.
	// +optional
	Exec *ExecProbe `json:"exec,omitempty"`
}

// HTTPProbe asks a web server.
type HTTPProbe struct {
	// port is the port of the server.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
	// path is what is asked for. When absent it is /.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^/`
	Path string `json:"path,omitempty"`
}

// TCPProbe opens a connection.
type TCPProbe struct {
	// port is the port of the server.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
}

// ExecProbe runs a command.
type ExecProbe struct {
	// command is run without a shell.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=4096
	Command []string `json:"command"`
}

// CheckVariable is an environment variable.
type CheckVariable struct {
	// name is the variable's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	Name string `json:"name"`
	// value is its value. It is no place for a secret. When absent it is empty.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value,omitempty"`
}

// CheckMount says where the restored volume of a claim is mounted.
type CheckMount struct {
	// claim is the name of the captured claim.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`
	// path is where it is mounted.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^/[^:]+$`
	Path string `json:"path"`
}

// DrillCleanup says how long throw-away volumes stay after a drill.
type DrillCleanup struct {
	// onSuccess is for how long they stay after a drill that passed, at most 168h. When absent they go at once.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}(ms|([.][0-9]{1,3})?[smh]))+$')",message="onSuccess must be a duration such as 0s, 10m or 24h"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}(ms|([.][0-9]{1,3})?[smh]))+$') || duration(self) <= duration('168h')",message="onSuccess must be at most 168h"
	OnSuccess *metav1.Duration `json:"onSuccess,omitempty"`
	// onFailure is for how long they stay after any other drill, so that somebody can look, at most 168h. When absent they go at once.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}(ms|([.][0-9]{1,3})?[smh]))+$')",message="onFailure must be a duration such as 0s, 10m or 24h"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}(ms|([.][0-9]{1,3})?[smh]))+$') || duration(self) <= duration('168h')",message="onFailure must be at most 168h"
	OnFailure *metav1.Duration `json:"onFailure,omitempty"`
}

// Verdict is how a drill ended. Only Passed renews a proof.
//
// +kubebuilder:validation:Enum=Passed;Failed;Inconclusive;Aborted
type Verdict string

const (
	// VerdictPassed says that every check passed and the required level was reached.
	VerdictPassed Verdict = "Passed"
	// VerdictFailed says that the point could not be brought back, or not to the required level.
	VerdictFailed Verdict = "Failed"
	// VerdictInconclusive says that the drill could not run: a quota, scheduling, an image. It says nothing about the point.
	VerdictInconclusive Verdict = "Inconclusive"
	// VerdictAborted says that somebody ended the drill.
	VerdictAborted Verdict = "Aborted"
)

// RestoreDrillStatus is what was observed of one drill.
type RestoreDrillStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Succeeded, Unknown while the drill runs, and CleanedUp. Reconciling is present, and True, only while it runs or
	// cleans up; Stalled only once it ended otherwise than Passed.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// trigger says what started the drill.
	// +optional
	Trigger Trigger `json:"trigger,omitempty"`

	// run is what is being carried out: the spec, filled in from the policy as it stood when the drill started. It never changes afterwards.
	// +optional
	Run *DrillRun `json:"run,omitempty"`

	// selection says how the point was chosen, so that the choice can be repeated.
	// +optional
	Selection *DrillSelection `json:"selection,omitempty"`

	// phases are Selecting, Restoring, Reading, Checking and CleaningUp, each with its own time and outcome.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Phases []DrillPhase `json:"phases,omitempty"`

	// volumes are the restored volumes, one for each captured claim.
	// +optional
	// +listType=map
	// +listMapKey=claim
	// +kubebuilder:validation:MaxItems=50
	Volumes []DrillVolume `json:"volumes,omitempty"`

	// checks are the results of the checks.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Checks []CheckResult `json:"checks,omitempty"`

	// level is how deep the proof goes. Absent when not even Restored was reached.
	// +optional
	Level ProofLevel `json:"level,omitempty"`

	// verdict is how the drill ended. Absent while it runs.
	// +optional
	Verdict Verdict `json:"verdict,omitempty"`

	// finishedAt is when the verdict fell.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`

	// recoveryTime is how long it took from the first request to the storage system until the level was reached.
	// +optional
	RecoveryTime *metav1.Duration `json:"recoveryTime,omitempty"`

	// dataAge is how old the data of the point were when the drill began.
	// +optional
	DataAge *metav1.Duration `json:"dataAge,omitempty"`

	// evidence is the signed statement of what this drill showed. It outlives the drill.
	// +optional
	Evidence *EvidenceReference `json:"evidence,omitempty"`

	// dossiers tell how far it was written beside the copies of the point what was proven, and how the data come back. Absent unless
	// the drill passed and the point has copies. What becomes of them takes nothing from the proof.
	// +optional
	// +listType=map
	// +listMapKey=repository
	// +kubebuilder:validation:MaxItems=8
	Dossiers []Dossier `json:"dossiers,omitempty"`
}

// DossierState says how far a dossier is.
//
// +kubebuilder:validation:Enum=Writing;Written;Failed
type DossierState string

const (
	// DossierWriting is under way.
	DossierWriting DossierState = "Writing"
	// DossierWritten is in the repository.
	DossierWritten DossierState = "Written"
	// DossierFailed is not, after all attempts. The next proof writes another.
	DossierFailed DossierState = "Failed"
)

// Dossier is a text in a repository: what was proven of a point, where its copies are, and how they come back.
type Dossier struct {
	// repository is the Repository's name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Repository string `json:"repository"`
	// state says how far it is.
	// +required
	State DossierState `json:"state"`
	// attempt counts the attempts at it, from 0. There are three at most.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`
	// startedAt is when this attempt was begun, or is to begin.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// reason is a stable word for why it failed, or while it is Writing, why the attempt before did.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message says what is wrong.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// DrillRun is the frozen order of one drill.
type DrillRun struct {
	// policy is the name of the policy.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Policy string `json:"policy"`
	// policyUID is its UID.
	// +required
	// +kubebuilder:validation:MaxLength=64
	PolicyUID string `json:"policyUID"`
	// recoveryPoint is the point that is rehearsed. Absent when none could be chosen.
	// +optional
	RecoveryPoint DrilledPoint `json:"recoveryPoint,omitempty,omitzero"`
	// startedAt is when the drill started.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// deadline is when a drill without a verdict is ended.
	// +required
	Deadline metav1.Time `json:"deadline"`
	// required is the level that must be reached to pass.
	// +required
	Required ProofLevel `json:"required"`
	// storage is the storage stack when the drill started, one line for each part: KIND/NAME=HASH of what it says.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=320
	Storage []string `json:"storage,omitempty"`
	// storageClassName is the class of the throw-away volumes; empty: that of each captured claim.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClassName string `json:"storageClassName,omitempty"`
	// from is what is restored: the snapshots, or a copy.
	// +optional
	From RestoreSource `json:"from,omitempty"`

	// copy is the name of the copy that is restored. Absent from snapshots.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Copy string `json:"copy,omitempty"`

	// repository is the Repository that holds the copy. Absent from snapshots.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Repository string `json:"repository,omitempty"`

	// repositoryID is the unique ID of that repository. Absent from snapshots.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	RepositoryID string `json:"repositoryID,omitempty"`

	// independent says that neither the repository nor the storage class shares the failure domain of the captured volumes, as
	// it was computed when the drill started.
	// +optional
	Independent bool `json:"independent,omitempty"`

	// mover are the options of the pods that read.
	// +optional
	Mover *MoverOptions `json:"mover,omitempty"`
	// checks are those to run.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Checks []Check `json:"checks,omitempty"`
	// cleanup says how long the throw-away volumes stay.
	// +optional
	Cleanup DrillCleanup `json:"cleanup,omitempty,omitzero"`
}

// DrilledPoint names one very recovery point.
type DrilledPoint struct {
	// name is the RecoveryPoint's name.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// uid is its UID.
	// +required
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid"`
	// pointInTime is the moment its data are from.
	// +required
	PointInTime metav1.Time `json:"pointInTime"`
}

// DrillSelection says how a point was chosen.
type DrillSelection struct {
	// strategy is what was asked for.
	// +optional
	Strategy DrillSelect `json:"strategy,omitempty"`
	// seed is what the choice depends on, besides the eligible points.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Seed string `json:"seed,omitempty"`
	// eligible is how many points could have been chosen.
	// +optional
	Eligible int32 `json:"eligible,omitempty"`
	// eligibleDigest is the SHA-256 over their UIDs, oldest first, one a line.
	// +optional
	// +kubebuilder:validation:MaxLength=80
	EligibleDigest string `json:"eligibleDigest,omitempty"`
	// handPicked says that a person named the point.
	// +optional
	HandPicked bool `json:"handPicked,omitempty"`
}

// PhaseName names a phase of a drill.
//
// +kubebuilder:validation:Enum=Selecting;Restoring;Reading;Checking;CleaningUp
type PhaseName string

const (
	// PhaseSelecting chooses the point.
	PhaseSelecting PhaseName = "Selecting"
	// PhaseRestoring makes the throw-away volumes and mounts them.
	PhaseRestoring PhaseName = "Restoring"
	// PhaseReading reads every byte of them.
	PhaseReading PhaseName = "Reading"
	// PhaseChecking runs the checks.
	PhaseChecking PhaseName = "Checking"
	// PhaseCleaningUp removes all that the drill created, and verifies that it is gone.
	PhaseCleaningUp PhaseName = "CleaningUp"
)

// PhaseState says how far a phase is.
//
// +kubebuilder:validation:Enum=Running;Succeeded;Failed;Skipped
type PhaseState string

const (
	// PhaseRunning is under way.
	PhaseRunning PhaseState = "Running"
	// PhaseSucceeded ended well.
	PhaseSucceeded PhaseState = "Succeeded"
	// PhaseFailed did not.
	PhaseFailed PhaseState = "Failed"
	// PhaseSkipped was not run. It proves nothing.
	PhaseSkipped PhaseState = "Skipped"
)

// DrillPhase is one phase of a drill.
type DrillPhase struct {
	// name is the phase's name.
	// +required
	Name PhaseName `json:"name"`
	// state says how far it is.
	// +required
	State PhaseState `json:"state"`
	// startedAt is when it began.
	// +optional
	StartedAt *metav1.MicroTime `json:"startedAt,omitempty"`
	// finishedAt is when it ended.
	// +optional
	FinishedAt *metav1.MicroTime `json:"finishedAt,omitempty"`
	// message says what went wrong, or what is waited for.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// DrillVolume is one restored volume.
type DrillVolume struct {
	// claim is the name of the captured claim.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`
	// claimUID is its UID.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ClaimUID string `json:"claimUID,omitempty"`
	// throwaway is the name of the claim it was restored into.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Throwaway string `json:"throwaway,omitempty"`
	// volume is the PersistentVolume behind it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Volume string `json:"volume,omitempty"`
	// level is Restored once every byte was read, Intact when what was read equals the fingerprint.
	// +optional
	Level ProofLevel `json:"level,omitempty"`
	// reason is a stable word for what is wrong or awaited.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message says what is wrong and what helps.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
	// read is what was read back.
	// +optional
	Read *Fingerprint `json:"read,omitempty"`
	// writing is how a copy was written into the volume. Absent from snapshots, and where there is nothing to tell.
	// +optional
	Writing *VolumeWriting `json:"writing,omitempty"`
}

// VolumeWriting is how a copy was written into a restored volume, and how often that was begun: each time into a volume of its own.
type VolumeWriting struct {
	// attempt counts the volumes, from 0. The claim and the pod that writes to it bear it.
	// +required
	Attempt int32 `json:"attempt"`
	// bigger says that a pod ran out of memory, and that those after it get twice as much.
	// +optional
	Bigger bool `json:"bigger,omitempty"`
	// lost is how much of the copy could not be set on the volume, such as owners without the right to do so.
	// +optional
	Lost int64 `json:"lost,omitempty"`
}

// Fingerprint is what a volume holds: the digest of its manifest, and how much it describes.
type Fingerprint struct {
	// digest is the SHA-256 of the manifest, or of the bytes of a block volume, as sha256:HEX.
	// +required
	// +kubebuilder:validation:MaxLength=80
	Digest string `json:"digest"`
	// files is how many regular files there are.
	// +optional
	Files int64 `json:"files,omitempty"`
	// bytes is how many bytes they hold.
	// +optional
	Bytes int64 `json:"bytes,omitempty"`
}

// CheckState says how a check ended.
//
// +kubebuilder:validation:Enum=Running;Passed;Failed;TimedOut;NotRun;Skipped
type CheckState string

const (
	// CheckRunning is under way.
	CheckRunning CheckState = "Running"
	// CheckPassed accepted the restored volumes.
	CheckPassed CheckState = "Passed"
	// CheckFailed did not.
	CheckFailed CheckState = "Failed"
	// CheckTimedOut did not end in time.
	CheckTimedOut CheckState = "TimedOut"
	// CheckNotRun could not be started.
	CheckNotRun CheckState = "NotRun"
	// CheckSkipped was not started, because the drill had ended before. It proves nothing.
	CheckSkipped CheckState = "Skipped"
)

// CheckResult is the result of one check.
type CheckResult struct {
	// name is the check's name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// proves is the level it stands for.
	// +required
	Proves ProofLevel `json:"proves"`
	// state says how it ended.
	// +required
	State CheckState `json:"state"`
	// imageID is the image that was used, with its digest, as the node reports it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	ImageID string `json:"imageID,omitempty"`
	// exitCode is what it ended with. Absent when it did not end by itself.
	// +optional
	ExitCode *int32 `json:"exitCode,omitempty"`
	// startedAt is when its pod was asked for.
	// +optional
	StartedAt *metav1.MicroTime `json:"startedAt,omitempty"`
	// finishedAt is when it ended.
	// +optional
	FinishedAt *metav1.MicroTime `json:"finishedAt,omitempty"`
	// message says what went wrong. What the check printed is never shown.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// EvidenceReference names a signed statement.
type EvidenceReference struct {
	// configMap is the name of the ConfigMap that holds it, in the drill's namespace.
	// +required
	// +kubebuilder:validation:MaxLength=253
	ConfigMap string `json:"configMap"`
	// digest is the SHA-256 of the statement, as sha256:HEX.
	// +required
	// +kubebuilder:validation:MaxLength=80
	Digest string `json:"digest"`
}

// MoverOptions are the options of the pods that read restored volumes.
type MoverOptions struct {
	// runAsUser is the user ID they read as, other than 0: that of the application, when its files are not readable for all.
	// When absent it is 65532.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2147483647
	RunAsUser *int64 `json:"runAsUser,omitempty"`
	// runAsGroup is the group ID they read as. When absent it is the user ID.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2147483647
	RunAsGroup *int64 `json:"runAsGroup,omitempty"`

	// resources are those of the pods that speak to a repository. When absent: requests of 100m CPU and 128Mi memory, and a limit of
	// 1Gi memory. A pod that ran out of memory is followed by one with twice the limit, once.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// placement says on which nodes the pods run. When absent, on any.
	// +optional
	Placement *NodePlacement `json:"placement,omitempty"`

	// priorityClassName is the priority of the pods. When absent, the cluster's default.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PriorityClassName string `json:"priorityClassName,omitempty"`
}
