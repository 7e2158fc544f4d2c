// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestEveryFieldIsDocumented keeps the table of docs/reference/evidence.md true, both ways.
func TestEveryFieldIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/reference/evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	_, facts, _ := strings.Cut(string(page), "## The facts")
	facts, _, _ = strings.Cut(facts, "## The chain")
	told := map[string]bool{}
	for line := range strings.Lines(facts) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for n, word := range strings.Split(cells[1], "`") {
			if n%2 == 1 {
				told[word] = true
			}
		}
	}
	for _, field := range fields(reflect.TypeFor[Drill](), "") {
		if !told[field] {
			t.Errorf("docs/reference/evidence.md does not tell of %s", field)
		}
		delete(told, field)
	}
	for field := range told {
		t.Errorf("docs/reference/evidence.md tells of %s, which no statement has", field)
	}
}

// fields are the paths of what a type is written as.
func fields(of reflect.Type, path string) []string {
	var all []string
	for n := range of.NumField() {
		f := of.Field(n)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		name = path + name
		if inner.Kind() == reflect.Slice {
			inner, name = inner.Elem(), name+"[]"
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]() {
			all = append(all, fields(inner, name+".")...)
		} else {
			all = append(all, name)
		}
	}
	return all
}
