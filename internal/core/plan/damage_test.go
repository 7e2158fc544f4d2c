// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// damageAt is damage that was found at a time, and set aside, of the copies of some points.
func damageAt(at time.Time, uids ...string) *api.RepositoryDamage {
	d := &api.RepositoryDamage{Since: metav1.NewTime(at), Found: metav1.NewTime(at), Contents: 2, Copies: int64(len(uids)), PointCount: int64(len(uids)), Healing: true}
	for _, uid := range uids {
		d.Points = append(d.Points, api.DamagedPoint{UID: uid, Namespace: testkit.Namespace, Policy: "p", Name: "of-" + uid})
	}
	return d
}

// stored is a point with a copy that was complete at noon.
func stored(mods ...copyMod) CopyObserved {
	o, _ := inHand(copiedWell).next(noon)
	o.Brought["offsite"] = Brought{}
	o, _ = o.next(noon)
	for _, m := range mods {
		m(&o)
	}
	return o
}

// damaged has the last verification have found damage an hour after noon: in the copy of the point itself, and more.
func damaged(mods ...func(*api.RepositoryDamage)) copyMod {
	return func(o *CopyObserved) {
		d := damageAt(noon.Add(time.Hour), string(o.Point.UID))
		for _, m := range mods {
			m(d)
		}
		o.Vaults.Repositories["vault"].Status.Damage = d
	}
}

func lostSnapshotsOf(o *CopyObserved) { copiesOnly(o.Point) }

func marked(o *CopyObserved) {
	damaged()(o)
	*o, _ = o.next(noon.Add(61 * time.Minute))
}

// verifiedAgain has a later verification have found other damage, or none.
func verifiedAgain(d *api.RepositoryDamage) copyMod {
	return func(o *CopyObserved) {
		r := o.Vaults.Repositories["vault"]
		if r.Status.Damage = d; d == nil {
			r.Status.LastVerified = metaTime(noon.Add(2 * time.Hour))
		}
	}
}

// TestDamagedCopies: what a verification named does not count, and what it found whole since does.
func TestDamagedCopies(t *testing.T) {
	other := func(d *api.RepositoryDamage) { d.Points[0].UID = "of-another" }
	for _, c := range []struct {
		name, want string
		mods       []copyMod
	}{
		{"no damage", "Complete 0", nil},
		{"it is named", "Failed 0 CopyCorrupt", []copyMod{damaged()}},
		{"another is named", "Complete 0", []copyMod{damaged(other)}},
		{"it is named, in a repository that is another one now", "Complete 0", []copyMod{damaged(), lostSnapshotsOf, func(o *CopyObserved) { o.Vaults.Repositories["vault"].Status.UniqueID = elseID }}},
		{"it was made anew since", "Complete 0", []copyMod{damaged(), func(o *CopyObserved) {
			o.Point.Status.Copies[0].StartedAt = metav1.NewTime(noon.Add(61 * time.Minute))
		}}},
		{"it was begun in the very second", "Failed 0 CopyCorrupt", []copyMod{damaged(), func(o *CopyObserved) {
			o.Point.Status.Copies[0].StartedAt = metav1.NewTime(noon.Add(time.Hour))
		}}},
		{"of a point that was imported", "Failed 0 CopyCorrupt", []copyMod{damaged(func(d *api.RepositoryDamage) { d.Points[0].UID = "from-afar" }), func(o *CopyObserved) {
			o.Point.Status.Origin = &api.PointOrigin{Repository: "vault", RepositoryID: vaultID, PointUID: "from-afar"}
		}}},
		{"it is made anew", "Copying 1", []copyMod{marked}},
		{"it cannot be made anew", "Failed 0 CopyCorrupt", []copyMod{marked, lostSnapshotsOf}},
		{"what is damaged is in the way", "Failed 0 CopyCorrupt", []copyMod{marked, damaged(func(d *api.RepositoryDamage) { d.Healing = false })}},
		{"what is damaged is in the way of what failed as it was made anew", "Failed 0 MoverFailed", []copyMod{marked, damaged(func(d *api.RepositoryDamage) { d.Healing = false }), func(o *CopyObserved) {
			o.Point.Status.Copies[0].Full, o.Point.Status.Copies[0].Reason = true, api.ReasonMoverFailed
		}}},
		{"nothing was found since", "Complete 0", []copyMod{marked, lostSnapshotsOf, verifiedAgain(nil)}},
		{"something else was found since", "Complete 0", []copyMod{marked, lostSnapshotsOf, verifiedAgain(damageAt(noon.Add(2*time.Hour), "of-another"))}},
		{"more was found since than is named", "Failed 0 CopyCorrupt", []copyMod{marked, lostSnapshotsOf, verifiedAgain(func() *api.RepositoryDamage {
			d := damageAt(noon.Add(2*time.Hour), "of-another")
			d.PointCount = 2
			return d
		}())}},
		{"damage was found since that nobody can tell", "Failed 0 CopyCorrupt", []copyMod{marked, lostSnapshotsOf, verifiedAgain(&api.RepositoryDamage{Found: metav1.NewTime(noon.Add(2 * time.Hour))})}},
		{"it was verified before it was made", "Failed 0 CopyCorrupt", []copyMod{marked, lostSnapshotsOf, func(o *CopyObserved) {
			o.Vaults.Repositories["vault"].Status.Damage, o.Vaults.Repositories["vault"].Status.LastVerified = nil, metaTime(hour(11))
		}}},
		{"nothing was verified since", "Failed 0 CopyCorrupt", []copyMod{marked, lostSnapshotsOf, func(o *CopyObserved) { o.Vaults.Repositories["vault"].Status.Damage = nil }}},
		{"of one copy it was found since that it is damaged", "Complete 0", []copyMod{marked, lostSnapshotsOf, verifiedAgain(func() *api.RepositoryDamage {
			d := damageAt(noon.Add(2*time.Hour), "of-another")
			d.Contents, d.Copies = 0, 1
			return d
		}())}},
		{"it is named again", "Failed 0 CopyCorrupt", []copyMod{marked, lostSnapshotsOf, func(o *CopyObserved) {
			verifiedAgain(damageAt(noon.Add(2*time.Hour), string(o.Point.UID)))(o)
		}}},
		{"an attempt that failed for damage was never whole", "Failed 0 CopyCorrupt", []copyMod{lostSnapshotsOf, verifiedAgain(nil), func(o *CopyObserved) {
			r := &o.Point.Status.Copies[0]
			r.State, r.Reason, r.Volumes, r.VerifiedAt = api.CopyFailed, api.ReasonCopyCorrupt, nil, nil
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := stored(c.mods...)
			o, p := o.next(noon.Add(3 * time.Hour))
			if got := copiesAre(p); got != c.want {
				t.Fatalf("it is %q, want %q: %+v", got, c.want, p.Copies)
			}
			again := c.want == "Complete 0" && o.Point.Status.Copies[0].FinishedAt.Time.Equal(noon.Add(3*time.Hour))
			if told := noteOf(p.Notes, api.ReasonCopied); (told == "false the copy in repository vault was read back in full, and counts again") != again {
				t.Errorf("it tells %q", told)
			}
			if r := &o.Point.Status.Copies[0]; again != strings.Contains(c.name, " found since") && c.want == "Complete 0" || (again && !r.VerifiedAt.Equal(r.FinishedAt)) {
				t.Errorf("it counts since %s, verified at %s", r.FinishedAt, r.VerifiedAt)
			}
			if r := &o.Point.Status.Copies[0]; r.State == api.CopyFailed && r.Reason == api.ReasonCopyCorrupt && (r.VerifiedAt != nil || len(completeCopies(o.Point)) > 0) {
				t.Errorf("it counts: %+v", r)
			}
		})
	}
}

// copiesAre is how the copies of a plan are, without what is to be done for them.
func copiesAre(p CopyPlan) string {
	got, _, _ := strings.Cut(said(p), ", ")
	return got
}

// TestDamagedIsToldInFull: whoever reads it learns what is lost, what remains, and what helps.
func TestDamagedIsToldInFull(t *testing.T) {
	for _, c := range []struct {
		name string
		mods []copyMod
		says []string
	}{
		{"it is made anew", nil, []string{"made anew"}},
		{"it is lost", []copyMod{lostSnapshotsOf}, []string{"cannot be restored whole", "copy: offsite and paths", "delete the point"}},
		{"another copy has it", []copyMod{lostSnapshotsOf, func(o *CopyObserved) { copied("near", "cellar")(o.Point) }}, []string{"restored from near", "copy: offsite and paths"}},
	} {
		o := stored(append(c.mods, damaged())...)
		o, p := o.next(noon.Add(2 * time.Hour))
		for _, word := range c.says {
			if r := &o.Point.Status.Copies[0]; !strings.Contains(r.Message, word) {
				t.Errorf("%s: it says %q, and nothing of %q", c.name, r.Message, word)
			}
		}
		if len(p.Notes) != 1 || !p.Notes[0].Warning || p.Notes[0].Reason != api.ReasonCopyCorrupt {
			t.Errorf("%s: told is %+v", c.name, p.Notes)
		}
	}
}

// TestMadeAnewInFull: a copy that is made in the place of a damaged one, and the next one of the policy, are full, and nothing that
// was copied before is taken for copied. Once that was done, copies are as ever, though damage is still known.
func TestMadeAnewInFull(t *testing.T) {
	ordered := func(p CopyPlan) (full []bool) {
		for _, w := range p.Work {
			for _, q := range w.Pods {
				o, err := order.Decode([]byte(q.Order))
				if err != nil || o.Copy == nil {
					t.Fatal(err)
				}
				full = append(full, o.Copy.Full)
			}
		}
		return full
	}
	at := noon.Add(2 * time.Hour)
	o := stored(marked)
	o, _ = o.next(at)
	r := &o.Point.Status.Copies[0]
	if r.State != api.CopyCopying || !r.Full || len(r.Volumes) > 0 {
		t.Fatalf("it is begun as %+v", r)
	}
	o.brings("offsite")
	for _, claim := range both {
		copies(claim, 0, PodPending)(&o)
		delete(o.Brought["offsite"].Pods, o.copier(claim, 0))
	}
	if full := ordered(ForCopy(o, at)); !slices.Equal(full, []bool{true, true}) {
		t.Errorf("ordered is %v", full)
	}
	next := func(mods ...func(*api.CopyRecord)) bool {
		n := seenCopy(damaged(func(d *api.RepositoryDamage) { d.Points[0].UID = "of-another" }))
		copied("offsite", "vault")(n.Siblings[0])
		c := &n.Siblings[0].Status.Copies[0]
		for _, m := range mods {
			m(c)
		}
		n, _ = n.next(at)
		return n.Point.Status.Copies[0].Full
	}
	anew := func(c *api.CopyRecord) { c.Full, c.StartedAt = true, metav1.NewTime(noon.Add(90*time.Minute)) }
	for name, c := range map[string]struct {
		full bool
		mods []func(*api.CopyRecord)
	}{
		"the next one":                         {true, nil},
		"after a full one":                     {false, []func(*api.CopyRecord){anew}},
		"after a full one that failed":         {true, []func(*api.CopyRecord){anew, func(c *api.CopyRecord) { c.State = api.CopyFailed }}},
		"after a full one from before":         {true, []func(*api.CopyRecord){anew, func(c *api.CopyRecord) { c.StartedAt = metav1.NewTime(noon) }}},
		"after a full one somewhere else":      {true, []func(*api.CopyRecord){anew, func(c *api.CopyRecord) { c.RepositoryID = elseID }}},
		"after one that was not full, but new": {true, []func(*api.CopyRecord){anew, func(c *api.CopyRecord) { c.Full = false }}},
	} {
		if got := next(c.mods...); got != c.full {
			t.Errorf("%s: full is %t", name, got)
		}
	}
	healthy, _ := seenCopy().next(at)
	if healthy.Point.Status.Copies[0].Full {
		t.Error("without damage every copy is full")
	}
	failed := stored(marked)
	failed, _ = failed.next(at)
	f := &failed.Point.Status.Copies[0]
	f.State, f.Reason, f.FinishedAt, f.CleanedUp = api.CopyFailed, api.ReasonCopyTimedOut, metaTime(at), true
	f.Volumes = []api.CopiedVolume{{Claim: "data", Fingerprint: printOf("data")}}
	failed.Vaults.Repositories["vault"].Status.Damage = nil
	failed, _ = failed.next(at.Add(7 * time.Hour))
	if f = &failed.Point.Status.Copies[0]; f.State != api.CopyCopying || !f.Full || len(f.Volumes) != 1 {
		t.Errorf("after a full attempt that failed comes %+v", f)
	}
}

// TestMadeAnewWithoutASlot: a target that copies now and then has damaged copies made anew all the same, for they were promised.
func TestMadeAnewWithoutASlot(t *testing.T) {
	b := testkit.Policy(to("a", "0 3 * * 0", nil))
	corrupt := func(p *api.RecoveryPoint) {
		hasCopy("a")(p)
		p.Status.Copies[0].State, p.Status.Copies[0].Reason = api.CopyFailed, api.ReasonCopyCorrupt
	}
	old, gone, newest := testkit.Point(hour(3), both, corrupt), testkit.Point(hour(4), both, corrupt, lost), testkit.Point(hour(5), both, hasCopy("a"))
	due := CopyDue(b, []*api.RecoveryPoint{old, gone, newest}, hour(6))
	if len(due) != 1 || !slices.Equal(due[string(old.UID)], []string{"a"}) {
		t.Errorf("due are %v", due)
	}
}

// spoiled is a repository with damage in the copy of another point.
func spoiled() map[string]*api.Repository {
	r := safeVault()
	r.Status.Damage = damageAt(noon, "of-another")
	return map[string]*api.Repository{"vault": r}
}

// TestDamageIsFound: whatever leads to a damaged repository holds, and of two the first is told.
func TestDamageIsFound(t *testing.T) {
	bad := func(name string) *api.Repository {
		return vault(name, func(r *api.Repository) { r.Status.Damage = damageAt(noon, "of-another") })
	}
	all := map[string]*api.Repository{"a": bad("a"), "b": bad("b"), "vault": vault("vault")}
	for name, c := range map[string]struct {
		policy *api.BackupPolicy
		copies []string // the repositories that hold a copy of a point
		want   string
	}{
		"none is damaged":         {testkit.Policy(into("x", "vault")), []string{"vault"}, ""},
		"one is gone":             {testkit.Policy(into("x", "gone")), nil, ""},
		"one that is promised":    {testkit.Policy(into("x", "vault"), into("y", "b")), nil, "b"},
		"one that holds a copy":   {testkit.Policy(), []string{"vault", "b"}, "b"},
		"one, and no policy":      {nil, []string{"a"}, "a"},
		"two, in whatever order":  {testkit.Policy(into("x", "b"), into("y", "a")), nil, "a"},
		"two, one holding a copy": {testkit.Policy(into("x", "b")), []string{"a"}, "a"},
		"two, one being promised": {testkit.Policy(into("x", "a")), []string{"b"}, "a"},
	} {
		p := testkit.Point(noon, both)
		for _, r := range c.copies {
			p.Status.Copies = append(p.Status.Copies, api.CopyRecord{Name: r, Repository: r})
		}
		got := ""
		if r := damagedFor(c.policy, []*api.RecoveryPoint{p}, all); r != nil {
			got = r.Name
		}
		if got != c.want {
			t.Errorf("%s: it is %q, want %q", name, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		record api.CopyRecord
		want   bool
	}{
		"it was whole, of one volume":  {api.CopyRecord{State: api.CopyFailed, Reason: api.ReasonCopyCorrupt, Volumes: make([]api.CopiedVolume, 1)}, true},
		"it was never whole":           {api.CopyRecord{State: api.CopyFailed, Reason: api.ReasonCopyCorrupt}, false},
		"it failed for another reason": {api.CopyRecord{State: api.CopyFailed, Reason: api.ReasonRepositoryFull, Volumes: make([]api.CopiedVolume, 1)}, false},
		"it is made anew":              {api.CopyRecord{State: api.CopyCopying, Reason: api.ReasonCopyCorrupt, Volumes: make([]api.CopiedVolume, 1)}, false},
	} {
		if got := corrupted(&c.record); got != c.want {
			t.Errorf("%s: it was found damaged: %t", name, got)
		}
	}
}

// TestNothingIsPrunedWhileDamaged goes through every door by which something leaves: each is shut while a repository of the policy is
// damaged, and open without it.
func TestNothingIsPrunedWhileDamaged(t *testing.T) {
	repositories := func(damaged bool) map[string]*api.Repository {
		if damaged {
			return spoiled()
		}
		return map[string]*api.Repository{"vault": safeVault()}
	}
	at := hour(12).Add(2 * time.Minute)
	for name, goes := range map[string]func(damaged bool) bool{
		"points and parts expire": func(damaged bool) bool {
			o := settled(seenCopies(hoursWith(7, 12, hasCopy("a"), nil), to("a", "", lasting(5))), at)
			o.Repositories = repositories(damaged)
			p := ForPolicy(o, at)
			return len(p.Expire)+len(p.Release) > 0
		},
		"snapshots expire that have no copy": func(damaged bool) bool {
			o := settled(seenCopies(hoursWith(7, 12, nil, nil), to("a", "", lasting(1))), at)
			o.Repositories = repositories(damaged)
			p := ForPolicy(o, at)
			return len(p.Expire)+len(p.Release) > 0
		},
		"a policy goes with its points": func(damaged bool) bool {
			o := seenCopies(hoursWith(7, 12, nil, nil), to("a", "", nil), func(b *api.BackupPolicy) { b.Spec.OnDelete = api.OnDeletePrune })
			o.Repositories = repositories(damaged)
			p := ForDeletedPolicy(o)
			if waits := p.Finalizer == "" && len(p.Notes) == 1 && p.Notes[0].Reason == api.ReasonDeletionHeld; waits != damaged {
				t.Errorf("it waits: %t, %+v", waits, p.Notes)
			}
			return len(p.Expire) > 0
		},
		"a point's snapshots are deleted with it": func(damaged bool) bool {
			o := lettingGo(func(o *PointObserved) {
				o.Point.Status.Release, o.Point.DeletionTimestamp = nil, metaTime(at)
				o.Siblings = append(o.Siblings, testkit.Point(hour(13), both), testkit.Point(hour(14), both))
			})
			o.Repositories = repositories(damaged)
			return len(ForPoint(o, hour(14)).Delete) > 0
		},
		"snapshots go that a copy stands for": func(damaged bool) bool {
			o := lettingGo()
			o.Repositories = repositories(damaged)
			o = onRecord(o, hour(14))
			return len(ForPoint(o, hour(14)).Delete) > 0
		},
		"a copy goes": func(damaged bool) bool {
			o := stored(func(o *CopyObserved) { letPartGo("copy/offsite")(o.Point) })
			if damaged {
				o.Vaults.Repositories["vault"].Status.Damage = damageAt(noon, "of-another")
			}
			return ForCopy(o, at).Copies[0].State == api.CopyRemoving
		},
		"a copy goes from beside a damaged one": func(damaged bool) bool {
			o := stored(func(o *CopyObserved) {
				letPartGo("copy/offsite")(o.Point)
				promise(o.Policy, "near", "cellar")
				o.Vaults.Repositories["cellar"] = vault("cellar", takesCopies)
			})
			if damaged {
				o.Vaults.Repositories["cellar"].Status.Damage = damageAt(noon, "of-another")
			}
			return ForCopy(o, at).Copies[0].State == api.CopyRemoving
		},
		"a removal goes on that was begun": func(damaged bool) bool {
			o := removing()
			if damaged {
				o.Vaults.Repositories["vault"].Status.Damage = damageAt(noon, "of-another")
			}
			return slices.ContainsFunc(ForCopy(o, noon).Work, forgets)
		},
		"maintenance frees space": func(damaged bool) bool {
			r := offsite()
			if damaged {
				r.Status.Damage = damageAt(noon)
			}
			return !orderFor(RepositoryObserved{Repository: r}, TaskMaintain, order.Repository{}).Maintain.Keep
		},
	} {
		if goes(true) {
			t.Errorf("%s though a repository is damaged", name)
		}
		if !goes(false) {
			t.Errorf("it is not so that %s without damage: nothing was tested", name)
		}
	}
}

// TestWhatIsGivenUpGoes: damage whose source is gone would never end, if what it struck could not be deleted by somebody who gives it up.
func TestWhatIsGivenUpGoes(t *testing.T) {
	o := lettingGo(func(o *PointObserved) {
		o.Point.DeletionTimestamp = metaTime(noon)
		copiesOnly(o.Point)
		o.Point.Status.Copies[0].State, o.Point.Status.Copies[0].Reason = api.CopyFailed, api.ReasonCopyCorrupt
	})
	o.Snapshots, o.Repositories = nil, spoiled()
	if p := ForPoint(o, hour(14)); p.Finalizer != FinalizerRelease {
		t.Errorf("the point stays: %+v", p)
	}
	c := removing(damaged())
	if !slices.ContainsFunc(ForCopy(c, noon).Work, forgets) {
		t.Error("its copy stays")
	}
	c = stored(marked, func(o *CopyObserved) {
		o.Point.DeletionTimestamp, o.Point.Finalizers = metaTime(noon), []string{api.FinalizerCopies}
	})
	if p := ForCopy(c, noon.Add(2*time.Hour)); p.Copies[0].State != api.CopyRemoving {
		t.Errorf("its copy is %+v", p.Copies[0])
	}
}

// TestADeletedPointIsMended: a point that somebody deletes is held for as long as there is damage, and of the damage that its own copies
// are it would never be rid.
func TestADeletedPointIsMended(t *testing.T) {
	deleted := func(o *CopyObserved) {
		o.Point.DeletionTimestamp, o.Point.Finalizers = metaTime(noon), []string{api.FinalizerSnapshots, api.FinalizerCopies}
	}
	for _, c := range []struct {
		name, want string
		mods       []copyMod
	}{
		{"its copy is damaged", "Copying 1", []copyMod{marked, deleted}},
		{"the copy of another is", "Complete 0", []copyMod{deleted, damaged(func(d *api.RepositoryDamage) { d.Points[0].UID = "of-another" })}},
		{"its copy only failed", "Failed 0 CopyTimedOut", []copyMod{deleted, func(o *CopyObserved) {
			o.Point.Status.Copies[0].State, o.Point.Status.Copies[0].Reason = api.CopyFailed, api.ReasonCopyTimedOut
		}}},
		{"there is no damage any more", "Failed 0 CopyCorrupt", []copyMod{marked, deleted, func(o *CopyObserved) { o.Vaults.Repositories["vault"].Status.Damage = nil }}},
		{"it is not copied there any more", "Failed 0 CopyCorrupt", []copyMod{marked, deleted, func(o *CopyObserved) { o.Policy.Spec.Copies = nil }}},
	} {
		if got := copiesAre(ForCopy(stored(c.mods...), noon.Add(3*time.Hour))); got != c.want {
			t.Errorf("%s: it is %q, want %q", c.name, got, c.want)
		}
	}
	waits := stored(marked, deleted, damaged(func(d *api.RepositoryDamage) { d.Healing = false }))
	if c := ForCopy(waits, noon.Add(3*time.Hour)).Copied; c == nil || c.Status != metav1.ConditionFalse || c.Reason != api.ReasonCopyCorrupt {
		t.Errorf("while what is damaged is in the way, the point says %+v of its copies", c)
	}
}

// TestMadeAnewInAMoment: what is begun within the second in which damage was found may be older than that, and would be read twice.
func TestMadeAnewInAMoment(t *testing.T) {
	found := noon.Add(time.Hour)
	o := stored(damaged())
	o, _ = o.next(found)
	for _, c := range []struct {
		name, want string
		at, wake   time.Time
	}{
		{"at once", "Failed 0 CopyCorrupt", found, found.Add(time.Second)},
		{"within the second", "Failed 0 CopyCorrupt", found.Add(900 * time.Millisecond), found.Add(time.Second)},
		{"by a clock that is a little behind", "Failed 0 CopyCorrupt", found.Add(-clockDoubt + time.Second), found.Add(time.Second)},
		{"a second later", "Copying 1", found.Add(time.Second), time.Time{}},
		{"by a clock that is far behind", "Copying 1", found.Add(-clockDoubt), time.Time{}},
	} {
		p := ForCopy(o, c.at)
		if got := copiesAre(p); got != c.want || !c.wake.IsZero() && !p.Wake.Equal(c.wake) {
			t.Errorf("%s it is %q, want %q, and looked at again at %s", c.name, got, c.want, p.Wake)
		}
	}
}

// TestADamagedPointIsNotForgotten: a point that lives on in a copy which was found damaged is no left-over that newer points make
// superfluous, wherever the repository is by then.
func TestADamagedPointIsNotForgotten(t *testing.T) {
	corrupt := func(p *api.RecoveryPoint) {
		copiesOnly(p)
		p.Status.Copies[0].State, p.Status.Copies[0].Reason = api.CopyFailed, api.ReasonCopyCorrupt
	}
	at := hour(12).Add(2 * time.Minute)
	for name, there := range map[string]map[string]*api.Repository{"healed": {"vault": safeVault()}, "gone": {}} {
		o := seenCopies(hoursWith(7, 12, hasCopy("a"), pointMods{8: {corrupt}}), to("a", "", lasting(2)))
		o.Repositories = there
		if got := shownParts(ForPolicy(o, at).Status.Expiring); strings.Contains(got, "08:") || !strings.Contains(got, "07:") {
			t.Errorf("the repository is %s: shown is %q", name, got)
		}
	}
}

// TestDamageIsNamed: what a verification names is in the status, as far as it goes, and one that breaks off does not take it away.
func TestDamageIsNamed(t *testing.T) {
	var many []api.DamagedPoint
	for range mostDamaged + 7 {
		many = append(many, api.DamagedPoint{UID: names.ClaimHash(string(rune('a' + len(many))))})
	}
	told := RepositoryResult{UniqueID: theID, Verify: &VerifyDone{Bytes: 80, Contents: 2, Damaged: 90, DamagedPoints: 80, Points: many, Healing: true}}
	s := ashore(t)
	s.until(noon.Add(time.Hour))
	s.answers = func(o order.Order) (RepositoryResult, bool) {
		if o.Verify != nil {
			return told, true
		}
		return allWell(o)
	}
	ask := func() {
		s.o.Repository.Annotations[api.AnnotationVerifyRequested] = s.now.Format(time.RFC3339)
		s.until(s.now.Add(time.Hour))
	}
	ask()
	first := s.status().Damage
	if first == nil || len(first.Points) != mostDamaged || first.PointCount != 80 || !first.Since.Equal(&first.Found) {
		t.Fatalf("the damage is %+v", first)
	}
	c := findCondition(s.status().Conditions, api.ConditionVerified)
	if c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, "of 80 recovery points: "+many[0].UID) || !strings.Contains(c.Message, "and 77 more") {
		t.Errorf("it says %q", c.Message)
	}
	told = RepositoryResult{UniqueID: theID, Reason: api.ReasonRepositoryUnreachable, Verify: &VerifyDone{Contents: 1}}
	if ask(); s.status().Damage == nil || s.status().Damage.PointCount != 80 {
		t.Errorf("a verification that broke off leaves %+v", s.status().Damage)
	}
	told = RepositoryResult{UniqueID: theID, Verify: &VerifyDone{Bytes: 80, Contents: 1, Damaged: 1, DamagedPoints: 1, Points: many[:1]}}
	ask()
	if d := s.status().Damage; len(d.Points) != 1 || !d.Since.Equal(&first.Since) || !first.Found.Before(&d.Found) {
		t.Errorf("found again, it is %+v", d)
	}
	told = RepositoryResult{UniqueID: theID, Verify: &VerifyDone{Bytes: 90}}
	if ask(); s.status().Damage != nil {
		t.Errorf("nothing was found, and it is %+v", s.status().Damage)
	}
	told = RepositoryResult{Reason: api.ReasonCopyCorrupt, Error: "an index cannot be read"}
	if ask(); s.status().Damage == nil || s.status().Damage.Healing {
		t.Errorf("it ended for damage, and nobody knows of any: %+v", s.status().Damage)
	}
	told = RepositoryResult{UniqueID: elseID, Reason: api.ReasonCopyCorrupt}
	s.o.Repository.Status.Damage = nil
	if ask(); s.status().Damage != nil {
		t.Errorf("another repository is damaged, and this one is said to be: %+v", s.status().Damage)
	}
}
