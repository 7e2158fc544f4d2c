// SPDX-License-Identifier: Apache-2.0

// Package storage is one storage system: volumes, snapshots and group snapshots,
// durable under one directory.
//
//	ROOT/volumes/ID        the subvolume of a volume (a block volume's bytes are in disk.img inside)
//	ROOT/snapshots/ID      the read-only subvolume of a snapshot
//	ROOT/records/…/ID.json what the system knows about it
//
// The record is the truth. Making: the subvolume first, the record last. Deleting: the
// record first, the subvolume last. So a kill at any instant leaves at worst a subvolume
// without a record, which nobody was ever told about (or was told to be gone) and which
// the next start sweeps away. A group snapshot is one record, so it exists wholly or not at all.
package storage
