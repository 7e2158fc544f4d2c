// SPDX-License-Identifier: Apache-2.0

package storage

import "fmt"

// Reason says why the storage system refuses a request.
type Reason string

// The reasons of refusals.
const (
	NotFound   Reason = "NotFound"
	Conflict   Reason = "Conflict"
	OutOfRange Reason = "OutOfRange"
	Invalid    Reason = "Invalid"
)

// Refusal is the error for a request that is wrong, as opposed to a disk that fails.
type Refusal struct {
	Reason  Reason
	Message string
}

func (r *Refusal) Error() string { return r.Message }

func refuse(reason Reason, format string, args ...any) error {
	return &Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
