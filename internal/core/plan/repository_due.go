// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// When a repository is looked at, and for how long.
const (
	defaultProbeEvery   = 15 * time.Minute
	defaultVerifyWithin = 720 * time.Hour
	maintainEvery       = 24 * time.Hour
	importEvery         = 6 * time.Hour
	// damagedAgain is after which time what is damaged is read again: copies may have brought it anew.
	damagedAgain = 24 * time.Hour

	// probeFirst and taskFirst are after which time a look, or a longer task, that failed is begun again; after twice as long each time.
	probeFirst = time.Minute
	taskFirst  = 10 * time.Minute

	probeWithin    = 10 * time.Minute
	importWithin   = time.Hour
	maintainWithin = 12 * time.Hour
	// leastVerify and mostVerify bound how long reading back may take: maintenance waits for it.
	leastVerify = time.Hour
	mostVerify  = 168 * time.Hour

	// clockDoubt is how far in the future a run may have begun before it is taken for one of a clock that went wrong.
	clockDoubt = time.Minute
)

// dueAt is when a task is to be begun next; zero for not before something else changes. What reads more than it looks at waits
// until a probe could open the repository.
func (p *RepositoryPlan) dueAt(r *api.Repository, t RepositoryTask, now time.Time) time.Time {
	run := *p.runOf(t)
	switch {
	case t != TaskProbe && !p.reachable(), t == TaskImport && !r.Spec.Import:
		return time.Time{}
	case run != nil && run.StartedAt.Sub(now) > clockDoubt:
		return now
	}
	return sooner(p.regularly(r, t, run), requested(r, t, run))
}

// reachable says whether the last probe that ended could open the repository.
func (p *RepositoryPlan) reachable() bool {
	return p.status.UniqueID != "" && p.status.UnreachableSince == nil
}

// regularly is when a task is due without being asked for.
func (p *RepositoryPlan) regularly(r *api.Repository, t RepositoryTask, run *api.RepositoryRun) time.Time {
	made := r.CreationTimestamp.Time
	switch t {
	case TaskProbe:
		every := duration(r.Spec.ProbeEvery, defaultProbeEvery)
		switch {
		case run == nil:
			return made
		case p.generation != r.Generation:
			return run.StartedAt.Time
		case run.Failures > 0:
			return run.FinishedAt.Add(backOff(probeFirst, every, run.Failures))
		}
		return run.StartedAt.Add(every - spread(r, t, every/10))
	case TaskImport:
		return again(run, made, importEvery, taskFirst)
	case TaskMaintain:
		return again(run, made.Add(maintainEvery-spread(r, t, maintainEvery/10)), maintainEvery, taskFirst)
	case TaskVerify:
	}
	return p.verifyAt(r, run)
}

// again is when a task is due: at first, then every so often, and sooner after it failed.
func again(run *api.RepositoryRun, first time.Time, every, soonest time.Duration) time.Time {
	switch {
	case run == nil:
		return first
	case run.Failures > 0:
		return run.FinishedAt.Add(backOff(soonest, every, run.Failures))
	}
	return run.StartedAt.Add(every)
}

// verifyAt is when the repository is to be read back: so early that it is done within the promised time. A new one is, as soon
// as it is made, because that costs nothing. One that is adopted may be large, and somebody may be waiting for a restore.
func (p *RepositoryPlan) verifyAt(r *api.Repository, run *api.RepositoryRun) time.Time {
	early := duration(r.Spec.VerifyWithin, defaultVerifyWithin) * 3 / 4
	adopted := r.Spec.UniqueID != "" || r.Spec.Import
	switch {
	case run == nil && adopted:
		return r.CreationTimestamp.Add(min(early, 24*time.Hour))
	case run == nil:
		return r.CreationTimestamp.Time
	case run.Failures > 0 && p.status.Damage != nil && run.Reason == api.ReasonCopyCorrupt:
		return run.FinishedAt.Add(min(early, damagedAgain))
	case run.Failures > 0:
		return run.FinishedAt.Add(backOff(taskFirst, min(early, 24*time.Hour), run.Failures))
	case p.status.LastVerified == nil:
		return run.StartedAt.Add(taskFirst)
	}
	return p.status.LastVerified.Add(early - spread(r, TaskVerify, early/20))
}

// requested is when somebody asked for a run that has not begun since; zero when nobody did.
func requested(r *api.Repository, t RepositoryTask, run *api.RepositoryRun) time.Time {
	annotation := api.AnnotationProbeRequested
	switch t {
	case TaskMaintain:
		annotation = api.AnnotationMaintainRequested
	case TaskVerify:
		annotation = api.AnnotationVerifyRequested
	case TaskProbe, TaskImport:
	}
	at, err := time.Parse(time.RFC3339, r.Annotations[annotation])
	if err != nil || (run != nil && !at.After(run.StartedAt.Time)) {
		return time.Time{}
	}
	return at
}

// taskDeadline is how long a task may take. An object lock is renewed by maintenance, which waits for verification.
func taskDeadline(r *api.Repository, t RepositoryTask) time.Duration {
	switch t {
	case TaskProbe:
		return probeWithin
	case TaskImport:
		return importWithin
	case TaskMaintain:
		return maintainWithin
	case TaskVerify:
	}
	within := min(duration(r.Spec.VerifyWithin, defaultVerifyWithin)/4, mostVerify)
	if l := r.Spec.ObjectLock; l != nil {
		within = min(within, l.Period.Duration/2)
	}
	return max(within, leastVerify)
}

// wakeForAge has the repository looked at again when it was not read back in time: nothing else happens then.
func (p *RepositoryPlan) wakeForAge(r *api.Repository, now time.Time) {
	p.wakeAt(laterThan(p.verifiedUntil(r), now))
}

// verifiedUntil is until when every byte was read back within the promised time; counted from the beginning where none was.
func (p *RepositoryPlan) verifiedUntil(r *api.Repository) time.Time {
	from := r.CreationTimestamp.Time
	if at := p.status.LastVerified; at != nil {
		from = at.Time
	}
	return from.Add(duration(r.Spec.VerifyWithin, defaultVerifyWithin))
}

func backOff(first, most time.Duration, failures int32) time.Duration {
	return min(first<<min(failures-1, 16), most)
}

// spread is what is taken off a repository's times, so that those of a cluster do not all come due at once.
func spread(r *api.Repository, t RepositoryTask, most time.Duration) time.Duration {
	return time.Duration(names.Hash("spread", string(t), string(r.UID))%uint64(max(1, most/time.Second))) * time.Second
}
