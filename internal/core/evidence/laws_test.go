// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// writer is what the laws judge: Statement, or a faulty one that a law must convict.
type writer func(Drill) ([]byte, error)

// laws of statements, each with a fault that it catches.
var laws = []struct {
	name  string
	holds func(writer, Drill) error
	fault writer
}{
	{
		"it says what was known, and no more",
		func(w writer, d Drill) error {
			raw, err := w(d)
			if err != nil {
				return err
			}
			got, err := Parse(raw)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(d.normal(), got); diff != "" {
				return errors.New("(-known +said):\n" + diff)
			}
			return nil
		},
		func(d Drill) ([]byte, error) { d.Selection.HandPicked = false; return Statement(d) },
	},
	{
		"the same facts give the same bytes, in whatever order the volumes come",
		func(w writer, d Drill) error {
			one, err := w(d)
			if err != nil {
				return err
			}
			d.Point.Volumes = slices.Clone(d.Point.Volumes)
			slices.Reverse(d.Point.Volumes)
			other, err := w(d)
			if err != nil {
				return err
			}
			if !bytes.Equal(one, other) {
				return fmt.Errorf("%s\n%s", one, other)
			}
			return nil
		},
		edit(func(s map[string]any, d Drill) {
			if len(d.Point.Volumes) > 0 {
				s["first"] = d.Point.Volumes[0].Claim
			}
		}),
	},
	{
		"a test that passed is a level that was reached or a check that passed; no test passed with a warning",
		func(w writer, d Drill) error {
			p, err := generic(w, d)
			if err != nil {
				return err
			}
			if len(p.WarnedTests) > 0 {
				return fmt.Errorf("warned: %v", p.WarnedTests)
			}
			want := len(levels[:rank(d.Level)])
			for _, c := range d.Checks {
				ran := c.State == "Passed"
				if slices.Contains(p.PassedTests, "check/"+c.Name) != ran {
					return fmt.Errorf("check %s is %s; passed are %v", c.Name, c.State, p.PassedTests)
				}
				if ran {
					want++
				}
				if slices.Contains(p.FailedTests, "check/"+c.Name) != (c.State == "Failed" || c.State == "TimedOut") {
					return fmt.Errorf("check %s is %s; failed are %v", c.Name, c.State, p.FailedTests)
				}
			}
			if len(p.PassedTests) != want {
				return fmt.Errorf("passed: %v; want %d", p.PassedTests, want)
			}
			return nil
		},
		func(d Drill) ([]byte, error) {
			d.Checks = slices.Clone(d.Checks)
			for n := range d.Checks {
				if d.Checks[n].State == "Skipped" {
					d.Checks[n].State = "Passed"
				}
			}
			return Statement(d)
		},
	},
	{
		"only a drill that reached what was required is a PASSED result",
		func(w writer, d Drill) error {
			p, err := generic(w, d)
			if err != nil {
				return err
			}
			want := map[string]string{"Passed": "PASSED", "Failed": "FAILED", "Inconclusive": "WARNED", "Aborted": "WARNED"}[d.Verdict]
			if p.Result != want {
				return fmt.Errorf("verdict %s is result %q", d.Verdict, p.Result)
			}
			if p.Result == "PASSED" && !slices.Contains(p.PassedTests, "level/"+d.Required) {
				return fmt.Errorf("required %s, passed are %v", d.Required, p.PassedTests)
			}
			return nil
		},
		edit(func(s map[string]any, d Drill) {
			if d.Verdict == Inconclusive {
				s["predicate"].(map[string]any)["result"] = "PASSED"
			}
		}),
	},
	{
		"there is a subject, and each has a name of its own and a SHA-256",
		func(w writer, d Drill) error {
			raw, err := w(d)
			if err != nil {
				return err
			}
			var s statement
			if err := json.Unmarshal(raw, &s); err != nil {
				return err
			}
			names := map[string]bool{}
			for _, subject := range s.Subject {
				if !isDigest("sha256:"+subject.Digest["sha256"]) || subject.Name == "" || names[subject.Name] {
					return fmt.Errorf("subject %v among %v", subject, s.Subject)
				}
				names[subject.Name] = true
			}
			for _, v := range d.Point.Volumes {
				if names["volume/"+v.Claim] != (v.Fingerprint != "" || v.Read != "") {
					return fmt.Errorf("volume %v; subjects are %v", v, s.Subject)
				}
			}
			if len(names) == 0 {
				return errors.New("no subject")
			}
			return nil
		},
		edit(func(s map[string]any, d Drill) {
			if d.Point.UID == "" {
				s["subject"] = []any{}
			}
		}),
	},
	{
		"what was captured is the same subject, whatever a drill then reads",
		func(w writer, d Drill) error {
			other := d
			other.Level, other.Verdict, other.Point.Volumes = "", Failed, slices.Clone(d.Point.Volumes)
			for n := range other.Point.Volumes {
				other.Point.Volumes[n].Read, other.Point.Volumes[n].Bytes = digest("other"), 1
			}
			var digests []string
			for _, d := range []Drill{d, other} {
				raw, err := w(d)
				if err != nil {
					return err
				}
				var s statement
				if err := json.Unmarshal(raw, &s); err != nil {
					return err
				}
				digests = append(digests, s.Subject[0].Name+s.Subject[0].Digest["sha256"])
			}
			if digests[0] != digests[1] {
				return fmt.Errorf("%v", digests)
			}
			return nil
		},
		edit(func(s map[string]any, d Drill) {
			if len(d.Point.Volumes) > 0 && d.Point.Volumes[0].Read != "" {
				s["subject"].([]any)[0].(map[string]any)["digest"] = map[string]any{"sha256": d.Point.Volumes[0].Read}
			}
		}),
	},
}

// edit is a writer whose statements are changed.
func edit(change func(map[string]any, Drill)) writer {
	return func(d Drill) ([]byte, error) {
		raw, err := Statement(d)
		if err != nil {
			return nil, err
		}
		var s map[string]any
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		if err := decoder.Decode(&s); err != nil {
			return nil, err
		}
		change(s, d)
		return canonical(s)
	}
}

// generic reads what a consumer sees that knows only the test-result predicate.
func generic(w writer, d Drill) (predicate, error) {
	raw, err := w(d)
	if err != nil {
		return predicate{}, err
	}
	var s statement
	err = json.Unmarshal(raw, &s)
	return s.Predicate, err
}

func TestLaws(t *testing.T) {
	for _, law := range laws {
		t.Run(law.name, rapid.MakeCheck(func(t *rapid.T) {
			if err := law.holds(Statement, drills().Draw(t, "drill")); err != nil {
				t.Error(err)
			}
		}))
	}
}

// TestLawsConvict shows that each law catches its fault.
func TestLawsConvict(t *testing.T) {
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			for seed := range 2000 {
				if law.holds(law.fault, drills().Example(seed)) != nil {
					return
				}
			}
			t.Error("the fault was not caught")
		})
	}
}

// TestUnhonestIsRefused: no drill can be attested at a level above what its facts bear out.
func TestUnhonestIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drills().Draw(t, "drill")
		d.Level = rapid.SampledFrom(levels).Draw(t, "claimed")
		if err := honest(Statement, d); err != nil {
			t.Error(err)
		}
	})
	for name, fault := range map[string]writer{
		"a writer that leaves out checks": func(d Drill) ([]byte, error) { d.Checks = nil; return Statement(d) },
		"a writer that takes what was read for what was captured": func(d Drill) ([]byte, error) {
			d.Point.Volumes = slices.Clone(d.Point.Volumes)
			for n, v := range d.Point.Volumes {
				d.Point.Volumes[n].Fingerprint = v.Read
			}
			return Statement(d)
		},
	} {
		caught := false
		for seed := range 2000 {
			d := drills().Example(seed)
			d.Level = levels[seed%len(levels)]
			caught = caught || honest(fault, d) != nil
		}
		if !caught {
			t.Errorf("%s was not caught", name)
		}
	}
}

func honest(w writer, d Drill) error {
	_, err := w(d)
	if claimed := slices.Index(levels, d.Level) + 1; claimed > highest(d) && err == nil {
		return fmt.Errorf("level %s was attested; the facts bear out %d", d.Level, highest(d))
	}
	return nil
}

func TestCanonical(t *testing.T) {
	got, err := canonical(map[string]any{"b": "<&>\u2009", "a": json.Number("9223372036854775807"), "c": []string{}})
	if want := "{\"a\":9223372036854775807,\"b\":\"<&>\u2009\",\"c\":[]}"; err != nil || strings.TrimSpace(string(got)) != string(got) || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}
