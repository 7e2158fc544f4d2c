// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Severity says how loud a finding is.
//
// +kubebuilder:validation:Enum=Critical;High;Medium;Low;Pending
type Severity string

const (
	// SeverityCritical is for somebody to be woken up.
	SeverityCritical Severity = "Critical"
	// SeverityHigh is to be looked at today.
	SeverityHigh Severity = "High"
	// SeverityMedium is to be looked at this week.
	SeverityMedium Severity = "Medium"
	// SeverityLow is to be known.
	SeverityLow Severity = "Low"
	// SeverityPending is not told to anybody yet: it may well pass by itself. A condition can depend on it already.
	SeverityPending Severity = "Pending"
)

// Finding is one named difference between what is promised and what is observed.
type Finding struct {
	// kind is a stable word for the difference. It is also the reason of events, a metric label, the name of alerts, and
	// the name of the page docs/runbooks/KIND.md.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Kind string `json:"kind"`
	// severity says how loud it is.
	// +required
	Severity Severity `json:"severity"`
	// subject is what it is about, in the form kubectl takes, such as pvc/contacts. When absent it is about the object as a whole.
	// +optional
	// +kubebuilder:validation:MaxLength=320
	Subject string `json:"subject,omitempty"`
	// since is since when it holds.
	// +required
	Since metav1.Time `json:"since"`
	// message says what is promised and what is observed.
	// +required
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message"`
	// remedy says what to do.
	// +required
	// +kubebuilder:validation:MaxLength=512
	Remedy string `json:"remedy"`
}

// FindingCounts counts findings by severity.
type FindingCounts struct {
	// total is how many there are, the pending ones too.
	// +required
	Total int32 `json:"total"`
	// critical findings are for somebody to be woken up.
	// +optional
	Critical int32 `json:"critical,omitempty"`
	// high findings are to be looked at today.
	// +optional
	High int32 `json:"high,omitempty"`
	// medium findings are to be looked at this week.
	// +optional
	Medium int32 `json:"medium,omitempty"`
	// low findings are to be known.
	// +optional
	Low int32 `json:"low,omitempty"`
	// pending findings are not told to anybody yet.
	// +optional
	Pending int32 `json:"pending,omitempty"`
}

// NotifierMark is what one notifier was told of an object.
type NotifierMark struct {
	// notifier is its name in the operator's configuration.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Notifier string `json:"notifier"`
	// findings are those it was told of, and of whose end it was not told yet: KIND SEVERITY SUBJECT each, at most 40. The severity is
	// Sending while a message about it is on its way: whether it was told is not known. Empty once all that it was told of have cleared.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=40
	// +kubebuilder:validation:items:MaxLength=400
	Findings []string `json:"findings,omitempty"`
	// at is when it was last told something of the object. Absent until a message was accepted.
	// +optional
	At *metav1.Time `json:"at,omitempty"`
}
