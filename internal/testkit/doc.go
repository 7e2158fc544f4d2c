// SPDX-License-Identifier: Apache-2.0

// Package testkit is what tests stand on: an API server in memory that keeps the promises which the operator relies on
// (preconditions, optimistic locks, finalizers, generations, terminating namespaces), a scripted storage system with its
// snapshot controller, builders, and the invariants of docs and design as predicates over all of it.
//
// The API server is our own and not the fake client of controller-runtime: that one gives out no UIDs and no
// generations, ignores UID preconditions, and writes patches that change nothing. Each of these would hide a fault.
// What is simplified: there is no defaulting and no validation (envtest has them), and server-side apply knows top-level
// fields of the status only.
package testkit
