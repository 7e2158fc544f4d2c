// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"sync"
	"testing"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

var definitions = sync.OnceValue(func() map[string]*Definition {
	all, err := Load("../../..")
	if err != nil {
		panic(err)
	}
	return all
})

// TestBasesHoldEveryField keeps a field that is added from never being mutated.
func TestBasesHoldEveryField(t *testing.T) {
	for _, kind := range Kinds() {
		d := definitions()[kind]
		have := map[string]bool{}
		for _, base := range Bases(kind) {
			if _, errs := d.Admit(base); len(errs) > 0 {
				t.Errorf("a base of %s is not valid: %v", kind, errs)
			}
			for _, m := range d.Mutations(base) {
				have[indexes.ReplaceAllString(m.Path, "")] = true
			}
		}
		spec := d.Shape.Properties["spec"]
		for _, path := range every("spec", &spec) {
			if !have[path] {
				t.Errorf("%s: no base has a place for %s, so that it is never mutated", kind, path)
			}
		}
	}
}

// every is the path of each field.
func every(path string, shape *structural.Structural) []string {
	var out []string
	for name, p := range shape.Properties {
		out = append(out, path+"."+name)
		out = append(out, every(path+"."+name, &p)...)
	}
	if shape.Items != nil {
		out = append(out, every(path, shape.Items)...)
	}
	return out
}

// TestRefusalsNameTheField is one half of a promise: whatever is refused, the refusal says what about. What is admitted all
// the same is the other half's, in internal/sim.
func TestRefusalsNameTheField(t *testing.T) {
	draw := NewDraw(t, 6)
	for _, kind := range Kinds() {
		d, refused, all := definitions()[kind], 0, 0
		for _, base := range Bases(kind) {
			for _, m := range d.Mutations(base) {
				if !draw.Takes() {
					continue
				}
				all++
				_, errs := d.Admit(m.Object)
				if len(errs) == 0 {
					continue
				}
				refused++
				if !m.Named(errs.ToAggregate().Error()) {
					t.Errorf("%s, %s: the refusal does not name %s: %v", kind, m, m.Field(), errs)
				}
			}
		}
		t.Logf("%s: %d mutations, %d refused", kind, all, refused)
		if refused == 0 {
			t.Errorf("%s: nothing is refused", kind)
		}
	}
}

// TestARefusalThatNamesNothingIsFound is the fault that the law above catches.
func TestARefusalThatNamesNothingIsFound(t *testing.T) {
	m := Mutation{Path: "spec.copies[0].timeout", What: `"1ms"`}
	for sentence, want := range map[string]bool{
		`spec.copies[0].timeout: Invalid value: "1ms": must be longer`: true,
		`spec: Invalid value: too short, make the timeout longer`:      true,
		`spec.copies[1]: Invalid value: something is wrong`:            true, // the whole, within which it is to be looked for
		`spec: Invalid value: something is wrong`:                      false,
		`spec.drill.timeouts: Invalid value: something is wrong`:       false,
	} {
		if m.Named(sentence) != want {
			t.Errorf("%q: want %v", sentence, want)
		}
	}
}
