// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// CopyDue is by a point's UID the names of the targets that it is to be copied to now.
func CopyDue(b *api.BackupPolicy, points []*api.RecoveryPoint, _ time.Time) map[string][]string {
	due := map[string][]string{}
	for _, p := range points {
		for i := range b.Spec.Copies {
			if t := &b.Spec.Copies[i]; t.Cron == "" && Complete(p) {
				due[string(p.UID)] = append(due[string(p.UID)], t.Name)
			}
		}
	}
	return due
}
