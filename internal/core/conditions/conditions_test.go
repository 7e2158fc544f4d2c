// SPDX-License-Identifier: Apache-2.0

package conditions_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
)

var start = time.Date(2026, 3, 2, 12, 0, 0, 123456789, time.UTC)

// draw draws what a pass may state: some of four kinds, each once.
func draw(t *rapid.T) []metav1.Condition {
	var out []metav1.Condition
	for _, kind := range []string{"A", "B", "C", "D"} {
		if rapid.Bool().Draw(t, kind) {
			status := rapid.SampledFrom([]metav1.ConditionStatus{"True", "False", "Unknown"}).Draw(t, "status")
			out = append(out, conditions.Is(kind, status, rapid.SampledFrom([]string{"X", "Y"}).Draw(t, "reason"), "m"))
		}
	}
	return out
}

// TestLawState: over any passes, what is stated is there, what is not stated is gone, each speaks of this generation, and
// a transition time changes with the status and with nothing else. It kills: conditions that linger; a transition time
// that follows the reason; one that is lost; fractions of seconds, which the API server cuts off.
func TestLawState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var now []metav1.Condition
		at := start
		for pass := range rapid.IntRange(1, 6).Draw(t, "passes") {
			at = at.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "milliseconds")) * time.Millisecond)
			before, stated := now, draw(t)
			now = conditions.State(before, int64(pass), at, stated...)
			if len(now) != len(stated) {
				t.Fatalf("%d are stated and %d are there", len(stated), len(now))
			}
			for _, s := range stated {
				lawful(t, s, meta.FindStatusCondition(before, s.Type), meta.FindStatusCondition(now, s.Type), int64(pass), at)
			}
			for i := 1; i < len(now); i++ {
				if now[i-1].Type >= now[i].Type {
					t.Fatalf("they are not sorted: %s before %s", now[i-1].Type, now[i].Type)
				}
			}
		}
	})
}

func lawful(t *rapid.T, stated metav1.Condition, was, is *metav1.Condition, generation int64, at time.Time) {
	if is == nil || is.Status != stated.Status || is.Reason != stated.Reason || is.ObservedGeneration != generation {
		t.Fatalf("stated %+v, and there is %+v", stated, is)
	}
	if is.LastTransitionTime.Nanosecond() != 0 {
		t.Fatalf("a transition time with fractions of seconds is never equal to what is read back: %s", is.LastTransitionTime)
	}
	changed := was == nil || was.Status != is.Status
	if changed && !is.LastTransitionTime.Time.Equal(at.Truncate(time.Second)) {
		t.Fatalf("the status changed at %s and the transition time is %s", at, is.LastTransitionTime)
	}
	if !changed && !is.LastTransitionTime.Equal(&was.LastTransitionTime) {
		t.Fatalf("the status did not change and the transition time did")
	}
}

func TestKindsThatAreOnlyThereWhileTrue(t *testing.T) {
	for _, c := range []metav1.Condition{conditions.Stalled("R", "m"), conditions.Reconciling("R", "m")} {
		if c.Status != metav1.ConditionTrue {
			t.Errorf("%s is %s", c.Type, c.Status)
		}
	}
	if a, b := conditions.Stalled("R", "").Type, conditions.Reconciling("R", "").Type; a != api.ConditionStalled || b != api.ConditionReconciling {
		t.Errorf("they are called %s and %s", a, b)
	}
}

// TestLawClip: what is clipped is short enough, whole characters, and says that it was clipped.
func TestLawClip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		most := rapid.IntRange(3, 40).Draw(t, "most")
		got := conditions.Clip(s, most)
		switch {
		case len(s) <= most && got != s:
			t.Fatalf("%q was short enough and became %q", s, got)
		case len(got) > most:
			t.Fatalf("%q has %d bytes, want at most %d", got, len(got), most)
		case len(s) > most && !strings.HasSuffix(got, "..."):
			t.Fatalf("%q does not tell that it was clipped", got)
		case utf8.ValidString(s) && !utf8.ValidString(got):
			t.Fatalf("%q became %q, which cuts a character", s, got)
		}
	})
}
