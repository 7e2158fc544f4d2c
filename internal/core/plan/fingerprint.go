// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// recordWithin is how long the recording of a fingerprint may take.
const recordWithin = 6 * time.Hour

// FingerprintObserved is everything the decision about a point's fingerprint may depend on.
type FingerprintObserved struct {
	Point    *api.RecoveryPoint
	Policy   *api.BackupPolicy // nil when it does not exist, or is another one of that name
	Points   []*api.RecoveryPoint
	Running  int // recordings under way in the cluster, this one left out
	Sources  []Source
	Brought  Brought
	Settings Settings
}

// FingerprintPlan is what is to be done next for a point's fingerprint.
type FingerprintPlan struct {
	Claims      []ClaimOrder
	Mounts      []MountOrder
	Reads       []ReadOrder
	Remove      []Leftover
	Keep        []KeepManifest
	Fingerprint *api.PointFingerprint
	Notes       []Note
	Wake        time.Time
}

// KeepManifest asks for the list of files that a reader printed to be kept. Only the one with the digest is meant.
type KeepManifest struct {
	Claim, Pod, Name, Digest string
}

// WantsFingerprint says whether a fingerprint of a point is to be recorded, or is being recorded, or cleaned up after.
func WantsFingerprint(p *api.RecoveryPoint) bool {
	f := p.Status.Fingerprint
	return p.DeletionTimestamp.IsZero() && ((f == nil && BySnapshots(p)) || (f != nil && !f.CleanedUp))
}

// ForFingerprint decides what is next for the fingerprint of a point that wants one.
func ForFingerprint(o FingerprintObserved, now time.Time) FingerprintPlan {
	p := FingerprintPlan{Fingerprint: o.Point.Status.Fingerprint.DeepCopy()}
	switch f := p.Fingerprint; {
	case f == nil && !fingerprintDue(o):
	case f == nil:
		p.begin(o, now)
	case f.State == api.FingerprintRecording:
		p.record(o, now)
	default:
		p.tidy(o, now)
	}
	return p
}

func fingerprintDue(o FingerprintObserved) bool {
	if o.Policy == nil || !o.Policy.DeletionTimestamp.IsZero() || !BySnapshots(o.Point) || !newestComplete(o) {
		return false
	}
	switch levels.Fingerprints(o.Policy) {
	case api.FingerprintEvery:
		return true
	case api.FingerprintSampled:
		first := slices.IndexFunc(o.Points, fingerprinted) < 0
		return first || names.Hash("sampled", string(o.Point.UID))%8 == 0
	case api.FingerprintNone:
	}
	return false
}

// newestComplete says whether no newer point is complete. What an older one held is not recorded after the fact: a policy that
// asks for fingerprints, or an operator that comes back, must not read a year of points at once.
func newestComplete(o FingerprintObserved) bool {
	return !slices.ContainsFunc(o.Points, func(q *api.RecoveryPoint) bool { return Complete(q) && At(q).After(At(o.Point)) })
}

func (p *FingerprintPlan) begin(o FingerprintObserved, now time.Time) {
	if o.Running >= o.Settings.Drills {
		p.wakeAt(now.Add(waitAgain))
		return
	}
	p.Fingerprint = &api.PointFingerprint{
		State: api.FingerprintRecording, Mover: o.Policy.Spec.Mover.DeepCopy(), Manifest: o.Policy.Spec.Manifest,
		StartedAt: metav1.NewTime(now.UTC().Truncate(time.Second)), Deadline: metav1.NewTime(now.Add(recordWithin).UTC().Truncate(time.Second)),
	}
	if bad := tooMany(o.Point); bad != nil {
		p.end(api.FingerprintFailed, *bad, now)
	}
}

func (p *FingerprintPlan) record(o FingerprintObserved, now time.Time) {
	f := p.Fingerprint
	p.wakeAt(f.Deadline.Time)
	late := !now.Before(f.Deadline.Time)
	var volumes []bringing
	for _, s := range o.Sources {
		b := bring(o.Brought, s, landing{name: names.Throwaway(s.Claim, o.Brought.RunUID, s.ClaimUID), mover: f.Mover, throw: f.Deadline.Add(sweepAfter),
			manifest: f.Manifest == api.ManifestKeep && s.Mode != modeBlock})
		if late && !b.done && !b.failed {
			b = b.late()
		}
		volumes = append(volumes, b)
	}
	if bad := firstFailed(volumes); bad != nil {
		p.end(api.FingerprintFailed, Problem{bad.problem.Reason, fmt.Sprintf("volume %s: %s", bad.source.Claim, bad.problem.Message)}, now)
		return
	}
	if len(volumes) == 0 {
		p.end(api.FingerprintFailed, Problem{api.ReasonSnapshotUnusable, "the snapshots of the point are gone"}, now)
		return
	}
	var read []api.VolumeFingerprint
	for _, b := range volumes {
		if b.claim != nil {
			p.Claims = append(p.Claims, *b.claim)
		}
		if b.options != nil {
			p.Mounts = append(p.Mounts, *b.options)
		}
		if b.pod != nil {
			p.Reads = append(p.Reads, *b.pod)
		}
		if b.done {
			read = append(read, api.VolumeFingerprint{Claim: b.source.Claim, Fingerprint: *b.read})
		}
	}
	if len(read) == len(volumes) {
		f.Volumes = read
		p.end(api.FingerprintRecorded, Problem{}, now)
		p.keepManifests(o, volumes)
	}
}

// keepManifests asks for the lists of files to be kept, while the pods that printed them are still there.
func (p *FingerprintPlan) keepManifests(o FingerprintObserved, volumes []bringing) {
	if p.Fingerprint.Manifest != api.ManifestKeep {
		return
	}
	for _, b := range volumes {
		if b.source.Mode != modeBlock {
			p.Keep = append(p.Keep, KeepManifest{Claim: b.source.Claim, Pod: b.readBy, Digest: b.read.Digest,
				Name: names.Manifest(b.source.Claim, string(o.Point.UID), b.source.ClaimUID)})
		}
	}
}

// Kept records that the list of files of a claim is kept, or why it is not. Without it the fingerprint is as good.
func (p *FingerprintPlan) Kept(k KeepManifest, why *Problem) {
	if why != nil {
		p.Notes = append(p.Notes, Note{Warning: true, Reason: why.Reason, Message: fmt.Sprintf("volume %s: %s", k.Claim, why.Message)})
		return
	}
	for i := range p.Fingerprint.Volumes {
		if p.Fingerprint.Volumes[i].Claim == k.Claim {
			p.Fingerprint.Volumes[i].Manifest = k.Name
		}
	}
}

// Refused ends a recording for which something could not be created.
func (p *FingerprintPlan) Refused(why Problem, now time.Time) {
	p.end(api.FingerprintFailed, why, now)
}

func (p *FingerprintPlan) end(state api.FingerprintState, why Problem, now time.Time) {
	f := p.Fingerprint
	f.State, f.Reason, f.Message = state, why.Reason, clipMessage(why.Message)
	f.FinishedAt = timePtr(now.Truncate(time.Second))
	p.Claims, p.Reads = nil, nil
	if state == api.FingerprintFailed {
		p.Notes = append(p.Notes, Note{Warning: true, Reason: why.Reason, Message: "no fingerprint was recorded: " + why.Message})
	}
}

// tidy removes what the recording created.
func (p *FingerprintPlan) tidy(o FingerprintObserved, now time.Time) {
	p.Remove = stillToRemove(o.Brought.Leftovers)
	if len(o.Brought.Leftovers) > 0 {
		p.wakeAt(now.Add(lookAgain(now.Sub(p.Fingerprint.FinishedAt.Time))))
		return
	}
	p.Fingerprint.CleanedUp = true
}

// Changed says whether there is something to write down.
func (p *FingerprintPlan) Changed(o FingerprintObserved) bool {
	return !equality.Semantic.DeepEqual(o.Point.Status.Fingerprint, p.Fingerprint)
}

func (p *FingerprintPlan) wakeAt(t time.Time) { p.Wake = sooner(p.Wake, t) }
