// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/dump"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/testkit/hostile"
)

// odd is what hostile objects say.
var odd = hostile.Kit{
	Now: noon,
	Words: []string{"", "data", "logs", "web", "policy-1", "array-a", "vault", "0 * * * *", "* * * * *", "0 0 31 2 *", "@yearly", "UTC", "Europe/Berlin", "nonsense", "é\x00\xff", strings.Repeat("x", 2000),
		"Filesystem", "Block", "Captured", "Lost", "Pending", "Failed", "Recorded", "Complete", "Proven", "Ready", "True", "False", "Passed", "Inconclusive", "Every", "Sampled", "None", "Group",
		"PreferGroup", "Latest", "Random", "Oldest", "Rotate", "Snapshot", "Copy", "Any", "Intact", "Consistent", "Answering", "Prune", "Retain", "Running", "Succeeded", "StatefulSet",
		"sha256:1111111111111111111111111111111111111111111111111111111111111111", "2026-03-02T12:00:00Z", `{"volumes":[]}`, `{"volumes":[{"name":"data"}]}`, "-1", "9223372036854775808"},
	Annotations: []string{api.AnnotationAcceptWeakening, api.AnnotationImportedFrom, api.AnnotationFailureDomain, api.AnnotationExpires, api.AnnotationClaim},
}

// lawful says what a planner does wrong: it says something else when it is asked again, it changes what it was given, it asks to be
// woken at an instant that has passed, or its status does not fit.
func lawful[O, P any](t *rapid.T, planner func(O, time.Time) P, o O, wake func(P) time.Time, status func(P) []metav1.Condition) {
	before := dump.ForHash(o)
	p := planner(o, noon)
	if after := dump.ForHash(o); after != before {
		t.Fatalf("what was observed was changed:\n%s", difference(before, after))
	}
	if first, second := dump.ForHash(p), dump.ForHash(planner(o, noon)); first != second {
		t.Fatalf("asked twice, it answers:\n%s", difference(first, second))
	}
	if at := wake(p); !at.IsZero() && at.Before(noon) { // at this very instant is for what was begun and goes on
		t.Fatalf("it wants to be woken at %s, and it is %s: that is a loop", at, noon)
	}
	seen := map[string]bool{}
	for _, c := range status(p) {
		if len(c.Message) > conditions.MostMessage || c.Reason == "" || seen[c.Type] {
			t.Fatalf("a condition that cannot be written: %+v", c)
		}
		seen[c.Type] = true
	}
}

// difference is where two texts part, with what is around.
func difference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	part := func(s string) string { return s[max(0, i-200):min(len(s), i+100)] }
	return part(a) + "\n" + part(b)
}

func FuzzForPolicy(f *testing.F) {
	observed := hostile.Any[PolicyObserved](odd)
	fuzzPlanner(f, func(t *rapid.T) {
		o := observed.Draw(t, "observed")
		if o.Policy == nil {
			return
		}
		lawful(t, ForPolicy, o, func(p PolicyPlan) time.Time { return p.Wake }, func(p PolicyPlan) []metav1.Condition { return p.Status.Conditions })
		s := ForPolicy(o, noon).Status
		if len(s.Findings) > 20 || len(s.Expiring) > 20 || len(s.Volumes.Problems) > 20 || len(s.Volumes.Unprotected) > 20 {
			t.Fatalf("lists that cannot be written: %d findings, %d expiring, %d problems, %d unprotected", len(s.Findings), len(s.Expiring), len(s.Volumes.Problems), len(s.Volumes.Unprotected))
		}
	})
}

func FuzzForPoint(f *testing.F) {
	observed := hostile.Any[PointObserved](odd)
	fuzzPlanner(f, func(t *rapid.T) {
		if o := observed.Draw(t, "observed"); o.Point != nil {
			lawful(t, ForPoint, o, func(p PointPlan) time.Time { return p.Wake }, func(PointPlan) []metav1.Condition { return nil })
		}
	})
}

func FuzzForDrill(f *testing.F) {
	observed := hostile.Any[DrillObserved](odd)
	fuzzPlanner(f, func(t *rapid.T) {
		if o := observed.Draw(t, "observed"); o.Drill != nil {
			lawful(t, ForDrill, o, func(p DrillPlan) time.Time { return p.Wake }, func(p DrillPlan) []metav1.Condition { return p.Status.Conditions })
		}
	})
}

func FuzzForRestore(f *testing.F) {
	observed := hostile.Any[RestoreObserved](odd)
	fuzzPlanner(f, func(t *rapid.T) {
		if o := observed.Draw(t, "observed"); o.Restore != nil {
			lawful(t, ForRestore, o, func(p RestorePlan) time.Time { return p.Wake }, func(p RestorePlan) []metav1.Condition { return p.Status.Conditions })
		}
	})
}

func FuzzForRepository(f *testing.F) {
	observed := hostile.Any[RepositoryObserved](odd)
	fuzzPlanner(f, func(t *rapid.T) {
		if o := observed.Draw(t, "observed"); o.Repository != nil {
			lawful(t, ForRepository, o, func(p RepositoryPlan) time.Time { return p.Wake }, func(p RepositoryPlan) []metav1.Condition {
				s, _ := p.Report(o, noon)
				if p.settled {
					return nil
				}
				return s.Conditions
			})
		}
	})
}

func FuzzForCopy(f *testing.F) {
	observed := hostile.Any[CopyObserved](odd)
	fuzzPlanner(f, func(t *rapid.T) {
		if o := observed.Draw(t, "observed"); o.Point != nil {
			lawful(t, ForCopy, o, func(p CopyPlan) time.Time { return p.Wake }, func(CopyPlan) []metav1.Condition { return nil })
		}
	})
}

func FuzzForFingerprint(f *testing.F) {
	observed := hostile.Any[FingerprintObserved](odd)
	fuzzPlanner(f, func(t *rapid.T) {
		if o := observed.Draw(t, "observed"); o.Point != nil {
			lawful(t, ForFingerprint, o, func(p FingerprintPlan) time.Time { return p.Wake }, func(FingerprintPlan) []metav1.Condition { return nil })
		}
	})
}

func fuzzPlanner(f *testing.F, property func(*rapid.T)) {
	f.Helper()
	hostile.Seeds(f, 20)
	f.Fuzz(rapid.MakeFuzz(property))
}

// FuzzCatalogue reads what a pod printed of a repository that anybody may have written into: nothing panics, what is understood is
// usable, and a second reading of what was understood understands the same.
func FuzzCatalogue(f *testing.F) {
	const mark = "lifeboat-record: "
	good := mark + `{"version":1,"pointUID":"11111111-1111-1111-1111-111111111111","point":"web","namespace":"shop","namespaceUID":"n","policy":"web","policyUID":"p","pointInTime":"2026-03-02T12:00:00Z","volumes":1,"claim":"data","claimUID":"c","size":1}`
	for _, s := range []string{good, good + "\n" + good, mark + "{}", mark + `{"volumes":-1}`, mark + `null`, mark + `{"policySpec":{"schedule":{"cron":1}}}`, "noise\n" + mark + "{" + "\n" + good + "\r\n",
		strings.Replace(good, `"point":"web"`, `"point":"../../x"`, 1), strings.Replace(good, `"size":1`, `"size":-9223372036854775808`, 1)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, printed []byte) {
		records := Catalogue(printed, mark)
		var again bytes.Buffer
		for _, r := range records {
			raw, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&again, "%s%s\n", mark, raw)
		}
		if back := Catalogue(again.Bytes(), mark); dump.ForHash(back) != dump.ForHash(records) {
			t.Fatalf("read again it is another:\n%s", difference(dump.ForHash(records), dump.ForHash(back)))
		}
		r := &api.Repository{ObjectMeta: metav1.ObjectMeta{Name: "vault", Namespace: "shop", UID: "r"}}
		p := ForImport(ImportObserved{Repository: r, Records: records}, noon)
		if len(p.Points) > len(records) {
			t.Fatalf("%d points of %d records", len(p.Points), len(records))
		}
	})
}
