// SPDX-License-Identifier: Apache-2.0

package testkit_test

import (
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

func copied(name string, state api.CopyState, volumes ...string) testkit.Mod[api.RecoveryPoint] {
	return func(p *api.RecoveryPoint) {
		c := api.CopyRecord{Name: name, Repository: name, State: state}
		for _, v := range volumes {
			c.Volumes = append(c.Volumes, api.CopiedVolume{Claim: v})
		}
		p.Status.Copies = append(p.Status.Copies, c)
	}
}

func letGo(part string) testkit.Mod[api.RecoveryPoint] {
	return func(p *api.RecoveryPoint) {
		p.Status.Release = append(p.Status.Release, api.ReleasedPart{Part: part, At: metav1.NewTime(noon)})
	}
}

func onlyCopies(p *api.RecoveryPoint) { p.Status.Conditions[0].Reason = api.ReasonCopiesOnly }

// TestCheckerOfCopies: what the simulator holds against the promises about copies is found, and what is right is not.
func TestCheckerOfCopies(t *testing.T) {
	point := func(mods ...testkit.Mod[api.RecoveryPoint]) *api.RecoveryPoint {
		return testkit.Point(noon, []string{"data"}, mods...)
	}
	writes := func(parts ...string) func(*api.RecoveryPoint) testkit.Call {
		return func(p *api.RecoveryPoint) testkit.Call {
			var list []any
			for _, part := range parts {
				list = append(list, map[string]any{"part": part})
			}
			return testkit.Call{Verb: testkit.Status, Kind: "RecoveryPoint", Key: client.ObjectKeyFromObject(p), Body: map[string]any{"status": map[string]any{"release": list}}}
		}
	}
	deletesSnapshot := func(*api.RecoveryPoint) testkit.Call {
		return testkit.Call{Verb: testkit.Delete, Kind: "VolumeSnapshot", Key: client.ObjectKey{Namespace: testkit.Namespace, Name: "snapshot"}, UID: "snapshot-1"}
	}
	deletesPoint := func(p *api.RecoveryPoint) testkit.Call {
		return testkit.Call{Verb: testkit.Delete, Kind: "RecoveryPoint", Key: client.ObjectKeyFromObject(p), UID: p.UID}
	}
	rests := func(*api.RecoveryPoint) testkit.Call { return testkit.Call{} }
	whole := copied("offsite", api.CopyComplete, "data")
	for _, c := range []struct {
		name   string
		point  *api.RecoveryPoint
		shown  []string // parts
		does   func(*api.RecoveryPoint) testkit.Call
		broken string
	}{
		{"snapshots are let go for a copy", point(whole), []string{"snapshots"}, writes("snapshots"), ""},
		{"what was let go stays so", point(whole, letGo("snapshots")), nil, writes("snapshots"), ""},
		{"they were not shown", point(whole), []string{""}, writes("snapshots"), "invariant 5"},
		{"another part was shown", point(whole), []string{"copy/offsite"}, writes("snapshots"), "invariant 5"},
		{"the copy is not complete", point(copied("offsite", api.CopyFailed, "data")), []string{"snapshots"}, writes("snapshots"), "invariant 1"},
		{"the copy lacks a volume", point(copied("offsite", api.CopyComplete)), []string{"snapshots"}, writes("snapshots"), "invariant 1"},
		{"the copy was let go", point(whole, letGo("copy/offsite")), []string{"snapshots"}, writes("copy/offsite", "snapshots"), "invariant 1"},
		{"another copy is read from them", point(whole, copied("vault", api.CopyCopying)), []string{"snapshots"}, writes("snapshots"), "invariant 6"},
		{"the point is on hold", point(whole, testkit.Held), []string{"snapshots"}, writes("snapshots"), "invariant 5"},
		{"a copy is let go, and the snapshots stay", point(whole), []string{"copy/offsite"}, writes("copy/offsite"), ""},
		{"a copy is let go after the snapshots", point(whole, letGo("snapshots")), []string{"copy/offsite"}, writes("snapshots", "copy/offsite"), "invariant 1"},
		{"a copy is let go that is all there is", point(whole, onlyCopies), []string{"copy/offsite"}, writes("copy/offsite"), "invariant 1"},
		{"one of two copies is let go", point(whole, copied("vault", api.CopyComplete, "data"), onlyCopies), []string{"copy/offsite"}, writes("copy/offsite"), ""},
		{"a snapshot is deleted that was let go", point(whole, letGo("snapshots"), onlyCopies), nil, deletesSnapshot, ""},
		{"it is not on record that it goes", point(whole, letGo("snapshots")), nil, deletesSnapshot, "invariant 6"},
		{"the point is put on hold before that is on record", point(whole, letGo("snapshots"), testkit.Held), nil, deletesSnapshot, "invariant 5"},
		{"it is put on hold when that is on record", point(whole, letGo("snapshots"), onlyCopies, testkit.Held), nil, deletesSnapshot, ""},
		{"nobody let it go", point(whole), nil, deletesSnapshot, "invariant 5"},
		{"there is no copy of it", point(copied("offsite", api.CopyFailed), letGo("snapshots")), nil, deletesSnapshot, "invariant 6"},
		{"it is being copied", point(whole, copied("vault", api.CopyCopying), letGo("snapshots")), nil, deletesSnapshot, "invariant 6"},
		{"a point is expired", point(whole), []string{""}, deletesPoint, ""},
		{"only a part of it was shown", point(whole), []string{"snapshots"}, deletesPoint, "invariant 5"},
		{"it is being copied too", point(copied("offsite", api.CopyCopying)), []string{""}, deletesPoint, "invariant 6"},
		{"a point lives on in its copy", point(whole, onlyCopies), nil, rests, ""},
		{"a copy is complete without a volume", point(copied("offsite", api.CopyComplete), onlyCopies, copied("vault", api.CopyComplete, "data")), nil, rests, "invariant 2"},
		{"a point is complete without anything", point(copied("offsite", api.CopyFailed), onlyCopies), nil, rests, "invariant 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy := testkit.Policy()
			for _, part := range c.shown {
				policy.Status.Expiring = append(policy.Status.Expiring, api.ExpiringPoint{Name: c.point.Name, UID: string(c.point.UID), Part: part, At: metav1.NewTime(noon.Add(-time.Minute))})
			}
			snapshot := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "snapshot", UID: "snapshot-1", Labels: map[string]string{api.LabelPointUID: string(c.point.UID)}},
				Status: &snapshotv1.VolumeSnapshotStatus{ReadyToUse: ptr.To(true)}}
			clock := clocktesting.NewFakePassiveClock(noon)
			a := testkit.NewAPI(controllers.Scheme(), clock)
			if err := a.Seed(testkit.NamespaceObject(), policy, c.point, snapshot); err != nil {
				t.Fatal(err)
			}
			k := testkit.NewChecker(a, testkit.NewStorage(a.Client(nil), clock), clock)
			k.Released = true // nothing here has bytes
			if call := c.does(c.point); call.Kind != "" {
				k.Before(call)
			} else {
				k.AtRest()
			}
			found := strings.Join(k.Found, "\n")
			if (c.broken == "") != (found == "") || !strings.Contains(found, c.broken) {
				t.Errorf("found is %q, want %q", found, c.broken)
			}
		})
	}
}
