// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// vault is a repository in the bucket of its own name, which is seldom looked at: each look is some requests more to spoil.
func vault(name string, mods ...testkit.Mod[api.Repository]) *api.Repository {
	r := &api.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: name},
		Spec: api.RepositorySpec{
			S3:         &api.S3Location{Endpoint: name + ".example.com", Bucket: name, Credentials: &api.SecretReference{Name: name}},
			ProbeEvery: &metav1.Duration{Duration: 24 * time.Hour},
		}}
	for _, m := range mods {
		m(r)
	}
	return r
}

// vaults has repositories of these names.
func vaults(all ...string) func(*World) {
	return func(w *World) {
		for _, name := range all {
			if w.vault(name) == nil { // a copy of a world has them
				w.Apply(vault(name))
			}
		}
	}
}

func (w *World) vault(name string) *api.Repository {
	var r api.Repository
	if w.User.Get(context.Background(), client.ObjectKey{Namespace: testkit.Namespace, Name: name}, &r) != nil {
		return nil
	}
	return &r
}

// ask asks for a task of a repository, as its user does.
func (w *World) ask(name, annotation string) {
	r := w.vault(name)
	metav1.SetMetaDataAnnotation(&r.ObjectMeta, annotation, w.Clock.Now().UTC().Format(time.RFC3339))
	must(w.User.Update(context.Background(), r))
}

// copiedTo has points copied into repositories, each by the target of its name.
func copiedTo(all ...string) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) {
		for _, name := range all {
			b.Spec.Copies = append(b.Spec.Copies, api.CopyTarget{Name: "to-" + name, Repository: api.RepositoryReference{Name: name}})
		}
	}
}

// keepingCopies keeps so many points' copies.
func keepingCopies(n int32) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) {
		for i := range b.Spec.Copies {
			b.Spec.Copies[i].Retention = &api.Retention{Last: n, Minimum: 1}
		}
	}
}

// someWrites has each other write spoiled, and some reads, in copies that take long. Each fault begins with another request.
const someWrites = 16

func suspended(b *api.BackupPolicy) { b.Spec.Suspend = true }

func copyScenarios() []scenario {
	two := []string{"data", "logs"}
	var out []scenario
	for _, s := range slices.Concat(vaultScenarios(), copyingScenarios(), removalScenarios(), comingBackScenarios()) {
		s.copies = true
		if s.claims == nil {
			s.claims = two
		}
		if s.prepare == nil {
			s.prepare = vaults("cellar")
		}
		out = append(out, s)
	}
	return out
}

// vaultScenarios are those of a repository itself.
func vaultScenarios() []scenario {
	return []scenario{
		{
			name: "a repository is made", policy: testkit.Policy(suspended), prepare: func(*World) {},
			before: time.Minute, act: vaults("cellar"), window: 10 * time.Minute,
			expect: func(t *testing.T, w *World) { readyVaults(t, w, "cellar"); keptCopies(t, w, "cellar", 0) },
		},
		{
			name: "a repository is tidied up", policy: testkit.Policy(suspended),
			before: 10 * time.Minute, act: func(w *World) {
				w.Machine.Stores["cellar"].Freed = 7
				w.ask("cellar", api.AnnotationMaintainRequested)
			}, window: 10 * time.Minute,
			expect: func(t *testing.T, w *World) {
				readyVaults(t, w, "cellar")
				if m := w.vault("cellar").Status.Maintenance; m == nil || m.Bytes != 7 || w.Machine.Stores["cellar"].Freed != 0 {
					t.Errorf("maintenance is %+v, and %d bytes are to be freed", m, w.Machine.Stores["cellar"].Freed)
				}
			},
		},
		{
			name: "verification finds damage, and the next copy heals it", policy: testkit.Policy(last(1), copiedTo("cellar")),
			before: time.Hour + 58*time.Minute, window: 40 * time.Minute, sample: someWrites,
			act: func(w *World) {
				w.Machine.Stores["cellar"].Damage("data")
				w.ask("cellar", api.AnnotationVerifyRequested)
				w.In(20*time.Minute, func(w *World) { w.ask("cellar", api.AnnotationVerifyRequested) })
			},
			expect: func(t *testing.T, w *World) {
				readyVaults(t, w, "cellar")
				keptCopies(t, w, "cellar", 1)
				completePoints(1)(t, w)
				if is := w.tale(api.ReasonCopyCorrupt, "*"); !strings.HasPrefix(is, "Critical") || !strings.HasSuffix(is, "cleared") {
					t.Errorf("of the damage it was said %q", is)
				}
			},
		},
		{
			name: "a copy vanishes from its store, is missed, and made anew", policy: testkit.Policy(last(2), copiedTo("cellar")),
			before: time.Hour + 58*time.Minute, window: 40 * time.Minute, sample: someWrites,
			act: func(w *World) {
				w.Machine.Stores["cellar"].Vanish("data")
				w.ask("cellar", api.AnnotationVerifyRequested)
				w.In(20*time.Minute, func(w *World) { w.ask("cellar", api.AnnotationVerifyRequested) })
			},
			expect: func(t *testing.T, w *World) {
				readyVaults(t, w, "cellar")
				keptCopies(t, w, "cellar", 2)
				if is := w.tale(api.ReasonCopyCorrupt, "*"); !strings.HasPrefix(is, "Critical") || !strings.HasSuffix(is, "cleared") {
					t.Errorf("of the copy that vanished it was said %q", is)
				}
			},
		},
		damagedAsItGoes("damage is found as a point expires", func(*api.BackupPolicy) {}, 1),
		damagedAsItGoes("damage is found as snapshots are let go of", keepingCopies(3), 3),
		{
			name: "what a repository holds is imported into an empty cluster", claims: []string{}, policy: testkit.Policy(suspended),
			prepare: func(w *World) { w.Machine.Stores["cellar"] = fromElsewhere(3) },
			before:  time.Minute, window: 20 * time.Minute,
			act: func(w *World) {
				w.Apply(vault("cellar", func(r *api.Repository) {
					r.Spec.Import, r.Spec.UniqueID, r.Spec.Password = true, w.Machine.Stores["cellar"].ID, &api.SecretReference{Name: "old"}
				}))
			},
			expect: func(t *testing.T, w *World) {
				if n := w.vault("cellar").Status.Imported; n != 3 || len(w.Points()) != 3 {
					t.Errorf("%d points were imported, and %d are there", n, len(w.Points()))
				}
				for _, p := range w.Points() {
					if p.Status.Origin == nil || !plan.Complete(&p) {
						t.Errorf("point %s is half a point: %+v", p.Name, p.Status)
					}
				}
			},
		},
	}
}

// damagedAsItGoes has a repository found to be damaged in the very moment in which a newer point pushes out an older one, or its
// snapshots. Whatever was known of that then, all is well once a later copy has healed it.
func damagedAsItGoes(name string, keeping testkit.Mod[api.BackupPolicy], copies int) scenario {
	const before = time.Hour + 59*time.Minute + 58*time.Second
	return scenario{
		name: name, policy: testkit.Policy(last(1), copiedTo("cellar"), keeping), sample: someWrites,
		prepare: func(w *World) {
			if w.vault("cellar") != nil {
				return
			}
			vaults("cellar")(w)
			w.In(before-time.Second, func(w *World) {
				w.Machine.Stores["cellar"].Damage("data")
				w.ask("cellar", api.AnnotationVerifyRequested)
			})
		},
		before: before, window: 80 * time.Minute,
		act: func(w *World) {
			w.In(70*time.Minute, func(w *World) { w.ask("cellar", api.AnnotationVerifyRequested) })
		},
		expect: func(t *testing.T, w *World) {
			readyVaults(t, w, "cellar")
			keptCopies(t, w, "cellar", copies)
			if n := len(w.Storage.Bytes); n != 2 {
				t.Errorf("the storage system holds %d snapshots, want those of one point", n)
			}
		},
	}
}

// fromElsewhere is a store with copies that another cluster made.
func fromElsewhere(points int) *testkit.Store {
	s := testkit.NewStore()
	s.ID = strings.Repeat("e", 64)
	for i := range points {
		at := monday.Add(-time.Duration(i+1) * time.Hour)
		for _, claim := range []string{"data", "logs"} {
			v := order.Volume{PointUID: fmt.Sprint("elsewhere-", i), ClaimUID: "elsewhere-" + claim}
			s.Records[v] = order.Record{Version: 1, PointUID: v.PointUID, Point: fmt.Sprint("web-", i), Namespace: "lost", Policy: "web", PointInTime: at,
				CapturedAt: at, CopiedAt: at.Add(time.Minute), Volumes: 2, Claim: claim, ClaimUID: v.ClaimUID, Driver: testkit.Driver, StorageClass: testkit.Class,
				AccessModes: "ReadWriteOnce", Size: 1 << 30, Digest: "sha256:" + strings.Repeat("1", 64), Files: 3, Bytes: 30}
		}
	}
	return s
}

// copyingScenarios are those in which points are copied.
func copyingScenarios() []scenario {
	both := []string{"cellar", "attic"}
	atSlot := func(name string, fate func(*World), window time.Duration, sample int) scenario {
		return scenario{name: name, policy: testkit.Policy(copiedTo("cellar")), before: 59 * time.Minute, act: fate, window: window, sample: sample,
			expect: func(t *testing.T, w *World) {
				completePoints(1)(t, w)
				keptCopies(t, w, "cellar", 1)
				nothingLeft(t, w)
			}}
	}
	return []scenario{
		{
			name: "a point is copied into two repositories", policy: testkit.Policy(copiedTo(both...)), prepare: vaults(both...),
			before: 59 * time.Minute, act: func(*World) {}, window: 20 * time.Minute, sample: someWrites,
			expect: func(t *testing.T, w *World) {
				completePoints(1)(t, w)
				keptCopies(t, w, "cellar", 1)
				keptCopies(t, w, "attic", 1)
				nothingLeft(t, w)
			},
		},
		{
			name: "points are copied by a schedule of their own", policy: testkit.Policy(copiedTo("cellar"), func(b *api.BackupPolicy) { b.Spec.Copies[0].Cron = "30 */2 * * *" }),
			before: 2*time.Hour + 29*time.Minute, act: func(*World) {}, window: 20 * time.Minute, sample: mostReads,
			expect: func(t *testing.T, w *World) {
				completePoints(2)(t, w)
				keptCopies(t, w, "cellar", 1)
				if p := w.Points(); len(p[0].Status.Copies) != 0 || len(p[1].Status.Copies) != 1 {
					t.Errorf("the copies are %+v and %+v, want the newer point alone to have one", p[0].Status.Copies, p[1].Status.Copies)
				}
				nothingLeft(t, w)
			},
		},
		atSlot("a copier runs out of memory once", func(w *World) { w.Machine.Fates["copy data"] = testkit.Starves }, 20*time.Minute, mostReads),
		atSlot("a copier is lost once, before and after its work", func(w *World) {
			w.Machine.Once["copy data"], w.Machine.Once["copy logs"] = testkit.Lost, testkit.LostAfter
		}, 20*time.Minute, mostReads),
		atSlot("a repository cannot be reached for a while", trouble(result.FailureUnreachable, 15*time.Minute), 50*time.Minute, someWrites),
		atSlot("a repository is full for a while", trouble(result.FailureFull, 5*time.Minute), 40*time.Minute, someWrites),
		{
			// The first point is copied when the password turns out to be wrong. With the second that is known, until somebody puts it back.
			name: "the password of a repository is wrong for a while", policy: testkit.Policy(copiedTo("cellar")),
			before: 59 * time.Minute, window: 95 * time.Minute, sample: 2 * someWrites,
			act: func(w *World) {
				trouble(result.FailurePassword, 75*time.Minute)(w)
				w.In(74*time.Minute, func(w *World) {
					w.Checks.Note("%d points, %s", len(w.Points()), stateOf(w.vault("cellar"), api.ConditionReady))
				})
				w.In(76*time.Minute, func(w *World) { w.ask("cellar", api.AnnotationProbeRequested) })
			},
			expect: func(t *testing.T, w *World) {
				noted("2 points, False/"+api.ReasonPasswordWrong)(t, w)
				readyVaults(t, w, "cellar")
				completePoints(2)(t, w)
				keptCopies(t, w, "cellar", 2)
				if n := w.Machine.Stores["cellar"].Made; n != 1 {
					t.Errorf("a repository was made %d times", n)
				}
				nothingLeft(t, w)
			},
		},
		{
			name: "a copier is killed until no other follows", policy: testkit.Policy(copiedTo("cellar")),
			before: 59 * time.Minute, window: 20 * time.Minute, sample: 2 * someWrites,
			act: func(w *World) {
				w.Machine.Fates["copy data"] = testkit.Killed
				w.In(4*time.Minute, func(w *World) {
					c := w.Points()[0].Status.Copies[0]
					w.Checks.Note("%s: %s", c.State, c.Message)
					delete(w.Machine.Fates, "copy data")
				})
			},
			expect: func(t *testing.T, w *World) {
				noted("Failed: volume data: the pod was lost 3 times")(t, w)
				completePoints(1)(t, w)
				keptCopies(t, w, "cellar", 1)
				nothingLeft(t, w)
			},
		},
	}
}

// trouble has a store refuse everybody for a while, and looked at meanwhile.
func trouble(why string, d time.Duration) func(*World) {
	return func(w *World) {
		s := w.Machine.Stores["cellar"]
		s.Trouble, s.Until = why, w.Clock.Now().Add(d)
		w.In(2*time.Minute, func(w *World) { w.ask("cellar", api.AnnotationProbeRequested) })
	}
}

// removalScenarios are those in which copies, or what they were made of, go.
func removalScenarios() []scenario {
	const before = time.Hour + 59*time.Minute
	return []scenario{
		{
			name: "a point expires with its copy", policy: testkit.Policy(last(1), copiedTo("cellar")),
			before: before, act: func(*World) {}, window: 30 * time.Minute, sample: someWrites,
			expect: func(t *testing.T, w *World) {
				completePoints(1)(t, w)
				keptCopies(t, w, "cellar", 1)
				nothingLeft(t, w)
			},
		},
		{
			name: "snapshots are let go of, and the copy is kept", policy: testkit.Policy(last(1), copiedTo("cellar"), keepingCopies(3)),
			before: before, act: func(*World) {}, window: 30 * time.Minute, sample: someWrites,
			expect: func(t *testing.T, w *World) {
				keptCopies(t, w, "cellar", 2)
				for _, p := range w.Points() {
					if !plan.Complete(&p) {
						t.Errorf("point %s is not complete: %+v", p.Name, p.Status.Conditions)
					}
				}
				if n := len(w.Storage.Bytes); n != 2 {
					t.Errorf("the storage system holds %d snapshots, want those of one point", n)
				}
				nothingLeft(t, w)
			},
		},
		{
			name: "a user deletes a point with a copy", policy: testkit.Policy(copiedTo("cellar")),
			before: 2*time.Hour + 30*time.Minute, act: func(w *World) { p := w.Points()[0]; w.Delete(&p) }, window: 20 * time.Minute,
			expect: func(t *testing.T, w *World) {
				completePoints(1)(t, w)
				keptCopies(t, w, "cellar", 1)
				nothingLeft(t, w)
			},
		},
		{
			// A removal that failed is begun again after ten minutes.
			name: "the pod that removes a copy is killed once", policy: testkit.Policy(copiedTo("cellar")),
			before: 2*time.Hour + 30*time.Minute, window: 5 * time.Minute, sample: someWrites,
			act: func(w *World) {
				w.Machine.Once["forget"] = testkit.Killed
				p := w.Points()[0]
				w.Delete(&p)
			},
			expect: func(t *testing.T, w *World) {
				completePoints(1)(t, w)
				keptCopies(t, w, "cellar", 1)
				nothingLeft(t, w)
			},
		},
		{
			name: deletedWithCopies, policy: testkit.Policy(prune, copiedTo("cellar")),
			before: 2*time.Hour + 30*time.Minute, act: func(w *World) { w.Delete(w.Policy("web")) }, window: 20 * time.Minute, sample: mostReads,
			expect: func(t *testing.T, w *World) {
				if n := len(w.Points()); n != 0 {
					t.Errorf("%d points are left", n)
				}
				keptCopies(t, w, "cellar", 0)
				nothingLeft(t, w)
			},
		},
		{
			name: "a point is deleted while it is copied", policy: testkit.Policy(copiedTo("cellar")),
			before: 2*time.Hour + 6*time.Second, act: func(w *World) { p := w.Points()[1]; w.Delete(&p) }, window: 20 * time.Minute, sample: mostReads,
			expect: func(t *testing.T, w *World) {
				completePoints(1)(t, w)
				keptCopies(t, w, "cellar", 1)
				nothingLeft(t, w)
			},
		},
		{
			name: "the namespace is deleted while a point is copied", policy: testkit.Policy(copiedTo("cellar")),
			before: 2*time.Hour + 6*time.Second, act: func(w *World) { w.Checks.Released = true; w.DeleteNamespace() }, window: 20 * time.Minute, sample: mostReads,
			expect: func(t *testing.T, w *World) {
				if n := len(w.Machine.Stores["cellar"].Records); n != 2 {
					t.Errorf("the store holds %d volumes, want those of the point that was copied", n)
				}
				if n := len(w.Storage.Bytes); n != 4 {
					t.Errorf("the storage system holds %d snapshots, want 4", n)
				}
				if n := len(w.Points()) + len(w.Snapshots()); n != 0 || w.vault("cellar") != nil {
					t.Errorf("%d objects keep the namespace from going", n)
				}
				nothingLeft(t, w)
			},
		},
	}
}

const deletedWithCopies = "a policy with copies is deleted with Prune"

// TestPolicyWithCopiesGoesOnceRepositoriesCanBeRead: while they cannot, it stays, and nothing else tells that they can again.
func TestPolicyWithCopiesGoesOnceRepositoriesCanBeRead(t *testing.T) {
	all := copyScenarios()
	s := all[slices.IndexFunc(all, func(s scenario) bool { return s.name == deletedWithCopies })]
	deletes := s.act
	s.act = func(w *World) {
		w.Unreadable = map[string]time.Time{"RepositoryList": w.Clock.Now().Add(5 * time.Minute)}
		deletes(w)
	}
	w, _, err := s.run(s.begin(t), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.expect(t, w)
	expectRest(t, w)
}

// comingBackScenarios are those in which volumes come back from a copy.
func comingBackScenarios() []scenario {
	const half = time.Hour + 40*time.Minute
	before := ""
	restores := func(name string, fate testkit.Fate, sample int) scenario {
		return scenario{
			name: name, policy: testkit.Policy(copiedTo("cellar")),
			before: half, window: 15 * time.Minute, sample: sample,
			act: func(w *World) {
				w.Machine.Once["restore"] = fate
				w.Apply(&api.Restore{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "monday"},
					Spec: api.RestoreSpec{RecoveryPoint: &api.PointReference{Name: w.Points()[0].Name}, From: api.FromCopy, NamePattern: "old-{claim}"}})
			},
			expect: func(t *testing.T, w *World) {
				var x api.Restore
				must(w.User.Get(context.Background(), client.ObjectKey{Namespace: testkit.Namespace, Name: "monday"}, &x))
				if !meta.IsStatusConditionTrue(x.Status.Conditions, api.ConditionSucceeded) || x.Status.Progress != "2/2" || len(x.Finalizers) > 0 {
					t.Errorf("the restore ended as %+v", x.Status)
				}
			},
		}
	}
	return []scenario{
		restores("a restore from a copy", "", mostReads),
		restores("a restore from a copy whose writer is killed once", testkit.Killed, someWrites),
		{
			name: "a drill from a copy passes", policy: testkit.Policy(drilled, copiedTo("cellar"), func(b *api.BackupPolicy) {
				b.Spec.Drill.From, b.Spec.Drill.StorageClassName = api.FromCopy, testkit.OtherClass().Name
			}),
			before: half, window: 15 * time.Minute, sample: someWrites,
			act: func(w *World) {
				before = w.foreign()
				w.rehearse("now")
			},
			expect: func(t *testing.T, w *World) {
				drillEnded(t, w, "Passed DrillPassed Answering")
				if after := w.foreign(); after != before {
					t.Errorf("the drill touched what it did not create:\n%s\nthen\n%s", before, after)
				}
				if n := len(w.Machine.Stores["cellar"].Notes); n != 1 {
					t.Errorf("%d dossiers were written", n)
				}
			},
		},
	}
}

// readyVaults expects that repositories are ready, verified, and those that lie in their stores.
func readyVaults(t *testing.T, w *World, all ...string) {
	t.Helper()
	for _, name := range all {
		r := w.vault(name)
		if !meta.IsStatusConditionTrue(r.Status.Conditions, api.ConditionReady) || !meta.IsStatusConditionTrue(r.Status.Conditions, api.ConditionVerified) ||
			r.Status.UniqueID == "" || r.Status.UniqueID != w.Machine.Stores[name].ID || r.Status.Damage != nil {
			t.Errorf("repository %s is %+v", name, r.Status)
		}
	}
}

// keptCopies expects whole copies of so many points of two volumes, in the store and on record.
func keptCopies(t *testing.T, w *World, name string, n int) {
	t.Helper()
	if is := len(w.Machine.Stores[name].Records); is != 2*n {
		t.Errorf("store %s holds %d volumes, want those of %d points", name, is, n)
	}
	on := 0
	for _, p := range w.Points() {
		for _, c := range p.Status.Copies {
			if c.Repository == name && c.State == api.CopyComplete && len(c.Volumes) == 2 && c.CleanedUp {
				on++
			}
		}
	}
	if on != n {
		t.Errorf("%d complete copies are on record in repository %s, want %d", on, name, n)
	}
}
