// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// recordOf is the record of a claim of a point of two volumes that was captured some hours before noon.
func recordOf(point, claim string, hours int, mods ...func(*order.Record)) order.Record {
	at := noon.Add(-time.Duration(hours) * time.Hour)
	r := order.Record{Version: 1, PointUID: "uid-" + point, Point: point, Namespace: "lost", NamespaceID: "ns-1", Policy: "web", PolicyUID: "policy-0",
		PointInTime: at, CapturedAt: at.Add(time.Minute), CopiedAt: at.Add(time.Hour), Volumes: 2, Claim: claim, ClaimUID: "uid-" + claim, Size: 1 << 30,
		Driver: "gone.csi.test", StorageClass: "gone", Mode: "Filesystem", Digest: "sha256:" + claim, Files: 2, Bytes: 20}
	for _, m := range mods {
		m(&r)
	}
	return r
}

func catalogue(records ...order.Record) ImportObserved {
	return ImportObserved{Repository: offsite(func(r *api.Repository) { r.Status.UniqueID = theID }), Records: records}
}

func imported(points ...string) string { return strings.Join(points, " ") }

func pointsOf(p ImportPlan) string {
	var out []string
	for _, i := range p.Points {
		out = append(out, i.Records[0].Point)
	}
	return strings.Join(out, " ")
}

// knownPoint is a point of this namespace.
func knownPoint(uid, originUID, repositoryID string) *api.RecoveryPoint {
	p := &api.RecoveryPoint{ObjectMeta: metav1.ObjectMeta{Name: uid, UID: types.UID(uid)}}
	if originUID != "" {
		p.Status.Origin = &api.PointOrigin{PointUID: originUID, RepositoryID: repositoryID}
	}
	return p
}

func TestImport(t *testing.T) {
	whole := []order.Record{recordOf("a", "data", 3), recordOf("a", "logs", 3), recordOf("b", "data", 1), recordOf("b", "logs", 1)}
	with := func(r order.Record) []order.Record { return append(slices.Clone(whole), r) }
	for name, c := range map[string]struct {
		records []order.Record
		points  []*api.RecoveryPoint
		want    string
		odd     int
	}{
		"all that is whole, the newest first": {whole, nil, imported("b", "a"), 0},
		"one that is not whole":               {with(recordOf("c", "data", 2)), nil, imported("b", "a"), 0},
		"one that was copied twice":           {with(recordOf("a", "data", 3, func(r *order.Record) { r.CopiedAt = noon })), nil, imported("b", "a"), 0},
		"one of this very cluster":            {whole, []*api.RecoveryPoint{knownPoint("uid-a", "", "")}, imported("b"), 0},
		"one that was imported":               {whole, []*api.RecoveryPoint{knownPoint("x", "uid-b", theID)}, imported("a"), 0},
		"one imported from another":           {whole, []*api.RecoveryPoint{knownPoint("x", "uid-b", otherID)}, imported("b", "a"), 0},
		"one whose import was interrupted":    {whole, []*api.RecoveryPoint{knownPoint("x", "", "")}, imported("b", "a"), 0},
		"more volumes than it says":           {with(recordOf("a", "more", 3)), nil, imported("b"), 1},
		"records that contradict each other":  {with(recordOf("a", "logs", 3, func(r *order.Record) { r.Policy, r.Claim = "other", "x" })), nil, imported("b"), 1},
		"too many volumes":                    {with(recordOf("c", "data", 2, func(r *order.Record) { r.Volumes = MostBrought + 1 })), nil, imported("b", "a"), 0},
		"from the future":                     {[]order.Record{recordOf("a", "data", -5, oneVolume)}, nil, "", 1},
		"nothing":                             {nil, nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := catalogue(c.records...)
			o.Points = c.points
			if p := ForImport(o, noon); pointsOf(p) != c.want || p.Odd != c.odd || p.Left != 0 {
				t.Errorf("imported are %q, odd %d, left %d; want %q, odd %d", pointsOf(p), p.Odd, p.Left, c.want, c.odd)
			}
		})
	}
	p := ForImport(catalogue(append(whole, recordOf("a", "data", 3, func(r *order.Record) { r.CopiedAt, r.Digest = noon, "newer" }))...), noon)
	if i := p.Points[1]; i.Name != names.ImportedPoint("a", "uid-a", theID) || len(i.Records) != 2 || i.Records[0].Digest != "newer" {
		t.Errorf("imported is %+v", i)
	}
	var many []order.Record
	for i := range MostBrought + 1 {
		many = append(many, recordOf("c", fmt.Sprint("c", i), 2, func(r *order.Record) { r.Volumes = MostBrought + 1 }))
	}
	if p := ForImport(catalogue(many...), noon); len(p.Points) != 0 || p.Odd != 1 {
		t.Errorf("of too many volumes it imports %q, odd %d", pointsOf(p), p.Odd)
	}
}

func oneVolume(r *order.Record) { r.Volumes = 1 }

// TestImportGoesOn: what is too much for one pass is done in the next, and nothing twice.
func TestImportGoesOn(t *testing.T) {
	var records []order.Record
	for i := range mostImported + 7 {
		records = append(records, recordOf(fmt.Sprintf("p%04d", i), "data", i, oneVolume))
	}
	o := catalogue(records...)
	p := ForImport(o, noon)
	if len(p.Points) != mostImported || p.Left != 7 || p.Points[0].Records[0].Point != "p0000" {
		t.Fatalf("first it imports %d, and %d are left", len(p.Points), p.Left)
	}
	for _, i := range p.Points {
		o.Points = append(o.Points, knownPoint(i.Name, i.Records[0].PointUID, theID))
	}
	if p = ForImport(o, noon); len(p.Points) != 7 || p.Left != 0 || PointsOf(o.Repository, o.Points) != mostImported {
		t.Errorf("then it imports %d, and %d are left", len(p.Points), p.Left)
	}
}

// TestImportLaws: only whole points that are not known, each once.
func TestImportLaws(t *testing.T) {
	broken := func(what func(ImportObserved) ImportPlan) func(*rapid.T) string {
		return func(t *rapid.T) string {
			o := catalogue()
			for range rapid.IntRange(0, 12).Draw(t, "records") {
				o.Records = append(o.Records, recordOf(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "point"), rapid.SampledFrom([]string{"data", "logs"}).Draw(t, "claim"), 1,
					func(r *order.Record) { r.Volumes = rapid.IntRange(1, 2).Draw(t, "volumes") }))
			}
			for _, name := range rapid.SliceOf(rapid.SampledFrom([]string{"a", "b"})).Draw(t, "known") {
				o.Points = append(o.Points, knownPoint("x", "uid-"+name, theID))
			}
			seen := map[string]bool{}
			for _, i := range what(o).Points {
				uid := i.Records[0].PointUID
				switch {
				case seen[uid]:
					return "a point is imported twice"
				case slices.ContainsFunc(o.Points, func(q *api.RecoveryPoint) bool { return q.Status.Origin.PointUID == uid }):
					return "a known point is imported"
				case len(i.Records) != i.Records[0].Volumes || !agree(i.Records):
					return "a point that is not whole is imported"
				}
				seen[uid] = true
			}
			return ""
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if why := broken(func(o ImportObserved) ImportPlan { return ForImport(o, noon) })(t); why != "" {
			t.Fatal(why)
		}
	})
	for name, fault := range map[string]func(ImportObserved) ImportPlan{
		"known points are forgotten": func(o ImportObserved) ImportPlan { o.Points = nil; return ForImport(o, noon) },
		"one volume is enough": func(o ImportObserved) ImportPlan {
			for i := range o.Records {
				o.Records[i].Volumes = 1
			}
			p := ForImport(o, noon)
			for i := range p.Points {
				p.Points[i].Records[0].Volumes = 2
			}
			return p
		},
		"each record is a point": func(o ImportObserved) ImportPlan {
			p := ForImport(o, noon)
			p.Points = append(p.Points, p.Points...)
			return p
		},
	} {
		convicted := false
		for seed := range 200 {
			convicted = convicted || rapid.Custom(broken(fault)).Example(seed) != ""
		}
		if !convicted {
			t.Errorf("no law convicts the fault that %s", name)
		}
	}
}

// TestCatalogue: what whoever can write to a repository put there harms nobody.
func TestCatalogue(t *testing.T) {
	line := func(mods ...func(*order.Record)) string {
		raw, err := json.Marshal(recordOf("a", "data", 1, mods...))
		if err != nil {
			t.Fatal(err)
		}
		return "record " + string(raw) + "\n"
	}
	printed := "it begins\n" + line(func(r *order.Record) { r.PolicySpec = json.RawMessage(`{"x": 1}`) }) + "progress {}\nrecord {\nrecord []\n"
	for _, spoil := range []func(*order.Record){
		func(r *order.Record) { r.PointUID = "" },
		func(r *order.Record) { r.Policy = "a b" },
		func(r *order.Record) { r.Policy = strings.Repeat("a", 64) },
		func(r *order.Record) { r.Claim = strings.Repeat("a", 254) },
		func(r *order.Record) { r.Namespace = "" },
		func(r *order.Record) { r.Digest = "" },
		func(r *order.Record) { r.Volumes = 0 },
		func(r *order.Record) { r.Size = -1 },
		func(r *order.Record) { r.Mode = "Tape" },
		func(r *order.Record) { r.AccessModes = strings.Repeat("a", 129) },
		func(r *order.Record) { r.PointInTime = time.Time{} },
		func(r *order.Record) { r.CopiedAt = time.Time{} },
		func(r *order.Record) { r.Driver = strings.Repeat("a", 254) },
	} {
		printed += line(spoil)
	}
	got := Catalogue([]byte(printed+line()[:40]), "record ")
	if len(got) != 1 || got[0].Claim != "data" || got[0].PolicySpec != nil {
		t.Errorf("it holds %+v", got)
	}
}

// TestImportRuns: once the repository could be opened its catalogue is read, again every six hours, and the run ends only once
// all is imported.
func TestImportRuns(t *testing.T) {
	s := ashore(t, func(r *api.Repository) { r.Spec.Import = true })
	end, left := false, 1
	decide := s.decide
	s.decide = func(o RepositoryObserved, now time.Time) RepositoryPlan {
		p := decide(o, now)
		if p.Import != "" {
			if !end {
				left++
			}
			i := ImportPlan{Left: left, Odd: 2}
			left--
			p.Imported(5, 3, i, now)
			end = true
		}
		return p
	}
	s.until(noon.Add(time.Hour))
	if s.count(TaskImport) != 1 || s.status().Imported != 5 || s.status().Import.FinishedAt == nil || s.status().Import.Message == "" {
		t.Errorf("imports: %d, %+v", s.count(TaskImport), s.status())
	}
	if o := s.orders[0]; o.Probe.Create || o.Probe.Catalogue {
		t.Errorf("at first it orders %+v", o.Probe)
	}
	if want := []string{"RepositoryReady", "PointsImported", "PointsImported", "PointsImported", "PointsImported"}; !slices.Equal(s.told, want) {
		t.Errorf("told is %v, want %v", s.told, want)
	}
	s.until(noon.Add(7 * time.Hour))
	if n := s.count(TaskImport); n != 2 {
		t.Errorf("%d imports in seven hours", n)
	}
	s.decide = func(o RepositoryObserved, now time.Time) RepositoryPlan {
		p := decide(o, now)
		if p.Import != "" {
			p.ImportFailed(Problem{api.ReasonMoverFailed, "no log"}, now)
		}
		return p
	}
	s.until(noon.Add(14 * time.Hour))
	if f := s.status().Import; f.Reason != api.ReasonMoverFailed || f.Failures < 2 {
		t.Errorf("without a log it is %+v", f)
	}
	if c := findCondition(s.status().Conditions, api.ConditionReady); !strings.Contains(c.Message, "no log") || c.Status != metav1.ConditionTrue {
		t.Errorf("it says %+v", c)
	}
	s.o.Repository.Spec.Import = false
	s.until(noon.Add(15 * time.Hour))
	if f := s.status().Import; f != nil {
		t.Errorf("nobody asks for it any more, and it is %+v", f)
	}
}
