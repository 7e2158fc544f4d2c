// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// store plays the pods that speak to a repository in one namespace, and remembers what they were told to do.
type store struct {
	mu     sync.Mutex
	id     string
	broken string           // the reason for which probes fail; empty while they do not
	mute   bool             // pods get no further than their node
	refuse string           // the reason for which copying fails; empty while it does not
	rotten []result.Damaged // the points whose copies verification cannot read
	lose   int              // how many of those that write are told to end first
	orders []order.Order
	pods   map[string]bool
}

// answer is what a pod with an order tells in the end.
func (s *store) answer(pod string, o order.Order) (result.Done, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mute {
		return result.Done{}, false
	}
	if !s.pods[pod] {
		s.pods[pod] = true
		s.orders = append(s.orders, o)
	}
	switch {
	case s.broken != "":
		return result.Done{Reason: s.broken, Error: "it went wrong"}, true
	case o.Probe != nil:
		return result.Done{UniqueID: s.id, Probe: &result.Probe{Created: o.Probe.Create, Copies: 3, Bytes: 1 << 20}}, true
	case o.Restore != nil && s.lose > 0:
		s.lose--
		return result.Done{UniqueID: s.id, Reason: result.FailureInterrupted, Error: "it was told to end"}, true
	case o.Restore != nil:
		return result.Done{UniqueID: s.id, Restore: &result.Restore{Files: 3, Bytes: 30}}, true
	case o.Copy != nil && s.refuse != "":
		return result.Done{UniqueID: s.id, Reason: s.refuse, Error: "there is no room"}, true
	case o.Copy != nil:
		read := result.Volume{Name: "volume", Digest: storage.Digest, Files: 2, Bytes: 20}
		return result.Done{UniqueID: s.id, Copy: &result.Copy{Volume: read, NewBytes: 7}}, true
	case o.Forget != nil:
		return result.Done{UniqueID: s.id, Forgot: 1}, true
	case o.Note != nil:
		return result.Done{UniqueID: s.id}, true
	case o.Verify != nil:
		n := int64(len(s.rotten))
		return result.Done{UniqueID: s.id, Verify: &result.Verify{Copies: 3 - n, Bytes: 1 << 20, Contents: n, Damaged: n, DamagedPoints: n, Points: s.rotten, Healing: n > 0}}, true
	}
	return result.Done{UniqueID: s.id, Maintain: &result.Maintain{Freed: 7}}, true
}

func (s *store) set(change func(*store)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// asked are the orders so far, in short.
func (s *store) asked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, o := range s.orders {
		switch {
		case o.Probe != nil && o.Probe.Create:
			out = append(out, "create")
		case o.Probe != nil && o.Probe.Catalogue:
			out = append(out, "catalogue")
		case o.Probe != nil:
			out = append(out, "probe")
		case o.Restore != nil:
			out = append(out, "restore")
		case o.Copy != nil:
			out = append(out, "copy")
		case o.Forget != nil:
			out = append(out, "forget")
		case o.Verify != nil:
			out = append(out, "verify")
		case o.Maintain != nil:
			out = append(out, "maintain")
		}
	}
	return strings.Join(out, " ")
}

// ordered are the orders so far.
func (s *store) ordered() []order.Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.orders)
}

// note is the last text that was to be written beside the data.
func (s *store) note() (text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orders {
		if o.Note != nil {
			text = o.Note.Text
		}
	}
	return text
}

// withStore has somebody run the pods of repositories in the world's namespace while the test lasts.
func (w *world) withStore() *store {
	w.Helper()
	s := &store{id: strings.Repeat("a", 64), pods: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			var pods corev1.PodList
			if w.admin.List(ctx, &pods, client.InNamespace(w.namespace), client.HasLabels{api.LabelReachesRepository}) == nil {
				for i := range pods.Items {
					s.run(ctx, w.admin, &pods.Items[i])
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	w.Cleanup(func() { cancel(); <-ended })
	return s
}

// run ends a pod. A conflict is met again in the next round.
func (s *store) run(ctx context.Context, admin client.Client, p *corev1.Pod) {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return
	}
	o, err := order.Decode([]byte(p.Annotations[api.AnnotationOrder]))
	if err != nil {
		return
	}
	if o.Copy != nil && !bound(ctx, admin, p) {
		return
	}
	d, ends := s.answer(p.Name, o)
	if !ends {
		return
	}
	told, err := result.EncodeDone(d)
	if err != nil {
		return
	}
	p.Status.Phase = corev1.PodSucceeded
	ended := corev1.ContainerStateTerminated{Reason: "Completed", Message: string(told)}
	if d.Reason != "" {
		p.Status.Phase, ended.ExitCode, ended.Reason = corev1.PodFailed, 1, "Error"
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "mover", Image: p.Spec.Containers[0].Image, State: corev1.ContainerState{Terminated: &ended}}}
	_ = admin.Status().Update(ctx, p)
}

// bound says whether every claim of a pod is bound. Before, no node starts it.
func bound(ctx context.Context, admin client.Client, p *corev1.Pod) bool {
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		var c corev1.PersistentVolumeClaim
		err := admin.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: v.PersistentVolumeClaim.ClaimName}, &c)
		if err != nil || c.Status.Phase != corev1.ClaimBound {
			return false
		}
	}
	return true
}

func (w *world) repository(name string, change func(*api.Repository)) *api.Repository {
	w.Helper()
	r := &api.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: api.RepositorySpec{S3: &api.S3Location{Endpoint: "s3.test:9000", Bucket: "lifeboat", Prefix: "shop/", Credentials: &api.SecretReference{Name: "keys"}}}}
	if change != nil {
		change(r)
	}
	w.ok(w.admin.Create(w.Context(), r))
	w.Cleanup(func() {
		if err := client.IgnoreNotFound(w.admin.Delete(context.Background(), r)); err != nil {
			w.Error(err)
		}
	})
	return r
}

func (w *world) annotate(o client.Object, key, value string) {
	w.Helper()
	patch := fmt.Sprintf(`{"metadata": {"annotations": {%q: %q}}}`, key, value)
	w.ok(w.admin.Patch(w.Context(), o, client.RawPatch("application/merge-patch+json", []byte(patch))))
}

// TestRepository makes a repository, has it tidied up, loses it, and finds it again.
func TestRepository(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.withStore()
	r := w.repository("offsite", nil)
	w.await(r, api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady)
	w.await(r, api.ConditionVerified, metav1.ConditionTrue, api.ReasonRepositoryVerified)
	if r.Status.UniqueID != s.id || r.Status.Copies != 3 || r.Status.Location != "s3://s3.test:9000/lifeboat/shop" {
		t.Errorf("the status is %+v", r.Status)
	}
	var password corev1.Secret
	w.ok(w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "offsite-repository-password"}, &password))
	if n := len(password.Data["password"]); n < 40 || len(password.OwnerReferences) > 0 {
		t.Errorf("the password has %d characters, and owners %v", n, password.OwnerReferences)
	}
	if got := s.asked(); got != "create verify" {
		t.Errorf("the pods did %q", got)
	}
	w.annotate(r, api.AnnotationMaintainRequested, time.Now().UTC().Format(time.RFC3339))
	eventually(t, soon, func() error {
		w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(r), r))
		if m := r.Status.Maintenance; m == nil || m.FinishedAt == nil || m.Bytes != 7 {
			return fmt.Errorf("it was tidied up: %+v", m)
		}
		return nil
	})
	w.nothingThrownAway()
	w.atRest()
	got := regexp.MustCompile(` +`).ReplaceAllString(w.kubectl("get", "repo"), " ")
	if want := regexp.MustCompile(`^NAME READY REASON REACHABLE VERIFIED IMMUTABLE COPIES BYTES AGE\noffsite True RepositoryReady True True 3 1048576 \d+s$`); !want.MatchString(got) {
		t.Errorf("kubectl get repo:\n%s", got)
	}
	s.set(func(s *store) { s.broken = result.FailureRefused })
	w.annotate(r, api.AnnotationProbeRequested, time.Now().Add(time.Second).UTC().Format(time.RFC3339))
	w.await(r, api.ConditionReachable, metav1.ConditionFalse, api.ReasonCredentialsRefused)
	w.await(r, api.ConditionStalled, metav1.ConditionTrue, api.ReasonCredentialsRefused)
	s.set(func(s *store) { s.broken = "" })
	w.annotate(r, api.AnnotationProbeRequested, time.Now().Add(time.Second).UTC().Format(time.RFC3339))
	w.await(r, api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady)
	if got := s.asked(); strings.Count(got, "create") != 1 {
		t.Errorf("the pods did %q", got)
	}
}

// TestRepositoryNeedsPermission: what an admin must allow is waited for, and goes on by itself.
func TestRepositoryNeedsPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withStore()
	r := w.repository("offsite", func(r *api.Repository) {
		r.Spec.S3.Insecure, r.Spec.Password = true, &api.SecretReference{Name: "mine"}
	})
	w.await(r, api.ConditionReady, metav1.ConditionFalse, api.ReasonInsecureNotAllowed)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	w.annotate(ns, api.AnnotationAllowInsecure, "true")
	w.await(r, api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady)
	w.annotate(ns, api.AnnotationAllowInsecure, "false")
	w.await(r, api.ConditionReady, metav1.ConditionFalse, api.ReasonInsecureNotAllowed)
	var secrets corev1.SecretList
	w.ok(w.admin.List(t.Context(), &secrets, client.InNamespace(w.namespace)))
	if len(secrets.Items) > 0 {
		t.Errorf("a password was made up beside the one that is named: %d Secrets", len(secrets.Items))
	}
}

// TestRepositoryIsDeleted: its pods are swept, and its password stays.
func TestRepositoryIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.withStore()
	s.set(func(s *store) { s.mute = true })
	r := w.repository("offsite", nil)
	eventually(t, soon, func() error {
		var pods corev1.PodList
		w.ok(w.admin.List(t.Context(), &pods, client.InNamespace(w.namespace)))
		if len(pods.Items) == 0 {
			return fmt.Errorf("no pod yet")
		}
		return nil
	})
	w.ok(w.admin.Delete(t.Context(), r))
	w.gone(r)
	w.nothingThrownAway()
	w.ok(w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "offsite-repository-password"}, &corev1.Secret{}))
}
