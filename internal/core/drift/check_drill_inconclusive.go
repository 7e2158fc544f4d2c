// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// InconclusiveInARow is from how many drills in a row on it is told that they cannot run.
const InconclusiveInARow = 3

// checkDrillInconclusive finds that the last drills could not be carried out. Skipped is not passed.
var checkDrillInconclusive = check{
	kinds: []string{api.ReasonDrillInconclusive},
	needs: []Fact{FactDrills},
	judge: func(p *pass) {
		row := p.ended(api.VerdictInconclusive)
		for _, v := range []api.Verdict{api.VerdictPassed, api.VerdictFailed} {
			if decided := p.ended(v); len(decided) > 0 {
				row = slices.DeleteFunc(row, func(d api.DrillSummary) bool { return d.At.Before(&decided[0].At) })
			}
		}
		if len(row) < InconclusiveInARow {
			return
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonDrillInconclusive, Severity: api.SeverityHigh, Since: p.sinceDrill(api.ReasonDrillInconclusive, row[len(row)-1].At),
			Message: fmt.Sprintf("%d drills in a row could not be carried out; the last, %s: %s", len(row), row[0].Name, row[0].Reason),
			Remedy:  "kubectl describe drill " + row[0].Name + " says what was missing: quota, image, node or storage. Nothing is proven meanwhile",
		}})
	},
}
