// SPDX-License-Identifier: Apache-2.0

// Package driver speaks CSI: it checks requests, hands them to the storage system and to the
// mounts, and phrases the answers. Every method may be called again after any failure.
package driver
