// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// planRun brings the volumes back, has them read, and then runs the checks, one after the other.
func (p *DrillPlan) planRun(o DrillObserved, now time.Time) {
	run := p.Status.Run
	point := pointOf(o.Points, run.RecoveryPoint.UID)
	if point == nil || !point.DeletionTimestamp.IsZero() || len(o.Sources) == 0 {
		// Who deletes a point says nothing about what was in it.
		p.conclude(api.VerdictInconclusive, Problem{api.ReasonPointNotFound, fmt.Sprintf("recovery point %s was deleted during the drill", run.RecoveryPoint.Name)}, now)
		return
	}
	if bad := tooMany(point); bad != nil {
		p.conclude(api.VerdictInconclusive, *bad, now)
		return
	}
	p.wakeAt(laterThan(run.Deadline.Time, now))
	volumes := p.bringAll(o, now)
	p.recordVolumes(volumes, point.Status.Fingerprint)
	if bad := firstFailed(volumes); bad != nil {
		p.concludeReading(*bad, now)
	} else {
		p.trackMounted(volumes, now)
	}
	if slices.ContainsFunc(volumes, func(b bringing) bool { return !b.done }) {
		return
	}
	p.phase(api.PhaseReading, api.PhaseSucceeded, "", now)
	p.Status.Level = shallowest(volumes, point.Status.Fingerprint)
	switch bad := firstDifference(volumes, point.Status.Fingerprint); {
	case bad != nil && bad.Reason == api.ReasonContentDiffers:
		p.conclude(api.VerdictFailed, *bad, now)
	case bad != nil && levels.Depth(run.Required) >= levels.Depth(api.LevelIntact):
		p.conclude(api.VerdictInconclusive, *bad, now)
	default:
		p.planChecks(o, volumes, now)
	}
}

func pointOf(points []*api.RecoveryPoint, uid string) *api.RecoveryPoint {
	for _, p := range points {
		if string(p.UID) == uid {
			return p
		}
	}
	return nil
}

func (p *DrillPlan) bringAll(o DrillObserved, now time.Time) []bringing {
	run := p.Status.Run
	late := !now.Before(run.Deadline.Time)
	out := make([]bringing, 0, len(o.Sources))
	for _, s := range o.Sources {
		if was := p.wasRead(s); was != nil {
			out = append(out, *was)
			continue
		}
		into := landing{name: names.Throwaway(s.Claim, string(o.Drill.UID), s.ClaimUID), class: run.StorageClassName, mover: run.Mover, throw: throwAt(run)}
		if w := p.writing(s.Claim); w != nil {
			into.writing = *w
		}
		b := bring(o.Brought, s, into)
		if late && !b.done && !b.failed {
			b = b.late()
		}
		out = append(out, b)
	}
	if firstFailed(out) == nil {
		p.Isolate, p.Throw = !o.Brought.Isolated, throwAt(run)
		for _, b := range out {
			if b.claim != nil {
				p.Claims = append(p.Claims, *b.claim)
			}
			if b.options != nil {
				p.Mounts = append(p.Mounts, *b.options)
			}
			if b.write != nil {
				p.Writes = append(p.Writes, *b.write)
			}
			p.Remove = append(p.Remove, b.remove...)
			if b.pod != nil {
				p.Reads = append(p.Reads, *b.pod)
			}
		}
	}
	return out
}

// wasRead is a volume as it is on record once all were read; nil before. It is not read again, whatever becomes of its
// reader: checks may have written to it meanwhile.
func (p *DrillPlan) wasRead(s Source) *bringing {
	if f := p.phaseOf(api.PhaseReading); f == nil || f.State != api.PhaseSucceeded {
		return nil
	}
	for _, v := range p.Status.Volumes {
		if v.Claim == s.Claim && v.Read != nil {
			was := bringing{source: s, as: v.Throwaway, volume: v.Volume, mounted: true, done: true, read: v.Read}
			if v.Writing != nil {
				was.writing = *v.Writing
			}
			return &was
		}
	}
	return nil
}

// throwAt is when what a drill made is swept away even if nobody tells.
func throwAt(run *api.DrillRun) time.Time {
	stay := max(orNone(run.Cleanup.OnSuccess), orNone(run.Cleanup.OnFailure))
	return run.Deadline.Add(stay + sweepAfter)
}

func (p *DrillPlan) recordVolumes(volumes []bringing, recorded *api.PointFingerprint) {
	was := map[string]api.DrillVolume{}
	for _, v := range p.Status.Volumes {
		was[v.Claim] = v
	}
	p.Status.Volumes = nil
	for _, b := range volumes {
		v := api.DrillVolume{Claim: b.source.Claim, ClaimUID: b.source.ClaimUID, Throwaway: b.as, Volume: b.volume, Read: b.read, Level: levelOf(b, recorded), Writing: writingOf(b)}
		if v.Volume == "" {
			v.Volume = was[v.Claim].Volume
		}
		why := b.problem
		if b.done {
			why = compare(b, recorded)
		}
		if why != nil {
			v.Reason, v.Message = why.Reason, clipMessage(why.Message)
		}
		p.Status.Volumes = append(p.Status.Volumes, v)
	}
}

func firstFailed(volumes []bringing) *bringing {
	for i := range volumes {
		if volumes[i].failed {
			return &volumes[i]
		}
	}
	return nil
}

// concludeReading ends a drill of which a volume did not come back, in the phase it was in.
func (p *DrillPlan) concludeReading(b bringing, now time.Time) {
	verdict := api.VerdictInconclusive
	if b.conclusive {
		verdict = api.VerdictFailed
	}
	p.conclude(verdict, Problem{b.problem.Reason, fmt.Sprintf("volume %s: %s", b.source.Claim, b.problem.Message)}, now)
}

// trackMounted ends the phase of restoring once every volume is mounted.
func (p *DrillPlan) trackMounted(volumes []bringing, now time.Time) {
	if slices.ContainsFunc(volumes, func(b bringing) bool { return !b.mounted }) {
		return
	}
	p.closePhase(api.PhaseRestoring, api.PhaseSucceeded, "", now)
	p.phase(api.PhaseReading, api.PhaseRunning, "", now)
}

// shallowest is the level that every volume reached by being read.
func shallowest(volumes []bringing, recorded *api.PointFingerprint) api.ProofLevel {
	out := api.LevelIntact
	for _, b := range volumes {
		if l := levelOf(b, recorded); levels.Depth(l) < levels.Depth(out) {
			out = l
		}
	}
	return out
}

// firstDifference is what is wrong with the content; damage comes before what is merely not known.
func firstDifference(volumes []bringing, recorded *api.PointFingerprint) *Problem {
	var out *Problem
	for _, b := range volumes {
		bad := compare(b, recorded)
		if bad != nil && (out == nil || (out.Reason != api.ReasonContentDiffers && bad.Reason == api.ReasonContentDiffers)) {
			out = &Problem{bad.Reason, fmt.Sprintf("volume %s: %s", b.source.Claim, bad.Message)}
		}
	}
	return out
}

// planChecks runs the checks in their order. The first that does not pass ends the drill.
func (p *DrillPlan) planChecks(o DrillObserved, volumes []bringing, now time.Time) {
	run := p.Status.Run
	if len(run.Checks) == 0 {
		p.phase(api.PhaseChecking, api.PhaseSkipped, "the policy has no checks", now)
		p.judgeLevel(now)
		return
	}
	p.phase(api.PhaseChecking, api.PhaseRunning, "", now)
	for i, c := range run.Checks {
		r := p.checkResult(c.Name)
		if r.State != api.CheckPassed {
			p.judgeCheck(o, c, r, volumes, now)
		}
		if r.State == api.CheckPassed && i < len(run.Checks)-1 && p.stopApplication(o, c) {
			return
		}
		if r.State == api.CheckPassed {
			continue
		}
		if r.State != api.CheckRunning {
			p.concludeCheck(o, *r, now)
		}
		return
	}
	p.closePhase(api.PhaseChecking, api.PhaseSucceeded, "", now)
	p.judgeLevel(now)
}

// stopApplication has an application that answered, and would go on, leave the volumes before the next check gets them. It
// says whether it is still there.
func (p *DrillPlan) stopApplication(o DrillObserved, c api.Check) bool {
	pod, is := o.Brought.Pods[names.CheckPod(c.Name, string(o.Drill.UID))]
	if !is || pod.RunUID != o.Brought.RunUID || pod.Phase != PodRunning || len(c.Command) > 0 {
		return false
	}
	if !pod.Deleting {
		p.Remove = append(p.Remove, Leftover{Target: pod.Target, Kind: "Pod"})
	}
	return true
}

func (p *DrillPlan) checkResult(name string) *api.CheckResult {
	for i := range p.Status.Checks {
		if p.Status.Checks[i].Name == name {
			return &p.Status.Checks[i]
		}
	}
	p.Status.Checks = append(p.Status.Checks, api.CheckResult{Name: name, State: api.CheckSkipped})
	return &p.Status.Checks[len(p.Status.Checks)-1]
}

// judgeCheck looks at the pod of a check, or asks for it.
func (p *DrillPlan) judgeCheck(o DrillObserved, c api.Check, r *api.CheckResult, volumes []bringing, now time.Time) {
	run := p.Status.Run
	pod, is := o.Brought.Pods[names.CheckPod(c.Name, string(o.Drill.UID))]
	if r.State != api.CheckRunning {
		r.State, r.StartedAt = api.CheckRunning, microTime(now)
	}
	until := sooner(r.StartedAt.Add(duration(c.Timeout, defaultCheckTimeout)), run.Deadline.Time)
	end := func(s api.CheckState, message string) {
		r.State, r.FinishedAt, r.Message = s, microTime(now), clipMessage(message)
	}
	r.ImageID = clipMessage(pod.ImageID)
	switch {
	case is && pod.RunUID != o.Brought.RunUID:
		end(api.CheckNotRun, fmt.Sprintf("pod %q exists and was not made for this; delete or rename it", pod.Name))
	case pod.Phase == PodSucceeded && len(c.Command) > 0, pod.Phase == PodRunning && pod.Ready && len(c.Command) == 0:
		end(api.CheckPassed, "")
	case pod.Phase == PodSucceeded, pod.Phase == PodFailed:
		r.ExitCode = &pod.ExitCode
		end(api.CheckFailed, fmt.Sprintf("it ended with exit code %d", pod.ExitCode))
	case pod.Phase == PodLost:
		end(api.CheckNotRun, "its pod was evicted, or lost with its node")
	case is && pod.Phase == PodPending && pod.Waits != nil && pod.Waits.Reason == api.ReasonImageUnavailable:
		end(api.CheckNotRun, pod.Waits.Message)
	case !now.Before(until) && (!is || pod.Phase == PodPending):
		end(api.CheckNotRun, "it did not get to run in time: "+waitMessage(pod))
	case !now.Before(until):
		end(api.CheckTimedOut, "it did not end in time; its timeout is "+duration(c.Timeout, defaultCheckTimeout).String())
	case !is && o.Brought.Isolated:
		p.Check = &CheckOrder{Name: names.CheckPod(c.Name, string(o.Drill.UID)), Check: c, Mover: run.Mover, Volumes: checkVolumes(volumes), Throw: throwAt(run)}
	}
	p.wakeAt(laterThan(until, now))
}

const defaultCheckTimeout = 5 * time.Minute

func waitMessage(pod BroughtPod) string {
	if pod.Waits != nil {
		return pod.Waits.Message
	}
	return "its pod did not start"
}

func checkVolumes(volumes []bringing) []CheckVolume {
	out := make([]CheckVolume, len(volumes))
	for i, b := range volumes {
		out[i] = CheckVolume{Claim: b.source.Claim, Throwaway: b.as, Mode: b.source.Mode}
	}
	return out
}

// concludeCheck ends a drill of which a check did not pass. One that could not run says nothing about the point.
func (p *DrillPlan) concludeCheck(o DrillObserved, r api.CheckResult, now time.Time) {
	verdict, reason := api.VerdictFailed, api.ReasonCheckFailed
	switch r.State {
	case api.CheckTimedOut:
		reason = api.ReasonCheckTimedOut
	case api.CheckNotRun:
		verdict, reason = api.VerdictInconclusive, notRun(o, r)
	case api.CheckPassed, api.CheckFailed, api.CheckRunning, api.CheckSkipped:
	}
	p.raiseLevel()
	p.conclude(verdict, Problem{reason, fmt.Sprintf("check %s: %s", r.Name, r.Message)}, now)
}

// notRun is why a check could not run.
func notRun(o DrillObserved, r api.CheckResult) string {
	pod, is := o.Brought.Pods[names.CheckPod(r.Name, string(o.Drill.UID))]
	switch {
	case is && pod.RunUID != o.Brought.RunUID:
		return api.ReasonNameTaken
	case pod.Phase == PodLost:
		return api.ReasonPodLost
	case pod.Waits != nil:
		return pod.Waits.Reason
	}
	return api.ReasonCheckTimedOut
}

// raiseLevel adds what the checks proved to what reading proved. A level without a check of its own stops the climb.
func (p *DrillPlan) raiseLevel() {
	if p.Status.Level != api.LevelIntact {
		return
	}
	for _, level := range []api.ProofLevel{api.LevelConsistent, api.LevelAnswering} {
		found := false
		for _, r := range p.Status.Checks {
			if r.Proves != level {
				continue
			}
			if found = r.State == api.CheckPassed; !found {
				return
			}
		}
		if !found {
			return
		}
		p.Status.Level = level
	}
}

// judgeLevel ends a drill of which all went well, if it went deep enough.
func (p *DrillPlan) judgeLevel(now time.Time) {
	p.raiseLevel()
	run := p.Status.Run
	if levels.Depth(p.Status.Level) >= levels.Depth(run.Required) {
		p.conclude(api.VerdictPassed, Problem{api.ReasonDrillPassed, fmt.Sprintf("%s was proven to be %s", rehearsed(run), p.Status.Level)}, now)
		return
	}
	p.conclude(api.VerdictFailed, Problem{api.ReasonProofTooShallow,
		fmt.Sprintf("the drill reached %s, and %s is asked for; add checks that prove it, or lower spec.objectives.requiredProof", p.Status.Level, run.Required)}, now)
}

func microTime(t time.Time) *metav1.MicroTime {
	m := metav1.NewMicroTime(t.UTC().Truncate(time.Microsecond))
	return &m
}
