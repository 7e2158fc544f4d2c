// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestUnknownFields shows that a field that does nothing is not accepted by clients that ask for strictness, as kubectl does.
func TestUnknownFields(t *testing.T) {
	for field, o := range map[string]*object{
		"spec.schedul":          validPolicy(),
		"spec.retention.dayly":  validPolicy(),
		"spec.snapshot.clas":    validPolicy(),
		"spec.volumes.names":    validPolicy(),
		"spec.policy.namespace": validPoint(),
		"spec.keep":             validPoint(),
		"spec.s3.namespace":     validRepository(),
	} {
		t.Run(field, func(t *testing.T) {
			o.set(field, "x")
			err := cluster.Create(t.Context(), o, client.DryRunAll)
			if err == nil || !strings.Contains(err.Error(), `unknown field "`+field+`"`) {
				t.Errorf("want a refusal that names %s; got: %v", field, err)
			}
		})
	}
}

// TestDefaults shows what the API server fills in.
func TestDefaults(t *testing.T) {
	o := validPolicy()
	o.set("spec.snapshot", map[string]any{"hooks": []any{withHook(func(map[string]any) {})}})
	if err := cluster.Create(t.Context(), o, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"spec.schedule.timeZone": "UTC", "spec.onDelete": "Retain", "spec.retention.minimum": int64(1),
		"spec.snapshot.consistency": "Crash", "spec.snapshot.timeout": "10m",
	} {
		if got := o.get(path); got != want {
			t.Errorf("%s = %v; want %v", path, got, want)
		}
	}
	hook := o.get("spec.snapshot.hooks").([]any)[0].(map[string]any)
	if hook["timeout"] != "30s" || hook["onError"] != "Abort" {
		t.Errorf("hook = %v; want timeout 30s and onError Abort", hook)
	}
}
