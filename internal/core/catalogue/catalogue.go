// SPDX-License-Identifier: Apache-2.0

// Package catalogue makes recovery points of the records that a repository holds, and chooses among them. It is for the day when
// nothing else is left that knows of them.
package catalogue

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// Point is a recovery point as a repository knows it.
type Point struct {
	UID       string
	Name      string
	Namespace string
	Policy    string
	Taken     time.Time
	Volumes   int            // that it has
	Records   []order.Record // of those that were copied, one for each, by claim
}

// Complete tells whether all of its volumes were copied.
func (p Point) Complete() bool { return p.Volumes > 0 && len(p.Records) >= p.Volumes }

// Points puts records together, the newest point first. Of two records of one volume the first counts: both are whole.
func Points(records []order.Record) []Point {
	byUID := map[string]*Point{}
	for _, r := range records {
		p := byUID[r.PointUID]
		if p == nil {
			p = &Point{UID: r.PointUID, Name: r.Point, Namespace: r.Namespace, Policy: r.Policy, Taken: r.PointInTime}
			byUID[r.PointUID] = p
		}
		// Were they not of one mind, the point has as many volumes as the most cautious says.
		p.Volumes = max(p.Volumes, r.Volumes)
		if !slices.ContainsFunc(p.Records, func(o order.Record) bool { return o.ClaimUID == r.ClaimUID }) {
			p.Records = append(p.Records, r)
		}
	}
	all := make([]Point, 0, len(byUID))
	for _, p := range byUID {
		slices.SortFunc(p.Records, func(a, b order.Record) int {
			return cmp.Or(cmp.Compare(a.Claim, b.Claim), cmp.Compare(a.ClaimUID, b.ClaimUID))
		})
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b Point) int { return cmp.Or(b.Taken.Compare(a.Taken), cmp.Compare(a.UID, b.UID)) })
	return all
}

// Wish says which point is wanted. Without Point, it is the newest complete one, of those up to AsOf.
type Wish struct {
	Point  string // name or UID
	AsOf   time.Time
	Policy string // NAME, or NAMESPACE/NAME; empty where the repository holds points of one policy only
}

// Choose finds the point that is wanted. One that is not complete is chosen only by its name: whoever wants the newest wants all
// of it.
func Choose(points []Point, w Wish) (Point, error) {
	if len(points) == 0 {
		return Point{}, errors.New("the repository holds no copies")
	}
	of := slices.Clone(points)
	if w.Policy != "" {
		if of = slices.DeleteFunc(of, func(p Point) bool { return !ofPolicy(p, w.Policy) }); len(of) == 0 {
			return Point{}, fmt.Errorf("the repository holds no copies of the policy %q; it holds those of %s", w.Policy, strings.Join(policies(points), ", "))
		}
	}
	if w.Point != "" {
		return byName(of, w.Point)
	}
	if all := policies(of); len(all) > 1 {
		return Point{}, fmt.Errorf("the repository holds copies of several policies: name one of %s, or a point", strings.Join(all, ", "))
	}
	return newest(of, w.AsOf)
}

func byName(points []Point, name string) (Point, error) {
	var found []Point
	for _, p := range points {
		if p.UID == name {
			return p, nil
		}
		if p.Name == name {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return Point{}, fmt.Errorf("the repository holds no point %q", name)
	case 1:
		return found[0], nil
	default:
		return Point{}, fmt.Errorf("%d points are called %q: name one by its UID, such as %s", len(found), name, found[0].UID)
	}
}

func newest(points []Point, asOf time.Time) (Point, error) {
	incomplete := 0
	for _, p := range points { // the newest first
		switch {
		case !asOf.IsZero() && p.Taken.After(asOf):
		case !p.Complete():
			incomplete++
		default:
			return p, nil
		}
	}
	until := ""
	if !asOf.IsZero() {
		until = " up to " + asOf.UTC().Format(time.RFC3339)
	}
	if incomplete > 0 {
		return Point{}, fmt.Errorf("none of the %d points%s is complete: name one to restore what there is of it", incomplete, until)
	}
	return Point{}, fmt.Errorf("there is no point%s; the oldest was taken at %s", until, points[len(points)-1].Taken.UTC().Format(time.RFC3339))
}

func ofPolicy(p Point, wanted string) bool {
	namespace, name, both := strings.Cut(wanted, "/")
	if !both {
		return p.Policy == wanted
	}
	return p.Namespace == namespace && p.Policy == name
}

func policies(points []Point) []string {
	var all []string
	for _, p := range points {
		all = append(all, p.Namespace+"/"+p.Policy)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Chosen are the records of a point that are wanted: of these claims, or of all.
func (p Point) Chosen(claims []string) ([]order.Record, error) {
	if len(claims) == 0 {
		return p.Records, nil
	}
	var all []order.Record
	for _, claim := range claims {
		at := slices.IndexFunc(p.Records, func(r order.Record) bool { return r.Claim == claim })
		if at < 0 {
			var there []string
			for _, r := range p.Records {
				there = append(there, r.Claim)
			}
			return nil, fmt.Errorf("the point %s has no copy of the claim %q; it has %s", p.Name, claim, strings.Join(there, ", "))
		}
		all = append(all, p.Records[at])
	}
	return all, nil
}
