// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

const (
	// unprotectedHigh is after how long an unprotected volume is High.
	unprotectedHigh = 24 * time.Hour
	// mostSubject is the longest subject, in bytes.
	mostSubject = 320
)

// reportFindings lists the findings, and notes what became of them.
func (p *pass) reportFindings() {
	found := slices.Concat(p.unprotected(), p.expired(), p.refusals())
	slices.SortStableFunc(found, func(a, b drift.Finding) int {
		return cmp.Or(cmp.Compare(drift.Rank(a.Severity), drift.Rank(b.Severity)), cmp.Compare(a.Kind, b.Kind))
	})
	p.Status.Findings, p.Status.FindingCounts = drift.List(found)
	p.Notes = append(p.Notes, plan.FindingNotes(drift.News(p.Policy.Status.Findings, p.Policy.Status.FindingCounts.Total, p.Status.Findings, found))...)
}

// unprotected finds the claims that nobody looks after, those first that have been so for the longest.
func (p *pass) unprotected() []drift.Finding {
	out := make([]drift.Finding, 0, len(p.uncovered))
	for i := range p.uncovered {
		u := &p.uncovered[i]
		since := p.memory.sinceOf(u, p.now)
		severity := api.SeverityHigh
		if loud := since.Add(unprotectedHigh); loud.After(p.now) {
			severity = api.SeverityLow
			p.wakeAt(loud)
		}
		out = append(out, finding(api.ReasonUnprotectedVolume, severity, "pvc/"+u.String(), since,
			"claim "+u.String()+" is in the scope of ClusterBackupPolicy "+p.Policy.Name+", and "+observed(u.reason), p.remedy(u)))
	}
	slices.SortStableFunc(out, func(a, b drift.Finding) int { return a.Since.Compare(b.Since.Time) })
	return out
}

func finding(kind string, severity api.Severity, subject string, since metav1.Time, message, remedy string) drift.Finding {
	return drift.Finding{Finding: api.Finding{
		Kind: kind, Severity: severity, Subject: conditions.Clip(subject, mostSubject), Since: since,
		Message: conditions.Clip(message, drift.MostText), Remedy: conditions.Clip(remedy, drift.MostText),
	}}
}

func observed(reason string) string {
	switch reason {
	case api.ReasonPolicySuspended:
		return "only suspended policies select it"
	case api.ReasonExemptionExpired:
		return "its exemption has ended and no active policy selects it"
	case api.ReasonStampConflict:
		return "no active policy selects it: the namespace has a policy of that name of its own"
	case api.ReasonStampRefused:
		return "no active policy selects it: the API server refused the one that was to be made"
	}
	return "no active policy of its namespace selects it"
}

func (p *pass) remedy(u *uncovered) string {
	switch u.reason {
	case api.ReasonPolicySuspended:
		return "set spec.suspend of a policy in namespace " + u.namespace + " to false"
	case api.ReasonExemptionExpired:
		return "have a policy select the claim, or, if the reason for the exemption still holds, extend its until in spec.exemptions"
	case api.ReasonStampConflict:
		return fmt.Sprintf("have BackupPolicy %s in namespace %s select the claim, or rename it so that one can be made from the template", p.Policy.Name, u.namespace)
	case api.ReasonStampRefused:
		return "look at status.conflicts, and allow BackupPolicies in namespace " + u.namespace
	}
	return "have a BackupPolicy in namespace " + u.namespace + " select the claim, or exempt it in spec.exemptions with a reason, an owner and an end"
}

// expired finds exemptions that have ended: somebody should look again.
func (p *pass) expired() []drift.Finding {
	var out []drift.Finding
	for i := range p.Policy.Spec.Exemptions {
		e := &p.Policy.Spec.Exemptions[i]
		if e.Until.After(p.now) {
			continue
		}
		out = append(out, finding(api.ReasonExemptionExpired, api.SeverityMedium, "exemption/"+e.Name, e.Until,
			fmt.Sprintf("exemption %s of namespace %s ended at %s; %s answers for it; its reason was: %s", e.Name, e.Namespace, e.Until.UTC().Format(time.RFC3339), e.Owner, e.Reason),
			"ask its owner: have a policy select the claims, or extend until, or remove the exemption from spec.exemptions"))
	}
	return out
}

// refusals finds the namespaces that could not be given the policy.
func (p *pass) refusals() []drift.Finding {
	var out []drift.Finding
	for i := range p.conflicts {
		c := &p.conflicts[i]
		subject := "namespace/" + c.Namespace
		remedy := "allow the operator's service account to write BackupPolicies there: look at quotas and admission policies; it is tried again every 5 minutes"
		if c.Reason == api.ReasonStampConflict {
			remedy = fmt.Sprintf("rename BackupPolicy %s there, or hand it over: kubectl label -n %s backuppolicy/%s --overwrite %s=%s %s=%s",
				p.Policy.Name, c.Namespace, p.Policy.Name, api.LabelClusterPolicy, p.Policy.Name, api.LabelClusterPolicyUID, p.Policy.UID)
		}
		out = append(out, finding(c.Reason, api.SeverityMedium, subject, p.sinceListed(c.Reason, subject),
			"namespace "+c.Namespace+" could not be given BackupPolicy "+p.Policy.Name+": "+c.Message, remedy))
	}
	return out
}

// sinceListed is since when a finding is there of which nothing but the list of findings tells.
func (p *pass) sinceListed(kind, subject string) metav1.Time {
	before := p.Policy.Status.Findings
	for i := range before {
		if before[i].Kind == kind && before[i].Subject == subject {
			return before[i].Since
		}
	}
	if int(p.Policy.Status.FindingCounts.Total) > len(before) {
		return at(p.Policy.CreationTimestamp.Time)
	}
	return at(p.now)
}

// Deeds tell what was done of a plan, but for what was refused.
func (p *Plan) Deeds(refused map[string]string) []plan.Note {
	var out []plan.Note
	say := func(stamps []Stamp, reason, what string) {
		var done []string
		for _, s := range stamps {
			if _, no := refused[s.Namespace]; !no {
				done = append(done, s.Namespace)
			}
		}
		if len(done) > 0 {
			out = append(out, plan.Note{Reason: reason, Message: fmt.Sprintf("%s in %s: %s", what, several(len(done), "namespace"), drift.Some(done))})
		}
	}
	say(p.Create, api.ReasonStamped, "a policy was made from the template")
	say(p.Set, api.ReasonStamped, "the policy was set to what the template says")
	say(p.Remove, api.ReasonStampsRemoved, "the policy was deleted, and its recovery points stay,")
	return out
}
