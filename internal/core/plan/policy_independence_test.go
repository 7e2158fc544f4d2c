// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// copiedInto has a point be copied into a repository, from its moment on for a minute.
func copiedInto(repository string, mods ...func(*api.CopyRecord)) testkit.Mod[api.RecoveryPoint] {
	return func(q *api.RecoveryPoint) {
		at := *q.Status.PointInTime
		c := api.CopyRecord{Name: "away", Repository: repository, RepositoryID: "id-1", State: api.CopyComplete, StartedAt: at,
			FinishedAt: metaTime(at.Add(time.Minute)), Bytes: 2000, NewBytes: 300}
		for _, claim := range both {
			c.Volumes = append(c.Volumes, api.CopiedVolume{Claim: claim})
		}
		for _, m := range mods {
			m(&c)
		}
		q.Status.Copies = append(q.Status.Copies, c)
	}
}

// seenIndependent is a policy at noon that keeps all that it promises of copies. Its volumes are on one array, and there is another.
func seenIndependent() PolicyObserved {
	o := seenPolicy(nil, func(b *api.BackupPolicy) {
		b.Spec.Copies = []api.CopyTarget{{Name: "away", Repository: api.RepositoryReference{Name: "offsite"}}}
		b.Spec.Objectives = &api.Objectives{CopyWithin: &metav1.Duration{Duration: 3 * time.Hour}}
		b.Spec.Volumes = api.VolumeSelection{Claims: both}
	})
	for h := 7; h <= 11; h++ {
		o.Points = append(o.Points, testkit.Point(hour(h), both, copiedInto("offsite")))
	}
	for i := range o.Claims {
		o.Claims[i].StorageClass = "fast"
	}
	o.Storage = Storage{Classes: []StorageClass{{Name: "fast", Provisioner: "a"}, {Name: "slow", Provisioner: "b"}}}
	o.Repositories = map[string]*api.Repository{"offsite": offsite(func(r *api.Repository) {
		r.CreationTimestamp = metav1.NewTime(hour(6))
		r.Spec.S3.Endpoint = "s3.example.org"
		r.Status = api.RepositoryStatus{UniqueID: "id-1", LastVerified: metaTime(hour(7)), Conditions: []metav1.Condition{
			{Type: api.ConditionReachable, Status: metav1.ConditionTrue, Reason: api.ReasonRepositoryReady},
		}}
	})}
	return o
}

func (o PolicyObserved) offsite() *api.Repository { return o.Repositories["offsite"] }

// newestCopy changes the copy of the newest point.
func newestCopy(change func(*api.CopyRecord)) func(*PolicyObserved) {
	return func(o *PolicyObserved) { change(&o.Points[len(o.Points)-1].Status.Copies[0]) }
}

// everyCopy changes the copies of all points.
func everyCopy(change func(*api.CopyRecord)) func(*PolicyObserved) {
	return func(o *PolicyObserved) {
		for _, q := range o.Points {
			change(&q.Status.Copies[0])
		}
	}
}

func onRepository(change func(*api.Repository)) func(*PolicyObserved) {
	return func(o *PolicyObserved) { change(o.offsite()) }
}

func proofBy(independent bool) func(*PolicyObserved) {
	return func(o *PolicyObserved) {
		q := o.Points[0]
		q.Status.Proofs = append(q.Status.Proofs, api.ProofSummary{Drill: "d" + string(rune('a'+len(q.Status.Proofs))), Level: api.LevelIntact, At: metav1.NewTime(hour(9)), Independent: independent})
	}
}

// TestFindingsOnCopies: each comes from what is in the objects, and goes with it.
func TestFindingsOnCopies(t *testing.T) {
	const itself = "itself"
	nothing := func(*PolicyObserved) {}
	failed := func(c *api.CopyRecord) { c.State = api.CopyFailed }
	text := func(s string) *string { return &s }
	for _, tc := range []struct {
		name    string
		breaks  func(*PolicyObserved)
		mends   func(*PolicyObserved)
		finding string // severity and kind
		says    string
		status  string // of Independent while it is broken, and its reason
	}{
		{"no copy is whole", everyCopy(failed), newestCopy(func(c *api.CopyRecord) { c.State = api.CopyComplete }),
			"Critical NoIndependentCopy", "no complete copy outside", "False NoIndependentCopy"},
		{"no point was copied", func(o *PolicyObserved) { o.Points = hourly(7, 11) }, func(o *PolicyObserved) { copiedInto("offsite")(o.Points[4]) },
			"Critical NoIndependentCopy", "no complete copy outside", "False NoIndependentCopy"},
		{"the repository is on the array", onRepository(func(r *api.Repository) {
			r.Spec.S3, r.Spec.Filesystem = nil, &api.FilesystemLocation{Claim: "vault"}
		}), func(o *PolicyObserved) {
			o.Claims = append(o.Claims, claim("vault", func(c *Claim) { c.StorageClass, c.Driver, c.Labels = "slow", "b", nil }))
		}, "Critical NoIndependentCopy", "not known where repository offsite is", "False NoIndependentCopy"},
		{"its claim is of the class of the volumes", func(o *PolicyObserved) {
			o.Claims = append(o.Claims, claim("vault", func(c *Claim) { c.StorageClass, c.Labels = "fast", nil }))
			o.offsite().Spec.S3, o.offsite().Spec.Filesystem = nil, &api.FilesystemLocation{Claim: "vault"}
		}, func(o *PolicyObserved) { o.Claims[2].StorageClass, o.Claims[2].Driver = "slow", "b" }, "Critical NoIndependentCopy", "is in it: a", "False NoIndependentCopy"},
		{"the class of the volumes is gone, and they are not of a driver", func(o *PolicyObserved) {
			o.Storage.Classes = o.Storage.Classes[1:]
			o.Claims[0].Driver = ""
		}, func(o *PolicyObserved) { o.Claims[0].Driver = "a" }, "Critical NoIndependentCopy", "not known where the volumes are", "False NoIndependentCopy"},
		{"the class says that it is where the repository is", func(o *PolicyObserved) { o.Storage.Classes[0].FailureDomain = text("s3.example.org") },
			func(o *PolicyObserved) { o.Storage.Classes[0].FailureDomain = text("array-a") }, "Critical NoIndependentCopy", "is in it: s3.example.org/lifeboat", "False NoIndependentCopy"},
		{"another repository is in its place", onRepository(func(r *api.Repository) { r.Status.UniqueID = "id-2" }), onRepository(func(r *api.Repository) { r.Status.UniqueID = "id-1" }),
			"Critical NoIndependentCopy", "no complete copy outside", "False NoIndependentCopy"},
		{"the points are being deleted", func(o *PolicyObserved) {
			for _, q := range o.Points {
				testkit.Going(q)
			}
		}, func(o *PolicyObserved) { o.Points[4].DeletionTimestamp = nil }, "Critical NoIndependentCopy", "no complete copy outside", "False NoIndependentCopy"},
		{"the copies go", everyCopy(func(c *api.CopyRecord) { c.State = api.CopyRemoving }), newestCopy(func(c *api.CopyRecord) { c.State = api.CopyComplete }),
			"Critical NoIndependentCopy", "no complete copy outside", "False NoIndependentCopy"},
		{"no copy has all volumes", everyCopy(func(c *api.CopyRecord) { c.Volumes = c.Volumes[:1] }), func(o *PolicyObserved) {
			copiedInto("offsite")(o.Points[4])
			o.Points[4].Status.Copies = o.Points[4].Status.Copies[1:]
		},
			"Critical NoIndependentCopy", "no complete copy outside", "False NoIndependentCopy"},
		{"another repository was found in its place", onRepository(func(r *api.Repository) {
			r.Status.Conditions[0].Status, r.Status.Conditions[0].Reason, r.Status.Conditions[0].LastTransitionTime = metav1.ConditionFalse, api.ReasonRepositoryIDMismatch, metav1.NewTime(noon)
		}), onRepository(func(r *api.Repository) { r.Status.Conditions[0].Status = metav1.ConditionTrue }),
			"Critical RepositoryUnreachable", "RepositoryIDMismatch", "False NoIndependentCopy"},
		{"nothing was found in its place", onRepository(func(r *api.Repository) {
			r.Status.Conditions[0].Status, r.Status.Conditions[0].Reason, r.Status.Conditions[0].LastTransitionTime = metav1.ConditionFalse, api.ReasonRepositoryMissing, metav1.NewTime(noon)
		}), onRepository(func(r *api.Repository) { r.Status.Conditions[0].Status = metav1.ConditionTrue }),
			"Critical NoIndependentCopy", "repository offsite is not where it was: RepositoryMissing", "False NoIndependentCopy"},
		{"it cannot be reached for a moment", onRepository(func(r *api.Repository) {
			r.Status.Conditions[0].Status, r.Status.Conditions[0].LastTransitionTime = metav1.ConditionFalse, metav1.NewTime(hour(11).Add(time.Minute))
		}), onRepository(func(r *api.Repository) { r.Status.Conditions[0].Status = metav1.ConditionTrue }),
			"Medium RepositoryUnreachable", "cannot be reached", "True IndependentCopy"},
		{"it is declared to be elsewhere, and is on the array", func(o *PolicyObserved) {
			o.Claims = append(o.Claims, claim("vault", func(c *Claim) { c.StorageClass, c.Driver, c.Labels = "fast", "a", nil }))
			o.offsite().Spec = api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "vault"}, FailureDomain: "utrecht"}
		}, func(o *PolicyObserved) { o.Claims[2].StorageClass, o.Claims[2].Driver = "slow", "b" },
			"Critical DomainCollapse", "says that it is in utrecht, and is where they are: a", "False DomainCollapse"},
		{"there is only a class of volumes made by hand to go to", func(o *PolicyObserved) {
			o.Storage.Classes[1] = StorageClass{Name: "by-hand", Provisioner: byHand, FailureDomain: text("attic")}
		}, func(o *PolicyObserved) {
			o.Storage.Classes[1] = StorageClass{Name: "slow", Provisioner: "b"}
		},
			"Low NoRestoreTarget", "in another cluster alone", "True IndependentCopy"},
		{"the data of the newest are old", func(o *PolicyObserved) { o.Points = o.Points[:3] }, func(o *PolicyObserved) {
			o.Points = append(o.Points, testkit.Point(hour(11), both, copiedInto("offsite")))
		},
			"High CopyLate", "may be 3h0m0s old", "False CopyLate"},
		{"it is declared to be where the volumes are", onRepository(func(r *api.Repository) { r.Spec.FailureDomain = "A/pool" }), onRepository(func(r *api.Repository) { r.Spec.FailureDomain = "elsewhere" }),
			"Critical DomainCollapse", "a/pool", "False DomainCollapse"},
		{"there is no such repository", func(o *PolicyObserved) {
			o.Policy.Spec.Copies = append(o.Policy.Spec.Copies, api.CopyTarget{Name: "attic", Repository: api.RepositoryReference{Name: "attic"}})
		}, func(o *PolicyObserved) {
			o.Repositories["attic"] = offsite(func(r *api.Repository) { r.Name = "attic" })
		},
			"Pending RepositoryNotFound", "spec.copies[1].repository.name names Repository attic", "True IndependentCopy"},
		{"it cannot be reached", onRepository(func(r *api.Repository) {
			r.Status.UnreachableSince = metaTime(hour(10))
			r.Status.Conditions[0].Status, r.Status.Conditions[0].Reason, r.Status.Conditions[0].Message = metav1.ConditionFalse, api.ReasonCredentialsRefused, "403"
		}), onRepository(func(r *api.Repository) {
			r.Status.UnreachableSince, r.Status.Conditions[0].Status = nil, metav1.ConditionTrue
		}), "Critical RepositoryUnreachable", "CredentialsRefused: 403", "Unknown RepositoryUnreachable"},
		{"nobody may ask it", onRepository(func(r *api.Repository) {
			r.Status.Conditions[0] = metav1.Condition{Type: api.ConditionReachable, Status: metav1.ConditionFalse, Reason: api.ReasonIdentityNotAllowed, LastTransitionTime: metav1.NewTime(hour(11))}
		}), onRepository(func(r *api.Repository) { r.Status.Conditions = nil }), "Critical RepositoryUnreachable", "IdentityNotAllowed", "Unknown RepositoryUnreachable"},
		{"it is damaged", onRepository(func(r *api.Repository) {
			r.Status.Damage = &api.RepositoryDamage{Since: metav1.NewTime(hour(11).Add(-time.Minute)), Contents: 1, Copies: 1, Healing: true}
		}), onRepository(func(r *api.Repository) { r.Status.Damage = nil }), "Critical CopyCorrupt", "found damage", "True IndependentCopy"}, // the newest copy was made since
		{"it is damaged, and cannot be mended", onRepository(func(r *api.Repository) {
			r.Status.Damage = &api.RepositoryDamage{Since: metav1.NewTime(hour(11).Add(-time.Minute)), Contents: 1, Copies: 1}
		}), onRepository(func(r *api.Repository) { r.Status.Damage = nil }), "Critical NoIndependentCopy", "found damage in repository offsite", "False NoIndependentCopy"},
		{"the newest copy failed", newestCopy(failed), newestCopy(func(c *api.CopyRecord) { c.State = api.CopyComplete }), "High CopyIncomplete", "ended early", "True IndependentCopy"},
		{"the newest copy failed, and is tried again", newestCopy(func(c *api.CopyRecord) { c.State, c.Attempt, c.FinishedAt = api.CopyCopying, 1, nil }),
			newestCopy(func(c *api.CopyRecord) { c.Attempt = 0 }), "High CopyIncomplete", "ended early", "True IndependentCopy"},
		{"it was not read back in time", onRepository(func(r *api.Repository) {
			r.Spec.VerifyWithin = &metav1.Duration{Duration: time.Hour}
		}), onRepository(func(r *api.Repository) { r.Status.LastVerified = metaTime(hour(11)) }), "Medium VerificationOverdue", "last read back in full", "True IndependentCopy"},
		{"it was never read back", onRepository(func(r *api.Repository) {
			r.Spec.VerifyWithin, r.Status.LastVerified = &metav1.Duration{Duration: time.Hour}, nil
		}), onRepository(func(r *api.Repository) { r.CreationTimestamp = metav1.NewTime(hour(11)) }), "Medium VerificationOverdue", "never read back", "True IndependentCopy"},
		{"it can be changed", onRepository(func(r *api.Repository) {
			r.Spec.ObjectLock = &api.ObjectLock{Mode: api.LockCompliance}
			r.Status.Conditions = append(r.Status.Conditions, metav1.Condition{Type: api.ConditionImmutable, Status: metav1.ConditionFalse, Reason: api.ReasonMutable})
		}), onRepository(func(r *api.Repository) { r.Status.Conditions[1].Status = metav1.ConditionUnknown }), "High Mutable", "promises immutability", "True IndependentCopy"},
		{"there is nowhere to go", func(o *PolicyObserved) { o.Storage.Classes = o.Storage.Classes[:1] },
			func(o *PolicyObserved) {
				o.Storage.Classes = append(o.Storage.Classes, StorageClass{Name: "other", Provisioner: "c"})
			}, "Low NoRestoreTarget", "in another cluster alone", "True IndependentCopy"},
		{"no proof did without the array", proofBy(false), proofBy(true), "High ProofNotIndependent", "every proof used the failure domain", "True IndependentCopy"},
		{"repositories cannot be read", func(o *PolicyObserved) {
			o.Unread = map[drift.Fact]string{drift.FactCopies: "forbidden"}
		}, func(o *PolicyObserved) { o.Unread = nil }, "Medium EvaluationError", "forbidden", "Unknown EvaluationError"},
		{"all is well", nothing, nothing, "", itself, "True IndependentCopy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := seenIndependent()
			tc.breaks(&o)
			p := ForPolicy(o, noon)
			if tc.finding != "" && !slices.ContainsFunc(p.Status.Findings, func(f api.Finding) bool {
				return string(f.Severity)+" "+f.Kind == tc.finding && strings.Contains(f.Message, tc.says)
			}) {
				t.Errorf("findings are %+v", p.Status.Findings)
			}
			if got := conditionReason(p.Status.Conditions, api.ConditionIndependent); got != tc.status {
				t.Errorf("Independent is %s, want %s", got, tc.status)
			}
			if p.Take == nil {
				t.Error("nothing is captured")
			}
			tc.mends(&o)
			p = ForPolicy(o, noon)
			if tc.finding != "" && slices.Contains(kindsOf(p.Status), tc.finding) {
				t.Errorf("it does not clear: %+v", p.Status.Findings)
			}
			if got := conditionReason(p.Status.Conditions, api.ConditionIndependent); got != "True IndependentCopy" {
				t.Errorf("Independent stays %s", got)
			}
		})
	}
}

// TestLastCopy: it is the newest that is whole and elsewhere; while that cannot be read, what was known before.
func TestLastCopy(t *testing.T) {
	o := seenIndependent()
	newestCopy(func(c *api.CopyRecord) { c.State = api.CopyFailed })(&o)
	o = settled(o, noon)
	last := o.Policy.Status.LastCopy
	if last == nil || last.RecoveryPoint != o.Points[3].Name || last.Repository != "offsite" || !last.PointInTime.Equal(metaTime(hour(10))) || last.Bytes != 2000 || last.NewBytes != 300 {
		t.Fatalf("the last copy is %+v", last)
	}
	for _, fact := range []drift.Fact{drift.FactCopies, drift.FactStack, drift.FactSelection} {
		blind := o
		blind.Unread, blind.Points = map[drift.Fact]string{fact: "forbidden"}, nil
		if got := ForPolicy(blind, noon).Status.LastCopy; got == nil || *got != *last {
			t.Errorf("while %s cannot be read it is %+v", fact, got)
		}
	}
	o.Policy.Spec.Copies = nil
	if p := ForPolicy(o, noon); p.Status.LastCopy != nil || meta.FindStatusCondition(p.Status.Conditions, api.ConditionIndependent) != nil {
		t.Errorf("where no copies are promised there is %+v, and Independent %s", p.Status.LastCopy, conditionReason(p.Status.Conditions, api.ConditionIndependent))
	}
}

// TestTheFirstCopyIsGivenItsTime: counted from when copies were promised, and anew for another repository alone.
func TestTheFirstCopyIsGivenItsTime(t *testing.T) {
	o := seenIndependent()
	o.Points = hourly(7, 11)
	o.Policy.Spec.Objectives.CopyWithin.Duration = 2 * time.Hour
	late := func(o PolicyObserved, at time.Time) bool {
		return slices.Contains(kindsOf(ForPolicy(o, at).Status), "Critical NoIndependentCopy")
	}
	promised := o.Policy.Spec.Copies
	o.Policy.Spec.Copies = nil
	o = settled(o, hour(11))
	o.Policy.Spec.Copies = promised
	o = settled(o, noon)
	if late(o, noon.Add(119*time.Minute)) || !late(o, noon.Add(2*time.Hour)) {
		t.Error("copies that are promised from noon on are not due at two")
	}
	o.Policy.Spec.Copies = []api.CopyTarget{promised[0]}
	o.Policy.Spec.Copies[0].Cron = "@daily"
	o = settled(o, hour(13))
	if !late(o, hour(14)) {
		t.Error("another schedule gives the first copy more time")
	}
	o.Policy.Spec.Copies[0].Repository.Name = "attic"
	o = settled(o, hour(15))
	if late(o, hour(16)) || !late(o, hour(17)) {
		t.Error("another repository does not give the first copy its time")
	}
	o.Policy.Spec.Objectives = nil
	if late(o, hour(15).Add(23*time.Hour)) || !late(o, hour(15).Add(24*time.Hour)) {
		t.Error("without an age the first copy is not due after a day")
	}
}
