// SPDX-License-Identifier: Apache-2.0

package btrfs

import "testing"

func TestReferenced(t *testing.T) {
	table := "Qgroupid    Referenced    Exclusive   Path \n--------    ----------    ---------   ---- \n0/256         52412416        16384   volumes/a\n"
	if got, err := referenced(table); err != nil || got != 52412416 {
		t.Errorf("referenced = %d, %v", got, err)
	}
	if _, err := referenced("Qgroupid Referenced\n"); err == nil {
		t.Error("a table without a row is accepted")
	}
}

func TestOpenRefusesOtherFileSystems(t *testing.T) {
	if _, err := Open("/proc"); err == nil {
		t.Error("/proc is taken for btrfs")
	}
}
