// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkVolumeReplaced finds claims that are not what was captured last under their name.
var checkVolumeReplaced = check{
	kinds: []string{api.ReasonVolumeReplaced},
	needs: []Fact{FactSelection, FactPoints},
	judge: func(p *pass) {
		newest := p.newestFinished()
		if newest == nil {
			return
		}
		was := map[string]*api.VolumeRecord{}
		for i := range newest.Status.Volumes {
			was[newest.Status.Volumes[i].Claim] = &newest.Status.Volumes[i]
		}
		for i := range p.Volumes {
			v := &p.Volumes[i]
			what := replaced(was[v.Claim], v)
			if what == "" {
				continue
			}
			f := Finding{}
			f.Kind, f.Subject, f.Severity = api.ReasonVolumeReplaced, "pvc/"+v.Claim, api.SeverityHigh
			f.Since = p.since(f.Kind, f.Subject)
			f.Message = fmt.Sprintf("claim %s is not what recovery point %s holds: %s", v.Claim, newest.Name, what)
			f.Remedy = "if this was meant, capture it now: create a RecoveryPoint with spec.policy alone. If not, restore the claim from " + newest.Name
			p.find(f)
		}
	},
}

// replaced says in what a claim differs from what was captured under its name; empty when it does not, or nothing was.
func replaced(was *api.VolumeRecord, v *Volume) string {
	switch {
	case was == nil || v.UID == "" || was.ClaimUID == "":
		return ""
	case was.ClaimUID != v.UID:
		return "the claim was deleted and made anew"
	case was.Driver != "" && v.Driver != "" && was.Driver != v.Driver:
		return fmt.Sprintf("its volume was of driver %s and is of %s", was.Driver, v.Driver)
	case was.Handle != "" && v.Handle != "" && was.Handle != v.Handle:
		return "it is bound to another volume"
	case was.StorageClass != "" && v.Class != "" && was.StorageClass != v.Class:
		return fmt.Sprintf("its storage class was %s and is %s", was.StorageClass, v.Class)
	}
	return ""
}
