// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// stuckHigh is after how long a snapshot that does not become ready is High.
const stuckHigh = time.Hour

// checkSnapshotStuck finds snapshots that were not ready in time, by the newest points: as long as they fail for it, it lasts.
var checkSnapshotStuck = check{
	kinds: []string{api.ReasonSnapshotStuck},
	needs: []Fact{FactPoints},
	judge: func(p *pass) {
		since := map[string]metav1.Time{}
		var open []string  // the claims of the newest point that are stuck
		var still []string // those of them that were in every older point so far
		first := true
		for i := len(p.Points) - 1; i >= 0; i-- {
			q := p.Points[i]
			if q.Status.FinishedAt == nil || !q.DeletionTimestamp.IsZero() {
				continue
			}
			is := stuck(q)
			if first {
				open, still, first = is, is, false
			}
			still = slices.DeleteFunc(slices.Clone(still), func(claim string) bool { return !slices.Contains(is, claim) })
			if len(still) == 0 {
				break
			}
			for _, claim := range still {
				since[claim] = *q.Status.FinishedAt
			}
		}
		for _, claim := range open {
			since[claim] = p.sinceBefore(api.ReasonSnapshotStuck, "pvc/"+claim, since[claim]) // the first points may have gone since
			p.find(Finding{Finding: api.Finding{
				Kind: api.ReasonSnapshotStuck, Subject: "pvc/" + claim, Since: since[claim],
				Severity: p.rising(since[claim].Time, step{0, api.SeverityMedium}, step{stuckHigh, api.SeverityHigh}),
				Message:  fmt.Sprintf("the snapshot of claim %s was not ready in time, at %s for the first time", claim, since[claim].UTC().Format(time.RFC3339)),
				Remedy:   "kubectl describe volumesnapshot tells what the driver says; see whether the csi-snapshotter sidecar and the snapshot-controller run",
			}})
		}
	},
}

// stuck are the claims of a point whose snapshots were not ready in time.
func stuck(q *api.RecoveryPoint) []string {
	if complete(q) {
		return nil
	}
	var out []string
	for i := range q.Status.Volumes {
		switch r := &q.Status.Volumes[i]; r.Reason {
		case api.ReasonSnapshotStuck, api.ReasonSnapshotTimedOut, api.ReasonSnapshotError:
			out = append(out, r.Claim)
		}
	}
	return out
}
