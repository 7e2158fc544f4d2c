// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

type change func(*api.BackupPolicy)

// policy was judged, promises drills and no copies, and keeps its promises unless a change says otherwise.
func policy(changes ...change) *api.BackupPolicy {
	b := &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "11111111-2222-3333-4444-555555555555"}}
	for _, c := range []string{api.ConditionReady, api.ConditionProtected, api.ConditionProven} {
		condition(c, metav1.ConditionTrue)(b)
	}
	for _, c := range changes {
		c(b)
	}
	return b
}

func condition(kind string, status metav1.ConditionStatus) change {
	return func(b *api.BackupPolicy) {
		b.Status.Conditions = slices.DeleteFunc(b.Status.Conditions, func(c metav1.Condition) bool { return c.Type == kind })
		b.Status.Conditions = append(b.Status.Conditions, metav1.Condition{Type: kind, Status: status})
	}
}

func without(kind string) change {
	return func(b *api.BackupPolicy) {
		b.Status.Conditions = slices.DeleteFunc(b.Status.Conditions, func(c metav1.Condition) bool { return c.Type == kind })
	}
}

// found lists findings as a status does.
func found(list ...api.Finding) change {
	return func(b *api.BackupPolicy) {
		var all []drift.Finding
		for i := range b.Status.Findings {
			all = append(all, drift.Finding{Finding: b.Status.Findings[i]})
		}
		for _, f := range list {
			all = append(all, drift.Finding{Finding: f})
		}
		slices.SortStableFunc(all, func(a, b drift.Finding) int { return drift.Rank(a.Severity) - drift.Rank(b.Severity) })
		b.Status.Findings, b.Status.FindingCounts = drift.List(all)
	}
}

func finding(kind string, severity api.Severity, subject string) api.Finding {
	return api.Finding{Kind: kind, Severity: severity, Subject: subject, Since: metav1.NewTime(noon.Add(-time.Hour)),
		Message: kind + " of " + subject, Remedy: "mend " + subject}
}

func result(t *testing.T, r *Report, kind string) Result {
	t.Helper()
	for i := range r.Results {
		if r.Results[i].Kind == kind {
			return r.Results[i]
		}
	}
	t.Fatalf("nothing is said of %s", kind)
	return Result{}
}

// TestKinds: the kinds that are reported are those that checks find.
func TestKinds(t *testing.T) {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	slices.Sort(names)
	if want := drift.Kinds(); !slices.Equal(names, want) {
		t.Errorf("kinds are\n%v\nand checks find\n%v", names, want)
	}
}

// manyKinds are findings of as many kinds as a status lists, and of one more; all of them of what every policy promises.
func manyKinds() (out []api.Finding) {
	for _, k := range drift.Kinds() {
		always := slices.ContainsFunc(kinds, func(known kind) bool { return known.name == k && known.promise == "" })
		if always && k != api.ReasonEvaluationError && len(out) <= drift.MostListed {
			out = append(out, finding(k, api.SeverityHigh, "a"))
		}
	}
	return out
}

func TestOutcomes(t *testing.T) {
	recoveryTime := func(b *api.BackupPolicy) {
		b.Spec.Objectives = &api.Objectives{RecoveryTime: &metav1.Duration{Duration: time.Hour}}
	}
	unread := func(fact drift.Fact) change {
		return found(finding(api.ReasonEvaluationError, api.SeverityMedium, string(fact)))
	}
	many := manyKinds()
	for _, tc := range []struct {
		why      string
		policy   *api.BackupPolicy
		kind     string
		outcome  Outcome
		severity api.Severity
		says     string
	}{
		{"nothing is open", policy(), api.ReasonObjectiveMissed, Pass, "", ""},
		{"one is open", policy(found(finding(api.ReasonSizeAnomaly, api.SeverityHigh, "pvc/data"))), api.ReasonSizeAnomaly, Fail, api.SeverityHigh, "pvc/data"},
		{"and another kind is not", policy(found(finding(api.ReasonSizeAnomaly, api.SeverityHigh, "pvc/data"))), api.ReasonClockSkew, Pass, "", ""},
		{"of several the worst counts", policy(found(finding(api.ReasonSlotMissed, api.SeverityMedium, "a"), finding(api.ReasonSlotMissed, api.SeverityCritical, "b"))),
			api.ReasonSlotMissed, Fail, api.SeverityCritical, "of b"},
		{"it is pending", policy(found(finding(api.ReasonOrphanedSnapshot, api.SeverityPending, "vs/a"))), api.ReasonOrphanedSnapshot, Warn, "", "vs/a"},
		{"one of two is pending", policy(found(finding(api.ReasonOrphanedSnapshot, api.SeverityPending, "a"), finding(api.ReasonOrphanedSnapshot, api.SeverityLow, "b"))),
			api.ReasonOrphanedSnapshot, Fail, api.SeverityLow, "of b"},
		{"an error of evaluation", policy(unread(drift.FactDrills)), api.ReasonEvaluationError, Error, api.SeverityMedium, "drills"},
		{"what needs what could not be read", policy(unread(drift.FactDrills)), api.ReasonProofExpired, Error, "", "drills"},
		{"what needs something else", policy(unread(drift.FactDrills)), api.ReasonObjectiveMissed, Pass, "", ""},
		{"what is open although it needs it", policy(unread(drift.FactDrills), found(finding(api.ReasonProofExpired, api.SeverityHigh, ""))),
			api.ReasonProofExpired, Fail, api.SeverityHigh, ""},
		{"nothing could be judged", policy(unread("")), api.ReasonPolicySuspended, Error, "", ""},
		{"nothing could be judged, from the beginning", policy(func(b *api.BackupPolicy) { b.Status.Conditions = nil }, unread("")), api.ReasonNeverProven, Error, "", ""},
		{"no copies are promised", policy(), api.ReasonNoIndependentCopy, Skip, "", "copies"},
		{"no copies are promised, and nobody could look", policy(unread(drift.FactCopies)), api.ReasonCopyCorrupt, Skip, "", "copies"},
		{"copies are promised", policy(condition(api.ConditionIndependent, metav1.ConditionTrue)), api.ReasonNoIndependentCopy, Pass, "", ""},
		{"no proof is promised", policy(without(api.ConditionProven)), api.ReasonDrillFailed, Skip, "", "drills"},
		{"a proof is promised", policy(), api.ReasonDrillFailed, Pass, "", ""},
		{"no recovery time is promised", policy(), api.ReasonRecoveryTooSlow, Skip, "", "recoveryTime"},
		{"a recovery time is promised", policy(recoveryTime), api.ReasonRecoveryTooSlow, Pass, "", ""},
		{"the schedule is not understood", policy(condition(api.ConditionProtected, metav1.ConditionUnknown), found(finding(api.ReasonInvalidSchedule, api.SeverityHigh, ""))),
			api.ReasonObjectiveMissed, Error, "", "InvalidSchedule"},
		{"that of drills is not understood", policy(found(finding(api.ReasonInvalidSchedule, api.SeverityHigh, ""))), api.ReasonObjectiveMissed, Pass, "", ""},
		{"more kinds than there is room for", policy(found(many...)), many[len(many)-1].Kind, Error, "", "room"},
		{"as many kinds as there is room for", policy(found(many[1:]...)), many[0].Kind, Pass, "", ""},
		{"a kind of another version", policy(found(finding("Unheard", api.SeverityLow, "x"))), "Unheard", Fail, api.SeverityLow, "x"},
	} {
		t.Run(tc.why, func(t *testing.T) {
			got := result(t, ForPolicy(tc.policy, nil, noon), tc.kind)
			if got.Outcome != tc.outcome || got.Severity != tc.severity || !strings.Contains(got.Message, tc.says) {
				t.Errorf("%s is %+v", tc.kind, got)
			}
		})
	}
	if r := ForPolicy(&api.BackupPolicy{}, nil, noon); r != nil {
		t.Errorf("a policy that was not judged has the report %+v", r)
	}
}

// TestHiddenErrors: of many errors some are not listed, so that whatever needs anything may have needed what they speak of.
func TestHiddenErrors(t *testing.T) {
	b := policy(found(finding(api.ReasonEvaluationError, api.SeverityMedium, string(drift.FactOrphans))))
	b.Status.FindingCounts.Total += 20
	r := ForPolicy(b, nil, noon)
	if got := result(t, r, api.ReasonObjectiveMissed); got.Outcome != Error {
		t.Errorf("what needs facts is %+v", got)
	}
	if got := result(t, r, api.ReasonPolicySuspended); got.Outcome != Pass {
		t.Errorf("what needs none is %+v", got)
	}
}

func TestProperties(t *testing.T) {
	late := finding(api.ReasonSlotMissed, api.SeverityHigh, "pvc/b")
	r := ForPolicy(policy(found(finding(api.ReasonSlotMissed, api.SeverityMedium, "pvc/a"), late)), nil, noon)
	got := fmt.Sprint(result(t, r, api.ReasonSlotMissed).Properties)
	if want := fmt.Sprint(map[string]string{"count": "2", "subject": "pvc/b", "remedy": "mend pvc/b", "since": "2026-03-02T11:00:00Z"}); got != want {
		t.Errorf("properties are %s, want %s", got, want)
	}
	if p := result(t, r, api.ReasonClockSkew).Properties; len(p) != 0 {
		t.Errorf("what passes has properties %v", p)
	}
}

func TestClusterOutcomes(t *testing.T) {
	cluster := func(covered metav1.ConditionStatus, list ...api.Finding) *api.ClusterBackupPolicy {
		c := &api.ClusterBackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "all", UID: "u"}}
		c.Status.Conditions = []metav1.Condition{{Type: api.ConditionCovered, Status: covered, Message: "why"}}
		c.Status.Findings, c.Status.FindingCounts.Total = list, int32(len(list))
		return c
	}
	exempting, stamping := cluster(metav1.ConditionTrue), cluster(metav1.ConditionTrue)
	exempting.Spec.Exemptions = []api.Exemption{{Name: "cache"}}
	stamping.Spec.Template = &api.ClusterPolicyTemplate{}
	for _, tc := range []struct {
		why     string
		c       *api.ClusterBackupPolicy
		kind    string
		outcome Outcome
	}{
		{"all are covered", cluster(metav1.ConditionTrue), api.ReasonUnprotectedVolume, Pass},
		{"one is not", cluster(metav1.ConditionFalse, finding(api.ReasonUnprotectedVolume, api.SeverityLow, "pvc/a/b")), api.ReasonUnprotectedVolume, Fail},
		{"nobody knows", cluster(metav1.ConditionUnknown), api.ReasonUnprotectedVolume, Error},
		{"nothing is exempt", cluster(metav1.ConditionTrue), api.ReasonExemptionExpired, Skip},
		{"something is exempt", exempting, api.ReasonExemptionExpired, Pass},
		{"nothing is made", cluster(metav1.ConditionTrue), api.ReasonStampConflict, Skip},
		{"policies are made", stamping, api.ReasonStampConflict, Pass},
	} {
		if got := result(t, ForClusterPolicy(tc.c, nil, noon), tc.kind); got.Outcome != tc.outcome {
			t.Errorf("%s: %s is %+v", tc.why, tc.kind, got)
		}
	}
	if r := ForClusterPolicy(&api.ClusterBackupPolicy{}, nil, noon); r != nil {
		t.Errorf("a policy that was not judged has the report %+v", r)
	}
}
