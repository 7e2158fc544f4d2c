// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"fmt"
	"os/exec"
	"strings"
)

// XFS is the type of a file system that lies in an image, as on a disk of its own. Without a type a volume is a directory.
const XFS = "xfs"

// leastXFS is the size below which mkfs.xfs refuses: 300 MiB.
const leastXFS int64 = 300 << 20

// inImage says whether the bytes of a volume are in an image, and not in its subvolume.
func inImage(mode Mode, fsType string) bool { return mode == Block || fsType == XFS }

// format makes an XFS file system in an empty image.
func format(image string) error {
	out, err := exec.Command("mkfs.xfs", "-q", image).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.xfs %s: %w: %s", image, err, strings.TrimSpace(string(out)))
	}
	return nil
}
