// SPDX-License-Identifier: Apache-2.0

package tell

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// Message is what one notifier is sent.
type Message struct {
	Title, Text string  // for people
	Alerts      []Alert // for an Alertmanager
}

// Runbook is the page of a kind of finding.
func Runbook(kind string) string {
	return "https://github.com/lifeboat-dev/lifeboat/blob/main/docs/runbooks/" + kind + ".md"
}

// mostTold bounds the findings that one message lists.
const mostTold = 20

// compose words changes, which are given in any order.
func compose(batch []change) *Message {
	slices.SortFunc(batch, compare)
	var text strings.Builder
	for i := 0; i < len(batch) && i < mostTold; {
		i += writeGroup(&text, batch[i:min(len(batch), mostTold)])
	}
	if more := len(batch) - mostTold; more > 0 {
		fmt.Fprintf(&text, "\nAnd %d more: kubectl get backuppolicies,clusterbackuppolicies -A\n", more)
	}
	return &Message{Title: title(batch), Text: strings.TrimSpace(text.String())}
}

// title says the worst, and how much else there is. It is one line of plain ASCII: it becomes the subject of a mail.
func title(batch []change) string {
	first := batch[0]
	out := "Lifeboat: " + heading(first) + " in " + first.object.where()
	if more := len(batch) - 1; more > 0 {
		out += fmt.Sprintf(", and %d more", more)
	}
	return out
}

// heading is how loud what is.
func heading(c change) string {
	if c.what == cleared {
		return "cleared " + c.key.kind
	}
	return string(c.is) + " " + c.key.kind
}

// writeGroup writes the first changes that have a heading in common, and tells how many they are.
func writeGroup(to *strings.Builder, batch []change) int {
	head := heading(batch[0])
	fmt.Fprintf(to, "\n%s\n%s\n", head, Runbook(batch[0].key.kind))
	n := 0
	for ; n < len(batch) && heading(batch[n]) == head; n++ {
		writeChange(to, batch[n])
	}
	return n
}

func writeChange(to *strings.Builder, c change) {
	fmt.Fprintf(to, "- %s", c.object.where())
	if c.key.subject != "" {
		fmt.Fprintf(to, ", %s", c.key.subject)
	}
	switch {
	case c.what == cleared && c.was == sending:
		fmt.Fprintf(to, ": it was there; whether that was told is not known\n")
		return
	case c.what == cleared && c.is == "":
		fmt.Fprintf(to, ": it was %s\n", c.was)
		return
	case c.what == cleared:
		fmt.Fprintf(to, ": it was %s, and is %s\n", c.was, c.is)
		return
	case c.what == worsened:
		fmt.Fprintf(to, ", was %s", c.was)
	}
	fmt.Fprintf(to, ", since %s: %s\n", c.finding.Since.UTC().Format(time.RFC3339), c.finding.Message)
	if c.finding.Remedy != "" {
		fmt.Fprintf(to, "  Do: %s\n", c.finding.Remedy)
	}
}

// Trial is a message that shows whether a notifier can be reached, and cannot be taken for more.
func Trial(now time.Time) Message {
	const title, text = "Lifeboat: this is a test", "This is a test of Lifeboat's notifications. Nothing has happened, and nothing is to be done."
	return Message{Title: title, Text: text, Alerts: []Alert{{
		Labels:      map[string]string{"alertname": "LifeboatNotificationTest", "severity": string(api.SeverityLow), "source": "lifeboat"},
		Annotations: map[string]string{"summary": title, "description": text},
		Starts:      now, Ends: now.Add(trialEnds),
	}}}
}

// trialEnds is after how long the alert of a trial ends: long enough to be passed on by an Alertmanager that groups for minutes.
const trialEnds = 5 * time.Minute

// Alert is a finding as an Alertmanager knows it. It ends by itself unless it is sent again.
type Alert struct {
	Labels, Annotations map[string]string
	Starts, Ends        time.Time
}

// An Alertmanager is told of what is open again and again, because it forgets what is not repeated.
const (
	repeatAlerts = time.Minute
	alertsLast   = 5 * time.Minute
)

// Alerts decides what an Alertmanager is sent: all that is open, with an end that every repetition moves on, and once, until it was
// accepted, the end of what it was told of and is not open any more. It groups and waits by itself.
func Alerts(r Route, objects []Object, now time.Time) Answer {
	a := Answer{}
	var alerts []Alert
	for i := range objects {
		o := &objects[i]
		was, _ := toldOf(o, r.Name)
		is := map[key]api.Severity{}
		differs := false
		for _, k := range sortedKeys(r.open(o)) {
			f := o.find(k)
			is[k] = f.Severity
			differs = differs || was[k] != f.Severity
			alerts = append(alerts, open(o, f, now))
		}
		for _, k := range sortedKeys(was) {
			s := was[k]
			switch {
			case is[k] == s:
				continue
			case is[k] == "" && r.covers(o) && o.find(k) == nil && o.hides(k.kind):
				is[k] = s // it may be there: it ends by itself
				continue
			}
			differs = true
			alerts = append(alerts, Alert{Labels: alertLabels(o, k, s), Annotations: map[string]string{}, Starts: now, Ends: now})
		}
		if differs {
			m := mark(o, r.Name, is, secondsUp(now))
			m.Remove = !r.covers(o)
			a.Marks = append(a.Marks, m)
		}
	}
	if len(alerts) > 0 {
		a.Message = &Message{Alerts: alerts}
		a.Wake = now.Add(repeatAlerts)
	}
	return a
}

// sortedKeys are the keys of a map in an order that does not change.
func sortedKeys[V any](m map[key]V) []key {
	return slices.SortedFunc(maps.Keys(m), key.compare)
}

func open(o *Object, f *api.Finding, now time.Time) Alert {
	starts := f.Since.Time
	if starts.After(now) { // it would not be accepted
		starts = now
	}
	about := o.where()
	if f.Subject != "" {
		about += ", " + f.Subject
	}
	return Alert{
		Labels: alertLabels(o, key{f.Kind, f.Subject}, f.Severity),
		Annotations: map[string]string{
			"summary": f.Kind + " in " + about, "description": f.Message, "remedy": f.Remedy, "runbook_url": Runbook(f.Kind),
		},
		Starts: starts, Ends: now.Add(alertsLast),
	}
}

// alertLabels tell alerts apart. One that is as loud as it was keeps them; one that became louder is another.
func alertLabels(o *Object, k key, s api.Severity) map[string]string {
	out := map[string]string{"alertname": k.kind, "severity": string(s), "source": "lifeboat"}
	name := "policy"
	if o.Kind == KindClusterPolicy {
		name = "cluster_policy" // as in the metrics
	}
	for label, value := range map[string]string{name: o.Name, "namespace": o.Namespace, "subject": k.subject} {
		if value != "" { // an empty label is none
			out[label] = value
		}
	}
	return out
}

// Backoff is after how long a message that was not accepted is tried again.
func Backoff(failed int) time.Duration {
	const first, most = 5 * time.Second, 5 * time.Minute
	wait := first
	for range failed - 1 {
		if wait = 2 * wait; wait >= most {
			return most
		}
	}
	return wait
}
