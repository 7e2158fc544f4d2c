// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// TestTableOfANewPolicy: kubectl prints 0 and not nothing of a policy that has no volumes and no points.
func TestTableOfANewPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.policy("empty", nil)
	w.await(b, api.ConditionProtected, metav1.ConditionFalse, api.ReasonPolicySelectsNothing)
	short := strings.Fields(w.kubectl("get", "bp", "empty", "--no-headers")) // NAME PROTECTED NEXT POINTS VOLUMES FINDING SEVERITY AGE
	if len(short) != 8 || !slices.Equal(short[3:5], []string{"0", "0"}) {
		t.Errorf("points and volumes are not 0: %q", short)
	}
	wide := strings.Fields(w.kubectl("get", "bp", "empty", "--no-headers", "-o", "wide")) // the last are FAILED MISSED
	if !slices.Equal(wide[len(wide)-2:], []string{"0", "0"}) {
		t.Errorf("failed and missed are not 0: %q", wide)
	}
}
