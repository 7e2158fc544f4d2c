// SPDX-License-Identifier: Apache-2.0

package catalogue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

func at(hour int) time.Time { return time.Date(2009, 10, 1, hour, 0, 0, 0, time.UTC) }

// record is one of a point of two volumes.
func record(point, claim, policy string, hour int) order.Record {
	return order.Record{PointUID: "uid-" + point + policy, Point: point, Namespace: "sync", Policy: policy, PointInTime: at(hour), Volumes: 2, Claim: claim, ClaimUID: "uid-" + claim}
}

func points(policy string, parts ...string) []order.Record {
	var all []order.Record
	for _, p := range parts { // such as 3:contacts
		hour, claim, _ := strings.Cut(p, ":")
		all = append(all, record("p"+hour, claim, policy, int(hour[0]-'0')))
	}
	return all
}

func TestPoints(t *testing.T) {
	records := points("store", "3:photos", "3:contacts", "5:contacts", "4:contacts", "4:photos", "4:photos", "5:contacts")
	var got []string
	for _, p := range Points(records) {
		line := p.Name
		for _, r := range p.Records {
			line += " " + r.Claim
		}
		if p.Complete() {
			line += " complete"
		}
		got = append(got, line)
	}
	if want := []string{"p5 contacts", "p4 contacts photos complete", "p3 contacts photos complete"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	more := records[0]
	more.Volumes = 3
	if Points(append(records[:2:2], more))[0].Complete() {
		t.Error("a point is complete though one of its records knows of more volumes")
	}
	if (Point{}).Complete() {
		t.Error("nothing is complete")
	}
}

func TestChoose(t *testing.T) {
	two := points("store", "3:contacts", "3:photos", "4:contacts", "4:photos", "5:contacts")
	both := append(points("other", "4:contacts", "4:photos"), two...)
	for _, c := range []struct {
		name    string
		records []order.Record
		wish    Wish
		want    string // UID, or part of the error
	}{
		{"the newest complete one", two, Wish{}, "uid-p4store"},
		{"an incomplete one by name", two, Wish{Point: "p5"}, "uid-p5store"},
		{"by UID", both, Wish{Point: "uid-p4other"}, "uid-p4other"},
		{"as of its moment", two, Wish{AsOf: at(4)}, "uid-p4store"},
		{"as of before", two, Wish{AsOf: at(4).Add(-1)}, "uid-p3store"},
		{"of a policy", both, Wish{Policy: "other"}, "uid-p4other"},
		{"of a policy in a namespace", both, Wish{Policy: "sync/store"}, "uid-p4store"},
		{"a name of a policy", both, Wish{Policy: "store", Point: "p4"}, "uid-p4store"},
		{"before all", two, Wish{AsOf: at(1)}, "no point up to 2009-10-01T01:00:00Z; the oldest was taken at 2009-10-01T03:00:00Z"},
		{"none is complete", two[4:], Wish{}, "none of the 1 points is complete"},
		{"none is complete until then", two[4:], Wish{AsOf: at(6)}, "none of the 1 points up to"},
		{"several policies", both, Wish{}, "several policies: name one of sync/other, sync/store"},
		{"a name in two policies", both, Wish{Point: "p4"}, "2 points are called \"p4\""},
		{"a name that is none", two, Wish{Point: "p9"}, "no point \"p9\""},
		{"a policy that is none", two, Wish{Policy: "else/store"}, "no copies of the policy"},
		{"nothing at all", nil, Wish{}, "no copies"},
	} {
		got, err := Choose(Points(c.records), c.wish)
		said := got.UID
		if err != nil {
			said = err.Error()
		}
		if said == "" || !strings.Contains(said, c.want) {
			t.Errorf("%s: %s, want %s", c.name, said, c.want)
		}
	}
}

func TestChosen(t *testing.T) {
	p := Points(points("store", "3:contacts", "3:photos"))[0]
	for _, c := range []struct {
		claims []string
		want   int
	}{{nil, 2}, {[]string{"photos"}, 1}, {[]string{"photos", "contacts"}, 2}, {[]string{"photos", "none"}, -1}} {
		got, err := p.Chosen(c.claims)
		if (err != nil) != (c.want < 0) || err == nil && len(got) != c.want {
			t.Errorf("%q: %d, %v", c.claims, len(got), err)
		}
	}
}
