// SPDX-License-Identifier: Apache-2.0

// Package conditions turns judgements into conditions. Its laws: every condition a kind promises is stated on every
// pass; a transition time changes only with the status; Reconciling and Stalled are present only while True, and never together.
package conditions

import (
	"sort"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// MostMessage is the longest message that is kept, in bytes.
const MostMessage = 1024

// Is states a condition.
func Is(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: Clip(message, MostMessage)}
}

// State is the whole list of conditions of an object after a pass: those stated now, with the transition times of
// those that did not change. What is not stated is not there.
func State(before []metav1.Condition, generation int64, now time.Time, stated ...metav1.Condition) []metav1.Condition {
	out := make([]metav1.Condition, 0, len(stated))
	for _, c := range stated {
		c.ObservedGeneration = generation
		c.LastTransitionTime = metav1.NewTime(now.UTC().Truncate(time.Second))
		if was := meta.FindStatusCondition(before, c.Type); was != nil && was.Status == c.Status {
			c.LastTransitionTime = was.LastTransitionTime
		}
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Type < out[j].Type })
	return out
}

// Stalled says that nothing more happens without help.
func Stalled(reason, message string) metav1.Condition {
	return Is(api.ConditionStalled, metav1.ConditionTrue, reason, message)
}

// Reconciling says that work is under way.
func Reconciling(reason, message string) metav1.Condition {
	return Is(api.ConditionReconciling, metav1.ConditionTrue, reason, message)
}

// Clip keeps a text within the bounds of the schema, at a whole character.
func Clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	cut := most - len("...")
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "..."
}
