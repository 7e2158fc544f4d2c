// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// A volume comes back from a copy in two steps: an empty claim is made, of any class of any driver, and one pod writes the copy into
// it; once that has ended well, another pod, which can write nothing, reads it as any restored volume is read.
//
// No volume ever has two writers: one whose node does not answer may still be writing. So who follows a writer that was lost gets a
// volume of its own. The attempt is counted in the status first. Then what is left of the one before is removed, the claim with it,
// and only when it is gone is the claim made anew, which bears the number of its attempt.

// CopySource is the copy of one volume in a repository.
type CopySource struct {
	Repository order.Repository
	Access     Access
	Volume     order.Volume
	Held       api.Fingerprint // what the copy holds
	Away       *Problem        // why the repository cannot be reached now; nil when it can, or that is not known
}

// bringCopy judges how far a volume is that comes from a copy, and what is to be asked for next.
func bringCopy(o Brought, s Source, t landing) bringing {
	b, claim := bringClaim(o, s, &t)
	b.options, b.writing, b.partial = nil, t.writing, len(t.paths) > 0 // the UUID of a file system is its own
	switch {
	case b.failed:
		return b
	case claim.RunUID == o.RunUID && claim.Attempt > int(t.writing.Attempt): // what is on record was not seen yet
		b.claim = nil
		return b.wait(api.ReasonRestorePending, "the restored volume is asked for")
	}
	if old := earlierAttempts(o, s, t, claim); len(old) > 0 {
		b.claim, b.remove = nil, stillToRemove(old)
		return b.wait(api.ReasonRestorePending, "what is left of an attempt that was lost is being removed")
	}
	return b.writer(o, t, claim)
}

// earlierAttempts are the pods and the claim of attempts before the one on record.
func earlierAttempts(o Brought, s Source, t landing, claim BroughtClaim) (out []Leftover) {
	pod := func(name string) {
		if p, is := o.Pods[name]; is && p.RunUID == o.RunUID {
			out = append(out, Leftover{Target: p.Target, Kind: "Pod", Deleting: p.Deleting})
		}
	}
	for attempt := range int(t.writing.Attempt) {
		pod(names.Writer(s.Claim, o.RunUID, s.ClaimUID, attempt))
		for read := range mostAttempts {
			pod(names.Reader(s.Claim, o.RunUID, s.ClaimUID, attempt*mostAttempts+read))
		}
	}
	if claim.RunUID == o.RunUID && claim.Attempt < int(t.writing.Attempt) {
		out = append(out, Leftover{Target: claim.Target, Kind: "PersistentVolumeClaim", Deleting: claim.Deleting})
	}
	return out
}

// writer judges the pod that writes the copy. A claim that is bound, or has a reader, and has no writer had one, and may have been
// written to.
func (b bringing) writer(o Brought, t landing, claim BroughtClaim) bringing {
	name := names.Writer(b.source.Claim, o.RunUID, b.source.ClaimUID, int(t.writing.Attempt))
	pod, is := o.Pods[name]
	switch {
	case !is && (claim.Bound || b.beingRead(o)):
		return b.again(Problem{api.ReasonPodLost, "the pod that writes the copy is gone"}, false)
	case !is:
		return b.askWriter(o, t, name)
	case pod.RunUID != o.RunUID:
		return b.fail(false, Problem{api.ReasonNameTaken, fmt.Sprintf("pod %q exists and was not made for this; delete or rename it", name)})
	case pod.Phase == PodPending:
		return b.starting(pod, claim.Bound)
	case pod.Phase == PodRunning && b.claim == nil:
		return b.wait(api.ReasonRestoring, "the copy is being written into the volume")
	case pod.Phase == PodRunning:
		return b.again(volumeWent, false)
	case pod.Phase == PodLost && pod.Starved && b.writing.Bigger:
		return b.fail(false, Problem{api.ReasonOutOfMemory, "the pod that writes the copy ran out of memory twice; set a higher limit in spec.mover.resources"})
	case pod.Phase == PodLost && pod.Starved:
		return b.again(Problem{api.ReasonOutOfMemory, "the pod that writes the copy ran out of memory; set a higher limit in spec.mover.resources"}, true)
	case pod.Phase == PodLost:
		return b.again(Problem{api.ReasonPodLost, "the pod that writes the copy was lost"}, false)
	}
	return b.judgeWriter(o, t, pod, claim)
}

// beingRead says whether the volume of this attempt has a reader.
func (b bringing) beingRead(o Brought) bool {
	for read := range mostAttempts {
		if _, is := o.Pods[names.Reader(b.source.Claim, o.RunUID, b.source.ClaimUID, int(b.writing.Attempt)*mostAttempts+read)]; is {
			return true
		}
	}
	return false
}

// askWriter asks for the pod that writes the copy, beside the claim where that is not there yet.
func (b bringing) askWriter(o Brought, t landing, name string) bringing {
	c := b.source.Copy
	text, err := order.Encode(order.Order{Repository: c.Repository, Restore: &order.Restore{
		Volume: c.Volume, Block: b.source.Mode == modeBlock, Paths: t.paths, Digest: c.Held.Digest,
	}})
	if err != nil {
		return b.fail(false, Problem{api.ReasonInvalidSpec, err.Error()})
	}
	b.write = &RepositoryOrder{Name: name, Order: text, Access: c.Access, Claim: t.name, Mode: b.source.Mode, Writes: true, Mover: t.mover,
		Privileged: o.Privileged, Bigger: t.writing.Bigger, Throw: t.throw}
	return b.wait(api.ReasonRestorePending, "the restored volume is asked for")
}

// judgeWriter looks at what a writer told that ended by itself, and at the reader that follows it.
func (b bringing) judgeWriter(o Brought, t landing, pod BroughtPod, claim BroughtClaim) bringing {
	ended := Problem{api.ReasonMoverFailed, fmt.Sprintf("the pod that writes the copy ended with exit code %d", pod.ExitCode)}
	if pod.Told == nil {
		return b.fail(false, ended)
	}
	switch bad := pod.Told.problem(b.source.Copy.Repository.UniqueID); {
	case pod.Told.Reason == interrupted:
		return b.again(Problem{api.ReasonPodLost, "the pod that writes the copy was told to end"}, false)
	case bad != nil && bad.Reason == api.ReasonRepositoryUnreachable:
		return b.again(*bad, false)
	case bad != nil:
		return b.fail(speaksOfCopy(*bad), *bad)
	case pod.Phase != PodSucceeded || pod.Told.Written == nil:
		return b.fail(false, ended)
	}
	b.writing.Lost = pod.Told.Written.Lost
	if read := b.reader(o, t, claim.Bound); b.claim == nil || read.done {
		return read
	}
	return b.again(volumeWent, false)
}

// volumeWent is why a volume is begun anew whose claim is not there any more.
var volumeWent = Problem{api.ReasonPodLost, "the volume that the copy was written into is gone"}

// again begins anew with an empty volume, unless that was done often enough.
func (b bringing) again(why Problem, bigger bool) bringing {
	if int(b.writing.Attempt)+1 >= mostAttempts {
		return b.fail(false, Problem{why.Reason, fmt.Sprintf("%s; %d attempts were made", why.Message, mostAttempts)})
	}
	b.writing.Attempt++
	b.writing.Bigger, b.writing.Lost = b.writing.Bigger || bigger, 0
	b.claim, b.pod, b.write = nil, nil, nil
	return b.wait(api.ReasonRestorePending, why.Message+"; it is begun again with an empty volume")
}

// lateCopy is what a volume that comes from a copy and still waits at the deadline has failed of. What was not begun to be written
// says nothing of the copy.
func (b bringing) lateCopy() bringing {
	switch away := b.source.Copy.Away; {
	case b.problem.Reason == api.ReasonReading:
		return b.fail(true, Problem{api.ReasonRestoreTimedOut, "the volume could not be read in time"})
	case away != nil:
		return b.fail(false, *away)
	case b.problem.Reason == api.ReasonRestoring:
		return b.fail(true, Problem{api.ReasonRestoreTimedOut, "the copy could not be written into the volume in time"})
	case b.problem.Reason == api.ReasonRestorePending:
		return b.fail(false, Problem{api.ReasonRestoreTimedOut, "the volume was not delivered in time, or a pod did not start; look at the pods' events"})
	}
	return b.fail(false, *b.problem)
}

// speaksOfCopy says whether a failure shows that the copy cannot be brought back. Anything else that goes wrong with a repository
// speaks of circumstances.
func speaksOfCopy(why Problem) bool {
	return why.Reason == api.ReasonCopyCorrupt || why.Reason == api.ReasonCopyMissing
}

// wantedOf is what a volume should hold: the fingerprint that was recorded at the capture, or else what was read for the copy.
func wantedOf(s Source, recorded *api.PointFingerprint) *api.Fingerprint {
	if f := fingerprintOf(recorded, s.Claim); f != nil || s.Copy == nil || s.Copy.Held.Digest == "" {
		return f
	}
	return &s.Copy.Held
}

func ownershipNotKept(lost int64) *Problem {
	return &Problem{api.ReasonOwnershipNotKept, fmt.Sprintf(
		"the content was written and compared, and %d owners, modes or special files could not be set: annotate the namespace with %s: \"true\" and restore again", lost, api.AnnotationPrivilegedMovers)}
}

// writingOf is how a volume was written, to be written down; nil while there is nothing to tell.
func writingOf(b bringing) *api.VolumeWriting {
	if b.writing == (api.VolumeWriting{}) {
		return nil
	}
	w := b.writing
	return &w
}

// ToFind is what was not seen of a volume that comes from a copy, and is to be looked for live. Whoever looks only at a cache may
// have missed it, and a claim without its writer, or a writer without its claim, is begun anew.
type ToFind struct {
	Claims, Pods []string
}

// add adds what should be there of a volume: the writer of a claim that is bound, and the claim of a writer.
func (f *ToFind) add(o Brought, s Source, as string, w *api.VolumeWriting) {
	if s.Copy == nil {
		return
	}
	attempt := 0
	if w != nil {
		attempt = int(w.Attempt)
	}
	name := names.Writer(s.Claim, o.RunUID, s.ClaimUID, attempt)
	claim, isClaim := o.Claims[as]
	pod, isPod := o.Pods[name]
	mine := claim.RunUID == o.RunUID && claim.Attempt == attempt
	switch {
	case isPod && pod.RunUID == o.RunUID && (!isClaim || (claim.RunUID == o.RunUID && claim.Attempt < attempt)):
		f.Claims = append(f.Claims, as)
	case !isPod && mine && claim.Bound:
		f.Pods = append(f.Pods, name)
	}
}
