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

// RepositoryPassword names the Secret with the generated password of a repository. People have to find it, so it has no hash.
func RepositoryPassword(repository string) string { return repository + "-repository-password" }

// CopyRun identifies the copying of one point to one target: what it made is told by it from what else was made for the point.
func CopyRun(pointUID, target string) string {
	return lock("copy", "", "copy-run", pointUID, target)
}

// Copier names a pod that copies a volume, by the run of its copy.
func Copier(claimName, copyRun, claimUID string, attempt, try int) string {
	return lock(claimName, "copy", "copier", copyRun, claimUID, strconv.Itoa(attempt), strconv.Itoa(try))
}

// Writer names a pod that writes a copy into a restored volume.
func Writer(claimName, runUID, claimUID string, attempt int) string {
	return lock(claimName, "write", "writer", runUID, claimUID, strconv.Itoa(attempt))
}

// Dossier names the pod that writes beside the data what a drill proved, by its attempt.
func Dossier(repository, drillUID string, attempt int) string {
	return lock(repository, "dossier", "dossier", drillUID, repository, strconv.Itoa(attempt))
}

// RepositoryPod names a pod that looks at a repository or tidies it up, by what it does and when it was begun. There is one of
// each at a time.
func RepositoryPod(repository, repositoryUID, task string, begun time.Time) string {
	return lock(repository, task, "repository", repositoryUID, task, begun.UTC().Format(time.RFC3339Nano))
}

// ImportedPoint names a recovery point that was made of what a repository holds.
func ImportedPoint(point, pointUID, repositoryID string) string {
	return lock(point, "imported", "import", pointUID, repositoryID)
}

// Forgetter names a pod that removes a copy from its repository, by the run of that copy.
func Forgetter(repository, copyRun string, attempt, try int) string {
	return lock(repository, "forget", "forgetter", copyRun, strconv.Itoa(attempt), strconv.Itoa(try))
}
