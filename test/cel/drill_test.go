// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func validDrill() *object {
	return base("RestoreDrill", map[string]any{"policy": map[string]any{"name": "sync"}})
}

func TestRestoreDrill(t *testing.T) {
	for _, c := range drillCases() {
		t.Run(c.name, func(t *testing.T) {
			o := validDrill()
			c.mutate(o)
			check(t, cluster.Create(t.Context(), o, client.DryRunAll), c.wantErrors)
		})
	}
}

func drillCases() []testCase {
	name := refusal{"<nil>", "metadata.name must be at most 63 characters, because it is used as a label value; choose a shorter name"}
	one := refusal{"spec", "exactly one of policy and recoveryPoint must be set; policy lets Lifeboat choose the point, recoveryPoint names it"}
	point := map[string]any{"name": "sync-now"}
	out := []testCase{
		{name: "unchanged", mutate: func(*object) {}},
		{name: "name of 63", mutate: func(o *object) { o.SetName(strings.Repeat("a", 63)) }},
		{name: "name of 64", mutate: func(o *object) { o.SetName(strings.Repeat("a", 64)) }, wantErrors: []refusal{name}},
		{name: "of a point", mutate: func(o *object) { o.drop("spec.policy"); o.set("spec.recoveryPoint", point) }},
		{name: "of a policy and of a point", mutate: func(o *object) { o.set("spec.recoveryPoint", point) }, wantErrors: []refusal{one}},
		{name: "of nothing", mutate: func(o *object) { o.drop("spec.policy") }, wantErrors: []refusal{one}},
		{name: "a choice of one point", mutate: func(o *object) {
			o.drop("spec.policy")
			o.set("spec.recoveryPoint", point)
			o.set("spec.select", "Latest")
		}, wantErrors: []refusal{{"spec.select", "select chooses among the points of a policy; leave it out when recoveryPoint names one"}}},
		sets("spec.policy.name", "", refusal{"spec.policy.name", "should be at least 1 chars long"}),
		sets("spec.slot", "2026-11-23T03:00:00Z"),
		sets("spec.slot", "tomorrow", refusal{"spec.slot", "must be of type date-time"}),
	}
	return append(out, drillOptionCases("spec", func(*object) {})...)
}

// withDrill gives a policy a drill.
func withDrill(o *object) { o.set("spec.drill.cron", "0 3 * * *") }

// drillOptionCases are those of the options that a policy and a drill have in common, at a path.
func drillOptionCases(at string, first func(*object)) []testCase {
	put := func(field string, value any, want ...refusal) testCase {
		c := sets(at+"."+field, value, want...)
		return testCase{name: c.name, wantErrors: want, mutate: func(o *object) { first(o); c.mutate(o) }}
	}
	out := []testCase{
		put("select", "Rotate"),
		put("from", "Snapshot"), put("from", "Copy"),
		put("from", "Any", refusal{at + ".from", "from must be Snapshot or Copy: a drill proves one of them, and says which"}),
		put("from", "Tape", refusal{at + ".from", `Unsupported value: "Tape"`}),
		put("select", "Newest", refusal{at + ".select", `supported values: "Latest", "Random", "Oldest", "Rotate"`}),
		put("storageClassName", strings.Repeat("a", 254), refusal{at + ".storageClassName", "may not be more than 253 bytes"}),
	}
	if at == "spec.drill" {
		out = append(out, put("history", int64(1)), put("history", int64(0), refusal{at + ".history", "should be greater than or equal to 1"}),
			put("history", int64(101), refusal{at + ".history", "should be less than or equal to 100"}))
	}
	for _, d := range []struct{ field, name, example, low, high, tooLow, tooHigh, bounds string }{
		{"timeout", "timeout", "90s, 10m or 1h30m", "30s", "24h", "29s", "24h1s", "timeout must be between 30s and 24h"},
		{"cleanup.onSuccess", "onSuccess", "0s, 10m or 24h", "0s", "168h", "", "168h1s", "onSuccess must be at most 168h"},
		{"cleanup.onFailure", "onFailure", "0s, 10m or 24h", "0s", "168h", "", "169h", "onFailure must be at most 168h"},
	} {
		out = append(out, put(d.field, d.low), put(d.field, d.high), put(d.field, d.tooHigh, refusal{at + "." + d.field, d.bounds}))
		if d.tooLow != "" {
			out = append(out, put(d.field, d.tooLow, refusal{at + "." + d.field, d.bounds}))
		}
		for _, bad := range []string{"10", "-10m", "1d", "forever"} {
			out = append(out, put(d.field, bad, refusal{at + "." + d.field, d.name + " must be a duration such as " + d.example}))
		}
	}
	for _, c := range checkCases(at + ".checks") {
		out = append(out, put("checks", c.list, c.want...))
	}
	return out
}

// checkCase is a list of checks.
type checkCase struct {
	list []any
	want []refusal
}

// withCheck is a valid check, changed.
func withCheck(change func(map[string]any)) map[string]any {
	c := map[string]any{"name": "files", "proves": "Consistent", "image": "registry.test/check:1", "command": []any{"check"}}
	change(c)
	return c
}

// checkCases are lists of checks at a path, and what is said of them.
func checkCases(at string) []checkCase {
	one := func(change func(map[string]any), want ...refusal) checkCase {
		return checkCase{[]any{withCheck(change)}, want}
	}
	put := func(key string, value any, want ...refusal) checkCase {
		return one(func(c map[string]any) { c[key] = value }, want...)
	}
	first := at + "[0]"
	answering := withCheck(func(c map[string]any) { c["name"], c["proves"] = "client", "Answering" })
	cumulative := refusal{at, "levels are cumulative: a check that proves Answering needs another one that proves Consistent; add one"}
	needs := refusal{first, "a check needs a command, whose exit code 0 passes, or an application with a probe, or both"}
	probe := refusal{first + ".application", "without a command, the application needs a probe that says whether it answers: set http, tcp or exec"}
	application := func(a map[string]any, want ...refusal) checkCase {
		return one(func(c map[string]any) { delete(c, "command"); c["application"] = a }, want...)
	}
	tcp, http, exec := map[string]any{"port": int64(5432)}, map[string]any{"port": int64(8080), "path": "/ready"}, map[string]any{"command": []any{"ask"}}
	several := refusal{first + ".application", "at most one of http, tcp and exec may be set; keep one and remove the others"}
	variable := func(name string, want ...refusal) checkCase {
		return put("env", []any{map[string]any{"name": name, "value": "x"}}, want...)
	}
	mount := func(path string, want ...refusal) checkCase {
		return put("mounts", []any{map[string]any{"claim": "data", "path": path}}, want...)
	}
	many := make([]any, 9)
	for i := range many {
		many[i] = withCheck(func(c map[string]any) { c["name"] = fmt.Sprint("c", i) })
	}
	out := []checkCase{
		one(func(map[string]any) {}),
		{[]any{withCheck(func(map[string]any) {}), answering}, nil},
		{[]any{answering}, []refusal{cumulative}},
		{[]any{withCheck(func(map[string]any) {}), withCheck(func(map[string]any) {})}, []refusal{{at + "[1]", "Duplicate value"}}},
		{many, []refusal{{at, "must have at most 8 items"}}},
		one(func(c map[string]any) { delete(c, "command") }, needs),
		application(map[string]any{"tcp": tcp}), application(map[string]any{"http": http}), application(map[string]any{"exec": exec}),
		application(map[string]any{}, probe),
		application(map[string]any{"tcp": tcp, "http": http}, several),
		application(map[string]any{"tcp": tcp, "exec": exec, "http": http}, several),
		application(map[string]any{"tcp": map[string]any{"port": int64(0)}}, refusal{first + ".application.tcp.port", "should be greater than or equal to 1"}),
		application(map[string]any{"http": map[string]any{"port": int64(80), "path": "ready"}}, refusal{first + ".application.http.path", "should match"}),
		put("application", map[string]any{}),
		put("name", "Files", refusal{first + ".name", "should match"}),
		put("name", strings.Repeat("a", 41), refusal{first + ".name", "may not be more than 40 bytes"}),
		put("proves", "Intact", refusal{first + ".proves", "proves must be Consistent or Answering; what is less deep is proven by reading, without a check"}),
		put("proves", "Total", refusal{first + ".proves", "Unsupported value"}),
		put("image", "", refusal{first + ".image", "should be at least 1 chars long"}),
		put("command", []any{}, refusal{first + ".command", "should have at least 1 items"}),
		put("runAsUser", int64(1)), put("runAsUser", int64(0), refusal{first + ".runAsUser", "should be greater than or equal to 1"}),
		put("runAsGroup", int64(0), refusal{first + ".runAsGroup", "should be greater than or equal to 1"}),
		variable("PGDATA"), variable("1PG", refusal{first + ".env[0].name", "should match"}),
		mount("/var/lib/pg"), mount("var", refusal{first + ".mounts[0].path", "should match"}), mount("/a:b", refusal{first + ".mounts[0].path", "should match"}),
		put("timeout", "1s"), put("timeout", "12h"),
		put("timeout", "soon", refusal{first + ".timeout", "timeout of a check must be a duration such as 90s, 10m or 1h30m"}),
		put("timeout", "999ms", refusal{first + ".timeout", "timeout of a check must be between 1s and 12h"}),
		put("timeout", "12h1s", refusal{first + ".timeout", "timeout of a check must be between 1s and 12h"}),
	}
	return out
}

// changeDrill asks for a change of what a drill rehearses.
func changeDrill(t *testing.T) error {
	t.Helper()
	o := validDrill()
	o.SetName("edited-drill")
	if err := cluster.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}()
	o.set("spec.select", "Oldest")
	return cluster.Update(t.Context(), o, client.DryRunAll)
}

func TestRestoreDrillIsImmutable(t *testing.T) {
	check(t, changeDrill(t), []refusal{{"spec", "spec is immutable; create another RestoreDrill instead"}})
}
