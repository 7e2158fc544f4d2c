// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
)

// readTimeout ends a scrape while the cache is not filled yet, so that scrapes do not pile up.
const readTimeout = 5 * time.Second

// fleet describes policies as they are at the scrape.
type fleet struct{ from client.Reader }

var (
	created = ofPolicy(prometheus.GaugeValue, "lifeboat_policy_created_timestamp_seconds",
		"When the policy was created, in seconds since 1970.")
	suspended = ofPolicy(prometheus.GaugeValue, "lifeboat_policy_suspended",
		"1 while the policy is suspended, else 0.")
	lastPoint = ofPolicy(prometheus.GaugeValue, "lifeboat_policy_last_recovery_point_timestamp_seconds",
		"The moment the newest complete recovery point is from, in seconds since 1970; absent until there is one.")
	lastProof = ofPolicy(prometheus.GaugeValue, "lifeboat_policy_last_proof_timestamp_seconds",
		"When the newest drill that passed ended, in seconds since 1970, with the level it proved; absent until there is one.", "level")
	lastCopy = ofPolicy(prometheus.GaugeValue, "lifeboat_policy_last_copy_timestamp_seconds",
		"The moment the newest complete copy in another failure domain is from, in seconds since 1970; absent until there is one.")
	copied = ofPolicy(prometheus.GaugeValue, "lifeboat_copy_bytes",
		"How much was read for the newest complete copy in another failure domain (read), and how much of it the repository had to take, compressed (new); absent until there is one.", "kind")
	nextSlot = ofPolicy(prometheus.GaugeValue, "lifeboat_policy_next_slot_timestamp_seconds",
		"The next scheduled instant, in seconds since 1970; absent while suspended.")
	jitter = ofPolicy(prometheus.GaugeValue, "lifeboat_policy_jitter_seconds",
		"How long after its slot a run may start, by the schedule's jitter.")
	objective = ofPolicy(prometheus.GaugeValue, "lifeboat_policy_objective_seconds",
		"What the policy promises: how old its newest point (recoveryPoint), its newest independent copy (copyWithin) and its newest proof (proofWithin) may get, and how long a recovery may take (recoveryTime); absent where nothing is promised.", "objective")
	state = ofPolicy(prometheus.GaugeValue, "lifeboat_policy_condition",
		"1 for the status that a condition has.", "condition", "status")
	finding = ofPolicy(prometheus.GaugeValue, "lifeboat_finding",
		"1 while there is at least one such difference between what is promised and what is observed; pending ones are left out.", "kind", "severity")
	findingSince = ofPolicy(prometheus.GaugeValue, "lifeboat_finding_since_timestamp_seconds",
		"Since when the oldest difference of this kind is there, in seconds since 1970; pending ones are left out.", "kind")
	volumes = ofPolicy(prometheus.GaugeValue, "lifeboat_volumes",
		"Volumes that the policy selects, and those of them that a recent enough complete point holds.", "state")
	points = ofPolicy(prometheus.GaugeValue, "lifeboat_recovery_points",
		"Recovery points by state.", "state")
	capture = ofPolicy(prometheus.GaugeValue, "lifeboat_capture_seconds",
		"How long the capture of the newest complete point took, from its start until the last snapshot was ready; absent until there is one.")
	missed = ofPolicy(prometheus.CounterValue, "lifeboat_slots_missed_total",
		"Slots that passed without a run since the policy was created.")
	drills = ofPolicy(prometheus.CounterValue, "lifeboat_drills_total",
		"Drills that ended since the policy was created, by verdict.", "result")
	recovery = ofPolicy(prometheus.GaugeValue, "lifeboat_drill_recovery_seconds",
		"How long the recovery took that the newest proof measured; absent until there is one.")

	ofFleet = []series{created, suspended, lastPoint, lastCopy, copied, lastProof, nextSlot, jitter, objective, state, finding, findingSince, volumes, points, capture, missed,
		drills, recovery}
)

// ofPolicy is a metric that each policy has.
func ofPolicy(kind prometheus.ValueType, name, help string, labels ...string) series {
	return describe(kind, name, help, append([]string{"namespace", "policy"}, labels...)...)
}

// Describe implements prometheus.Collector.
func (f *fleet) Describe(out chan<- *prometheus.Desc) {
	for _, s := range ofFleet {
		out <- s.desc
	}
}

// Collect implements prometheus.Collector.
func (f *fleet) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var list api.BackupPolicyList
	if err := f.from.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		out <- prometheus.NewInvalidMetric(created.desc, err)
		return
	}
	for i := range list.Items {
		b := policy{&list.Items[i], out}
		if !b.DeletionTimestamp.IsZero() { // it promises nothing any more, even while its points are pruned
			continue
		}
		b.promise()
		b.progress()
		b.proof()
		b.findings()
	}
}

// policy tells of one policy.
type policy struct {
	*api.BackupPolicy
	out chan<- prometheus.Metric
}

func (b policy) tell(s series, value float64, labels ...string) {
	b.out <- s.of(value, append([]string{b.Namespace, b.Name}, labels...)...)
}

func (b policy) tellTime(s series, t *metav1.Time, labels ...string) {
	if t != nil {
		b.tell(s, float64(t.Unix()), labels...)
	}
}

func (b policy) tellDuration(s series, d *metav1.Duration, labels ...string) {
	if d != nil {
		b.tell(s, d.Seconds(), labels...)
	}
}

// promise tells what the policy asks for.
func (b policy) promise() {
	b.tellTime(created, &b.CreationTimestamp)
	off := 0.0
	if b.Spec.Suspend {
		off = 1
	}
	b.tell(suspended, off)
	delay := 0.0
	if j := b.Spec.Schedule.Jitter; j != nil {
		delay = j.Seconds()
	}
	b.tell(jitter, delay)
	if o := b.Spec.Objectives; o != nil {
		b.tellDuration(objective, o.RecoveryPoint, "recoveryPoint")
		b.tellDuration(objective, o.RecoveryTime, "recoveryTime")
		if len(b.Spec.Copies) > 0 {
			b.tellDuration(objective, o.CopyWithin, "copyWithin")
		}
	}
	if within := levels.ProofWithin(b.BackupPolicy); within > 0 {
		b.tell(objective, within.Seconds(), "proofWithin")
	}
}

// progress tells how captures go.
func (b policy) progress() {
	if p := b.Status.LastRecoveryPoint; p != nil {
		b.tellTime(lastPoint, &p.PointInTime)
		b.tellDuration(capture, p.CaptureTime)
	}
	if c := b.Status.LastCopy; c != nil {
		b.tellTime(lastCopy, &c.PointInTime)
		b.tell(copied, float64(c.Bytes), "read")
		b.tell(copied, float64(c.NewBytes), "new")
	}
	b.tellTime(nextSlot, b.Status.NextSlot)
	b.tell(missed, float64(b.Status.MissedSlots))
	n := b.Status.RecoveryPoints
	b.tell(points, float64(n.Complete), "complete")
	b.tell(points, float64(n.Capturing), "capturing")
	b.tell(points, float64(n.Failed), "failed")
	b.tell(points, float64(n.Held), "held")
	b.tell(volumes, float64(b.Status.Volumes.Selected), "selected")
	b.tell(volumes, float64(b.Status.Volumes.Protected), "protected")
}

// proof tells how drills go.
func (b policy) proof() {
	if p := b.Status.LastProof; p != nil {
		b.tellTime(lastProof, &p.At, string(p.Level))
		b.tellDuration(recovery, p.RecoveryTime)
	}
	n := b.Status.Drills
	b.tell(drills, float64(n.Passed), string(api.VerdictPassed))
	b.tell(drills, float64(n.Failed), string(api.VerdictFailed))
	b.tell(drills, float64(n.Inconclusive), string(api.VerdictInconclusive))
	b.tell(drills, float64(n.Aborted), string(api.VerdictAborted))
}

// findings tells what is wrong. Several of a kind are one series: the status names them, and it may not have room for all.
func (b policy) findings() {
	for _, c := range b.Status.Conditions {
		b.tell(state, 1, c.Type, string(c.Status))
	}
	type loudness struct {
		kind     string
		severity api.Severity
	}
	told := map[loudness]bool{}
	since := map[string]metav1.Time{}
	for i := range b.Status.Findings {
		f := &b.Status.Findings[i]
		if f.Severity == api.SeverityPending {
			continue
		}
		if one := (loudness{f.Kind, f.Severity}); !told[one] {
			told[one] = true
			b.tell(finding, 1, f.Kind, string(f.Severity))
		}
		if first, known := since[f.Kind]; !known || f.Since.Before(&first) {
			since[f.Kind] = f.Since
		}
	}
	for kind, first := range since {
		b.tellTime(findingSince, &first, kind)
	}
}
