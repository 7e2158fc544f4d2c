// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"strings"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkPolicyWeakened finds that the spec promises less than it did, until somebody says that it was meant: whoever wants
// to do harm weakens the promise first.
var checkPolicyWeakened = check{
	kinds: []string{api.ReasonPolicyWeakened},
	judge: func(p *pass) {
		if p.Status.Applied == nil || p.Status.Applied.Promise == nil {
			return
		}
		was, generation := p.Status.Applied.Promise, p.Policy.Generation
		if was.Since == nil && was.Generation == generation {
			return
		}
		less := Weaker(*was, PromiseOf(p.Policy, p.Required))
		if len(less) == 0 {
			return
		}
		f := Finding{}
		f.Kind, f.Severity = api.ReasonPolicyWeakened, api.SeverityHigh
		if was.Since != nil {
			f.Since = *was.Since
		} // else it is noticed now
		f.Message = "the policy promises less than before: " + strings.Join(less, "; ")
		f.Remedy = fmt.Sprintf("put back what was not meant to go. If all of it was meant: kubectl annotate bp %s --overwrite %s=%d",
			p.Policy.Name, api.AnnotationAcceptWeakening, generation)
		p.find(f)
	},
}
