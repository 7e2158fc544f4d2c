// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// provenCopy is a drill from a copy that passed, and whose evidence is recorded.
func provenCopy(mods ...func(*DrillObserved)) DrillObserved {
	o := stepped(seenDrill(ofCopies), noon)
	allRead(&o)
	for _, claim := range both {
		o.pod(writerPod(claim, 0), PodSucceeded, wrote)
	}
	o = stepped(o, noon.Add(time.Minute))
	o.Drill.Status.Evidence = &api.EvidenceReference{ConfigMap: "evidence", Digest: flipped}
	o.Envelope = `{"payload":"c2lnbmVk"}`
	o.Brought.Leftovers = []Leftover{{Target: Target{"data-read", "r"}, Kind: "Pod"}}
	o.Brought.Pods = map[string]BroughtPod{}
	for _, m := range mods {
		m(&o)
	}
	return o
}

func dossierPod(o *DrillObserved, phase PodPhase, mods ...func(*BroughtPod)) {
	name := names.Dossier("amsterdam", drillUID, int(o.Drill.Status.Dossiers[0].Attempt))
	o.pod(name, phase, mods...)
	o.Brought.Leftovers = append(o.Brought.Leftovers, Leftover{Target: Target{name, "d"}, Kind: "Pod"})
}

// TestDossierLives: it is on record before its pod is made, its pod is left alone while it writes, and the clean-up ends only after it.
func TestDossierLives(t *testing.T) {
	at := noon.Add(2 * time.Minute)
	o := provenCopy()
	p := ForDrill(o, at)
	if len(p.Status.Dossiers) != 1 || p.Status.Dossiers[0].State != api.DossierWriting || len(p.Dossiers) > 0 {
		t.Fatalf("%+v, %+v", p.Status.Dossiers, p.Dossiers)
	}
	o.Drill.Status = p.Status
	p = ForDrill(o, at)
	if !p.Wake.Before(at.Add(time.Minute)) { // the clean-up is looked at sooner
		t.Errorf("while it is asked for it wakes at %s", p.Wake)
	}
	for name, c := range map[string]struct {
		edit func(*DrillObserved)
		wake time.Time
	}{
		"asked for":              {func(*DrillObserved) {}, at.Add(dossierWithin)},
		"under way":              {func(o *DrillObserved) { dossierPod(o, PodRunning) }, at.Add(dossierWithin)},
		"the repository is away": {func(o *DrillObserved) { o.Vaults = vaults(vault("amsterdam", reachable(metav1.ConditionFalse))) }, at.Add(dossierWithin)},
		"not to be tried yet":    {func(o *DrillObserved) { o.Drill.Status.Dossiers[0].StartedAt = timePtr(at.Add(time.Minute)) }, at.Add(time.Minute)},
		"it failed":              {func(o *DrillObserved) { dossierPod(o, PodLost) }, at.Add(dossierRetry)},
	} {
		e := o
		e.Drill = o.Drill.DeepCopy()
		e.Brought.Pods = map[string]BroughtPod{}
		e.Drill.Status.Run.Cleanup.OnSuccess = &metav1.Duration{Duration: 24 * time.Hour} // nothing else is waited for
		c.edit(&e)
		if p := ForDrill(e, at); !p.Wake.Equal(c.wake) {
			t.Errorf("%s, it wakes at %s, want %s", name, p.Wake, c.wake)
		}
	}
	if len(p.Dossiers) != 1 || p.Dossiers[0].Access.Repository != "amsterdam" || p.Dossiers[0].Claim != "" || p.Dossiers[0].Throw.IsZero() || removed(p.Remove) != "data-read" {
		t.Fatalf("asked for is %+v, removed %q", p.Dossiers, removed(p.Remove))
	}
	dossierPod(&o, PodRunning)
	if p = ForDrill(o, at); len(p.Dossiers) > 0 || removed(p.Remove) != "data-read" {
		t.Errorf("while it writes: asked for is %+v, removed %q", p.Dossiers, removed(p.Remove))
	}
	o.Brought.Leftovers = nil // even when they are not seen
	if p = ForDrill(o, at); conditionReason(p.Status.Conditions, api.ConditionCleanedUp) != "False CleaningUp" {
		t.Errorf("while it writes: %s", conditionReason(p.Status.Conditions, api.ConditionCleanedUp))
	}
	if c := findCondition(p.Status.Conditions, api.ConditionCleanedUp); c.Message != "what the drill created is being removed" {
		t.Errorf("while it writes it says %q", c.Message)
	}
	dossierPod(&o, PodSucceeded, func(p *BroughtPod) { p.Told = &RepositoryResult{UniqueID: vaultID} })
	p = ForDrill(o, at)
	if p.Status.Dossiers[0].State != api.DossierWritten || len(p.Remove) != 1 || p.Status.Verdict != api.VerdictPassed {
		t.Errorf("once it is written: %+v, removed %q", p.Status.Dossiers, removed(p.Remove))
	}
	o.Drill.Status, o.Brought.Leftovers = p.Status, nil
	if p = ForDrill(o, at); conditionReason(p.Status.Conditions, api.ConditionCleanedUp) != "True CleanedUp" || len(p.Status.Dossiers) != 1 {
		t.Errorf("then: %s", conditionReason(p.Status.Conditions, api.ConditionCleanedUp))
	}
}

// TestDossierFails: it is tried three times, later each time, under another name, and then it is told that it was not written. Whatever
// becomes of it, the proof stands, and the clean-up ends.
func TestDossierFails(t *testing.T) {
	type edit = func(*DrillObserved)
	late := func(o *DrillObserved) { o.Drill.Status.Dossiers[0].StartedAt = timePtr(noon.Add(-time.Hour)) }
	away := func(o *DrillObserved) { o.Vaults = vaults(vault("amsterdam", reachable(metav1.ConditionFalse))) }
	for name, c := range map[string]struct {
		edit     edit
		want     string
		attempts int32
	}{
		"refused by the store": {func(o *DrillObserved) { dossierPod(o, PodFailed, failedOf(api.ReasonCredentialsRefused)) }, api.ReasonCredentialsRefused, 3},
		"told nothing":         {func(o *DrillObserved) { dossierPod(o, PodSucceeded) }, api.ReasonMoverFailed, 3},
		"into another repository": {func(o *DrillObserved) {
			dossierPod(o, PodSucceeded, func(p *BroughtPod) { p.Told = &RepositoryResult{UniqueID: "x"} })
		}, api.ReasonRepositoryIDMismatch, 3},
		"lost":                     {func(o *DrillObserved) { dossierPod(o, PodLost) }, api.ReasonPodLost, 3},
		"somebody's pod":           {func(o *DrillObserved) { dossierPod(o, PodRunning, func(p *BroughtPod) { p.RunUID = "x" }) }, api.ReasonNameTaken, 3},
		"the repository is gone":   {func(o *DrillObserved) { o.Vaults = Vaults{} }, api.ReasonRepositoryNotFound, 1},
		"the point is gone":        {func(o *DrillObserved) { o.Points = nil }, api.ReasonRepositoryNotFound, 1},
		"the admin forbids it now": {func(o *DrillObserved) { o.Vaults.Repositories["amsterdam"].Spec.S3.Insecure = true }, api.ReasonInsecureNotAllowed, 3},
		"it takes too long":        {func(o *DrillObserved) { dossierPod(o, PodRunning); late(o) }, api.ReasonMoverFailed, 3},
		"it never started":         {late, api.ReasonMoverFailed, 3},
		"the repository is away":   {func(o *DrillObserved) { away(o); late(o) }, api.ReasonRepositoryUnreachable, 3},
	} {
		o := provenCopy()
		at, begun, waited := noon.Add(2*time.Minute), int32(0), time.Duration(0)
		o.Drill.Status = ForDrill(o, at).Status
		for begun = 1; ; begun++ {
			c.edit(&o)
			p := ForDrill(o, at)
			d := p.Status.Dossiers[0]
			if d.Reason != c.want || d.Message == "" || p.Status.Verdict != api.VerdictPassed || len(p.Dossiers) > 0 {
				t.Fatalf("%s: %+v, %s, %+v", name, d, p.Status.Verdict, p.Dossiers)
			}
			o.Drill.Status = p.Status
			told := slices.ContainsFunc(p.Notes, func(n Note) bool {
				return n.Reason == api.ReasonDossierNotWritten && n.Warning && strings.Contains(n.Message, c.want) && strings.Contains(n.Message, fmt.Sprintf("in %d attempts", c.attempts))
			})
			if told != (d.State == api.DossierFailed) {
				t.Errorf("%s: it is %s, and told are %+v", name, d.State, p.Notes)
			}
			if d.State == api.DossierFailed {
				break
			}
			if wait := d.StartedAt.Sub(at); d.Attempt != begun || wait <= waited || p.Wake.IsZero() || p.Wake.After(d.StartedAt.Time) {
				t.Fatalf("%s: after attempt %d it waits %s, and before %s: %+v; it wakes at %s", name, begun, wait, waited, d, p.Wake)
			} else {
				waited, at = wait, d.StartedAt.Time
			}
			o.Brought.Pods = map[string]BroughtPod{}
			if p := ForDrill(o, at.Add(-time.Second)); len(p.Dossiers) > 0 {
				t.Errorf("%s: it does not wait", name)
			}
		}
		if begun != c.attempts {
			t.Errorf("%s: there were %d attempts, want %d", name, begun, c.attempts)
		}
		if since := at.Add(dossierWithin).Sub(noon.Add(2 * time.Minute)); since+2*dossierWithin > cleanupPatience+5*time.Minute {
			t.Errorf("%s: the clean-up waits for %s", name, since+2*dossierWithin)
		}
		o.Brought.Leftovers = nil
		if p := ForDrill(o, at); conditionReason(p.Status.Conditions, api.ConditionCleanedUp) != "True CleanedUp" {
			t.Errorf("%s: the clean-up does not end", name)
		}
	}
}

// TestDossiersEndWithTheirDrill: one that is being written is given up when the drill is deleted; one that was written stays.
func TestDossiersEndWithTheirDrill(t *testing.T) {
	o := provenCopy(func(o *DrillObserved) {
		copied("again", "amsterdam")(o.Points[1])
		copied("near", "rotterdam")(o.Points[1])
		o.Vaults.Repositories["rotterdam"] = vault("rotterdam")
	})
	o.Drill.Status = ForDrill(o, noon).Status
	var begun []string
	for _, d := range o.Drill.Status.Dossiers {
		begun = append(begun, d.Repository)
	}
	if got := strings.Join(begun, " "); got != "amsterdam rotterdam" {
		t.Fatalf("into each repository that holds a copy one is written: %s", got)
	}
	o.Drill.Status.Dossiers[1].State, o.Drill.DeletionTimestamp = api.DossierWritten, metaTime(noon)
	p := ForDrill(o, noon)
	if d := p.Status.Dossiers; len(d) != 1 || d[0].Repository != "rotterdam" {
		t.Errorf("of a drill that is deleted they are %+v", d)
	}
	was := len(p.Notes)
	if p.DossierFailed("gone", Problem{api.ReasonMoverFailed, "x"}, noon); len(p.Notes) != was {
		t.Errorf("of one that is not there it tells %+v", p.Notes)
	}
	gone := provenCopy(func(o *DrillObserved) { o.Points = nil })
	if p := ForDrill(gone, noon); len(p.Status.Dossiers) > 0 {
		t.Errorf("of a point that is gone they are %+v", p.Status.Dossiers)
	}
}

// TestDossierIsTriedAgain: an attempt after one that failed writes it, and nothing is told of the failure but what stood in the status.
func TestDossierIsTriedAgain(t *testing.T) {
	o, at := provenCopy(), noon.Add(2*time.Minute)
	o.Drill.Status = ForDrill(o, at).Status
	away := o
	away.Vaults = vaults(vault("amsterdam", reachable(metav1.ConditionFalse)))
	if p := ForDrill(away, at); len(p.Dossiers) > 0 || p.Status.Dossiers[0].Attempt != 0 || p.Wake.IsZero() {
		t.Errorf("while the repository is away it is %+v, %+v", p.Status.Dossiers, p.Dossiers)
	}
	dossierPod(&o, PodLost)
	lost := names.Dossier("amsterdam", drillUID, 0)
	o.Drill.Status = ForDrill(o, at).Status
	p := ForDrill(o, o.Drill.Status.Dossiers[0].StartedAt.Time)
	if len(p.Dossiers) != 1 || p.Dossiers[0].Name == lost || !strings.Contains(removed(p.Remove), lost) {
		t.Fatalf("asked for is %+v, removed %q", p.Dossiers, removed(p.Remove))
	}
	dossierPod(&o, PodSucceeded, func(p *BroughtPod) { p.Told = &RepositoryResult{UniqueID: vaultID} })
	p = ForDrill(o, at.Add(time.Minute))
	if d := p.Status.Dossiers[0]; d.State != api.DossierWritten || d.Reason+d.Message != "" || d.Attempt != 1 || len(p.Notes) > 0 {
		t.Errorf("it is %+v, and tells %+v", d, p.Notes)
	}
}

// TestNoDossier: where nothing was proven, or nobody could read it, none is begun.
func TestNoDossier(t *testing.T) {
	for name, edit := range map[string]func(*DrillObserved){
		"before the evidence is recorded": func(o *DrillObserved) { o.Drill.Status.Evidence = nil },
		"of a drill that failed":          func(o *DrillObserved) { o.Drill.Status.Verdict = api.VerdictFailed },
		"of a point without copies":       func(o *DrillObserved) { o.Points[1].Status.Copies = nil },
		"of a copy that is not complete":  func(o *DrillObserved) { o.Points[1].Status.Copies[0].State = api.CopyCopying },
		"of a drill that is deleted":      func(o *DrillObserved) { o.Drill.DeletionTimestamp = timePtr(noon) },
		"while the namespace goes":        func(o *DrillObserved) { o.NamespaceTerminating = true },
		"once all is cleaned up": func(o *DrillObserved) {
			o.Brought.Leftovers = nil
			o.Drill.Status.Phases = append(o.Drill.Status.Phases, api.DrillPhase{Name: api.PhaseCleaningUp, State: api.PhaseSucceeded})
		},
	} {
		if p := ForDrill(provenCopy(edit), noon.Add(2*time.Minute)); len(p.Status.Dossiers)+len(p.Dossiers) > 0 {
			t.Errorf("%s: %+v", name, p.Status.Dossiers)
		}
	}
}

// TestDossierText: it says what, where, how and how long, and holds no secret.
func TestDossierText(t *testing.T) {
	o := provenCopy(func(o *DrillObserved) {
		o.Vaults.Repositories["amsterdam"].Status.Location = "s3://s3.test/lifeboat"
		o.Points[1].Status.Volumes[0].Size = nil
	})
	o.Drill.Status = ForDrill(o, noon.Add(time.Minute)).Status
	said, err := order.Decode([]byte(ForDrill(o, noon.Add(time.Minute)).Dossiers[0].Order))
	if err != nil {
		t.Fatal(err)
	}
	point := o.Points[1]
	if want := "dossier/web-" + o.Drill.Status.Run.PolicyUID + ".md"; said.Note.Name != want || said.Repository.UniqueID != vaultID {
		t.Errorf("it is named %s, in %s", said.Note.Name, said.Repository.UniqueID)
	}
	for _, want := range []string{
		"policy web of namespace " + testkit.Namespace, "copy far of recovery point " + point.Name, "is Intact", "it took 1m0s", "independent of the captured volumes' failure domain: true",
		string(point.UID), testkit.ClaimUID("data"), printOf("logs").Digest, testkit.Class, "s3://s3.test/lifeboat", vaultID,
		"# Recovery dossier", "Written after drill rehearsal, which ended at 2026-03-02T12:01:00Z.", "## What was proven", "## What there is", "| claim | claim UID | size |",
		"## Where it is\n\n- s3://s3.test/lifeboat\n- unique ID of the repository: " + vaultID + "; failure domain: s3.test/lifeboat", "what opens it is not here: its password (Secret ", "## How it comes back", "Evidence, signed",
		"lifeboat-mover restore --repository 's3://s3.test/lifeboat'", "import: true", `{"payload":"c2lnbmVk"}`,
	} {
		if !strings.Contains(said.Note.Text, want) {
			t.Errorf("it does not say %q:\n%s", want, said.Note.Text)
		}
	}
}
