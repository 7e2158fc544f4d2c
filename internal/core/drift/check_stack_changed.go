// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"
	"strings"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// mostStored is how many parts of the storage stack a proof keeps.
const mostStored = 32

// checkStackChanged finds that the storage stack is not the one under which the newest proof was given.
var checkStackChanged = check{
	kinds: []string{api.ReasonStorageStackChanged},
	needs: []Fact{FactStack},
	judge: func(p *pass) {
		last := p.Status.LastProof
		if last == nil {
			return
		}
		changed := StackChanged(last.Storage, p.Stack)
		if len(changed) == 0 {
			return
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonStorageStackChanged, Severity: api.SeverityMedium, Since: p.since(api.ReasonStorageStackChanged, ""),
			Message: "the storage stack is not the one that drill " + last.Drill + " proved the restore with: " + Some(changed),
			Remedy:  "a drill under the new one clears this; it is asked for by itself where spec.drill is set. To rehearse now, create a RestoreDrill with spec.policy alone",
		}})
	},
}

// StackChanged says how a storage stack differs from another, each given as lines KIND/NAME=HASH: what changed, came or went.
// Where nothing is known of one of them, nothing is said. A fresh drill is due when there is something to say.
func StackChanged(was, is []string) []string {
	if len(was) == 0 || len(is) == 0 {
		return nil
	}
	before, now := parts(was), parts(is)
	var out []string
	for name, hash := range before {
		switch h, there := now[name]; {
		case !there:
			out = append(out, name+" went")
		case h != hash:
			out = append(out, name+" changed")
		}
	}
	for name := range now {
		if _, known := before[name]; !known && len(was) < mostStored { // else it may have been there, and not have been kept
			out = append(out, name+" came")
		}
	}
	slices.Sort(out)
	return out
}

// parts are the parts of a storage stack: what each says, by its kind and name.
func parts(lines []string) map[string]string {
	out := make(map[string]string, len(lines))
	for _, l := range lines {
		cut := strings.LastIndex(l, "=")
		if cut < 0 {
			cut = len(l)
		}
		out[l[:cut]] = l[cut:]
	}
	return out
}
