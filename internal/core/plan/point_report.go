// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// mostRecords and mostRecordBytes bound the volumes in a point's status, so that it stays below 32 KiB with a
// thousand volumes, however long their names are.
const (
	mostRecords     = 50
	mostRecordBytes = 16 << 10
)

// Refusals are the claims, by UID, for which a snapshot could not be had in this pass.
type Refusals map[string]Refusal

// Refusal is why a snapshot could not be had.
type Refusal struct {
	Problem
	Final bool // asking again would not help
}

// Done is what carrying out a plan brought.
type Done struct {
	Refused Refusals
	Hooks   []api.HookRecord
}

// Status is the point's status once the plan was carried out with the given results.
func (p *PointPlan) Status(o PointObserved, done Done, now time.Time) api.RecoveryPointStatus {
	for _, r := range done.Hooks {
		p.recordHook(r)
	}
	if p.settled {
		return p.status
	}
	failedBefore := failures(p.status.Volumes)
	p.refuse(done.Refused)
	records := p.records(o)
	awaited := slices.ContainsFunc(p.volumes, func(v volume) bool { return v.state == api.VolumePending })
	switch {
	case Finished(o.Point):
		p.status.Volumes = records
		p.conclude(o, now)
	case !awaited && !p.hooksOpen(o):
		p.status.Volumes = records
		p.status.FinishedAt = timePtr(now.Truncate(time.Second))
		p.conclude(o, now)
		p.announce()
	case failures(records) != failedBefore || p.moved(o, records, now):
		p.status.Volumes = records
		p.status.Progress = p.progress()
		p.capturing(o, now)
	default:
		p.capturing(o, now)
	}
	return p.status
}

// moved says whether a capture that lasts got on by so much, or into such trouble, that people should see it. Of a
// thousand volumes, not each costs a write: a quarter more must be captured than is shown, and then twice as many.
func (p *PointPlan) moved(o PointObserved, records []api.VolumeRecord, now time.Time) bool {
	if now.Before(o.Point.Status.Capture.StartedAt.Add(progressAfter)) {
		return false
	}
	n, _, _ := strings.Cut(p.status.Progress, "/")
	shown, _ := strconv.Atoi(n)
	step := max((len(p.volumes)+3)/4, shown)
	return len(p.status.Volumes) == 0 || p.captured()-shown >= step || p.captured() < shown ||
		!slices.Equal(troubles(records), troubles(p.status.Volumes))
}

// troubles are the reasons for which volumes are not captured, but for those that pass by themselves.
func troubles(records []api.VolumeRecord) []string {
	var out []string
	for _, r := range records {
		passing := r.Reason == "" || r.Reason == api.ReasonSnapshotPending || r.Reason == api.ReasonRetainPending
		if !passing && !slices.Contains(out, r.Reason) {
			out = append(out, r.Reason)
		}
	}
	slices.Sort(out)
	return out
}

func (p *PointPlan) recordHook(r api.HookRecord) {
	if was := hookRecord(p.status.Hooks, r.Name); was != nil {
		*was = r
		return
	}
	p.status.Hooks = append(p.status.Hooks, r)
}

// hooksOpen says whether a hook still has to run before the capture may end.
func (p *PointPlan) hooksOpen(o PointObserved) bool {
	q := &api.RecoveryPoint{Status: p.status}
	return o.Settings.HooksEnabled && len(openHooks(q, api.HookAfter)) > 0
}

func failures(records []api.VolumeRecord) (n int) {
	for _, r := range records {
		if r.State == api.VolumeFailed {
			n++
		}
	}
	return n
}

func (p *PointPlan) refuse(refused Refusals) {
	for i := range p.volumes {
		r, is := refused[p.volumes[i].claim.UID]
		if !is || p.volumes[i].claim.UID == "" {
			continue
		}
		p.volumes[i].problem = r.Problem
		if r.Final {
			p.volumes[i].state = api.VolumeFailed
		}
	}
	sortVolumes(p.volumes)
}

func (p *PointPlan) records(o PointObserved) []api.VolumeRecord {
	var out []api.VolumeRecord
	prior := priorRecords(o.Point)
	room := mostRecordBytes
	for _, v := range p.volumes[:min(len(p.volumes), mostRecords)] {
		r := v.record(o.Point.Status.Capture, prior[v.claim.Name])
		if room -= recordBytes(r); room < 0 {
			break
		}
		out = append(out, r)
	}
	return out
}

// recordBytes is about how long a record is in JSON.
func recordBytes(r api.VolumeRecord) int {
	const keysAndTimes = 250
	return keysAndTimes + len(r.Claim) + len(r.ClaimUID) + len(r.Reason) + len(r.Message) + len(r.Snapshot) + len(r.Content) + len(r.Driver) + len(r.StorageClass) + len(r.Handle)
}

func (v volume) record(c *api.Capture, was api.VolumeRecord) api.VolumeRecord {
	r := api.VolumeRecord{
		Claim: v.claim.Name, ClaimUID: v.claim.UID, State: v.state, Reason: v.problem.Reason,
		Message: clipVolumeMessage(v.problem.Message), Driver: v.claim.Driver, StorageClass: v.claim.StorageClass, Handle: v.claim.Handle,
	}
	if v.claim.UID != "" {
		r.Snapshot = names.Snapshot(v.claim.Name, c.PolicyUID, v.claim.UID, c.Run)
	}
	if !v.claim.Size.IsZero() {
		r.Size = &v.claim.Size
	}
	if was.ClaimUID == r.ClaimUID && v.claim.Driver == "" { // the claim is gone: keep what was known of it
		r.Driver, r.StorageClass, r.Handle, r.Size = was.Driver, was.StorageClass, was.Handle, was.Size
	}
	if s := v.snapshot; s != nil {
		r.Snapshot, r.Content, r.PointInTime = s.Name, s.ContentRef, timePtr(s.Cut)
	} else {
		r.Content, r.PointInTime = was.Content, was.PointInTime
	}
	return r
}

func (p *PointPlan) progress() string {
	return fmt.Sprintf("%d/%d", p.captured(), len(p.volumes))
}

func (p *PointPlan) captured() int {
	n := 0
	for _, v := range p.volumes {
		if v.state == api.VolumeCaptured {
			n++
		}
	}
	return n
}

// capturing states that the capture is under way.
func (p *PointPlan) capturing(o PointObserved, now time.Time) {
	message := fmt.Sprintf("%s volumes are captured", p.status.Progress)
	p.state(o, now,
		conditions.Is(api.ConditionComplete, metav1.ConditionFalse, api.ReasonCapturing, message),
		conditions.Reconciling(api.ReasonCapturing, message))
}

// waiting states what the point waits for before its capture starts. Only somebody can help a point without a policy or with a forged slot.
func (p *PointPlan) waiting(o PointObserved, why Problem, now time.Time) {
	complete := conditions.Is(api.ConditionComplete, metav1.ConditionFalse, why.Reason, why.Message)
	if why.Reason == api.ReasonWaitingForOtherPoint {
		p.state(o, now, complete, conditions.Reconciling(why.Reason, why.Message))
		p.wakeAt(now.Add(DefaultTimeout))
		return
	}
	p.state(o, now, complete, conditions.Stalled(why.Reason, why.Message))
}

// finish ends a capture that cannot be begun.
func (p *PointPlan) finish(o PointObserved, why Problem, now time.Time) {
	p.status.FinishedAt = timePtr(now.Truncate(time.Second))
	p.state(o, now,
		conditions.Is(api.ConditionComplete, metav1.ConditionFalse, why.Reason, why.Message),
		conditions.Stalled(why.Reason, why.Message))
	p.Notes = append(p.Notes, Note{Warning: true, Reason: why.Reason, Message: why.Message})
}

// conclude states whether a finished point can be restored whole. What cannot be looked at is unknown, not bad.
func (p *PointPlan) conclude(o PointObserved, now time.Time) {
	if !o.Cluster.Snapshots && Finished(o.Point) {
		p.status.Volumes = o.Point.Status.Volumes
		p.state(o, now, conditions.Is(api.ConditionComplete, metav1.ConditionUnknown, api.ReasonSnapshotAPIMissing,
			"the cluster does not serve snapshot.storage.k8s.io/v1, so the snapshots cannot be looked at"))
		return
	}
	p.status.Progress = p.progress()
	p.status.PointInTime = p.pointInTime(o)
	if n := p.captured(); n == len(p.volumes) && n > 0 {
		p.state(o, now, conditions.Is(api.ConditionComplete, metav1.ConditionTrue, api.ReasonAllCaptured,
			fmt.Sprintf("all %d volumes are captured", n)))
		return
	}
	why := p.verdict()
	p.state(o, now, conditions.Is(api.ConditionComplete, metav1.ConditionFalse, why.Reason, why.Message),
		conditions.Stalled(why.Reason, why.Message))
}

// pointInTime is the oldest instant at which a volume was cut: all that came later may be missing. Once stated it stays.
func (p *PointPlan) pointInTime(o PointObserved) *metav1.Time {
	var oldest time.Time
	for _, v := range p.volumes {
		if s := v.snapshot; s != nil && v.state == api.VolumeCaptured && !s.Cut.IsZero() && (oldest.IsZero() || s.Cut.Before(oldest)) {
			oldest = s.Cut
		}
	}
	if was := o.Point.Status.PointInTime; was != nil && (oldest.IsZero() || was.Time.Before(oldest)) {
		return was
	}
	return timePtr(oldest)
}

// verdict sums the failures up: the one reason that all share, or PartialPoint.
func (p *PointPlan) verdict() Problem {
	var parts []string
	reason := ""
	failed := 0
	for _, v := range p.volumes {
		if v.state == api.VolumeCaptured {
			continue
		}
		failed++
		if len(parts) < 3 {
			parts = append(parts, fmt.Sprintf("claim %s: %s (%s)", v.claim.Name, v.problem.Message, v.problem.Reason))
		}
		if reason == "" {
			reason = v.problem.Reason
		} else if reason != v.problem.Reason {
			reason = api.ReasonPartialPoint
		}
	}
	switch {
	case anyReason(p.volumes, api.ReasonRecoveryPointVanished):
		reason = api.ReasonRecoveryPointVanished
	case failed < len(p.volumes):
		reason = api.ReasonPartialPoint
	}
	if failed > len(parts) {
		parts = append(parts, fmt.Sprintf("and %d more", failed-len(parts)))
	}
	return Problem{reason, fmt.Sprintf("%d of %d volumes are not captured: %s", failed, len(p.volumes), strings.Join(parts, "; "))}
}

func anyReason(volumes []volume, reason string) bool {
	return slices.ContainsFunc(volumes, func(v volume) bool { return v.problem.Reason == reason })
}

// announce tells how a capture ended, once.
func (p *PointPlan) announce() {
	for _, c := range p.status.Conditions {
		if c.Type == api.ConditionComplete {
			p.Notes = append(p.Notes, Note{Warning: c.Status != metav1.ConditionTrue, Reason: c.Reason, Message: c.Message})
		}
	}
}

// state states the conditions. Only what was judged speaks of the spec as it is now: a pass that judges nothing leaves the status alone.
func (p *PointPlan) state(o PointObserved, now time.Time, stated ...metav1.Condition) {
	p.status.ObservedGeneration = o.Point.Generation
	if proven := pointProven(o.Point); proven != nil {
		stated = append(stated, *proven)
	}
	if copied := pointCopied(o.Point); copied != nil {
		stated = append(stated, *copied)
	}
	p.status.Conditions = conditions.State(o.Point.Status.Conditions, o.Point.Generation, now, stated...)
}

func findCondition(list []metav1.Condition, kind string) *metav1.Condition {
	for i := range list {
		if list[i].Type == kind {
			return &list[i]
		}
	}
	return nil
}

// Waiting are the claims that wait for a group snapshot.
func (p *PointPlan) Waiting() []Claim {
	var out []Claim
	for _, v := range p.volumes {
		if v.state == api.VolumePending {
			out = append(out, v.claim)
		}
	}
	return out
}

// WakeBy has the point looked at again by then at the latest.
func (p *PointPlan) WakeBy(t time.Time) { p.wakeAt(t) }
