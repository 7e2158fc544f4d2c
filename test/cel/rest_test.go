// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"fmt"
	"strings"
)

func durationCases() []testCase {
	var out []testCase
	hook := "spec.snapshot.hooks[0].timeout"
	for _, f := range []struct {
		field, name, low, high, bounds string
		tooLow, tooHigh                string
	}{
		{field: "spec.schedule.jitter", name: "jitter", low: "0s", high: "24h", tooHigh: "24h1s", bounds: "must be at most 24h"},
		{field: "spec.schedule.startingDeadline", name: "startingDeadline", low: "10s", high: "9000h", tooLow: "9s", bounds: "must be at least 10s, or no slot could ever start in time"},
		{field: "spec.snapshot.timeout", name: "timeout", low: "10s", high: "24h", tooLow: "9999ms", tooHigh: "1441m", bounds: "must be between 10s and 24h"},
		{field: "spec.objectives.recoveryPoint", name: "recoveryPoint", low: "1m", high: "999999h", tooLow: "59.999s", bounds: "must be at least 1m"},
		{field: "spec.objectives.recoveryTime", name: "recoveryTime", low: "1s", high: "999999h", tooLow: "999ms", bounds: "must be at least 1s"},
		{field: "spec.objectives.proofWithin", name: "proofWithin", low: "1m", high: "999999h", tooLow: "59s", bounds: "must be at least 1m"},
		{field: hook, name: "timeout of a hook", low: "1s", high: "10m", tooLow: "999ms", tooHigh: "1h", bounds: "must be between 1s and 10m"},
	} {
		set := func(value string, want ...refusal) testCase {
			return testCase{name: fmt.Sprintf("%s=%s", f.field, value), wantErrors: want, mutate: func(o *object) {
				if f.field == hook {
					o.set("spec.snapshot.hooks", []any{withHook(func(h map[string]any) { h["timeout"] = value })})
					return
				}
				o.set(f.field, value)
			}}
		}
		out = append(out, set(f.low), set(f.high))
		example := "90s, 10m or 1h30m"
		if f.name == "proofWithin" {
			example = "90m, 24h or 168h"
		}
		for _, bad := range []string{"10", "10 m", "-10m", "P1D", "1d", "ten minutes", "", "99999999h", "1m-"} {
			out = append(out, set(bad, refusal{f.field, f.name + " must be a duration such as " + example}))
		}
		for _, bad := range []string{f.tooLow, f.tooHigh} {
			if bad != "" {
				out = append(out, set(bad, refusal{f.field, f.bounds}))
			}
		}
		out = append(out, set(strings.Repeat("1m", 11), refusal{f.field, "may not be more than 20 bytes"}))
	}
	return append(out, sets("spec.schedule.jitter", int64(90), refusal{"spec.schedule.jitter", `must be of type string: "integer"`}),
		sets("spec.schedule.jitter", "1h30m"), sets("spec.schedule.jitter", "1.5h"))
}

func volumeCases() []testCase {
	const field = "spec.volumes"
	one := refusal{field, "exactly one of selector, claims and workload must be set; keep one and remove the others"}
	workload := map[string]any{"kind": "StatefulSet", "name": "db"}
	labels := map[string]any{"matchLabels": map[string]any{"app": "sync"}}
	volumes := func(v map[string]any, want ...refusal) testCase { return sets(field, v, want...) }
	expression := func(e map[string]any, want ...refusal) testCase {
		return volumes(map[string]any{"selector": map[string]any{"matchExpressions": []any{e}}}, want...)
	}
	const (
		claim       = field + ".claims[0]"
		requirement = field + ".selector.matchExpressions[0]"
	)
	values := refusal{requirement, "values must be given for operator In and NotIn, and left out for operator Exists and DoesNotExist"}
	return []testCase{
		{name: "no volumes", mutate: func(o *object) { o.drop(field) }, wantErrors: []refusal{{field, "Required value"}}},
		volumes(map[string]any{"selector": map[string]any{}}),
		volumes(map[string]any{"claims": []any{"contacts", "photos.v1"}}),
		volumes(map[string]any{"workload": workload}),
		volumes(map[string]any{"workload": map[string]any{"kind": "Deployment", "name": "web"}}),
		volumes(map[string]any{}, one),
		volumes(map[string]any{"selector": labels, "claims": []any{"contacts"}}, one),
		volumes(map[string]any{"selector": labels, "workload": workload}, one),
		volumes(map[string]any{"claims": []any{"contacts"}, "workload": workload}, one),
		volumes(map[string]any{"selector": labels, "claims": []any{"contacts"}, "workload": workload}, one),
		volumes(map[string]any{"claims": []any{}}, refusal{field + ".claims", "should have at least 1 items"}),
		volumes(map[string]any{"claims": []any{"a", "a"}}, refusal{field + ".claims[1]", "Duplicate value"}),
		volumes(map[string]any{"claims": []any{""}}, refusal{claim, "should be at least 1 chars long"}),
		volumes(map[string]any{"claims": []any{"Contacts"}}, refusal{claim, "should match"}),
		volumes(map[string]any{"claims": []any{"other/contacts"}}, refusal{claim, "should match"}),
		volumes(map[string]any{"claims": []any{strings.Repeat("a", 254)}}, refusal{claim, "may not be more than 253 bytes"}),
		volumes(map[string]any{"claims": names(1000)}),
		volumes(map[string]any{"claims": names(1001)}, refusal{field + ".claims", "must have at most 1000 items"}),
		volumes(map[string]any{"workload": map[string]any{"kind": "DaemonSet", "name": "x"}}, refusal{field + ".workload.kind", `supported values: "StatefulSet", "Deployment"`}),
		volumes(map[string]any{"workload": map[string]any{"kind": "Deployment"}}, refusal{field + ".workload.name", "Required value"}),
		volumes(map[string]any{"workload": map[string]any{"kind": "Deployment", "name": ""}}, refusal{field + ".workload.name", "should be at least 1 chars long"}),
		expression(map[string]any{"key": "app", "operator": "In", "values": []any{"a", "b"}}),
		expression(map[string]any{"key": "example.com/app", "operator": "Exists"}),
		expression(map[string]any{"key": "app", "operator": "In"}, values),
		expression(map[string]any{"key": "app", "operator": "NotIn", "values": []any{}}, values),
		expression(map[string]any{"key": "app", "operator": "Exists", "values": []any{"a"}}, values),
		expression(map[string]any{"key": "app", "operator": "DoesNotExist", "values": []any{"a"}}, values),
		expression(map[string]any{"key": "app", "operator": "Gt", "values": []any{"1"}}, refusal{requirement + ".operator", `supported values: "In", "NotIn", "Exists", "DoesNotExist"`}),
		expression(map[string]any{"key": "-app-", "operator": "Exists"}, refusal{requirement + ".key", "should match"}),
		expression(map[string]any{"key": "", "operator": "Exists"}, refusal{requirement + ".key", "should be at least 1 chars long"}),
		expression(map[string]any{"key": "app", "operator": "In", "values": []any{strings.Repeat("a", 64)}}, refusal{requirement + ".values[0]", "may not be more than 63 bytes"}),
	}
}

func names(n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = fmt.Sprintf("claim-%d", i)
	}
	return out
}

func retentionCases() []testCase {
	const field = "spec.retention"
	nothing := refusal{field, "retention keeps nothing; set at least one of last, hourly, daily, weekly, monthly and yearly to 1 or more"}
	out := []testCase{
		{name: "no retention", mutate: func(o *object) { o.drop(field) }, wantErrors: []refusal{{field, "Required value"}}},
		sets(field, map[string]any{}, nothing),
		sets(field, map[string]any{"last": int64(0)}, nothing),
		sets(field, map[string]any{"minimum": int64(2)}, nothing),
		sets(field, map[string]any{"daily": int64(0), "weekly": int64(0)}, nothing),
		sets(field+".minimum", int64(1)),
		sets(field+".minimum", int64(0), refusal{field + ".minimum", "should be greater than or equal to 1"}),
		sets(field+".minimum", int64(1001), refusal{field + ".minimum", "should be less than or equal to 1000"}),
		sets(field+".last", "3", refusal{field + ".last", `must be of type integer: "string"`}),
	}
	for _, rule := range []string{"last", "hourly", "daily", "weekly", "monthly", "yearly"} {
		at := field + "." + rule
		out = append(out,
			sets(field, map[string]any{rule: int64(1)}),
			sets(at, int64(1000)),
			sets(at, int64(1001), refusal{at, "should be less than or equal to 1000"}),
			sets(field, map[string]any{"last": int64(2), "daily": int64(2), rule: int64(-1)}, refusal{at, "should be greater than or equal to 0"}))
	}
	return out
}

func snapshotCases() []testCase {
	const field = "spec.snapshot.consistency"
	group := refusal{field, "consistency Group and PreferGroup need spec.volumes.selector, because Kubernetes selects the members of a group snapshot by label; select the claims by label, or use consistency Crash"}
	consistent := func(c string, volumes map[string]any, want ...refusal) testCase {
		return testCase{name: fmt.Sprintf("%s of %v", c, volumes), wantErrors: want, mutate: func(o *object) {
			o.set(field, c)
			if volumes != nil {
				o.set("spec.volumes", volumes)
			}
		}}
	}
	claims := map[string]any{"claims": []any{"contacts"}}
	workload := map[string]any{"workload": map[string]any{"kind": "StatefulSet", "name": "db"}}
	return []testCase{
		consistent("Crash", claims),
		consistent("Group", nil),
		consistent("PreferGroup", nil),
		consistent("Group", claims, group),
		consistent("PreferGroup", workload, group),
		consistent("group", nil, refusal{field, `supported values: "Crash", "Group", "PreferGroup"`}),
		sets("spec.snapshot.className", strings.Repeat("a", 254), refusal{"spec.snapshot.className", "may not be more than 253 bytes"}),
		sets("spec.snapshot.groupClassName", strings.Repeat("a", 254), refusal{"spec.snapshot.groupClassName", "may not be more than 253 bytes"}),
	}
}

// withHook is a valid hook, changed.
func withHook(change func(map[string]any)) map[string]any {
	h := map[string]any{"name": "checkpoint", "when": "Before", "selector": map[string]any{}, "command": []any{"sync"}}
	change(h)
	return h
}

func hookCases() []testCase {
	const list = "spec.snapshot.hooks"
	one := func(name string, change func(map[string]any), want ...refusal) testCase {
		return testCase{name: "hook " + name, wantErrors: want, mutate: func(o *object) { o.set(list, []any{withHook(change)}) }}
	}
	put := func(key string, value any, want ...refusal) testCase {
		return one(fmt.Sprintf("%s=%.40v", key, value), func(h map[string]any) { h[key] = value }, want...)
	}
	lack := func(key string) testCase {
		return one("without "+key, func(h map[string]any) { delete(h, key) }, refusal{list + "[0]." + key, "Required value"})
	}
	many := make([]any, 17)
	for i := range many {
		many[i] = withHook(func(h map[string]any) { h["name"] = fmt.Sprintf("h%d", i) })
	}
	commands := refusal{list, "the commands of all hooks together must be at most 8192 characters; put longer scripts into the image"}
	return []testCase{
		put("command", []any{"sh", "-c", strings.Repeat("a", 4096)}),
		put("command", []any{strings.Repeat("a", 4096), strings.Repeat("a", 4096), "a"}, commands),
		put("command", []any{strings.Repeat("a", 4097)}, refusal{list + "[0].command[0]", "may not be more than 4096 bytes"}),
		put("container", "db"), put("onError", "Continue"), put("when", "After"),
		lack("name"), lack("when"), lack("selector"), lack("command"),
		put("name", "Check_point", refusal{list + "[0].name", "should match"}),
		put("name", strings.Repeat("a", 64), refusal{list + "[0].name", "may not be more than 63 bytes"}),
		put("when", "During", refusal{list + "[0].when", `supported values: "Before", "After"`}),
		put("onError", "Ignore", refusal{list + "[0].onError", `supported values: "Abort", "Continue"`}),
		put("command", []any{}, refusal{list + "[0].command", "should have at least 1 items"}),
		put("container", strings.Repeat("a", 64), refusal{list + "[0].container", "may not be more than 63 bytes"}),
		put("selector", map[string]any{"matchExpressions": []any{map[string]any{"key": "app", "operator": "In"}}},
			refusal{list + "[0].selector.matchExpressions[0]", "values must be given for operator In and NotIn, and left out for operator Exists and DoesNotExist"}),
		sets(list, []any{withHook(func(map[string]any) {}), withHook(func(map[string]any) {})}, refusal{list + "[1]", "Duplicate value"}),
		sets(list, many, refusal{list, "must have at most 16 items"}),
	}
}

func wholeCases() []testCase {
	name := refusal{"<nil>", "metadata.name must be at most 63 characters, because it is used as a label value; choose a shorter name"}
	return []testCase{
		{name: "unchanged", mutate: func(*object) {}},
		{name: "name of 63", mutate: func(o *object) { o.SetName(strings.Repeat("a", 63)) }},
		{name: "name of 64", mutate: func(o *object) { o.SetName(strings.Repeat("a", 64)) }, wantErrors: []refusal{name}},
		{name: "no spec", mutate: func(o *object) { o.drop("spec") }, wantErrors: []refusal{{"spec", "Required value"}}},
		sets("spec.suspend", true),
		sets("spec.suspend", "true", refusal{"spec.suspend", `must be of type boolean: "string"`}),
		sets("spec.onDelete", "Prune"),
		sets("spec.onDelete", "Delete", refusal{"spec.onDelete", `supported values: "Retain", "Prune"`}),
	}
}
