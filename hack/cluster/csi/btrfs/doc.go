// SPDX-License-Identifier: Apache-2.0

// Package btrfs drives the btrfs command: subvolumes, snapshots and quota groups.
// Every volume and every snapshot is one subvolume, so copies share their blocks
// until one of them changes, and a volume's size is the limit of its quota group.
package btrfs
