// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Jitter returns the delay of the object with this UID: the same on every call, in [0, window), and
// spread evenly over a fleet, so that thousands of policies of one cron expression do not start
// together. A window of zero or less gives no delay.
func Jitter(uid string, window time.Duration) time.Duration {
	if window <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(uid))
	return time.Duration(binary.BigEndian.Uint64(sum[:8]) % uint64(window))
}
