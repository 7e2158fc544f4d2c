// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BackupPolicy is the promise: which volumes are captured, when, how long the
// recovery points are kept, and how old the newest one may get.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=bp,categories=lifeboat
// +kubebuilder:printcolumn:name="Protected",type=string,JSONPath=`.status.conditions[?(@.type=="Protected")].status`,description="True while every selected volume has a complete recovery point younger than the recovery point objective."
// +kubebuilder:printcolumn:name="Independent",type=string,JSONPath=`.status.conditions[?(@.type=="Independent")].status`,description="True while a complete copy in another failure domain is younger than the objective; empty where no copies are promised."
// +kubebuilder:printcolumn:name="Proven",type=string,JSONPath=`.status.conditions[?(@.type=="Proven")].status`,description="True while a drill has proven the restore as deep, as recently and as quickly as the objectives ask."
// +kubebuilder:printcolumn:name="Last",type=date,JSONPath=`.status.lastRecoveryPoint.pointInTime`,description="Age of the newest complete recovery point, by the storage system's own clock."
// +kubebuilder:printcolumn:name="Next",type=string,JSONPath=`.status.nextSlot`,description="The next scheduled instant (UTC)."
// +kubebuilder:printcolumn:name="Points",type=integer,JSONPath=`.status.recoveryPoints.complete`,description="Complete recovery points."
// +kubebuilder:printcolumn:name="Volumes",type=integer,JSONPath=`.status.volumes.selected`,description="Selected volumes."
// +kubebuilder:printcolumn:name="Finding",type=string,JSONPath=`.status.findings[0].kind`,description="The worst difference between what is promised and what is observed."
// +kubebuilder:printcolumn:name="Severity",type=string,JSONPath=`.status.findings[0].severity`,description="How loud it is: Critical, High, Medium, Low, or Pending while it is only waited for."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Ready",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="True when the policy can be carried out."
// +kubebuilder:printcolumn:name="Findings",type=integer,priority=1,JSONPath=`.status.findingCounts.total`,description="All differences, the pending ones too."
// +kubebuilder:printcolumn:name="Why",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Protected")].reason`,description="Reason of the Protected condition."
// +kubebuilder:printcolumn:name="Proof",type=string,priority=1,JSONPath=`.status.lastProof.level`,description="How deep the newest proof goes."
// +kubebuilder:printcolumn:name="Proof age",type=date,priority=1,JSONPath=`.status.lastProof.at`
// +kubebuilder:printcolumn:name="Recovery",type=string,priority=1,JSONPath=`.status.lastProof.recoveryTime`,description="How long the proven recovery took."
// +kubebuilder:printcolumn:name="Next drill",type=string,priority=1,JSONPath=`.status.nextDrill`
// +kubebuilder:printcolumn:name="Source",type=string,priority=1,JSONPath=`.metadata.labels['lifeboat\.dev/cluster-policy']`,description="The ClusterBackupPolicy from whose template it was made; empty for one of the namespace's own."
// +kubebuilder:printcolumn:name="Schedule",type=string,priority=1,JSONPath=`.spec.schedule.cron`
// +kubebuilder:printcolumn:name="Zone",type=string,priority=1,JSONPath=`.spec.schedule.timeZone`
// +kubebuilder:printcolumn:name="Suspended",type=boolean,priority=1,JSONPath=`.spec.suspend`
// +kubebuilder:printcolumn:name="Failed",type=integer,priority=1,JSONPath=`.status.recoveryPoints.failed`,description="Recovery points that did not become complete."
// +kubebuilder:printcolumn:name="Missed",type=integer,priority=1,JSONPath=`.status.missedSlots`,description="Slots that passed without a run."
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters, because it is used as a label value; choose a shorter name"
type BackupPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is promised.
	// +required
	Spec BackupPolicySpec `json:"spec"`

	// status is what was observed. Only Lifeboat writes it.
	// +optional
	Status BackupPolicyStatus `json:"status,omitempty,omitzero"`
}

// BackupPolicyList is a list of BackupPolicy.
//
// +kubebuilder:object:root=true
type BackupPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BackupPolicy `json:"items"`
}

// BackupPolicySpec is what is promised for a set of volumes.
//
// +kubebuilder:validation:XValidation:rule="!has(self.snapshot) || !has(self.snapshot.consistency) || self.snapshot.consistency == 'Crash' || has(self.volumes.selector)",fieldPath=".snapshot.consistency",message="consistency Group and PreferGroup need spec.volumes.selector, because Kubernetes selects the members of a group snapshot by label; select the claims by label, or use consistency Crash"
type BackupPolicySpec struct {
	// volumes says which PersistentVolumeClaims of this namespace are captured.
	// +required
	Volumes VolumeSelection `json:"volumes"`

	// schedule says when recovery points are taken.
	// +required
	Schedule Schedule `json:"schedule"`

	// suspend stops scheduled captures and freezes pruning while it is true.
	// Captures that are under way finish. Slots that pass meanwhile are not made up for.
	// When absent the policy is active.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// snapshot says how the volumes are captured.
	// When absent, each volume's driver default class is used, with consistency Crash and a timeout of 10m.
	// +optional
	Snapshot *SnapshotOptions `json:"snapshot,omitempty"`

	// retention says which recovery points are kept.
	// +required
	Retention Retention `json:"retention"`

	// copies say where points are copied to, so that they outlive the storage system. When absent there are only snapshots.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:XValidation:rule="self.all(c, self.exists_one(d, d.repository.name == c.repository.name))",message="copies must each go into a repository of their own; remove one of those that name the same repository"
	Copies []CopyTarget `json:"copies,omitempty"`

	// objectives say how much may be lost, and what must be proven.
	// When absent, Protected holds until two consecutive slots have passed without a complete recovery point.
	// +optional
	Objectives *Objectives `json:"objectives,omitempty"`

	// fingerprint says of which recovery points a fingerprint is recorded after the capture, against which drills and restores
	// compare what they read. It costs a throw-away volume and a full read of each. A point of more than 50 volumes has none,
	// nor has one that is not the newest any more when its turn comes.
	// When absent it is Every for a policy with a drill, and None without.
	// +optional
	Fingerprint FingerprintMode `json:"fingerprint,omitempty"`

	// manifest says whether the list of files behind each fingerprint is kept with it, so that a difference can be told by file.
	// Keep keeps it, compressed, in a ConfigMap of this namespace that goes with the point, where it is at most 512 KiB:
	// whoever may read ConfigMaps here can read the names of files. When absent it is None: the list can be made again from the
	// snapshot, and its digest is the fingerprint.
	// +optional
	Manifest ManifestMode `json:"manifest,omitempty"`

	// drill says how the restore is rehearsed. When absent it is not rehearsed on schedule.
	// +optional
	Drill *Drill `json:"drill,omitempty"`

	// mover are the options of the pods that read restored volumes: for fingerprints, drills and restores.
	// When absent they run as user 65532.
	// +optional
	Mover *MoverOptions `json:"mover,omitempty"`

	// onDelete says what deleting this policy does to its recovery points.
	// Retain keeps all of them; Prune expires all that are not on hold, once the policy is gone.
	// When absent they are retained.
	// +optional
	// +kubebuilder:default=Retain
	OnDelete OnDelete `json:"onDelete,omitempty"`
}

// FingerprintMode says of which recovery points a fingerprint is recorded.
//
// +kubebuilder:validation:Enum=Every;Sampled;None
type FingerprintMode string

const (
	// FingerprintEvery records one of every complete point.
	FingerprintEvery FingerprintMode = "Every"
	// FingerprintSampled records one of every eighth point, chosen by its UID, and of the first.
	FingerprintSampled FingerprintMode = "Sampled"
	// FingerprintNone records none.
	FingerprintNone FingerprintMode = "None"
)

// ManifestMode says whether manifests are kept.
//
// +kubebuilder:validation:Enum=Keep;None
type ManifestMode string

const (
	// ManifestKeep keeps the list of files behind a fingerprint.
	ManifestKeep ManifestMode = "Keep"
	// ManifestNone keeps its digest alone.
	ManifestNone ManifestMode = "None"
)

// Drill says how the restore of a policy is rehearsed.
//
// +kubebuilder:validation:XValidation:rule="!has(self.checks) || !self.checks.exists(c, c.proves == 'Answering') || self.checks.exists(c, c.proves == 'Consistent')",fieldPath=".checks",message="levels are cumulative: a check that proves Answering needs another one that proves Consistent; add one, such as the application's own check of its files"
type Drill struct {
	// cron is when, in the form and the time zone of spec.schedule, with its jitter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=120
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') ? self in ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'] : self.split(' ').size() == 5",message="cron must have five fields separated by single spaces (minute hour day-of-month month day-of-week), such as '0 3 * * 1-5', or be one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually; name a time zone in timeZone"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').size() != 5 || self.split(' ')[0].split(',').all(e, e.matches('^([*]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]?)?$'))",message="the first field of cron, the minute, must be * or made of numbers from 0 to 59, ranges (a-b), steps (/n) and lists (a,b)"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').size() != 5 || self.split(' ')[1].split(',').all(e, e.matches('^([*]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]?)?$'))",message="the second field of cron, the hour, must be * or made of numbers from 0 to 23, ranges (a-b), steps (/n) and lists (a,b)"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').size() != 5 || self.split(' ')[2].split(',').all(e, e.matches('^([*?]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]?)?$'))",message="the third field of cron, the day of the month, must be * or made of numbers from 1 to 31, ranges (a-b), steps (/n) and lists (a,b)"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').size() != 5 || self.split(' ')[3].split(',').all(e, e.matches('^([*]|(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))(-(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)))?)(/[1-9][0-9]?)?$'))",message="the fourth field of cron, the month, must be * or made of numbers from 1 to 12 or jan to dec, ranges (a-b), steps (/n) and lists (a,b)"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').size() != 5 || self.split(' ')[4].split(',').all(e, e.matches('^([*?]|([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat))(-([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat)))?)(/[1-9][0-9]?)?$'))",message="the fifth field of cron, the day of the week, must be * or made of numbers from 0 (Sunday) to 6 or sun to sat, ranges (a-b), steps (/n) and lists (a,b)"
	// +kubebuilder:validation:XValidation:rule="self.findAll('[0-9]{1,2}-[0-9]{1,2}').all(r, int(r.split('-')[0]) <= int(r.split('-')[1]))",message="a range in cron must not run backwards; write the smaller number first"
	// +kubebuilder:validation:XValidation:rule="self.lowerAscii().findAll('[a-z]{3}-[a-z]{3}').all(r, 'janfebmaraprmayjunjulaugsepoctnovdec sunmontuewedthufrisat'.indexOf(r.substring(0, 3)) <= 'janfebmaraprmayjunjulaugsepoctnovdec sunmontuewedthufrisat'.indexOf(r.substring(4)))",message="a range of names in cron must not run backwards; write the earlier name first, and sat,sun for a weekend"
	// +kubebuilder:validation:XValidation:rule="!self.lowerAscii().matches('[a-z]-[0-9]|[0-9]-[a-z]')",message="a range in cron must not mix a name and a number; write both as names or both as numbers"
	Cron string `json:"cron"`

	// from says what is restored: Snapshot, or Copy for a copy of the point, which proves that it can be done without the storage
	// system. When absent it is Snapshot.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self != 'Any'",message="from must be Snapshot or Copy: a drill proves one of them, and says which"
	From RestoreSource `json:"from,omitempty"`

	// select says which complete point is rehearsed. When absent it is Rotate.
	// +optional
	Select DrillSelect `json:"select,omitempty"`

	// storageClassName is the class of the throw-away volumes. From snapshots its provisioner must be their driver; from copies it
	// may be any.
	// When absent, the class of each captured claim.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClassName string `json:"storageClassName,omitempty"`

	// checks are run on the restored volumes, in this order. When absent a drill reaches Intact at most.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Checks []Check `json:"checks,omitempty"`

	// timeout is how long a drill may take until its last check has ended, between 30s and 24h. When absent it is 1h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="timeout must be a duration such as 90s, 10m or 1h30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('30s') && duration(self) <= duration('24h'))",message="timeout must be between 30s and 24h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// cleanup says how long the throw-away volumes stay. When absent they go at once.
	// +optional
	Cleanup *DrillCleanup `json:"cleanup,omitempty"`

	// history is how many ended drills are kept, besides the newest that passed, the newest that failed since, and up to three newer that could not be carried out.
	// Their evidence is kept longer. When absent it is 10.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	History *int32 `json:"history,omitempty"`
}

// OnDelete says what deleting a policy does to its recovery points.
//
// +kubebuilder:validation:Enum=Retain;Prune
type OnDelete string

const (
	// OnDeleteRetain keeps the recovery points of a deleted policy.
	OnDeleteRetain OnDelete = "Retain"
	// OnDeletePrune expires the recovery points of a deleted policy, but for those on hold.
	OnDeletePrune OnDelete = "Prune"
)

// VolumeSelection selects PersistentVolumeClaims of the policy's own namespace, in exactly one way.
//
// +kubebuilder:validation:XValidation:rule="[has(self.selector), has(self.claims), has(self.workload)].filter(given, given).size() == 1",message="exactly one of selector, claims and workload must be set; keep one and remove the others"
type VolumeSelection struct {
	// selector selects claims by their labels. An empty selector ({}) selects every claim of the namespace.
	// When absent, claims or workload selects.
	// +optional
	Selector *LabelSelector `json:"selector,omitempty"`

	// claims selects claims by their names. A name without a claim is reported and keeps points from being complete.
	// When absent, selector or workload selects.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Claims []string `json:"claims,omitempty"`

	// workload selects the claims that the pods of one workload use, whether or not it is scaled up.
	// When absent, selector or claims selects.
	// +optional
	Workload *WorkloadReference `json:"workload,omitempty"`
}

// LabelSelector is the usual Kubernetes label selector, with bounds.
type LabelSelector struct {
	// matchLabels must all be present. When absent, matchExpressions alone decide.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	MatchLabels map[string]string `json:"matchLabels,omitempty"`

	// matchExpressions must all hold. When absent, matchLabels alone decide.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []LabelRequirement `json:"matchExpressions,omitempty"`
}

// LabelRequirement relates a label to a set of values.
//
// +kubebuilder:validation:XValidation:rule="self.operator in ['In', 'NotIn'] ? (has(self.values) && self.values.size() > 0) : (!has(self.values) || self.values.size() == 0)",message="values must be given for operator In and NotIn, and left out for operator Exists and DoesNotExist"
type LabelRequirement struct {
	// key is the label's key.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Key string `json:"key"`

	// operator relates the label to values: In, NotIn, Exists or DoesNotExist.
	// +required
	Operator LabelOperator `json:"operator"`

	// values are needed for In and NotIn, and must be absent for Exists and DoesNotExist.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	Values []string `json:"values,omitempty"`
}

// LabelOperator relates a label to a set of values.
//
// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
type LabelOperator string

// AsMeta is the selector in the form the Kubernetes libraries take.
func (s *LabelSelector) AsMeta() *metav1.LabelSelector {
	out := &metav1.LabelSelector{MatchLabels: s.MatchLabels}
	for _, e := range s.MatchExpressions {
		out.MatchExpressions = append(out.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: e.Key, Operator: metav1.LabelSelectorOperator(e.Operator), Values: e.Values,
		})
	}
	return out
}

// WorkloadReference names a workload of the policy's own namespace.
type WorkloadReference struct {
	// kind is StatefulSet or Deployment. A StatefulSet stands for the claims of its
	// volumeClaimTemplates, of every ordinal, and for those named in its pod template.
	// +required
	// +kubebuilder:validation:Enum=StatefulSet;Deployment
	Kind string `json:"kind"`

	// name is the workload's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// Schedule says when recovery points are taken. Each scheduled instant is a slot.
type Schedule struct {
	// cron is a five-field cron expression (minute hour day-of-month month day-of-week), or one of
	// @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually.
	// Ranges, lists, steps and English month and day names are allowed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=120
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') ? self in ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'] : self.split(' ').size() == 5",message="cron must have five fields separated by single spaces (minute hour day-of-month month day-of-week), such as '0 3 * * 1-5', or be one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually; name a time zone in timeZone"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').size() != 5 || self.split(' ')[0].split(',').all(e, e.matches('^([*]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]?)?$'))",message="the first field of cron, the minute, must be * or made of numbers from 0 to 59, ranges (a-b), steps (/n) and lists (a,b)"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').size() != 5 || self.split(' ')[1].split(',').all(e, e.matches('^([*]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]?)?$'))",message="the second field of cron, the hour, must be * or made of numbers from 0 to 23, ranges (a-b), steps (/n) and lists (a,b)"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').size() != 5 || self.split(' ')[2].split(',').all(e, e.matches('^([*?]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]?)?$'))",message="the third field of cron, the day of the month, must be * or made of numbers from 1 to 31, ranges (a-b), steps (/n) and lists (a,b)"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').size() != 5 || self.split(' ')[3].split(',').all(e, e.matches('^([*]|(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))(-(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)))?)(/[1-9][0-9]?)?$'))",message="the fourth field of cron, the month, must be * or made of numbers from 1 to 12 or jan to dec, ranges (a-b), steps (/n) and lists (a,b)"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').size() != 5 || self.split(' ')[4].split(',').all(e, e.matches('^([*?]|([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat))(-([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat)))?)(/[1-9][0-9]?)?$'))",message="the fifth field of cron, the day of the week, must be * or made of numbers from 0 (Sunday) to 6 or sun to sat, ranges (a-b), steps (/n) and lists (a,b)"
	// +kubebuilder:validation:XValidation:rule="self.findAll('[0-9]{1,2}-[0-9]{1,2}').all(r, int(r.split('-')[0]) <= int(r.split('-')[1]))",message="a range in cron must not run backwards; write the smaller number first"
	// +kubebuilder:validation:XValidation:rule="self.lowerAscii().findAll('[a-z]{3}-[a-z]{3}').all(r, 'janfebmaraprmayjunjulaugsepoctnovdec sunmontuewedthufrisat'.indexOf(r.substring(0, 3)) <= 'janfebmaraprmayjunjulaugsepoctnovdec sunmontuewedthufrisat'.indexOf(r.substring(4)))",message="a range of names in cron must not run backwards; write the earlier name first, and sat,sun for a weekend"
	// +kubebuilder:validation:XValidation:rule="!self.lowerAscii().matches('[a-z]-[0-9]|[0-9]-[a-z]')",message="a range in cron must not mix a name and a number; write both as names or both as numbers"
	Cron string `json:"cron"`

	// timeZone is the IANA name of the zone in which cron and the retention's days are meant, such as Europe/Berlin.
	// When absent it is UTC.
	// +optional
	// +kubebuilder:default=UTC
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$') && self != 'Local'",message="timeZone must be a name from the IANA time zone database, such as Europe/Berlin or UTC; offsets such as +05:30 are not names"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$') || self == 'Local' || timestamp('2020-01-01T00:00:00Z').getHours(self) >= 0",message="timeZone is not known; use a name from the IANA time zone database, such as Europe/Berlin or UTC"
	TimeZone string `json:"timeZone,omitempty"`

	// jitter is the window over which policies with the same cron are spread, so that a fleet does not stampede.
	// Each policy's own delay within the window is fixed. At most 24h.
	// When absent a run starts at its slot.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="jitter must be a duration such as 90s, 10m or 1h30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) <= duration('24h'))",message="jitter must be at most 24h"
	Jitter *metav1.Duration `json:"jitter,omitempty"`

	// startingDeadline is how late a run may start. A slot that could not start in time is skipped and counted as missed.
	// At least 10s. When absent, the newest missed slot is made up for as soon as possible, however late.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="startingDeadline must be a duration such as 90s, 10m or 1h30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('10s'))",message="startingDeadline must be at least 10s, or no slot could ever start in time"
	StartingDeadline *metav1.Duration `json:"startingDeadline,omitempty"`
}

// SnapshotOptions say how volumes are captured.
type SnapshotOptions struct {
	// className is the VolumeSnapshotClass to use. Its driver must be the volumes' driver.
	// When absent, each driver's default VolumeSnapshotClass is used.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ClassName string `json:"className,omitempty"`

	// consistency says how the volumes of one point relate. Crash: each volume is captured at its own instant.
	// Group: all at the same instant, by a VolumeGroupSnapshot, or not at all.
	// PreferGroup: as Group where the driver can, else as Crash; status.consistency of the point says which.
	// When absent it is Crash.
	// +optional
	// +kubebuilder:default=Crash
	Consistency Consistency `json:"consistency,omitempty"`

	// groupClassName is the VolumeGroupSnapshotClass to use with Group and PreferGroup.
	// When absent, the driver's default VolumeGroupSnapshotClass is used.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	GroupClassName string `json:"groupClassName,omitempty"`

	// timeout is how long a capture may take from its start until every snapshot is ready.
	// A point that is not complete by then has failed. Between 10s and 24h. When absent it is 10m.
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="timeout must be a duration such as 90s, 10m or 1h30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('10s') && duration(self) <= duration('24h'))",message="timeout must be between 10s and 24h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// hooks run commands in the application's containers around the capture. Their commands together are at most
	// 8192 characters. When absent nothing is run.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.map(h, h.command.map(c, c.size()).sum()).sum() <= 8192",message="the commands of all hooks together must be at most 8192 characters; put longer scripts into the image"
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Hooks []Hook `json:"hooks,omitempty"`
}

// Consistency says how the volumes of one recovery point relate.
//
// +kubebuilder:validation:Enum=Crash;Group;PreferGroup
type Consistency string

const (
	// ConsistencyCrash captures each volume at its own instant.
	ConsistencyCrash Consistency = "Crash"
	// ConsistencyGroup captures all volumes at one instant, or fails.
	ConsistencyGroup Consistency = "Group"
	// ConsistencyPreferGroup captures all volumes at one instant where possible.
	ConsistencyPreferGroup Consistency = "PreferGroup"
)

// Hook is a command that is run in containers of the policy's own namespace around the capture.
// It is run at least once, and again when the operator was restarted meanwhile: it must bear repetition.
type Hook struct {
	// name identifies the hook within the policy.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// when is Before (the snapshots are taken) or After. After hooks run whatever happened, once a Before hook or the capture was begun.
	// +required
	When HookTime `json:"when"`

	// selector selects the running pods in which the command is run. No such pod is an error, subject to onError.
	// +required
	Selector LabelSelector `json:"selector"`

	// container is the container's name. When absent, the pod's first container is used.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Container string `json:"container,omitempty"`

	// command is run as it is, without a shell.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=4096
	Command []string `json:"command"`

	// timeout is how long the command may take in one pod, between 1s and 10m. When absent it is 30s.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="timeout of a hook must be a duration such as 90s, 10m or 1h30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('1s') && duration(self) <= duration('10m'))",message="timeout of a hook must be between 1s and 10m"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// onError says what a failing Before hook does: Abort gives the point up, Continue captures all the same.
	// A failing After hook never changes the point; it is reported. When absent it is Abort.
	// +optional
	// +kubebuilder:default=Abort
	OnError HookError `json:"onError,omitempty"`
}

// HookTime says on which side of the capture a hook runs.
//
// +kubebuilder:validation:Enum=Before;After
type HookTime string

const (
	// HookBefore runs before the first snapshot is requested.
	HookBefore HookTime = "Before"
	// HookAfter runs once every snapshot was cut, or the capture was given up.
	HookAfter HookTime = "After"
)

// HookError says what a failing Before hook does.
//
// +kubebuilder:validation:Enum=Abort;Continue
type HookError string

const (
	// HookAbort gives the recovery point up.
	HookAbort HookError = "Abort"
	// HookContinue captures all the same.
	HookContinue HookError = "Continue"
)

// Retention says which recovery points are kept. A point is kept while any rule wants it; only complete
// points count, and the newest point of an hour, day, week, month or year stands for it.
// Hours, days, weeks (ISO 8601), months and years are those of spec.schedule.timeZone.
//
// +kubebuilder:validation:XValidation:rule="(has(self.last) ? self.last : 0) + (has(self.hourly) ? self.hourly : 0) + (has(self.daily) ? self.daily : 0) + (has(self.weekly) ? self.weekly : 0) + (has(self.monthly) ? self.monthly : 0) + (has(self.yearly) ? self.yearly : 0) > 0",message="retention keeps nothing; set at least one of last, hourly, daily, weekly, monthly and yearly to 1 or more"
type Retention struct {
	// last is how many of the newest points are kept. When absent, none for this reason.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Last int32 `json:"last,omitempty"`
	// hourly is for how many of the newest hours with points one is kept. When absent, none for this reason.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Hourly int32 `json:"hourly,omitempty"`
	// daily is for how many of the newest days with points one is kept. When absent, none for this reason.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Daily int32 `json:"daily,omitempty"`
	// weekly is for how many of the newest weeks with points one is kept. When absent, none for this reason.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Weekly int32 `json:"weekly,omitempty"`
	// monthly is for how many of the newest months with points one is kept. When absent, none for this reason.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Monthly int32 `json:"monthly,omitempty"`
	// yearly is for how many of the newest years with points one is kept. When absent, none for this reason.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Yearly int32 `json:"yearly,omitempty"`
	// minimum is how many complete points are always kept, of each volume, whatever the other rules say.
	// It cannot go below 1. When absent it is 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Minimum int32 `json:"minimum,omitempty"`
}

// Objectives say how much may be lost, how long a recovery may take, and what must be proven.
type Objectives struct {
	// recoveryPoint (RPO) is how old the newest complete recovery point may get, by the storage system's clock. At least 1m.
	// When absent, it is until two consecutive slots have passed.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="recoveryPoint must be a duration such as 90s, 10m or 1h30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('1m'))",message="recoveryPoint must be at least 1m"
	RecoveryPoint *metav1.Duration `json:"recoveryPoint,omitempty"`

	// recoveryTime (RTO) is how long a recovery may take, judged on the time that the last proof measured. At least 1s.
	// When absent no time is too long.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="recoveryTime must be a duration such as 90s, 10m or 1h30m"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('1s'))",message="recoveryTime must be at least 1s"
	RecoveryTime *metav1.Duration `json:"recoveryTime,omitempty"`

	// copyWithin is how old the data of the newest independent copy may get. At least 1m. When absent no age is too old, but
	// where spec.copies are promised there must be one.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="copyWithin must be a duration such as 90m, 24h or 168h"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('1m'))",message="copyWithin must be at least 1m"
	CopyWithin *metav1.Duration `json:"copyWithin,omitempty"`

	// proofWithin is how old the newest proof may get. At least 1m. When absent it is 168h, a week.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="proofWithin must be a duration such as 90m, 24h or 168h"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('1m'))",message="proofWithin must be at least 1m"
	ProofWithin *metav1.Duration `json:"proofWithin,omitempty"`

	// requiredProof is the level that a drill must reach to pass. When absent it is the deepest that the drill's checks
	// stand for, or Intact without checks, or Restored where no fingerprints are recorded.
	// +optional
	RequiredProof ProofLevel `json:"requiredProof,omitempty"`
}

// BackupPolicyStatus is what was observed of a policy.
type BackupPolicyStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Ready, Protected and, for a policy with copies, Independent, and with a drill or a proof to show, Proven;
	// Stalled is present, and True, only while the spec cannot be carried out.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// lastSlot is the newest slot that was run or passed over. No slot at or before it is ever run.
	// +optional
	LastSlot *metav1.Time `json:"lastSlot,omitempty"`

	// nextSlot is the next scheduled instant, before jitter. Absent while the policy is suspended.
	// +optional
	NextSlot *metav1.Time `json:"nextSlot,omitempty"`

	// findings are the differences between what is promised and what is observed, worst first, at most 20, with the worst of each
	// kind among them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Findings []Finding `json:"findings,omitempty"`

	// findingCounts counts all findings, those that are not listed too.
	// +optional
	FindingCounts FindingCounts `json:"findingCounts"`

	// told are the notifiers that were told of this policy's findings, and what. Written once a message was accepted, so that a
	// restart repeats nothing. Absent while nothing was told.
	// +optional
	// +listType=map
	// +listMapKey=notifier
	// +kubebuilder:validation:MaxItems=8
	Told []NotifierMark `json:"told,omitempty"`

	// missedSlots counts the slots that passed without a run since the policy was created.
	// +optional
	MissedSlots int64 `json:"missedSlots"`

	// missed are the newest slots that passed without a run, one after the other. Absent once a later slot has led to a complete point.
	// +optional
	Missed *MissedRun `json:"missed,omitempty"`

	// drills counts the drills that ended since the policy was created, by verdict.
	// +optional
	Drills DrillCounts `json:"drills,omitempty,omitzero"`

	// lastRecoveryPoint is the newest complete recovery point. Absent until there is one.
	// +optional
	LastRecoveryPoint *PointSummary `json:"lastRecoveryPoint,omitempty"`

	// lastCopy is the newest complete copy in another failure domain. Absent until there is one.
	// +optional
	LastCopy *CopySummary `json:"lastCopy,omitempty"`

	// activeRecoveryPoint is the name of the point that is being captured. Absent when there is none.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ActiveRecoveryPoint string `json:"activeRecoveryPoint,omitempty"`

	// lastDrillSlot is the newest slot of spec.drill that was run or passed over.
	// +optional
	LastDrillSlot *metav1.Time `json:"lastDrillSlot,omitempty"`

	// nextDrill is the next scheduled drill, before jitter. Absent without spec.drill, and while the policy is suspended.
	// +optional
	NextDrill *metav1.Time `json:"nextDrill,omitempty"`

	// lastDrill is the newest drill that ended.
	// +optional
	LastDrill *DrillSummary `json:"lastDrill,omitempty"`

	// lastProof is the newest proof: the newest drill that passed.
	// +optional
	LastProof *ProofSummary `json:"lastProof,omitempty"`

	// recoveryPoints counts this policy's points. Written also when there are none, so that kubectl prints 0.
	// +optional
	RecoveryPoints PointCounts `json:"recoveryPoints"`

	// volumes counts the selected volumes. Written also when there are none, so that kubectl prints 0.
	// +optional
	Volumes VolumeCounts `json:"volumes"`

	// expiring are points that retention no longer keeps, at most 20, soonest first. They stay at least until their time,
	// and longer while the policy is suspended. A point is only ever expired after it stood here.
	// +optional
	// +listType=map
	// +listMapKey=uid
	// +listMapKey=part
	// +kubebuilder:validation:MaxItems=20
	Expiring []ExpiringPoint `json:"expiring,omitempty"`

	// applied records which parts of the spec are in force since when, so that an edit never starts a run or an expiry by itself.
	// +optional
	Applied *AppliedSpec `json:"applied,omitempty"`
}

// MissedRun is a run of slots that passed without a run.
type MissedRun struct {
	// slots is how many.
	// +required
	Slots int32 `json:"slots"`
	// first is about when it began: when the first of them was noticed.
	// +required
	First metav1.Time `json:"first"`
	// last is the newest of them.
	// +required
	Last metav1.Time `json:"last"`
}

// DrillCounts counts drills that ended, by verdict.
type DrillCounts struct {
	// passed drills gave a proof.
	// +optional
	Passed int64 `json:"passed,omitempty"`
	// failed drills showed that the point could not be restored as promised.
	// +optional
	Failed int64 `json:"failed,omitempty"`
	// inconclusive drills could not be carried out.
	// +optional
	Inconclusive int64 `json:"inconclusive,omitempty"`
	// aborted drills were deleted before they ended.
	// +optional
	Aborted int64 `json:"aborted,omitempty"`
}

// DrillSummary is the essence of one drill.
type DrillSummary struct {
	// name is the RestoreDrill's name.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// verdict is how it ended.
	// +required
	Verdict Verdict `json:"verdict"`
	// reason is the reason of its Succeeded condition.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// at is when it ended.
	// +required
	At metav1.Time `json:"at"`
}

// ProofSummary is the essence of one proof.
type ProofSummary struct {
	// drill is the RestoreDrill's name.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Drill string `json:"drill"`
	// recoveryPoint is the point that was restored.
	// +required
	// +kubebuilder:validation:MaxLength=253
	RecoveryPoint string `json:"recoveryPoint"`
	// level is how deep the proof goes.
	// +required
	Level ProofLevel `json:"level"`
	// at is when the drill ended.
	// +required
	At metav1.Time `json:"at"`
	// recoveryTime is how long the recovery took, to that level.
	// +optional
	RecoveryTime *metav1.Duration `json:"recoveryTime,omitempty"`
	// from is what was restored: the snapshots, or a copy.
	// +optional
	From RestoreSource `json:"from,omitempty"`
	// independent says that it was restored without the failure domain of the captured volumes: neither the repository nor the
	// storage class shares it.
	// +optional
	Independent bool `json:"independent,omitempty"`
	// storage is the storage stack under which it was restored, one line for each part: KIND/NAME=HASH of what it says.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=320
	Storage []string `json:"storage,omitempty"`
}

// AppliedSpec records which parts of a spec are in force since when.
type AppliedSpec struct {
	// schedule is the schedule in force, as one line. Empty while suspended.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Schedule string `json:"schedule,omitempty"`
	// scheduleSince is since when it is in force: slots before are not looked at.
	// +optional
	ScheduleSince *metav1.Time `json:"scheduleSince,omitempty"`
	// drill is the drill schedule in force, as one line. Empty without one, and while suspended.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Drill string `json:"drill,omitempty"`
	// drillSince is since when it is in force: slots before are not looked at.
	// +optional
	DrillSince *metav1.Time `json:"drillSince,omitempty"`
	// retention is the retention in force, that of copies too, as one line.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Retention string `json:"retention,omitempty"`
	// retentionSince is since when it is in force. After an edit nothing is expired until a grace period has passed.
	// +optional
	RetentionSince *metav1.Time `json:"retentionSince,omitempty"`
	// copies are the repositories into which copies are promised, as one line. Empty where none are.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Copies string `json:"copies,omitempty"`
	// copiesSince is since when they are: the first copy is given its time from then on.
	// +optional
	CopiesSince *metav1.Time `json:"copiesSince,omitempty"`
	// promise is the strongest promise that was in force and has not been given up since: what an edit is compared with.
	// +optional
	Promise *Promise `json:"promise,omitempty"`
}

// Promise is what a policy promises, in a form in which less can be told from more.
type Promise struct {
	// generation is that of the newest spec that made it.
	// +required
	Generation int64 `json:"generation"`
	// since is when an edit first fell short of it. Absent while none does.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// interval is the longest time between two slots.
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
	// drillInterval is the longest time between two drills. Absent without a drill.
	// +optional
	DrillInterval *metav1.Duration `json:"drillInterval,omitempty"`
	// objectives are those of the spec, with the level that drills are held to.
	// +optional
	Objectives Objectives `json:"objectives,omitempty,omitzero"`
	// retention is that of the spec.
	// +optional
	Retention Retention `json:"retention,omitempty,omitzero"`
	// fingerprint is which points have one.
	// +optional
	Fingerprint FingerprintMode `json:"fingerprint,omitempty"`
	// copies are the names of the targets that points are copied to.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=40
	Copies []string `json:"copies,omitempty"`
	// drillFrom is what is rehearsed: Copy proves more than Snapshot. Absent without a drill.
	// +optional
	DrillFrom RestoreSource `json:"drillFrom,omitempty"`
}

// PointSummary is the essence of one recovery point.
type PointSummary struct {
	// name is the RecoveryPoint's name.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// pointInTime is the moment its data are from, by the storage system's clock.
	// +required
	PointInTime metav1.Time `json:"pointInTime"`
	// captureTime is how long its capture took, from its start until the last snapshot was ready.
	// +optional
	CaptureTime *metav1.Duration `json:"captureTime,omitempty"`
}

// CopySummary is the essence of one copy.
type CopySummary struct {
	// recoveryPoint is the point that was copied.
	// +required
	// +kubebuilder:validation:MaxLength=253
	RecoveryPoint string `json:"recoveryPoint"`
	// repository is the Repository that holds it.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Repository string `json:"repository"`
	// pointInTime is the moment its data are from.
	// +required
	PointInTime metav1.Time `json:"pointInTime"`
	// bytes is how much was read for it.
	// +optional
	Bytes int64 `json:"bytes,omitempty"`
	// newBytes is how much of it the repository had to take, compressed.
	// +optional
	NewBytes int64 `json:"newBytes,omitempty"`
}

// PointCounts counts recovery points by state.
type PointCounts struct {
	// complete points can be restored whole.
	// +required
	Complete int32 `json:"complete"`
	// capturing points are under way.
	// +required
	Capturing int32 `json:"capturing"`
	// failed points did not become, or did not stay, complete.
	// +required
	Failed int32 `json:"failed"`
	// held points are on hold.
	// +required
	Held int32 `json:"held"`
}

// VolumeCounts counts the selected volumes.
type VolumeCounts struct {
	// selected volumes are in the policy's scope.
	// +required
	Selected int32 `json:"selected"`
	// protected volumes are in a complete recovery point younger than the objective.
	// +required
	Protected int32 `json:"protected"`
	// unprotected names claims that are not protected, at most 20.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=253
	Unprotected []string `json:"unprotected,omitempty"`
	// problems name claims that cannot be captured as things stand, and why; at most 20.
	// +optional
	// +listType=map
	// +listMapKey=claim
	// +kubebuilder:validation:MaxItems=20
	Problems []VolumeProblem `json:"problems,omitempty"`
}

// VolumeProblem says why a claim cannot be captured.
type VolumeProblem struct {
	// claim is the claim's name.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`
	// reason is a stable word for the problem.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason"`
	// message says what is wrong and what helps.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// ExpiringPoint is a recovery point that retention no longer keeps.
type ExpiringPoint struct {
	// name is the RecoveryPoint's name.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// uid is the RecoveryPoint's UID: only this very object is expired.
	// +required
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid"`
	// part is what of the point expires: empty for all of it, snapshots, or copy/NAME.
	// +optional
	// +kubebuilder:default=""
	// +kubebuilder:validation:MaxLength=64
	Part string `json:"part"`
	// at is when it may be expired.
	// +required
	At metav1.Time `json:"at"`
	// reason says why it is no longer kept: RetentionPassed, or Superseded for a point that did not become complete, or for
	// snapshots of which some were lost.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason"`
}
