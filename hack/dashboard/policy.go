// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// of fills in the policy that is chosen.
func of(expr string) string {
	return strings.ReplaceAll(expr, "POLICY", `namespace="$namespace", policy="$policy"`)
}

func promised(what string) line {
	return line{of(`max(lifeboat_policy_objective_seconds{POLICY, objective="` + what + `"})`), objective}
}

// onePolicy shows a policy's points, proofs and findings beside what it promises.
func onePolicy() []panel {
	return []panel{
		number("Volumes protected", "Volumes in a recent enough complete point, of those that are selected.", units.PercentUnit,
			of(`max(lifeboat_volumes{POLICY, state="protected"}) / max(lifeboat_volumes{POLICY, state="selected"})`), 4, step{0, worst}, step{1, good}),
		number("Newest point", "Age of the newest complete recovery point, in parts of its objective. From 1 on the promise is broken, from 2 on somebody is paged.", units.PercentUnit,
			of(`(time() - max(lifeboat_policy_last_recovery_point_timestamp_seconds{POLICY})) / max(lifeboat_policy_objective_seconds{POLICY, objective="recoveryPoint"})`), 4,
			step{0, good}, step{1, bad}, step{2, worst}),
		number("Newest copy", "Age of the data of the newest complete copy in another failure domain, in parts of its objective.", units.PercentUnit,
			of(`(time() - max(lifeboat_policy_last_copy_timestamp_seconds{POLICY})) / max(lifeboat_policy_objective_seconds{POLICY, objective="copyWithin"})`), 4,
			step{0, good}, step{1, bad}, step{2, worst}),
		number("Newest proof", "Age of the newest proof, in parts of its objective.", units.PercentUnit,
			of(`(time() - max(lifeboat_policy_last_proof_timestamp_seconds{POLICY})) / max(lifeboat_policy_objective_seconds{POLICY, objective="proofWithin"})`), 3,
			step{0, good}, step{1, bad}, step{2, worst}),
		number("Next slot in", "How long until the next scheduled instant. Negative while its jitter passes; none while suspended.", units.Seconds,
			of(`max(lifeboat_policy_next_slot_timestamp_seconds{POLICY}) - time()`), 3, step{0, worse}, step{0, neutral}),
		number("Slots missed", "Slots that passed without a run since the policy was created.", units.Short,
			of(`max(lifeboat_slots_missed_total{POLICY})`), 3, step{0, neutral}),
		number("Findings", "Open findings, one of each kind.", units.Short,
			of(`count(max by (kind) (lifeboat_finding{POLICY})) or vector(0)`), 3, step{0, good}, step{1, bad}),

		rows("Open findings", "What the policy's status says of them, and their remedies: kubectl describe bp", 24, 6, []string{"kind"},
			column{title: "Severity", unit: units.Short, words: severities, expr: of(`max by (kind) (
  4 * lifeboat_finding{POLICY, severity="Critical"}
  or 3 * lifeboat_finding{POLICY, severity="High"}
  or 2 * lifeboat_finding{POLICY, severity="Medium"}
  or lifeboat_finding{POLICY, severity="Low"}
)`)},
			column{title: "Since", unit: units.DateTimeFromNow, expr: of(`1000 * min by (kind) (lifeboat_finding_since_timestamp_seconds{POLICY})`)}),

		stacked(graph("Recovery points", "Recovery points by state.", units.Short, 8,
			line{of(`max by (state) (lifeboat_recovery_points{POLICY, state!="held"})`), "{{state}}"}),
			map[string]string{"complete": good, "capturing": neutral, "failed": worst}, "complete", "capturing", "failed"),
		graph("Age of the newest point", "By the storage system's clock.", units.Seconds, 8,
			line{of(`time() - max(lifeboat_policy_last_recovery_point_timestamp_seconds{POLICY})`), "age"}, promised("recoveryPoint")),
		graph("Age of the newest proof", "Since the newest drill that passed.", units.Seconds, 8,
			line{of(`time() - max by (level) (lifeboat_policy_last_proof_timestamp_seconds{POLICY})`), "{{level}}"}, promised("proofWithin")),

		graph("Age of the newest copy", "Of the data of the newest complete copy in another failure domain.", units.Seconds, 8,
			line{of(`time() - max(lifeboat_policy_last_copy_timestamp_seconds{POLICY})`), "age"}, promised("copyWithin")),
		graph("Copied", "How much was read for the newest complete copy in another failure domain, and how much of it the repository had to take.", units.BytesIEC, 8,
			line{of(`max by (kind) (lifeboat_copy_bytes{POLICY})`), "{{kind}}"}),
		graph("Repositories of the namespace", "What they take, whoever copies into them.", units.BytesIEC, 8,
			line{`max by (repository) (lifeboat_repository_bytes{namespace="$namespace"})`, "{{repository}}"}),

		graph("Recovery time", "How long the recovery took that the newest proof measured.", units.Seconds, 8,
			line{of(`max(lifeboat_drill_recovery_seconds{POLICY})`), "recovery"}, promised("recoveryTime")),
		stacked(graph("Drills", "Drills that ended since the policy was created, by verdict.", units.Short, 8,
			line{of(`max by (result) (lifeboat_drills_total{POLICY})`), "{{result}}"}),
			map[string]string{"Passed": good, "Failed": worst, "Inconclusive": worse, "Aborted": neutral}, "Passed", "Failed", "Inconclusive", "Aborted"),
		graph("Capture time", "How long the capture of the newest complete point took.", units.Seconds, 8,
			line{of(`max(lifeboat_capture_seconds{POLICY})`), "capture"}),
	}
}
