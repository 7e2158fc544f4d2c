// SPDX-License-Identifier: Apache-2.0

package names

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"
)

// Drill names the drill of a policy's drill slot.
func Drill(policyName, policyUID string, slot time.Time) string {
	return lock(policyName, "drill-"+Stamp(slot), "drill", policyUID, slot.UTC().Format(time.RFC3339Nano))
}

// StackDrill names the drill that a change of the storage stack asks for.
func StackDrill(policyName, policyUID string, stack []string) string {
	return lock(policyName, "drill-storage", append([]string{"stack-drill", policyUID}, stack...)...)
}

// Throwaway names the claim into which a run, such as a drill, restores the volume of a captured claim.
func Throwaway(claimName, runUID, claimUID string) string {
	return lock(claimName, "restored", "throwaway", runUID, claimUID)
}

// Reader names the pod that reads the volume which a run restored. A pod that was lost is followed by the next attempt.
func Reader(claimName, runUID, claimUID string, attempt int) string {
	return lock(claimName, "read", "reader", runUID, claimUID, strconv.Itoa(attempt))
}

// CheckPod names the pod of one check of a drill.
func CheckPod(check, drillUID string) string {
	return lock(check, "check", "check", drillUID, check)
}

// Isolation names the NetworkPolicy of a drill's pods.
func Isolation(drillName, drillUID string) string {
	return lock(drillName, "isolation", "isolation", drillUID)
}

// Evidence names the ConfigMap that holds the signed statement of a drill.
func Evidence(policyName, drillUID string) string {
	return lock(policyName, "evidence", "evidence", drillUID)
}

// Manifest names the ConfigMap that holds the list of files behind the fingerprint of a captured claim.
func Manifest(claimName, pointUID, claimUID string) string {
	return lock(claimName, "manifest", "manifest", pointUID, claimUID)
}

// SafetyPoint names the recovery point of the state before a restore in place.
func SafetyPoint(restoreName, restoreUID string) string {
	return lock(restoreName, "before", "safety-point", restoreUID)
}

// Digest is a short fingerprint of the parts, by which a change of any of them is seen.
func Digest(parts ...string) string {
	sum := digest(parts...)
	return hex.EncodeToString(sum[:6])
}

// Hash is a number that depends on the parts alone, for choices that can be repeated.
func Hash(parts ...string) uint64 {
	sum := digest(parts...)
	return binary.BigEndian.Uint64(sum[:])
}
