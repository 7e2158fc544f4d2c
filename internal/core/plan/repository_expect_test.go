// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// TestExpectedCopies: a repository must hold what counts, and nothing that is let go, is under way, or is elsewhere.
func TestExpectedCopies(t *testing.T) {
	whole := func(p *api.RecoveryPoint) { recorded(p); copied("offsite", "vault")(p) }
	with := func(change func(*api.CopyRecord)) testkit.Mod[api.RecoveryPoint] {
		return func(p *api.RecoveryPoint) {
			whole(p)
			change(&p.Status.Copies[len(p.Status.Copies)-1])
		}
	}
	for _, c := range []struct {
		name string
		want int // volumes; 0 when the point is not expected
		mods []testkit.Mod[api.RecoveryPoint]
	}{
		{"a copy of two volumes", 2, []testkit.Mod[api.RecoveryPoint]{whole}},
		{"without snapshots", 2, []testkit.Mod[api.RecoveryPoint]{whole, copiesOnly}},
		{"two copies, one of them of one volume", 2, []testkit.Mod[api.RecoveryPoint]{with(func(c *api.CopyRecord) { c.Name, c.Volumes = "again", c.Volumes[:1] }), whole}},
		{"none", 0, nil},
		{"under way", 0, []testkit.Mod[api.RecoveryPoint]{with(func(c *api.CopyRecord) { c.State = api.CopyCopying })}},
		{"failed", 0, []testkit.Mod[api.RecoveryPoint]{with(func(c *api.CopyRecord) { c.State = api.CopyFailed })}},
		{"being removed", 0, []testkit.Mod[api.RecoveryPoint]{with(func(c *api.CopyRecord) { c.State = api.CopyRemoving })}},
		{"let go", 0, []testkit.Mod[api.RecoveryPoint]{whole, letPartGo(partCopy + "offsite")}},
		{"let go, and held", 2, []testkit.Mod[api.RecoveryPoint]{whole, letPartGo(partCopy + "offsite"), func(p *api.RecoveryPoint) { p.Spec.Hold = true }}},
		{"of a point that is deleted", 0, []testkit.Mod[api.RecoveryPoint]{whole, func(p *api.RecoveryPoint) { p.DeletionTimestamp = metaTime(noon) }}},
		{"in another repository", 0, []testkit.Mod[api.RecoveryPoint]{recorded, copied("offsite", "cellar")}},
		{"in one that was there before", 0, []testkit.Mod[api.RecoveryPoint]{with(func(c *api.CopyRecord) { c.RepositoryID = elseID })}},
		{"with a UID that no cluster gives", 0, []testkit.Mod[api.RecoveryPoint]{whole, func(p *api.RecoveryPoint) { p.UID = types.UID(strings.Repeat("x", longestUID+1)) }}},
	} {
		p := testkit.Point(noon, both, c.mods...)
		want := map[string]int{}
		if c.want > 0 {
			want[string(p.UID)] = c.want
		}
		if got := expectedIn(vault("vault"), []*api.RecoveryPoint{p}); !maps.Equal(got, want) {
			t.Errorf("%s: expected are %v, want %v", c.name, got, want)
		}
	}
	imported := testkit.Point(noon, both, whole, func(p *api.RecoveryPoint) {
		p.Status.Origin = &api.PointOrigin{Repository: "vault", RepositoryID: vaultID, PointUID: "from-afar"}
	})
	if got := expectedIn(vault("vault"), []*api.RecoveryPoint{imported}); !maps.Equal(got, map[string]int{"from-afar": 2}) {
		t.Errorf("of a point that was imported, expected are %v", got)
	}
	var many []*api.RecoveryPoint
	for i := range mostExpected + 3 {
		p := testkit.Point(noon.Add(time.Duration(i)*time.Minute), both, whole)
		p.UID = types.UID(fmt.Sprint("uid-", i))
		many = append(many, p)
	}
	slices.Reverse(many)
	if got := expectedIn(vault("vault"), many); len(got) != mostExpected || got["uid-2"] != 0 || got["uid-3"] == 0 {
		t.Errorf("of many points %d are expected", len(got))
	}
}

// TestMissingCopies: what a verification misses is damage, under the names that its points have, unless nobody expects it any more.
func TestMissingCopies(t *testing.T) {
	p := testkit.Point(noon, both, recorded, copied("offsite", "vault"))
	uid := string(p.UID)
	gone := p.DeepCopy()
	gone.DeletionTimestamp = metaTime(noon)
	theirs := api.DamagedPoint{UID: "theirs", Namespace: "mail", Policy: "q", Name: "theirs-1"}
	told := VerifyDone{Damaged: 3, DamagedPoints: 2, Points: []api.DamagedPoint{theirs, {UID: uid}}, Missing: map[string]int64{uid: 2}}
	for _, c := range []struct {
		name    string
		points  []*api.RecoveryPoint
		want    string
		damaged int64
	}{
		{"it is expected", []*api.RecoveryPoint{gone, p}, "mail/q/theirs-1 " + p.Namespace + "/" + p.Spec.Policy.Name + "/" + p.Name, 3},
		{"it is let go by now", []*api.RecoveryPoint{gone}, "mail/q/theirs-1", 1},
		{"it is not there any more", nil, "mail/q/theirs-1", 1},
	} {
		got := told.known(vault("vault"), c.points)
		var names []string
		for _, d := range got.Points {
			names = append(names, d.Namespace+"/"+d.Policy+"/"+d.Name)
		}
		if is := strings.Join(names, " "); is != c.want || got.Damaged != c.damaged || got.DamagedPoints != int64(len(names)) {
			t.Errorf("%s: damaged are %d of %d: %s", c.name, got.Damaged, got.DamagedPoints, is)
		}
	}
	if len(told.Points) != 2 || told.Points[1].Name != "" {
		t.Errorf("what was told is changed: %+v", told)
	}
}

// TestVerificationIsToldWhatThereMustBe: from the order to the status, and back to Verified once the copy is let go.
func TestVerificationIsToldWhatThereMustBe(t *testing.T) {
	s := ashore(t)
	s.until(noon.Add(time.Hour))
	p := testkit.Point(noon, both, recorded, copied("offsite", s.o.Repository.Name), func(p *api.RecoveryPoint) { p.Status.Copies[0].RepositoryID = theID })
	s.o.Points = []*api.RecoveryPoint{p}
	s.answers = func(o order.Order) (RepositoryResult, bool) {
		if o.Verify == nil || o.Verify.Expect[string(p.UID)] == 0 {
			return allWell(o)
		}
		return RepositoryResult{UniqueID: theID, Verify: &VerifyDone{Bytes: 90, Damaged: 2, DamagedPoints: 1, Healing: true,
			Points: []api.DamagedPoint{{UID: string(p.UID)}}, Missing: map[string]int64{string(p.UID): int64(o.Verify.Expect[string(p.UID)])}}}, true
	}
	ask := func() {
		s.o.Repository.Annotations[api.AnnotationVerifyRequested] = s.now.Format(time.RFC3339)
		s.until(s.now.Add(time.Hour))
	}
	ask()
	if d := s.status().Damage; d == nil || len(d.Points) != 1 || d.Points[0].Name != p.Name || d.Copies != 2 {
		t.Fatalf("the damage is %+v", d)
	}
	p.DeletionTimestamp = metaTime(s.now)
	ask()
	if c := findCondition(s.status().Conditions, api.ConditionVerified); s.status().Damage != nil || c == nil || c.Status != metav1.ConditionTrue {
		t.Errorf("the damage is %+v, and %+v", s.status().Damage, c)
	}
}
