// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// readyToRehearse is a cluster with one point and its fingerprint.
func readyToRehearse(t *testing.T, mods ...testkit.Mod[api.BackupPolicy]) *World {
	t.Helper()
	w := New(monday, "data", "logs")
	w.Rehearses = true
	w.Apply(testkit.Policy(append([]testkit.Mod[api.BackupPolicy]{drilled}, mods...)...))
	w.Start(nil, nil)
	if err := w.Run(time.Hour + 30*time.Minute); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestDrillFates: whatever becomes of a drill's pods, it ends as specified, leaves its evidence and nothing else, and is at rest.
func TestDrillFates(t *testing.T) {
	from := readyToRehearse(t)
	quota := func(kind string) func(client.Object) error {
		return func(o client.Object) error {
			if _, isClaim := o.(*corev1.PersistentVolumeClaim); fmt.Sprintf("%T", o) == "*v1."+kind && (isClaim || kind == "Pod") {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, o.GetName(), fmt.Errorf("exceeded quota: things, requested: 1, used: 3, limited: 3"))
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		fates map[string]testkit.Fate
		admit func(client.Object) error
		want  string
	}{
		"files are unreadable":         {fates: map[string]testkit.Fate{"data": testkit.Unreadable}, want: "Failed ReadFailed "},
		"a reader ends badly":          {fates: map[string]testkit.Fate{"data": testkit.EndsBadly}, want: "Failed ReadFailed "},
		"readers are lost":             {fates: map[string]testkit.Fate{"logs": testkit.Lost}, want: "Inconclusive PodLost "},
		"a reader hangs":               {fates: map[string]testkit.Fate{"data": testkit.Hangs}, want: "Failed RestoreTimedOut "},
		"the mover's image is missing": {fates: map[string]testkit.Fate{"data": testkit.NoImage}, want: "Inconclusive ImageUnavailable "},
		"the first check fails":        {fates: map[string]testkit.Fate{"files": testkit.EndsBadly}, want: "Failed CheckFailed Intact"},
		"the second check fails":       {fates: map[string]testkit.Fate{"client": testkit.EndsBadly}, want: "Failed CheckFailed Consistent"},
		"a check hangs":                {fates: map[string]testkit.Fate{"client": testkit.Hangs}, want: "Failed CheckTimedOut Consistent"},
		"a check is lost":              {fates: map[string]testkit.Fate{"client": testkit.Lost}, want: "Inconclusive PodLost Consistent"},
		"a check's image is missing":   {fates: map[string]testkit.Fate{"files": testkit.NoImage}, want: "Inconclusive ImageUnavailable Intact"},
		"a quota leaves no claim":      {admit: quota("PersistentVolumeClaim"), want: "Inconclusive QuotaExceeded "},
		"a quota leaves no pod":        {admit: quota("Pod"), want: "Inconclusive QuotaExceeded "},
	} {
		t.Run(name, func(t *testing.T) {
			w := from.Copy()
			fates(c.fates)(w)
			w.API.Admit = c.admit
			w.Start(nil, nil)
			if err := w.Tick(); err != nil {
				t.Fatal(err)
			}
			before := w.foreign()
			w.rehearse("now")
			if err := w.Run(25 * time.Minute); err != nil {
				t.Fatal(err)
			}
			if w.drills()[0].Status.Verdict == "" { // it ends at its deadline
				w.Edit("web", func(b *api.BackupPolicy) { b.Spec.Suspend = true })
				if err := w.Run(40 * time.Minute); err != nil {
					t.Fatal(err)
				}
			} else if after := w.foreign(); after != before {
				t.Errorf("the drill touched what it did not create:\n%s\nthen\n%s", before, after)
			}
			drillEnded(t, w, c.want)
			w.Checks.AtRest()
			expectRest(t, w)
		})
	}
}

// TestDrillsKilledAtRandom rehearses fifty times, each time with an operator that is killed at a random request or two, and
// some drills deleted, with and without force. In the end nothing is left, nothing else was touched, and the statements form one chain.
func TestDrillsKilledAtRandom(t *testing.T) {
	const drills = 50
	w := readyToRehearse(t, func(b *api.BackupPolicy) {
		b.Spec.Suspend = false
		b.Spec.Schedule.Cron = "0 1 * * *"
		b.Spec.Drill.History = new(int32)
		*b.Spec.Drill.History = 5
	})
	random := rand.New(rand.NewPCG(7, 7))
	before := w.foreign()
	for i := range drills {
		w.rehearse(fmt.Sprint("drill-", i))
		w.Start(killedAt(w, random.IntN(120)), nil)
		if random.IntN(4) == 0 {
			if err := w.Run(time.Duration(random.IntN(15)) * time.Second); err != nil {
				t.Fatal(err)
			}
			w.deleteDrill(fmt.Sprint("drill-", i), random.IntN(2) == 0)
		}
		if err := w.Run(10 * time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if after := w.foreign(); after != before {
		t.Errorf("the drills touched what they did not create:\n%s\nthen\n%s", before, after)
	}
	nothingLeft(t, w)
	var list corev1.ConfigMapList
	must(w.User.List(context.Background(), &list, client.InNamespace(testkit.Namespace)))
	var verdicts []string
	for _, v := range []string{"Aborted", "Failed", "Inconclusive", "Passed"} {
		for _, c := range list.Items {
			if c.Annotations[api.AnnotationEvidenceVerdict] == v {
				verdicts = append(verdicts, v)
			}
		}
	}
	evidenceIs(t, w, verdicts...)
	if len(verdicts) < drills/2 || len(w.drills()) > 7 {
		t.Errorf("of %d drills %d left evidence, and %d are there", drills, len(verdicts), len(w.drills()))
	}
	w.Checks.AtRest()
	expectRest(t, w)
}

// killedAt kills the operator that is started next at its n-th write.
func killedAt(w *World, n int) testkit.Around {
	return func(c testkit.Call, do func() error) error {
		if !c.Verb.Writes() {
			return do()
		}
		if n--; n != 0 {
			return do()
		}
		w.operators[0].Dead = true
		return errDead
	}
}

func (w *World) deleteDrill(name string, force bool) {
	d := &api.RestoreDrill{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: name}}
	if w.User.Get(context.Background(), client.ObjectKeyFromObject(d), d) != nil {
		return
	}
	if force {
		d.Finalizers = nil
		must(w.User.Update(context.Background(), d))
	}
	w.Delete(d)
}
