// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// editsPolicy is invariant 14: the operator edits and deletes no policy but those that it made from a template, and deletes
// one only in such a way that its points stay.
func (k *Checker) editsPolicy(f facts, c Call) {
	i := slices.IndexFunc(f.policies, func(b *api.BackupPolicy) bool { return b.Namespace == c.Key.Namespace && b.Name == c.Key.Name })
	if i < 0 || (c.Verb != Delete && c.Body["spec"] == nil) {
		return
	}
	b := f.policies[i]
	switch {
	case c.Verb == Delete && b.UID != c.UID:
	case b.Labels[api.LabelClusterPolicyUID] == "":
		k.broken(14, "%s: it is a policy of the namespace's own", c)
	case c.Verb == Delete && b.Spec.OnDelete == api.OnDeletePrune:
		k.broken(14, "%s: its points would go with it", c)
	}
}
