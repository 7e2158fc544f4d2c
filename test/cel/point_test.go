// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestRecoveryPoint(t *testing.T) {
	for _, c := range pointCases() {
		t.Run(c.name, func(t *testing.T) {
			o := validPoint()
			c.mutate(o)
			check(t, cluster.Create(t.Context(), o, client.DryRunAll), c.wantErrors)
		})
	}
}

func pointCases() []testCase {
	name := refusal{"<nil>", "metadata.name must be at most 63 characters, because it is used as a label value; choose a shorter name"}
	return []testCase{
		{name: "unchanged", mutate: func(*object) {}},
		{name: "name of 63", mutate: func(o *object) { o.SetName(strings.Repeat("a", 63)) }},
		{name: "name of 64", mutate: func(o *object) { o.SetName(strings.Repeat("a", 64)) }, wantErrors: []refusal{name}},
		sets("spec.hold", true),
		sets("spec.slot", "2026-11-23T03:00:00Z"),
		sets("spec.slot", "tomorrow", refusal{"spec.slot", "must be of type date-time"}),
		sets("spec.policy.name", "", refusal{"spec.policy.name", "should be at least 1 chars long"}),
		sets("spec.policy.name", strings.Repeat("a", 64), refusal{"spec.policy.name", "may not be more than 63 bytes"}),
		{name: "no policy", mutate: func(o *object) { o.drop("spec.policy") }, wantErrors: []refusal{{"spec.policy", "Required value"}}},
	}
}

// edit is a change of a point that is there. A point is immutable but for hold.
type edit struct {
	name       string
	slot       string // of the point before the change
	mutate     func(*object)
	wantErrors []refusal
}

func edits() []edit {
	const slot = "2026-11-23T03:00:00Z"
	fixed := refusal{"spec.slot", "slot is immutable; create another RecoveryPoint instead"}
	return []edit{
		{name: "hold", mutate: func(o *object) { o.set("spec.hold", true) }},
		{name: "hold of a scheduled one", slot: slot, mutate: func(o *object) { o.set("spec.hold", true) }},
		{name: "labels", mutate: func(o *object) { o.SetLabels(map[string]string{"a": "b"}) }},
		{name: "another policy", mutate: func(o *object) { o.set("spec.policy.name", "other") },
			wantErrors: []refusal{{"spec.policy", "policy is immutable; create another RecoveryPoint instead"}}},
		{name: "a slot", mutate: func(o *object) { o.set("spec.slot", slot) }, wantErrors: []refusal{fixed}},
		{name: "no slot", slot: slot, mutate: func(o *object) { o.drop("spec.slot") }, wantErrors: []refusal{fixed}},
		{name: "another slot", slot: slot, mutate: func(o *object) { o.set("spec.slot", "2026-11-23T04:00:00Z") }, wantErrors: []refusal{fixed}},
	}
}

func TestRecoveryPointIsImmutableButForHold(t *testing.T) {
	for _, e := range edits() {
		t.Run(e.name, func(t *testing.T) {
			check(t, e.try(t), e.wantErrors)
		})
	}
}

// try creates a point, and asks for the change.
func (e edit) try(t *testing.T) error {
	t.Helper()
	o := validPoint()
	o.SetName("edited")
	if e.slot != "" {
		o.set("spec.slot", e.slot)
	}
	if err := cluster.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}()
	changed := &object{*o.DeepCopy()}
	e.mutate(changed)
	return cluster.Update(t.Context(), changed, client.DryRunAll)
}
