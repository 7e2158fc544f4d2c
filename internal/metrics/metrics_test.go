// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// noon is 1769860800 in seconds since 1970.
var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func at(after time.Duration) metav1.Time { return metav1.NewTime(noon.Add(after)) }

func timePtr(after time.Duration) *metav1.Time {
	t := at(after)
	return &t
}

func lasting(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// contacts is a policy with everything that is told.
func contacts() *api.BackupPolicy {
	b := &api.BackupPolicy{}
	b.Namespace, b.Name, b.CreationTimestamp = "mail", "contacts", at(0)
	b.Spec.Schedule.Jitter = lasting(5 * time.Minute)
	b.Spec.Objectives = &api.Objectives{RecoveryPoint: lasting(time.Hour), RecoveryTime: lasting(10 * time.Minute), CopyWithin: lasting(2 * time.Hour)}
	b.Spec.Copies = []api.CopyTarget{{Name: "away"}}
	b.Spec.Drill = &api.Drill{}
	b.Status = api.BackupPolicyStatus{
		Conditions:        []metav1.Condition{{Type: api.ConditionProtected, Status: metav1.ConditionFalse}},
		NextSlot:          timePtr(time.Hour),
		MissedSlots:       3,
		Drills:            api.DrillCounts{Passed: 5, Failed: 1},
		LastRecoveryPoint: &api.PointSummary{PointInTime: at(time.Minute), CaptureTime: lasting(2500 * time.Millisecond)},
		LastCopy:          &api.CopySummary{PointInTime: at(-time.Minute), Bytes: 5000, NewBytes: 70},
		LastProof:         &api.ProofSummary{Level: api.LevelIntact, At: at(2 * time.Minute), RecoveryTime: lasting(95 * time.Second)},
		RecoveryPoints:    api.PointCounts{Complete: 7, Failed: 1},
		Volumes:           api.VolumeCounts{Selected: 3, Protected: 2},
		Findings: []api.Finding{
			{Kind: api.ReasonSnapshotStuck, Severity: api.SeverityHigh, Subject: "pvc/b", Since: at(30 * time.Second)},
			{Kind: api.ReasonSnapshotStuck, Severity: api.SeverityMedium, Subject: "pvc/a", Since: at(10 * time.Second)},
			{Kind: api.ReasonSnapshotStuck, Severity: api.SeverityMedium, Subject: "pvc/c", Since: at(20 * time.Second)},
			{Kind: api.ReasonNeverSucceeded, Severity: api.SeverityPending, Since: at(0)},
		},
	}
	return b
}

const toldOfContacts = `
# HELP lifeboat_capture_seconds How long the capture of the newest complete point took, from its start until the last snapshot was ready; absent until there is one.
# TYPE lifeboat_capture_seconds gauge
lifeboat_capture_seconds{namespace="mail",policy="contacts"} 2.5
# HELP lifeboat_copy_bytes How much was read for the newest complete copy in another failure domain (read), and how much of it the repository had to take, compressed (new); absent until there is one.
# TYPE lifeboat_copy_bytes gauge
lifeboat_copy_bytes{kind="new",namespace="mail",policy="contacts"} 70
lifeboat_copy_bytes{kind="read",namespace="mail",policy="contacts"} 5000
# HELP lifeboat_drill_recovery_seconds How long the recovery took that the newest proof measured; absent until there is one.
# TYPE lifeboat_drill_recovery_seconds gauge
lifeboat_drill_recovery_seconds{namespace="mail",policy="contacts"} 95
# HELP lifeboat_drills_total Drills that ended since the policy was created, by verdict.
# TYPE lifeboat_drills_total counter
lifeboat_drills_total{namespace="mail",policy="contacts",result="Aborted"} 0
lifeboat_drills_total{namespace="mail",policy="contacts",result="Failed"} 1
lifeboat_drills_total{namespace="mail",policy="contacts",result="Inconclusive"} 0
lifeboat_drills_total{namespace="mail",policy="contacts",result="Passed"} 5
# HELP lifeboat_finding 1 while there is at least one such difference between what is promised and what is observed; pending ones are left out.
# TYPE lifeboat_finding gauge
lifeboat_finding{kind="SnapshotStuck",namespace="mail",policy="contacts",severity="High"} 1
lifeboat_finding{kind="SnapshotStuck",namespace="mail",policy="contacts",severity="Medium"} 1
# HELP lifeboat_finding_since_timestamp_seconds Since when the oldest difference of this kind is there, in seconds since 1970; pending ones are left out.
# TYPE lifeboat_finding_since_timestamp_seconds gauge
lifeboat_finding_since_timestamp_seconds{kind="SnapshotStuck",namespace="mail",policy="contacts"} 1.76986081e+09
# HELP lifeboat_policy_condition 1 for the status that a condition has.
# TYPE lifeboat_policy_condition gauge
lifeboat_policy_condition{condition="Protected",namespace="mail",policy="contacts",status="False"} 1
# HELP lifeboat_policy_created_timestamp_seconds When the policy was created, in seconds since 1970.
# TYPE lifeboat_policy_created_timestamp_seconds gauge
lifeboat_policy_created_timestamp_seconds{namespace="mail",policy="contacts"} 1.7698608e+09
# HELP lifeboat_policy_jitter_seconds How long after its slot a run may start, by the schedule's jitter.
# TYPE lifeboat_policy_jitter_seconds gauge
lifeboat_policy_jitter_seconds{namespace="mail",policy="contacts"} 300
# HELP lifeboat_policy_last_copy_timestamp_seconds The moment the newest complete copy in another failure domain is from, in seconds since 1970; absent until there is one.
# TYPE lifeboat_policy_last_copy_timestamp_seconds gauge
lifeboat_policy_last_copy_timestamp_seconds{namespace="mail",policy="contacts"} 1.76986074e+09
# HELP lifeboat_policy_last_proof_timestamp_seconds When the newest drill that passed ended, in seconds since 1970, with the level it proved; absent until there is one.
# TYPE lifeboat_policy_last_proof_timestamp_seconds gauge
lifeboat_policy_last_proof_timestamp_seconds{level="Intact",namespace="mail",policy="contacts"} 1.76986092e+09
# HELP lifeboat_policy_last_recovery_point_timestamp_seconds The moment the newest complete recovery point is from, in seconds since 1970; absent until there is one.
# TYPE lifeboat_policy_last_recovery_point_timestamp_seconds gauge
lifeboat_policy_last_recovery_point_timestamp_seconds{namespace="mail",policy="contacts"} 1.76986086e+09
# HELP lifeboat_policy_next_slot_timestamp_seconds The next scheduled instant, in seconds since 1970; absent while suspended.
# TYPE lifeboat_policy_next_slot_timestamp_seconds gauge
lifeboat_policy_next_slot_timestamp_seconds{namespace="mail",policy="contacts"} 1.7698644e+09
# HELP lifeboat_policy_objective_seconds What the policy promises: how old its newest point (recoveryPoint), its newest independent copy (copyWithin) and its newest proof (proofWithin) may get, and how long a recovery may take (recoveryTime); absent where nothing is promised.
# TYPE lifeboat_policy_objective_seconds gauge
lifeboat_policy_objective_seconds{namespace="mail",objective="copyWithin",policy="contacts"} 7200
lifeboat_policy_objective_seconds{namespace="mail",objective="proofWithin",policy="contacts"} 604800
lifeboat_policy_objective_seconds{namespace="mail",objective="recoveryPoint",policy="contacts"} 3600
lifeboat_policy_objective_seconds{namespace="mail",objective="recoveryTime",policy="contacts"} 600
# HELP lifeboat_policy_suspended 1 while the policy is suspended, else 0.
# TYPE lifeboat_policy_suspended gauge
lifeboat_policy_suspended{namespace="mail",policy="contacts"} 0
# HELP lifeboat_recovery_points Recovery points by state.
# TYPE lifeboat_recovery_points gauge
lifeboat_recovery_points{namespace="mail",policy="contacts",state="capturing"} 0
lifeboat_recovery_points{namespace="mail",policy="contacts",state="complete"} 7
lifeboat_recovery_points{namespace="mail",policy="contacts",state="failed"} 1
lifeboat_recovery_points{namespace="mail",policy="contacts",state="held"} 0
# HELP lifeboat_slots_missed_total Slots that passed without a run since the policy was created.
# TYPE lifeboat_slots_missed_total counter
lifeboat_slots_missed_total{namespace="mail",policy="contacts"} 3
# HELP lifeboat_volumes Volumes that the policy selects, and those of them that a recent enough complete point holds.
# TYPE lifeboat_volumes gauge
lifeboat_volumes{namespace="mail",policy="contacts",state="protected"} 2
lifeboat_volumes{namespace="mail",policy="contacts",state="selected"} 3
`

func builder(t *testing.T) *fake.ClientBuilder {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme)
}

func TestEverythingIsReadFromTheAPI(t *testing.T) {
	server := builder(t).WithObjects(contacts()).Build()
	// A second collector is what a restart leaves, and what a manager that stands by has.
	for _, fresh := range []*fleet{{server}, {server}} {
		if err := testutil.CollectAndCompare(fresh, strings.NewReader(toldOfContacts)); err != nil {
			t.Error(err)
		}
	}
}

func TestSuspendedWithoutPromises(t *testing.T) {
	b := &api.BackupPolicy{}
	b.Namespace, b.Name, b.CreationTimestamp, b.Spec.Suspend = "mail", "bare", at(0), true
	server := builder(t).WithObjects(b).Build()
	const want = `
# HELP lifeboat_policy_suspended 1 while the policy is suspended, else 0.
# TYPE lifeboat_policy_suspended gauge
lifeboat_policy_suspended{namespace="mail",policy="bare"} 1
`
	absent := []string{
		"lifeboat_capture_seconds", "lifeboat_drill_recovery_seconds", "lifeboat_finding", "lifeboat_finding_since_timestamp_seconds", "lifeboat_policy_last_proof_timestamp_seconds",
		"lifeboat_policy_last_recovery_point_timestamp_seconds", "lifeboat_policy_next_slot_timestamp_seconds", "lifeboat_policy_objective_seconds",
	}
	if err := testutil.CollectAndCompare(&fleet{server}, strings.NewReader(want), append(absent, "lifeboat_policy_suspended")...); err != nil {
		t.Error(err)
	}
}

func TestProofWithinIsTold(t *testing.T) {
	tests := []struct {
		why    string
		change func(*api.BackupPolicySpec)
		want   float64
	}{
		{"nothing is promised", func(s *api.BackupPolicySpec) { s.Drill = nil }, 0},
		{"a drill alone", func(*api.BackupPolicySpec) {}, 604800},
		{"a level alone", func(s *api.BackupPolicySpec) { s.Drill, s.Objectives.RequiredProof = nil, api.LevelIntact }, 604800},
		{"it is said", func(s *api.BackupPolicySpec) { s.Objectives.ProofWithin = lasting(time.Hour) }, 3600},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			b := contacts()
			test.change(&b.Spec)
			got := 0.0
			for _, family := range gather(t, &fleet{builder(t).WithObjects(b).Build()}) {
				for _, m := range family.GetMetric() {
					for _, l := range m.GetLabel() {
						if l.GetValue() == "proofWithin" {
							got = m.GetGauge().GetValue()
						}
					}
				}
			}
			if got != test.want {
				t.Errorf("proofWithin is %v, want %v", got, test.want)
			}
		})
	}
}

func TestDeletedPolicyLeavesNoSeries(t *testing.T) {
	going := contacts()
	going.Name, going.Finalizers = "going", []string{api.FinalizerPoints}
	server := builder(t).WithObjects(contacts(), going).Build()
	f := &fleet{server}
	both := testutil.CollectAndCount(f)
	if err := server.Delete(context.Background(), going); err != nil { // it stays until its finalizer is gone
		t.Fatal(err)
	}
	if one := testutil.CollectAndCount(f); one*2 != both {
		t.Errorf("%d series are left of %d after one of two policies began to go", one, both)
	}
	if err := server.Delete(context.Background(), contacts()); err != nil {
		t.Fatal(err)
	}
	if n := testutil.CollectAndCount(f); n != 0 {
		t.Errorf("%d series are left of a deleted policy", n)
	}
}

// TestUnreadablePolicies shows that a scrape fails rather than that policies seem to be gone.
func TestUnreadablePolicies(t *testing.T) {
	server := builder(t).WithObjects(contacts()).WithInterceptorFuncs(interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("the cache is not filled yet")
		},
	}).Build()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&fleet{server})
	if _, err := registry.Gather(); err == nil || !strings.Contains(err.Error(), "not filled") {
		t.Errorf("the error is %v", err)
	}
}

func TestNothingIsEvaluatedBeforeTheFirstTime(t *testing.T) {
	h := &heartbeat{}
	if n := testutil.CollectAndCount(h); n != 0 {
		t.Errorf("%d series of a manager that stands by", n)
	}
	h.at.Store(noon.Unix())
	if got := testutil.ToFloat64(h); got != 1769860800 {
		t.Errorf("evaluated at %f", got)
	}
	Evaluated(noon.Add(time.Second))
	if got := testutil.ToFloat64(evaluated); got != 1769860801 {
		t.Errorf("evaluated at %f", got)
	}
}

// baseline is a ClusterBackupPolicy that has everything to show.
func baseline() *api.ClusterBackupPolicy {
	c := &api.ClusterBackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "baseline"}}
	c.Status.Claims.Covered, c.Status.Claims.Uncovered = 3, 1
	c.Status.Conditions = []metav1.Condition{{Type: api.ConditionCovered, Status: metav1.ConditionFalse}}
	c.Status.Findings = []api.Finding{
		{Kind: api.ReasonUnprotectedVolume, Severity: api.SeverityLow}, {Kind: api.ReasonUnprotectedVolume, Severity: api.SeverityLow, Subject: "another"},
		{Kind: api.ReasonStampConflict, Severity: api.SeverityPending},
	}
	return c
}

func TestClusterPolicies(t *testing.T) {
	shown := gather(t, &clusterPolicies{builder(t).WithObjects(baseline()).Build()})
	if n := len(shown["lifeboat_cluster_finding"].GetMetric()); n != 1 {
		t.Errorf("%d series of findings, want one for a kind and severity, and none of pending ones", n)
	}
	if n := len(shown["lifeboat_cluster_policy_claims"].GetMetric()); n != 3 {
		t.Errorf("%d series of claims", n)
	}
	unknown := baseline()
	unknown.Status.Conditions[0].Status = metav1.ConditionUnknown
	if shown = gather(t, &clusterPolicies{builder(t).WithObjects(unknown).Build()}); shown["lifeboat_cluster_policy_claims"] != nil {
		t.Error("claims that could not be judged are counted")
	}
	if shown = gather(t, &clusterPolicies{builder(t).Build()}); len(shown) != 0 {
		t.Errorf("without any, there are %v", shown)
	}
}

// offsite is a Repository that has everything to show.
func offsite() *api.Repository {
	r := &api.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: "mail", Name: "offsite"}}
	r.Status = api.RepositoryStatus{UniqueID: "x", Copies: 3, Bytes: 1024, LastVerified: timePtr(time.Minute),
		Conditions: []metav1.Condition{{Type: api.ConditionReachable, Status: metav1.ConditionTrue}}}
	return r
}

const toldOfOffsite = `
# HELP lifeboat_repository_bytes What the repository takes, compressed, encrypted, and each content once, at the last probe; absent until it was opened.
# TYPE lifeboat_repository_bytes gauge
lifeboat_repository_bytes{namespace="mail",repository="offsite"} 1024
# HELP lifeboat_repository_condition 1 for the status that a condition of a Repository has.
# TYPE lifeboat_repository_condition gauge
lifeboat_repository_condition{condition="Reachable",namespace="mail",repository="offsite",status="True"} 1
# HELP lifeboat_repository_copies How many complete copies of volumes the repository holds, of whichever cluster, at the last probe; absent until it was opened.
# TYPE lifeboat_repository_copies gauge
lifeboat_repository_copies{namespace="mail",repository="offsite"} 3
# HELP lifeboat_repository_last_verified_timestamp_seconds When every byte of the repository had last been read back, in seconds since 1970; absent until it was.
# TYPE lifeboat_repository_last_verified_timestamp_seconds gauge
lifeboat_repository_last_verified_timestamp_seconds{namespace="mail",repository="offsite"} 1.76986086e+09
# HELP lifeboat_repository_reachable 1 while the last probe could open the repository, else 0; absent until one ended.
# TYPE lifeboat_repository_reachable gauge
lifeboat_repository_reachable{namespace="mail",repository="offsite"} 1
`

func TestRepositories(t *testing.T) {
	if err := testutil.CollectAndCompare(&repositories{builder(t).WithObjects(offsite()).Build()}, strings.NewReader(toldOfOffsite)); err != nil {
		t.Error(err)
	}
	lost := offsite()
	lost.Status.Conditions[0].Status = metav1.ConditionFalse
	shown := gather(t, &repositories{builder(t).WithObjects(lost).Build()})
	if v := shown["lifeboat_repository_reachable"].GetMetric()[0].GetGauge().GetValue(); v != 0 {
		t.Errorf("one that cannot be reached is told as %v", v)
	}
	fresh, going := &api.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: "mail", Name: "fresh"}}, offsite()
	fresh.Status.Conditions = []metav1.Condition{{Type: api.ConditionReachable, Status: metav1.ConditionUnknown}}
	going.Finalizers, going.DeletionTimestamp = []string{"somebody.test/hold"}, timePtr(0)
	if shown = gather(t, &repositories{builder(t).WithObjects(fresh, going).Build()}); len(shown) != 1 || shown["lifeboat_repository_condition"] == nil {
		t.Errorf("of one that was not opened yet, and one that goes, %d metrics are told", len(shown))
	}
}

// row is a line of the table in docs/reference/metrics.md.
var row = regexp.MustCompile("(?m)^\\| `(lifeboat_[a-z_]+)` \\| (.*) \\|$")

// TestEveryMetricIsDocumented keeps docs/reference/metrics.md true, both ways, to the letter of the help.
func TestEveryMetricIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string][]string{}
	for _, match := range row.FindAllStringSubmatch(string(page), -1) {
		told[match[1]] = strings.Split(match[2], " | ")
	}
	Evaluated(noon)
	PruneRefused("x")
	Notifier("x")
	shown := gather(t, all(builder(t).WithObjects(contacts(), baseline(), offsite()).Build())...)
	for name, family := range shown {
		cells := told[name]
		delete(told, name)
		if len(cells) != 5 {
			t.Errorf("docs/reference/metrics.md has no row of six cells for %s", name)
			continue
		}
		var labels []string
		for _, l := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		listed := strings.FieldsFunc(cells[1], func(r rune) bool { return r == ',' || r == ' ' || r == '–' }) // a dash is none
		slices.Sort(listed)
		if want := strings.ToLower(family.GetType().String()); cells[0] != want {
			t.Errorf("%s is a %s, and docs/reference/metrics.md says %q", name, want, cells[0])
		}
		if !slices.Equal(listed, labels) {
			t.Errorf("%s has labels %v, and docs/reference/metrics.md says %v", name, labels, listed)
		}
		if want := strings.TrimSuffix(family.GetHelp(), "."); cells[3] != want {
			t.Errorf("%s: docs/reference/metrics.md says\n%s\nwant\n%s", name, cells[3], want)
		}
		if cells[2] == "" || cells[4] == "" {
			t.Errorf("%s has no unit or no source in docs/reference/metrics.md", name)
		}
	}
	for name := range told {
		t.Errorf("docs/reference/metrics.md tells of %s, which is not there", name)
	}
	if described := len(ofFleet) + len(ofCluster) + len(ofRepositories) + 3; len(shown) != described {
		t.Errorf("%d metrics are described, and a policy that has everything shows %d", described, len(shown))
	}
}

func gather(t *testing.T, collectors ...prometheus.Collector) map[string]*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collectors...)
	list, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dto.MetricFamily{}
	for _, f := range list {
		out[f.GetName()] = f
	}
	return out
}

// TestNames holds the metrics to the naming rules of Prometheus.
func TestNames(t *testing.T) {
	problems, err := testutil.CollectAndLint(&fleet{builder(t).WithObjects(contacts()).Build()})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
