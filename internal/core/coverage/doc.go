// SPDX-License-Identifier: Apache-2.0

// Package coverage says which claims of a cluster no policy looks after, and which namespaces are to be given a policy for
// that. Every claim in the scope of a ClusterBackupPolicy is in exactly one of three: covered, exempt, uncovered.
package coverage
