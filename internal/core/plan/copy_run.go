// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// CopyReportEvery is how often it is looked how far a copier is.
const CopyReportEvery = 15 * time.Second

// mostPolicySpec bounds how much of a policy goes into an order: the annotations of a pod take 256 KiB.
const mostPolicySpec = 128 << 10

// CopyReport is what a copier prints now and then.
type CopyReport struct{ Bytes, Files, BytesPerSecond, TotalBytes int64 }

// copying is one volume on its way into a repository.
type copying struct {
	bringing
	copied *api.CopiedVolume
	order  *RepositoryOrder
	runs   string // the pod that copies it now; empty when none does
}

// carryOn judges how far a copy is, and what is to be asked for next.
func (p *CopyPlan) carryOn(o CopyObserved, r *api.CopyRecord, now time.Time) {
	p.wakeAt(r.Deadline.Time)
	to, access, bad := reach(o, r)
	if c := o.Point.Status.Capture; bad == nil && (c == nil || len(o.Sources) < int(c.Volumes)) {
		bad = &Problem{api.ReasonSnapshotUnusable, "the snapshots of the point are gone"}
	}
	if bad != nil {
		p.end(r, bad, now)
		return
	}
	var volumes []copying
	for _, s := range o.Sources {
		c := copyVolume(o, r, s, RepositoryOrder{Access: access, Mover: r.Mover, Privileged: o.Brought[r.Name].Privileged, Throw: r.Deadline.Add(sweepAfter)}, to)
		if !now.Before(r.Deadline.Time) && c.copied == nil && !c.failed {
			c.bringing = c.tooLate()
		}
		volumes = append(volumes, c)
	}
	p.sum(o, r, volumes, now)
}

// reach says how the repository of a copy is reached. Only the one that the copy was begun for is meant.
func reach(o CopyObserved, r *api.CopyRecord) (order.Repository, Access, *Problem) {
	repository := o.Vaults.Repositories[r.Repository]
	if repository == nil {
		return order.Repository{}, Access{}, &Problem{api.ReasonRepositoryNotFound, fmt.Sprintf("there is no Repository %q in this namespace any more; create it, or correct spec.copies of the policy", r.Repository)}
	}
	if bad := replaced(repository, r); bad != nil {
		return order.Repository{}, Access{}, bad
	}
	to, access, bad := AccessTo(repository, o.Vaults.Allowed)
	to.UniqueID = r.RepositoryID
	return to, access, bad
}

// sum adds the volumes up: the run ends once nothing more is awaited of any.
func (p *CopyPlan) sum(o CopyObserved, r *api.CopyRecord, volumes []copying, now time.Time) {
	w := CopyWork{Target: r.Name}
	r.Volumes = nil
	var bad *copying
	awaited := false
	for i := range volumes {
		switch c := &volumes[i]; {
		case c.copied != nil:
			r.Volumes = append(r.Volumes, *c.copied)
		case c.failed && bad == nil:
			bad = c
		case !c.failed:
			awaited = true
			w.add(c)
		}
	}
	r.Bytes, r.NewBytes = 0, 0
	for _, v := range r.Volumes {
		r.Bytes, r.NewBytes = r.Bytes+v.Bytes, r.NewBytes+v.NewBytes
	}
	switch {
	case awaited:
		p.Work = append(p.Work, w)
		p.progress(o, r, volumes, now)
	case bad != nil:
		p.end(r, &Problem{bad.problem.Reason, fmt.Sprintf("volume %s: %s", bad.source.Claim, bad.problem.Message)}, now)
	default:
		p.end(r, nil, now)
	}
}

func (w *CopyWork) add(c *copying) {
	if c.claim != nil {
		w.Claims = append(w.Claims, *c.claim)
	}
	if c.options != nil {
		w.Mounts = append(w.Mounts, *c.options)
	}
	if c.order != nil {
		w.Pods = append(w.Pods, *c.order)
	}
}

// copyVolume judges how far one volume is. What was copied is not copied again, unless it is not what was captured.
func copyVolume(o CopyObserved, r *api.CopyRecord, s Source, base RepositoryOrder, to order.Repository) copying {
	i := slices.IndexFunc(r.Volumes, func(v api.CopiedVolume) bool { return v.Claim == s.Claim })
	if i >= 0 && differs(ContentOf(o.Point), s.Claim, r.Volumes[i].Fingerprint) == nil {
		return copying{bringing: bringing{source: s}, copied: &r.Volumes[i]}
	}
	brought := o.Brought[r.Name]
	t := landing{name: names.Throwaway(s.Claim, brought.RunUID, s.ClaimUID), throw: base.Throw}
	b, claim := bringClaim(brought, s, &t)
	c := copying{bringing: b}
	if b.failed {
		return c
	}
	size := larger(s.Size, b.size)
	text, err := copyOrder(o, r, s, size.Value(), to)
	if err != nil {
		c.bringing = b.fail(false, Problem{api.ReasonInvalidSpec, err.Error()})
		return c
	}
	base.Order, base.Claim, base.Mode = text, t.name, s.Mode
	c = c.copier(o, r, base, claim.Bound)
	if mountFirst(brought, s, t, claim) {
		c.order = nil
	}
	return c
}

// copier judges the pod that copies the volume. One that was lost is followed by another, one that ran out of memory by one
// that may take more, once.
func (c copying) copier(o CopyObserved, r *api.CopyRecord, base RepositoryOrder, bound bool) copying {
	brought := o.Brought[r.Name]
	tries := follow(brought.Pods, func(try int) string {
		return names.Copier(c.source.Claim, brought.RunUID, c.source.ClaimUID, int(r.Attempt), try)
	})
	switch {
	case tries.bad != nil:
		c.bringing = c.fail(false, *tries.bad)
	case tries.pod == nil:
		base.Name, base.Bigger = tries.name, tries.bigger
		c.order = &base
		c.bringing = c.wait(api.ReasonRestorePending, "the restored volume is asked for")
	default:
		return c.judgeCopier(o, r, *tries.pod, bound)
	}
	return c
}

// tried is where the pods that follow each other for one thing have got to.
type tried struct {
	name   string      // the one that counts
	pod    *BroughtPod // nil when it is not there
	bigger bool        // one before it ran out of memory
	bad    *Problem    // no other follows
}

// follow finds the pod that counts: the first that was not lost.
func follow(pods map[string]BroughtPod, name func(try int) string) tried {
	lost, starved := 0, 0
	for try := 0; ; try++ {
		t := tried{name: name(try), bigger: starved > 0}
		pod, is := pods[t.name]
		if !is {
			return t
		}
		if t.pod = &pod; !pod.failedOfNothing() {
			return t
		}
		if pod.Starved {
			starved++
		} else {
			lost++
		}
		switch {
		case starved > 1:
			t.bad = &Problem{api.ReasonOutOfMemory, "the pod ran out of memory twice; set a higher limit in spec.mover.resources"}
			return t
		case lost == mostAttempts:
			t.bad = &Problem{api.ReasonPodLost, fmt.Sprintf("the pod was lost %d times", mostAttempts)}
			return t
		}
	}
}

// failedOfNothing says whether what a pod ended with is no word on what it had to do.
func (p BroughtPod) failedOfNothing() bool {
	return p.Phase == PodLost || (p.Phase == PodFailed && p.Told != nil && p.Told.Reason == interrupted)
}

func (c copying) judgeCopier(o CopyObserved, r *api.CopyRecord, pod BroughtPod, bound bool) copying {
	switch pod.Phase {
	case PodPending:
		c.bringing = c.starting(pod, bound)
		return c
	case PodRunning:
		c.runs = pod.Name
		c.bringing = c.wait(api.ReasonCopying, "it is being copied")
		return c
	case PodSucceeded, PodFailed, PodLost:
	}
	if bad := pod.outcome(r.RepositoryID); bad != nil {
		c.bringing = c.fail(false, *bad)
		return c
	}
	told := pod.Told.Copied
	switch {
	case !told.whole():
		c.bringing = c.fail(false, Problem{api.ReasonMoverFailed, "the pod that copies the volume did not tell what it copied"})
	case told.Unreadable > 0:
		c.bringing = c.fail(true, Problem{api.ReasonReadFailed, fmt.Sprintf("%d files could not be read: set spec.mover.runAsUser to the user that owns them, or look for damage", told.Unreadable)})
	default:
		c.copied = &api.CopiedVolume{Claim: c.source.Claim, Fingerprint: told.Fingerprint, NewBytes: told.NewBytes, Lost: told.Lost,
			Mode: modeOf(c.source.Mode), AccessModes: c.source.AccessModes}
		if bad := differs(ContentOf(o.Point), c.source.Claim, told.Fingerprint); bad != nil {
			c.copied, c.bringing = nil, c.fail(true, *bad)
		}
	}
	return c
}

// outcome says why a pod that ended did not do what it had to, in the repository that is meant; nil when it did.
func (p BroughtPod) outcome(meant string) *Problem {
	switch {
	case p.Told == nil && p.Phase == PodLost:
		return &Problem{api.ReasonPodLost, "the pod was lost: it was evicted or killed, ran out of memory, or its node went"}
	case p.Told == nil:
		return &Problem{api.ReasonMoverFailed, fmt.Sprintf("the pod ended with exit code %d and told nothing", p.ExitCode)}
	}
	if bad := p.Told.problem(meant); bad != nil || p.Phase == PodSucceeded {
		return bad
	}
	return &Problem{api.ReasonMoverFailed, fmt.Sprintf("the pod ended with exit code %d", p.ExitCode)}
}

// ContentOf is what the volumes of a point held: the fingerprint that was recorded at the capture, or else what was read for a
// copy that is complete; nil when neither is known.
func ContentOf(q *api.RecoveryPoint) *api.PointFingerprint {
	if f := q.Status.Fingerprint; f != nil && f.State == api.FingerprintRecorded {
		return f
	}
	for i := range q.Status.Copies {
		r := &q.Status.Copies[i]
		if r.State != api.CopyComplete {
			continue
		}
		out := &api.PointFingerprint{State: api.FingerprintRecorded, StartedAt: r.StartedAt, Deadline: r.Deadline, FinishedAt: r.FinishedAt, CleanedUp: true}
		for _, v := range r.Volumes {
			out.Volumes = append(out.Volumes, api.VolumeFingerprint{Claim: v.Claim, Fingerprint: v.Fingerprint})
		}
		return out
	}
	return nil
}

// tooLate is what a volume that still waits at the deadline has failed of.
func (c copying) tooLate() bringing {
	switch c.problem.Reason {
	case api.ReasonRestorePending:
		return c.fail(false, Problem{api.ReasonCopyTimedOut, "the storage system did not deliver the volume in time, or the pod did not start; look at its events, and whether its Secrets are there"})
	case api.ReasonCopying:
		return c.fail(false, Problem{api.ReasonCopyTimedOut, "it could not be copied in time; what was sent is not sent again"})
	}
	return c.fail(false, Problem{api.ReasonCopyTimedOut, c.problem.Message})
}

// copyOrder is what a copier is told.
func copyOrder(o CopyObserved, r *api.CopyRecord, s Source, size int64, to order.Repository) (string, error) {
	record, err := json.Marshal(copiedRecord(o, s))
	if err != nil {
		return "", err
	}
	return order.Encode(order.Order{Repository: to, Copy: &order.Copy{
		Volume: order.Volume{PointUID: string(o.Point.UID), ClaimUID: s.ClaimUID},
		Claim:  s.Claim, Block: s.Mode == modeBlock, Strict: r.Fidelity == api.FidelityStrict, Full: r.Full, Size: size, Record: record,
	}})
}

// copiedRecord is what is written beside the data, so that they can be brought back where nothing else is left.
func copiedRecord(o CopyObserved, s Source) order.Record {
	q := o.Point
	out := order.Record{
		Version: order.Version, PointUID: string(q.UID), Point: q.Name, Namespace: q.Namespace, NamespaceID: o.NamespaceUID,
		Policy: q.Spec.Policy.Name, PolicyUID: PolicyUID(q), PointInTime: At(q).UTC(), Volumes: int(q.Status.Capture.Volumes),
		Claim: s.Claim, ClaimUID: s.ClaimUID, Driver: s.Driver, StorageClass: s.StorageClass, Mode: s.Mode, AccessModes: s.AccessModes, Size: s.Size.Value(),
	}
	if q.Status.FinishedAt != nil {
		out.CapturedAt = q.Status.FinishedAt.UTC()
	}
	if o.Policy != nil {
		if spec, err := json.Marshal(o.Policy.Spec); err == nil && len(spec) <= mostPolicySpec {
			out.PolicySpec = spec
		}
	}
	return out
}

// progress tells how far a run is, when it got on since that was told last.
func (p *CopyPlan) progress(o CopyObserved, r *api.CopyRecord, volumes []copying, now time.Time) {
	sum := api.CopyProgress{At: seconds(now)}
	unknown := false
	for _, c := range volumes {
		switch report, is := o.Reports[c.runs]; {
		case c.copied != nil:
			sum.Bytes, sum.Files, sum.TotalBytes = sum.Bytes+c.copied.Bytes, sum.Files+c.copied.Files, sum.TotalBytes+c.copied.Bytes
		case c.runs == "":
			unknown = true
		default:
			p.wakeAt(now.Add(CopyReportEvery))
			if !is {
				return
			}
			sum.Bytes, sum.Files, sum.BytesPerSecond = sum.Bytes+report.Bytes, sum.Files+report.Files, sum.BytesPerSecond+report.BytesPerSecond
			sum.TotalBytes += report.TotalBytes
			unknown = unknown || report.TotalBytes == 0
		}
	}
	if was := r.Progress; sum.Bytes == 0 || (was != nil && was.Bytes == sum.Bytes && was.Files == sum.Files) {
		return
	}
	if known := expected(o, r.Name); known > 0 {
		sum.TotalBytes = known
	} else if unknown {
		sum.TotalBytes = 0
	}
	if left := sum.TotalBytes - sum.Bytes; left > 0 && sum.BytesPerSecond > 0 {
		sum.TimeLeft = &metav1.Duration{Duration: time.Duration(left/sum.BytesPerSecond) * time.Second}
	}
	r.Progress = &sum
}

// expected is about how much there is to read: what is known of this point, or what the newest copy before into the same target held.
func expected(o CopyObserved, target string) (bytes int64) {
	if f := ContentOf(o.Point); f != nil {
		for _, v := range f.Volumes {
			bytes += v.Bytes
		}
		return bytes
	}
	var newest time.Time
	for _, q := range o.Siblings {
		for i := range q.Status.Copies {
			if r := &q.Status.Copies[i]; r.Name == target && r.State == api.CopyComplete && At(q).After(newest) {
				newest, bytes = At(q), r.Bytes
			}
		}
	}
	return bytes
}

// Copiers are the pods that copy, by target, as far as they run: those that can tell how far they are.
func (o CopyObserved) Copiers() []string {
	var out []string
	for i := range o.Point.Status.Copies {
		r := &o.Point.Status.Copies[i]
		if r.State != api.CopyCopying {
			continue
		}
		for name, pod := range o.Brought[r.Name].Pods {
			if pod.Phase == PodRunning {
				out = append(out, name)
			}
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
