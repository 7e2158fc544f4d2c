// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/report"
	"github.com/lifeboat-dev/lifeboat/test/apiserver"
	"github.com/lifeboat-dev/lifeboat/test/manager"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// reporting is an operator that reports, on a server of its own.
type reporting struct {
	*world
	server   *apiserver.Server
	operator *manager.Process
	user     string
	policy   *api.BackupPolicy
	cluster  *api.ClusterBackupPolicy
}

func newReporting(t *testing.T) *reporting {
	t.Helper()
	server, err := apiserver.Start(apiserver.WithSnapshotAPI, apiserver.WithAuditLog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := server.Client(controllers.Scheme())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Run(t.Context(), server.Config); err != nil {
		t.Fatal(err)
	}
	r := &reporting{server: server, world: newWorldOn(t, admin, "contacts")}
	r.user, err = asInstalled(t.Context(), server)
	r.ok(err)
	root, err := apiserver.Root()
	r.ok(err)
	_, err = server.Kubectl(t.Context(), "apply", "-f", filepath.Join(root, "config/with-reports/reports_role.yaml"))
	r.ok(err)
	t.Cleanup(r.stop)
	return r
}

func (r *reporting) stop() {
	if r.operator == nil {
		return
	}
	if err := r.operator.Stop(); err != nil {
		r.Errorf("the operator ended: %v: %s", err, r.operator.Log())
	}
	r.operator = nil
}

func (r *reporting) restart() {
	r.Helper()
	r.stop()
	var err error
	r.operator, err = startOperator(r.user, "--leader-elect=false", "--reports")
	r.ok(err)
}

// awaited is a report once it is as a check wants it.
func (r *reporting) awaited(in objects.ReportAPI, about metav1.Object, check func(map[string]report.Said) bool) *unstructured.Unstructured {
	r.Helper()
	u := objects.BlankReport(in, about)
	eventually(r.T, soon, func() error {
		if err := r.admin.Get(r.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			return err
		}
		if said := objects.Reported(u); !check(said) {
			return fmt.Errorf("the report says %+v", said)
		}
		return nil
	})
	return u
}

func (r *reporting) awaitedGone(in objects.ReportAPI, about metav1.Object) {
	r.Helper()
	r.gone(objects.BlankReport(in, about))
}

func says(kind string, outcome report.Outcome, severity api.Severity) func(map[string]report.Said) bool {
	return func(said map[string]report.Said) bool {
		return said[kind].Outcome == outcome && said[kind].Severity == severity
	}
}

// follows has findings appear and clear, and sees both in the reports.
func (r *reporting) follows(in objects.ReportAPI) {
	r.Helper()
	before := r.awaited(in, r.policy, says(api.ReasonPolicyWeakened, report.Pass, ""))
	r.edit(r.policy, `{"spec": {"retention": {"last": 2}}}`)
	worse := r.awaited(in, r.policy, says(api.ReasonPolicyWeakened, report.Fail, api.SeverityHigh))
	if was, is := objects.Reported(before)[api.ReasonClockSkew], objects.Reported(worse)[api.ReasonClockSkew]; was != is {
		r.Errorf("what did not change was %+v and is %+v", was, is)
	}
	fails, _, _ := unstructured.NestedInt64(worse.Object, "summary", "fail")
	if before, _, _ := unstructured.NestedInt64(before.Object, "summary", "fail"); fails != before+1 {
		r.Errorf("the summary counts %d failures, and before %d", fails, before)
	}
	r.edit(r.policy, `{"spec": {"retention": {"last": 5}}}`)
	r.awaited(in, r.policy, says(api.ReasonPolicyWeakened, report.Pass, ""))

	r.awaited(in, r.cluster, says(api.ReasonUnprotectedVolume, report.Pass, ""))
	r.edit(r.policy, `{"spec": {"suspend": true}}`)
	r.awaited(in, r.cluster, says(api.ReasonUnprotectedVolume, report.Fail, api.SeverityLow))
	r.awaited(in, r.policy, says(api.ReasonPolicySuspended, report.Warn, ""))
	r.edit(r.policy, `{"spec": {"suspend": false}}`)
	r.awaited(in, r.cluster, says(api.ReasonUnprotectedVolume, report.Pass, ""))
	r.awaited(in, r.policy, says(api.ReasonPolicySuspended, report.Pass, ""))
}

// aboutReports are the operator's requests for reports since an instant.
func (r *reporting) aboutReports(since time.Time) []request {
	r.Helper()
	all, err := readRequests(r.server, since)
	r.ok(err)
	return slices.DeleteFunc(all, func(q request) bool { return !strings.HasSuffix(q.Ref.Resource, "reports") })
}

// TestReports starts an operator that reports on a cluster without an API for it, which then gets one, and a better one.
func TestReports(t *testing.T) {
	t.Parallel()
	r := newReporting(t)
	r.restart()
	r.policy = r.world.policy("sync", nil)
	r.cluster = &api.ClusterBackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "audit"}, Spec: api.ClusterBackupPolicySpec{
		Audit: true, NamespaceSelector: api.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: r.namespace}}}}
	r.ok(r.admin.Create(t.Context(), r.cluster))
	r.await(r.policy, api.ConditionReady, metav1.ConditionTrue, api.ReasonReady)
	r.await(r.cluster, api.ConditionCovered, metav1.ConditionTrue, api.ReasonCovered)
	if log := r.operator.Log(); strings.Count(log, "no API for reports is served") != 1 || !r.operator.Running() {
		t.Errorf("without the API the operator says: %s", last(log, 2000))
	}

	best, old := objects.ReportAPIs[0], objects.ReportAPIs[1]
	r.ok(r.server.Install("testdata/policyreports.yaml"))
	first := r.awaited(old, r.policy, says(api.ReasonNoIndependentCopy, report.Skip, ""))
	if o := first.GetOwnerReferences(); len(o) != 1 || o[0].Kind != "BackupPolicy" || o[0].UID != r.policy.UID { // with which it is collected
		t.Errorf("the report is owned by %+v", o)
	}
	r.follows(old)
	r.atRest()

	r.ok(r.server.Install("testdata/openreports.yaml"))
	r.restart()
	r.awaited(best, r.policy, says(api.ReasonPolicyWeakened, report.Pass, ""))
	r.awaitedGone(old, r.policy)
	r.awaitedGone(old, r.cluster)
	r.follows(best)
	r.atRest()

	restarted := time.Now()
	r.restart()
	eventually(t, soon, func() error {
		if n := len(r.aboutReports(restarted)); n < 2 {
			return fmt.Errorf("%d requests since the restart", n)
		}
		return nil
	})
	time.Sleep(3 * time.Second)
	for _, q := range r.aboutReports(restarted) {
		if q.Verb != "get" {
			t.Errorf("nothing has changed, and a restart wrote: %s", q.right())
		}
	}
	r.rightsAreUsed()
}

// atRest looks on for a while: nothing is due, and nothing is asked.
func (r *reporting) atRest() {
	r.Helper()
	time.Sleep(2 * time.Second) // the end of what was before
	from := time.Now()
	time.Sleep(8 * time.Second)
	if asked := r.aboutReports(from); len(asked) > 0 {
		r.Errorf("%d requests for reports at rest, the first: %s", len(asked), asked[0].right())
	}
}

// rightsAreUsed compares what the role allows with what the operator asked for.
func (r *reporting) rightsAreUsed() {
	r.Helper()
	granted, err := roleRights("config/with-reports/reports_role.yaml")
	r.ok(err)
	used := map[right]bool{}
	for _, q := range r.aboutReports(time.Time{}) {
		used[q.right()] = true
		if q.Response.Code == 403 {
			r.Errorf("forbidden: %s", q.right())
		}
	}
	for _, g := range granted {
		if !used[g] {
			r.Errorf("config/with-reports/reports_role.yaml grants %q, which no test uses", g)
		}
		delete(used, g)
	}
	for u := range used {
		r.Errorf("%q is used and not granted", u)
	}
}

// TestReportRoleIsTheCharts: the chart gives the same rights.
func TestReportRoleIsTheCharts(t *testing.T) {
	chart, err := read("charts/lifeboat/templates/manager-rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	role, err := read("config/with-reports/reports_role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules, _, _ := strings.Cut(rulesText(role), "---")
	if !strings.HasPrefix(rules, "rules:") || !strings.Contains(string(chart), rules) {
		t.Errorf("the chart does not give the rules of config/with-reports/reports_role.yaml:\n%s", rules)
	}
}

// TestReportsFitTheirDefinitions: the API server takes the shapes on record, field by field.
func TestReportsFitTheirDefinitions(t *testing.T) {
	t.Parallel()
	server, err := apiserver.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, f := range []string{"testdata/openreports.yaml", "testdata/policyreports.yaml"} {
		if err := server.Install(f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := server.Kubectl(t.Context(), "create", "namespace", "shop"); err != nil {
		t.Fatal(err)
	}
	admin, err := server.Client(controllers.Scheme())
	if err != nil {
		t.Fatal(err)
	}
	root, err := apiserver.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report", "cluster-report", "policy-report", "policy-report-old"} {
		path := filepath.Join(root, "internal/core/objects/testdata", name+".yaml")
		out, err := server.Kubectl(t.Context(), "create", "--validate=strict", "-o", "json", "-f", path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		there := &unstructured.Unstructured{}
		if err := there.UnmarshalJSON([]byte(out)); err != nil {
			t.Fatal(err)
		}
		if n, _, _ := unstructured.NestedSlice(there.Object, "results"); len(n) < 4 || there.Object["summary"] == nil {
			t.Errorf("%s was stored without what it says:\n%s", name, out)
		}
		again := there.DeepCopy() // and an applied one, of which the server knows every field
		again.SetManagedFields(nil)
		again.SetResourceVersion("")
		if err := admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(again), client.FieldOwner("test"), client.ForceOwnership); err != nil {
			t.Errorf("%s cannot be applied: %v", name, err)
		}
		if err := admin.Delete(t.Context(), there); err != nil {
			t.Fatal(err)
		}
	}
}
