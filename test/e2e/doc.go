// SPDX-License-Identifier: Apache-2.0

// Package e2e shows Lifeboat's promises on a real cluster with real CSI storage: `make e2e`. Each test has a namespace
// of its own and leaves nothing behind, neither objects nor bytes, also when it fails.
package e2e
