// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// rot is a story of a repository that is damaged and healed: what happens to it, and to what was captured.
type rot struct {
	Cron  string // of the target; empty for every point
	Most  int    // how many damaged points a verification names
	Steps []rotStep
}

// rotStep is one thing that happens; of which point, where it is about one.
type rotStep struct {
	What  string
	Point int
}

var rotSteps = []string{"rots", "rots", "loses its snapshots", "comes back with another", "verify", "verify", "verify, and nothing can be set aside", "copy", "copy", "copy, which fails"}

func drawRot(t *rapid.T) rot {
	r := rot{Cron: rapid.SampledFrom([]string{"", "0 3 1 1 *"}).Draw(t, "cron"), Most: rapid.IntRange(1, 3).Draw(t, "most")}
	for range rapid.IntRange(1, 14).Draw(t, "steps") {
		r.Steps = append(r.Steps, rotStep{rapid.SampledFrom(rotSteps).Draw(t, "what"), rapid.IntRange(0, 2).Draw(t, "point")})
	}
	return r
}

// cellar is a repository with the copies of three points, and what is true of them.
type cellar struct {
	decide  copyist
	policy  *api.BackupPolicy
	points  []*api.RecoveryPoint
	vault   *api.Repository
	bad     map[string]bool // by UID: the copy that the repository holds cannot be read
	read    map[string]bool // what was bad when all was last read
	now     time.Time
	aside   bool // what is damaged was set aside
	most    int
	broken  string // the first law that was broken
	because string
}

func newCellar(r rot, decide copyist) *cellar {
	c := &cellar{decide: decide, vault: vault("vault", takesCopies), bad: map[string]bool{}, read: map[string]bool{}, now: noon, most: r.Most,
		policy: testkit.Policy(func(b *api.BackupPolicy) {
			promise(b, "offsite", "vault")
			b.Spec.Copies[0].Cron = r.Cron
		})}
	for h := 9; h <= 11; h++ {
		p := testkit.Point(hour(h), both, recorded, unrecorded, copied("offsite", "vault"))
		p.Finalizers = []string{api.FinalizerSnapshots, api.FinalizerCopies}
		k := &p.Status.Copies[0]
		k.StartedAt, k.FinishedAt, k.CleanedUp = metav1.NewTime(hour(h)), metaTime(hour(h)), true
		c.points = append(c.points, p)
	}
	return c
}

func (c *cellar) law(holds bool, law, because string, args ...any) {
	if !holds && c.broken == "" {
		c.broken, c.because = law, fmt.Sprintf(because, args...)
	}
}

// verify reads all that there is, as the mover does.
func (c *cellar) verify(aside bool) {
	was, at := c.vault.Status.Damage, metav1.NewTime(c.now)
	c.vault = c.vault.DeepCopy()
	c.vault.Status.Damage, c.read, c.aside = nil, maps.Clone(c.bad), aside
	d := api.RepositoryDamage{Since: at, Found: at, Healing: aside}
	if was != nil {
		d.Since = was.Since
	}
	for _, p := range c.points {
		if c.bad[string(p.UID)] {
			d.Contents, d.Copies, d.PointCount = d.Contents+1, d.Copies+1, d.PointCount+1
			d.Points = append(d.Points, api.DamagedPoint{UID: string(p.UID)})
		}
	}
	if d.Copies == 0 {
		c.vault.Status.LastVerified = &at
		return
	}
	d.Points = d.Points[:min(len(d.Points), c.most)]
	c.vault.Status.Damage = &d
}

// pass decides about the copies of one point once, and holds what became of them against the laws.
func (c *cellar) pass(i int) {
	p := c.points[i]
	o := CopyObserved{Point: p, Policy: c.policy, Siblings: c.points, Vaults: vaults(c.vault), Settings: Settings{Copies: 9}, RunningInto: map[string]int{},
		Brought: map[string]Brought{}, Sources: []Source{sourceOf("data"), sourceOf("logs")}}
	before := p.Status.Copies[0]
	after := p.DeepCopy()
	after.Status.Copies = c.decide(o, c.now).Copies
	c.points[i] = after
	if len(after.Status.Copies) != 1 {
		c.law(false, "what is damaged is not lost sight of", "%s has %d copies", p.Name, len(after.Status.Copies))
		after.Status.Copies = p.Status.Copies
		return
	}
	k := &after.Status.Copies[0]
	uid := string(p.UID)
	c.law(k.State != api.CopyComplete || !foundDamaged(c.vault, after, k), "what was found damaged does not count", "%s is %+v", p.Name, k)
	c.law(k.State != api.CopyComplete || before.State == api.CopyComplete || !c.read[uid], "what counts again was read whole", "%s is %+v", p.Name, k)
	known := before.State == api.CopyComplete || corrupted(&before)
	c.law(!known || k.State == api.CopyCopying || len(k.Volumes) == len(both), "what is damaged is not lost sight of", "%s is %+v", p.Name, k)
}

// copy has every point looked at until nothing more is begun, and what was begun end.
func (c *cellar) copy(well bool) {
	for range 3 {
		for i := range c.points {
			c.pass(i)
			k := &c.points[i].Status.Copies[0]
			if k.State == api.CopyCopying {
				c.end(c.points[i], k, well)
			}
		}
	}
}

// end ends a copy as the mover does: it tells again what is there, unless it was told to rely on nothing.
func (c *cellar) end(p *api.RecoveryPoint, k *api.CopyRecord, well bool) {
	uid := string(p.UID)
	k.FinishedAt, k.CleanedUp = metaTime(c.now), true
	if !well {
		k.State, k.Reason = api.CopyFailed, api.ReasonCopyTimedOut
		return
	}
	taken := len(k.Volumes) > 0 // for copied
	copied("offsite", "vault")(p)
	k = &p.Status.Copies[0]
	k.State, k.Reason, k.Volumes = api.CopyComplete, "", p.Status.Copies[1].Volumes
	p.Status.Copies = p.Status.Copies[:1]
	if k.Full && !taken && c.aside {
		c.bad[uid] = false
	}
	c.law(!c.bad[uid], "what was made anew is whole", "%s is %+v, and cannot be read", p.Name, k)
}

// do has a step happen.
func (c *cellar) do(s rotStep) {
	p := c.points[s.Point]
	switch s.What {
	case "rots":
		c.bad[string(p.UID)] = true
	case "comes back with another":
		c.bad[string(p.UID)] = false
	case "loses its snapshots":
		p = p.DeepCopy()
		copiesOnly(p)
		p.Status.Release = nil
		c.points[s.Point] = p
	case "verify":
		c.verify(true)
	case "verify, and nothing can be set aside":
		c.verify(false)
	case "copy":
		c.copy(true)
	case "copy, which fails":
		c.copy(false)
	}
}

// live lives a story through, and then has the repository verified and the points copied until nothing more changes.
func live(r rot, decide copyist) (*cellar, map[string]int) {
	c := newCellar(r, decide)
	reached := map[string]int{}
	for _, s := range r.Steps {
		c.do(s)
		c.now = c.now.Add(time.Hour)
		for _, p := range c.points {
			k := &p.Status.Copies[0]
			reached[string(k.State)]++
			if corrupted(k) {
				reached["corrupt"]++
			}
		}
	}
	for c.most = 3; c.now.Before(noon.Add(200 * time.Hour)); c.now = c.now.Add(7 * time.Hour) {
		c.verify(true)
		c.now = c.now.Add(time.Second) // a copy that is begun sooner might be one that was there before
		c.copy(true)
	}
	for _, p := range c.points {
		k, uid := &p.Status.Copies[0], string(p.UID)
		c.law(k.State != api.CopyComplete || !c.bad[uid], "in the end all that can be is whole", "%s counts and is not: %+v", p.Name, k)
		if BySnapshots(p) {
			c.law(k.State == api.CopyComplete, "in the end all that can be is whole", "%s could be made anew: %+v", p.Name, k)
		}
		if !c.bad[uid] && corrupted(k) {
			c.law(false, "in the end all that can be is whole", "%s was read whole: %+v", p.Name, k)
		}
	}
	return c, reached
}

func TestDamageLaws(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		c, got := live(drawRot(t), ForCopy)
		if c.broken != "" {
			t.Fatalf("%s: %s", c.broken, c.because)
		}
		for what, n := range got {
			reached[what] += n
		}
	})
	if reached["corrupt"] == 0 || reached[string(api.CopyFailed)] <= reached["corrupt"] {
		t.Errorf("the stories do not get about: %v", reached)
	}
}

// changed is a fault in the records that a plan leaves.
func changed(change func(o CopyObserved, r *api.CopyRecord)) copyist {
	return func(o CopyObserved, at time.Time) CopyPlan {
		p := ForCopy(o, at)
		for i := range p.Copies {
			change(o, &p.Copies[i])
		}
		return p
	}
}

// seeing is a fault in what of a damaged repository is seen.
func seeing(change func(*api.RepositoryDamage)) copyist {
	return func(o CopyObserved, at time.Time) CopyPlan {
		r := o.Vaults.Repositories["vault"].DeepCopy()
		if r.Status.Damage != nil {
			change(r.Status.Damage)
		}
		o.Vaults = vaults(r)
		return ForCopy(o, at)
	}
}

// damageFaults are plans with a fault, and the law that each must break.
var damageFaults = map[string]struct {
	law   string
	fault copyist
}{
	"nobody reads the names":        {"what was found damaged does not count", seeing(func(d *api.RepositoryDamage) { d.Points = nil; d.PointCount = 0 })},
	"the first names are all":       {"what counts again was read whole", seeing(func(d *api.RepositoryDamage) { d.PointCount = int64(len(d.Points)) })},
	"what is in the way is no harm": {"what was made anew is whole", seeing(func(d *api.RepositoryDamage) { d.Healing = true })},
	"it is copied as ever": {"what was made anew is whole", changed(func(_ CopyObserved, r *api.CopyRecord) {
		if r.State == api.CopyCopying {
			r.Full = false
		}
	})},
	"what was copied before is taken": {"what was made anew is whole", changed(func(o CopyObserved, r *api.CopyRecord) {
		if was := o.Point.Status.Copies[0]; r.State == api.CopyCopying && was.State == api.CopyFailed {
			r.Volumes = was.Volumes
		}
	})},
	"it is never made anew": {"in the end all that can be is whole", changed(func(o CopyObserved, r *api.CopyRecord) {
		if was := o.Point.Status.Copies[0]; r.State == api.CopyCopying && corrupted(&was) {
			*r = was
		}
	})},
	"nothing counts again": {"in the end all that can be is whole", changed(func(o CopyObserved, r *api.CopyRecord) {
		if was := o.Point.Status.Copies[0]; r.State == api.CopyComplete && corrupted(&was) {
			*r = was
		}
	})},
	"its volumes are forgotten": {"what is damaged is not lost sight of", changed(func(_ CopyObserved, r *api.CopyRecord) {
		if r.State == api.CopyFailed && r.Reason == api.ReasonCopyCorrupt && r.FinishedAt != nil {
			r.Volumes = r.Volumes[:0:0]
		}
	})},
	"a full attempt that failed is tried again as ever": {"what was made anew is whole", changed(func(o CopyObserved, r *api.CopyRecord) {
		if was := o.Point.Status.Copies[0]; r.State == api.CopyCopying && was.Reason == api.ReasonCopyTimedOut {
			r.Full = false
		}
	})},
	"a slot is awaited": {"in the end all that can be is whole", func(o CopyObserved, at time.Time) CopyPlan {
		p := ForCopy(o, at)
		if r := &p.Copies[0]; r.State == api.CopyCopying && o.Policy.Spec.Copies[0].Cron != "" {
			*r = o.Point.Status.Copies[0]
		}
		return p
	}},
}

func TestDamageLawsKillFaults(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(damageFaults)) {
		f := damageFaults[name]
		broken := map[string]bool{}
		for seed := range 3000 {
			c, _ := live(rapid.Custom(drawRot).Example(seed), f.fault)
			if broken[c.broken] = true; broken[f.law] {
				break
			}
		}
		if !broken[f.law] {
			t.Errorf("%s: the law that %s lets it pass; it breaks %v", name, f.law, slices.Sorted(maps.Keys(broken)))
		}
	}
}
