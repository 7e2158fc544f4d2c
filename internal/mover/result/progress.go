// SPDX-License-Identifier: Apache-2.0

package result

import (
	"bytes"
	"encoding/json"
)

// LastProgress finds the last line of progress in what a pod printed; none before it printed one. A line that was cut is passed over.
func LastProgress(printed []byte) Progress {
	lines := bytes.Split(printed, []byte("\n"))
	for i := len(lines) - 1; i >= 0; i-- {
		raw, is := bytes.CutPrefix(lines[i], []byte(ProgressMark))
		var p Progress
		if is && json.Unmarshal(raw, &p) == nil {
			return p
		}
	}
	return Progress{}
}
