// SPDX-License-Identifier: Apache-2.0

// Package sim runs the real reconcilers over an API server and a storage system in memory, on a clock that is set by
// hand. Thirty days pass in seconds, every request can be made to fail, and the operator can be killed before or after any of them.
package sim
