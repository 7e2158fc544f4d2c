// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/report"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// TestReportTouchesOnlyItsOwn: a report is created once and not written again while it says the same; one of its name that
// somebody else made is neither written nor deleted.
func TestReportTouchesOnlyItsOwn(t *testing.T) {
	policy := testkit.Policy()
	policy.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue}}
	in := objects.ReportAPIs[0]
	want := func() *unstructured.Unstructured {
		return objects.Report(in, policy, report.ForPolicy(policy, nil, noon))
	}
	c, w := server(t, policy)
	read := func() *unstructured.Unstructured {
		u := objects.BlankReport(in, policy)
		if !there(t, c, u) {
			return nil
		}
		return u
	}
	for range 2 {
		if err := w.Report(t.Context(), policy, want(), read()); err != nil { // the second time it would have to be applied, which testkit refuses
			t.Fatal(err)
		}
	}
	if err := w.Withdraw(t.Context(), policy, read()); err != nil || read() != nil {
		t.Errorf("our own was not withdrawn: %v", err)
	}
	theirs := want()
	theirs.SetLabels(map[string]string{"made": "by hand"})
	if err := c.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	var taken *apply.NameTaken
	if err := w.Report(t.Context(), policy, want(), read()); !errors.As(err, &taken) || taken.Kind != "Report" {
		t.Errorf("over somebody else's: %v", err)
	}
	if err := w.Withdraw(t.Context(), policy, read()); err != nil || read() == nil {
		t.Errorf("somebody else's was withdrawn: %v", err)
	}
}
