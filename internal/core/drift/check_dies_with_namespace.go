// SPDX-License-Identifier: Apache-2.0

package drift

import (
	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkDiesWithNamespace finds classes whose contents are deleted with their VolumeSnapshot, and so with its namespace,
// where nothing switches them to Retain.
var checkDiesWithNamespace = check{
	kinds: []string{api.ReasonSnapshotsDieWithNamespace},
	needs: []Fact{FactStack},
	judge: func(p *pass) {
		if p.Retain {
			return
		}
		var classes []string
		for _, c := range p.Classes {
			if c.Deletes {
				classes = append(classes, c.Name)
			}
		}
		if len(classes) == 0 {
			return
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonSnapshotsDieWithNamespace, Severity: api.SeverityHigh, Since: p.since(api.ReasonSnapshotsDieWithNamespace, ""),
			Message: "whoever deletes the namespace deletes all snapshots with it: contents are not switched to Retain, and these classes have deletionPolicy Delete: " + Some(classes),
			Remedy:  "install the chart with snapshots.retainContents=true, or use a VolumeSnapshotClass with deletionPolicy Retain; it holds for the points taken afterwards",
		}})
	},
}
