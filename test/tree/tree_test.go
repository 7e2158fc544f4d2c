// SPDX-License-Identifier: Apache-2.0

package tree

import "testing"

func TestHasTest(t *testing.T) {
	for _, c := range []struct {
		pkg, test string
		want      bool
	}{
		{"test/tree", "TestHasTest", true},
		{"test/tree", "TestHasTest/of a subtest", true},
		{"test/tree", "TestHas", false},
		{"test/nowhere", "TestHasTest", false},
		{"internal/core/order", "FuzzDecode", true},
		{"internal/sim", "TestMain", false},
	} {
		if is, err := HasTest("../..", c.pkg, c.test); is != c.want || err != nil {
			t.Errorf("%s in %s: %t, %v", c.test, c.pkg, is, err)
		}
	}
}
