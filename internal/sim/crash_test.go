// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	debug.SetGCPercent(400) // worlds are small and short-lived, and memory is cheaper than time
	os.Exit(m.Run())
}

// fault spoils one request. It says what the operator gets to hear, and does the request or not.
type fault struct {
	name  string
	reads bool // it strikes reads too
	kills bool // it strikes hooks too
	mute  bool // what was written is not heard of, so that nobody is told
	spoil func(o *Operator, do func() error) error
}

var errTimeout = context.DeadlineExceeded

func faults() []fault {
	any := schema.GroupResource{Resource: "things"}
	refused := func(err error) func(*Operator, func() error) error {
		return func(*Operator, func() error) error { return err }
	}
	return []fault{
		{"the operator is killed before it", false, true, false, func(o *Operator, _ func() error) error {
			o.Dead = true
			return errDead
		}},
		{"the operator is killed after it", false, true, true, func(o *Operator, do func() error) error {
			err := do()
			o.Dead = true
			return errors.Join(err, errDead)
		}},
		{"409", false, false, false, refused(apierrors.NewConflict(any, "x", errors.New("the object has been modified")))},
		{"429", false, false, false, refused(apierrors.NewTooManyRequests("slow down", 1))},
		{"500", true, false, false, refused(apierrors.NewInternalError(errors.New("etcd has no leader")))},
		{"503", false, false, false, refused(&apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusServiceUnavailable, Reason: metav1.StatusReasonServiceUnavailable, Message: "no endpoints"}})},
		{"a timeout, not done", false, false, false, refused(errTimeout)},
		{"a timeout, done", false, false, true, func(_ *Operator, do func() error) error {
			_ = do()
			return errTimeout
		}},
	}
}

// at spoils the n-th request that the fault is meant for, counted from one, and tells whether it came to that.
func (f fault) at(n int, o **Operator, hit *testkit.Call) testkit.Around {
	seen := 0
	return func(c testkit.Call, do func() error) error {
		if (!f.reads && !c.Verb.Writes()) || (c.Verb == hookVerb && !f.kills) {
			return do()
		}
		if seen++; seen != n {
			return do()
		}
		*hit = c
		return f.spoil(*o, do)
	}
}

// TestEveryRequestMayFail strikes each scenario at each request with each fault, starts the operator again where it was
// killed, and compares the end with that of the run in which all went well.
func TestEveryRequestMayFail(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			from := s.begin(t)
			calm, _, err := s.run(from, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			want, runs := calm.Dump(), 0
			most, _ := s.told(calm, fault{}, testkit.Call{})
			most += mostErrors
			for i, f := range faults() {
				step := s.step(f)
				for n := 1 + i%step; ; n += step {
					hit := s.strike(t, from, f, n, want, most)
					if runs++; !hit || t.Failed() {
						break
					}
				}
			}
			t.Logf("%d runs", runs)
		})
	}
}

// step is each how manieth request a fault strikes. Reads are many, and mostly alike.
func (s scenario) step(f fault) int {
	const oftener = 8 // than reads
	if f.reads {
		return max(1, s.sample)
	}
	return max(1, s.sample/oftener)
}

// strike plays a scenario with one fault and reports what is wrong in the end. It says whether the fault struck at all.
func (s scenario) strike(t *testing.T, from *World, f fault, n int, want string, most int) bool {
	t.Helper()
	o := new(Operator)
	var hit testkit.Call
	w, first, err := s.runWith(from, f.at(n, &o, &hit), func(started *Operator) { o = started })
	if hit.Verb == "" {
		return false
	}
	before := len(w.Checks.Found)
	rest, restErr := w.Writes()
	switch {
	case err != nil:
	case restErr != nil:
		err = restErr
	case rest > 0:
		err = fmt.Errorf("invariant 9: at rest the operator writes %d times", rest)
	case before > 0:
		err = errors.New(w.Checks.Found[0])
	case w.Dump() != want:
		err = fmt.Errorf("the end differs:\n%s", differences(want, w.Dump()))
	default:
		var told int
		if told, err = s.told(w, f, hit); err == nil && told > most {
			err = fmt.Errorf("%d events tell of findings, where %d are enough", told, most)
		}
	}
	if err == nil {
		s.expect(t, w)
		return true
	}
	t.Errorf("%s, at request %d, which is to %s: %v", f.name, n, hit, err)
	for _, l := range first.Log {
		t.Log(l)
	}
	return true
}

// differences shows for each object that two dumps tell differently the first place where they part.
func differences(want, got string) string {
	lines := func(s string) map[string]string {
		out := map[string]string{}
		for l := range strings.Lines(s) {
			id, _, _ := strings.Cut(l, " {")
			out[id] = l
		}
		return out
	}
	var b strings.Builder
	w, g := lines(want), lines(got)
	for _, id := range slices.Sorted(maps.Keys(w)) {
		if b.Len() > 2000 {
			return b.String()
		}
		l := w[id]
		if m, ok := g[id]; !ok {
			fmt.Fprintf(&b, "missing: %.300s\n", l)
		} else if l != m {
			i := 0
			for i < min(len(l), len(m)) && l[i] == m[i] {
				i++
			}
			from := max(0, i-60)
			fmt.Fprintf(&b, "%s\n  without fault ...%.200s\n  with it       ...%.200s\n", id, l[from:], m[from:])
		}
	}
	for id, l := range g {
		if _, ok := w[id]; !ok {
			fmt.Fprintf(&b, "too much: %.300s\n", l)
		}
	}
	return b.String()
}
