// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// digest makes a well-formed digest.
func digest(of string) string { return Digest([]byte(of)) }

// passed is a drill that went well: two volumes, one check, after another drill.
func passed() Drill {
	at := func(seconds int) time.Time { return time.Date(2026, 11, 24, 3, 0, seconds, 0, time.UTC) }
	return Drill{
		Policy: Policy{Namespace: "shop", NamespaceUID: "4b1c2d6e-0000-4000-8000-000000000001", Name: "db", UID: "4b1c2d6e-0000-4000-8000-000000000002"},
		Drill:  Object{Name: "db-drill-20261124-030000-abcdefghij", UID: "4b1c2d6e-0000-4000-8000-000000000003"},
		Point: Point{
			Name: "db-20261124-020000-klmnopqrst", UID: "4b1c2d6e-0000-4000-8000-000000000004",
			PointInTime: time.Date(2026, 11, 24, 2, 0, 1, 0, time.UTC),
			Volumes: []Volume{
				{
					Claim: "wal", ClaimUID: "4b1c2d6e-0000-4000-8000-000000000006", SnapshotHandle: "array-a/snap-18", Driver: "array-a.example",
					Fingerprint: digest("wal"), Read: digest("wal"), Files: 12, Bytes: 16 << 20,
				},
				{
					Claim: "data", ClaimUID: "4b1c2d6e-0000-4000-8000-000000000005", SnapshotHandle: "array-a/snap-17", Driver: "array-a.example",
					Fingerprint: digest("data"), Read: digest("data"), Files: 1311, Bytes: 5 << 30,
				},
			},
		},
		Selection: Selection{Strategy: "Random", Seed: "17293822569102704640", EligibleDigest: digest("eligible"), Eligible: 14},
		Phases: []Phase{
			{Name: "Selecting", State: "Succeeded", Start: at(0), End: at(1)},
			{Name: "Restoring", State: "Succeeded", Start: at(1), End: at(21)},
			{Name: "Reading", State: "Succeeded", Start: at(21), End: at(40)},
			{Name: "Checking", State: "Succeeded", Start: at(40), End: at(52)},
			{Name: "CleaningUp", State: "Running", Start: at(52)},
		},
		Checks: []Check{{
			Name: "amcheck", Proves: Consistent, Image: "registry.example/pgcheck:17", State: CheckPassed, ExitCode: ptr.To[int32](0), Seconds: 9,
			ImageID: "registry.example/pgcheck@" + digest("pgcheck"),
		}},
		From: "Snapshot", StorageClass: "array-b", Independent: false, Level: Consistent, Required: Intact, Verdict: Passed, Reason: "LevelReached",
		RecoverySeconds: 52, DataAgeSeconds: 3599, Started: at(0), Finished: at(53), Previous: digest("previous"), Operator: "v0.3.0",
	}
}

// elsewhere is a drill from a copy on to another storage system.
func elsewhere() Drill {
	d := passed()
	d.From, d.Independent = FromCopy, true
	d.Copy = Copy{Name: "offsite", Repository: "amsterdam", RepositoryID: strings.TrimPrefix(digest("repository"), digestPrefix)}
	for n := range d.Point.Volumes {
		d.Point.Volumes[n].SnapshotHandle = ""
	}
	return d
}

// flipped is a drill that found another content than was captured, the first of its policy.
func flipped() Drill {
	d := passed()
	d.Point.Volumes[1].Read = digest("damaged")
	d.Level, d.Verdict, d.Reason, d.Previous, d.RecoverySeconds = Restored, Failed, "ContentDiffers", "", 0
	d.Checks[0].State, d.Checks[0].ExitCode, d.Checks[0].ImageID, d.Checks[0].Seconds = "Skipped", nil, "", 0
	return d
}

// unfingerprinted is a drill that a quota kept from running, of a point without fingerprints.
func unfingerprinted() Drill {
	d := passed()
	for n, v := range d.Point.Volumes {
		d.Point.Volumes[n] = Volume{Claim: v.Claim, ClaimUID: v.ClaimUID, SnapshotHandle: v.SnapshotHandle, Driver: v.Driver}
	}
	d.Level, d.Verdict, d.Reason, d.RecoverySeconds = "", Inconclusive, "QuotaExceeded", 0
	d.Phases, d.Checks = d.Phases[:1], nil
	return d
}

// pointless is a drill that found no eligible point.
func pointless() Drill {
	d := unfingerprinted()
	d.Point, d.Selection = Point{}, Selection{Strategy: "Latest", EligibleDigest: digest("")}
	d.Verdict, d.Reason, d.From, d.StorageClass, d.DataAgeSeconds = Failed, "NoEligiblePoint", "", "", 0
	return d
}

// drills draws any drill that may be attested.
func drills() *rapid.Generator[Drill] {
	return rapid.Custom(func(t *rapid.T) Drill {
		word := rapid.StringMatching(`[A-Z][A-Za-z0-9]{0,11}`)
		name := rapid.StringMatching(`[a-z][a-z0-9-]{0,20}`)
		seconds := rapid.Int64Range(0, 1<<40)
		digests := rapid.Custom(func(t *rapid.T) string { return digest(name.Draw(t, "content")) })
		instant := rapid.Custom(func(t *rapid.T) time.Time { return time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "instant"), 0).UTC() })
		maybe := func(some *rapid.Generator[time.Time]) *rapid.Generator[time.Time] {
			return rapid.OneOf(rapid.Just(time.Time{}), some)
		}
		d := Drill{
			Policy:    Policy{Namespace: name.Draw(t, "namespace"), Name: name.Draw(t, "policy"), UID: name.Draw(t, "policy UID")},
			Drill:     Object{Name: name.Draw(t, "drill"), UID: name.Draw(t, "drill UID")},
			Selection: Selection{Strategy: word.Draw(t, "strategy"), Seed: name.Draw(t, "seed"), EligibleDigest: digests.Draw(t, "eligible"), HandPicked: rapid.Bool().Draw(t, "hand-picked")},
			From:      "Snapshot", Reason: word.Draw(t, "reason"),
			Required:        rapid.SampledFrom(levels).Draw(t, "required"),
			RecoverySeconds: seconds.Draw(t, "recovery"), DataAgeSeconds: seconds.Draw(t, "age"),
			Started: instant.Draw(t, "started"), Finished: maybe(instant).Draw(t, "finished"),
			Previous: rapid.OneOf(rapid.Just(""), digests).Draw(t, "previous"), Operator: name.Draw(t, "operator"),
		}
		if rapid.Bool().Draw(t, "from a copy") {
			d.From, d.Copy = FromCopy, Copy{Name: name.Draw(t, "copy"), Repository: name.Draw(t, "repository"), RepositoryID: digest("repository")[len(digestPrefix):]}
			d.Independent = rapid.Bool().Draw(t, "independent")
		}
		for n := range rapid.IntRange(0, 4).Draw(t, "phases") {
			d.Phases = append(d.Phases, Phase{Name: fmt.Sprint("Phase", n), State: word.Draw(t, "state"), Start: instant.Draw(t, "start"), End: maybe(instant).Draw(t, "end")})
		}
		if rapid.Bool().Draw(t, "has a point") {
			drawPoint(t, &d)
		}
		for n := range rapid.IntRange(0, 4).Draw(t, "checks") {
			d.Checks = append(d.Checks, Check{
				Name: fmt.Sprint("check-", n), Proves: rapid.SampledFrom([]string{Consistent, Answering}).Draw(t, "proves"),
				State:   rapid.SampledFrom([]string{CheckPassed, CheckFailed, CheckTimedOut, "Skipped", "Pending", ""}).Draw(t, "state"),
				ImageID: rapid.OneOf(rapid.Just(""), rapid.Just("registry.example/x:1"), rapid.Just("registry.example/x@"+digest("x"))).Draw(t, "image"),
				Seconds: seconds.Draw(t, "seconds"),
			})
		}
		d.Level = rapid.SampledFrom(append([]string{""}, levels[:highest(d)]...)).Draw(t, "level")
		verdicts := []string{Failed, Inconclusive, Aborted}
		if d.Level != "" && rank(d.Level) >= rank(d.Required) {
			verdicts = append(verdicts, Passed)
		}
		d.Verdict = rapid.SampledFrom(verdicts).Draw(t, "verdict")
		return d
	})
}

func drawPoint(t *rapid.T, d *Drill) {
	name := rapid.StringMatching(`[a-z][a-z0-9-]{0,20}`)
	content := rapid.SampledFrom([]string{"", digest("a"), digest("b")})
	d.Point = Point{Name: name.Draw(t, "point"), UID: name.Draw(t, "point UID"), PointInTime: time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "point in time"), 0).UTC()}
	for n := range rapid.IntRange(0, 4).Draw(t, "volumes") {
		d.Point.Volumes = append(d.Point.Volumes, Volume{
			Claim: fmt.Sprint("claim-", n), ClaimUID: name.Draw(t, "claim UID"), SnapshotHandle: name.Draw(t, "handle"),
			Fingerprint: content.Draw(t, "fingerprint"), Read: content.Draw(t, "read"), Files: rapid.Int64Range(0, 1<<53).Draw(t, "files"), Bytes: rapid.Int64Range(0, 1<<62).Draw(t, "bytes"),
		})
	}
}

// highest is how many levels the facts of a drill bear out, by the plain reading of what levels mean.
func highest(d Drill) int {
	if len(d.Point.Volumes) == 0 {
		return 0
	}
	all := 4
	for _, v := range d.Point.Volumes {
		if v.Fingerprint == "" || v.Fingerprint != v.Read {
			all = min(all, 1)
		}
		if v.Read == "" {
			all = 0
		}
	}
	for _, c := range d.Checks {
		if c.State != "Passed" {
			all = min(all, strings.Index("RICA", c.Proves[:1]))
		}
	}
	return all
}
