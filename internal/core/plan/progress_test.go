// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/testkit"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// TestProgressOfManyVolumes has a hundred snapshots become ready one by one, in a capture that lasts: the status is
// written when it begins to last, at a quarter, at half, and no more; and trouble is shown at once.
func TestProgressOfManyVolumes(t *testing.T) {
	o := frozen(func(o *PointObserved) {
		o.Settings.HooksEnabled = false
		o.Claims = nil
		o.Policy.Spec.Volumes = api.VolumeSelection{Selector: &api.LabelSelector{}}
		for i := range 100 {
			o.Claims = append(o.Claims, claim(fmt.Sprintf("c%02d", i)))
		}
	})
	if n := len(names.Members(o.Point.Status.Capture.ClaimSet)); n != 100 {
		t.Fatalf("%d volumes", n)
	}
	var shown []string
	for i := range 99 {
		o.Snapshots = append(o.Snapshots, snapshotOf(o, fmt.Sprintf("c%02d", i)))
		was := o.Point.Status.Progress
		if o = next(o, noon.Add(20*time.Second+time.Duration(i)*time.Second), Done{}); o.Point.Status.Progress != was {
			shown = append(shown, o.Point.Status.Progress)
		}
	}
	if want := []string{"1/100", "26/100", "52/100"}; !slices.Equal(shown, want) {
		t.Errorf("the progress was written as %v, want %v", shown, want)
	}
	o = next(o, noon.Add(3*time.Minute), Done{Refused: Refusals{testkit.ClaimUID("c99"): {Problem: Problem{api.ReasonQuotaExceeded, "exceeded quota"}}}})
	if o.Point.Status.Progress != "99/100" || o.Point.Status.Volumes[0].Reason != api.ReasonQuotaExceeded {
		t.Errorf("trouble is not shown: %s %+v", o.Point.Status.Progress, o.Point.Status.Volumes[0])
	}
}
