// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

const tempClaim = "data-restored"

// toSwap is a restore whose only volume is on record as being replaced: nothing was touched yet.
func toSwap(edits ...func(*Place)) RestoreObserved {
	o := toRestore(inPlace)
	at := o.Places["data"]
	at.Temporary = &LiveClaim{Target: Target{tempClaim, "t"}, RunUID: "run", Class: testkit.Class, Bound: true, Expires: true, Volume: "pv-new", Request: resource.MustParse("3Gi")}
	at.New = &LiveVolume{Target: Target{"pv-new", "n"}, Reclaim: "Delete", RefNamespace: testkit.Namespace, RefName: tempClaim, RefUID: "t", Size: resource.MustParse("3Gi")}
	for _, e := range edits {
		e(&at)
	}
	o.Places = map[string]Place{"data": at}
	o.Restore.Status.Run = &api.RestoreRun{Deadline: metav1.NewTime(restoreNow.Add(time.Hour))}
	o.Restore.Status.Volumes = []api.RestoredVolume{{Claim: "data", State: api.RestoreSwapping, Swap: &api.VolumeSwap{
		OldClaimUID: testkit.ClaimUID("data"), OldVolume: "pv-data", NewVolume: "pv-new", Temporary: tempClaim, ReclaimPolicy: "Delete", Claim: "{}"}}}
	return o
}

// What a swap has done so far, in its order.
func spared(at *Place) {
	at.Temporary.Expires = false
	at.New.Reclaim, at.Old.Reclaim, at.Old.RunUID = retain, retain, "run"
}

func oldGone(at *Place) {
	spared(at)
	at.Claim, at.Old.Released = nil, true
}

func tempGone(at *Place) {
	oldGone(at)
	at.Temporary = nil
}

func assigned(at *Place) {
	tempGone(at)
	at.New.RefName, at.New.RefUID = "data", ""
}

func remade(at *Place) {
	assigned(at)
	at.Claim = &LiveClaim{Target: Target{"data", "again"}, Volume: "pv-new", Bound: true}
	at.New.RefUID = "again"
}

func kept(at *Place) {
	remade(at)
	at.New.Reclaim = "Delete"
	at.Old.Kept, at.Old.KeepUntil = true, restoreNow.Add(time.Hour)
}

func moved(m swapMove) string {
	var out []string
	for _, s := range m.steps {
		mark := ""
		if s.Mark {
			mark = "marked"
		}
		out = append(out, strings.Join(strings.Fields(fmt.Sprintln(s.Do, s.Object.Name, mark, s.Reclaim, s.Volume)), " "))
	}
	switch {
	case m.failed != nil:
		out = append(out, "failed "+m.failed.Reason)
	case m.wait != nil:
		out = append(out, "waits "+m.wait.Reason)
	case m.done:
		out = append(out, "done")
	}
	return strings.Join(out, ", ")
}

// TestSwap: each step follows from what is there. Both volumes are retained before the claim goes, and what is not as it was written
// down is left alone.
func TestSwap(t *testing.T) {
	const afterDeadline = 2 * time.Hour
	used := func(at *Place) { at.Users = []string{"pod web-0"} }
	for name, c := range map[string]struct {
		edits []func(*Place)
		later time.Duration
		want  string
	}{
		"at first all is spared":                 {nil, 0, "SpareClaim data-restored, Reclaim pv-new Retain, Reclaim pv-data marked Retain"},
		"the restored volume is not retained":    {[]func(*Place){spared, func(at *Place) { at.New.Reclaim = "Delete" }}, 0, "Reclaim pv-new Retain"},
		"the old volume is not retained":         {[]func(*Place){spared, func(at *Place) { at.Old.Reclaim = "Delete" }}, 0, "Reclaim pv-data marked Retain"},
		"the old volume is not marked":           {[]func(*Place){spared, func(at *Place) { at.Old.RunUID = "" }}, 0, "Reclaim pv-data marked Retain"},
		"the temporary claim would be swept":     {[]func(*Place){spared, func(at *Place) { at.Temporary.Expires = true }}, 0, "SpareClaim data-restored"},
		"both are retained":                      {[]func(*Place){spared}, 0, "DeleteClaim data"},
		"a pod uses the claim":                   {[]func(*Place){spared, used}, 0, "waits ClaimInUse"},
		"and uses it for too long":               {[]func(*Place){spared, used}, afterDeadline, "failed ClaimInUse"},
		"the old volume is of another claim":     {[]func(*Place){spared, func(at *Place) { at.Old.RefUID = "another" }}, 0, "failed ClaimChanged"},
		"the old volume is of another namespace": {[]func(*Place){spared, func(at *Place) { at.Old.RefNamespace = "another" }}, 0, "failed ClaimChanged"},
		"the claim has another volume":           {[]func(*Place){spared, func(at *Place) { at.Claim.Volume = "pv-other" }}, 0, "failed ClaimChanged"},
		"the temporary claim is another's":       {[]func(*Place){spared, func(at *Place) { at.Temporary.RunUID = "another" }}, 0, "failed ClaimMissing"},
		"the old claim goes":                     {[]func(*Place){spared, func(at *Place) { at.Claim.Deleting = true }}, 0, "waits Swapping"},
		"there is no way back from there":        {[]func(*Place){oldGone}, afterDeadline, "DeleteClaim data-restored"},
		"somebody made the claim":                {[]func(*Place){oldGone, func(at *Place) { at.Claim = &LiveClaim{Target: Target{"data", "theirs"}, Volume: "pv-theirs"} }}, 0, "failed ClaimExists"},
		"it has no volume yet":                   {[]func(*Place){oldGone, func(at *Place) { at.Claim = &LiveClaim{Target: Target{"data", "theirs"}} }}, 0, "failed ClaimExists"},
		"the restored volume must stay":          {[]func(*Place){oldGone, func(at *Place) { at.New.Reclaim = "Delete" }}, 0, "Reclaim pv-new Retain"},
		"the temporary claim goes":               {[]func(*Place){oldGone, func(at *Place) { at.Temporary.Deleting = true }}, 0, "waits Swapping"},
		"the restored volume is gone":            {[]func(*Place){tempGone, func(at *Place) { at.New = nil }}, 0, "failed ClaimChanged"},
		"somebody took the restored volume":      {[]func(*Place){tempGone, func(at *Place) { at.New.RefName = "theirs" }}, 0, "failed ClaimChanged"},
		"the restored volume is free":            {[]func(*Place){tempGone}, 0, "AssignVolume pv-new"},
		"it bears the UID of a claim before":     {[]func(*Place){assigned, func(at *Place) { at.New.RefUID = "before" }}, 0, "AssignVolume pv-new"},
		"it is for the claim":                    {[]func(*Place){assigned}, 0, "MakeClaim pv-new"},
		"the claim is not bound":                 {[]func(*Place){remade, func(at *Place) { at.Claim.Bound = false }}, 0, "waits Swapping"},
		"the claim was deleted again":            {[]func(*Place){remade, func(at *Place) { at.Claim.Deleting = true }}, 0, "waits Swapping"},
		"the claim is bound":                     {[]func(*Place){remade}, 0, "KeepVolume pv-data, Reclaim pv-new Delete"},
		"all is as it was":                       {[]func(*Place){kept}, 0, "done"},
		"the old volume went":                    {[]func(*Place){kept, func(at *Place) { at.Old = nil }}, 0, "done"},
	} {
		t.Run(name, func(t *testing.T) {
			o := toSwap(c.edits...)
			if got := moved(nextSwap(o, o.Restore.Status.Volumes[0], restoreNow.Add(c.later))); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestOldVolumeIsKept: a replaced volume gets its reclaim policy back only once its time has come, by the status and by what it says
// itself, and only while it is still the one that was replaced.
func TestOldVolumeIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Place)
		at   time.Duration
		want string
	}{
		"not yet":                   {func(*Place) {}, 59 * time.Minute, "kept until 11:00"},
		"its time has come":         {func(*Place) {}, time.Hour, "Reclaim pv-data Delete"},
		"somebody put it off":       {func(at *Place) { at.Old.KeepUntil = restoreNow.Add(3 * time.Hour) }, time.Hour, "kept until 13:00"},
		"nobody knows until when":   {func(at *Place) { at.Old.KeepUntil = time.Time{} }, time.Hour, "let go"},
		"somebody uses it":          {func(at *Place) { at.Old.Released = false }, time.Hour, "let go"},
		"another restore took over": {func(at *Place) { at.Old.RunUID = "another" }, time.Hour, "let go"},
		"it is of another claim":    {func(at *Place) { at.Old.RefUID = "another" }, time.Hour, "let go"},
		"it is gone":                {func(at *Place) { at.Old = nil }, time.Hour, "let go"},
		"it has its policy back":    {func(at *Place) { at.Old.Reclaim = "Delete" }, time.Hour, "let go"},
	} {
		o := toSwap(kept, c.edit)
		v := &o.Restore.Status.Volumes[0]
		v.State, v.Swap.KeepUntil = api.RestoreRestored, timePtr(restoreNow.Add(time.Hour))
		p := RestorePlan{Status: *o.Restore.Status.DeepCopy()}
		p.letGo(o, restoreNow.Add(c.at))
		after := p.Status.Volumes[0].Swap
		got := moved(swapMove{steps: p.Swap})
		switch {
		case after.ReleasedAt != nil:
			got += "let go"
		case got == "":
			got = fmt.Sprintf("kept until %s", after.KeepUntil.UTC().Format("15:04"))
			if !p.Wake.Equal(after.KeepUntil.Time) {
				t.Errorf("%s: it wakes at %s", name, p.Wake)
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
