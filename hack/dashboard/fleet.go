// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// Several managers tell the same: what they tell is taken once.
const (
	all      = "max by (namespace, policy) (lifeboat_policy_created_timestamp_seconds)"
	severest = `topk by (namespace, policy) (1, max by (namespace, policy, kind) (
  4 * lifeboat_finding{severity="Critical"}
  or 3 * lifeboat_finding{severity="High"}
  or 2 * lifeboat_finding{severity="Medium"}
  or lifeboat_finding{severity="Low"}
))`
)

// broken are the policies with a condition that is not True, for certain or because nobody knows.
func broken(condition string) string {
	return `count(max by (namespace, policy) (lifeboat_policy_condition{condition="` + condition + `", status!="True"})) or vector(0)`
}

// holds is 1 where a condition is True, and 0 where it is there and something else.
func holds(condition string) string {
	return `max by (namespace, policy) (lifeboat_policy_condition{condition="` + condition + `", status="True"})
or
0 * max by (namespace, policy) (lifeboat_policy_condition{condition="` + condition + `"})`
}

var (
	yesNo      = []word{{0, "no", worst}, {1, "yes", good}}
	severities = []word{{4, "Critical", worst}, {3, "High", bad}, {2, "Medium", worse}, {1, "Low", neutral}, {0, "none", good}}
)

// fleet shows all policies: how many are not as promised, which they are, and since when.
func fleet() []panel {
	none := []step{{0, good}, {1, worst}}
	return []panel{
		number("Not protected", "Policies whose newest complete data are older than promised, or of which nobody knows.", units.Short, broken("Protected"), 4, none...),
		number("Not independent", "Policies that promise copies, and have none in another failure domain that is young enough, or of which nobody knows.", units.Short, broken("Independent"), 4, none...),
		number("Not proven", "Policies that promise proofs, and whose newest is too old, too shallow, too slow, or not there.", units.Short, broken("Proven"), 4, none...),
		number("Critical findings", "Findings for somebody to be woken up, one of each kind for each policy.", units.Short,
			`count(max by (namespace, policy, kind) (lifeboat_finding{severity="Critical"})) or vector(0)`, 3, none...),
		number("Suspended", "Policies that capture nothing on schedule.", units.Short,
			`count(max by (namespace, policy) (lifeboat_policy_suspended) == 1) or vector(0)`, 3, step{0, good}, step{1, worse}),
		number("Policies", "All policies of the cluster.", units.Short, `count(`+all+`) or vector(0)`, 3, step{0, neutral}),
		number("Last evaluation", "How long ago the operator last evaluated a policy. Without a number no operator tells.", units.Seconds,
			`time() - max(lifeboat_evaluation_timestamp_seconds)`, 3, step{0, good}, step{120, worse}, step{300, worst}),

		rows("Policies, the worst first", "Each with its worst finding. A click on a policy shows it below.", 24, 12, []string{"namespace", "policy", "kind"},
			column{title: "Severity", expr: severest + "\nor on (namespace, policy)\n0 * " + all, unit: units.Short, words: severities},
			column{title: "Protected", expr: holds("Protected"), unit: units.Short, words: yesNo},
			column{title: "Independent", expr: holds("Independent"), unit: units.Short, words: yesNo},
			column{title: "Proven", expr: holds("Proven"), unit: units.Short, words: yesNo},
			column{title: "Newest point", expr: "time() - max by (namespace, policy) (lifeboat_policy_last_recovery_point_timestamp_seconds)", unit: units.Seconds},
			column{title: "Newest copy", expr: "time() - max by (namespace, policy) (lifeboat_policy_last_copy_timestamp_seconds)", unit: units.Seconds},
			column{title: "Newest proof", expr: "time() - max by (namespace, policy) (lifeboat_policy_last_proof_timestamp_seconds)", unit: units.Seconds},
			column{title: "Recovery takes", expr: "max by (namespace, policy) (lifeboat_drill_recovery_seconds)", unit: units.Seconds},
			column{title: "Points", expr: `max by (namespace, policy) (lifeboat_recovery_points{state="complete"})`, unit: units.Short},
			column{title: "Suspended", expr: "max by (namespace, policy) (lifeboat_policy_suspended)", unit: units.Short, words: []word{{0, "no", "transparent"}, {1, "yes", worse}}},
		).OverrideByName("policy", []dashboard.DynamicConfigValue{{Id: "links", Value: []any{map[string]any{
			"title": "Show it below",
			"url":   "/d/lifeboat?var-datasource=${datasource}&var-namespace=${__data.fields.namespace}&var-policy=${__data.fields.policy}&${__url_time_range}",
		}}}}).WithTransformation(dashboard.DataTransformerConfig{Id: "sortBy", Options: map[string]any{
			"sort": []any{map[string]any{"field": "Severity", "desc": true}}}}),

		stacked(graph("Findings", "Open findings by severity, one of each kind for each policy.", units.Short, 8,
			line{`count by (severity) (max by (namespace, policy, kind, severity) (lifeboat_finding))`, "{{severity}}"}),
			map[string]string{"Critical": worst, "High": bad, "Medium": worse, "Low": neutral}, "Critical", "High", "Medium", "Low"),
		graph("Not as promised", "Policies by what they lack.", units.Short, 8,
			line{broken("Protected"), "not protected"}, line{broken("Independent"), "not independent"}, line{broken("Proven"), "not proven"}),
		graph("Last evaluation", "How long ago the operator last evaluated a policy. A gap means that no operator told.", units.Seconds, 8,
			line{"time() - max(lifeboat_evaluation_timestamp_seconds)", "age"}, line{"vector(300)", objective}),
	}
}
