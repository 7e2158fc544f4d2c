// SPDX-License-Identifier: Apache-2.0

package tell

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

func found(kind, subject string, s api.Severity) api.Finding {
	return api.Finding{Kind: kind, Subject: subject, Severity: s, Since: metav1.NewTime(noon.Add(-time.Hour)), Message: "what is", Remedy: "mend it"}
}

func policy(findings ...api.Finding) Object {
	return Object{Kind: "BackupPolicy", Namespace: "shop", Name: "orders", UID: "u", Findings: findings, Total: len(findings)}
}

func marked(o Object, entries ...string) Object {
	at := metav1.NewTime(noon.Add(-time.Hour))
	o.Marks = []api.NotifierMark{{Notifier: "chat", Findings: entries, At: &at}}
	return o
}

var atOnce = Route{Name: "chat", Severity: api.SeverityMedium, Resolved: true}

func entries(marks []Mark) []string {
	if len(marks) == 0 {
		return nil
	}
	return marks[0].Mark.Findings
}

// TestOneObject shows for one object what is told of it, without any wait, and what is remembered.
func TestOneObject(t *testing.T) {
	truncated := func(o Object) Object {
		o.Total = 30
		return o
	}
	narrow, silent := atOnce, atOnce
	narrow.Namespaces = []string{"team-*", "kube-system"}
	silent.Resolved = false
	for name, tc := range map[string]struct {
		route Route
		o     Object
		lines []string // that begin with "- "
		marks []string
		none  bool // nothing is written either
	}{
		"nothing":                    {route: atOnce, o: policy(), none: true},
		"new":                        {route: atOnce, o: policy(found("A", "", "High")), lines: []string{"- shop/orders, since 2026-03-01T11:00:00Z: what is"}, marks: []string{"A High"}},
		"new, with a subject":        {route: atOnce, o: policy(found("A", "pvc/x", "High")), lines: []string{"- shop/orders, pvc/x, since 2026-03-01T11:00:00Z: what is"}, marks: []string{"A High pvc/x"}},
		"pending":                    {route: atOnce, o: policy(found("A", "", "Pending")), none: true},
		"not loud enough":            {route: atOnce, o: policy(found("A", "", "Low")), none: true},
		"known":                      {route: atOnce, o: marked(policy(found("A", "", "High")), "A High"), none: true},
		"known, with a subject":      {route: atOnce, o: marked(policy(found("A", "a b", "High")), "A High a b"), none: true},
		"worse":                      {route: atOnce, o: marked(policy(found("A", "", "Critical")), "A High"), lines: []string{"- shop/orders, was High, since 2026-03-01T11:00:00Z: what is"}, marks: []string{"A Critical"}},
		"eased":                      {route: atOnce, o: marked(policy(found("A", "", "Medium")), "A High"), marks: []string{"A Medium"}},
		"cleared":                    {route: atOnce, o: marked(policy(), "A High"), lines: []string{"- shop/orders: it was High"}},
		"cleared, not told":          {route: silent, o: marked(policy(), "A High")},
		"eased below what is told":   {route: atOnce, o: marked(policy(found("A", "", "Low")), "A High"), lines: []string{"- shop/orders: it was High, and is Low"}},
		"unsure and there":           {route: atOnce, o: marked(policy(found("A", "", "High")), "A Sending"), lines: []string{"- shop/orders, since 2026-03-01T11:00:00Z: what is"}, marks: []string{"A High"}},
		"unsure and gone":            {route: atOnce, o: marked(policy(), "A Sending"), lines: []string{"- shop/orders: it was there; whether that was told is not known"}},
		"another subject":            {route: atOnce, o: marked(policy(found("A", "y", "High")), "A High x"), lines: []string{"- shop/orders, y, since 2026-03-01T11:00:00Z: what is", "- shop/orders, x: it was High"}, marks: []string{"A High y"}},
		"perhaps not listed":         {route: atOnce, o: truncated(marked(policy(found("A", "y", "High")), "A High y", "A High x")), none: true},
		"not listed, so gone":        {route: atOnce, o: truncated(marked(policy(found("A", "y", "High")), "A High y", "B High")), lines: []string{"- shop/orders: it was High"}, marks: []string{"A High y"}},
		"another namespace":          {route: narrow, o: policy(found("A", "", "High")), none: true},
		"not its namespace any more": {route: narrow, o: marked(policy(found("A", "", "High")), "A High")},
	} {
		t.Run(name, func(t *testing.T) {
			a := Messages(tc.route, []Object{tc.o}, Memory{}, noon)
			var lines []string
			if a.Message != nil {
				for line := range strings.Lines(a.Message.Text) {
					if strings.HasPrefix(line, "- ") {
						lines = append(lines, strings.TrimSpace(line))
					}
				}
			}
			if diff := cmp.Diff(tc.lines, lines); diff != "" {
				t.Errorf("what is told (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.marks, entries(a.Marks)); diff != "" {
				t.Errorf("what is remembered (-want +got):\n%s", diff)
			}
			if (len(a.Marks) == 0) != tc.none {
				t.Errorf("marks: %+v", a.Marks)
			}
			if (len(a.Intent) > 0) != (a.Message != nil) {
				t.Errorf("intents %+v of message %+v", a.Intent, a.Message)
			}
			if name == "not its namespace any more" && !a.Marks[0].Remove {
				t.Error("the mark stays")
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	for _, tc := range []struct {
		patterns  []string
		namespace string
		want      bool
	}{
		{nil, "shop", true}, {nil, "", true}, {[]string{"shop"}, "shop", true}, {[]string{"shop"}, "shop-2", false},
		{[]string{"a", "shop-*"}, "shop-2", true}, {[]string{"*"}, "shop", true}, {[]string{"*"}, "", false}, {[]string{"sho?"}, "shop", true},
	} {
		r := Route{Namespaces: tc.patterns}
		if got := r.covers(&Object{Namespace: tc.namespace}); got != tc.want {
			t.Errorf("%v covers %q: %t", tc.patterns, tc.namespace, got)
		}
	}
}

// TestWhen shows when a message is due.
func TestWhen(t *testing.T) {
	r := Route{Name: "chat", Severity: api.SeverityMedium, Resolved: true, GroupWait: 30 * time.Second, MinInterval: 5 * time.Minute}
	lately := func(o Object, ago time.Duration) Object {
		at := metav1.NewTime(noon.Add(-ago))
		o.Marks = []api.NotifierMark{{Notifier: "chat", Findings: []string{"Z High"}, At: &at}}
		o.Findings = append(o.Findings, found("Z", "", "High"))
		o.Total++
		return o
	}
	since := func(seconds ...int) Waiting {
		w := Waiting{}
		for i, s := range seconds {
			w[waiting{"u", key{string(rune('A' + i)), ""}, appeared}] = noon.Add(-time.Duration(s) * time.Second)
		}
		return w
	}
	a, b := found("A", "", "High"), found("B", "", "High")
	critical := found("A", "", "Critical")
	for name, tc := range map[string]struct {
		o     Object
		since Waiting
		last  time.Time
		told  int
		wake  time.Duration // from noon; 0 for none
	}{
		"just noticed":                       {policy(a), nil, time.Time{}, 0, 30 * time.Second},
		"waited":                             {policy(a), since(30), time.Time{}, 1, 0},
		"another came":                       {policy(a, b), since(40, 10), time.Time{}, 0, 20 * time.Second},
		"others keep coming":                 {policy(a, b), since(60, 10), time.Time{}, 1, 5 * time.Minute},
		"both waited":                        {policy(a, b), since(45, 30), time.Time{}, 2, 0},
		"told lately":                        {lately(policy(a), time.Minute), since(30), time.Time{}, 0, 4 * time.Minute},
		"told a while ago":                   {lately(policy(a), 5*time.Minute), since(30), time.Time{}, 1, 0},
		"critical, though told lately":       {lately(policy(critical), time.Minute), since(30), time.Time{}, 1, 0},
		"critical, though another just came": {policy(critical, b), since(30, 1), time.Time{}, 1, 5 * time.Minute},
		"critical, just noticed":             {lately(policy(critical), time.Minute), nil, time.Time{}, 0, 30 * time.Second},
		"a mark from the future":             {lately(policy(a), -time.Hour), since(30), time.Time{}, 1, 0},
		"a wait from the future":             {policy(a), since(-60), time.Time{}, 0, 30 * time.Second},
		"told lately, and not written yet":   {policy(a), since(30), noon.Add(-time.Minute), 0, 4 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			got := Messages(r, []Object{tc.o}, Memory{Waiting: tc.since, Last: tc.last}, noon)
			n := 0
			if got.Message != nil {
				n = strings.Count("\n"+got.Message.Text, "\n- ")
			}
			wake := time.Duration(0)
			if !got.Wake.IsZero() {
				wake = got.Wake.Sub(noon)
			}
			if n != tc.told || wake != tc.wake {
				t.Errorf("%d are told, and it comes back after %s; want %d and %s", n, wake, tc.told, tc.wake)
			}
		})
	}
}

func TestWording(t *testing.T) {
	o := marked(policy(found("ObjectiveMissed", "", "Critical"), found("DrillFailed", "drill/x", "High"), found("DrillFailed", "drill/y", "High")), "SlotMissed Medium")
	got := Messages(atOnce, []Object{o}, Memory{}, noon).Message
	if want := "Lifeboat: Critical ObjectiveMissed in shop/orders, and 3 more"; got.Title != want {
		t.Errorf("the title is %q, want %q", got.Title, want)
	}
	const want = `Critical ObjectiveMissed
https://github.com/lifeboat-dev/lifeboat/blob/main/docs/runbooks/ObjectiveMissed.md
- shop/orders, since 2026-03-01T11:00:00Z: what is
  Do: mend it

High DrillFailed
https://github.com/lifeboat-dev/lifeboat/blob/main/docs/runbooks/DrillFailed.md
- shop/orders, drill/x, since 2026-03-01T11:00:00Z: what is
  Do: mend it
- shop/orders, drill/y, since 2026-03-01T11:00:00Z: what is
  Do: mend it

cleared SlotMissed
https://github.com/lifeboat-dev/lifeboat/blob/main/docs/runbooks/SlotMissed.md
- shop/orders: it was Medium`
	if diff := cmp.Diff(want, got.Text); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if trial := Trial(noon); !strings.Contains(trial.Title, "test") || !strings.Contains(trial.Text, "test") || trial.Alerts[0].Labels["alertname"] != "LifeboatNotificationTest" {
		t.Errorf("a trial can be taken for more: %+v", trial)
	}
}

// TestMuchAtOnce fills lists and marks beyond what they hold.
func TestMuchAtOnce(t *testing.T) {
	var objects []Object
	for i := range 3 {
		o := policy()
		o.Name, o.UID = fmt.Sprint("p", i), fmt.Sprint(i)
		for j := range 20 {
			o.Findings = append(o.Findings, found(fmt.Sprintf("K%02d", j), "", "High"))
		}
		o.Total = 50
		var old []string
		for j := range mostMarked {
			old = append(old, fmt.Sprintf("K%02d High gone-%d", j%20, j))
		}
		objects = append(objects, marked(o, old...))
	}
	a := Messages(atOnce, objects, Memory{}, noon)
	if n := strings.Count("\n"+a.Message.Text, "\n- "); n != mostTold || !strings.Contains(a.Message.Text, "And 40 more") {
		t.Errorf("%d are listed:\n%s", n, a.Message.Text)
	}
	for _, m := range slices.Concat(a.Intent, a.Marks) {
		if len(m.Mark.Findings) != mostMarked {
			t.Errorf("a mark of %d", len(m.Mark.Findings))
		}
		// What is listed is remembered before what may or may not be there.
		if listed := slices.DeleteFunc(slices.Clone(m.Mark.Findings), func(e string) bool { return strings.Contains(e, "gone") }); len(listed) != 20 {
			t.Errorf("%d of 20 listed findings are remembered", len(listed))
		}
	}
	if n := strings.Count(strings.Join(a.Intent[0].Mark.Findings, "\n"), " Sending"); n != 20 {
		t.Errorf("%d intents, want 20", n)
	}
}

func TestAlerts(t *testing.T) {
	r := Route{Name: "chat", Alerts: true, Severity: api.SeverityMedium, Resolved: true}
	o := marked(policy(found("A", "", "Critical"), found("B", "pvc/x", "Medium"), found("C", "", "Low"), found("P", "", "Pending")), "A High", "G High", "C Medium")
	a := Alerts(r, []Object{o}, noon)
	type line struct {
		labels string
		starts time.Duration
		ends   time.Duration
	}
	var got []line
	for _, alert := range a.Message.Alerts {
		l := alert.Labels
		got = append(got, line{l["alertname"] + " " + l["severity"] + " " + l["subject"], alert.Starts.Sub(noon), alert.Ends.Sub(noon)})
	}
	want := []line{
		{"A Critical ", -time.Hour, 5 * time.Minute}, {"B Medium pvc/x", -time.Hour, 5 * time.Minute},
		{"A High ", 0, 0}, {"C Medium ", 0, 0}, {"G High ", 0, 0},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	first := a.Message.Alerts[0]
	if diff := cmp.Diff(map[string]string{"alertname": "A", "severity": "Critical", "source": "lifeboat", "namespace": "shop", "policy": "orders"}, first.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if keys := slices.Sorted(maps.Keys(first.Annotations)); !slices.Equal(keys, []string{"description", "remedy", "runbook_url", "summary"}) {
		t.Errorf("annotations: %v", first.Annotations)
	}
	if !a.Wake.Equal(noon.Add(time.Minute)) || len(a.Intent) > 0 {
		t.Errorf("it comes back at %s, with %v", a.Wake, a.Intent)
	}
	if diff := cmp.Diff([]string{"A Critical", "B Medium pvc/x"}, entries(a.Marks)); diff != "" {
		t.Errorf("what is remembered (-want +got):\n%s", diff)
	}
	// Once that is written it repeats what is open, and nothing else.
	o.Marks = []api.NotifierMark{a.Marks[0].Mark}
	again := Alerts(r, []Object{o}, noon.Add(time.Minute))
	if len(again.Message.Alerts) != 2 || len(again.Marks) != 0 || !again.Message.Alerts[0].Ends.Equal(noon.Add(6*time.Minute)) {
		t.Errorf("again: %+v", again)
	}
	if quiet := Alerts(r, []Object{policy()}, noon); quiet.Message != nil || !quiet.Wake.IsZero() {
		t.Errorf("of nothing: %+v", quiet)
	}
	hidden := marked(policy(found("A", "y", "High")), "A High y", "A High x")
	hidden.Total = 30
	if h := Alerts(r, []Object{hidden}, noon); len(h.Message.Alerts) != 1 || len(h.Marks) != 0 {
		t.Errorf("what may be there was ended: %+v", h)
	}
	ahead := policy(found("A", "", "High"))
	ahead.Findings[0].Since = metav1.NewTime(noon.Add(time.Hour))
	if starts := Alerts(r, []Object{ahead}, noon).Message.Alerts[0].Starts; starts.After(noon) {
		t.Errorf("it starts at %s", starts)
	}
	fleet := Object{Kind: "ClusterBackupPolicy", Name: "all", Findings: []api.Finding{found("A", "", "High")}, Total: 1}
	if got := Messages(atOnce, []Object{fleet}, Memory{}, noon).Message; got.Title != "Lifeboat: High A in ClusterBackupPolicy all" {
		t.Errorf("the title is %q", got.Title)
	}
	if l := Alerts(r, []Object{fleet}, noon).Message.Alerts[0].Labels; l["cluster_policy"] != "all" || l["policy"] != "" {
		t.Errorf("labels of a cluster's policy: %v", l)
	}
}

func TestStrays(t *testing.T) {
	o := policy()
	o.Marks = []api.NotifierMark{{Notifier: "chat"}, {Notifier: "gone"}}
	if got := Strays([]Object{o}, []string{"chat", "mail"}); len(got) != 1 || got[0].Mark.Notifier != "gone" || !got[0].Remove {
		t.Errorf("strays: %+v", got)
	}
}

func TestBackoff(t *testing.T) {
	for failed, want := range map[int]time.Duration{1: 5 * time.Second, 2: 10 * time.Second, 6: 160 * time.Second, 7: 5 * time.Minute, 1000: 5 * time.Minute} {
		if got := Backoff(failed); got != want {
			t.Errorf("after %d failures: %s, want %s", failed, got, want)
		}
	}
}
