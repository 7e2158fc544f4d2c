// SPDX-License-Identifier: Apache-2.0

// Package cel tests the validation of Lifeboat's kinds against a real API server: what is accepted, and that each
// refusal names the field and the remedy. A case changes a valid object and says which refusals it expects.
package cel
