// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// examples are drills of every kind of end.
var examples = []struct {
	name  string
	drill Drill
	// digest is that of the statement. It stands in the chains of installations: a release must not change it.
	digest string
}{
	{"passed", passed(), "sha256:3cec45f9fe7adaa16fd858e06f8fc7389007c573242f022f126e4e66a1e2f82e"},
	{"content-differs", flipped(), "sha256:342eb4f61a7563be2a7397dd81fc8fbef33426546c2d633782a875e41ae704c8"},
	{"quota-exceeded", unfingerprinted(), "sha256:84929fb853dce4781171028cb99f68a1fb27dd28e1633f28cd5b551656d9cff1"},
	{"from-copy", elsewhere(), "sha256:ff7a5d58ce48bb57538f9607b571360904b832acab28a227d492177b03481220"},
	{"no-eligible-point", pointless(), "sha256:53530506b299b45e5af16a66dbb9a1c0e33ba0e9b07287a2b316e941e0cfdb23"},
}

func TestGolden(t *testing.T) {
	for _, tc := range examples {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Statement(tc.drill)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", tc.name+".json")
			if *update {
				var indented bytes.Buffer
				if err := json.Indent(&indented, got, "", "  "); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, append(indented.Bytes(), '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			if err := json.Compact(&want, golden); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.String(), string(got)); diff != "" {
				t.Errorf("the statement differs (-on record +now); run with -update if that is meant:\n%s", diff)
			}
			if d := Digest(got); d != tc.digest {
				t.Errorf("its digest is %s, on record is %s", d, tc.digest)
			}
		})
	}
}

// TestInToto has the types of the in-toto project judge the statements.
func TestInToto(t *testing.T) {
	for _, tc := range examples {
		t.Run(tc.name, func(t *testing.T) {
			raw, err := Statement(tc.drill)
			if err != nil {
				t.Fatal(err)
			}
			var s intoto.Statement
			if err := protojson.Unmarshal(raw, &s); err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(); err != nil {
				t.Fatal(err)
			}
			inner, err := protojson.Marshal(s.GetPredicate())
			if err != nil {
				t.Fatal(err)
			}
			var strict testresult.TestResult
			if err := protojson.Unmarshal(inner, &strict); err == nil || !strings.Contains(err.Error(), `unknown field "lifeboat"`) {
				t.Errorf("want one field that the predicate does not know, lifeboat; got %v", err)
			}
			var p testresult.TestResult
			if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(inner, &p); err != nil {
				t.Fatal(err)
			}
			if p.GetResult() != results[tc.drill.Verdict] || len(p.GetConfiguration()) == 0 {
				t.Errorf("result %q, %d configurations", p.GetResult(), len(p.GetConfiguration()))
			}
			for _, c := range p.GetConfiguration() {
				if err := c.Validate(); err != nil || c.GetUri() == "" && len(c.GetDigest()) == 0 {
					t.Errorf("configuration %v: %v", c, err)
				}
			}
		})
	}
}

func TestTests(t *testing.T) {
	for _, tc := range []struct {
		name           string
		drill          Drill
		passed, failed string
	}{
		{"passed", passed(), "level/Restored level/Intact level/Consistent check/amcheck", ""},
		{"content differs, so the check was skipped", flipped(), "level/Restored", "level/Intact"},
		{"could not run", unfingerprinted(), "", ""},
		{"no point", pointless(), "", "level/Restored"},
		{"deeper than required, then a check failed", with(passed(), func(d *Drill) {
			d.Level, d.Checks[0].State = Intact, CheckFailed
		}), "level/Restored level/Intact", "check/amcheck"},
		{"the check hung", with(passed(), func(d *Drill) {
			d.Level, d.Required, d.Verdict, d.Checks[0].State = Intact, Answering, Failed, CheckTimedOut
		}), "level/Restored level/Intact", "level/Consistent check/amcheck"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			passed, failed := tests(tc.drill)
			if got := strings.Join(passed, " "); got != tc.passed {
				t.Errorf("passed: %s; want %s", got, tc.passed)
			}
			if got := strings.Join(failed, " "); got != tc.failed {
				t.Errorf("failed: %s; want %s", got, tc.failed)
			}
		})
	}
}

// with returns a drill that was changed.
func with(d Drill, change func(*Drill)) Drill {
	change(&d)
	return d
}

func TestStatementRefuses(t *testing.T) {
	for _, tc := range []struct {
		want   string
		change func(*Drill)
	}{
		{"policy.uid is empty", func(d *Drill) { d.Policy.UID = "" }},
		{"policy.namespace is empty", func(d *Drill) { d.Policy.Namespace = "" }},
		{"drill.uid is empty", func(d *Drill) { d.Drill.UID = "" }},
		{"name or a UID, but not both", func(d *Drill) { d.Point.Name = "" }},
		{"point has content", func(d *Drill) { d.Point.Name, d.Point.UID = "", "" }},
		{"has no claim or claimUID", func(d *Drill) { d.Point.Volumes[0].ClaimUID = "" }},
		{`names the claim "data" twice`, func(d *Drill) { d.Point.Volumes[0].Claim = "data" }},
		{"copy is", func(d *Drill) { d.Copy.RepositoryID = "" }},
		{"copy is", func(d *Drill) { d.Copy.Name = "var/lib/secret" }},
		{`a copy is named, but the drill was from "Snapshot"`, func(d *Drill) { d.From = "Snapshot" }},
		{"independent, but no copy is named", func(d *Drill) { d.Copy, d.From = Copy{}, "Snapshot" }},
		{"from a copy, but none is named", func(d *Drill) { d.Copy = Copy{} }},
		{"a name has no slash", func(d *Drill) { d.Checks[0].Name = "var/lib/secret" }},
		{"a name has no slash and no space", func(d *Drill) { d.Checks[0].Name = "a\nb" }},
		{`checks names "amcheck" twice`, func(d *Drill) { d.Checks = append(d.Checks, d.Checks[0]) }},
		{"previous is", func(d *Drill) { d.Previous = "sha256:ABC" }},
		{"selection.eligibleDigest is", func(d *Drill) { d.Selection.EligibleDigest = strings.ToUpper(digest("")) }},
		{"point.volumes[0].read is", func(d *Drill) { d.Point.Volumes[1].Read = strings.TrimPrefix(digest("data"), "sha256:") }},
		{`verdict is "Good"`, func(d *Drill) { d.Verdict = "Good" }},
		{`verdict is ""`, func(d *Drill) { d.Verdict = "" }},
		{`level is "L4"`, func(d *Drill) { d.Level = "L4" }},
		{`required is "All"`, func(d *Drill) { d.Required = "All" }},
		{`checks[0].proves is "x"`, func(d *Drill) { d.Checks[0].Proves = "x" }},
		{"reason is", func(d *Drill) { d.Reason = "open /data/contacts.db: input/output error" }},
		{"phases[0].state is", func(d *Drill) { d.Phases[0].State = "failed: quota" }},
		{"checks[0].state is", func(d *Drill) { d.Checks[0].State = "no such file: a" }},
		{`verdict Passed at level "Restored", but "Intact" was required`, func(d *Drill) { d.Level = Restored }},
		{`verdict Passed at level ""`, func(d *Drill) { d.Level, d.Required = "", "" }},
		{"no volume was restored", func(d *Drill) { d.Point.Volumes = nil }},
		{"no volume was restored", func(d *Drill) { d.Point = Point{} }},
		{`claim "data" was not read back`, func(d *Drill) { d.Point.Volumes[1].Read = "" }},
		{`of claim "data" is not known to be what was captured`, func(d *Drill) { d.Point.Volumes[1].Read = digest("other") }},
		{`of claim "wal" is not known to be what was captured`, func(d *Drill) { d.Point.Volumes[0].Fingerprint = "" }},
		{`needs check "amcheck", whose state is "Skipped"`, func(d *Drill) { d.Checks[0].State = "Skipped" }},
		{`needs check "amcheck", whose state is "TimedOut"`, func(d *Drill) { d.Checks[0].State = CheckTimedOut }},
	} {
		t.Run(tc.want, func(t *testing.T) {
			raw, err := Statement(with(elsewhere(), tc.change))
			if err == nil || !strings.Contains(err.Error(), tc.want) || raw != nil {
				t.Errorf("got %s, %v", raw, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	good, err := Statement(passed())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ want, old, new string }{
		{"not a statement", `{"_type"`, `"_type"`},
		{"after top-level value", `"subject":[`, `"subject":[]} {"subject":[`},
		{"_type is", "Statement/v1", "Statement/v0.1"},
		{"predicateType is", "test-result/v0.1", "test-result/v0.2"},
		{"predicate.lifeboat is missing", `"lifeboat":`, `"other":`},
		{"subject is empty", `"subject":[`, `"subject":[],"was":[`},
		{`predicate.result is "FAILED", but the verdict is Passed`, `"result":"PASSED"`, `"result":"FAILED"`},
		{"predicate.lifeboat: verdict is", `"verdict":"Passed"`, `"verdict":"Fine"`},
		{"but \"Answering\" was required", `"required":"Intact"`, `"required":"Answering"`},
		{"not a statement", `"eligible":14`, `"eligible":"14"`},
	} {
		t.Run(tc.want, func(t *testing.T) {
			text := strings.Replace(string(good), tc.old, tc.new, 1)
			if text == string(good) {
				t.Fatalf("%s is not in the statement", tc.old)
			}
			if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	unknown := strings.Replace(string(good), `"handPicked":`, `"later":{"a":[1]},"handPicked":`, 1)
	if d, err := Parse([]byte(unknown)); err != nil || !cmp.Equal(d, passed().normal()) {
		t.Errorf("a field that a later release adds must be ignored; got %v, %v", d, err)
	}
}

// TestTimesAsTheAPIKeepsThem: a drill whose facts were read back from the API gives the statement that it gave before.
func TestTimesAsTheAPIKeepsThem(t *testing.T) {
	want, err := Statement(passed())
	if err != nil {
		t.Fatal(err)
	}
	d := passed()
	zone := time.FixedZone("elsewhere", 5*3600)
	d.Started, d.Phases[0].End = d.Started.Add(999*time.Millisecond).In(zone), d.Phases[0].End.Add(time.Nanosecond)
	d.Point.PointInTime = d.Point.PointInTime.In(zone)
	got, err := Statement(d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, tc := range examples {
		raw, err := Statement(tc.drill)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{}],"predicateType":"https://in-toto.io/attestation/test-result/v0.1","predicate":{"lifeboat":{}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Statement(d)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		same, err := Parse(again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(d, same); diff != "" {
			t.Errorf("read, written and read again, it differs:\n%s", diff)
		}
	})
}
