// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func validRestore() *object {
	return base("Restore", map[string]any{"recoveryPoint": map[string]any{"name": "good"}})
}

func TestRestore(t *testing.T) {
	for _, c := range restoreCases() {
		t.Run(c.name, func(t *testing.T) {
			o := validRestore()
			c.mutate(o)
			check(t, cluster.Create(t.Context(), o, client.DryRunAll), c.wantErrors)
		})
	}
}

// ofPolicy has a restore select among the points of a policy, and then changes it further.
func ofPolicy(name string, mutate func(*object), want ...refusal) testCase {
	return testCase{name: name, wantErrors: want, mutate: func(o *object) {
		o.drop("spec.recoveryPoint")
		o.set("spec.policy", map[string]any{"name": "sync"})
		mutate(o)
	}}
}

// inPlace has a restore replace volumes, and then sets one field more.
func inPlace(path string, value any, want ...refusal) testCase {
	return testCase{name: "in place, " + path, wantErrors: want, mutate: func(o *object) {
		o.set("spec.inPlace", true)
		o.set(path, value)
	}}
}

func restoreCases() []testCase {
	out := []testCase{
		{name: "unchanged", mutate: func(*object) {}},
		{name: "name of 63", mutate: func(o *object) { o.SetName(strings.Repeat("a", 63)) }},
		{name: "name of 64", mutate: func(o *object) { o.SetName(strings.Repeat("a", 64)) },
			wantErrors: []refusal{{"<nil>", "metadata.name must be at most 63 characters, because it is used as a label value; choose a shorter name"}}},
		sets("spec.dryRun", true),
		sets("spec.storageClassName", "array-a"),
		sets("spec.mover", map[string]any{"runAsUser": int64(1000)}),
	}
	for _, c := range [][]testCase{pointSelectionCases(), copyCases(), newClaimCases(), inPlaceCases()} {
		out = append(out, c...)
	}
	return append(out, restoreTimeCases()...)
}

func pointSelectionCases() []testCase {
	one := refusal{"spec", "exactly one of policy and recoveryPoint must be set; recoveryPoint names the point, policy selects its newest one"}
	return []testCase{
		ofPolicy("newest", func(*object) {}),
		ofPolicy("as of", func(o *object) { o.set("spec.asOf", "2026-11-23T03:00:00Z") }),
		ofPolicy("latest proven", func(o *object) { o.set("spec.latest", "Proven") }),
		ofPolicy("latest of a standing that is none", func(o *object) { o.set("spec.latest", "Good") }, refusal{"spec.latest", `Unsupported value: "Good"`}),
		ofPolicy("as of no time", func(o *object) { o.set("spec.asOf", "yesterday") }, refusal{"spec.asOf", "must be of type date-time"}),
		{name: "neither", mutate: func(o *object) { o.drop("spec.recoveryPoint") }, wantErrors: []refusal{one}},
		{name: "both", mutate: func(o *object) { o.set("spec.policy", map[string]any{"name": "sync"}) }, wantErrors: []refusal{one}},
		sets("spec.asOf", "2026-11-23T03:00:00Z", refusal{"spec.asOf", "asOf selects among the points of a policy; set policy, or leave asOf out"}),
		sets("spec.latest", "Complete", refusal{"spec.latest", "latest selects among the points of a policy; set policy, or leave latest out"}),
	}
}

func copyCases() []testCase {
	from := func(source string, path string, value any, want ...refusal) testCase {
		return testCase{name: path + " from " + source, wantErrors: want, mutate: func(o *object) {
			o.set("spec.from", source)
			o.set(path, value)
		}}
	}
	paths := []any{"photos/2009"}
	return []testCase{
		sets("spec.from", "Any"), sets("spec.from", "Snapshot"), sets("spec.from", "Copy"),
		sets("spec.from", "Tape", refusal{"spec.from", `Unsupported value: "Tape"`}),
		sets("spec.copy", "offsite"), sets("spec.paths", paths),
		from("Any", "spec.copy", "offsite"), from("Copy", "spec.copy", "offsite"), from("Any", "spec.paths", paths), from("Copy", "spec.paths", paths),
		from("Snapshot", "spec.copy", "offsite", refusal{"spec.copy", "copy names the copy to restore; set from to Copy or leave it out, or leave copy out"}),
		from("Snapshot", "spec.paths", paths, refusal{"spec.paths", "paths are restored from a copy, and a snapshot is restored whole; set from to Copy or leave it out, or leave paths out"}),
		inPlace("spec.paths", paths, refusal{"spec.paths", "paths restore a part, and in place it would replace the whole volume; leave inPlace out, or leave paths out"}),
		inPlace("spec.copy", "offsite"),
		sets("spec.paths", []any{}, refusal{"spec.paths", "should have at least 1 items"}),
		sets("spec.paths", []any{""}, refusal{"spec.paths[0]", "should be at least 1 chars long"}),
		sets("spec.paths", []any{"a", "a"}, refusal{"spec.paths[1]", "Duplicate value"}),
	}
}

func newClaimCases() []testCase {
	pattern := refusal{"spec.namePattern", "namePattern must contain {claim}, may contain {restore}, and otherwise be made of lower case letters, digits, dots and dashes"}
	volumes := func(v map[string]any, want ...refusal) testCase { return sets("spec.volumes", []any{v}, want...) }
	return []testCase{
		sets("spec.namePattern", "{claim}-old"),
		sets("spec.namePattern", "{restore}.{claim}"),
		sets("spec.namePattern", "{restore}", pattern),
		sets("spec.namePattern", "{claim}_{restore}", pattern),
		sets("spec.namePattern", "{claim}-{time}", pattern),
		sets("spec.namePattern", "-{claim}", pattern),
		sets("spec.labels", map[string]any{"app": "sync"}),
		sets("spec.labels", map[string]any{"lifeboat.dev/run": "x"}, refusal{"spec.labels", "labels must not begin with lifeboat.dev/, which Lifeboat uses itself"}),
		volumes(map[string]any{"claim": "contacts", "as": "contacts-old", "size": "20Gi"}),
		volumes(map[string]any{"claim": "contacts", "as": "Contacts"}, refusal{"spec.volumes[0].as", "should match"}),
		volumes(map[string]any{"claim": "contacts", "size": "big"}, refusal{"spec.volumes[0].size", "should match"}),
		volumes(map[string]any{"as": "x"}, refusal{"spec.volumes[0].claim", "Required value"}),
		sets("spec.volumes", []any{}, refusal{"spec.volumes", "should have at least 1 items"}),
		sets("spec.volumes", []any{map[string]any{"claim": "a"}, map[string]any{"claim": "a"}}, refusal{"spec.volumes[1]", "Duplicate value"}),
	}
}

func inPlaceCases() []testCase {
	return []testCase{
		inPlace("spec.keepOldFor", "24h"),
		inPlace("spec.volumes", []any{map[string]any{"claim": "contacts", "size": "20Gi"}}),
		inPlace("spec.namePattern", "{claim}-old", refusal{"spec.namePattern", "namePattern names new claims; with inPlace the claims keep their names, so leave it out"}),
		inPlace("spec.labels", map[string]any{"a": "b"}, refusal{"spec.labels", "labels are put on new claims; with inPlace the claims keep their labels, so leave it out"}),
		inPlace("spec.storageClassName", "array-a", refusal{"spec.storageClassName", "with inPlace the claims keep their storage class; leave storageClassName out"}),
		inPlace("spec.volumes", []any{map[string]any{"claim": "contacts", "as": "x"}}, refusal{"spec.volumes", "volumes[].as names a new claim; with inPlace the claims keep their names, so leave it out"}),
		sets("spec.keepOldFor", "24h", refusal{"spec.keepOldFor", "keepOldFor says how long the replaced volumes are kept; it needs inPlace: true"}),
	}
}

func restoreTimeCases() []testCase {
	keep, timeout := "spec.keepOldFor", "spec.timeout"
	return []testCase{
		inPlace(keep, "8760h"), inPlace(keep, "0s"),
		inPlace(keep, "8760h1s", refusal{keep, "keepOldFor must be at most 8760h"}),
		inPlace(keep, "3d", refusal{keep, "keepOldFor must be a duration such as 10m or 72h"}),
		sets(timeout, "30s"), sets(timeout, "168h"),
		sets(timeout, "29s", refusal{timeout, "timeout must be between 30s and 168h"}),
		sets(timeout, "168h1s", refusal{timeout, "timeout must be between 30s and 168h"}),
		sets(timeout, "soon", refusal{timeout, "timeout must be a duration such as 90s, 10m or 1h30m"}),
	}
}

// changeRestore creates a restore, and asks for a change of what it restores.
func changeRestore(t *testing.T) error {
	t.Helper()
	o := validRestore()
	o.SetName("edited")
	if err := cluster.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}()
	o.set("spec.inPlace", true)
	return cluster.Update(t.Context(), o, client.DryRunAll)
}

func TestRestoreIsImmutable(t *testing.T) {
	check(t, changeRestore(t), []refusal{{"spec", "spec is immutable; create another Restore instead"}})
}
