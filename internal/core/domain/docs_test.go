// SPDX-License-Identifier: Apache-2.0

package domain

import (
	"os"
	"strings"
	"testing"
)

// TestReferenceIsTrue keeps the table of drivers in docs/reference/failure-domains.md as the code has it.
func TestReferenceIsTrue(t *testing.T) {
	page, err := os.ReadFile("../../../docs/reference/failure-domains.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| provisioner | parameter | domain |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var want []string
	for _, d := range drivers {
		want = append(want, "| `"+strings.Join(d.names, "`, `")+"` | "+parameterCell(d)+" | "+domainCell(d)+" |")
	}
	if got := strings.TrimSpace(table); got != strings.Join(want, "\n") {
		t.Errorf("docs/reference/failure-domains.md says\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func parameterCell(d driver) string {
	if d.parameter == "" {
		return "–"
	}
	return "`" + d.parameter + "`"
}

// domainCell asks the code itself.
func domainCell(d driver) string {
	switch of := OfDriver(d.names[0], map[string]string{d.parameter: "value.example.org"}); of {
	case "":
		return "not known"
	case "value.example.org":
		return "the server"
	default:
		return "`" + strings.ReplaceAll(of, "value.example.org", "VALUE") + "`"
	}
}
