// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"slices"
)

// Hold keeps all writers to some volumes waiting until release is called.
type Hold func() (release func() error, err error)

// CreateGroup makes snapshots of several volumes at one instant, or finds those that were made
// under this name. The record is written when all are made: a group exists wholly or not at all.
func (a *Array) CreateGroup(name string, volumes []string, hold Hold) (Group, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := identify(name)
	volumes = slices.Compact(slices.Sorted(slices.Values(volumes)))
	if found, exists := a.groups[id]; exists {
		if found.Name != name || !slices.Equal(found.Volumes, volumes) {
			return Group{}, refuse(Conflict, "group snapshot %s exists, of volumes %v", id, found.Volumes)
		}
		return found, nil
	}
	for _, volume := range volumes {
		if _, exists := a.volumes[volume]; !exists {
			return Group{}, refuse(NotFound, "no volume %s", volume)
		}
	}
	group := Group{ID: id, Name: name, Volumes: volumes}
	if err := a.cutHeld(&group, hold); err != nil {
		return Group{}, errors.Join(err, a.removeData(group.Members))
	}
	if err := save(a.groupRecords(), id, group); err != nil {
		return Group{}, errors.Join(err, a.removeData(group.Members))
	}
	a.groups[id] = group
	return group, nil
}

// cutHeld cuts all members while nobody writes.
func (a *Array) cutHeld(group *Group, hold Hold) error {
	release, err := hold()
	if err != nil {
		return err
	}
	group.Created = a.now()
	return errors.Join(a.cutMembers(group), release())
}

func (a *Array) cutMembers(group *Group) error {
	for _, volume := range group.Volumes {
		member, err := a.cut(identifyMember(group.ID, volume), volume)
		if err != nil {
			return err
		}
		// One instant for all: the group is as old as its first member.
		member.Group, member.Created = group.ID, group.Created
		group.Members = append(group.Members, member)
	}
	return nil
}

func (a *Array) removeData(members []Snapshot) error {
	var err error
	for _, member := range members {
		err = errors.Join(err, a.disk.Delete(a.snapshotPath(member.ID)))
	}
	return err
}

// DeleteGroup removes a group snapshot and its members; one that is not there is no error.
func (a *Array) DeleteGroup(id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	group, exists := a.groups[id]
	if !exists {
		return nil
	}
	if err := drop(a.groupRecords(), id); err != nil {
		return err
	}
	delete(a.groups, id)
	return a.removeData(group.Members)
}

// Group finds a group snapshot.
func (a *Array) Group(id string) (Group, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	group, exists := a.groups[id]
	if !exists {
		return Group{}, refuse(NotFound, "no group snapshot %s", id)
	}
	return group, nil
}
