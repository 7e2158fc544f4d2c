// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

const (
	mostFindings = 20
	roomForAll   = 8 << 10 // bytes of findings below which none is left out
)

// FindingChange is what a written status changed in a finding that people are told of: it appeared, became louder, or cleared.
type FindingChange struct {
	At                    time.Time
	Write                 int // by which write of a policy's status, counted from one
	Policy, Kind, Subject string
	Severity              api.Severity
	Cleared               bool
}

// loudness orders severities. What is pending is not told to anybody.
func loudness(s api.Severity) int {
	return slices.Index([]api.Severity{api.SeverityPending, api.SeverityLow, api.SeverityMedium, api.SeverityHigh, api.SeverityCritical}, s)
}

// speaksAgainst are the kinds of findings that make a condition False, each with the facts without which it is not judged.
var speaksAgainst = map[string]map[string][]string{
	api.ConditionReady: {
		api.ReasonInvalidSchedule: {"selection"}, api.ReasonInvalidSelector: {"selection"}, api.ReasonPolicySelectsNothing: {"selection"},
		api.ReasonWorkloadNotFound: {"selection"}, api.ReasonSnapshotAPIMissing: {"selection"}, api.ReasonHooksDisabled: {"selection"},
		api.ReasonGroupUnsupported: {"selection"}, api.ReasonNamespaceTerminating: {"selection"}, api.ReasonUnsnapshotableVolume: {"selection"},
		api.ReasonDriverNotRegistered: {"selection", "stack"},
	},
	api.ConditionProtected: {
		api.ReasonInvalidSelector: {"selection"}, api.ReasonPolicySelectsNothing: {"selection"}, api.ReasonWorkloadNotFound: {"selection"},
		api.ReasonObjectiveMissed: {"selection", "points"}, api.ReasonVolumeNotCaptured: {"selection", "points"}, api.ReasonNeverSucceeded: {"points"},
	},
	api.ConditionProven: {
		api.ReasonNeverProven: {"points", "drills"}, api.ReasonDrillFailed: {"drills"}, api.ReasonProofExpired: {"drills"}, api.ReasonProofTooShallow: {"drills"},
	},
	api.ConditionIndependent: {
		api.ReasonNoIndependentCopy: {"copies", "stack", "selection"}, api.ReasonCopyLate: {"copies", "stack", "selection"},
	},
}

// maySpeakAgainst are the kinds that do so at times: an obstacle that hides another one, a recovery that is not only nearly too slow.
var maySpeakAgainst = map[string][]string{
	api.ConditionProtected: {api.ReasonInvalidSchedule, api.ReasonNamespaceTerminating},
	api.ConditionProven:    {api.ReasonRecoveryTooSlow},
	// Two places that are the same speak against it, or are only said to be.
	api.ConditionIndependent: {api.ReasonDomainCollapse},
}

// leavesUnknown are the conditions that cannot be judged without a fact.
var leavesUnknown = map[string][]string{
	"selection": {api.ConditionReady, api.ConditionProtected, api.ConditionIndependent},
	"points":    {api.ConditionProtected, api.ConditionProven, api.ConditionIndependent},
	"drills":    {api.ConditionProven},
	"copies":    {api.ConditionIndependent},
	"stack":     {api.ConditionReady, api.ConditionIndependent},
}

// holdsEverything are the facts without which nothing expires; empty stands for all of them.
var holdsEverything = []string{"", "selection", "points", "drills", "copies"}

// tells is invariant 16, of the status that was written: findings are in order and remembered, and conditions say what they say.
func (k *Checker) tells(c Call) {
	b, ok := k.keyed(c).(*api.BackupPolicy)
	if !ok || c.Verb != Status {
		return
	}
	k.told++
	before := k.said[b.UID]
	k.said[b.UID] = &b.Status
	k.ordered(b)
	for i := range b.Status.Findings {
		f := &b.Status.Findings[i]
		if f.Since.After(k.clock.Now()) {
			k.broken(16, "finding %s %s of policy %s begins at %s", f.Kind, f.Subject, b.Name, f.Since)
		}
		if before != nil {
			k.remembered(b, before, f)
		}
	}
	for i := range b.Status.Conditions {
		k.follows(b, &b.Status.Conditions[i])
	}
	if before == nil {
		before = &api.BackupPolicyStatus{}
	}
	k.noteChanges(b.Name, before.Findings, b.Status.Findings)
}

// ordered checks that findings are worst first, each once, few enough, and counted.
func (k *Checker) ordered(b *api.BackupPolicy) {
	list, n := b.Status.Findings, b.Status.FindingCounts
	listed := map[api.Severity]int32{}
	for i := range list {
		listed[list[i].Severity]++
		if i == 0 {
			continue
		}
		x, y := &list[i-1], &list[i]
		if cmp.Or(loudness(y.Severity)-loudness(x.Severity), strings.Compare(x.Kind, y.Kind), strings.Compare(x.Subject, y.Subject)) >= 0 {
			k.broken(16, "policy %s lists %s %s %s before %s %s %s", b.Name, x.Severity, x.Kind, x.Subject, y.Severity, y.Kind, y.Subject)
		}
	}
	if len(list) > mostFindings {
		k.broken(16, "policy %s lists %d findings", b.Name, len(list))
	}
	raw, err := json.Marshal(list)
	all := err == nil && len(raw) < roomForAll && len(list) < mostFindings
	sum := int32(0)
	for _, c := range []struct {
		severity api.Severity
		counted  int32
	}{{api.SeverityCritical, n.Critical}, {api.SeverityHigh, n.High}, {api.SeverityMedium, n.Medium}, {api.SeverityLow, n.Low}, {api.SeverityPending, n.Pending}} {
		sum += c.counted
		if is := listed[c.severity]; c.counted < is || (all && c.counted != is) {
			k.broken(16, "policy %s counts %d findings that are %s, and lists %d", b.Name, c.counted, c.severity, is)
		}
	}
	if sum != n.Total {
		k.broken(16, "policy %s counts %d findings, which are %d in all", b.Name, n.Total, sum)
	}
}

// remembered checks that a finding which was there before is as old as it was, and as loud: time makes it louder, and only
// what is observed of what it is about makes it quieter.
func (k *Checker) remembered(b *api.BackupPolicy, before *api.BackupPolicyStatus, f *api.Finding) {
	i := slices.IndexFunc(before.Findings, func(was api.Finding) bool { return was.Kind == f.Kind && was.Subject == f.Subject })
	if i < 0 || ofAnother(b, before, f) {
		return
	}
	was := &before.Findings[i]
	pending := was.Severity == api.SeverityPending && f.Severity == api.SeverityPending
	if f.Since.After(was.Since.Time) && !pending {
		k.broken(16, "finding %s %s of policy %s began at %s, and now at %s", f.Kind, f.Subject, b.Name, was.Since, f.Since)
	}
	if loudness(f.Severity) < loudness(was.Severity) {
		k.broken(16, "finding %s %s of policy %s was %s and is %s", f.Kind, f.Subject, b.Name, was.Severity, f.Severity)
	}
}

// ofAnother says whether a finding that is about several things may be about others of them now.
func ofAnother(b *api.BackupPolicy, before *api.BackupPolicyStatus, f *api.Finding) bool {
	now := &b.Status
	switch f.Kind {
	case api.ReasonObjectiveMissed, api.ReasonVolumeNotCaptured:
		return !slices.Equal(before.Volumes.Unprotected, now.Volumes.Unprotected) || nameOf(before.LastRecoveryPoint) != nameOf(now.LastRecoveryPoint)
	case api.ReasonRecoveryTooSlow:
		return before.LastProof == nil || before.LastProof.Drill != now.LastProof.Drill
	}
	return false
}

func nameOf(p *api.PointSummary) string {
	if p == nil {
		return ""
	}
	return p.Name
}

// follows derives a condition from the findings anew.
func (k *Checker) follows(b *api.BackupPolicy, c *metav1.Condition) {
	list := b.Status.Findings
	unread := map[string]bool{}
	for i := range list {
		if list[i].Kind == api.ReasonEvaluationError {
			unread[list[i].Subject] = true
		}
	}
	if c.Type == api.ConditionStalled {
		if !meta.IsStatusConditionFalse(b.Status.Conditions, api.ConditionReady) {
			k.broken(16, "policy %s is stalled, and Ready is not False", b.Name)
		}
		return
	}
	blurred := unread[""]
	for fact := range unread {
		blurred = blurred || slices.Contains(leavesUnknown[fact], c.Type)
	}
	against := slices.IndexFunc(list, func(f api.Finding) bool {
		needs, is := speaksAgainst[c.Type][f.Kind]
		return is && !unread[""] && !slices.ContainsFunc(needs, func(fact string) bool { return unread[fact] })
	})
	reason := slices.IndexFunc(list, func(f api.Finding) bool { return f.Kind == c.Reason })
	may := slices.Contains(maySpeakAgainst[c.Type], c.Reason)
	switch {
	case c.Status == metav1.ConditionTrue && against < 0 && !blurred:
	case c.Status == metav1.ConditionFalse && reason >= 0 && (reason == against || (may && (against < 0 || reason < against))):
	case c.Status == metav1.ConditionUnknown && against < 0 && reason >= 0 && (blurred || may):
	default:
		k.broken(16, "%s of policy %s is %s/%s beside %s", c.Type, b.Name, c.Status, c.Reason, kindsOf(list))
	}
}

func kindsOf(list []api.Finding) string {
	var out []string
	for i := range list {
		out = append(out, string(list[i].Severity)+" "+list[i].Kind+" "+list[i].Subject)
	}
	return strings.Join(out, ", ")
}

// noteChanges writes down what people are to be told of.
func (k *Checker) noteChanges(policy string, before, now []api.Finding) {
	is := func(list []api.Finding, f *api.Finding) int {
		for i := range list {
			if list[i].Kind == f.Kind && list[i].Subject == f.Subject {
				return loudness(list[i].Severity)
			}
		}
		return 0
	}
	for i := range now {
		if f := &now[i]; loudness(f.Severity) > is(before, f) {
			k.Changes = append(k.Changes, FindingChange{At: k.clock.Now(), Write: k.told, Policy: policy, Kind: f.Kind, Subject: f.Subject, Severity: f.Severity})
		}
	}
	for i := range before {
		if f := &before[i]; loudness(f.Severity) > 0 && is(now, f) == 0 {
			k.Changes = append(k.Changes, FindingChange{At: k.clock.Now(), Write: k.told, Policy: policy, Kind: f.Kind, Subject: f.Subject, Severity: f.Severity, Cleared: true})
		}
	}
}

// expiresInDoubt is the part of invariant 5 that looks at findings: while one holds pruning, nothing expires.
func (k *Checker) expiresInDoubt(b *api.BackupPolicy, c Call) {
	for i := range b.Status.Findings {
		f := &b.Status.Findings[i]
		if f.Kind == api.ReasonSizeAnomaly || f.Kind == api.ReasonCopyCorrupt || (f.Kind == api.ReasonEvaluationError && slices.Contains(holdsEverything, f.Subject)) {
			k.broken(5, "%s: finding %s %s of policy %s holds it", c, f.Kind, f.Subject, b.Name)
		}
	}
}
