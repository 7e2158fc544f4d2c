// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterBackupPolicy is a baseline for the whole cluster: which claims must be covered by a policy, and, with a template,
// the policy of those namespaces that have none of their own.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=cbp
// +kubebuilder:printcolumn:name="Covered",type=string,JSONPath=`.status.conditions[?(@.type=="Covered")].status`,description="True while every claim in scope is covered or exempt."
// +kubebuilder:printcolumn:name="Namespaces",type=integer,JSONPath=`.status.namespaces`,description="Namespaces in scope."
// +kubebuilder:printcolumn:name="Claims",type=integer,JSONPath=`.status.claims.total`,description="Claims in scope. Those that are neither exempt nor uncovered are covered."
// +kubebuilder:printcolumn:name="Exempt",type=integer,JSONPath=`.status.claims.exempt`,description="Claims in scope that no active policy selects and that are exempt."
// +kubebuilder:printcolumn:name="Uncovered",type=integer,JSONPath=`.status.claims.uncovered`,description="Claims in scope that are neither covered nor exempt."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Ready",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="True when the policy can be carried out."
// +kubebuilder:printcolumn:name="Why",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Covered")].reason`,description="Reason of the Covered condition."
// +kubebuilder:printcolumn:name="Stamped",type=integer,priority=1,JSONPath=`.status.stamped`,description="Namespaces in scope whose policy was made from the template."
// +kubebuilder:printcolumn:name="Conflicts",type=integer,priority=1,JSONPath=`.status.conflicts.total`,description="Namespaces in scope that could not be given the policy."
// +kubebuilder:printcolumn:name="Finding",type=string,priority=1,JSONPath=`.status.findings[0].kind`,description="The worst difference between what is asked for and what is observed."
// +kubebuilder:printcolumn:name="Severity",type=string,priority=1,JSONPath=`.status.findings[0].severity`,description="How loud it is: Critical, High, Medium or Low."
// +kubebuilder:printcolumn:name="Audit",type=boolean,priority=1,JSONPath=`.spec.audit`,description="True when nothing is made, only told."
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters, because the policies made from the template bear it and it is used as a label value; choose a shorter name"
type ClusterBackupPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is asked for.
	// +required
	Spec ClusterBackupPolicySpec `json:"spec"`

	// status is what was observed. Only Lifeboat writes it.
	// +optional
	Status ClusterBackupPolicyStatus `json:"status,omitempty,omitzero"`
}

// ClusterBackupPolicyList is a list of ClusterBackupPolicy.
//
// +kubebuilder:object:root=true
type ClusterBackupPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterBackupPolicy `json:"items"`
}

// ClusterBackupPolicySpec is what is asked for of a set of namespaces.
//
// +kubebuilder:validation:XValidation:rule="has(self.template) != (has(self.audit) && self.audit)",message="exactly one of template and audit: true must be set; set template to have Lifeboat make policies from it, or audit: true to be told alone"
type ClusterBackupPolicySpec struct {
	// namespaceSelector selects the namespaces in scope by their labels. An empty selector ({}) selects every namespace,
	// kube-system too. Every namespace has the label kubernetes.io/metadata.name, by which one can be left out:
	// {key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}.
	// +required
	NamespaceSelector LabelSelector `json:"namespaceSelector"`

	// claimSelector selects the PersistentVolumeClaims in scope by their labels, bound or not. Claims that Lifeboat restores
	// to throw them away are never in scope. When absent, every claim of the namespaces in scope.
	// +optional
	ClaimSelector *LabelSelector `json:"claimSelector,omitempty"`

	// template is what the BackupPolicy says that is made in each namespace in scope in which a claim in scope is neither
	// selected by another active policy nor exempt. It has the name of this object. When it is edited, so are the policies
	// made from it; what somebody else changes in their spec is set back. A policy of that name which was not made from this
	// object is never touched. Once made, it stays while the namespace is in scope.
	// When absent nothing is made, and audit must be true.
	// +optional
	Template *ClusterPolicyTemplate `json:"template,omitempty"`

	// audit, when true, says that nothing is made: coverage is told, and no more. When absent, template must be set.
	// +optional
	Audit bool `json:"audit,omitempty"`

	// exemptions excuse claims from being covered, for a time. They keep no policy from selecting them.
	// When absent no claim is exempt.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Exemptions []Exemption `json:"exemptions,omitempty"`

	// onDelete says what becomes of the policies that were made from the template, when this object is deleted, when their
	// namespace leaves the scope, or when template gives way to audit. Retain leaves them at work as the namespace's own; Remove deletes
	// them. Recovery points stay in either case. When absent they are retained.
	// +optional
	// +kubebuilder:default=Retain
	OnDelete StampedOnDelete `json:"onDelete,omitempty"`
}

// StampedOnDelete says what becomes of policies made from a template that is no longer theirs.
//
// +kubebuilder:validation:Enum=Retain;Remove
type StampedOnDelete string

const (
	// StampedRetain leaves them where they are.
	StampedRetain StampedOnDelete = "Retain"
	// StampedRemove deletes them. Their recovery points stay.
	StampedRemove StampedOnDelete = "Remove"
)

// ClusterPolicyTemplate is the spec of a BackupPolicy, without volumes, which claimSelector says, and without onDelete, which is Retain.
type ClusterPolicyTemplate struct {
	// schedule says when recovery points are taken. A jitter spreads the namespaces, each with a delay of its own.
	// +required
	Schedule Schedule `json:"schedule"`

	// suspend stops scheduled captures and freezes pruning in all policies made from the template. Claims that only a
	// suspended policy selects are not covered. When absent the policies are active.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// snapshot says how the volumes are captured.
	// When absent, each volume's driver default class is used, with consistency Crash and a timeout of 10m.
	// +optional
	Snapshot *SnapshotOptions `json:"snapshot,omitempty"`

	// retention says which recovery points are kept.
	// +required
	Retention Retention `json:"retention"`

	// copies say where points are copied to: each namespace needs Repositories of these names. When absent there are only snapshots.
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

	// fingerprint says of which recovery points a fingerprint is recorded.
	// When absent it is Every for a template with a drill, and None without.
	// +optional
	Fingerprint FingerprintMode `json:"fingerprint,omitempty"`

	// manifest says whether the list of files behind each fingerprint is kept with it. When absent it is None.
	// +optional
	Manifest ManifestMode `json:"manifest,omitempty"`

	// drill says how the restore is rehearsed. When absent it is not rehearsed on schedule.
	// +optional
	Drill *Drill `json:"drill,omitempty"`

	// mover are the options of the pods that read restored volumes: for fingerprints, drills and restores.
	// When absent they run as user 65532.
	// +optional
	Mover *MoverOptions `json:"mover,omitempty"`
}

// Exemption excuses claims of one namespace from being covered, until a time.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.claims) && has(self.selector))",message="at most one of claims and selector may be set; keep one, or leave both out to exempt the whole namespace"
type Exemption struct {
	// name identifies the exemption within the policy.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// namespace is the name of the namespace that it is about.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace"`

	// claims are the names of the exempt claims. When absent, selector says which; without either, every claim of the namespace.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Claims []string `json:"claims,omitempty"`

	// selector selects the exempt claims by their labels. When absent, claims says which; without either, every claim of the namespace.
	// +optional
	Selector *LabelSelector `json:"selector,omitempty"`

	// reason says why these data need no backup.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason"`

	// owner is who answers for that: a person, a team, an address.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Owner string `json:"owner"`

	// until is when the exemption ends, such as 2027-01-31T00:00:00Z: from then on the claims must be covered. There is no
	// exemption for ever: somebody looks at it again.
	// +required
	Until metav1.Time `json:"until"`
}

// ClusterBackupPolicyStatus is what was observed of the claims in scope.
type ClusterBackupPolicyStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Ready and Covered; Stalled is present, and True, only while the spec cannot be carried out.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// namespaces is how many namespaces are in scope. Written also when there are none, so that kubectl prints 0.
	// +optional
	Namespaces int32 `json:"namespaces"`

	// stamped is how many of them have a policy that was made from the template.
	// +optional
	Stamped int32 `json:"stamped"`

	// claims counts the claims in scope. Each is in exactly one of covered, exempt and uncovered.
	// +optional
	Claims ClaimCounts `json:"claims"`

	// uncovered names the claims that are neither covered nor exempt, at most 20, those that have been so for the longest first.
	// +optional
	// +listType=map
	// +listMapKey=namespace
	// +listMapKey=claim
	// +kubebuilder:validation:MaxItems=20
	Uncovered []UncoveredClaim `json:"uncovered,omitempty"`

	// conflicts are the namespaces that could not be given the policy. Absent when there are none.
	// +optional
	Conflicts *StampConflicts `json:"conflicts,omitempty"`

	// findings are the differences between what is asked for and what is observed, worst first, at most 20, with the worst of
	// each kind among them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Findings []Finding `json:"findings,omitempty"`

	// findingCounts counts all findings, those that are not listed too.
	// +optional
	FindingCounts FindingCounts `json:"findingCounts"`

	// told are the notifiers that were told of these findings, and what. Absent while nothing was told.
	// +optional
	// +listType=map
	// +listMapKey=notifier
	// +kubebuilder:validation:MaxItems=8
	Told []NotifierMark `json:"told,omitempty"`
}

// ClaimCounts counts the claims in scope of a ClusterBackupPolicy.
type ClaimCounts struct {
	// total is how many there are.
	// +required
	Total int32 `json:"total"`
	// covered claims are selected by at least one policy of their namespace that is neither suspended nor being deleted.
	// +required
	Covered int32 `json:"covered"`
	// exempt claims are not covered, and an exemption that has not ended names them.
	// +required
	Exempt int32 `json:"exempt"`
	// uncovered claims are the others.
	// +required
	Uncovered int32 `json:"uncovered"`
}

// UncoveredClaim is a claim in scope that is neither covered nor exempt.
type UncoveredClaim struct {
	// namespace is the claim's namespace.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`
	// claim is the claim's name.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`
	// since is since when, or since the claim was created where that is not known.
	// +required
	Since metav1.Time `json:"since"`
	// reason is a stable word for why: NoActivePolicy, PolicySuspended, ExemptionExpired, StampConflict or StampRefused.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason"`
}

// StampConflicts are the namespaces that could not be given the policy.
type StampConflicts struct {
	// total is how many there are.
	// +required
	Total int32 `json:"total"`
	// worst names them, at most 20, by name.
	// +optional
	// +listType=map
	// +listMapKey=namespace
	// +kubebuilder:validation:MaxItems=20
	Worst []StampConflict `json:"worst,omitempty"`
}

// StampConflict says why a namespace could not be given the policy.
type StampConflict struct {
	// namespace is its name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`
	// reason is StampConflict where a policy of that name is there that was not made from this object, and StampRefused where
	// the API server refused it.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason"`
	// message says more.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}
