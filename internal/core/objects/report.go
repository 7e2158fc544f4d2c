// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/report"
)

// ReportAPI is an API for reports.
type ReportAPI struct {
	schema.GroupVersion
	Kind, ClusterKind string
	hasSource         bool // the report as a whole says who made it, besides each result
}

// ReportAPIs are those that reports can be written in, the best first. They differ in their names, and in little else.
var ReportAPIs = []ReportAPI{
	{schema.GroupVersion{Group: "openreports.io", Version: "v1alpha1"}, "Report", "ClusterReport", true},
	{schema.GroupVersion{Group: "wgpolicyk8s.io", Version: "v1beta1"}, "PolicyReport", "ClusterPolicyReport", true},
	{schema.GroupVersion{Group: "wgpolicyk8s.io", Version: "v1alpha2"}, "PolicyReport", "ClusterPolicyReport", false},
}

// reportSource is who makes our reports.
const reportSource = "lifeboat"

// BlankReport names the report on a policy, and says no more.
func BlankReport(in ReportAPI, about metav1.Object) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	kind := in.Kind
	if about.GetNamespace() == "" {
		kind = in.ClusterKind
	}
	u.SetGroupVersionKind(in.WithKind(kind))
	u.SetNamespace(about.GetNamespace())
	u.SetName(names.Report(about.GetName(), string(about.GetUID())))
	return u
}

// Report is the report on a policy. It is owned by it: a report is no data, and goes with what it speaks of.
func Report(in ReportAPI, about metav1.Object, r *report.Report) *unstructured.Unstructured {
	u := BlankReport(in, about)
	name, uid := api.LabelPolicy, api.LabelPolicyUID
	if r.In == "" {
		name, uid = api.LabelClusterPolicy, api.LabelClusterPolicyUID
	}
	u.SetLabels(map[string]string{api.LabelManagedBy: api.ManagedBy, name: r.About.Name, uid: string(r.About.UID)})
	u.SetOwnerReferences([]metav1.OwnerReference{r.About})
	if in.hasSource {
		u.Object["source"] = reportSource
	}
	scope := map[string]any{"apiVersion": r.About.APIVersion, "kind": r.About.Kind, "name": r.About.Name, "uid": string(r.About.UID)}
	if r.In != "" {
		scope["namespace"] = r.In
	}
	u.Object["scope"] = scope
	summary := map[string]any{}
	for _, o := range report.Outcomes {
		summary[string(o)] = r.Count(o)
	}
	u.Object["summary"] = summary
	results := make([]any, 0, len(r.Results))
	for i := range r.Results {
		results = append(results, reportResult(&r.Results[i]))
	}
	u.Object["results"] = results
	return u
}

func reportResult(r *report.Result) map[string]any {
	out := map[string]any{
		"source": reportSource, "policy": r.Kind, "rule": r.Kind, "result": string(r.Outcome), "scored": r.Outcome != report.Warn,
		"timestamp": map[string]any{"seconds": r.At.Unix(), "nanos": int64(0)},
	}
	for field, value := range map[string]string{"category": r.Category, "severity": strings.ToLower(string(r.Severity)), "message": r.Message} {
		if value != "" {
			out[field] = value
		}
	}
	if len(r.Properties) > 0 {
		properties := map[string]any{}
		for k, v := range r.Properties {
			properties[k] = v
		}
		out["properties"] = properties
	}
	return out
}

// Reported is what a report that is there says, by kind. What cannot be understood was not said.
func Reported(u *unstructured.Unstructured) map[string]report.Said {
	out := map[string]report.Said{}
	if u == nil {
		return out
	}
	results, _, _ := unstructured.NestedSlice(u.Object, "results")
	for _, one := range results {
		r, ok := one.(map[string]any)
		if !ok {
			continue
		}
		kind, _, _ := unstructured.NestedString(r, "policy")
		outcome, _, _ := unstructured.NestedString(r, "result")
		severity, _, _ := unstructured.NestedString(r, "severity")
		seconds, known, _ := unstructured.NestedInt64(r, "timestamp", "seconds")
		if known {
			out[kind] = report.Said{Outcome: report.Outcome(outcome), Severity: severityNamed(severity), At: time.Unix(seconds, 0).UTC()}
		}
	}
	return out
}

func severityNamed(lower string) api.Severity {
	for _, s := range []api.Severity{api.SeverityCritical, api.SeverityHigh, api.SeverityMedium, api.SeverityLow} {
		if strings.ToLower(string(s)) == lower {
			return s
		}
	}
	return ""
}

// OurReport says whether a report that is there was made by us on the very policy that another is about.
func OurReport(there *unstructured.Unstructured, about metav1.Object) bool {
	label := api.LabelPolicyUID
	if about.GetNamespace() == "" {
		label = api.LabelClusterPolicyUID
	}
	l := there.GetLabels()
	return l[api.LabelManagedBy] == api.ManagedBy && l[label] == string(about.GetUID())
}

// SameReport says whether all of a report is there already.
func SameReport(want, there *unstructured.Unstructured) bool {
	for _, field := range []string{"source", "scope", "summary", "results"} {
		if !equality.Semantic.DeepEqual(want.Object[field], there.Object[field]) {
			return false
		}
	}
	have := there.GetLabels()
	for k, v := range want.GetLabels() {
		if have[k] != v {
			return false
		}
	}
	return equality.Semantic.DeepEqual(want.GetOwnerReferences(), there.GetOwnerReferences())
}
