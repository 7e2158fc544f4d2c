// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return noon.Add(-d) }

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

type mod = func(*api.ClusterBackupPolicy)

// baseline is of all namespaces, with a template, and was made a day ago.
func baseline(mods ...mod) *api.ClusterBackupPolicy {
	c := &api.ClusterBackupPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "baseline", UID: "cluster-uid", Generation: 1, CreationTimestamp: metav1.NewTime(before(days(1)))},
		Spec: api.ClusterBackupPolicySpec{
			Template: &api.ClusterPolicyTemplate{Schedule: api.Schedule{Cron: "0 2 * * *"}, Retention: api.Retention{Daily: 7, Minimum: 1}},
			OnDelete: api.StampedRetain,
		},
	}
	for _, m := range mods {
		m(c)
	}
	return c
}

func audit(c *api.ClusterBackupPolicy)   { c.Spec.Template, c.Spec.Audit = nil, true }
func removes(c *api.ClusterBackupPolicy) { c.Spec.OnDelete = api.StampedRemove }

func exempts(name, namespace string, until time.Time, change ...func(*api.Exemption)) mod {
	return func(c *api.ClusterBackupPolicy) {
		e := api.Exemption{Name: name, Namespace: namespace, Reason: "caches", Owner: "ops", Until: metav1.NewTime(until)}
		for _, f := range change {
			f(&e)
		}
		c.Spec.Exemptions = append(c.Spec.Exemptions, e)
	}
}

func labelled(pairs ...string) *api.LabelSelector {
	s := &api.LabelSelector{MatchLabels: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		s.MatchLabels[pairs[i]] = pairs[i+1]
	}
	return s
}

// space is a namespace with claims, each given as NAME or NAME=APP, made two days ago.
func space(name string, claims []string, policies ...*api.BackupPolicy) Namespace {
	ns := Namespace{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name, "env": "prod"}, Policies: policies}
	for _, c := range claims {
		n, app, _ := strings.Cut(c, "=")
		ns.Claims = append(ns.Claims, Claim{Name: n, Labels: map[string]string{"app": app}, Created: before(days(2))})
	}
	for _, p := range policies {
		p.Namespace = name
	}
	return ns
}

// own is a tenant's policy of the claims of an app, or of all.
func own(name, app string, mods ...func(*api.BackupPolicy)) *api.BackupPolicy {
	b := &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)}}
	b.Spec.Volumes.Selector = &api.LabelSelector{}
	if app != "" {
		b.Spec.Volumes.Selector = labelled("app", app)
	}
	for _, m := range mods {
		m(b)
	}
	return b
}

func suspended(b *api.BackupPolicy) { b.Spec.Suspend = true }

func going(b *api.BackupPolicy) { t := metav1.NewTime(noon); b.DeletionTimestamp = &t }

// stamped is the policy as it is made from the template of c.
func stamped(c *api.ClusterBackupPolicy, mods ...func(*api.BackupPolicy)) *api.BackupPolicy {
	b := &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: c.Name, UID: "uid-stamped",
		Labels: map[string]string{api.LabelClusterPolicy: c.Name, api.LabelClusterPolicyUID: string(c.UID)}}}
	with := c
	if c.Spec.Template == nil {
		with = baseline()
	}
	b.Spec = Spec(&with.Spec)
	for _, m := range mods {
		m(b)
	}
	return b
}

// of another object of the same name.
func ofEarlier(b *api.BackupPolicy) { b.Labels[api.LabelClusterPolicyUID] = "earlier-uid" }

// did says what a plan does, in words.
func did(p Plan) string {
	var out []string
	for word, list := range map[string][]Stamp{"create": p.Create, "set": p.Set, "remove": p.Remove} {
		for _, s := range list {
			out = append(out, word+" "+s.Namespace)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func counted(p Plan) string {
	n := p.Status.Claims
	return strings.Join([]string{strconv.Itoa(int(n.Total)), strconv.Itoa(int(n.Covered)), strconv.Itoa(int(n.Exempt)), strconv.Itoa(int(n.Uncovered))}, " ")
}

func TestPlan(t *testing.T) {
	both := []string{"data=sync", "logs=web"}
	selects := func(c *api.ClusterBackupPolicy) { c.Spec.ClaimSelector = labelled("app", "sync") }
	for _, c := range []struct {
		name    string
		policy  *api.ClusterBackupPolicy
		spaces  []Namespace
		does    string
		counts  string // total, covered, exempt, uncovered
		reasons string // of the uncovered
	}{
		{"a namespace without a policy gets one", baseline(), []Namespace{space("a", both)}, "create a", "2 2 0 0", ""},
		{"one without claims gets none", baseline(), []Namespace{space("a", nil)}, "", "0 0 0 0", ""},
		{"one out of scope gets none", baseline(func(c *api.ClusterBackupPolicy) { c.Spec.NamespaceSelector = *labelled("env", "test") }), []Namespace{space("a", both)}, "", "0 0 0 0", ""},
		{"one that is being deleted gets none", baseline(), []Namespace{{Name: "a", Terminating: true, Claims: []Claim{{Name: "data"}}}}, "", "0 0 0 0", ""},
		{"claims that are going alone are no reason", baseline(), []Namespace{{Name: "a", Claims: []Claim{{Name: "data", Deleting: true}}}}, "", "1 0 0 1", "NoActivePolicy"},
		{"one whose claims all have a policy gets none", baseline(), []Namespace{space("a", both, own("mine", ""))}, "", "2 2 0 0", ""},
		{"one of whose claims one has none gets one", baseline(), []Namespace{space("a", both, own("mine", "sync"))}, "create a", "2 2 0 0", ""},
		{"a suspended policy does not count", baseline(), []Namespace{space("a", both, own("mine", "", suspended))}, "create a", "2 2 0 0", ""},
		{"nor does one that is going", baseline(), []Namespace{space("a", both, own("mine", "", going))}, "create a", "2 2 0 0", ""},
		{"claims out of scope are not looked at", baseline(selects), []Namespace{space("a", both, own("mine", "sync"))}, "", "1 1 0 0", ""},
		{"an audit makes nothing", baseline(audit), []Namespace{space("a", both, own("mine", "sync"))}, "", "2 1 0 1", "NoActivePolicy"},
		{"an audit tells a suspended policy", baseline(audit), []Namespace{space("a", both, own("mine", "", suspended))}, "", "2 0 0 2", "PolicySuspended PolicySuspended"},
		{"what was made stays as it is", baseline(), []Namespace{space("a", both, stamped(baseline()))}, "", "2 2 0 0", ""},
		{"what was made stays beside a policy of the namespace's own", baseline(), []Namespace{space("a", both, stamped(baseline()), own("mine", ""))}, "", "2 2 0 0", ""},
		{"an edit of what was made is set back", baseline(), []Namespace{space("a", both, stamped(baseline(), suspended))}, "set a", "2 2 0 0", ""},
		{"an edit of its points' fate too", baseline(), []Namespace{space("a", both, stamped(baseline(), func(b *api.BackupPolicy) { b.Spec.OnDelete = api.OnDeletePrune }))}, "set a", "2 2 0 0", ""},
		{"and what was added to it", baseline(), []Namespace{space("a", both, stamped(baseline(), func(b *api.BackupPolicy) { b.Spec.Objectives = &api.Objectives{} }))}, "set a", "2 2 0 0", ""},
		{"and the label that names its source", baseline(), []Namespace{space("a", both, stamped(baseline(), func(b *api.BackupPolicy) { delete(b.Labels, api.LabelClusterPolicy) }))}, "set a", "2 2 0 0", ""},
		{"an edit of the template reaches it", baseline(func(c *api.ClusterBackupPolicy) { c.Spec.Template.Retention.Daily = 9 }), []Namespace{space("a", both, stamped(baseline()))}, "set a", "2 2 0 0", ""},
		{"what is going is waited for", baseline(), []Namespace{space("a", both, stamped(baseline(), going))}, "", "2 0 0 2", "NoActivePolicy NoActivePolicy"},
		{"a suspended template covers nothing", baseline(func(c *api.ClusterBackupPolicy) { c.Spec.Template.Suspend = true }), []Namespace{space("a", both)}, "create a", "2 0 0 2", "PolicySuspended PolicySuspended"},
		{"a namesake is never touched", baseline(), []Namespace{space("a", both, own("baseline", "sync"))}, "", "2 1 0 1", "StampConflict"},
		{"a copy of what was made, under another name, is somebody's own", baseline(), []Namespace{space("a", both, stamped(baseline(), func(b *api.BackupPolicy) { b.Name = "copy"; b.Spec.Volumes.Selector = labelled("app", "sync") }))}, "create a", "2 2 0 0", ""},
		{"what an earlier object of the name left is never touched", baseline(), []Namespace{space("a", both, stamped(baseline(), ofEarlier, func(b *api.BackupPolicy) { b.Spec.Retention.Daily = 1 }))}, "", "2 2 0 0", ""},

		{"an exempt namespace gets none", baseline(exempts("e", "a", noon.Add(time.Hour))), []Namespace{space("a", both)}, "", "2 0 2 0", ""},
		{"an exempt claim is no reason", baseline(exempts("e", "a", noon.Add(time.Hour), func(e *api.Exemption) { e.Claims = []string{"data"} })), []Namespace{space("a", []string{"data"})}, "", "1 0 1 0", ""},
		{"its sibling is, and then both are covered", baseline(exempts("e", "a", noon.Add(time.Hour), func(e *api.Exemption) { e.Claims = []string{"data"} })), []Namespace{space("a", both)}, "create a", "2 2 0 0", ""},
		{"exempt by label", baseline(audit, exempts("e", "a", noon.Add(time.Hour), func(e *api.Exemption) { e.Selector = labelled("app", "web") })), []Namespace{space("a", both)}, "", "2 0 1 1", "NoActivePolicy"},
		{"exempt in another namespace", baseline(audit, exempts("e", "b", noon.Add(time.Hour))), []Namespace{space("a", both)}, "", "2 0 0 2", "NoActivePolicy NoActivePolicy"},
		{"what is covered is not exempt", baseline(audit, exempts("e", "a", noon.Add(time.Hour))), []Namespace{space("a", both, own("mine", "sync"))}, "", "2 1 1 0", ""},
		{"exempt to the last second", baseline(audit, exempts("e", "a", noon.Add(time.Second))), []Namespace{space("a", both)}, "", "2 0 2 0", ""},
		{"and not any more", baseline(audit, exempts("e", "a", noon)), []Namespace{space("a", both)}, "", "2 0 0 2", "ExemptionExpired ExemptionExpired"},
		{"an exemption that has ended has the policy made", baseline(exempts("e", "a", noon)), []Namespace{space("a", both)}, "create a", "2 2 0 0", ""},
		{"one that has ended beside one that has not", baseline(exempts("e", "a", noon), exempts("f", "a", noon.Add(time.Hour))), []Namespace{space("a", both)}, "", "2 0 2 0", ""},

		{"one that has not ended beside one that has", baseline(audit, exempts("f", "a", noon.Add(time.Hour)), exempts("e", "a", noon)), []Namespace{space("a", both)}, "", "2 0 2 0", ""},
		{"two that have ended, of different claims", baseline(audit, exempts("e", "a", noon), exempts("f", "a", noon, func(e *api.Exemption) { e.Claims = []string{"data"} })), []Namespace{space("a", both)},
			"", "2 0 0 2", "ExemptionExpired ExemptionExpired"},
		{"one that has ended beside one that has not, of another claim", baseline(audit, exempts("e", "a", noon), exempts("f", "a", noon.Add(time.Hour), func(e *api.Exemption) { e.Claims = []string{"data"} })),
			[]Namespace{space("a", both)}, "", "2 0 1 1", "ExemptionExpired"},

		{"out of scope, what was made stays", baseline(func(c *api.ClusterBackupPolicy) { c.Spec.NamespaceSelector = *labelled("env", "test") }), []Namespace{space("a", both, stamped(baseline()))}, "", "0 0 0 0", ""},
		{"out of scope, what was made goes when asked", baseline(removes, func(c *api.ClusterBackupPolicy) { c.Spec.NamespaceSelector = *labelled("env", "test") }), []Namespace{space("a", both, stamped(baseline()))}, "remove a", "0 0 0 0", ""},
		{"but not once: it is going", baseline(removes, func(c *api.ClusterBackupPolicy) { c.Spec.NamespaceSelector = *labelled("env", "test") }), []Namespace{space("a", both, stamped(baseline(), going))}, "", "0 0 0 0", ""},
		{"nor a namesake", baseline(removes, func(c *api.ClusterBackupPolicy) { c.Spec.NamespaceSelector = *labelled("env", "test") }), []Namespace{space("a", both, own("baseline", ""))}, "", "0 0 0 0", ""},
		{"an audit leaves what was made at work", baseline(audit), []Namespace{space("a", both, stamped(baseline()))}, "", "2 2 0 0", ""},
		{"an audit removes it when asked", baseline(audit, removes), []Namespace{space("a", both, stamped(baseline()))}, "remove a", "2 0 0 2", "NoActivePolicy NoActivePolicy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ForPolicy(&Observed{Policy: c.policy, Namespaces: c.spaces}, noon)
			if did(got) != c.does {
				t.Errorf("it does %q, want %q", did(got), c.does)
			}
			if counted(got) != c.counts {
				t.Errorf("total, covered, exempt, uncovered are %s, want %s", counted(got), c.counts)
			}
			var reasons []string
			for _, u := range got.Status.Uncovered {
				reasons = append(reasons, u.Reason)
			}
			if r := strings.Join(reasons, " "); r != c.reasons {
				t.Errorf("reasons are %q, want %q", r, c.reasons)
			}
		})
	}
}

// TestSelectionByWorkload: what a workload's pods use is covered, and nothing is while the workload is not there.
func TestSelectionByWorkload(t *testing.T) {
	ref := api.WorkloadReference{Kind: "StatefulSet", Name: "db"}
	ns := space("a", []string{"data-db-0", "data-db-7", "other"}, own("mine", "", func(b *api.BackupPolicy) { b.Spec.Volumes = api.VolumeSelection{Workload: &ref} }))
	if got := ForPolicy(&Observed{Policy: baseline(audit), Namespaces: []Namespace{ns}}, noon); counted(got) != "3 0 0 3" {
		t.Errorf("without the workload: %s", counted(got))
	}
	ns.Workloads = map[api.WorkloadReference]*plan.Workload{ref: {Name: "db", Found: true, Templates: []string{"data"}}}
	if got := ForPolicy(&Observed{Policy: baseline(audit), Namespaces: []Namespace{ns}}, noon); counted(got) != "3 2 0 1" {
		t.Errorf("with the workload: %s", counted(got))
	}
}

// TestRefused: what the API server refused in this pass is told, tried again later, and not counted as covered.
func TestRefused(t *testing.T) {
	o := Observed{Policy: baseline(), Namespaces: []Namespace{space("a", []string{"data"}), space("b", []string{"data"}), space("c", []string{"data"}, stamped(baseline(), suspended))},
		Refused: map[string]string{"a": "exceeded quota", "c": "denied"}}
	got := ForPolicy(&o, noon)
	if did(got) != "create b" || counted(got) != "3 1 0 2" || got.Status.Stamped != 2 {
		t.Errorf("it does %q, counts %s, %d are stamped", did(got), counted(got), got.Status.Stamped)
	}
	if !got.Wake.Equal(noon.Add(5 * time.Minute)) {
		t.Errorf("it looks again at %s", got.Wake)
	}
	c := got.Status.Conflicts
	if c == nil || c.Total != 2 || c.Worst[0] != (api.StampConflict{Namespace: "a", Reason: api.ReasonStampRefused, Message: "exceeded quota"}) {
		t.Errorf("conflicts are %+v", c)
	}
	if f := kinds(got); f != "StampRefused/Medium namespace/a, StampRefused/Medium namespace/c, UnprotectedVolume/High pvc/a/data, UnprotectedVolume/High pvc/c/data" {
		t.Errorf("findings are %s", f)
	}
}

// kinds are the findings, by kind, in words.
func kinds(p Plan) string {
	var out []string
	for _, f := range p.Status.Findings {
		out = append(out, f.Kind+"/"+string(f.Severity)+" "+f.Subject)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestConditions(t *testing.T) {
	bad := api.LabelSelector{MatchLabels: map[string]string{"app": "not a value"}}
	for _, c := range []struct {
		name           string
		policy         *api.ClusterBackupPolicy
		spaces         []Namespace
		ready, covered string
		does           string
	}{
		{"all is well", baseline(), []Namespace{space("a", []string{"data"})}, "True Ready", "True Covered", "create a"},
		{"nothing to cover", baseline(), []Namespace{space("a", nil)}, "True Ready", "True Covered", ""},
		{"no namespace", baseline(), nil, "True Ready", "Unknown NothingInScope", ""},
		{"something uncovered", baseline(audit), []Namespace{space("a", []string{"data"})}, "True Ready", "False Uncovered", ""},
		{"exempt is as good", baseline(audit, exempts("e", "a", noon.Add(1))), []Namespace{space("a", []string{"data"})}, "True Ready", "True Covered", ""},
		{"a selector of namespaces that cannot be understood", baseline(removes, func(c *api.ClusterBackupPolicy) { c.Spec.NamespaceSelector = bad }),
			[]Namespace{space("a", []string{"data"}, stamped(baseline()))}, "False InvalidSelector", "Unknown InvalidSelector", ""},
		{"a selector of claims", baseline(func(c *api.ClusterBackupPolicy) { c.Spec.ClaimSelector = &bad }), []Namespace{space("a", []string{"data"})}, "False InvalidSelector", "Unknown InvalidSelector", ""},
		{"a selector of an exemption exempts nothing, and nothing is made", baseline(exempts("e", "a", noon.Add(time.Hour), func(e *api.Exemption) { e.Selector = &bad })),
			[]Namespace{space("a", []string{"data"})}, "False InvalidSelector", "False Uncovered", ""},
		{"a schedule that is never due", baseline(func(c *api.ClusterBackupPolicy) { c.Spec.Template.Schedule.Cron = "0 0 30 2 *" }), []Namespace{space("a", []string{"data"}, stamped(baseline()))},
			"False InvalidSchedule", "True Covered", ""},
		{"a drill that is never due", baseline(func(c *api.ClusterBackupPolicy) { c.Spec.Template.Drill = &api.Drill{Cron: "0 0 31 4 *"} }), []Namespace{space("a", []string{"data"})},
			"False InvalidSchedule", "False Uncovered", ""},
		{"while something is wrong nothing is removed", baseline(removes, func(c *api.ClusterBackupPolicy) { c.Spec.NamespaceSelector = *labelled("env", "test") }, exempts("e", "a", noon.Add(time.Hour), func(e *api.Exemption) { e.Selector = &bad })),
			[]Namespace{space("a", []string{"data"}, stamped(baseline()))}, "False InvalidSelector", "Unknown NothingInScope", ""},
		{"hooks while they are disabled", baseline(func(c *api.ClusterBackupPolicy) {
			c.Spec.Template.Snapshot = &api.SnapshotOptions{Hooks: []api.Hook{{Name: "h"}}}
		}), []Namespace{space("a", []string{"data"})}, "False HooksDisabled", "False Uncovered", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ForPolicy(&Observed{Policy: c.policy, Namespaces: c.spaces}, noon)
			for kind, want := range map[string]string{api.ConditionReady: c.ready, api.ConditionCovered: c.covered} {
				x := meta.FindStatusCondition(got.Status.Conditions, kind)
				if x == nil || string(x.Status)+" "+x.Reason != want {
					t.Errorf("%s is %+v, want %s", kind, x, want)
				}
			}
			stalled := meta.IsStatusConditionTrue(got.Status.Conditions, api.ConditionStalled)
			if stalled != strings.HasPrefix(c.ready, "False") {
				t.Errorf("stalled is %t", stalled)
			}
			if did(got) != c.does {
				t.Errorf("it does %q, want %q", did(got), c.does)
			}
		})
	}
}

// next is what is observed once a plan was carried out.
func next(o Observed, p Plan) Observed {
	o.Policy = o.Policy.DeepCopy()
	o.Policy.Status = p.Status
	o.Namespaces = slices.Clone(o.Namespaces)
	at := func(s Stamp) *Namespace {
		return &o.Namespaces[slices.IndexFunc(o.Namespaces, func(n Namespace) bool { return n.Name == s.Namespace })]
	}
	without := func(ns *Namespace, uid types.UID) []*api.BackupPolicy {
		return slices.DeleteFunc(slices.Clone(ns.Policies), func(b *api.BackupPolicy) bool { return b.UID == uid })
	}
	for _, s := range p.Create {
		ns := at(s)
		ns.Policies = append(slices.Clone(ns.Policies), stamped(o.Policy))
	}
	for _, s := range p.Set {
		ns := at(s)
		ns.Policies = append(without(ns, s.There.UID), stamped(o.Policy))
	}
	for _, s := range p.Remove {
		ns := at(s)
		ns.Policies = without(ns, s.There.UID)
	}
	return o
}

// TestUnprotectedSince: a volume is Low, and High a day after it became unprotected; what was known before is remembered.
func TestUnprotectedSince(t *testing.T) {
	o := Observed{Policy: baseline(audit), Namespaces: []Namespace{space("a", []string{"data=sync"}, own("mine", "", suspended))}}
	first := ForPolicy(&o, noon)
	if u := first.Status.Uncovered[0]; !u.Since.Time.Equal(before(days(2))) {
		t.Errorf("looked at for the first time, it is unprotected since %s, not since it was created", u.Since)
	}
	o.Namespaces[0].Policies[0] = own("mine", "")
	o = next(o, first)
	o = next(o, ForPolicy(&o, noon.Add(time.Hour)))
	o.Namespaces[0].Policies = []*api.BackupPolicy{own("mine", "", suspended)}
	second := ForPolicy(&o, noon.Add(2*time.Hour))
	if u := second.Status.Uncovered[0]; !u.Since.Time.Equal(noon.Add(2 * time.Hour)) {
		t.Errorf("covered before, it is unprotected since %s, not since now", u.Since)
	}
	if f := kinds(second); f != "UnprotectedVolume/Low pvc/a/data" || !second.Wake.Equal(noon.Add(26*time.Hour)) {
		t.Errorf("findings are %s, and it looks again at %s", f, second.Wake)
	}
	o = next(o, second)
	third := ForPolicy(&o, second.Wake)
	if f := kinds(third); f != "UnprotectedVolume/High pvc/a/data" || !third.Wake.IsZero() {
		t.Errorf("a day later findings are %s, and it looks again at %s", f, third.Wake)
	}
	if n := third.Notes; len(n) != 1 || !n[0].Warning || n[0].Reason != api.ReasonUnprotectedVolume || !strings.Contains(n[0].Message, "a/data") {
		t.Errorf("that it became louder is told so: %+v", n)
	}
	o = next(o, third)
	o.Namespaces[0].Policies = []*api.BackupPolicy{own("mine", "")}
	fourth := ForPolicy(&o, noon.Add(30*time.Hour))
	if f := kinds(fourth); f != "" {
		t.Errorf("covered again, findings are %s", f)
	}
	if n := fourth.Notes; len(n) != 1 || n[0].Warning || n[0].Message != "cleared: pvc/a/data" {
		t.Errorf("that it cleared is told so: %+v", n)
	}
}

// TestMoreThanIsListed: what is not listed counts as old, but as no older than what is; what merely moves in and out of the
// list is not told.
func TestMoreThanIsListed(t *testing.T) {
	var claims []string
	for i := range 30 {
		claims = append(claims, "data-"+strconv.Itoa(i))
	}
	o := Observed{Policy: baseline(audit), Namespaces: []Namespace{space("a", claims, own("mine", ""))}}
	o = next(o, ForPolicy(&o, noon))
	o.Namespaces[0].Policies = nil
	first := ForPolicy(&o, noon.Add(time.Hour))
	if c := first.Status.FindingCounts; c.Total != 30 || c.Low != 30 || len(first.Status.Uncovered) != 20 || first.Status.Claims.Uncovered != 30 {
		t.Errorf("counts are %+v, and %d are listed", c, len(first.Status.Uncovered))
	}
	if n := first.Notes; len(n) != 1 || !strings.HasPrefix(n[0].Message, "pvc/a/data-0, pvc/a/data-1, pvc/a/data-10 and 17 more: ") {
		t.Errorf("notes are %+v", n)
	}
	o = next(o, first)
	second := ForPolicy(&o, noon.Add(2*time.Hour))
	if c := second.Status.FindingCounts; c.Low != 30 || len(second.Notes) != 0 || !equality.Semantic.DeepEqual(first.Status, second.Status) {
		t.Errorf("an hour later counts are %+v, notes %+v", c, second.Notes)
	}
	late := next(o, second)
	if c := ForPolicy(&late, noon.Add(25*time.Hour)).Status.FindingCounts; c.High != 30 {
		t.Errorf("a day after they became unprotected counts are %+v", c)
	}
	pushed := next(o, second)
	exempts("e", "elsewhere", noon)(pushed.Policy)
	if n := ForPolicy(&pushed, noon.Add(3*time.Hour)).Notes; len(n) != 1 || n[0].Reason != api.ReasonExemptionExpired {
		t.Errorf("what only gave its place in the list to something louder is told: %+v", n)
	}
	o = next(o, second)
	o.Namespaces[0].Policies = []*api.BackupPolicy{own("mine", "", func(b *api.BackupPolicy) { b.Spec.Volumes = api.VolumeSelection{Claims: []string{"data-0"}} })}
	third := ForPolicy(&o, noon.Add(3*time.Hour))
	if n := third.Notes; len(n) != 1 || n[0].Message != "cleared: pvc/a/data-0" {
		t.Errorf("one cleared, another took its place in the list, and told is %+v", n)
	}
	if c := third.Status.FindingCounts; c.Low != 29 {
		t.Errorf("counts are %+v", c)
	}
}

// TestOldestAreListed: of more than are listed, those that have been unprotected for the longest.
func TestOldestAreListed(t *testing.T) {
	var claims []string
	for i := range 30 {
		claims = append(claims, "data-"+strconv.Itoa(i+10))
	}
	o := Observed{Policy: baseline(audit), Namespaces: []Namespace{space("a", claims)}}
	for i := range claims {
		o.Namespaces[0].Claims[i].Created = before(time.Duration(i) * time.Hour)
	}
	got := ForPolicy(&o, noon)
	for _, f := range got.Status.Findings {
		if f.Subject < "pvc/a/data-20" {
			t.Errorf("%s is among the findings", f.Subject)
		}
	}
	if u := got.Status.Uncovered; u[0].Claim != "data-39" || u[19].Claim != "data-20" {
		t.Errorf("%s to %s are listed", u[0].Claim, u[19].Claim)
	}
	if c := got.Status.FindingCounts; c.High != 6 || c.Low != 24 || !got.Wake.Equal(noon.Add(time.Hour)) {
		t.Errorf("counts are %+v, and it looks again at %s", c, got.Wake)
	}
}

// TestClaimMadeAnew: what is known of a claim is not known of another of that name.
func TestClaimMadeAnew(t *testing.T) {
	o := Observed{Policy: baseline(audit), Namespaces: []Namespace{space("a", []string{"data"})}}
	o = next(o, ForPolicy(&o, noon))
	o.Namespaces[0].Claims[0].Created = noon.Add(time.Hour)
	if f := kinds(ForPolicy(&o, noon.Add(2*time.Hour))); f != "UnprotectedVolume/Low pvc/a/data" {
		t.Errorf("findings are %s", f)
	}
}

// TestConflictsBeyondTheList: since when there is one that was not listed is not known, and it counts as old.
func TestConflictsBeyondTheList(t *testing.T) {
	o := Observed{Policy: baseline()}
	for i := range 25 {
		o.Namespaces = append(o.Namespaces, space("ns-"+strconv.Itoa(i+10), []string{"data"}, own("baseline", "none")))
	}
	o = next(o, ForPolicy(&o, noon))
	if k := o.Policy.Status.Conflicts; k.Total != 25 || len(k.Worst) != 20 {
		t.Errorf("conflicts are %+v", k)
	}
	since := func(p Plan) (known, unknown int) {
		for _, f := range p.Status.Findings {
			switch {
			case f.Kind == api.ReasonStampConflict && f.Since.Time.Equal(noon):
				known++
			case f.Kind == api.ReasonStampConflict && f.Since.Time.Equal(before(days(1))):
				unknown++
			}
		}
		return known, unknown
	}
	for i := range 25 { // their claims are gone, and the findings make room for the conflicts
		o.Namespaces[i].Claims = nil
		o.Namespaces[i].Policies[0].Labels = map[string]string{api.LabelClusterPolicy: "baseline"}
	}
	was, _ := since(Plan{Status: o.Policy.Status})
	if known, unknown := since(ForPolicy(&o, noon.Add(time.Hour))); known != was || known+unknown != 20 || unknown == 0 {
		t.Errorf("%d are since noon, as %d were, and %d since the policy was made", known, was, unknown)
	}
}

// TestExemptionEnds: at its end an exemption is a finding, and its claims are uncovered.
func TestExemptionEnds(t *testing.T) {
	end := noon.Add(time.Hour)
	o := Observed{Policy: baseline(audit, exempts("caches", "a", end)), Namespaces: []Namespace{space("a", []string{"data"})}}
	first := ForPolicy(&o, noon)
	if f := kinds(first); f != "" || !first.Wake.Equal(end) {
		t.Errorf("before its end findings are %s, and it looks again at %s", f, first.Wake)
	}
	o = next(o, first)
	second := ForPolicy(&o, end)
	if f := kinds(second); f != "ExemptionExpired/Medium exemption/caches, UnprotectedVolume/Low pvc/a/data" {
		t.Errorf("at its end findings are %s", f)
	}
	if f := second.Status.Findings[0]; !f.Since.Time.Equal(end) || !strings.Contains(f.Message, "ops answers for it") {
		t.Errorf("the finding is %+v", f)
	}
	o = next(o, second)
	o.Policy.Spec.Exemptions[0].Until = metav1.NewTime(end.Add(days(30)))
	o.Policy.Generation++
	if f := kinds(ForPolicy(&o, end.Add(time.Minute))); f != "" {
		t.Errorf("once it was extended findings are %s", f)
	}
}

// TestConflictIsTold: the remedy can be followed, and clears it.
func TestConflictIsTold(t *testing.T) {
	left := stamped(baseline(), ofEarlier)
	o := Observed{Policy: baseline(), Namespaces: []Namespace{space("a", []string{"data"}, left), space("b", []string{"data"}, own("baseline", "none")),
		space("c", []string{"data"}, own("baseline", ""))}} // it does all that is wanted, and is no conflict
	first := ForPolicy(&o, noon)
	if f := kinds(first); f != "StampConflict/Medium namespace/a, StampConflict/Medium namespace/b, UnprotectedVolume/High pvc/b/data" {
		t.Errorf("findings are %s", f)
	}
	for _, f := range first.Status.Findings {
		if f.Kind == api.ReasonStampConflict && !strings.Contains(f.Remedy, "kubectl label -n "+strings.TrimPrefix(f.Subject, "namespace/")+" backuppolicy/baseline --overwrite lifeboat.dev/cluster-policy=baseline lifeboat.dev/cluster-policy-uid=cluster-uid") {
			t.Errorf("the remedy is %q", f.Remedy)
		}
	}
	for i := range o.Namespaces[:2] {
		o.Namespaces[i].Policies[0].Labels = map[string]string{api.LabelClusterPolicy: "baseline", api.LabelClusterPolicyUID: "cluster-uid"}
	}
	o = next(o, first)
	second := ForPolicy(&o, noon.Add(time.Minute))
	if f := kinds(second); f != "" || did(second) != "set b" {
		t.Errorf("handed over, findings are %s, and it does %q", f, did(second))
	}
}

func TestFinalizer(t *testing.T) {
	held := func(c *api.ClusterBackupPolicy) { c.Finalizers = []string{api.FinalizerStamped} }
	for name, c := range map[string]struct {
		policy *api.ClusterBackupPolicy
		want   plan.Finalizer
	}{
		"retained":           {baseline(), ""},
		"removed":            {baseline(removes), plan.FinalizerAdd},
		"removed, and held":  {baseline(removes, held), ""},
		"retained, and held": {baseline(held), plan.FinalizerRelease},
	} {
		if got := ForPolicy(&Observed{Policy: c.policy}, noon).Finalizer; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestForDeleted(t *testing.T) {
	spaces := []Namespace{
		space("a", []string{"data"}, stamped(baseline()), own("mine", "")), space("b", nil, own("baseline", "")),
		space("c", nil, stamped(baseline(), ofEarlier)), space("d", nil, stamped(baseline(), going)),
		{Name: "e", Terminating: true, Policies: []*api.BackupPolicy{stamped(baseline())}},
	}
	for name, c := range map[string]struct {
		o    Observed
		want string
	}{
		"retained":                        {Observed{Policy: baseline(), Namespaces: spaces}, ""},
		"removed":                         {Observed{Policy: baseline(removes), Namespaces: spaces}, "remove a"},
		"the whole definition is removed": {Observed{Policy: baseline(removes), Namespaces: spaces, Withdrawn: true}, ""},
	} {
		got := ForDeleted(&c.o)
		if did(got) != c.want || got.Finalizer != plan.FinalizerRelease {
			t.Errorf("%s: it does %q and %q, want %q", name, did(got), got.Finalizer, c.want)
		}
	}
}

func TestDeeds(t *testing.T) {
	p := Plan{Create: []Stamp{{Namespace: "a"}, {Namespace: "b"}}, Remove: []Stamp{{Namespace: "c"}}}
	got := p.Deeds(map[string]string{"b": "no"})
	want := []plan.Note{
		{Reason: api.ReasonStamped, Message: "a policy was made from the template in 1 namespace: a"},
		{Reason: api.ReasonStampsRemoved, Message: "the policy was deleted, and its recovery points stay, in 1 namespace: c"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("told is %+v", got)
	}
}

// TestTemplateIsWhole: a template says all that a policy says, but for volumes and onDelete, and all of it is carried over.
// A field that is added to policies alone is found here.
func TestTemplateIsWhole(t *testing.T) {
	spec, template := reflect.TypeFor[api.BackupPolicySpec](), reflect.TypeFor[api.ClusterPolicyTemplate]()
	filled := reflect.New(template).Elem()
	for i := range spec.NumField() {
		f := spec.Field(i)
		if f.Name == "Volumes" || f.Name == "OnDelete" {
			continue
		}
		same, ok := template.FieldByName(f.Name)
		if !ok || same.Type != f.Type || same.Tag.Get("json") != f.Tag.Get("json") {
			t.Errorf("BackupPolicySpec has %s %s %q, and ClusterPolicyTemplate has not", f.Name, f.Type, f.Tag.Get("json"))
			continue
		}
		fill(t, filled.FieldByName(f.Name))
	}
	if template.NumField() != spec.NumField()-2 {
		t.Errorf("ClusterPolicyTemplate has %d fields, BackupPolicySpec %d", template.NumField(), spec.NumField())
	}
	given := filled.Interface().(api.ClusterPolicyTemplate)
	out := reflect.ValueOf(Spec(&api.ClusterBackupPolicySpec{Template: &given}))
	for i := range template.NumField() {
		name := template.Field(i).Name
		if !equality.Semantic.DeepEqual(out.FieldByName(name).Interface(), filled.Field(i).Interface()) {
			t.Errorf("%s is not carried over", name)
		}
	}
	if s := Spec(&api.ClusterBackupPolicySpec{Template: &given}); s.OnDelete != api.OnDeleteRetain || s.Volumes.Selector == nil || len(s.Volumes.Selector.MatchLabels) != 0 {
		t.Errorf("volumes are %+v, onDelete is %q", s.Volumes, s.OnDelete)
	}
}

// fill gives a field a value that is not its zero.
func fill(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Struct:
		for i := range v.NumField() {
			switch v.Field(i).Kind() {
			case reflect.String, reflect.Bool, reflect.Pointer:
				fill(t, v.Field(i))
			case reflect.Int32:
				v.Field(i).SetInt(7)
			}
		}
	default:
		t.Fatalf("a field of kind %s is not filled", v.Kind())
	}
}

// TestToldIsLeftAlone: who was told of findings is written by others, and is not lost when the status is written.
func TestToldIsLeftAlone(t *testing.T) {
	o := Observed{Policy: baseline(audit)}
	o.Policy.Status.Told = []api.NotifierMark{{Notifier: "chat", Findings: []string{"Uncovered High"}}}
	if got := ForPolicy(&o, noon).Status.Told; len(got) != 1 || got[0].Notifier != "chat" {
		t.Errorf("told: %+v", got)
	}
}
