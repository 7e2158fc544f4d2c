// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkVerificationOverdue finds repositories that were not read back in full for half as long again as promised.
var checkVerificationOverdue = check{
	kinds: []string{api.ReasonVerificationOverdue},
	needs: []Fact{FactCopies},
	judge: func(p *pass) {
		for _, r := range p.repositories() {
			if r.VerifyWithin <= 0 {
				continue
			}
			from := r.Verified
			if from.IsZero() {
				from = r.Made
			}
			due := from.Add(r.VerifyWithin + r.VerifyWithin/2)
			if due.After(p.now) {
				p.wakeAt(due)
				continue
			}
			f := Finding{}
			f.Kind, f.Severity, f.Subject, f.Since = api.ReasonVerificationOverdue, api.SeverityMedium, "repository/"+r.Name, at(due)
			f.Message = "repository " + r.Name + " was last read back in full at " + r.Verified.UTC().Format(time.RFC3339) + ", and is to be every " + r.VerifyWithin.String()
			if from.IsZero() { // nobody knows since when
				f.Since = metav1.Time{}
			}
			if r.Verified.IsZero() {
				f.Message = "repository " + r.Name + " was never read back in full, and is to be every " + r.VerifyWithin.String()
			}
			f.Remedy = "kubectl describe repository " + r.Name + " tells how the last verifications ended; give them more time, or a nearer place to run"
			p.find(f)
		}
	},
}
