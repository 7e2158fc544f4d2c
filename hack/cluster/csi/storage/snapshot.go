// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"cmp"
	"errors"
	"maps"
	"slices"
)

// CreateSnapshot makes a snapshot of a volume, or finds the one that was made under this name.
func (a *Array) CreateSnapshot(name, volume string) (Snapshot, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := identify(name)
	if found, exists := a.findSnapshot(id); exists {
		if found.Name != name || found.Volume != volume {
			return Snapshot{}, refuse(Conflict, "snapshot %s exists, of volume %s", id, found.Volume)
		}
		return found, nil
	}
	snapshot, err := a.cut(id, volume)
	if err != nil {
		return Snapshot{}, err
	}
	snapshot.Name = name
	if err := save(a.snapshotRecords(), id, snapshot); err != nil {
		return Snapshot{}, err
	}
	a.snapshots[id] = snapshot
	return snapshot, nil
}

// cut makes the subvolume of a snapshot. Its time is read before: what was written before
// that time is in the snapshot for certain.
func (a *Array) cut(id, volumeID string) (Snapshot, error) {
	volume, exists := a.volumes[volumeID]
	if !exists {
		return Snapshot{}, refuse(NotFound, "no volume %s", volumeID)
	}
	path := a.snapshotPath(id)
	if err := a.clear(path); err != nil {
		return Snapshot{}, err
	}
	at := a.now()
	if err := a.disk.Snapshot(a.volumePath(volumeID), path, ReadOnly); err != nil {
		return Snapshot{}, errors.Join(err, a.clear(path))
	}
	return Snapshot{ID: id, Volume: volumeID, Mode: volume.Mode, FSType: volume.FSType, Bytes: volume.Bytes, Created: at}, nil
}

// DeleteSnapshot removes a snapshot; one that is not there is no error. A member of a
// group goes with its group only.
func (a *Array) DeleteSnapshot(id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, exists := a.findSnapshot(id)
	if !exists {
		return nil
	}
	if found.Group != "" {
		return refuse(Invalid, "snapshot %s belongs to group snapshot %s: delete the group snapshot", id, found.Group)
	}
	return a.discard(found)
}

// discard removes a snapshot from its record, or from the record of its group, then its data.
func (a *Array) discard(snapshot Snapshot) error {
	if snapshot.Group == "" {
		if err := drop(a.snapshotRecords(), snapshot.ID); err != nil {
			return err
		}
		delete(a.snapshots, snapshot.ID)
		return a.disk.Delete(a.snapshotPath(snapshot.ID))
	}
	group := a.groups[snapshot.Group]
	group.Members = slices.DeleteFunc(slices.Clone(group.Members), func(s Snapshot) bool { return s.ID == snapshot.ID })
	if err := save(a.groupRecords(), group.ID, group); err != nil {
		return err
	}
	a.groups[group.ID] = group
	return a.disk.Delete(a.snapshotPath(snapshot.ID))
}

// Snapshot finds a snapshot and the path of its subvolume.
func (a *Array) Snapshot(id string) (Snapshot, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	snapshot, exists := a.findSnapshot(id)
	if !exists {
		return Snapshot{}, "", refuse(NotFound, "no snapshot %s", id)
	}
	return snapshot, a.snapshotPath(id), nil
}

// Snapshots are all snapshots, members of groups included, in ascending order of identifier.
func (a *Array) Snapshots() []Snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := maps.Clone(a.snapshots)
	for _, group := range a.groups {
		for _, member := range group.Members {
			all[member.ID] = member
		}
	}
	return sorted(all, func(s Snapshot) string { return s.ID })
}

func (a *Array) findSnapshot(id string) (Snapshot, bool) {
	if found, exists := a.snapshots[id]; exists {
		return found, true
	}
	for _, group := range a.groups {
		for _, member := range group.Members {
			if member.ID == id {
				return member, true
			}
		}
	}
	return Snapshot{}, false
}

func sorted[T any](items map[string]T, key func(T) string) []T {
	return slices.SortedFunc(maps.Values(items), func(x, y T) int { return cmp.Compare(key(x), key(y)) })
}
