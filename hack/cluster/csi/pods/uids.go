// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"regexp"
	"slices"
)

// The kubelet has the pod's UID in every path at which it has a volume published.
var publishPaths = []*regexp.Regexp{
	regexp.MustCompile(`/pods/([^/]+)/`),
	regexp.MustCompile(`/volumeDevices/publish/[^/]+/([^/]+)$`),
}

// At are the UIDs of the pods that have volumes at the given mount points, in ascending order.
func At(mountpoints []string) []string {
	var uids []string
	for _, path := range mountpoints {
		for _, form := range publishPaths {
			if match := form.FindStringSubmatch(path); match != nil {
				uids = append(uids, match[1])
			}
		}
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}
