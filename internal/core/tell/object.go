// SPDX-License-Identifier: Apache-2.0

package tell

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// Object is something that findings are about, as its status shows it.
type Object struct {
	Kind, Namespace, Name, UID string

	Findings []api.Finding // as listed, worst first
	Total    int           // how many there are, those that are not listed too
	Marks    []api.NotifierMark
}

// Kinds of objects with findings.
const (
	KindPolicy        = "BackupPolicy"
	KindClusterPolicy = "ClusterBackupPolicy"
)

// where is how people call an object.
func (o *Object) where() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Namespace + "/" + o.Name
}

// Route says what one notifier is told.
type Route struct {
	Name        string
	Alerts      bool         // it keeps what is open by itself, and is told of all of it again and again
	Severity    api.Severity // the least that it is told
	Namespaces  []string     // names or patterns; empty stands for all
	Resolved    bool         // it is told what cleared
	GroupWait   time.Duration
	MinInterval time.Duration
}

// covers says whether a notifier is told of an object. Objects without a namespace are for those alone who are told of all namespaces.
func (r *Route) covers(o *Object) bool {
	return len(r.Namespaces) == 0 || slices.ContainsFunc(r.Namespaces, func(pattern string) bool {
		ok, err := path.Match(pattern, o.Namespace)
		return err == nil && ok && o.Namespace != ""
	})
}

// open are the findings that a notifier is to know of.
func (r *Route) open(o *Object) map[key]*api.Finding {
	out := map[key]*api.Finding{}
	if !r.covers(o) {
		return out
	}
	for i := range o.Findings {
		f := &o.Findings[i]
		if _, worse := out[key{f.Kind, f.Subject}]; worse {
			continue
		}
		if f.Severity != api.SeverityPending && drift.Rank(f.Severity) <= drift.Rank(r.Severity) {
			out[key{f.Kind, f.Subject}] = f
		}
	}
	return out
}

// key tells the findings of an object apart.
type key struct{ kind, subject string }

func (k key) compare(other key) int {
	return cmp.Or(strings.Compare(k.kind, other.kind), strings.Compare(k.subject, other.subject))
}

// mostMarked bounds the entries of a mark: twice what a status lists, for as much may have cleared as has come.
const mostMarked = 2 * drift.MostListed

// sending stands for the severity while a message is on its way.
const sending = api.Severity("Sending")

// entry is a finding in a mark. The subject comes last: it may hold spaces, or be absent.
func entry(k key, s api.Severity) string {
	if k.subject == "" {
		return k.kind + " " + string(s)
	}
	return k.kind + " " + string(s) + " " + k.subject
}

// toldOf reads a notifier's mark of an object, and when it was last told something of it.
func toldOf(o *Object, notifier string) (was map[key]api.Severity, at time.Time) {
	was = map[key]api.Severity{}
	for i := range o.Marks {
		if o.Marks[i].Notifier != notifier {
			continue
		}
		if t := o.Marks[i].At; t != nil {
			at = t.Time
		}
		for _, e := range o.Marks[i].Findings {
			kind, rest, _ := strings.Cut(e, " ")
			severity, subject, _ := strings.Cut(rest, " ")
			was[key{kind, subject}] = api.Severity(severity)
		}
	}
	return was, at
}

// hides says whether a finding may be there although it is not listed. Lists hold the worst finding of each kind first, and
// then what there is room for.
func (o *Object) hides(kind string) bool {
	if o.Total <= len(o.Findings) {
		return false
	}
	kinds := map[string]bool{}
	for i := range o.Findings {
		kinds[o.Findings[i].Kind] = true
	}
	return kinds[kind] || len(kinds) >= drift.MostListed
}

// Mark is what is to be written on an object.
type Mark struct {
	Object *Object
	Mark   api.NotifierMark
	Remove bool // the notifier knows nothing of the object any more, and need not
}

// mark makes a notifier's mark. For what there is no room it is as if it had never been told.
func mark(o *Object, notifier string, now map[key]api.Severity, at time.Time) Mark {
	first := func(k key) int { // what must not be forgotten comes first
		switch {
		case now[k] == sending:
			return 0
		case o.find(k) != nil:
			return 1
		}
		return 2
	}
	keys := slices.SortedFunc(maps.Keys(now), func(a, b key) int {
		return cmp.Or(first(a)-first(b), drift.Rank(now[a])-drift.Rank(now[b]), a.compare(b))
	})
	m := Mark{Object: o, Mark: api.NotifierMark{Notifier: notifier}}
	if !at.IsZero() {
		t := metav1.NewTime(at)
		m.Mark.At = &t
	}
	for _, k := range keys[:min(len(keys), mostMarked)] {
		m.Mark.Findings = append(m.Mark.Findings, entry(k, now[k]))
	}
	return m
}

// Strays are the marks of notifiers that are not there any more.
func Strays(objects []Object, notifiers []string) []Mark {
	var out []Mark
	for i := range objects {
		for _, m := range objects[i].Marks {
			if !slices.Contains(notifiers, m.Notifier) {
				out = append(out, Mark{Object: &objects[i], Mark: m, Remove: true})
			}
		}
	}
	return out
}

// secondsUp is an instant as a status holds it, never earlier than it was.
func secondsUp(t time.Time) time.Time {
	up := t.UTC().Truncate(time.Second)
	if up.Before(t) {
		up = up.Add(time.Second)
	}
	return up
}
