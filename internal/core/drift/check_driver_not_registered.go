// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// driverAway is how long no node may have a driver before it is told: an update of its pods takes it from one node at a time, and
// there may be only one.
const driverAway = time.Minute

// checkDriverNotRegistered finds volumes whose driver runs on no node, as when their storage system is gone. Everything that is on
// it can be neither read nor brought back, whatever its snapshots say of themselves, and that is known before the next slot.
var checkDriverNotRegistered = check{
	kinds: []string{api.ReasonDriverNotRegistered},
	needs: []Fact{FactStack, FactSelection},
	of:    []string{api.ConditionReady},
	judge: func(p *pass) {
		for _, driver := range p.Away {
			var claims []string
			for i := range p.Volumes {
				if p.Volumes[i].Driver == driver {
					claims = append(claims, p.Volumes[i].Claim)
				}
			}
			f := Finding{Breaks: []string{api.ConditionReady}}
			f.Kind, f.Subject = api.ReasonDriverNotRegistered, "csidriver/"+driver
			f.Since = p.since(f.Kind, f.Subject)
			f.Severity = p.rising(f.Since.Time, step{driverAway, api.SeverityHigh})
			f.Message = fmt.Sprintf("driver %s is registered on no node: nothing can be read from, captured of, or restored to the storage of %s", driver, Some(claims))
			f.Remedy = "see whether its pods run: kubectl get csinodes -o yaml shows where drivers are registered"
			if c := p.elsewhere(); c != nil {
				f.Message += fmt.Sprintf("; the newest copy elsewhere is of point %s, in repository %s", c.Point, c.Repository)
				f.Remedy += "; if the storage system is lost, a Restore with from: Copy and the storageClassName of another brings the data back"
			}
			p.find(f)
		}
	},
}

// elsewhere is the newest copy that fails apart from the volumes; nil when none is known.
func (p *pass) elsewhere() *Copy {
	if p.Independence == nil {
		return nil
	}
	return p.Independence.Newest()
}

// Away are the drivers of volumes that none of the registered ones are, each once and in order. Where nothing is registered at all,
// it is not known what is.
func Away(volumes []Volume, registered []string) []string {
	if len(registered) == 0 {
		return nil
	}
	var out []string
	for i := range volumes {
		if d := volumes[i].Driver; d != "" && !slices.Contains(registered, d) {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
