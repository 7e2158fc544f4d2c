// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// TestWritten: a version is known to be old from when it was written over until a cache shows a later one.
func TestWritten(t *testing.T) {
	policy := func(uid types.UID, version string) *api.BackupPolicy {
		return &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{UID: uid, ResourceVersion: version}}
	}
	var w written
	for _, version := range []string{"1", "2"} {
		w.note(policy("one", version))
	}
	for _, c := range []struct {
		uid     types.UID
		version string
		want    bool
	}{
		{"two", "1", false}, // its version only happens to be the same
		{"one", "1", true},
		{"one", "2", true},
		{"one", "3", false},
		{"one", "1", false}, // that is forgotten: no cache goes back
	} {
		if got := w.over(policy(c.uid, c.version)); got != c.want {
			t.Errorf("that version %s of policy %s was written over is %t", c.version, c.uid, got)
		}
	}
}
