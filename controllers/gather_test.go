// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// A namespace that was applied together with its policy is not in the cache yet: it is not taken for one that goes, or the
// policy would wait for an event that never comes.
func TestNamespaceTheCacheDoesNotShowYet(t *testing.T) {
	now := metav1.Now()
	there := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "sync"}}
	going := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "sync", DeletionTimestamp: &now, Finalizers: []string{"kubernetes"}}}
	holding := func(o ...client.Object) client.Reader {
		return fake.NewClientBuilder().WithScheme(Scheme()).WithObjects(o...).Build()
	}
	for _, c := range []struct {
		name        string
		cache, live client.Reader
		terminating bool
	}{
		{"both show it", holding(there), holding(there), false},
		{"it is new", holding(), holding(there), false},
		{"it goes", holding(going), holding(going), true},
		{"it is new and goes already", holding(), holding(going), true},
		{"it is gone", holding(), holding(), true},
	} {
		r := &Reader{Cache: c.cache, Live: c.live}
		for from, reader := range map[string]client.Reader{"cache": c.cache, "live": c.live} {
			got, err := r.terminating(t.Context(), reader, "sync")
			if err != nil || got != c.terminating {
				t.Errorf("%s, asking the %s: terminating %t, %v", c.name, from, got, err)
			}
		}
	}
}
