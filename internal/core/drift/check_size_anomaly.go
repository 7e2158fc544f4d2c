// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

const (
	sizesCompared = 10      // the newest fingerprint is compared with so many before it
	sizesNeeded   = 3       // and with no fewer than these
	collapsed     = 10      // a volume has collapsed below this part of the median
	grown         = 5       // times the median, beyond which it has grown
	fewFiles      = 10      // fewer may multiply without meaning anything
	fewBytes      = 1 << 20 // as may fewer bytes
)

// checkSizeAnomaly finds volumes that hold far less, or far more, than they used to: deleted, encrypted or runaway data. Until
// somebody has looked, the points before it must stay. It clears when the size is back, and when so many fingerprints of
// the new size were recorded that it is the usual one.
var checkSizeAnomaly = check{
	kinds: []string{api.ReasonSizeAnomaly},
	needs: []Fact{FactPoints},
	judge: func(p *pass) {
		seen := p.sizes()
		for i := range p.Volumes {
			s := seen[p.Volumes[i].Claim]
			if s == nil || len(s.files) <= sizesNeeded {
				continue
			}
			what := unusual("files", fewFiles, s.files)
			if what == "" {
				what = unusual("bytes", fewBytes, s.bytes)
			}
			if what == "" {
				continue
			}
			f := Finding{}
			f.Kind, f.Subject, f.Severity = api.ReasonSizeAnomaly, "pvc/"+p.Volumes[i].Claim, api.SeverityHigh
			f.Since = p.sinceBefore(f.Kind, f.Subject, s.at)
			f.Message = fmt.Sprintf("claim %s has %s in recovery point %s; nothing is pruned meanwhile", p.Volumes[i].Claim, what, s.point)
			f.Remedy = "look at the data. If they are lost, restore an earlier point. If this was meant, it clears with the next fingerprints, " +
				"or once fewer than three points from before are left: kubectl delete rp those that nobody needs"
			p.find(f)
		}
	},
}

// sizes are what the fingerprints of a claim say, newest first, with the point and the moment of the newest.
type sizes struct {
	files, bytes []int64
	point        string
	at           metav1.Time
}

// sizes reads the newest recorded fingerprints of each selected claim.
func (p *pass) sizes() map[string]*sizes {
	out := map[string]*sizes{}
	open := len(p.Volumes)
	for i := len(p.Points) - 1; i >= 0 && open > 0; i-- {
		q := p.Points[i]
		recorded := q.Status.Fingerprint
		if recorded == nil || recorded.State != api.FingerprintRecorded || !q.DeletionTimestamp.IsZero() {
			continue
		}
		if len(out) == 0 {
			for v := range p.Volumes {
				out[p.Volumes[v].Claim] = &sizes{}
			}
		}
		for v := range recorded.Volumes {
			one := &recorded.Volumes[v]
			s := out[one.Claim]
			if s == nil || len(s.files) > sizesCompared {
				continue
			}
			if len(s.files) == 0 {
				s.point, s.at = q.Name, recorded.StartedAt
				if recorded.FinishedAt != nil {
					s.at = *recorded.FinishedAt
				}
			}
			s.files, s.bytes = append(s.files, one.Files), append(s.bytes, one.Bytes)
			if len(s.files) > sizesCompared {
				open--
			}
		}
	}
	return out
}

// unusual says how the first of some numbers differs from the median of the others; empty when it does not.
func unusual(unit string, few int64, numbers []int64) string {
	is, before := numbers[0], slices.Clone(numbers[1:])
	slices.Sort(before)
	usual := before[len(before)/2]
	if lower := before[(len(before)-1)/2]; lower < usual {
		usual = lower + (usual-lower)/2
	}
	switch {
	case usual > 0 && (is <= 0 || is < (usual+collapsed-1)/collapsed): // exact, and nothing overflows
	case usual >= few && (is-1)/grown >= usual:
	default:
		return ""
	}
	return fmt.Sprintf("%d %s where %d were usual", is, unit, usual)
}
