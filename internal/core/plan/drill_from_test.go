// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// ofCopies is a drill of a policy that rehearses copies on another storage system. All but the newest point have one.
func ofCopies(o *DrillObserved) {
	o.Policy.Spec.Drill.From, o.Policy.Spec.Drill.StorageClassName = api.FromCopy, "other"
	for _, p := range o.Points[:2] {
		copied("far", "amsterdam")(p)
	}
	o.Vaults = vaults(vault("amsterdam"))
	o.Classes = []StorageClass{{Name: testkit.Class, Provisioner: testkit.Driver}, {Name: "other", Provisioner: "array-b.example.org"}}
}

func says(text string) *string { return &text }

func TestDrillFromCopyIsFrozen(t *testing.T) {
	newest := func(o *DrillObserved) string { return o.Points[1].Name }
	for name, c := range map[string]struct {
		edit        func(*DrillObserved)
		from        api.RestoreSource
		copy        string
		independent bool
	}{
		"as the policy says":                          {func(*DrillObserved) {}, api.FromCopy, "far", true},
		"as the drill says":                           {func(o *DrillObserved) { o.Drill.Spec.From, o.Policy.Spec.Drill.From = api.FromCopy, "" }, api.FromCopy, "far", true},
		"as the drill says, snapshots":                {func(o *DrillObserved) { o.Drill.Spec.From = api.FromSnapshot }, api.FromSnapshot, "", false},
		"as nobody says":                              {func(o *DrillObserved) { o.Policy.Spec.Drill.From = "" }, api.FromSnapshot, "", false},
		"into the class of the captured":              {func(o *DrillObserved) { o.Policy.Spec.Drill.StorageClassName = "" }, api.FromCopy, "far", false},
		"into a class of the same driver":             {func(o *DrillObserved) { o.Classes[1].Provisioner = testkit.Driver }, api.FromCopy, "far", false},
		"into a class that an admin says is the same": {func(o *DrillObserved) { o.Classes[1].FailureDomain = says(testkit.Driver + "/pool-2") }, api.FromCopy, "far", false},
		"into a class that an admin tells apart": {func(o *DrillObserved) {
			o.Classes[0].FailureDomain, o.Classes[1].FailureDomain, o.Classes[1].Provisioner = says("site/a"), says("site/b"), testkit.Driver
		}, api.FromCopy, "far", true},
		"into a class that an admin tells apart by half": {func(o *DrillObserved) {
			o.Classes[1].FailureDomain, o.Classes[1].Provisioner = says("site/b"), testkit.Driver
		}, api.FromCopy, "far", false},
		"from the same domain": {func(o *DrillObserved) { o.Vaults.Repositories["amsterdam"].Spec.FailureDomain = testkit.Driver }, api.FromCopy, "far", false},
		"from a claim of the same driver, whatever it says": {func(o *DrillObserved) {
			r := o.Vaults.Repositories["amsterdam"]
			r.Spec = api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "vault"}, FailureDomain: "utrecht"}
			o.Claims = []Claim{{Name: "vault", Driver: testkit.Driver, StorageClass: testkit.Class}}
		}, api.FromCopy, "far", false},
		"of a point of another cluster": {func(o *DrillObserved) {
			o.Classes[0].FailureDomain, o.Classes[1].FailureDomain, o.Classes[1].Provisioner = says("site/a"), says("site/b"), testkit.Driver
			o.Points[1].Status.Origin = &api.PointOrigin{Repository: "amsterdam"}
		}, api.FromCopy, "far", false},
		"into a class that is not known":         {func(o *DrillObserved) { o.Classes = o.Classes[:1] }, api.FromCopy, "far", false},
		"of a class that is gone":                {func(o *DrillObserved) { o.Classes = o.Classes[1:] }, api.FromCopy, "far", true},
		"of a class that is gone, to its driver": {func(o *DrillObserved) { o.Classes = []StorageClass{{Name: "other", Provisioner: testkit.Driver}} }, api.FromCopy, "far", false},
		"not of a point that goes": {func(o *DrillObserved) {
			testkit.Going(o.Points[1])
			o.Points[0], o.Points[1] = o.Points[1], o.Points[0]
		}, api.FromCopy, "far", true},
		"of a point that is named": {func(o *DrillObserved) {
			o.Drill.Spec.Policy, o.Drill.Spec.RecoveryPoint = nil, &api.PointReference{Name: newest(o)}
		}, api.FromCopy, "far", true},
		"for a changed stack": {func(o *DrillObserved) {
			o.Drill.Labels = map[string]string{api.LabelTrigger: string(api.TriggerStorageStackChanged)}
		}, api.FromCopy, "far", true},
		"of points whose snapshots were lost": {func(o *DrillObserved) { lostAll(o.Points[1]) }, api.FromCopy, "far", true},
		"without a recorded fingerprint":      {func(o *DrillObserved) { unrecorded(o.Points[1]) }, api.FromCopy, "far", true},
		"the second repository, when the first does not answer": {func(o *DrillObserved) {
			o.Points[1].Status.Copies = nil
			copied("near", "rotterdam")(o.Points[1])
			copied("far", "amsterdam")(o.Points[1])
			o.Vaults.Repositories["rotterdam"] = vault("rotterdam", reachable(metav1.ConditionFalse))
		}, api.FromCopy, "far", true},
	} {
		t.Run(name, func(t *testing.T) {
			o := seenDrill(ofCopies, c.edit)
			p := ForDrill(o, noon)
			run := p.Status.Run
			if run == nil || run.RecoveryPoint.UID == "" {
				t.Fatalf("it did not start: %s", conditionReason(p.Status.Conditions, api.ConditionSucceeded))
			}
			if run.From != c.from || run.Copy != c.copy || run.Independent != c.independent || (c.copy != "" && (run.Repository != "amsterdam" || run.RepositoryID != vaultID)) {
				t.Errorf("%+v", run)
			}
			if want := newest(&o); c.copy != "" && run.RecoveryPoint.Name != want {
				t.Errorf("the point is %s; the newest with a copy is %s", run.RecoveryPoint.Name, want)
			}
			if len(p.Claims)+len(p.Writes)+len(p.Reads) > 0 {
				t.Error("something is done before it is written down")
			}
			// What becomes of the domains later does not matter.
			o.Drill.Status = p.Status
			o.Classes = []StorageClass{{Name: testkit.Class, Provisioner: "x.example.org"}, {Name: "other", Provisioner: "y.example.org"}}
			if again := ForDrill(o, noon).Status.Run; again.Independent != c.independent || again.Copy != c.copy {
				t.Errorf("then it is %+v", again)
			}
		})
	}
}

// TestDrillFromCopyBeginsAnew: a writer that was lost is followed by another with a volume of its own, once what is left of the first
// is gone; which volume it is stays on record.
func TestDrillFromCopyBeginsAnew(t *testing.T) {
	o := stepped(seenDrill(ofCopies), noon)
	o.Brought.Isolated = true
	delivered(&o)
	if got := o.ToFind(); len(got.Pods) != 2 || len(got.Claims) != 0 || got.Pods[0] != writerPod("data", 0) {
		t.Errorf("of claims that are bound, and were never written to, %+v is looked for", got)
	}
	o.pod(writerPod("data", 0), PodLost)
	o.pod(writerPod("logs", 0), PodRunning)
	o = stepped(o, noon.Add(time.Minute))
	if w := o.Drill.Status.Volumes; w[0].Writing == nil || w[0].Writing.Attempt != 1 || w[1].Writing != nil {
		t.Fatalf("on record is %+v", w)
	}
	p := ForDrill(o, noon.Add(2*time.Minute))
	if len(p.Remove) != 2 || p.Remove[0].Name != writerPod("data", 0) || p.Remove[1].Name != throwaway("data") || len(p.Claims)+len(p.Writes) > 0 {
		t.Errorf("removed are %+v, and asked for is %+v, %+v", p.Remove, p.Claims, p.Writes)
	}
	delete(o.Brought.Pods, writerPod("data", 0))
	delete(o.Brought.Claims, throwaway("data"))
	p = ForDrill(o, noon.Add(3*time.Minute))
	if len(p.Claims) != 1 || p.Claims[0].Attempt != 1 || len(p.Writes) != 1 || p.Writes[0].Name != writerPod("data", 1) {
		t.Errorf("then asked for is %+v, %+v", p.Claims, p.Writes)
	}
	o.pod(writerPod("data", 1), PodPending)
	if got := o.ToFind(); len(got.Claims) != 1 || got.Claims[0] != throwaway("data") {
		t.Errorf("of a writer without its claim %+v is looked for", got)
	}
	o.Drill.Status.Phases = []api.DrillPhase{{Name: api.PhaseReading, State: api.PhaseSucceeded}}
	o.Drill.Status.Volumes[0].Read = &api.Fingerprint{Digest: printOf("data").Digest}
	was := (&DrillPlan{Status: o.Drill.Status}).wasRead(copySourceOf("data"))
	if was == nil || was.writing.Attempt != 1 {
		t.Errorf("what was read is %+v", was)
	}
}

// TestDrillWithoutCopy: that there is no copy is a failure; that a repository could not be asked is none.
func TestDrillWithoutCopy(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*DrillObserved)
		want string
	}{
		"no point has one":         {func(o *DrillObserved) { o.Points = o.Points[2:] }, "Failed NoCompleteCopy"},
		"no point has a whole one": {func(o *DrillObserved) { o.Points = o.Points[1:]; o.Points[0].Status.Copies[0].Volumes = nil }, "Failed NoCompleteCopy"},
		"the point that is named": {func(o *DrillObserved) {
			o.Drill.Spec.Policy, o.Drill.Spec.RecoveryPoint = nil, &api.PointReference{Name: o.Points[2].Name}
		}, "Failed NoCompleteCopy"},
		"the repository does not answer": {func(o *DrillObserved) { o.Vaults = vaults(vault("amsterdam", reachable(metav1.ConditionFalse))) }, "Inconclusive RepositoryUnreachable"},
		"the repository is gone":         {func(o *DrillObserved) { o.Vaults = Vaults{} }, "Inconclusive RepositoryNotFound"},
		"the repository is another":      {func(o *DrillObserved) { o.Vaults.Repositories["amsterdam"].Status.UniqueID = "other" }, "Inconclusive RepositoryIDMismatch"},
		"anything":                       {func(o *DrillObserved) { o.Policy.Spec.Drill.From = api.FromAny }, "Inconclusive InvalidSpec"},
	} {
		p := ForDrill(seenDrill(ofCopies, c.edit), noon)
		if got := string(p.Status.Verdict) + strings.TrimPrefix(conditionReason(p.Status.Conditions, api.ConditionSucceeded), "False"); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	o := seenDrill(ofCopies, func(o *DrillObserved) { o.Vaults = vaults(vault("amsterdam", reachable(metav1.ConditionUnknown))) })
	if p := ForDrill(o, noon); p.Status.Verdict != "" || p.Status.Run != nil || p.Wake.IsZero() {
		t.Errorf("while it is not known whether the repository answers: %s", p.Status.Verdict)
	}
	if p := ForDrill(o, noon.Add(DefaultDrillTimeout)); p.Status.Verdict != api.VerdictInconclusive || !strings.Contains(p.Notes[0].Message, "amsterdam") {
		t.Errorf("then: %s, %+v", p.Status.Verdict, p.Notes)
	}
}

// TestDrillFromCopyLives: a drill from a copy from its start to its proof, in which no snapshot is looked at.
func TestDrillFromCopyLives(t *testing.T) {
	o := stepped(seenDrill(ofCopies), noon)
	o.Brought.Isolated = true
	phase := func(name api.PhaseName) api.PhaseState {
		for _, f := range o.Drill.Status.Phases {
			if f.Name == name {
				return f.State
			}
		}
		return ""
	}
	p := ForDrill(o, noon)
	if len(p.Claims) != 2 || len(p.Writes) != 2 || len(p.Reads) != 0 {
		t.Fatalf("asked for is %+v, %+v, %+v", p.Claims, p.Writes, p.Reads)
	}
	for _, c := range p.Claims {
		if c.Source.Copy == nil || c.Class != "other" || c.Throw.IsZero() {
			t.Errorf("a claim is %+v", c)
		}
	}
	delivered(&o)
	for _, claim := range both {
		o.pod(writerPod(claim, 0), PodRunning)
	}
	if o = stepped(o, noon.Add(time.Minute)); phase(api.PhaseRestoring) != api.PhaseRunning || phase(api.PhaseReading) != "" {
		t.Errorf("while it is written: %+v", o.Drill.Status.Phases)
	}
	for _, claim := range both {
		o.pod(writerPod(claim, 0), PodSucceeded, wrote)
	}
	if p := ForDrill(o, noon.Add(2*time.Minute)); len(p.Reads) != 2 || len(p.Claims)+len(p.Writes) != 0 {
		t.Errorf("once it is written: %+v, %+v, %+v", p.Reads, p.Claims, p.Writes)
	}
	for _, claim := range both {
		o.pod(reader(claim, 0), PodSucceeded, tells(printOf(claim)))
	}
	o = stepped(o, noon.Add(3*time.Minute))
	s := o.Drill.Status
	if s.Verdict != api.VerdictPassed || s.Level != api.LevelIntact || s.RecoveryTime.Duration != 3*time.Minute {
		t.Fatalf("%s", drillOutcome(s))
	}
	o.Drill.Status.Evidence = &api.EvidenceReference{ConfigMap: "c", Digest: flipped}
	if proof := ProofOf(o.Drill); proof == nil || proof.From != api.FromCopy || !proof.Independent {
		t.Errorf("the proof is %+v", proof)
	}
	point := pointOf(o.Points, s.Run.RecoveryPoint.UID)
	said := Attested(o.Drill, CopySources(point, s.Run.Copy, Vaults{}), point, "ns-uid", "", "v1")
	if said.From != "Copy" || !said.Independent || said.Copy.Name != "far" || said.Copy.Repository != "amsterdam" || said.Copy.RepositoryID != vaultID ||
		said.Point.Volumes[0].SnapshotHandle != "" || said.Point.Volumes[0].Fingerprint == "" {
		t.Errorf("it is attested %+v", said)
	}
}

// TestDrillFromCopyEnds: what speaks of the copy fails the drill; what does not leaves it open.
func TestDrillFromCopyEnds(t *testing.T) {
	damage := printOf("data")
	damage.Digest = flipped
	for name, c := range map[string]struct {
		edit func(*DrillObserved)
		want string
	}{
		"the copy is damaged":         {func(o *DrillObserved) { o.pod(writerPod("data", 0), PodFailed, failedOf(api.ReasonCopyCorrupt)) }, "Failed CopyCorrupt"},
		"the copy is not there":       {func(o *DrillObserved) { o.pod(writerPod("data", 0), PodFailed, failedOf(api.ReasonCopyMissing)) }, "Failed CopyMissing"},
		"the credentials are refused": {func(o *DrillObserved) { o.pod(writerPod("data", 0), PodFailed, failedOf(api.ReasonCredentialsRefused)) }, "Inconclusive CredentialsRefused"},
		"the content differs":         {func(o *DrillObserved) { o.pod(reader("data", 0), PodSucceeded, tells(damage)) }, "Failed ContentDiffers"},
		"owners were not set": {func(o *DrillObserved) {
			o.pod(reader("data", 0), PodSucceeded, tells(damage))
			o.pod(writerPod("data", 0), PodSucceeded, wrote, lostOwners)
		}, "Inconclusive OwnershipNotKept"},
		"owners were not set, and need not be": {func(o *DrillObserved) {
			o.pod(reader("data", 0), PodSucceeded, tells(damage))
			o.pod(writerPod("data", 0), PodSucceeded, wrote, lostOwners)
			o.Drill.Status.Run.Required = api.LevelRestored
		}, "Passed DrillPassed"},
		"the copy was removed meanwhile":  {func(o *DrillObserved) { o.Points[1].Status.Copies = nil }, "Inconclusive NoCompleteCopy"},
		"the point was deleted meanwhile": {func(o *DrillObserved) { o.Points = o.Points[2:] }, "Inconclusive PointNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			o := stepped(seenDrill(ofCopies), noon)
			allRead(&o)
			for _, claim := range both {
				o.pod(writerPod(claim, 0), PodSucceeded, wrote)
			}
			c.edit(&o)
			p := ForDrill(o, noon.Add(time.Minute))
			_, reason, _ := strings.Cut(conditionReason(p.Status.Conditions, api.ConditionSucceeded), " ")
			if got := string(p.Status.Verdict) + " " + reason; got != c.want {
				t.Errorf("%s", got)
			}
			if len(p.Claims)+len(p.Writes)+len(p.Reads)+len(p.Remove) > 0 {
				t.Error("more is asked for")
			}
		})
	}
}
