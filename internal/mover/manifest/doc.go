// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package manifest records what a volume holds, and compares it with what another one holds.
//
// A manifest is a text in the format of mtree(5): one line for each file, directory, symbolic link and so on, with its
// type, owner, mode, size, time of modification, target, extended attributes and the SHA-256 of its content. Paths
// are whole, and escaped as vis(3) does, so that ordinary tools can check them. The digest of a manifest, which is the
// SHA-256 of its text, is the fingerprint of the volume.
//
// Two volumes with the same content have the same text, whoever wrote it, with however many workers. Hence the text
// holds nothing that depends on the machine, the file system or the privileges of the reader:
//
//   - Entries stand in the order of a walk: a directory before what it contains, names sorted bytewise.
//   - Sizes and link counts of directories are left out, inode numbers too. Names of one file share a tag instead.
//   - lost+found at the top is left out. Making and checking an ext file system creates it, not its users, and only root
//     may read it.
//   - The root directory has no time: checking the file system, the kubelet and drivers write into it while they mount.
//     Its owner and mode are recorded. They are the same whenever a volume is mounted without a fsGroup.
//   - security.selinux is left out, because nodes set it anew for each pod, and trusted.*, because only root sees it.
//
// A walk never follows a symbolic link, never enters another mount, and opens nothing but directories and regular
// files. What it cannot read makes it incomplete: there is no digest then, and the text has no end mark.
package manifest
