// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"sync"
	"testing"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
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

// TestWhatIsAdmittedCanBeWrittenBack: whoever reads an object and writes it, as a controller does that adds a finalizer or repeats a part
// of the spec in a status, writes values in a form of their own. That must be admitted too: 999999h999999h was, and 1999998h0m0s was not.
func TestWhatIsAdmittedCanBeWrittenBack(t *testing.T) {
	draw := NewDraw(t, 6)
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds() {
		d := definitions()[kind]
		for _, base := range Bases(kind) {
			for _, m := range d.Mutations(base) {
				if !draw.Takes() {
					continue
				}
				object, errs := d.Admit(m.Object)
				if len(errs) > 0 {
					continue
				}
				raw, err := json.Marshal(object)
				if err != nil {
					t.Fatal(err)
				}
				typed, err := scheme.New(api.GroupVersion.WithKind(kind))
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(raw, typed); err != nil {
					t.Errorf("%s, %s: admitted, and cannot be read: %v", kind, m, err)
					continue
				}
				if raw, err = json.Marshal(typed); err != nil {
					t.Fatal(err)
				}
				if _, errs := d.Admit(Read(raw)); len(errs) > 0 {
					t.Errorf("%s, %s: admitted, and refused when it is written back: %v", kind, m, errs)
				}
			}
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
