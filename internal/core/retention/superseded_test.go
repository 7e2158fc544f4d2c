// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type superseder func(points []Point, now time.Time, keepFor time.Duration) []string

var supersededLaws = []struct {
	name  string
	holds func(superseder, question) error
}{
	{"complete, held and running points do not go, nor young ones", func(s superseder, q question) error {
		gone := s(q.points, q.now, time.Hour)
		for _, p := range q.points {
			stays := p.Complete || p.Held || p.InFlight || q.now.Sub(p.At) < time.Hour
			if stays && slices.Contains(gone, p.ID) {
				return fmt.Errorf("%+v goes", p)
			}
		}
		return nil
	}},
	{"the newest data of a lineage stay", func(s superseder, q question) error {
		gone := s(q.points, q.now, time.Hour)
		all := lineagesOf(q.points)
		delete(all, "") // no lineage, no data
		for lineage := range all {
			if newest := holders(q.points, lineage, fault{incompleteCounts: true}); len(newest) > 0 && slices.Contains(gone, newest[0].ID) {
				return fmt.Errorf("%s, the newest with data of %q, goes", newest[0].ID, lineage)
			}
		}
		return nil
	}},
	{"what has no newer complete point with all of its claims goes only beyond the newest three", func(s superseder, q question) error {
		gone := s(q.points, q.now, time.Hour)
		for _, p := range q.points {
			replaced, newer := false, 0
			for _, o := range q.points {
				if o.InFlight || !o.At.After(p.At) && (!o.At.Equal(p.At) || o.ID <= p.ID) {
					continue
				}
				if !o.Complete {
					newer++
				}
				holdsAll := !slices.ContainsFunc(p.Lineages, func(l string) bool { return !slices.Contains(o.Lineages, l) })
				replaced = replaced || o.Complete && holdsAll && o.At.After(p.At)
			}
			if slices.Contains(gone, p.ID) && !replaced && newer < 3 {
				return fmt.Errorf("%s goes, with %d newer ones", p.ID, newer)
			}
			old := q.now.Sub(p.At) >= time.Hour && !inDoubt(q.points, q.now)
			if old && replaced && !p.Complete && !p.Held && !p.InFlight && !slices.Contains(gone, p.ID) {
				return fmt.Errorf("%s stays although it was replaced", p.ID)
			}
		}
		return nil
	}},
	{"failures do not pile up", func(s superseder, q question) error {
		var points []Point
		for n := range 40 {
			points = append(points, Point{ID: fmt.Sprintf("p%02d", n), At: q.now.Add(-time.Duration(n+2) * time.Hour), Lineages: []string{"a", "b", "c"}[n%3:]})
		}
		if left := len(points) - len(s(points, q.now, time.Hour)); left > 3*3 {
			return fmt.Errorf("%d of 40 failures of three claims stay", left)
		}
		return nil
	}},
	{"what stays stays", func(s superseder, q question) error {
		gone := s(q.points, q.now, time.Hour)
		left := slices.DeleteFunc(slices.Clone(q.points), func(p Point) bool { return slices.Contains(gone, p.ID) })
		if again := s(left, q.now, time.Hour); len(again) > 0 {
			return fmt.Errorf("first %v go, then %v", gone, again)
		}
		return nil
	}},
	{"the order of points means nothing", func(s superseder, q question) error {
		want := slices.Sorted(slices.Values(s(q.points, q.now, time.Hour)))
		turned := slices.Clone(q.points)
		slices.Reverse(turned)
		if got := slices.Sorted(slices.Values(s(turned, q.now, time.Hour))); !slices.Equal(want, got) {
			return fmt.Errorf("%v go, but %v when turned round", want, got)
		}
		return nil
	}},
	{"nothing goes while the clock is in doubt", func(s superseder, q question) error {
		if len(q.points) > 0 && len(s(q.points, q.now.Add(-10*365*24*time.Hour), 0)) > 0 {
			return errors.New("something goes")
		}
		return nil
	}},
}

// genFailures makes points that are more often incomplete than not.
func genFailures() *rapid.Generator[question] {
	return rapid.Custom(func(t *rapid.T) question {
		q := genQuestion().Draw(t, "question")
		for n := range q.points {
			q.points[n].Complete = q.points[n].Complete && rapid.IntRange(0, 2).Draw(t, "fails") == 0
		}
		return q
	})
}

func TestSupersededLaws(t *testing.T) {
	for _, law := range supersededLaws {
		t.Run(law.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				q := genFailures().Draw(t, "question")
				if err := law.holds(Superseded, q); err != nil {
					t.Fatalf("%+v: %v", q, err)
				}
			})
		})
	}
}

func TestSupersededLawsKillFaults(t *testing.T) {
	seenAs := func(change func(*Point)) superseder {
		return func(points []Point, now time.Time, keepFor time.Duration) []string {
			points = slices.Clone(points)
			for n := range points {
				change(&points[n])
			}
			return Superseded(points, now, keepFor)
		}
	}
	convicts := map[string]bool{}
	for name, s := range map[string]superseder{
		"hold means nothing":         seenAs(func(p *Point) { p.Held = false }),
		"running points go":          seenAs(func(p *Point) { p.InFlight = false }),
		"complete points go":         seenAs(func(p *Point) { p.Complete = false }),
		"lineages mean nothing":      seenAs(func(p *Point) { p.Lineages = nil }),
		"one lineage is enough":      seenAs(func(p *Point) { p.Lineages = p.Lineages[:min(1, len(p.Lineages))] }),
		"complete points do nothing": seenAs(func(p *Point) { p.InFlight = p.InFlight || p.Complete }),
		"old is new":                 seenAs(func(p *Point) { p.At = p.At.Add(-2 * p.At.Sub(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))) }),
		"young points go": func(points []Point, now time.Time, _ time.Duration) []string {
			return Superseded(points, now, 0)
		},
		"the future means nothing": func(points []Point, now time.Time, keepFor time.Duration) []string {
			return Superseded(points, now.AddDate(100, 0, 0), keepFor)
		},
		"nothing goes": func([]Point, time.Time, time.Duration) []string { return nil },
		"everything incomplete goes": func(points []Point, _ time.Time, _ time.Duration) []string {
			var ids []string
			for _, p := range points {
				if !p.Complete {
					ids = append(ids, p.ID)
				}
			}
			return ids
		},
		"only the first goes": func(points []Point, now time.Time, keepFor time.Duration) []string {
			ids := Superseded(points, now, keepFor)
			return ids[:min(1, len(ids))]
		},
	} {
		noticed := false
		for seed := range 300 {
			q := genFailures().Example(seed)
			for _, law := range supersededLaws {
				if law.holds(s, q) != nil {
					noticed, convicts[law.name] = true, true
				}
			}
		}
		if !noticed {
			t.Errorf("no law notices: %s", name)
		}
	}
	for _, law := range supersededLaws {
		if !convicts[law.name] {
			t.Errorf("no planted fault breaks the law %q", law.name)
		}
	}
}
