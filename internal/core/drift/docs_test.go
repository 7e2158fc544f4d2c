// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"os"
	"strings"
	"testing"
)

// TestReferenceIsTrue: docs/reference/findings.md has a row for each kind and no other, with the severities it may have and the
// conditions it breaks.
func TestReferenceIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reference/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{} // by kind: the cells
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, " | "); len(cells) == 5 && strings.HasPrefix(line, "| [`") {
			kind, _, _ := strings.Cut(strings.TrimPrefix(line, "| [`"), "`")
			rows[kind] = cells
		}
	}
	kinds := map[string]bool{}
	for _, kind := range Kinds() {
		kinds[kind] = true
		if rows[kind] == nil {
			t.Errorf("no row for %s", kind)
		}
	}
	for kind := range rows {
		if !kinds[kind] {
			t.Errorf("a row for %s, which no check finds", kind)
		}
	}
	speaks := map[string]bool{} // of conditions
	for _, s := range stories {
		row := rows[s.kind]
		if row == nil {
			continue
		}
		severities := []string{string(s.want.severity)}
		for _, l := range s.louder {
			severities = append(severities, string(l.severity))
		}
		for _, severity := range severities {
			if !strings.Contains(row[1], severity) {
				t.Errorf("%s (%s) may be %s, and its row says %q", s.kind, s.name, severity, row[1])
			}
		}
		for _, condition := range s.want.breaks {
			if !strings.Contains(row[4], condition) {
				t.Errorf("%s (%s) breaks %s, and its row says %q", s.kind, s.name, condition, row[4])
			}
		}
		speaks[s.kind] = speaks[s.kind] || len(s.want.breaks)+len(s.want.blurs) > 0
	}
	for kind, row := range rows {
		if !speaks[kind] && strings.Trim(row[4], " |\n") != "" {
			t.Errorf("%s breaks nothing, and its row says %q", kind, row[4])
		}
	}
}
