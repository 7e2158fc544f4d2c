// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// mostStatus is how large a status may get, in bytes.
const mostStatus = 32 << 10

// Checker holds the promises against what is there: before and after each request of the operator, and at rest. It
// computes everything anew from objects and bytes and asks the operator's own code nothing but how names are made.
type Checker struct {
	Found []string // promises that were broken
	// Lossy stops the checks that compare objects with bytes: the storage system itself lost some.
	Lossy bool
	// Released stops the checks for leaks: snapshots were let go of on purpose, with their namespace.
	Released bool
	// Stores are what repositories really hold, by place.
	Stores map[string]*Store
	// Changes are what was written of findings that people are to be told of.
	Changes []FindingChange
	// Notes are what a scenario wants to remember of the meantime.
	Notes []string

	api     *API
	storage *Storage
	clock   clock.PassiveClock
	best    map[string]int       // by policy and claim: most restorable points there ever were
	slots   map[string]time.Time // by policy UID: newest slot that a point was created for
	marks   map[string]time.Time // by policy UID: highest lastSlot
	made    map[types.UID]bool   // what the operator created
	said    map[types.UID]*api.BackupPolicyStatus
	damage  map[types.UID]bool // by repository: damage was on record
	told    int                // writes of policies' statuses so far
}

// NewChecker watches over an API server and a storage system.
func NewChecker(a *API, s *Storage, now clock.PassiveClock) *Checker {
	return &Checker{api: a, storage: s, clock: now,
		best: map[string]int{}, slots: map[string]time.Time{}, marks: map[string]time.Time{}, made: map[types.UID]bool{}, said: map[types.UID]*api.BackupPolicyStatus{}, damage: map[types.UID]bool{}}
}

// Copy is a checker with the same memory over another world.
func (k *Checker) Copy(a *API, s *Storage, now clock.PassiveClock) *Checker {
	c := NewChecker(a, s, now)
	c.best, c.slots, c.marks, c.made = maps.Clone(k.best), maps.Clone(k.slots), maps.Clone(k.marks), maps.Clone(k.made)
	c.said, c.damage = maps.Clone(k.said), maps.Clone(k.damage)
	c.Lossy, c.Released = k.Lossy, k.Released
	return c
}

func (k *Checker) broken(number int, format string, args ...any) {
	k.Found = append(k.Found, fmt.Sprintf("%s invariant %d: ", k.clock.Now().UTC().Format(time.RFC3339), number)+fmt.Sprintf(format, args...))
}

// Note remembers something.
func (k *Checker) Note(format string, args ...any) {
	k.Notes = append(k.Notes, fmt.Sprintf(format, args...))
}

// facts are all objects that the promises speak of. They are those of the API server itself, and must not be changed.
type facts struct {
	policies  []*api.BackupPolicy
	points    []*api.RecoveryPoint
	snapshots []*snapshotv1.VolumeSnapshot
	contents  []*snapshotv1.VolumeSnapshotContent
	groups    []*unstructured.Unstructured // VolumeGroupSnapshots and their contents
}

func (k *Checker) look() facts {
	k.api.mu.Lock()
	now := k.api.now
	k.api.mu.Unlock()
	var f facts
	for _, objects := range now {
		for _, o := range objects {
			switch o := o.(type) {
			case *api.BackupPolicy:
				f.policies = append(f.policies, o)
			case *api.RecoveryPoint:
				f.points = append(f.points, o)
			case *snapshotv1.VolumeSnapshot:
				f.snapshots = append(f.snapshots, o)
			case *snapshotv1.VolumeSnapshotContent:
				f.contents = append(f.contents, o)
			case *unstructured.Unstructured:
				if kind := o.GetKind(); kind == "VolumeGroupSnapshot" || kind == "VolumeGroupSnapshotContent" {
					f.groups = append(f.groups, o)
				}
			}
		}
	}
	return f
}

// Before checks that what is about to be done may be done.
func (k *Checker) Before(c Call) {
	if c.Verb == Patch && c.Kind == "PersistentVolume" {
		k.freesVolume(c)
		return
	}
	if c.Verb == Patch && c.Kind == "BackupPolicy" {
		k.editsPolicy(k.look(), c)
	}
	if c.Verb == Status && c.Kind == "RecoveryPoint" && len(writtenParts(c.Body)) > 0 {
		k.letsGo(k.look(), c)
	}
	frees := c.Verb == Patch && (c.Kind == "VolumeSnapshotContent" || c.Kind == "VolumeGroupSnapshotContent") && freesBytes(c.Body)
	if c.Verb != Delete && !frees {
		return
	}
	if c.UID == "" {
		k.broken(5, "%s names no UID", c)
		return
	}
	f := k.look()
	switch c.Kind {
	case "RecoveryPoint":
		k.deletesPoint(f, c)
	case "VolumeSnapshot":
		i := slices.IndexFunc(f.snapshots, func(s *snapshotv1.VolumeSnapshot) bool { return s.UID == c.UID })
		if i >= 0 {
			k.deletesBytes(f, c, f.snapshots[i].Labels[api.LabelPointUID], ptr.Deref(readiness(f.snapshots[i]), false))
		}
	case "VolumeSnapshotContent":
		k.deletesContent(f, c)
	case "VolumeGroupSnapshot", "VolumeGroupSnapshotContent":
		k.deletesGroup(f, c)
	case "Pod", "PersistentVolumeClaim", "NetworkPolicy":
		k.throwsAway(c)
	case "RestoreDrill":
		k.forgetsDrill(c)
	case "BackupPolicy":
		k.editsPolicy(f, c)
	default:
		k.broken(14, "%s: the operator never deletes such objects", c)
	}
}

func freesBytes(body map[string]any) bool {
	spec, _ := body["spec"].(map[string]any)
	return spec["deletionPolicy"] == "Delete"
}

func readiness(s *snapshotv1.VolumeSnapshot) *bool {
	if s.Status == nil {
		return nil
	}
	return s.Status.ReadyToUse
}

func (k *Checker) deletesContent(f facts, c Call) {
	i := slices.IndexFunc(f.contents, func(x *snapshotv1.VolumeSnapshotContent) bool { return x.UID == c.UID })
	if i < 0 {
		return
	}
	point := f.contents[i].Labels[api.LabelPointUID]
	ref := f.contents[i].Spec.VolumeSnapshotRef.UID
	ready := f.contents[i].Status != nil && ptr.Deref(f.contents[i].Status.ReadyToUse, false)
	for j := range f.snapshots {
		if s := f.snapshots[j]; s.UID == ref {
			point = f.pointOf(s)
			ready = ptr.Deref(readiness(s), false)
		}
	}
	k.deletesBytes(f, c, point, ready)
}

// deletesGroup holds the deletion of a group against the rules for each of its members.
func (k *Checker) deletesGroup(f facts, c Call) {
	i := slices.IndexFunc(f.groups, func(g *unstructured.Unstructured) bool { return g.GetUID() == c.UID })
	if i < 0 {
		return
	}
	point := f.pointOfGroup(f.groups[i])
	ready := slices.ContainsFunc(f.snapshots, func(s *snapshotv1.VolumeSnapshot) bool {
		return f.pointOf(s) == point && ptr.Deref(readiness(s), false)
	})
	k.deletesBytes(f, c, point, ready)
}

// pointOfGroup is the UID of the point for which a group snapshot, or its content, was made.
func (f facts) pointOfGroup(g *unstructured.Unstructured) string {
	if point := g.GetLabels()[api.LabelPointUID]; point != "" {
		return point
	}
	uid, _, _ := unstructured.NestedString(g.Object, "spec", "volumeGroupSnapshotRef", "uid")
	for _, owner := range f.groups {
		if string(owner.GetUID()) == uid {
			return owner.GetLabels()[api.LabelPointUID]
		}
	}
	return ""
}

// pointOf is the UID of the point for which a snapshot was made, or the group that brought it.
func (f facts) pointOf(s *snapshotv1.VolumeSnapshot) string {
	if point := s.Labels[api.LabelPointUID]; point != "" {
		return point
	}
	for _, g := range f.groups {
		if uid := groupOf(s); uid != "" && string(g.GetUID()) == uid {
			return g.GetLabels()[api.LabelPointUID]
		}
	}
	return ""
}

// deletesBytes allows it for points on their way out, and for what was not ready when its capture ended.
func (k *Checker) deletesBytes(f facts, c Call, point string, ready bool) {
	i := slices.IndexFunc(f.points, func(p *api.RecoveryPoint) bool { return string(p.UID) == point })
	switch {
	case i < 0:
		k.broken(5, "%s: no recovery point asks for it", c)
	case !f.points[i].DeletionTimestamp.IsZero():
		if f.points[i].Spec.Hold {
			k.broken(5, "%s: the point is on hold", c)
		}
	case f.points[i].Status.FinishedAt == nil:
		k.broken(5, "%s: its capture is under way", c)
	case wasLetGo(f.points[i], partSnapshots):
		k.letsBytesGo(c, f.points[i])
	case ready:
		k.broken(5, "%s: it is ready, and its point stays", c)
	}
}

// deletesPoint allows it only for points that stood in the status of their policy, or whose policy asks for it in being deleted.
func (k *Checker) deletesPoint(f facts, c Call) {
	i := slices.IndexFunc(f.points, func(p *api.RecoveryPoint) bool { return p.UID == c.UID })
	if i < 0 {
		return
	}
	p := f.points[i]
	if !p.DeletionTimestamp.IsZero() {
		return // it is on its way: a second leader that is late asks once more, and changes nothing
	}
	if p.Spec.Hold {
		k.broken(5, "%s: it is on hold", c)
	}
	for j := range f.policies {
		b := f.policies[j]
		if string(b.UID) != policyOf(p) {
			continue
		}
		if !b.DeletionTimestamp.IsZero() && b.Spec.OnDelete == api.OnDeletePrune {
			return
		}
		k.expiresInDoubt(b, c)
		if slices.ContainsFunc(b.Status.Expiring, func(e api.ExpiringPoint) bool {
			return e.UID == string(p.UID) && e.Part == "" && !e.At.After(k.clock.Now())
		}) && !b.Spec.Suspend {
			if isCopied(p) {
				k.broken(6, "%s: it is being copied", c)
			}
			k.prunesDamaged(c, p)
			return
		}
	}
	k.broken(5, "%s: nothing durable asks for it", c)
}

func policyOf(p *api.RecoveryPoint) string {
	if p.Status.Capture != nil {
		return p.Status.Capture.PolicyUID
	}
	return p.Labels[api.LabelPolicyUID]
}

func complete(p *api.RecoveryPoint) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c metav1.Condition) bool { return c.Type == api.ConditionComplete && c.Status == "True" })
}

// After checks the state that a request left behind.
func (k *Checker) After(c Call, err error) {
	if err != nil || !c.Verb.Writes() {
		return
	}
	f := k.look()
	k.lastGood(f)
	k.bounded(f)
	k.forward(f)
	k.smallWritten(f, c)
	k.afterDrill(c)
	k.afterOrder(c)
	k.tells(c)
	if c.Verb == Create && c.Kind == "RecoveryPoint" {
		for i := range f.points {
			if f.points[i].Name == c.Key.Name {
				k.created(f.points[i])
			}
		}
	}
	if !k.Lossy && c.Kind == "RecoveryPoint" && c.Verb == Status {
		for i := range f.points {
			if f.points[i].Name == c.Key.Name {
				k.noPhantom(f, f.points[i])
			}
		}
	}
}

// held are the claims, by hash, of which a point's bytes are there behind a content.
func (k *Checker) held(f facts) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for i := range f.contents {
		c := f.contents[i]
		if c.Status == nil {
			continue
		}
		cut, ok := k.storage.Bytes[ptr.Deref(c.Status.SnapshotHandle, "")]
		if !ok {
			continue
		}
		point := cut.Labels[api.LabelPointUID]
		if out[point] == nil {
			out[point] = map[string]bool{}
		}
		out[point][names.ClaimHash(cut.Labels[api.LabelClaimUID])] = true
	}
	return out
}

// lastGood is invariant 1: of each claim that ever had complete points there are at least max(1, minimum), or as many as there ever were.
func (k *Checker) lastGood(f facts) {
	if k.Lossy || k.Released {
		return
	}
	held := k.held(f)
	for i := range f.policies {
		b := f.policies[i]
		if !b.DeletionTimestamp.IsZero() {
			continue
		}
		floor := max(1, int(b.Spec.Retention.Minimum))
		count := map[string]int{}
		for j := range f.points {
			p := f.points[j]
			copied := len(wholeCopies(p)) > 0
			if policyOf(p) != string(b.UID) || p.Status.Capture == nil || (!complete(p) && !copied) {
				continue
			}
			for _, claim := range names.Members(p.Status.Capture.ClaimSet) {
				if held[string(p.UID)][claim] || copied {
					count[claim]++
				}
			}
		}
		for claim, n := range count {
			id := string(b.UID) + claim
			k.best[id] = max(k.best[id], n)
		}
		for id, best := range k.best {
			claim, mine := cutPrefix(id, string(b.UID))
			if mine && count[claim] < min(best, floor) {
				k.broken(1, "policy %s has %d restorable points of a claim, of %d that it had and at least %d to keep", b.Name, count[claim], best, floor)
			}
		}
	}
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return "", false
	}
	return s[len(prefix):], true
}

// noPhantom is invariant 2: a complete point has bytes of every claim, behind a snapshot and a content that point at each other.
func (k *Checker) noPhantom(f facts, p *api.RecoveryPoint) {
	k.copiesWhole(p)
	if !complete(p) || !p.DeletionTimestamp.IsZero() || livesOn(p) {
		return
	}
	held := k.held(f)[string(p.UID)]
	members := names.Members(p.Status.Capture.ClaimSet)
	for _, claim := range members {
		if !held[claim] {
			k.broken(2, "point %s is complete without the bytes of a claim", p.Name)
		}
	}
	k.retained(f, p)
	bound := 0
	for i := range f.snapshots {
		s := f.snapshots[i]
		if s.Labels[api.LabelPointUID] != string(p.UID) || !ptr.Deref(readiness(s), false) {
			continue
		}
		for j := range f.contents {
			c := f.contents[j]
			if c.Name == *s.Status.BoundVolumeSnapshotContentName && c.Spec.VolumeSnapshotRef.UID == s.UID {
				bound++
			}
		}
	}
	if bound != len(members) || int(p.Status.Capture.Volumes) != len(members) {
		k.broken(2, "point %s of %d volumes is complete with %d that are bound both ways", p.Name, p.Status.Capture.Volumes, bound)
	}
}

// retained checks that no complete point can lose its bytes with its namespace: every content, and that of the group, is retained.
func (k *Checker) retained(f facts, p *api.RecoveryPoint) {
	for _, c := range f.contents {
		for _, s := range f.snapshots {
			if f.pointOf(s) == string(p.UID) && s.UID == c.Spec.VolumeSnapshotRef.UID && c.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentRetain {
				k.broken(2, "point %s is complete and its content %s is not retained", p.Name, c.Name)
			}
		}
	}
	for _, g := range f.groups {
		policy, _, _ := unstructured.NestedString(g.Object, "spec", "deletionPolicy")
		if g.GetKind() == "VolumeGroupSnapshotContent" && f.pointOfGroup(g) == string(p.UID) && policy != "Retain" {
			k.broken(2, "point %s is complete and the content %s of its group is not retained", p.Name, g.GetName())
		}
	}
}

// bounded is invariant 12: one run in flight per policy, and small statuses.
func (k *Checker) bounded(f facts) {
	running := map[string]int{}
	for i := range f.points {
		p := f.points[i]
		c := p.Status.Capture
		if c != nil && p.Status.FinishedAt == nil && p.DeletionTimestamp.IsZero() && k.clock.Now().Before(c.Deadline.Time) {
			if running[c.PolicyUID]++; running[c.PolicyUID] > 1 {
				k.broken(12, "policy %s has two captures in flight", p.Spec.Policy.Name)
			}
		}
	}
}

// smallWritten measures the status that was written.
func (k *Checker) smallWritten(f facts, c Call) {
	for i := range f.points {
		if p := f.points[i]; c.Kind == "RecoveryPoint" && p.Name == c.Key.Name {
			k.small(p.Name, p.Status)
		}
	}
	for i := range f.policies {
		if b := f.policies[i]; c.Kind == "BackupPolicy" && b.Name == c.Key.Name {
			k.small(b.Name, b.Status)
		}
	}
}

func (k *Checker) small(name string, status any) {
	raw, err := json.Marshal(status)
	if err != nil || len(raw) >= mostStatus {
		k.broken(12, "the status of %s takes %d bytes", name, len(raw))
	}
}

// forward is invariant 11: the high-water mark never falls, and no slot is taken at or below one that was.
func (k *Checker) forward(f facts) {
	for i := range f.policies {
		b := f.policies[i]
		if s := b.Status.LastSlot; s != nil {
			if s.Time.Before(k.marks[string(b.UID)]) {
				k.broken(11, "lastSlot of policy %s fell from %s to %s", b.Name, k.marks[string(b.UID)], s)
			}
			k.marks[string(b.UID)] = s.Time
		}
	}
}

// created notes the points that the schedule created: slots only move forward.
func (k *Checker) created(p *api.RecoveryPoint) {
	uid := p.Labels[api.LabelPolicyUID]
	if p.Spec.Slot == nil || uid == "" {
		return
	}
	if !p.Spec.Slot.After(k.slots[uid]) {
		k.broken(11, "point %s was created for slot %s after one for %s", p.Name, p.Spec.Slot, k.slots[uid])
	}
	k.slots[uid] = p.Spec.Slot.Time
}

// AtRest checks what holds once everything has come to rest.
func (k *Checker) AtRest() {
	f := k.look()
	k.oneEffect()
	k.noThrowaways()
	k.copiesAtRest(f)
	if !k.Lossy {
		for i := range f.points {
			k.noPhantom(f, f.points[i])
		}
	}
	if !k.Released {
		k.noLeaks(f)
	}
	for i := range f.points {
		p := f.points[i]
		if c := p.Status.Capture; c != nil && p.Status.FinishedAt == nil && p.DeletionTimestamp.IsZero() && k.clock.Now().After(c.Deadline.Add(time.Minute)) {
			k.broken(9, "point %s has no end, a minute after its deadline", p.Name)
		}
	}
}

// oneEffect is invariant 3: one cut for each policy, point and claim.
func (k *Checker) oneEffect() {
	type effect struct{ policy, point, claim string }
	n := map[effect]int{}
	for _, c := range k.storage.Cuts {
		e := effect{c.Labels[api.LabelPolicyUID], c.Labels[api.LabelPointUID], c.Labels[api.LabelClaimUID]}
		if n[e]++; n[e] == 2 {
			k.broken(3, "claim %s was cut twice for point %s", c.Claim, c.Labels[api.LabelPoint])
		}
	}
}

// noLeaks is invariant 4: everything of ours belongs to a point that is there, and all bytes to a content.
func (k *Checker) noLeaks(f facts) {
	live := map[string]bool{}
	for i := range f.points {
		live[string(f.points[i].UID)] = true
	}
	for i := range f.snapshots {
		if !live[f.pointOf(f.snapshots[i])] {
			k.broken(4, "VolumeSnapshot %s belongs to no point", f.snapshots[i].Name)
		}
	}
	for _, g := range f.groups {
		if !live[f.pointOfGroup(g)] {
			k.broken(4, "%s %s belongs to no point", g.GetKind(), g.GetName())
		}
	}
	handles := map[string]bool{}
	for i := range f.contents {
		c := f.contents[i]
		if c.Status != nil {
			handles[ptr.Deref(c.Status.SnapshotHandle, "")] = true
		}
		owner := c.Labels[api.LabelPointUID]
		for j := range f.snapshots {
			if f.snapshots[j].UID == c.Spec.VolumeSnapshotRef.UID {
				owner = f.pointOf(f.snapshots[j])
			}
		}
		if !live[owner] {
			k.broken(4, "VolumeSnapshotContent %s belongs to no point", c.Name)
		}
	}
	for h, c := range k.storage.Bytes {
		if !handles[h] {
			k.broken(4, "the storage system holds %s of claim %s and no content speaks of it", h, c.Claim)
		}
	}
}
