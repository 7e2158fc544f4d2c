// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

const pageHead = `# Mutants

<!-- Written by make generate from test/mutants/list.go. -->

A safeguard that could be taken away without a test failing is one that somebody will take away. So each is taken away on purpose:
a mutant is the code with one fault in it, and a test must fail on it. %s

| command | what it runs |
|---|---|
| ` + "`make mutants`" + ` | the %d mutants below; fails when one survives |
| ` + "`make mutants ONLY='live reads'`" + ` | those whose name, safeguard or file matches |
| ` + "`make mutants ALL=1`" + ` | standard mutants of ` + "`internal/core/retention` and `internal/core/plan`" + `: conditions negated, bounds moved, && for ||, numbers one more and one less, statements left out |

A standard mutant that no test can kill changes nothing that can be seen. Those are listed with the reason in ` + "`test/mutants/equivalent.go`" + `.
`

// pageOf is the page that lists the mutants by what they take away.
func pageOf(all []mutant) string {
	var out strings.Builder
	fmt.Fprintf(&out, pageHead, "The tests that kill them are all part of `make test`, where another test sees that none of this list is out of date.", len(all))
	order := slices.Clone(safeguards)
	for _, m := range all {
		if !slices.Contains(order, m.safeguard) {
			order = append(order, m.safeguard)
		}
	}
	for i, safeguard := range order {
		switch i {
		case 0:
			out.WriteString("\n## Safeguards without which data could be lost\n")
		case len(safeguards):
			out.WriteString("\n## Others\n")
		}
		fmt.Fprintf(&out, "\n### %s\n\n| fault | in | killed by |\n|---|---|---|\n", upper(safeguard))
		for _, m := range all {
			if m.safeguard == safeguard {
				pkg, test := m.test()
				fmt.Fprintf(&out, "| %s | `%s` | `%s` in `%s` |\n", m.name, m.file, test, pkg)
			}
		}
	}
	return out.String()
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
