// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// A copy of an XFS file system has the UUID of its source, which is mounted on the same node all the while.
func TestXFSBesideItsSource(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claim("ledger", storageA, func(c *corev1.PersistentVolumeClaim) {
		c.Spec.StorageClassName = ptr.To(storageA.class + "-xfs")
		c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("320Mi")
	})
	s.volume("ledger")
	s.pod("writer", "ledger")
	s.sh("writer", "grep ' /data xfs ' /proc/mounts && chmod 777 /data && echo kept > /data/file && sync")
	s.policy("sync", drilled(check("books", api.LevelConsistent, "[ $(cat /restore/ledger/file) = kept ] && touch /restore/ledger/scratch")))
	s.fingerprinted("first", "sync")
	s.rehearse("drill", ofPolicy("sync"))
	s.drillEnds("drill", api.VerdictPassed, api.LevelConsistent, api.ReasonDrillPassed)

	s.create(&api.Restore{ObjectMeta: metav1.ObjectMeta{Name: "back", Namespace: s.name},
		Spec: api.RestoreSpec{RecoveryPoint: &api.PointReference{Name: "first"}}})
	s.await("the restore to succeed", 4*time.Minute, func() string {
		var x api.Restore
		if err := kube.Get(s.ctx, s.key("back"), &x); err != nil {
			return err.Error()
		}
		c := meta.FindStatusCondition(x.Status.Conditions, api.ConditionSucceeded)
		if c == nil || c.Status != metav1.ConditionTrue {
			return fmt.Sprintf("%+v, volumes %+v", c, x.Status.Volumes)
		}
		return ""
	})
	s.volume("ledger-back")
	s.pod("reader", "ledger-back")
	if got := s.sh("reader", "cat /data/file"); got != "kept" {
		t.Errorf("the restored claim holds %q", got)
	}
	if got := s.sh("writer", "cat /data/file"); got != "kept" {
		t.Errorf("the source holds %q", got)
	}
}
