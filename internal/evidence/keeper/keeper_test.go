// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lifeboat-dev/lifeboat/internal/evidence"
)

const namespace = "lifeboat-system"

// writes counts what was written, as "create Secret".
type writes struct {
	sync.Mutex
	counts map[string]int
}

func (w *writes) count(verb string, obj client.Object) {
	w.Lock()
	defer w.Unlock()
	if w.counts == nil {
		w.counts = map[string]int{}
	}
	kind := "ConfigMap"
	if _, ok := obj.(*corev1.Secret); ok {
		kind = "Secret"
	}
	w.counts[verb+" "+kind]++
}

// cluster is a fake one that counts writes. Reading through its client, as through a cache, fails: the key's keeper must
// read from the API server.
func cluster(t *testing.T, objects ...client.Object) (client.Client, client.Reader, *writes) {
	t.Helper()
	var w writes
	store := fake.NewClientBuilder().WithObjects(objects...).Build()
	return interceptor.NewClient(store, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			t.Error("read through the cache")
			return nil
		},
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			t.Error("listed")
			return nil
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			w.count("create", obj)
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			w.count("update", obj)
			return c.Update(ctx, obj, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			w.count("delete", obj)
			return c.Delete(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			w.count("patch", obj)
			return c.Patch(ctx, obj, patch, opts...)
		},
	}), store, &w
}

func published(t *testing.T, live client.Reader) corev1.ConfigMap {
	t.Helper()
	var shown corev1.ConfigMap
	if err := live.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "lifeboat-evidence-key"}, &shown); err != nil {
		t.Fatal(err)
	}
	return shown
}

func kept(t *testing.T, live client.Reader) corev1.Secret {
	t.Helper()
	var secret corev1.Secret
	if err := live.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "lifeboat-evidence-key"}, &secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestTheFirstStart(t *testing.T) {
	c, live, w := cluster(t)
	key, err := EnsureKey(t.Context(), c, live, namespace)
	if err != nil {
		t.Fatal(err)
	}
	secret := kept(t, live)
	private, err := key.PrivatePEM()
	if err != nil {
		t.Fatal(err)
	}
	if len(secret.Data) != 1 || !bytes.Equal(secret.Data["private.pem"], private) || secret.Type != corev1.SecretTypeOpaque || secret.Immutable == nil || !*secret.Immutable {
		t.Errorf("the Secret is of type %q, immutable %v, and has %d keys", secret.Type, secret.Immutable, len(secret.Data))
	}
	shown := published(t, live)
	public, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	if len(shown.Data) != 1 || shown.Data["public.pem"] != string(public) {
		t.Errorf("published: %v", shown.Data)
	}
	if strings.Contains(shown.String(), "PRIVATE") {
		t.Error("the private key was published")
	}

	again, err := EnsureKey(t.Context(), c, live, namespace)
	if err != nil || !again.Public().Equal(key.Public()) {
		t.Errorf("the second start has another key: %v", err)
	}
	if w.counts["create Secret"] != 1 || w.counts["create ConfigMap"] != 1 || len(w.counts) != 2 {
		t.Errorf("writes of two starts: %v", w.counts)
	}
}

func TestAChangedConfigMapIsRepaired(t *testing.T) {
	c, live, w := cluster(t)
	key, err := EnsureKey(t.Context(), c, live, namespace)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	other, err := evidence.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	forged, err := other.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*corev1.ConfigMap){
		func(m *corev1.ConfigMap) { m.Data["public.pem"] = string(forged) },
		func(m *corev1.ConfigMap) { m.Data["public.pem"] += string(forged) },
		func(m *corev1.ConfigMap) { m.Data["other"] = "x" },
		func(m *corev1.ConfigMap) { m.Data = nil },
		func(m *corev1.ConfigMap) { m.BinaryData = map[string][]byte{"x": {1}} },
	} {
		shown := published(t, live)
		change(&shown)
		if err := c.Update(t.Context(), &shown); err != nil {
			t.Fatal(err)
		}
		if _, err := EnsureKey(t.Context(), c, live, namespace); err != nil {
			t.Fatal(err)
		}
		if shown := published(t, live); len(shown.Data) != 1 || shown.Data["public.pem"] != string(public) || len(shown.BinaryData) > 0 {
			t.Errorf("not repaired: %v", shown.Data)
		}
	}
	if w.counts["create Secret"] != 1 || w.counts["update Secret"] != 0 {
		t.Errorf("%v", w.counts)
	}
}

// TestAKeyThatCannotBeReadIsLeftAlone: making a new one would orphan what the old one signed.
func TestAKeyThatCannotBeReadIsLeftAlone(t *testing.T) {
	broken := &corev1.Secret{ObjectMeta: keyMeta(namespace), Data: map[string][]byte{"private.pem": []byte("classified")}}
	c, live, w := cluster(t, broken)
	_, err := EnsureKey(t.Context(), c, live, namespace)
	if err == nil || !strings.Contains(err.Error(), "lifeboat-system/lifeboat-evidence-key") || !strings.Contains(err.Error(), "delete the Secret") || strings.Contains(err.Error(), "classified") {
		t.Errorf("got %v", err)
	}
	if len(w.counts) > 0 {
		t.Errorf("wrote: %v", w.counts)
	}
}

func TestRefusedReadsAndWrites(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, KeyName, nil)
	for _, tc := range []struct {
		name   string
		reads  func(client.Object) error
		writes func(client.Object) error
	}{
		{"read the Secret", func(obj client.Object) error { return whenSecret(obj, forbidden) }, nil},
		{"create the Secret", nil, func(obj client.Object) error { return whenSecret(obj, forbidden) }},
		{"read the ConfigMap", func(obj client.Object) error { return whenConfigMap(obj, forbidden) }, nil},
		{"create the ConfigMap", nil, func(obj client.Object) error { return whenConfigMap(obj, forbidden) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store := fake.NewClientBuilder().Build()
			funcs := interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
					if tc.reads != nil && tc.reads(obj) != nil {
						return tc.reads(obj)
					}
					return c.Get(ctx, key, obj, opts...)
				},
				Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
					if tc.writes != nil && tc.writes(obj) != nil {
						return tc.writes(obj)
					}
					return c.Create(ctx, obj, opts...)
				},
			}
			c := interceptor.NewClient(store, funcs)
			if key, err := EnsureKey(t.Context(), c, c, namespace); !apierrors.IsForbidden(err) || key != nil {
				t.Errorf("got %v, %v", key, err)
			}
		})
	}
}

func whenSecret(obj client.Object, err error) error {
	if _, ok := obj.(*corev1.Secret); ok {
		return err
	}
	return nil
}

func whenConfigMap(obj client.Object, err error) error {
	if _, ok := obj.(*corev1.ConfigMap); ok {
		return err
	}
	return nil
}

// TestTwoStartTogether lets two operators both find nothing before either writes.
func TestTwoStartTogether(t *testing.T) {
	store := fake.NewClientBuilder().Build()
	var secrets, maps sync.WaitGroup // each is passed when both operators came to it
	secrets.Add(2)
	maps.Add(2)
	start := func() (*evidence.Key, error) {
		var secretRead, mapRead sync.Once
		c := interceptor.NewClient(store, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				err := c.Get(ctx, key, obj, opts...)
				meet, once := &maps, &mapRead
				if _, ok := obj.(*corev1.Secret); ok {
					meet, once = &secrets, &secretRead
				}
				once.Do(func() { meet.Done(); meet.Wait() })
				return err
			},
		})
		return EnsureKey(t.Context(), c, c, namespace)
	}
	keys, errs := make([]*evidence.Key, 2), make([]error, 2)
	var both sync.WaitGroup
	for n := range 2 {
		both.Go(func() { keys[n], errs[n] = start() })
	}
	both.Wait()
	if errs[0] != nil || errs[1] != nil || !keys[0].Public().Equal(keys[1].Public()) {
		t.Fatalf("they do not agree: %v, %v, %v", keys, errs[0], errs[1])
	}
	stored, err := evidence.ParseKey(kept(t, store).Data["private.pem"])
	if err != nil || !stored.Public().Equal(keys[0].Public()) {
		t.Errorf("neither is what is stored: %v", err)
	}
	public, err := keys[0].PublicPEM()
	if shown := published(t, store); err != nil || shown.Data["public.pem"] != string(public) {
		t.Errorf("published: %v, %v", shown.Data, err)
	}
}

// TestAConfigMapThatKeepsChanging ends.
func TestAConfigMapThatKeepsChanging(t *testing.T) {
	store := fake.NewClientBuilder().Build()
	updates := 0
	c := interceptor.NewClient(store, interceptor.Funcs{
		Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error {
			updates++
			return apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, KeyName, nil)
		},
	})
	if err := store.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: keyMeta(namespace)}); err != nil {
		t.Fatal(err)
	}
	if _, err := EnsureKey(t.Context(), c, c, namespace); !apierrors.IsConflict(err) || updates != attempts {
		t.Errorf("%v after %d updates", err, updates)
	}
}
