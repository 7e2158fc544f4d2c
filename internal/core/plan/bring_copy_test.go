// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// vaultID is the repository that copies are in.
var vaultID = strings.Repeat("ab", 32)

// vault is a repository that can be reached.
func vault(name string, mods ...testkit.Mod[api.Repository]) *api.Repository {
	r := &api.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: name}}
	r.Spec.S3 = &api.S3Location{Endpoint: "s3.test", Bucket: "lifeboat", Credentials: &api.SecretReference{Name: "keys"}}
	r.Status = api.RepositoryStatus{UniqueID: vaultID, FailureDomain: "s3.test/lifeboat",
		Conditions: []metav1.Condition{{Type: api.ConditionReachable, Status: metav1.ConditionTrue}}}
	for _, m := range mods {
		m(r)
	}
	return r
}

// reachable sets whether a repository can be reached.
func reachable(s metav1.ConditionStatus) testkit.Mod[api.Repository] {
	return func(r *api.Repository) {
		r.Status.Conditions = []metav1.Condition{{Type: api.ConditionReachable, Status: s, Message: "no route to host"}}
	}
}

func vaults(all ...*api.Repository) Vaults {
	v := Vaults{Repositories: map[string]*api.Repository{}}
	for _, r := range all {
		v.Repositories[r.Name] = r
	}
	return v
}

// copied gives a point a complete copy of a name, in a repository, of all of its volumes.
func copied(name, repository string) testkit.Mod[api.RecoveryPoint] {
	return func(p *api.RecoveryPoint) {
		c := api.CopyRecord{Name: name, Repository: repository, RepositoryID: vaultID, State: api.CopyComplete}
		for _, v := range p.Status.Volumes {
			c.Volumes = append(c.Volumes, api.CopiedVolume{Claim: v.Claim, Fingerprint: printOf(v.Claim)})
		}
		p.Status.Copies = append(p.Status.Copies, c)
	}
}

// copySourceOf is the copy of a claim's volume.
func copySourceOf(claim string) Source {
	s := sourceOf(claim)
	s.Snapshot, s.Handle = Target{}, ""
	s.Copy = &CopySource{Repository: order.Repository{UniqueID: vaultID, S3: &order.S3{Endpoint: "s3.test", Bucket: "lifeboat"}},
		Access: Access{Repository: "amsterdam", Password: "secret"}, Volume: order.Volume{PointUID: "point", ClaimUID: s.ClaimUID}, Held: printOf(claim)}
	return s
}

func writerPod(claim string, attempt int) string {
	return names.Writer(claim, drillUID, testkit.ClaimUID(claim), attempt)
}

// wrote has a writer tell that it wrote all.
func wrote(p *BroughtPod) {
	p.Told = &RepositoryResult{UniqueID: vaultID, Written: &WriteResult{Files: 7, Bytes: 4096}}
}

func failedOf(reason string) func(*BroughtPod) {
	return func(p *BroughtPod) { p.Told = &RepositoryResult{UniqueID: vaultID, Reason: reason, Error: "because"} }
}

func starved(p *BroughtPod) { p.Starved = true }

// toldCopy says in words how far a volume from a copy is.
func toldCopy(b bringing) string {
	out := told(b)
	if b.write != nil {
		out = "writer, " + out
	}
	if len(b.remove) > 0 {
		out = fmt.Sprintf("removes %d, ", len(b.remove)) + out
	}
	if b.writing != (api.VolumeWriting{}) {
		out += fmt.Sprintf(", attempt %d", b.writing.Attempt)
	}
	if b.writing.Bigger {
		out += " bigger"
	}
	if b.writing.Lost != 0 {
		out += fmt.Sprintf(", %d not set", b.writing.Lost)
	}
	return out
}

func TestBringCopy(t *testing.T) {
	claim := func(attempt int, bound bool) func(*DrillObserved) {
		return func(o *DrillObserved) {
			o.Brought.Claims[throwaway("data")] = BroughtClaim{Target: Target{throwaway("data"), "u"}, RunUID: drillUID, Attempt: attempt, Bound: bound, Volume: "pv"}
		}
	}
	writer := func(attempt int, phase PodPhase, mods ...func(*BroughtPod)) func(*DrillObserved) {
		return func(o *DrillObserved) { o.pod(writerPod("data", attempt), phase, mods...) }
	}
	reads := func(attempt int, phase PodPhase, mods ...func(*BroughtPod)) func(*DrillObserved) {
		return func(o *DrillObserved) { o.pod(reader("data", attempt), phase, mods...) }
	}
	good, at := tells(printOf("data")), func(attempt int32) api.VolumeWriting { return api.VolumeWriting{Attempt: attempt} }
	type mods = []func(*DrillObserved)
	for name, c := range map[string]struct {
		mods    mods
		writing api.VolumeWriting
		want    string
	}{
		"nothing is there":                            {nil, at(0), "writer, claim, waits RestorePending"},
		"the claim is there":                          {mods{claim(0, false)}, at(0), "writer, waits RestorePending"},
		"the pod waits for its claim":                 {mods{writer(0, PodPending)}, at(0), "claim, waits RestorePending"},
		"no node takes the pod":                       {mods{claim(0, false), writer(0, PodPending, func(p *BroughtPod) { p.Waits = &Problem{api.ReasonUnschedulable, "x"} })}, at(0), "waits Unschedulable"},
		"it is written":                               {mods{claim(0, true), writer(0, PodRunning)}, at(0), "waits Restoring"},
		"it was written":                              {mods{claim(0, true), writer(0, PodSucceeded, wrote)}, at(0), "pod, waits RestorePending"},
		"it is read":                                  {mods{claim(0, true), writer(0, PodSucceeded, wrote), reads(0, PodRunning)}, at(0), "waits Reading"},
		"it was read":                                 {mods{claim(0, true), writer(0, PodSucceeded, wrote), reads(0, PodSucceeded, good)}, at(0), "done"},
		"it was read, and the claim is gone":          {mods{writer(0, PodSucceeded, wrote), reads(0, PodSucceeded, good)}, at(0), "done"},
		"a reader was lost":                           {mods{claim(0, true), writer(0, PodSucceeded, wrote), reads(0, PodLost)}, at(0), "pod, waits RestorePending"},
		"the writer told nothing":                     {mods{claim(0, true), writer(0, PodSucceeded)}, at(0), "could not run MoverFailed"},
		"the writer told of nothing written":          {mods{claim(0, true), writer(0, PodSucceeded, failedOf(""))}, at(0), "could not run MoverFailed"},
		"the writer told all, and ended badly":        {mods{claim(0, true), writer(0, PodFailed, wrote)}, at(0), "could not run MoverFailed"},
		"another repository was written from":         {mods{claim(0, true), writer(0, PodSucceeded, wrote, func(p *BroughtPod) { p.Told.UniqueID = "cd" })}, at(0), "could not run RepositoryIDMismatch"},
		"the copy is damaged":                         {mods{claim(0, true), writer(0, PodFailed, failedOf(api.ReasonCopyCorrupt))}, at(0), "failed CopyCorrupt"},
		"the copy is not there":                       {mods{claim(0, true), writer(0, PodFailed, failedOf(api.ReasonCopyMissing))}, at(0), "failed CopyMissing"},
		"the credentials are refused":                 {mods{claim(0, true), writer(0, PodFailed, failedOf(api.ReasonCredentialsRefused))}, at(0), "could not run CredentialsRefused"},
		"the password is wrong":                       {mods{claim(0, true), writer(0, PodFailed, failedOf(api.ReasonPasswordWrong))}, at(0), "could not run PasswordWrong"},
		"the volume is full":                          {mods{claim(0, true), writer(0, PodFailed, failedOf(api.ReasonVolumeTooSmall))}, at(0), "could not run VolumeTooSmall"},
		"a path is not in the copy":                   {mods{claim(0, true), writer(0, PodFailed, failedOf(api.ReasonPathNotFound))}, at(0), "could not run PathNotFound"},
		"a word that is not known":                    {mods{claim(0, true), writer(0, PodFailed, failedOf("Odd"))}, at(0), "could not run MoverFailed"},
		"the repository does not answer":              {mods{claim(0, true), writer(0, PodFailed, failedOf(api.ReasonRepositoryUnreachable))}, at(0), "waits RestorePending, attempt 1"},
		"the repository never answers":                {mods{claim(2, true), writer(2, PodFailed, failedOf(api.ReasonRepositoryUnreachable))}, at(2), "could not run RepositoryUnreachable, attempt 2"},
		"the writer was told to end":                  {mods{claim(0, true), writer(0, PodFailed, failedOf("Interrupted"))}, at(0), "waits RestorePending, attempt 1"},
		"the writer was lost":                         {mods{claim(0, true), writer(0, PodLost)}, at(0), "waits RestorePending, attempt 1"},
		"the writer is gone":                          {mods{claim(0, true)}, at(0), "waits RestorePending, attempt 1"},
		"the volume is gone while it is written":      {mods{writer(0, PodRunning)}, at(0), "waits RestorePending, attempt 1"},
		"the volume is gone after it was written":     {mods{writer(0, PodSucceeded, wrote)}, at(0), "waits RestorePending, attempt 1"},
		"the volume is gone while it is read":         {mods{writer(0, PodSucceeded, wrote), reads(0, PodRunning)}, at(0), "waits RestorePending, attempt 1"},
		"what was not set in a volume that went":      {mods{writer(0, PodSucceeded, wrote)}, api.VolumeWriting{Lost: 2}, "waits RestorePending, attempt 1"},
		"the writer and its first reader are gone":    {mods{claim(0, false), reads(1, PodRunning)}, at(0), "waits RestorePending, attempt 1"},
		"the next attempt leaves somebody's pod":      {mods{writer(0, PodLost, func(p *BroughtPod) { p.RunUID = "x" })}, at(1), "writer, claim, waits RestorePending, attempt 1"},
		"the next attempt finds all of the first":     {mods{claim(0, true), writer(0, PodLost), reads(1, PodLost)}, at(1), "removes 3, waits RestorePending, attempt 1"},
		"the next attempt finds the first one's pod":  {mods{writer(0, PodLost)}, at(1), "removes 1, waits RestorePending, attempt 1"},
		"the next attempt":                            {nil, at(1), "writer, claim, waits RestorePending, attempt 1"},
		"the next attempt reads":                      {mods{claim(1, true), writer(1, PodSucceeded, wrote), reads(3, PodSucceeded, good)}, at(1), "done, attempt 1"},
		"what the first attempt read does not count":  {mods{claim(1, true), writer(1, PodSucceeded, wrote), reads(0, PodSucceeded, good)}, at(1), "removes 1, waits RestorePending, attempt 1"},
		"the third attempt was lost":                  {mods{claim(2, true), writer(2, PodLost)}, at(2), "could not run PodLost, attempt 2"},
		"out of memory":                               {mods{claim(0, true), writer(0, PodLost, starved)}, at(0), "waits RestorePending, attempt 1 bigger"},
		"out of memory twice":                         {mods{claim(1, true), writer(1, PodLost, starved)}, api.VolumeWriting{Attempt: 1, Bigger: true}, "could not run OutOfMemory, attempt 1 bigger"},
		"lost after it ran out of memory":             {mods{claim(1, true), writer(1, PodLost)}, api.VolumeWriting{Attempt: 1, Bigger: true}, "waits RestorePending, attempt 2 bigger"},
		"a claim of an attempt that is not on record": {mods{claim(1, true)}, at(0), "waits RestorePending"},
		"one of those, on its way out": {mods{func(o *DrillObserved) {
			o.Brought.Claims[throwaway("data")] = BroughtClaim{RunUID: drillUID, Attempt: 1, Deleting: true}
		}}, at(0), "waits RestorePending"},
		"the claim is somebody's":   {mods{func(o *DrillObserved) { o.Brought.Claims[throwaway("data")] = BroughtClaim{Bound: true} }}, at(0), "could not run NameTaken"},
		"the pod is somebody's":     {mods{claim(0, true), writer(0, PodRunning, func(p *BroughtPod) { p.RunUID = "x" })}, at(0), "could not run NameTaken"},
		"a class of another driver": {mods{func(o *DrillObserved) { o.Brought.Classes[testkit.Class] = "b" }}, at(0), "writer, claim, waits RestorePending"},
		"the class is gone":         {mods{func(o *DrillObserved) { o.Brought.Classes = nil }}, at(0), "could not run StorageClassNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			o, into := seenDrill(c.mods...), thrown()
			into.writing = c.writing
			if got := toldCopy(bring(o.Brought, copySourceOf("data"), into)); got != c.want {
				t.Errorf("it %s, want %s", got, c.want)
			}
		})
	}
}

// TestWriterOrder: what a writer is told, and what it is given.
func TestWriterOrder(t *testing.T) {
	o, s, into := seenDrill(func(o *DrillObserved) { o.Brought.Privileged = true }), copySourceOf("data"), thrown()
	s.Mode, into.writing, into.paths, into.mover = modeBlock, api.VolumeWriting{Attempt: 1, Bigger: true}, []string{"photos/2009"}, &api.MoverOptions{PriorityClassName: "high"}
	b := bring(o.Brought, s, into)
	if b.claim == nil || b.claim.Attempt != 1 || b.claim.Source.Copy == nil || b.options != nil || b.pod != nil {
		t.Fatalf("asked for is %+v, %+v, %+v", b.claim, b.options, b.pod)
	}
	w := b.write
	if !w.Writes || !w.Privileged || !w.Bigger || w.Claim != into.name || w.Mode != modeBlock || w.Mover != into.mover || w.Access != s.Copy.Access || !w.Throw.Equal(into.throw) {
		t.Errorf("the writer is %+v", w)
	}
	said, err := order.Decode([]byte(w.Order))
	if err != nil {
		t.Fatal(err)
	}
	r := said.Restore
	if r == nil || r.Volume != s.Copy.Volume || !r.Block || !slices.Equal(r.Paths, into.paths) || r.Digest != printOf("data").Digest || said.Repository.UniqueID != vaultID {
		t.Errorf("it is told %s", w.Order)
	}
	s.Copy.Repository = order.Repository{}
	if got := toldCopy(bring(o.Brought, s, thrown())); got != "could not run InvalidSpec" {
		t.Errorf("with a repository that is nowhere it %s", got)
	}
}

// TestLateCopy: a copy fails a deadline only once its writing was begun, and the repository answered.
func TestLateCopy(t *testing.T) {
	away := &Problem{api.ReasonRepositoryUnreachable, "x"}
	for _, c := range []struct {
		reason string
		away   *Problem
		want   string
	}{
		{api.ReasonRestorePending, nil, "could not run RestoreTimedOut"},
		{api.ReasonRestoring, nil, "failed RestoreTimedOut"},
		{api.ReasonReading, nil, "failed RestoreTimedOut"},
		{api.ReasonUnschedulable, nil, "could not run Unschedulable"},
		{api.ReasonRestoring, away, "could not run RepositoryUnreachable"},
		{api.ReasonReading, away, "failed RestoreTimedOut"},
	} {
		s := copySourceOf("data")
		s.Copy.Away = c.away
		if got := told(bringing{source: s}.wait(c.reason, "x").late()); got != c.want {
			t.Errorf("late while %s: it %s, want %s", c.reason, got, c.want)
		}
	}
}

// TestCompareCopy: without a fingerprint of the capture, the copy's own is the measure. Owners that could not be set are told from damage.
func TestCompareCopy(t *testing.T) {
	capture := testkit.Point(noon, both, recorded).Status.Fingerprint
	other := printOf("data")
	other.Digest = flipped
	for name, c := range map[string]struct {
		read     api.Fingerprint
		recorded *api.PointFingerprint
		lost     int64
		partial  bool
		want     string
		level    api.ProofLevel
	}{
		"equal to the capture":                     {printOf("data"), capture, 0, false, "", api.LevelIntact},
		"equal to the copy":                        {printOf("data"), nil, 0, false, "", api.LevelIntact},
		"equal, though something was not set":      {printOf("data"), capture, 3, false, "", api.LevelIntact},
		"other than the copy":                      {other, nil, 0, false, api.ReasonContentDiffers, api.LevelRestored},
		"other than the capture":                   {other, capture, 0, false, api.ReasonContentDiffers, api.LevelRestored},
		"an owner was not set":                     {other, capture, 1, false, api.ReasonOwnershipNotKept, api.LevelRestored},
		"a part alone, which cannot be compared":   {other, capture, 0, true, api.ReasonFingerprintMissing, api.LevelRestored},
		"a part that by chance is all of the copy": {printOf("data"), capture, 0, true, api.ReasonFingerprintMissing, api.LevelRestored},
	} {
		b := bringing{source: copySourceOf("data"), done: true, read: &c.read, partial: c.partial, writing: api.VolumeWriting{Lost: c.lost}}
		got := ""
		if bad := compare(b, c.recorded); bad != nil {
			got = bad.Reason
		}
		if got != c.want || levelOf(b, c.recorded) != c.level {
			t.Errorf("%s: %q, %s", name, got, levelOf(b, c.recorded))
		}
	}
	if !strings.Contains(ownershipNotKept(3).Message, api.AnnotationPrivilegedMovers+`: "true"`) {
		t.Error("it is not said what helps")
	}
}

// writing is a world in which one volume comes back from a copy: the claim of one name, the pods that name it, and what they did.
type writingWorld struct {
	status  api.VolumeWriting
	claim   *worldClaim
	made    int
	pods    map[string]*worldPod
	writers map[int][]string // by the volume: who ever could write to it
	whole   map[int]bool     // by the volume: its writer ended well
}

type worldClaim struct {
	volume, attempt int
	bound, deleting bool
}

type worldPod struct {
	phase  PodPhase
	volume int // the one that is mounted; 0 for none
	mods   []func(*BroughtPod)
}

func (w *writingWorld) seen() Brought {
	o := seenDrill().Brought
	if c := w.claim; c != nil {
		o.Claims[throwaway("data")] = BroughtClaim{Target: Target{throwaway("data"), fmt.Sprint(c.volume)}, RunUID: drillUID, Attempt: c.attempt,
			Bound: c.bound, Deleting: c.deleting, Volume: fmt.Sprint("pv-", c.volume), Size: resource.MustParse("1Gi")}
	}
	for name, p := range w.pods {
		pod := BroughtPod{Target: Target{name, "u-" + name}, RunUID: drillUID, Phase: p.phase}
		for _, m := range p.mods {
			m(&pod)
		}
		o.Pods[name] = pod
	}
	return o
}

func isWriter(name string) bool { return strings.Contains(name, "-write-") }

// carryOut does what was asked for, as far as the operator lives.
func (w *writingWorld) carryOut(b bringing, steps int) {
	var do []func() bool
	if o := b.claim; o != nil {
		do = append(do, func() bool {
			if w.claim == nil {
				w.made++
				w.claim = &worldClaim{volume: w.made, attempt: o.Attempt}
			}
			return w.claim.attempt == o.Attempt
		})
	}
	pod := func(name string) func() bool {
		return func() bool {
			if w.pods[name] == nil {
				w.pods[name] = &worldPod{phase: PodPending}
			}
			return true
		}
	}
	if b.pod != nil {
		do = append(do, pod(b.pod.Name))
	}
	if b.write != nil {
		do = append(do, pod(b.write.Name))
	}
	for _, l := range b.remove {
		do = append(do, func() bool {
			if l.Kind == "Pod" {
				delete(w.pods, l.Name)
			} else if w.claim != nil && fmt.Sprint(w.claim.volume) == l.UID {
				w.claim.deleting = true
			}
			return true
		})
	}
	for i, f := range do {
		if i >= steps || !f() {
			return
		}
	}
}

// goOn lets the cluster do something.
func (w *writingWorld) goOn(t *rapid.T) {
	if c := w.claim; c != nil {
		switch what := rapid.IntRange(0, 7).Draw(t, "claim"); {
		case c.deleting && len(w.pods) == 0, what == 7: // or somebody forces it away
			w.claim = nil
		case what < 4 && !c.deleting:
			c.bound = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.pods)) {
		p := w.pods[name]
		way := rapid.SampledFrom([]string{"on", "on", "on", "lost", "starved", "unreachable", "gone", "stay"}).Draw(t, "pod")
		switch {
		case way == "gone":
			delete(w.pods, name) // by force: it may go on where it is
		case p.phase == PodPending && way != "stay" && w.claim != nil && w.claim.bound && !w.claim.deleting:
			p.phase, p.volume = PodRunning, w.claim.volume
			if isWriter(name) {
				w.writers[p.volume] = append(w.writers[p.volume], name)
			}
		case p.phase == PodRunning:
			w.end(name, p, way)
		}
	}
}

func (w *writingWorld) end(name string, p *worldPod, way string) {
	switch {
	case way == "on" && isWriter(name):
		p.phase, p.mods = PodSucceeded, []func(*BroughtPod){wrote}
		w.whole[p.volume] = true
	case way == "on":
		p.phase, p.mods = PodSucceeded, []func(*BroughtPod){tells(printOf("data"))}
	case way == "starved":
		p.phase, p.mods = PodLost, []func(*BroughtPod){starved}
	case way == "unreachable" && isWriter(name):
		p.phase, p.mods = PodFailed, []func(*BroughtPod){failedOf(api.ReasonRepositoryUnreachable)}
	case way == "lost":
		p.phase = PodLost
	}
}

// lawful is what must hold of a world, whoever brings the volume back: no volume has two writers, none is read that was not written to
// its end, and what is called done was read of such a one.
func (w *writingWorld) lawful(b bringing) error {
	for volume, all := range w.writers {
		if len(all) > 1 {
			return fmt.Errorf("volume %d has the writers %v", volume, all)
		}
	}
	for name, p := range w.pods {
		if !isWriter(name) && p.volume > 0 && !w.whole[p.volume] {
			return fmt.Errorf("volume %d is read, and was not written to its end", p.volume)
		}
	}
	if b.done && (w.pods[b.readBy] == nil || !w.whole[w.pods[b.readBy].volume]) {
		return fmt.Errorf("done, and what was read is not what was written")
	}
	return nil
}

// liveWriting lets the operator and the cluster take turns, until the volume is there or has failed.
func liveWriting(t *rapid.T, bring func(Brought, Source, landing) bringing) error {
	w := &writingWorld{pods: map[string]*worldPod{}, writers: map[int][]string{}, whole: map[int]bool{}}
	for range 40 {
		into := thrown()
		into.writing = w.status
		b := bring(w.seen(), copySourceOf("data"), into)
		if err := w.lawful(b); err != nil {
			return err
		}
		if b.done || b.failed {
			return nil
		}
		if b.writing == w.status { // what changes is on record before anything follows from it
			w.carryOut(b, rapid.SampledFrom([]int{9, 9, 9, 0, 1, 2}).Draw(t, "steps"))
		}
		w.status = b.writing
		w.goOn(t)
	}
	return nil
}

// TestLawOneWriter: whatever becomes of pods, claims and the operator, no volume ever gets two writers, and none is read, let alone
// called restored, that was not written to its end. It kills: writing again to the volume of a writer that was lost; making the claim
// anew without counting; having it read beside the writing; taking what an earlier attempt read.
func TestLawOneWriter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := liveWriting(t, bring); err != nil {
			t.Fatal(err)
		}
	})
	for name, fault := range map[string]func(Brought, Source, landing) bringing{
		"the volume of a lost writer is kept": func(o Brought, s Source, t landing) bringing {
			if c, is := o.Claims[t.name]; is && c.Attempt < int(t.writing.Attempt) {
				c.Attempt = int(t.writing.Attempt)
				c.Bound = false
				o.Claims[t.name] = c
			}
			return bring(o, s, t)
		},
		"a writer that is gone is made again": func(o Brought, s Source, t landing) bringing {
			if c, is := o.Claims[t.name]; is {
				c.Bound = false
				o.Claims[t.name] = c
			}
			return bring(o, s, t)
		},
		"it is read beside the writing": func(o Brought, s Source, t landing) bringing {
			b := bring(o, s, t)
			if !b.failed && !b.done && b.pod == nil {
				b.pod = &ReadOrder{Name: names.Reader(s.Claim, o.RunUID, s.ClaimUID, int(t.writing.Attempt)*mostAttempts)}
			}
			return b
		},
		"a claim that went is made again": func(o Brought, s Source, t landing) bringing {
			if _, is := o.Claims[t.name]; !is {
				o.Claims[t.name] = BroughtClaim{RunUID: o.RunUID, Attempt: int(t.writing.Attempt)}
				b := bring(o, s, t)
				b.claim = &ClaimOrder{Name: t.name, Attempt: int(t.writing.Attempt)}
				return b
			}
			return bring(o, s, t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			convicted := false
			rapid.Check(t, func(t *rapid.T) { convicted = convicted || liveWriting(t, fault) != nil })
			if !convicted {
				t.Error("the law does not convict it")
			}
		})
	}
}
