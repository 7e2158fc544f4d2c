// SPDX-License-Identifier: Apache-2.0

// Package envtest tests the operator's own program against a real API server with authorization on. The program runs
// as the service account of config/rbac, with those roles and nothing else; the storage system is played by the test.
package envtest
