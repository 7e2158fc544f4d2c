// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"testing"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// BenchmarkForPolicy judges 10,000 claims in 1,000 namespaces: with the policy that was made for each, without any, and as an audit.
func BenchmarkForPolicy(b *testing.B) {
	world := func(c *api.ClusterBackupPolicy, stamp bool) *Observed {
		o := &Observed{Policy: c}
		for i := range 1000 {
			var claims []string
			for j := range 10 {
				claims = append(claims, fmt.Sprintf("data-%d=app-%d", j, j))
			}
			ns := space(fmt.Sprintf("tenant-%04d", i), claims, own("mine", "app-0"))
			if stamp {
				ns.Policies = append(ns.Policies, stamped(c))
			}
			o.Namespaces = append(o.Namespaces, ns)
		}
		return o
	}
	for name, o := range map[string]*Observed{
		"settled": world(baseline(), true), "first": world(baseline(), false), "uncovered": world(baseline(audit), false),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ForPolicy(o, noon.Add(time.Second))
			}
		})
	}
}
