// SPDX-License-Identifier: Apache-2.0

package objects_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/report"
)

// reported is a policy of which one of each outcome is to be said.
func reported() *api.BackupPolicy {
	b := policy()
	b.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue}}
	since := metav1.NewTime(slot.Add(-time.Hour))
	b.Status.Findings = []api.Finding{
		{Kind: api.ReasonSizeAnomaly, Severity: api.SeverityHigh, Subject: "pvc/data", Since: since, Message: "it shrank", Remedy: "look at it"},
		{Kind: api.ReasonEvaluationError, Severity: api.SeverityMedium, Subject: "orphans", Since: since, Message: "orphans could not be read", Remedy: "look at the log"},
		{Kind: api.ReasonPolicySuspended, Severity: api.SeverityPending, Since: since, Message: "suspended", Remedy: "resume it"},
	}
	b.Status.FindingCounts = api.FindingCounts{Total: 3, High: 1, Medium: 1, Pending: 1}
	return b
}

func reportIn(in objects.ReportAPI) *unstructured.Unstructured {
	b := reported()
	return objects.Report(in, b, report.ForPolicy(b, nil, slot))
}

// stored is an object as it comes back from the API server.
func stored(t *testing.T, u *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	raw, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	out := &unstructured.Unstructured{}
	if err := out.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return out
}

func clusterReport() *unstructured.Unstructured {
	c := &api.ClusterBackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "baseline", UID: "77777777-2222-3333-4444-555555555555"}}
	c.Status.Conditions = []metav1.Condition{{Type: api.ConditionCovered, Status: metav1.ConditionTrue}}
	return objects.Report(objects.ReportAPIs[0], c, report.ForClusterPolicy(c, nil, slot))
}

// TestReportShapes compares reports with what is on record.
func TestReportShapes(t *testing.T) {
	for name, shape := range map[string]*unstructured.Unstructured{
		"report": reportIn(objects.ReportAPIs[0]), "policy-report": reportIn(objects.ReportAPIs[1]), "policy-report-old": reportIn(objects.ReportAPIs[2]),
		"cluster-report": clusterReport(),
	} {
		got, err := yaml.Marshal(shape)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".yaml")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (-on record +now); run with -update if that is meant:\n%s", name, diff)
		}
	}
}

// TestSameReport: what comes back from the API server is the same, and is not once any part of it is another's.
func TestSameReport(t *testing.T) {
	want := reportIn(objects.ReportAPIs[0])
	there := stored(t, want)
	there.SetResourceVersion("7")
	labels := there.GetLabels()
	labels["team"] = "storage"
	there.SetLabels(labels)
	if !objects.SameReport(want, there) {
		t.Error("a report is not the same once it was stored")
	}
	for what, change := range map[string]func(*unstructured.Unstructured){
		"results": func(u *unstructured.Unstructured) {
			u.Object["results"] = slices.Clone(u.Object["results"].([]any))[1:]
		},
		"summary": func(u *unstructured.Unstructured) { u.Object["summary"].(map[string]any)["fail"] = int64(7) },
		"scope":   func(u *unstructured.Unstructured) { delete(u.Object, "scope") },
		"source":  func(u *unstructured.Unstructured) { u.Object["source"] = "another" },
		"a label": func(u *unstructured.Unstructured) { u.SetLabels(map[string]string{api.LabelManagedBy: api.ManagedBy}) },
		"owner":   func(u *unstructured.Unstructured) { u.SetOwnerReferences(nil) },
		"a result": func(u *unstructured.Unstructured) {
			u.Object["results"].([]any)[0].(map[string]any)["message"] = "another"
		},
	} {
		other := there.DeepCopy()
		change(other)
		if objects.SameReport(want, other) {
			t.Errorf("with another %s it is taken for the same", what)
		}
	}
}

// TestReportedIsWhatWasSaid: a report that is read back says since when, so that the next one says the same.
func TestReportedIsWhatWasSaid(t *testing.T) {
	b := reported()
	for _, in := range objects.ReportAPIs {
		there := stored(t, reportIn(in))
		later := objects.Report(in, b, report.ForPolicy(b, objects.Reported(there), slot.Add(time.Hour)))
		if !objects.SameReport(later, there) {
			t.Errorf("%s: nothing changed, and the report did:\n%s", in, cmp.Diff(there.Object, later.Object))
		}
		if afresh := objects.Report(in, b, report.ForPolicy(b, nil, slot.Add(time.Hour))); objects.SameReport(afresh, there) {
			t.Errorf("%s: a report that remembers nothing is the same", in)
		}
	}
	garbage := &unstructured.Unstructured{Object: map[string]any{"results": []any{"x", map[string]any{"policy": int64(1)}, map[string]any{"policy": "y", "timestamp": "now"}}}}
	if got := objects.Reported(garbage); len(got) != 0 {
		t.Errorf("garbage says %v", got)
	}
}

func TestOurReport(t *testing.T) {
	there := reportIn(objects.ReportAPIs[0])
	if !objects.OurReport(there, policy()) {
		t.Error("our report is taken for somebody else's")
	}
	again := policy()
	again.UID = "another"
	if objects.OurReport(there, again) {
		t.Error("the report on a policy that was made anew is taken for that on the old one")
	}
	there.SetLabels(nil)
	if objects.OurReport(there, policy()) {
		t.Error("somebody else's report is taken for ours")
	}
}
