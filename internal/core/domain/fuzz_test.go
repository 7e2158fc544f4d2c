// SPDX-License-Identifier: Apache-2.0

package domain

import "testing"

// FuzzOfClass derives places of classes of any provisioner and parameters, and of any annotation: what comes out has the form of what
// users write and fits a status, a place shares with itself, and sharing has no direction.
func FuzzOfClass(f *testing.F) {
	f.Add("nfs.csi.k8s.io", "server", "nas.test", "rack-7", true, "smb.csi.k8s.io", "source", "//nas.test/share")
	f.Add("x.rbd.csi.ceph.com", "clusterID", "b9127830-b0cc-4e34-aa47-9d1a2e9949a8", "", true, "kubernetes.io/rbd", "clusterID", "B9127830-B0CC-4E34-AA47-9D1A2E9949A8")
	f.Add("", "", "", "../..", true, "\xff", "server", "[::1]:2049")
	f.Add("csi-powermax.dellemc.com", "SYMID", "-a-é---------------------------------------------------------------------------------------------------------------------------b", "A/B", false, "efs.csi.aws.com", "", "")
	f.Fuzz(func(t *testing.T, provisioner, key, value, says string, annotated bool, other, otherKey, otherValue string) {
		c := Class{Name: "a", Provisioner: provisioner, Parameters: map[string]string{key: value}}
		if annotated {
			c.Override = &says
		}
		a, b := OfClass(c), OfClass(Class{Name: "b", Provisioner: other, Parameters: map[string]string{otherKey: otherValue}})
		for _, p := range []Place{a, b} {
			for _, d := range p.all() {
				if d != "" && (len(d) > mostWritten || !written.MatchString(d)) {
					t.Errorf("%q of %q %q is none that users could write", d, provisioner, value)
				}
			}
			if !Shares(p, p) || Apart([]Place{p}, p) {
				t.Errorf("%+v does not share with itself", p)
			}
		}
		if Shares(a, b) != Shares(b, a) || Known(a, b) != Known(b, a) || (Known(a, b) && !Shares(a, b)) {
			t.Errorf("%+v and %+v", a, b)
		}
	})
}
