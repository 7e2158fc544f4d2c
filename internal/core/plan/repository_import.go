// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// mostImported is how many points are made in one pass, so that no pass lasts for ever. The newest come first.
const mostImported = 500

// ImportObserved is everything that depends on for which points are made of what a repository holds.
type ImportObserved struct {
	Repository *api.Repository
	Records    []order.Record
	Points     []*api.RecoveryPoint // those of the namespace
}

// ImportedPoint is a recovery point that is to be made of copies.
type ImportedPoint struct {
	Name    string
	Records []order.Record // one for each volume, by the claims' names
}

// ImportPlan says which points are to be made.
type ImportPlan struct {
	Points []ImportedPoint
	Left   int // how many are left for the next pass
	Odd    int // points that cannot be imported: of too many volumes, from the future, or with records that contradict each other
}

// Catalogue reads the records in what a pod printed. Lines that are none are passed over, and so are records that cannot be
// understood: whoever can write to the repository may have put there what they like.
func Catalogue(printed []byte, mark string) []order.Record {
	var out []order.Record
	for line := range bytes.Lines(printed) {
		text, is := bytes.CutPrefix(line, []byte(mark))
		var r order.Record
		if !is || json.Unmarshal(text, &r) != nil || !usableRecord(r) {
			continue
		}
		r.PolicySpec = nil // it may be large, and is not needed here
		out = append(out, r)
	}
	return out
}

// usableRecord says whether a point can be made of a record: its words fit where they are to stand.
func usableRecord(r order.Record) bool {
	fits := func(s string, most int) bool { return s != "" && len(s) <= most }
	return fits(r.PointUID, 64) && fits(r.Point, 253) && fits(r.Namespace, 63) && fits(r.Claim, 253) && fits(r.ClaimUID, 64) &&
		fits(r.Digest, 80) && r.Policy != "" && len(validation.IsValidLabelValue(r.Policy)) == 0 && len(r.Driver) <= 253 && (r.Mode == "" || r.Mode == "Filesystem" || r.Mode == modeBlock) && len(r.AccessModes) <= 128 && len(r.StorageClass) <= 253 && r.Volumes > 0 && r.Size >= 0 &&
		!r.PointInTime.IsZero() && !r.CapturedAt.IsZero() && !r.CopiedAt.IsZero()
}

// ForImport decides which points are to be made of what a repository holds. Only whole ones are, and none that is known.
func ForImport(o ImportObserved, now time.Time) ImportPlan {
	var p ImportPlan
	known := knownPoints(o)
	byPoint := map[string][]order.Record{}
	for _, r := range o.Records {
		byPoint[r.PointUID] = append(byPoint[r.PointUID], r)
	}
	for uid, records := range byPoint {
		records = onePerVolume(records)
		switch {
		case known[uid], len(records) < records[0].Volumes && agree(records):
		case !agree(records), len(records) > records[0].Volumes, records[0].Volumes > MostBrought, records[0].PointInTime.After(now.Add(clockDoubt)):
			p.Odd++
		default:
			p.Points = append(p.Points, ImportedPoint{names.ImportedPoint(records[0].Point, uid, o.Repository.Status.UniqueID), records})
		}
	}
	slices.SortFunc(p.Points, func(a, b ImportedPoint) int {
		return cmp.Or(b.Records[0].PointInTime.Compare(a.Records[0].PointInTime), cmp.Compare(a.Name, b.Name))
	})
	p.Left = max(0, len(p.Points)-mostImported)
	p.Points = p.Points[:len(p.Points)-p.Left]
	return p
}

// knownPoints are the UIDs of points, as they were captured, that this namespace has. One whose import was interrupted has no
// origin yet, and is taken up again.
func knownPoints(o ImportObserved) map[string]bool {
	known := map[string]bool{}
	for _, q := range o.Points {
		known[string(q.UID)] = true
		if cameFrom(q, o.Repository) {
			known[q.Status.Origin.PointUID] = true
		}
	}
	return known
}

// cameFrom says whether a point was imported from a repository, by whichever name that goes.
func cameFrom(q *api.RecoveryPoint, r *api.Repository) bool {
	return q.Status.Origin != nil && q.Status.Origin.RepositoryID == r.Status.UniqueID
}

// PointsOf is how many of the points were imported from a repository.
func PointsOf(r *api.Repository, points []*api.RecoveryPoint) int {
	n := 0
	for _, q := range points {
		if cameFrom(q, r) {
			n++
		}
	}
	return n
}

// onePerVolume keeps of each volume the copy that was made last.
func onePerVolume(all []order.Record) []order.Record {
	slices.SortStableFunc(all, func(a, b order.Record) int {
		return cmp.Or(cmp.Compare(a.Claim, b.Claim), b.CopiedAt.Compare(a.CopiedAt))
	})
	return slices.CompactFunc(all, func(a, b order.Record) bool { return a.Claim == b.Claim })
}

// agree says whether records speak of one point.
func agree(all []order.Record) bool {
	one := all[0]
	return !slices.ContainsFunc(all, func(r order.Record) bool {
		return r.Volumes != one.Volumes || r.Point != one.Point || r.Namespace != one.Namespace || r.Policy != one.Policy || !r.PointInTime.Equal(one.PointInTime)
	})
}

// ImportedFrom is what an imported point bears of where it came from.
func ImportedFrom(repository, pointUID string) string { return repository + "/" + pointUID }

// Imported records how far an import is: how many points of the repository there are now, and how many were made just now.
func (p *RepositoryPlan) Imported(there, made int, i ImportPlan, now time.Time) {
	p.status.Imported = int32(there) //nolint:gosec // G115: no namespace has so many points
	if made > 0 {
		p.notes = append(p.notes, Note{Reason: api.ReasonPointsImported, Message: fmt.Sprintf("%d recovery points were made of what the repository holds", made)})
	}
	if i.Left > 0 {
		p.wakeAt(now)
		return
	}
	said := p.status.Import.Message
	p.well(TaskImport, 0, now)
	if i.Odd == 0 {
		return
	}
	p.status.Import.Message = fmt.Sprintf(
		"%d recovery points cannot be imported: they have more than %d volumes, lie in the future, their records contradict each other, or something else has their name", i.Odd, MostBrought)
	if p.status.Import.Message != said {
		p.notes = append(p.notes, Note{Warning: true, Reason: api.ReasonPointsImported, Message: p.status.Import.Message})
	}
}

// ImportFailed ends an import whose catalogue could not be read.
func (p *RepositoryPlan) ImportFailed(why Problem, now time.Time) { p.end(TaskImport, why, now) }
