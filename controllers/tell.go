// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// mostNote is the longest note the events API takes, in bytes.
const mostNote = 1000

// Teller tells people what became true.
type Teller struct{ Recorder events.EventRecorder }

// Tell says one thing about an object. The event's action is its reason: what was done is what is told.
func (t Teller) Tell(about client.Object, n plan.Note) {
	kind := corev1.EventTypeNormal
	if n.Warning {
		kind = corev1.EventTypeWarning
	}
	t.Recorder.Eventf(about, nil, kind, n.Reason, n.Reason, "%s", conditions.Clip(n.Message, mostNote))
}

// All says several things about an object.
func (t Teller) All(about client.Object, notes []plan.Note) {
	for _, n := range notes {
		t.Tell(about, n)
	}
}
