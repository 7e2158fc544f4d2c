// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// scheme knows the kinds that are written.
func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, snapshotv1.AddToScheme, api.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// server is an API server with objects in it, and a writer to it.
func server(t *testing.T, objects ...client.Object) (*testkit.Client, *apply.Writer) {
	t.Helper()
	a := testkit.NewAPI(scheme(t), clocktesting.NewFakePassiveClock(noon))
	if err := a.Seed(append(objects, testkit.NamespaceObject())...); err != nil {
		t.Fatal(err)
	}
	c := a.Client(nil)
	return c, &apply.Writer{Client: c, Live: c, Lanes: apply.NewLanes(4)}
}

func there(t *testing.T, c client.Client, o client.Object) bool {
	t.Helper()
	err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o)
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	return err == nil
}

func TestTakeAdoptsItsOwnAndNothingElse(t *testing.T) {
	policy := testkit.Policy()
	take := plan.Take{Name: names.Point("web", "policy-1", noon), Slot: noon}
	c, w := server(t, policy)
	for range 2 { // the second time its answer was lost
		if err := w.Take(t.Context(), policy, take); err != nil {
			t.Fatal(err)
		}
	}
	p := &api.RecoveryPoint{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: take.Name}}
	if !there(t, c, p) || len(p.Finalizers) != 1 {
		t.Fatalf("the point is %+v", p.ObjectMeta)
	}
	for name, change := range map[string]func(*api.RecoveryPoint){
		"of another policy": func(p *api.RecoveryPoint) { p.Labels[api.LabelPolicyUID] = "another" },
		"of another slot":   func(p *api.RecoveryPoint) { s := metav1.NewTime(noon.Add(time.Hour)); p.Spec.Slot = &s },
		"without a slot":    func(p *api.RecoveryPoint) { p.Spec.Slot = nil },
	} {
		other := p.DeepCopy()
		change(other)
		_, w := server(t, policy, other)
		var taken *apply.NameTaken
		if err := w.Take(t.Context(), policy, take); !errors.As(err, &taken) {
			t.Errorf("a point %s is adopted: %v", name, err)
		}
	}
}

func TestExpireLooksAgain(t *testing.T) {
	policy := testkit.Policy()
	both := []string{"data", "logs"}
	old, newest := testkit.Point(noon, both), testkit.Point(noon.Add(time.Hour), both)
	target := func(p *api.RecoveryPoint) plan.Target { return plan.Target{Name: p.Name, UID: string(p.UID)} }
	copied := old.DeepCopy()
	copied.Status.Copies = []api.CopyRecord{{Name: "offsite", Repository: "vault", State: api.CopyComplete}}
	vault := func(name string, damage *api.RepositoryDamage) *api.Repository {
		return &api.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: name}, Status: api.RepositoryStatus{Damage: damage}}
	}
	for _, c := range []struct {
		name    string
		there   []client.Object
		target  plan.Target
		refused bool
		gone    bool
	}{
		{"a newer one is there", []client.Object{old, newest}, target(old), false, true},
		{"the newer one went meanwhile", []client.Object{old}, target(old), true, false},
		{"it was put on hold meanwhile", []client.Object{testkit.Point(noon, both, testkit.Held), newest}, target(old), true, false},
		{"another of that name is there", []client.Object{old, newest}, plan.Target{Name: old.Name, UID: "earlier"}, false, false},
		{"it is gone", []client.Object{newest}, target(old), false, true},
		{"it has a copy", []client.Object{copied, newest, vault("vault", nil), vault("other", &api.RepositoryDamage{})}, target(old), false, true},
		{"its repository was found to be damaged", []client.Object{copied, newest, vault("vault", &api.RepositoryDamage{})}, target(old), true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, w := server(t, append(c.there, policy)...)
			err := w.Expire(t.Context(), policy, c.target)
			var refused *apply.Refused
			if errors.As(err, &refused) != c.refused || (err != nil && !c.refused) {
				t.Errorf("it ends with %v", err)
			}
			p := old.DeepCopy()
			if gone := !there(t, k, p) || !p.DeletionTimestamp.IsZero(); gone != c.gone {
				t.Errorf("it is gone: %t, want %t", gone, c.gone)
			}
		})
	}
}

func pair(policy snapshotv1.DeletionPolicy, ref string) (*snapshotv1.VolumeSnapshot, *snapshotv1.VolumeSnapshotContent) {
	s := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "s", UID: "s-1"}}
	c := &snapshotv1.VolumeSnapshotContent{ObjectMeta: metav1.ObjectMeta{Name: "c", UID: "c-1"}}
	c.Spec.DeletionPolicy = policy
	c.Spec.Source.VolumeHandle = ptr.To("vol-data")
	c.Spec.VolumeSnapshotRef.UID = "s-1"
	switch ref {
	case "forged":
		c.Spec.VolumeSnapshotRef.UID = "somebody"
	case "imported":
		c.Spec.Source = snapshotv1.VolumeSnapshotContentSource{SnapshotHandle: ptr.To("snap-of-somebody")}
	}
	return s, c
}

// TestDeletionTouchesWhatItNames: bytes go only with the very snapshot that is meant, and with the content that points back at it.
func TestDeletionTouchesWhatItNames(t *testing.T) {
	const retain, free = snapshotv1.VolumeSnapshotContentRetain, snapshotv1.VolumeSnapshotContentDelete
	whole := plan.DeleteOrder{Snapshot: plan.Target{Name: "s", UID: "s-1"}, Content: plan.Target{Name: "c", UID: "c-1"}}
	for _, c := range []struct {
		name    string
		ref     string
		order   func(plan.DeleteOrder) plan.DeleteOrder
		deleted bool
		policy  snapshotv1.DeletionPolicy
	}{
		{"both", "", func(o plan.DeleteOrder) plan.DeleteOrder { return o }, true, free},
		{"the content points at somebody else's", "forged", func(o plan.DeleteOrder) plan.DeleteOrder { return o }, true, retain},
		{"the content was brought in by hand", "imported", func(o plan.DeleteOrder) plan.DeleteOrder { return o }, true, retain},
		{"another content of that name", "", func(o plan.DeleteOrder) plan.DeleteOrder { o.Content.UID = "c-0"; return o }, true, retain},
		{"another snapshot of that name", "", func(o plan.DeleteOrder) plan.DeleteOrder { o.Snapshot.UID = "s-0"; return o }, false, retain},
		{"it has changed since it was looked at", "", func(o plan.DeleteOrder) plan.DeleteOrder { o.Version = "0"; return o }, false, retain},
		{"it is on its way already", "", func(o plan.DeleteOrder) plan.DeleteOrder { o.Deleting = true; return o }, false, free},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, k := pair(retain, c.ref)
			cl, w := server(t, s, k)
			if err := w.DeleteSnapshots(t.Context(), testkit.Namespace, []plan.DeleteOrder{c.order(whole)}); err != nil && !apierrors.IsConflict(err) {
				t.Fatal(err)
			}
			if deleted := !there(t, cl, s); deleted != c.deleted {
				t.Errorf("the snapshot is deleted: %t, want %t", deleted, c.deleted)
			}
			if !there(t, cl, k) || k.Spec.DeletionPolicy != c.policy {
				t.Errorf("the content's policy is %s, want %s", k.Spec.DeletionPolicy, c.policy)
			}
		})
	}
}

func TestKeepOwnsItsFieldAlone(t *testing.T) {
	p := testkit.Point(noon, []string{"data"})
	c, w := server(t, p)
	keep := func(reasons ...string) {
		t.Helper()
		if err := w.Keep(t.Context(), testkit.Namespace, plan.KeepChange{Target: plan.Target{Name: p.Name, UID: string(p.UID)}, Reasons: reasons}); err != nil {
			t.Fatal(err)
		}
	}
	keep("daily", "hold")
	got := p.DeepCopy()
	if there(t, c, got); len(got.Status.Keep) != 2 || got.Status.Capture == nil {
		t.Errorf("the status is %+v", got.Status)
	}
	keep()
	if there(t, c, got); len(got.Status.Keep) != 0 || got.Status.Capture == nil {
		t.Errorf("without reasons the status is %+v", got.Status)
	}
	gone := plan.KeepChange{Target: plan.Target{Name: "gone", UID: "x"}}
	if err := w.Keep(t.Context(), testkit.Namespace, gone); err != nil {
		t.Errorf("of a point that is gone: %v", err)
	}
}

// TestReleaseIsKept: what was let go of a point stays so when other parts go, and when its reasons change, until it is kept again.
func TestReleaseIsKept(t *testing.T) {
	copied := func(p *api.RecoveryPoint) {
		for _, name := range []string{"a", "b"} {
			p.Status.Copies = append(p.Status.Copies, api.CopyRecord{Name: name, Repository: "vault", State: api.CopyComplete, Volumes: []api.CopiedVolume{{Claim: "data"}}})
		}
	}
	p, newer := testkit.Point(noon, []string{"data"}, copied), testkit.Point(noon.Add(time.Hour), []string{"data"}, copied)
	b := testkit.Policy(func(b *api.BackupPolicy) { b.Spec.Copies = []api.CopyTarget{{Name: "a"}, {Name: "b"}} })
	c, w := server(t, p, newer)
	of := plan.Target{Name: p.Name, UID: string(p.UID)}
	release := func(part string) error {
		return w.Release(t.Context(), b, plan.ReleaseOrder{Target: of, Part: part, At: noon})
	}
	keep := func(again ...string) {
		t.Helper()
		if err := w.Keep(t.Context(), testkit.Namespace, plan.KeepChange{Target: of, Reasons: []string{"a:daily"}, Again: again, Parted: true}); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(when string, reasons int, parts ...string) {
		t.Helper()
		got := p.DeepCopy()
		there(t, c, got)
		var let []string
		for _, r := range got.Status.Release {
			let = append(let, r.Part)
		}
		if len(got.Status.Keep) != reasons || !slices.Equal(let, parts) || got.Status.Capture == nil {
			t.Errorf("%s, %v is let go and it is kept for %v", when, let, got.Status.Keep)
		}
	}
	for range 2 {
		if err := release(plan.PartSnapshots); err != nil {
			t.Fatal(err)
		}
		holds("once, or twice", 0, "snapshots")
	}
	keep()
	holds("with other reasons", 1, "snapshots")
	if err := release("copy/b"); err != nil {
		t.Fatal(err)
	}
	holds("with another part", 1, "snapshots", "copy/b")
	var refused *apply.Refused
	if err := release("copy/a"); !errors.As(err, &refused) {
		t.Errorf("the last part goes: %v", err)
	}
	keep("snapshots")
	holds("kept again", 1, "copy/b")
	of.UID = "another"
	if err := release("copy/a"); err != nil {
		t.Errorf("of a point that is gone: %v", err)
	}
	keep("copy/b")
	of.UID = string(p.UID)
	holds("of another point of that name", 1, "copy/b")
}

func TestToldKeepsNotifiersApart(t *testing.T) {
	b := testkit.Policy()
	c, w := server(t, b)
	at := metav1.NewTime(noon)
	o := &tell.Object{Kind: "BackupPolicy", Namespace: b.Namespace, Name: b.Name, UID: string(b.UID)}
	write := func(notifier string, remove bool, findings ...string) {
		t.Helper()
		if err := w.Told(t.Context(), tell.Mark{Object: o, Remove: remove, Mark: api.NotifierMark{Notifier: notifier, Findings: findings, At: &at}}); err != nil {
			t.Fatal(err)
		}
	}
	told := func() map[string]int {
		t.Helper()
		got := b.DeepCopy()
		there(t, c, got)
		out := map[string]int{}
		for _, m := range got.Status.Told {
			out[m.Notifier] = len(m.Findings)
		}
		return out
	}
	write("chat", false, "A High", "B High")
	write("mail", false, "A High")
	write("chat", false, "A High")
	if got := told(); len(got) != 2 || got["chat"] != 1 || got["mail"] != 1 {
		t.Errorf("told: %v", got)
	}
	write("chat", true)
	if got := told(); len(got) != 1 || got["mail"] != 1 {
		t.Errorf("told: %v", got)
	}
	o.UID = "another"
	write("mail", false) // to what is not there any more it is not written, and that is no error
	if got := told(); got["mail"] != 1 {
		t.Errorf("told: %v", got)
	}
	fleet := tell.Mark{Object: &tell.Object{Kind: "Fleet"}}
	if err := w.Told(t.Context(), fleet); err == nil {
		t.Error("the mark of an unknown kind was passed over in silence")
	}
}
