// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// stories are how each finding comes and goes.
var stories = slices.Concat(coverage, timeliness, integrity, independence, retained, restorability, self)

var coverage = []story{
	obstacleStory(api.ReasonInvalidSchedule, false, true, high),
	obstacleStory(api.ReasonInvalidSelector, true, false, high),
	obstacleStory(api.ReasonPolicySelectsNothing, true, false, pending, louder{15 * time.Minute, medium}),
	obstacleStory(api.ReasonWorkloadNotFound, true, false, pending, louder{15 * time.Minute, high}),
	obstacleStory(api.ReasonSnapshotAPIMissing, false, false, high),
	obstacleStory(api.ReasonHooksDisabled, false, false, high),
	obstacleStory(api.ReasonGroupUnsupported, false, false, high),
	obstacleStory(api.ReasonNamespaceTerminating, false, false, pending),
	{
		kind: api.ReasonUnsnapshotableVolume, name: "no class for its driver",
		breaks: volume(func(v *Volume) { v.Problem = &Problem{api.ReasonNoSnapshotClass, "no default class"} }),
		want:   want{subject: "pvc/data", severity: high, says: "no default class (NoSnapshotClass)", breaks: ready},
		clears: []change{volume(func(v *Volume) { v.Problem = nil })},
	},
	{
		kind: api.ReasonUnsnapshotableVolume, name: "not bound yet",
		breaks: volume(func(v *Volume) { v.Problem = &Problem{api.ReasonClaimNotBound, "it has no volume"} }),
		want:   want{subject: "pvc/data", severity: pending, says: "has no volume", breaks: ready},
		louder: []louder{{15 * time.Minute, high}},
		clears: []change{volume(func(v *Volume) { v.Problem = nil })},
	},
	{
		kind: api.ReasonDriverNotRegistered, name: "its storage system is gone",
		breaks: func(o *Observed) { o.Away, o.Independence = []string{testkit.Driver}, nil },
		want:   want{subject: "csidriver/" + testkit.Driver, severity: pending, says: "to the storage of data, logs, queue", breaks: ready},
		louder: []louder{{time.Minute, high}},
		clears: []change{func(o *Observed) { o.Away = nil }},
	},
	{
		kind: api.ReasonDriverNotRegistered, name: "there is a copy elsewhere",
		breaks: all(copies(func(*Independence) {}), func(o *Observed) { o.Away = []string{testkit.Driver} }),
		want:   want{subject: "csidriver/" + testkit.Driver, severity: pending, says: "in repository vault", breaks: ready},
		louder: []louder{{time.Minute, high}},
		clears: []change{func(o *Observed) { o.Away = nil }},
	},
	{
		kind: api.ReasonPartialPoint, name: "a volume failed",
		breaks: func(o *Observed) { edit(o, 0, failed("logs", api.ReasonQuotaExceeded)) },
		want:   want{subject: rp(0), severity: high, says: "logs was not captured"},
		clears: []change{slot(hour), func(o *Observed) { edit(o, 0, testkit.Going) }},
	},
	{
		kind: api.ReasonPartialPoint, name: "a claim that was there is not in it",
		breaks: func(o *Observed) {
			o.Points = append(slices.Clone(o.Points[:len(o.Points)-1]), testkit.Point(noon, []string{"data", "queue"}))
		},
		want:   want{subject: rp(0), severity: high, says: "lacks logs"},
		clears: []change{slot(hour), func(o *Observed) { o.Volumes = slices.Delete(slices.Clone(o.Volumes), 1, 2) }},
	},
	{
		kind: api.ReasonVolumeReplaced, name: "made anew",
		breaks: all(func(o *Observed) {
			edit(o, 0, recorded("data", "uid-of-data", "vol-data"))
		}, volume(func(v *Volume) { v.UID = "another" })),
		want:   want{subject: "pvc/data", severity: high, says: "made anew"},
		clears: []change{slot(hour), volume(func(v *Volume) { v.UID = "uid-of-data" }), slot(hour, recorded("data", "another", "vol-data"))},
	},
	{
		kind: api.ReasonVolumeReplaced, name: "bound to another volume",
		breaks: all(func(o *Observed) { edit(o, 0, recorded("data", "uid-of-data", "vol-old")) }),
		want:   want{subject: "pvc/data", severity: high, says: "bound to another volume"},
		clears: []change{slot(hour, recorded("data", "uid-of-data", "vol-data"))},
	},
	{
		kind: api.ReasonVolumeNotCaptured, name: "selected only now",
		breaks: volume(func(v *Volume) { v.ProtectedUntil, v.CapturedAt = time.Time{}, time.Time{} }),
		want:   want{severity: pending, says: "1 of 3 volumes are in no complete recovery point: data", breaks: protected},
		louder: []louder{{2*hour + 10*time.Minute, high}},
		clears: []change{volume(func(v *Volume) { v.ProtectedUntil = noon.Add(hour) })},
	},
	{
		kind: api.ReasonVolumeNotCaptured, name: "named and not there", at: 5 * time.Minute,
		breaks: func(o *Observed) { o.Volumes = append(slices.Clone(o.Volumes), Volume{Claim: "ghost"}) },
		want:   want{severity: pending, since: 5 * time.Minute, says: "1 of 4 volumes are in no complete recovery point: ghost", breaks: protected},
		louder: []louder{{2*hour + 10*time.Minute, high}},
		clears: []change{func(o *Observed) { o.Volumes = o.Volumes[:3] }},
	},
}

// oneArray is a cluster in which no storage class is known to be apart from the volumes.
func oneArray(o *Observed) { copies(func(i *Independence) { i.Targets = in("array-a", "") })(o) }

// drills has the policy rehearse from a source, into a storage class.
func drills(from api.RestoreSource, class string) change {
	return func(o *Observed) { o.Policy.Spec.Drill = &api.Drill{From: from, StorageClassName: class} }
}

// recorded records one volume of a point.
func recorded(claim, uid, handle string) testkit.Mod[api.RecoveryPoint] {
	return func(q *api.RecoveryPoint) {
		q.Status.Volumes = []api.VolumeRecord{{Claim: claim, ClaimUID: uid, Handle: handle, Driver: testkit.Driver, StorageClass: testkit.Class, State: api.VolumeCaptured}}
	}
}

var timeliness = []story{
	{
		kind: api.ReasonObjectiveMissed, name: "older than promised", at: hour,
		breaks: volume(func(v *Volume) {
			v.CapturedAt, v.ProtectedUntil = noon.Add(-hour), noon.Add(hour)
		}),
		want:   want{severity: high, since: hour, says: "and may be 2h0m0s old", breaks: protected},
		louder: []louder{{3 * hour, critical}},
		clears: []change{volume(func(v *Volume) { v.CapturedAt, v.ProtectedUntil = noon, noon.Add(2*hour) })},
	},
	{
		kind: api.ReasonNeverSucceeded, name: "no point",
		breaks: all(born(-time.Minute), func(o *Observed) { o.Points = nil }),
		want:   want{severity: pending, since: -time.Minute, says: "no complete recovery point yet", breaks: protected},
		louder: []louder{{hour + 10*time.Minute, high}},
		clears: []change{slot(0), obstructed(api.ReasonInvalidSelector, true, false)},
	},
	{
		kind: api.ReasonSlotMissed, name: "one",
		breaks: func(o *Observed) {
			status(o).Missed = &api.MissedRun{Slots: 1, First: after(-hour), Last: after(-hour)}
		},
		want:   want{severity: medium, since: -hour, says: "1 slots passed without a run, the last at 2026-06-01T11:00:00Z"},
		clears: []change{func(o *Observed) { status(o).Missed = nil }},
	},
	{
		kind: api.ReasonSlotMissed, name: "two",
		breaks: func(o *Observed) {
			status(o).Missed = &api.MissedRun{Slots: 2, First: after(-2 * hour), Last: after(-hour)}
		},
		want:   want{severity: high, since: -2 * hour, says: "2 slots passed"},
		clears: []change{func(o *Observed) { status(o).Missed = nil }},
	},
	{
		kind: api.ReasonSnapshotStuck, name: "the newest point",
		breaks: func(o *Observed) { edit(o, 0, failed("data", api.ReasonSnapshotTimedOut)) },
		want:   want{subject: "pvc/data", severity: medium, says: "was not ready in time"},
		louder: []louder{{hour, high}},
		clears: []change{slot(hour), slot(hour, failed("logs", api.ReasonSnapshotTimedOut))},
	},
	{
		kind: api.ReasonSnapshotStuck, name: "two points in a row, and one before",
		breaks: func(o *Observed) {
			edit(o, 0, failed("data", api.ReasonSnapshotStuck))
			edit(o, 1, failed("data", api.ReasonSnapshotTimedOut))
			edit(o, 2, failed("logs", api.ReasonSnapshotTimedOut))
			edit(o, 3, failed("data", api.ReasonSnapshotTimedOut))
		},
		want:   want{subject: "pvc/data", severity: high, since: -hour, says: "at 2026-06-01T11:00:00Z for the first time"},
		clears: []change{slot(hour)},
	},
	{
		kind: api.ReasonSizeAnomaly, name: "files collapsed",
		breaks: prints(append([][2]int64{{9, 10 << 20}}, usual(3)...)...),
		want:   want{subject: "pvc/data", severity: high, says: "has 9 files where 100 were usual"},
		clears: []change{slot(hour, printed(10, 10<<20)), prints(append([][2]int64{{9, 10 << 20}}, usual(2)...)...),
			func(o *Observed) { edit(o, 0, testkit.Going) }, func(o *Observed) { o.Volumes = o.Volumes[1:] }},
	},
	{
		kind: api.ReasonSizeAnomaly, name: "bytes grew",
		breaks: prints(append([][2]int64{{100, 50<<20 + 1}}, usual(10)...)...),
		want:   want{subject: "pvc/logs", severity: high, says: "has 52428801 bytes where 10485760 were usual"},
		clears: []change{slot(hour, printed(100, 50<<20)), prints(slices.Concat(slices.Repeat([][2]int64{{100, 50<<20 + 1}}, 7), usual(5))...)},
	},
	{
		kind: api.ReasonSizeAnomaly, name: "a small volume was emptied",
		breaks: prints([2]int64{1, 0}, [2]int64{1, 8}, [2]int64{1, 8}, [2]int64{1, 8}),
		want:   want{subject: "pvc/queue", severity: high, says: "has 0 bytes where 8 were usual"},
		clears: []change{prints([2]int64{9, 1 << 20}, [2]int64{1, 8}, [2]int64{1, 8}, [2]int64{1, 8})}, // a small one may grow
	},
	{
		kind: api.ReasonPolicySuspended, name: "for long",
		breaks: func(o *Observed) {
			o.Policy.Spec.Suspend = true
			since := after(-hour)
			status(o).Applied = &api.AppliedSpec{ScheduleSince: &since}
		},
		want:   want{severity: pending, since: -hour, says: "suspended since 2026-06-01T11:00:00Z"},
		louder: []louder{{23 * hour, medium}, {7*day - hour, high}},
		clears: []change{func(o *Observed) { o.Policy.Spec.Suspend = false }},
	},
}

var integrity = []story{
	{
		kind: api.ReasonRecoveryPointVanished, name: "a snapshot is gone",
		breaks: func(o *Observed) { edit(o, 2, failed("data", api.ReasonRecoveryPointVanished)) },
		want:   want{subject: rp(2), severity: critical, since: -2 * hour, says: "lost the snapshots of data before its time"},
		clears: []change{func(o *Observed) { edit(o, 2, testkit.Going) }, func(o *Observed) { o.Points = o.Points[2:] }},
	},
	{
		kind: api.ReasonRecoveryPointVanished, name: "no copy is complete of a point without snapshots",
		breaks: func(o *Observed) {
			edit(o, 2, failed("data", ""), func(q *api.RecoveryPoint) { q.Status.SnapshotsReleasedAt = q.Status.FinishedAt })
		},
		want:   want{subject: rp(2), severity: critical, since: -2 * hour, says: "lived on in its copies, and none of them is complete any more"},
		clears: []change{func(o *Observed) { edit(o, 2, whole) }, func(o *Observed) { edit(o, 2, testkit.Going) }},
	},
	{
		kind: api.ReasonBindingBroken, name: "points elsewhere",
		breaks: func(o *Observed) { edit(o, 2, failed("data", api.ReasonBindingBroken)) },
		want:   want{subject: rp(2), severity: high, since: -2 * hour, says: "do not point at each other: data"},
		clears: []change{func(o *Observed) { edit(o, 2, whole) }},
	},
	{
		kind: api.ReasonReadinessRegressed, name: "was ready",
		breaks: func(o *Observed) { edit(o, 2, failed("data", api.ReasonReadinessRegressed)) },
		want:   want{subject: rp(2), severity: high, since: -2 * hour, says: "were ready and are not any more: data"},
		clears: []change{func(o *Observed) { edit(o, 2, whole) }},
	},
	{
		kind: api.ReasonCopyIncomplete, name: "the last two ended early",
		breaks: copies(func(i *Independence) { i.Copies[2].Complete, i.Copies[3].Complete = false, false }),
		want:   want{subject: "repository/vault", severity: high, since: -hour, says: pointName(0) + " in repository vault ended early"},
		clears: []change{
			copies(func(i *Independence) { i.Copies[3].Complete = true }),
			copies(func(i *Independence) { i.Copies[2].EndedAt, i.Copies[3].EndedAt = time.Time{}, time.Time{} }), // under way
		},
	},
	{
		kind: api.ReasonCopyCorrupt, name: "damage",
		breaks: repository(func(r *Repository) { r.Corrupt = noon.Add(-hour) }),
		want:   want{subject: "repository/vault", severity: critical, since: -hour, says: "found damage"},
		clears: []change{repository(func(r *Repository) { r.Corrupt = time.Time{} })},
	},
	{
		kind: api.ReasonCopyCorrupt, name: "damage in more copies than are named",
		breaks: repository(func(r *Repository) {
			r.Corrupt, r.Damaged, r.DamagedCount = noon.Add(-hour), []string{"shop/a", "shop/b", "shop/c", "shop/d"}, 60
		}),
		want:   want{subject: "repository/vault", severity: critical, since: -hour, says: "the copies of 60 recovery points: shop/a, shop/b, shop/c and 57 more; nothing is pruned"},
		clears: []change{repository(func(r *Repository) { r.Corrupt = time.Time{} })},
	},
	{
		kind: api.ReasonVerificationOverdue, name: "never read back", at: 10 * day,
		breaks: repository(func(r *Repository) { r.Verified, r.Made = time.Time{}, noon.Add(-day/2) }),
		want:   want{subject: "repository/vault", severity: medium, since: 10 * day, says: "was never read back in full"},
		clears: []change{repository(func(r *Repository) { r.Verified = noon })},
	},
	{
		kind: api.ReasonVerificationOverdue, name: "not read back for long", at: 10 * day,
		breaks: repository(func(r *Repository) { r.Verified = noon.Add(-day / 2) }),
		want:   want{subject: "repository/vault", severity: medium, since: 10 * day, says: "last read back in full at 2026-06-01T00:00:00Z"},
		clears: []change{repository(func(r *Repository) { r.Verified = noon.Add(-day/2 + time.Second) }), repository(func(r *Repository) { r.VerifyWithin = 0 })},
	},
	{
		kind: api.ReasonOrphanedSnapshot, name: "of no point",
		breaks: func(o *Observed) { o.Orphans = []Leftover{{"volumesnapshot/lost", noon.Add(-hour)}} },
		want:   want{subject: "volumesnapshot/lost", severity: pending, since: -hour, says: "belongs to no recovery point"},
		louder: []louder{{7*day - hour, low}},
		clears: []change{func(o *Observed) { o.Orphans = nil }},
	},
}

func whole(q *api.RecoveryPoint) {
	*q = *testkit.Point(q.Status.PointInTime.Time, threeClaims)
}

// list has a policy name a repository. It is listed once, however often a story is told.
func list(i *Independence, r Repository) {
	if there := i.repository(r.Name); there != nil {
		*there = r
		return
	}
	i.Repositories = append(i.Repositories, r)
}

var independence = []story{
	{
		kind: api.ReasonNoIndependentCopy, name: "promised only now",
		breaks: copies(func(i *Independence) { i.Since, i.Copies = noon.Add(-hour), nil }),
		want:   want{severity: pending, since: -hour, says: "no complete copy outside", breaks: independent},
		louder: []louder{{5 * hour, critical}},
		clears: []change{withCopies, func(o *Observed) { o.Independence = nil }},
	},
	{
		kind: api.ReasonNoIndependentCopy, name: "only where the volumes are",
		breaks: copies(func(i *Independence) { i.Since, i.Repositories[0].Place.Domain = noon.Add(-6*hour), "array-a" }),
		want:   want{severity: critical, since: -6 * hour, says: "no complete copy outside", breaks: independent},
		clears: []change{repository(func(r *Repository) { r.Place.Domain = "bucket-b" })},
	},
	{
		kind: api.ReasonNoIndependentCopy, name: "nobody knows where",
		breaks: copies(func(i *Independence) { i.Since, i.Repositories[0].Place.Domain = noon.Add(-6*hour), "" }),
		want:   want{severity: critical, since: -6 * hour, says: "no complete copy outside", breaks: independent},
		clears: []change{repository(func(r *Repository) { r.Place.Domain = "bucket-b" })},
	},
	{
		kind: api.ReasonNoIndependentCopy, name: "the copies may need what is damaged",
		breaks: copies(func(i *Independence) { i.Since, i.Repositories[0].Corrupt = noon.Add(-6*hour), noon.Add(-hour/2) }),
		want:   want{severity: critical, since: -6 * hour, says: "found damage in repository vault", breaks: independent},
		clears: []change{
			repository(func(r *Repository) { r.Corrupt = time.Time{} }),
			copies(func(i *Independence) { i.Repositories[0].Healing, i.Copies[0].EndedAt = true, noon }),
		},
	},
	{
		kind: api.ReasonCopyLate, name: "of old data", at: 6 * hour,
		breaks: copies(func(i *Independence) { i.Copies[3].Complete = true; i.Copies = i.Copies[3:] }),
		want:   want{severity: high, since: 6 * hour, says: "and they may be 6h0m0s old", breaks: independent},
		louder: []louder{{12 * hour, critical}},
		clears: []change{copies(func(i *Independence) { i.Copies[0].PointInTime = noon.Add(time.Second) })},
	},
	{
		kind: api.ReasonDomainCollapse, name: "declared to be elsewhere",
		breaks: repository(func(r *Repository) { r.Place.Domain = "array-a" }),
		want:   want{subject: "repository/vault", severity: critical, says: "is where they are: array-a", breaks: independent},
		clears: []change{repository(func(r *Repository) { r.Place.Domain = "bucket-b" }), repository(func(r *Repository) { r.Declared = false }), repository(func(r *Repository) { r.Place.Domain = "" })},
	},
	{
		kind: api.ReasonDomainCollapse, name: "the volumes are in a part of it",
		breaks: copies(func(i *Independence) { i.Sources, i.Repositories[0].Place.Domain = in("site/a"), "site" }),
		want:   want{subject: "repository/vault", severity: critical, says: "is where they are: site", breaks: independent},
		clears: []change{repository(func(r *Repository) { r.Place.Domain = "site/b" }), copies(func(i *Independence) { i.Sources = in("") })},
	},
	{
		kind: api.ReasonNoIndependentCopy, name: "nobody knows where the volumes are",
		breaks: copies(func(i *Independence) { i.Since, i.Sources = noon.Add(-6*hour), in("array-a", "") }),
		want:   want{severity: critical, since: -6 * hour, says: "not known where the volumes are", breaks: independent},
		clears: []change{copies(func(i *Independence) { i.Sources = in("array-a") })},
	},
	{
		kind: api.ReasonNoIndependentCopy, name: "of no age",
		breaks: copies(func(i *Independence) { i.Since, i.Within, i.Copies = noon.Add(-hour), 0, nil }),
		want:   want{severity: pending, since: -hour, says: "no complete copy outside", breaks: independent},
		louder: []louder{{23 * hour, critical}},
		clears: []change{withCopies},
	},
	{
		kind: api.ReasonRepositoryNotFound, name: "named and not there",
		breaks: copies(func(i *Independence) {
			list(i, Repository{Name: "attic", Field: "spec.copies[1].repository.name", Missing: true})
		}),
		want:   want{subject: "repository/attic", severity: pending, says: "spec.copies[1].repository.name names Repository attic"},
		louder: []louder{{5 * time.Minute, high}, {hour, critical}},
		clears: []change{copies(func(i *Independence) { i.Repositories[1].Missing = false })},
	},
	{
		kind: api.ReasonRepositoryUnreachable, name: "refused",
		breaks: repository(func(r *Repository) { r.Unreachable, r.Why = noon, "403 Forbidden" }),
		want:   want{subject: "repository/vault", severity: medium, says: "403 Forbidden"},
		louder: []louder{{hour, critical}},
		clears: []change{repository(func(r *Repository) { r.Unreachable = time.Time{} })},
	},
	{
		kind: api.ReasonRepositoryUnreachable, name: "for so long that nobody knows what it holds",
		breaks: repository(func(r *Repository) { r.Unreachable = noon.Add(-hour) }),
		want:   want{subject: "repository/vault", severity: critical, since: -hour, says: "cannot be reached", blurs: independent},
		clears: []change{repository(func(r *Repository) { r.Unreachable = time.Time{} })},
	},
	{
		kind: api.ReasonRepositoryUnreachable, name: "while another keeps the promise",
		breaks: copies(func(i *Independence) {
			second := i.Repositories[0]
			second.Name = "attic"
			list(i, second)
			i.Copies[0].Repository, i.Repositories[0].Unreachable = "attic", noon.Add(-hour)
		}),
		want:   want{subject: "repository/vault", severity: critical, since: -hour, says: "cannot be reached"},
		clears: []change{repository(func(r *Repository) { r.Unreachable = time.Time{} })},
	},
	{
		kind: api.ReasonRepositoryUnreachable, name: "it is not there any more",
		breaks: copies(func(i *Independence) {
			i.Since, i.Repositories[0].Unreachable, i.Repositories[0].Lost = noon.Add(-6*hour), noon, true
		}),
		want:   want{subject: "repository/vault", severity: critical, says: "cannot be reached"},
		clears: []change{repository(func(r *Repository) { r.Unreachable, r.Lost = time.Time{}, false })},
	},
	{
		kind: api.ReasonNoIndependentCopy, name: "the repository that held them is not there any more",
		breaks: copies(func(i *Independence) {
			i.Since, i.Repositories[0].Unreachable, i.Repositories[0].Lost = noon.Add(-6*hour), noon, true
		}),
		want:   want{severity: critical, since: -6 * hour, says: "repository vault is not where it was", breaks: independent},
		clears: []change{repository(func(r *Repository) { r.Unreachable, r.Lost = time.Time{}, false })},
	},
	{
		kind: api.ReasonDomainCollapse, name: "declared to be elsewhere, on the storage system of the volumes",
		breaks: repository(func(r *Repository) { r.Place.Also = []domain.Domain{"array-a"} }),
		want:   want{subject: "repository/vault", severity: critical, says: "says that it is in bucket-b, and is where they are: array-a", breaks: independent},
		clears: []change{repository(func(r *Repository) { r.Place.Also = []domain.Domain{"array-b", ""} })},
	},
	{
		kind: api.ReasonNoRestoreTarget, name: "only where the volumes are",
		breaks: oneArray,
		want:   want{severity: low, says: "come back in another cluster alone"},
		clears: []change{copies(func(i *Independence) { i.Targets = in("array-a", "array-c") })},
	},
	{
		kind: api.ReasonNoRestoreTarget, name: "drills from copies go where the captured claims are",
		breaks: all(oneArray, drills(api.FromCopy, "")),
		want:   want{severity: low, says: "come back in another cluster alone"},
		clears: []change{copies(func(i *Independence) { i.Targets = in("array-a", "array-c") })},
	},
	{
		kind: api.ReasonNoRestoreTarget, name: "drills from snapshots name a class",
		breaks: all(oneArray, drills(api.FromSnapshot, "other")),
		want:   want{severity: low, says: "come back in another cluster alone"},
		clears: []change{copies(func(i *Independence) { i.Targets = in("array-a", "array-c") })},
	},
	{
		kind: api.ReasonNoRestoreTarget, name: "drills from copies were to go elsewhere",
		breaks: all(oneArray, drills(api.FromCopy, "other")),
		want:   want{severity: high, says: "class other is not"},
		clears: []change{copies(func(i *Independence) { i.Targets = in("array-a", "array-c") })},
	},
}

var retained = []story{
	{
		kind: api.ReasonLastProvenAtRisk, name: "asked to go",
		breaks: func(o *Observed) { edit(o, 2, testkit.Proven, testkit.Going) },
		want:   want{subject: rp(2), severity: critical, since: -2 * hour, says: "asked for the deletion"},
		clears: []change{func(o *Observed) { edit(o, 1, testkit.Proven) }, func(o *Observed) { edit(o, 2, whole) }},
	},
	{
		kind: api.ReasonLastProvenAtRisk, name: "stays for its proof alone",
		breaks: func(o *Observed) {
			edit(o, 2, testkit.Proven, func(q *api.RecoveryPoint) { q.Status.Keep = []string{"newest-proven"} })
		},
		want: want{subject: rp(2), severity: low, says: "retention alone would have let"},
		clears: []change{func(o *Observed) { edit(o, 1, testkit.Proven) },
			func(o *Observed) {
				edit(o, 2, func(q *api.RecoveryPoint) { q.Status.Keep = []string{"daily", "newest-proven"} })
			}},
	},
	{
		kind: api.ReasonRetentionShort, name: "two of the last three are gone", at: 10 * time.Minute,
		breaks: func(o *Observed) { o.Points = o.Points[3:] },
		want:   want{severity: high, since: 10 * time.Minute, says: "promise: last 1 of 3"},
		clears: []change{slot(hour), func(o *Observed) { o.Policy.Spec.Suspend = true }, born(-90 * time.Minute)},
	},
	{
		kind: api.ReasonRetentionShort, name: "the least is not there", at: 10 * time.Minute,
		breaks: func(o *Observed) {
			o.Policy.Spec.Retention.Minimum = 2
			edit(o, 0, failed("data", api.ReasonQuotaExceeded))
			o.Points = o.Points[2:]
		},
		want:   want{severity: high, since: 10 * time.Minute, says: "minimum 1 of 2"},
		clears: []change{slot(hour), func(o *Observed) { o.Policy.Spec.Retention.Minimum = 1; o.Policy.Spec.Retention.Last = 2 }},
	},
	{
		kind: api.ReasonRetentionShort, name: "days are missing", at: day,
		breaks: all(born(-30*day), func(o *Observed) { o.Policy.Spec.Retention = api.Retention{Daily: 7, Last: 4} }),
		want:   want{severity: high, since: day, says: "promise: daily 1 of 7"},
		clears: []change{
			func(o *Observed) {
				since := after(-hour)
				status(o).Applied = &api.AppliedSpec{RetentionSince: &since}
			},
			all(slot(day), slot(2*day), slot(3*day), slot(4*day), slot(5*day)),
		},
	},
	{
		kind: api.ReasonRetentionExcess, name: "its time has passed", at: day,
		breaks: func(o *Observed) {
			status(o).Expiring = []api.ExpiringPoint{{Name: pointName(3), UID: string(o.Points[0].UID), At: after(0)}}
		},
		want: want{severity: medium, says: "should be gone for more than 24h0m0s and are still there: " + pointName(3)},
		clears: []change{
			func(o *Observed) { o.Points = o.Points[1:] }, func(o *Observed) { status(o).Expiring[0].At = after(time.Second) },
			func(o *Observed) { o.Policy.Spec.Suspend = true }, repository(func(r *Repository) { r.Corrupt = noon }),
		},
	},
	{
		kind: api.ReasonRetentionExcess, name: "does not go", at: 20 * hour,
		breaks: func(o *Observed) { o.Points = slices.Clone(o.Points); edit(o, 3, testkit.Going); later(o, 4*hour) },
		want:   want{severity: medium, since: -4 * hour, says: "are still there: " + testkit.Point(noon.Add(-4*hour), nil).Name},
		clears: []change{func(o *Observed) { o.Points = o.Points[1:] }},
	},
	{
		kind: api.ReasonSnapshotsDieWithNamespace, name: "classes that delete",
		breaks: func(o *Observed) { o.Retain, o.Classes = false, []Class{{"array-a", true}, {"array-b", false}} },
		want:   want{severity: high, says: "deletionPolicy Delete: array-a"},
		clears: []change{func(o *Observed) { o.Retain = true }, func(o *Observed) { o.Classes = o.Classes[1:] }},
	},
	{
		kind: api.ReasonReclaimDeletesData, name: "with the claim",
		breaks: volume(func(v *Volume) { v.Deletes = true }),
		want:   want{severity: medium, says: "deletes the data of 1 of 3 volumes: data"},
		clears: []change{volume(func(v *Volume) { v.Deletes = false })},
	},
	{
		kind: api.ReasonReclaimDeletesData, name: "with the StatefulSet",
		breaks: volume(func(v *Volume) { v.Drops = "web" }),
		want:   want{severity: medium, says: "StatefulSet web deletes claims: data"},
		clears: []change{volume(func(v *Volume) { v.Drops = "" })},
	},
	{
		kind: api.ReasonMutable, name: "no lock",
		breaks: repository(func(r *Repository) { r.Enforced = false }),
		want:   want{subject: "repository/vault", severity: high, says: "promises immutability"},
		clears: []change{repository(func(r *Repository) { r.Enforced = true }), repository(func(r *Repository) { r.Immutable = false })},
	},
}

// later puts the oldest point, and its deletion, earlier: it was asked to go so long before noon.
func later(o *Observed, ago time.Duration) {
	o.Points[0] = testkit.Point(noon.Add(-ago), threeClaims, testkit.Going)
}

var restorability = []story{
	{
		kind: api.ReasonNeverProven, name: "no drill yet",
		breaks: func(o *Observed) { status(o).LastProof = nil },
		want:   want{severity: pending, since: -3 * hour, says: "no drill has passed yet", breaks: proven},
		louder: []louder{{7*day - 3*hour, high}},
		clears: []change{func(o *Observed) {
			status(o).LastProof = &api.ProofSummary{Drill: "d", Level: api.LevelIntact, At: after(0)}
		}, func(o *Observed) { o.Drilled = false }},
	},
	{
		kind: api.ReasonNeverProven, name: "no point yet",
		breaks: func(o *Observed) { status(o).LastProof, o.Points = nil, nil },
		want:   want{severity: pending, since: -3*hour - time.Minute, says: "no drill has passed yet", breaks: proven},
		clears: []change{func(o *Observed) { o.Drilled = false }},
	},
	{
		kind: api.ReasonNeverProven, name: "the first point is long gone",
		breaks: func(o *Observed) {
			status(o).LastProof = nil
			born(-9 * day)(o)
			status(o).Findings = []api.Finding{{Kind: api.ReasonNeverProven, Severity: pending, Since: after(-7 * day)}}
		},
		want:   want{severity: high, since: -7 * day, says: "no drill has passed yet", breaks: proven},
		clears: []change{func(o *Observed) { o.Drilled = false }},
	},
	{
		kind: api.ReasonProofExpired, name: "older than promised", at: 7*day - hour,
		breaks: func(*Observed) {},
		want:   want{severity: high, since: 7*day - hour, says: "the newest proof is from 2026-06-01T11:00:00Z", breaks: proven},
		louder: []louder{{14*day - hour, critical}},
		clears: []change{func(o *Observed) { status(o).LastProof.At = after(0) }},
	},
	{
		kind: api.ReasonDrillFailed, name: "once",
		breaks: func(o *Observed) {
			status(o).LastDrill = &api.DrillSummary{Name: "web-1", Verdict: api.VerdictFailed, Reason: api.ReasonContentDiffers, At: after(-time.Minute)}
		},
		want: want{severity: high, since: -time.Minute, says: "drill web-1 failed, and none has passed since: ContentDiffers", breaks: proven},
		clears: []change{func(o *Observed) { status(o).LastProof.At = after(0) },
			func(o *Observed) { status(o).LastDrill.Verdict = api.VerdictInconclusive }},
	},
	{
		kind: api.ReasonDrillFailed, name: "twice",
		breaks: func(o *Observed) {
			o.Drills = []*api.RestoreDrill{drill("web-1", api.VerdictFailed, api.ReasonReadFailed, -30*time.Minute), drill("web-2", api.VerdictFailed, api.ReasonContentDiffers, -20*time.Minute)}
		},
		want:   want{severity: critical, since: -30 * time.Minute, says: "2 drills failed, and none has passed since; the last, web-2: ContentDiffers", breaks: proven},
		clears: []change{func(o *Observed) { status(o).LastProof.At = after(0) }},
	},
	{
		kind: api.ReasonDrillInconclusive, name: "three in a row",
		breaks: func(o *Observed) {
			for i, name := range []string{"web-1", "web-2", "web-3"} {
				o.Drills = append(o.Drills, drill(name, api.VerdictInconclusive, api.ReasonUnschedulable, time.Duration(i-10)*time.Minute))
			}
		},
		want: want{severity: high, since: -10 * time.Minute, says: "3 drills in a row could not be carried out; the last, web-3: Unschedulable"},
		clears: []change{func(o *Observed) { o.Drills = o.Drills[1:] },
			func(o *Observed) {
				o.Drills = append(o.Drills[:3:3], drill("web-4", api.VerdictPassed, api.ReasonDrillPassed, -7*time.Minute))
			},
			func(o *Observed) {
				o.Drills = append(o.Drills[:3:3], drill("web-4", api.VerdictFailed, api.ReasonReadFailed, 0))
			}},
	},
	{
		kind: api.ReasonProofTooShallow, name: "not deep enough",
		breaks: func(o *Observed) { o.Required = api.LevelConsistent },
		want:   want{severity: high, says: "reached Intact, and Consistent is asked for", breaks: proven},
		clears: []change{func(o *Observed) { status(o).LastProof.Level = api.LevelAnswering }},
	},
	{
		kind: api.ReasonProofNotIndependent, name: "all in one place",
		breaks: copies(func(i *Independence) { i.Proofs[1].Independent = false }),
		want:   want{severity: high, since: -2 * hour, says: "every proof used the failure domain"},
		clears: []change{copies(func(i *Independence) { i.Proofs[0].Independent = true }), copies(func(i *Independence) { i.Proofs = nil })},
	},
	{
		kind: api.ReasonProofNotIndependent, name: "there is one place alone",
		breaks: all(oneArray, copies(func(i *Independence) { i.Proofs[1].Independent = false })),
		want:   want{severity: low, since: -2 * hour, says: "every proof used the failure domain"},
		clears: []change{copies(func(i *Independence) { i.Proofs[0].Independent = true }), copies(func(i *Independence) { i.Proofs = nil })},
	},
	{
		kind: api.ReasonProofNotIndependent, name: "it was to be in another",
		breaks: all(oneArray, drills(api.FromCopy, "other"), copies(func(i *Independence) { i.Proofs[1].Independent = false })),
		want:   want{severity: high, since: -2 * hour, says: "every proof used the failure domain"},
		clears: []change{copies(func(i *Independence) { i.Proofs[0].Independent = true }), copies(func(i *Independence) { i.Proofs = nil })},
	},
	{
		kind: api.ReasonRecoveryTooSlow, name: "too slow",
		breaks: func(o *Observed) { o.Policy.Spec.Objectives = recoveryTime(59 * time.Second) },
		want:   want{severity: high, since: -hour, says: "took 1m0s, and no more than 59s", breaks: proven},
		clears: []change{func(o *Observed) { o.Policy.Spec.Objectives = nil }, func(o *Observed) {
			status(o).LastProof.RecoveryTime = &metav1.Duration{Duration: 47 * time.Second}
		}},
	},
	{
		kind: api.ReasonRecoveryTooSlow, name: "nearly",
		breaks: func(o *Observed) { o.Policy.Spec.Objectives = recoveryTime(75 * time.Second) },
		want:   want{severity: medium, since: -hour, says: "near the 1m15s"},
		clears: []change{func(o *Observed) { o.Policy.Spec.Objectives = recoveryTime(76 * time.Second) }},
	},
	{
		kind: api.ReasonRecoveryTooSlow, name: "not measured",
		breaks: func(o *Observed) {
			o.Policy.Spec.Objectives = recoveryTime(time.Hour)
			status(o).LastProof.RecoveryTime = nil
		},
		want:   want{severity: medium, since: -hour, says: "measured no recovery time", blurs: proven},
		clears: []change{func(o *Observed) { status(o).LastProof.RecoveryTime = &metav1.Duration{Duration: time.Second} }},
	},
	{
		kind: api.ReasonDrillLeftovers, name: "does not go",
		breaks: func(o *Observed) { o.Leftovers = []Leftover{{"pvc/data-restored", noon}} },
		want:   want{subject: "pvc/data-restored", severity: pending, says: "should be gone since 2026-06-01T12:00:00Z"},
		louder: []louder{{5 * time.Minute, medium}},
		clears: []change{func(o *Observed) { o.Leftovers = nil }, func(o *Observed) { o.Leftovers[0].Since = noon.Add(time.Second) }},
	},
}

func recoveryTime(d time.Duration) *api.Objectives {
	return &api.Objectives{RecoveryTime: &metav1.Duration{Duration: d}}
}

var self = []story{
	{
		kind: api.ReasonPolicyWeakened, name: "keeps fewer",
		breaks: func(o *Observed) {
			was := PromiseOf(o.Policy, o.Required)
			status(o).Applied = &api.AppliedSpec{Promise: &was}
			o.Policy.Generation, o.Policy.Spec.Retention.Last = 2, 2
		},
		want: want{severity: high, says: "promises less than before: retention.last was 3 and is 2"},
		clears: []change{func(o *Observed) { o.Policy.Spec.Retention.Last = 3 },
			func(o *Observed) { // somebody accepts it
				o.Policy.Annotations = map[string]string{api.AnnotationAcceptWeakening: "2"}
				was := status(o).Applied.Promise
				status(o).Applied.Promise = Strongest(was, PromiseOf(o.Policy, o.Required), Accepted(o.Policy), o.Policy.CreationTimestamp.Time)
			},
			func(o *Observed) { status(o).Applied.Promise = nil }, func(o *Observed) { status(o).Applied = nil }},
	},
	{
		kind: api.ReasonPolicyWeakened, name: "remembered",
		breaks: func(o *Observed) {
			was, since := PromiseOf(o.Policy, o.Required), after(-hour)
			was.Since, was.Retention.Last, was.Retention.Daily = &since, 4, 7
			status(o).Applied = &api.AppliedSpec{Promise: &was}
		},
		want:   want{severity: high, since: -hour, says: "retention.last was 4 and is 3; retention.daily was 7 and is 0"},
		clears: []change{func(o *Observed) { o.Policy.Spec.Retention.Last, o.Policy.Spec.Retention.Daily = 4, 8 }},
	},
	{
		kind: api.ReasonStorageStackChanged, name: "another version",
		breaks: func(o *Observed) {
			status(o).LastProof.Storage = []string{"CSIDriver/a=1", "StorageClass/fast=1", "StorageClass/old=1"}
			o.Stack = []string{"CSIDriver/a=2", "StorageClass/fast=1", "VolumeSnapshotClass/new=1"}
		},
		want: want{severity: medium, says: "CSIDriver/a changed, StorageClass/old went, VolumeSnapshotClass/new came"},
		clears: []change{func(o *Observed) { status(o).LastProof.Storage = o.Stack }, func(o *Observed) { o.Stack = nil },
			func(o *Observed) { status(o).LastProof.Storage = nil }},
	},
	{
		kind: api.ReasonClockSkew, name: "before it was begun",
		breaks: func(o *Observed) { edit(o, 0, taken(-5*time.Minute-time.Second)) },
		want:   want{severity: medium, says: "one of the clocks is wrong"},
		clears: []change{func(o *Observed) { edit(o, 0, taken(-5*time.Minute)) }, slot(time.Minute)},
	},
	{
		kind: api.ReasonClockSkew, name: "after it was done",
		breaks: func(o *Observed) { edit(o, 0, taken(5*time.Minute+time.Second)) },
		want:   want{severity: medium, says: "one of the clocks is wrong"},
		clears: []change{func(o *Observed) { edit(o, 0, taken(5*time.Minute)) }, slot(time.Minute)},
	},
	{
		kind: api.ReasonClockSkew, name: "later than now", at: -2 * time.Minute,
		breaks:   func(o *Observed) { edit(o, 0, taken(5*time.Minute-time.Second)) },
		want:     want{severity: medium, since: -2 * time.Minute, says: "one of the clocks is wrong"},
		clearsAt: -time.Second, // once it is no more than five minutes ahead
	},
	{
		kind: api.ReasonEvaluationError, name: "no claims", breaks: unread(FactVolumes),
		want:   want{subject: "volumes", severity: medium, says: "the API server says no"},
		louder: []louder{{15 * time.Minute, high}},
		clears: []change{func(o *Observed) { o.Unread = nil }},
	},
	{
		kind: api.ReasonEvaluationError, name: "no copies", breaks: unread(FactCopies),
		want:   want{subject: "copies", severity: medium, says: "the API server says no", blurs: slices.Repeat(independent, 4)},
		louder: []louder{{15 * time.Minute, high}},
		clears: []change{func(o *Observed) { o.Unread = nil }},
	},
}

// taken gives a point another moment, by the storage system's clock.
func taken(d time.Duration) testkit.Mod[api.RecoveryPoint] {
	return func(q *api.RecoveryPoint) {
		t := after(d)
		q.Status.PointInTime = &t
	}
}
