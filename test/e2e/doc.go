// SPDX-License-Identifier: Apache-2.0

// Package e2e shows Lifeboat's promises on a real cluster with real CSI storage: `make e2e`. Each test has a namespace
// of its own and leaves nothing behind, neither objects nor bytes, also when it fails.
//
// One test: make e2e GOTESTFLAGS="-run TestHooks -v". They need the test cluster, because they make its storage systems
// fail and look at the disks. Tests that kill the operator run first and alone; the others run side by side, in about
// five minutes. The Lifeboat that they install stays, with hooks enabled and a retention grace of 20 seconds.
package e2e
