// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// Bringing volumes back is one thing, whoever asks for it: a drill, a restore, or the recording of a fingerprint. Each
// volume of a point becomes a claim from its snapshot, or an empty claim into which a pod writes a copy; and then a pod reads every
// byte of it. So a drill says something about the real day.

// MostBrought is how many volumes one run brings back at most: its status names every one of them.
const MostBrought = 50

// mostAttempts is how often a pod that was lost, not one that failed, is followed by another.
const mostAttempts = 3

// Source is a volume of a recovery point, as its snapshot tells, or the record of a copy.
type Source struct {
	Claim, ClaimUID string
	Snapshot        Target // the VolumeSnapshot
	Driver          string
	Handle          string // the snapshot's name on the storage system
	StorageClass    string
	Mode            string            // Filesystem or Block
	AccessModes     string            // of the captured claim, separated by commas; empty when they are not known
	Size            resource.Quantity // what the restored volume must have at least
	Copy            *CopySource       // the copy that it is brought back from; nil for its snapshot
	Problem         *Problem          // why it cannot be brought back; nil when it can
}

// BroughtClaim is a claim that a run made, or another object of its name.
type BroughtClaim struct {
	Target
	RunUID   string
	Attempt  int // of those that a copy is written into, counted from 0
	Bound    bool
	Deleting bool
	Volume   string // the PersistentVolume
	Size     resource.Quantity
	Mount    *VolumeMount // how the volume is mounted; nil when it is not known, or is not bound to this very claim
}

// VolumeMount is how a PersistentVolume of a CSI driver is mounted.
type VolumeMount struct {
	Target
	FSType  string // empty when the driver chooses
	Mode    string // Filesystem or Block
	Options []string
}

// PodPhase says how far a pod is.
type PodPhase string

// The phases of a pod. A lost one ended for no reason of its own: it was evicted, or its node went.
const (
	PodPending   PodPhase = "Pending"
	PodRunning   PodPhase = "Running"
	PodSucceeded PodPhase = "Succeeded"
	PodFailed    PodPhase = "Failed"
	PodLost      PodPhase = "Lost"
)

// BroughtPod is a pod that a run made, or another object of its name.
type BroughtPod struct {
	Target
	RunUID   string
	Phase    PodPhase
	Ready    bool     // its application answers
	Deleting bool     //
	Waits    *Problem // what keeps a pending pod from running; nil when it is not known
	ExitCode int32
	ImageID  string
	Starved  bool              // it is lost because it ran out of memory
	Result   *ReadResult       // what a reader told in the end; nil when it told nothing
	Told     *RepositoryResult // what a pod that speaks to a repository told in the end; nil when it told nothing
}

// ReadResult is what a reader found in a volume.
type ReadResult struct {
	api.Fingerprint
	Unreadable int64
	Error      string
}

// Brought is what was observed of one run's objects.
type Brought struct {
	RunUID     string
	Claims     map[string]BroughtClaim // by name
	Pods       map[string]BroughtPod   // by name
	Isolated   bool                    // the NetworkPolicy is there
	Classes    map[string]string       // the provisioners of storage classes, by name
	XFSAtOnce  map[string]bool         // the storage classes that make XFS volumes without waiting for a pod, by name
	Privileged bool                    // readers may run as root with the one capability to read every file
	Leftovers  []Leftover              // all that is there and is to be thrown away, read live
}

// Leftover is an object that is to be thrown away.
type Leftover struct {
	Target
	Kind     string // PersistentVolumeClaim, PersistentVolume, Pod or NetworkPolicy
	Deleting bool
	Retain   bool   // a PersistentVolume that its class would keep
	Claim    string // the claim of a PersistentVolume
}

// ClaimOrder asks for one claim made from a snapshot, or for an empty one.
type ClaimOrder struct {
	Name    string
	Class   string
	Size    resource.Quantity
	Labels  map[string]string
	Access  string // access modes, separated by commas; empty for ReadWriteOnce
	Source  Source
	Attempt int       // of those that a copy is written into
	Throw   time.Time // when it is swept away at the latest; zero for a claim that stays
}

// MountOrder asks for other mount options of a PersistentVolume.
type MountOrder struct {
	Volume  Target
	Options []string // all of them
}

// ReadOrder asks for one pod that reads a claim in full.
type ReadOrder struct {
	Name       string
	Claim      string // the claim to read
	Mode       string
	Mover      *api.MoverOptions
	Privileged bool
	Manifest   bool // it prints the list of files, too
	Throw      time.Time
}

// bringing is one volume on its way.
type bringing struct {
	source     Source
	as         string // the claim it is brought back into
	volume     string
	size       resource.Quantity
	readBy     string // the pod
	mounted    bool
	done       bool
	read       *api.Fingerprint
	problem    *Problem // why it failed, or what it waits for
	failed     bool
	conclusive bool // the failure speaks of the point or its storage system, not of circumstances

	writing api.VolumeWriting // which volume it is that a copy is written into; a change is on record before anything follows from it
	partial bool              // only some paths were asked for

	claim   *ClaimOrder // what is to be asked for next
	options *MountOrder
	write   *RepositoryOrder
	pod     *ReadOrder
	remove  []Leftover // what is left of an attempt that was lost
}

// landing says into what a volume is brought back.
type landing struct {
	name     string
	class    string // empty: that of the captured claim
	size     resource.Quantity
	labels   map[string]string
	access   string // access modes, separated by commas; empty for ReadWriteOnce
	mover    *api.MoverOptions
	throw    time.Time
	stays    bool // the claim is not thrown away
	manifest bool // the list of files is wanted, too
	writing  api.VolumeWriting
	paths    []string // of a copy; empty for all of it
}

// bring judges how far one volume is, and what is to be asked for next.
func bring(o Brought, s Source, t landing) bringing {
	if s.Copy != nil {
		return bringCopy(o, s, t)
	}
	b, claim := bringClaim(o, s, &t)
	if b.failed {
		return b
	}
	b = b.reader(o, t, claim.Bound)
	if mountFirst(o, s, t, claim) {
		b.pod = nil
	}
	return b
}

// bringClaim judges the claim that a volume is brought back into, and completes where it lands.
func bringClaim(o Brought, s Source, t *landing) (bringing, BroughtClaim) {
	b := bringing{source: s, as: t.name}
	if s.Problem != nil {
		return b.fail(s.Copy == nil || speaksOfCopy(*s.Problem), *s.Problem), BroughtClaim{}
	}
	if t.class == "" {
		t.class = s.StorageClass
	}
	if bad := classProblem(o.Classes, t.class, s); bad != nil {
		return b.fail(false, *bad), BroughtClaim{}
	}
	claim, is := o.Claims[t.name]
	switch {
	case !is || claim.Deleting:
		b.claim = &ClaimOrder{Name: t.name, Class: t.class, Size: larger(s.Size, t.size), Labels: t.labels, Access: t.access, Source: s, Attempt: int(t.writing.Attempt), Throw: t.throw}
		if t.stays {
			b.claim.Throw = time.Time{}
		}
	case claim.RunUID != o.RunUID:
		return b.fail(false, Problem{api.ReasonNameTaken, fmt.Sprintf("claim %q exists and was not made for this; delete or rename it", t.name)}), claim
	default:
		b.volume, b.size, b.options = claim.Volume, claim.Size, mountable(claim.Mount)
	}
	return b, claim
}

// mountFirst says whether a pod is asked for only once it is known how the volume is mounted: a kubelet that read the old
// options tries with them for two minutes.
func mountFirst(o Brought, s Source, t landing, claim BroughtClaim) bool {
	return o.XFSAtOnce[t.class] && s.Mode != modeBlock && !(claim.Bound && claim.Mount != nil)
}

const (
	xfs       = "xfs"
	noUUID    = "nouuid"
	modeBlock = "Block"
)

// mountable asks for what a copy of an XFS file system needs: it has the UUID of its source, and a node on which the source
// is mounted refuses it unless told to overlook that; nil when nothing is to be changed. Where a class waits for its first
// consumer, the volume appears only after the pod was scheduled, and the kubelet may look before the options are written:
// it reads the volume again when it has waited in vain, after some two minutes, and mounts it then.
func mountable(m *VolumeMount) *MountOrder {
	if m == nil || m.FSType != xfs || m.Mode == modeBlock || slices.Contains(m.Options, noUUID) {
		return nil
	}
	return &MountOrder{Volume: m.Target, Options: slices.Concat(m.Options, []string{noUUID})}
}

// reader judges the pod that reads the volume. It is asked for together with the claim: a class that waits for its first
// consumer makes no volume without it.
func (b bringing) reader(o Brought, t landing, bound bool) bringing {
	first := int(t.writing.Attempt) * mostAttempts // whoever read another volume says nothing of this one
	for attempt := range mostAttempts {
		name := names.Reader(b.source.Claim, o.RunUID, b.source.ClaimUID, first+attempt)
		pod, is := o.Pods[name]
		switch {
		case !is:
			b.pod = &ReadOrder{Name: name, Claim: t.name, Mode: b.source.Mode, Mover: t.mover, Privileged: o.Privileged, Manifest: t.manifest, Throw: t.throw}
			return b.wait(api.ReasonRestorePending, "the restored volume is asked for")
		case pod.RunUID != o.RunUID:
			return b.fail(false, Problem{api.ReasonNameTaken, fmt.Sprintf("pod %q exists and was not made for this; delete or rename it", name)})
		case pod.Phase != PodLost:
			b.readBy = name
			return b.judgeReader(pod, bound)
		}
	}
	return b.fail(false, Problem{api.ReasonPodLost, fmt.Sprintf("the pod that reads the volume was lost %d times", mostAttempts)})
}

func (b bringing) judgeReader(pod BroughtPod, bound bool) bringing {
	b.mounted = pod.Phase != PodPending
	switch r := pod.Result; {
	case pod.Phase == PodPending:
		return b.starting(pod, bound)
	case pod.Phase == PodRunning:
		return b.wait(api.ReasonReading, "every byte is being read")
	case r != nil && r.Unreadable > 0:
		return b.fail(true, Problem{api.ReasonReadFailed, fmt.Sprintf("%d files could not be read: set spec.mover.runAsUser to the user that owns them, or look for damage", r.Unreadable)})
	case r != nil && r.Error != "":
		return b.fail(true, Problem{api.ReasonReadFailed, "the volume could not be read: " + r.Error})
	case pod.Phase == PodFailed || r == nil || r.Digest == "":
		return b.fail(true, Problem{api.ReasonReadFailed, fmt.Sprintf("the pod that reads the volume ended with exit code %d", pod.ExitCode)})
	default:
		f := r.Fingerprint
		b.done, b.read = true, &f
		b.claim, b.options = nil, nil // what became of the claim since does not matter
		return b
	}
}

// starting is a volume whose pod does not run yet.
func (b bringing) starting(pod BroughtPod, bound bool) bringing {
	switch {
	case pod.Waits != nil:
		b = b.wait(pod.Waits.Reason, pod.Waits.Message)
		b.failed = pod.Waits.Reason == api.ReasonImageUnavailable
		return b
	case !bound:
		return b.wait(api.ReasonRestorePending, "the storage system has not delivered the volume yet")
	}
	return b.wait(api.ReasonRestorePending, "the restored volume is being mounted")
}

func (b bringing) fail(conclusive bool, why Problem) bringing {
	b.failed, b.conclusive, b.problem = true, conclusive, &why
	b.claim, b.options, b.write, b.pod, b.remove = nil, nil, nil, nil, nil
	return b
}

func (b bringing) wait(reason, message string) bringing {
	b.problem = &Problem{reason, message}
	return b
}

// late is what a volume that still waits at the deadline has failed of. A storage system that did not deliver speaks
// against the restore; a pod that found no place does not.
func (b bringing) late() bringing {
	if b.source.Copy != nil {
		return b.lateCopy()
	}
	switch b.problem.Reason {
	case api.ReasonRestorePending:
		return b.fail(true, Problem{api.ReasonRestoreTimedOut, "the storage system did not deliver the volume in time"})
	case api.ReasonReading:
		return b.fail(true, Problem{api.ReasonRestoreTimedOut, "the volume could not be read in time"})
	}
	return b.fail(false, *b.problem)
}

// classProblem says why a storage class cannot take what a snapshot holds; nil when it can.
func classProblem(classes map[string]string, class string, s Source) *Problem {
	provisioner, is := classes[class]
	switch {
	case s.Copy != nil && is: // what a copy holds fits into any
		return nil
	case s.Copy != nil && class == "":
		return &Problem{api.ReasonStorageClassNotFound, fmt.Sprintf("claim %s had no storage class; set storageClassName", s.Claim)}
	case s.Copy != nil:
		return &Problem{api.ReasonStorageClassNotFound, fmt.Sprintf("storage class %q does not exist; set storageClassName to one that does", class)}
	case class == "":
		return &Problem{api.ReasonStorageClassNotFound, fmt.Sprintf("claim %s had no storage class; set storageClassName to one of driver %s", s.Claim, s.Driver)}
	case !is:
		return &Problem{api.ReasonStorageClassNotFound, fmt.Sprintf("storage class %q does not exist; set storageClassName to one of driver %s", class, s.Driver)}
	case provisioner != s.Driver:
		return &Problem{api.ReasonDriverMismatch, fmt.Sprintf("storage class %q belongs to driver %s, and a snapshot can only be restored by its own driver, %s; set storageClassName to a class of that driver, or restore from a copy", class, provisioner, s.Driver)}
	}
	return nil
}

func larger(a, b resource.Quantity) resource.Quantity {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

// compare says what is wrong with what was read, beside the fingerprint of the point; nil when they are equal. No file is named.
func compare(b bringing, recorded *api.PointFingerprint) *Problem {
	want := wantedOf(b.source, recorded)
	switch {
	case b.partial:
		return &Problem{api.ReasonFingerprintMissing, "only a part of the volume was restored; each file was compared with the copy as it was written"}
	case want == nil:
		return &Problem{api.ReasonFingerprintMissing, "no fingerprint of this volume was recorded at the capture"}
	case want.Digest == b.read.Digest:
		return nil
	case b.writing.Lost > 0:
		return ownershipNotKept(b.writing.Lost)
	case want.Files != b.read.Files || want.Bytes != b.read.Bytes:
		return &Problem{api.ReasonContentDiffers, fmt.Sprintf("captured were %d files of %d bytes, read were %d files of %d bytes", want.Files, want.Bytes, b.read.Files, b.read.Bytes)}
	}
	return &Problem{api.ReasonContentDiffers, fmt.Sprintf("the %d files of %d bytes are not those that were captured", b.read.Files, b.read.Bytes)}
}

func fingerprintOf(recorded *api.PointFingerprint, claim string) *api.Fingerprint {
	if recorded == nil || recorded.State != api.FingerprintRecorded {
		return nil
	}
	for i := range recorded.Volumes {
		if recorded.Volumes[i].Claim == claim {
			return &recorded.Volumes[i].Fingerprint
		}
	}
	return nil
}

// levelOf is how deep reading a volume proves it: Intact when it equals the fingerprint.
func levelOf(b bringing, recorded *api.PointFingerprint) api.ProofLevel {
	switch {
	case !b.done:
		return ""
	case compare(b, recorded) != nil:
		return api.LevelRestored
	}
	return api.LevelIntact
}

// tooMany says why a point is not brought back whole; nil when it can be.
func tooMany(p *api.RecoveryPoint) *Problem {
	if n := volumesOf(p); n == 0 || n > MostBrought || n > len(p.Status.Volumes) {
		return &Problem{api.ReasonTooManyVolumes, fmt.Sprintf("the point has more volumes than the %d that one run brings back at most; split the policy", MostBrought)}
	}
	return nil
}

// Sources are the volumes of a point, each with the snapshot that holds it.
func Sources(p *api.RecoveryPoint, snapshots []Snapshot) []Source {
	byName := make(map[string]Snapshot, len(snapshots))
	for _, s := range snapshots {
		byName[s.Name] = s
	}
	var out []Source
	for _, v := range p.Status.Volumes {
		s, is := byName[v.Snapshot]
		src := Source{Claim: v.Claim, ClaimUID: v.ClaimUID, Driver: v.Driver, StorageClass: v.StorageClass, Snapshot: Target{s.Name, s.UID}}
		if v.Size != nil {
			src.Size = *v.Size
		}
		if bad := unusable(s, is, p); bad != "" {
			src.Problem = &Problem{api.ReasonSnapshotUnusable, bad}
		} else {
			src.Handle, src.Mode, src.AccessModes = s.Content.SnapshotHandle, s.Content.SourceMode, s.Access
			src.Size = larger(src.Size, *resource.NewQuantity(s.Content.RestoreSize, resource.BinarySI))
		}
		out = append(out, src)
	}
	return out
}

// unusable says why a snapshot cannot be restored; empty when it can. Both ways of the binding are looked at.
func unusable(s Snapshot, is bool, p *api.RecoveryPoint) string {
	switch {
	case !is:
		return "its VolumeSnapshot is gone"
	case s.PointUID != string(p.UID):
		return fmt.Sprintf("VolumeSnapshot %s belongs to another recovery point", s.Name)
	case s.Deleting:
		return fmt.Sprintf("VolumeSnapshot %s is being deleted", s.Name)
	case !s.Ready || s.Content == nil || !s.Content.Ready:
		return fmt.Sprintf("VolumeSnapshot %s is not ready", s.Name)
	case s.Content.RefUID != s.UID:
		return fmt.Sprintf("VolumeSnapshot %s and its content do not point at each other", s.Name)
	}
	return ""
}

// claimNames lists claims for a sentence.
func claimNames(list []string) string {
	const shown = 5
	if more := len(list) - shown; more > 0 {
		return strings.Join(list[:shown], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(list, ", ")
}
