// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dev/lifeboat/test/apiserver"
)

// admitting has the API server keep to admission policies while the test runs. What it returns runs kubectl, which must succeed.
func admitting(t *testing.T, policies ...string) (must func(args ...string)) {
	t.Helper()
	root, err := apiserver.Root()
	if err != nil {
		t.Fatal(err)
	}
	must = func(args ...string) {
		t.Helper()
		if out, err := kubectl(t.Context(), args...); err != nil {
			t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	for _, name := range policies {
		file := filepath.Join(root, "config/admission", name)
		must("apply", "-f", file)
		t.Cleanup(func() { _, _ = kubectl(t.Context(), "delete", "-f", file) })
	}
	return must
}

// Whoever has commands run, in hooks or checks, must be allowed to run them anyway. A drill that leaves the checks to the
// policy needs nothing more, and whoever may create pods may have both.
func TestAdmission(t *testing.T) {
	must := admitting(t, "hooks.yaml", "checks.yaml", "cluster.yaml")
	must("create", "role", "policies", "--verb=create,patch,get", "--resource=backuppolicies.lifeboat.dev,restoredrills.lifeboat.dev")
	must("create", "role", "pods", "--verb=create", "--resource=pods,pods/exec")
	must("create", "rolebinding", "policies", "--role=policies", "--user=owner", "--user=author")
	must("create", "rolebinding", "pods", "--role=pods", "--user=owner")

	must("create", "clusterrole", "baselines", "--verb=create", "--resource=clusterbackuppolicies.lifeboat.dev")
	must("create", "clusterrole", "pods", "--verb=create", "--resource=pods,pods/exec")
	must("create", "clusterrolebinding", "baselines", "--clusterrole=baselines", "--user=owner", "--user=platform")
	must("create", "clusterrolebinding", "pods", "--clusterrole=pods", "--user=platform")

	const check = `{name: c, proves: Consistent, image: i, command: [x]}`
	policy := func(more string) string {
		return `{apiVersion: lifeboat.dev/v1alpha1, kind: BackupPolicy, metadata: {name: p, namespace: default}, spec: {volumes: {claims: [a]},
			schedule: {cron: "@daily"}, retention: {last: 1}, ` + more + `}}`
	}
	drill := func(more string) string {
		return `{apiVersion: lifeboat.dev/v1alpha1, kind: RestoreDrill, metadata: {name: d, namespace: default}, spec: {policy: {name: p}, ` + more + `}}`
	}
	hooks := policy(`snapshot: {hooks: [{name: h, when: Before, selector: {}, command: [x]}]}`)
	checks := policy(`drill: {cron: "@daily", checks: [` + check + `]}`)
	baseline := func(more string) string {
		return `{apiVersion: lifeboat.dev/v1alpha1, kind: ClusterBackupPolicy, metadata: {name: p}, spec: {namespaceSelector: {},
			template: {schedule: {cron: "@daily"}, retention: {last: 1}, ` + more + `}}}`
	}
	everywhere := baseline(`snapshot: {hooks: [{name: h, when: Before, selector: {}, command: [x]}]}`)
	rehearsed := baseline(`drill: {cron: "@daily", checks: [` + check + `]}`)
	create := func(user, object string) (string, error) {
		file := filepath.Join(t.TempDir(), "object.yaml")
		if err := os.WriteFile(file, []byte(object), 0o600); err != nil {
			t.Fatal(err)
		}
		return kubectl(t.Context(), "create", "--dry-run=server", "--as="+user, "-f", file)
	}
	for object, user := range map[string]string{hooks: "author", checks: "author", everywhere: "owner"} { // they come into force a moment after they were applied
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			if _, err := create(user, object); err != nil {
				break
			}
		}
	}
	for _, c := range []struct{ name, user, object, refusal string }{
		{"hooks, without the right to exec", "author", hooks, "may not create pods/exec there"},
		{"hooks, with it", "owner", hooks, ""},
		{"checks of a policy, without the right to create pods", "author", checks, "may not create pods there"},
		{"checks of a policy, with it", "owner", checks, ""},
		{"checks of a drill, without the right to create pods", "author", drill(`checks: [` + check + `]`), "may not create pods there"},
		{"checks of a drill, with it", "owner", drill(`checks: [` + check + `]`), ""},
		{"a drill that leaves them to the policy", "author", drill(`select: Latest`), ""},
		{"a policy with a drill without checks", "author", policy(`drill: {cron: "@daily"}`), ""},
		{"hooks of a template, with the right to exec in one namespace", "owner", everywhere, "may not create pods/exec in all namespaces"},
		{"hooks of a template, with the right everywhere", "platform", everywhere, ""},
		{"checks of a template, with the right to create pods in one namespace", "owner", rehearsed, "may not create pods in all namespaces"},
		{"checks of a template, with the right everywhere", "platform", rehearsed, ""},
		{"a template without either", "owner", baseline(``), ""},
	} {
		out, err := create(c.user, c.object)
		said := out
		if err != nil {
			said += err.Error()
		}
		if (err != nil) != (c.refusal != "") || !strings.Contains(said, c.refusal) {
			t.Errorf("%s: %s", c.name, said)
		}
	}
}
