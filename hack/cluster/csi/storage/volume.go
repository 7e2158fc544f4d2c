// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"os"
	"path/filepath"
)

// DefaultBytes is the size of a volume for which none was asked: 1 GiB.
const DefaultBytes int64 = 1 << 30

// Image is the file that holds the bytes of a block or XFS volume, within its subvolume.
const Image = "disk.img"

// VolumeRequest asks for a volume. Limit 0 means that it may be as large as the system likes.
type VolumeRequest struct {
	Name     string
	Mode     Mode
	FSType   string // XFS or empty
	Required int64
	Limit    int64
	Source   Source
}

// CreateVolume makes a volume, or finds the one that was made under this name.
func (a *Array) CreateVolume(ask VolumeRequest) (Volume, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := identify(ask.Name)
	if found, exists := a.volumes[id]; exists {
		return found, sameVolume(found, ask)
	}
	origin, err := a.origin(ask)
	if err != nil {
		return Volume{}, err
	}
	bytes, err := a.size(ask, origin.bytes)
	if err != nil {
		return Volume{}, err
	}
	volume := Volume{ID: id, Name: ask.Name, Mode: ask.Mode, FSType: ask.FSType, Bytes: bytes, Source: ask.Source, Created: a.now()}
	if err := a.fill(volume, origin.path); err != nil {
		return Volume{}, errors.Join(err, a.clear(a.volumePath(id)))
	}
	if err := save(a.volumeRecords(), id, volume); err != nil {
		return Volume{}, err
	}
	a.volumes[id] = volume
	return volume, nil
}

func sameVolume(found Volume, ask VolumeRequest) error {
	switch {
	case found.Name != ask.Name:
		return refuse(Conflict, "volume %s exists under another name", found.ID)
	case found.Bytes < ask.Required, ask.Limit > 0 && found.Bytes > ask.Limit:
		return refuse(Conflict, "volume %s exists with %d bytes, asked for %d to %d", found.ID, found.Bytes, ask.Required, ask.Limit)
	case found.Mode != ask.Mode:
		return refuse(Conflict, "volume %s exists in mode %s, asked for %s", found.ID, found.Mode, ask.Mode)
	case found.FSType != ask.FSType:
		return refuse(Conflict, "volume %s exists with file system %q, asked for %q", found.ID, found.FSType, ask.FSType)
	case found.Source != ask.Source:
		return refuse(Conflict, "volume %s exists with other content source", found.ID)
	}
	return nil
}

// origin is what the new volume starts from; an empty path means from nothing.
type origin struct {
	path   string
	mode   Mode
	fsType string
	bytes  int64
}

func (a *Array) origin(ask VolumeRequest) (origin, error) {
	from := origin{mode: ask.Mode, fsType: ask.FSType}
	switch {
	case ask.Source.Snapshot != "":
		snapshot, exists := a.findSnapshot(ask.Source.Snapshot)
		if !exists {
			return origin{}, refuse(NotFound, "no snapshot %s", ask.Source.Snapshot)
		}
		from = origin{path: a.snapshotPath(snapshot.ID), mode: snapshot.Mode, fsType: snapshot.FSType, bytes: snapshot.Bytes}
	case ask.Source.Volume != "":
		volume, exists := a.volumes[ask.Source.Volume]
		if !exists {
			return origin{}, refuse(NotFound, "no volume %s to clone", ask.Source.Volume)
		}
		from = origin{path: a.volumePath(volume.ID), mode: volume.Mode, fsType: volume.FSType, bytes: volume.Bytes}
	}
	if from.mode != ask.Mode {
		return origin{}, refuse(Invalid, "the source is in mode %s: ask for a volume in the same mode, not %s", from.mode, ask.Mode)
	}
	if from.fsType != ask.FSType {
		return origin{}, refuse(Invalid, "the source has file system %q: ask for the same, not %q", from.fsType, ask.FSType)
	}
	return from, nil
}

// size chooses the bytes of a new volume: what is required, at least as much as its source.
func (a *Array) size(ask VolumeRequest, source int64) (int64, error) {
	total, _, err := a.disk.Space()
	if err != nil {
		return 0, err
	}
	bytes := ask.Required
	if bytes == 0 {
		bytes = wish(source, ask.Limit)
	}
	switch {
	case bytes < source:
		return 0, refuse(OutOfRange, "%d bytes asked, the source has %d: ask for at least that", bytes, source)
	case ask.Limit > 0 && bytes > ask.Limit:
		return 0, refuse(OutOfRange, "%d bytes required, but at most %d allowed", bytes, ask.Limit)
	case ask.FSType == XFS && bytes < leastXFS:
		return 0, refuse(OutOfRange, "%d bytes asked, an XFS file system has at least %d: ask for that", bytes, leastXFS)
	case bytes > total:
		return 0, refuse(OutOfRange, "%d bytes asked, the whole storage system has %d", bytes, total)
	}
	return bytes, nil
}

// wish is the size when the request leaves it open.
func wish(source, limit int64) int64 {
	bytes := DefaultBytes
	if source > 0 {
		bytes = source
	}
	if limit > 0 {
		bytes = min(bytes, limit)
	}
	return bytes
}

// fill makes the subvolume of a volume and bounds it.
func (a *Array) fill(volume Volume, from string) error {
	path := a.volumePath(volume.ID)
	if err := a.clear(path); err != nil {
		return err
	}
	if from == "" {
		if err := a.disk.Create(path); err != nil {
			return err
		}
	} else if err := a.disk.Snapshot(from, path, Writable); err != nil {
		return err
	}
	if !inImage(volume.Mode, volume.FSType) {
		return a.disk.Limit(path, volume.Bytes)
	}
	// What lies in an image cannot grow beyond it. A bound on the subvolume would count the
	// file system's own blocks too and fail writes within the promised size.
	image := filepath.Join(path, Image)
	if err := errors.Join(a.disk.Limit(path, Unlimited), stretch(image, volume.Bytes)); err != nil {
		return err
	}
	if volume.FSType == XFS && from == "" {
		return format(image)
	}
	return nil
}

func stretch(image string, bytes int64) error {
	file, err := os.OpenFile(image, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(bytes), file.Close())
}

// DeleteVolume removes a volume; one that is not there is no error.
func (a *Array) DeleteVolume(id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, exists := a.volumes[id]; !exists {
		return nil
	}
	if err := drop(a.volumeRecords(), id); err != nil {
		return err
	}
	delete(a.volumes, id)
	return a.disk.Delete(a.volumePath(id))
}

// Volume finds a volume and the path of its subvolume.
func (a *Array) Volume(id string) (Volume, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	volume, exists := a.volumes[id]
	if !exists {
		return Volume{}, "", refuse(NotFound, "no volume %s", id)
	}
	return volume, a.volumePath(id), nil
}

// Volumes are all volumes in ascending order of identifier.
func (a *Array) Volumes() []Volume {
	a.mu.Lock()
	defer a.mu.Unlock()
	return sorted(a.volumes, func(v Volume) string { return v.ID })
}

// Used is what a volume holds, in bytes.
func (a *Array) Used(id string) (int64, error) {
	_, path, err := a.Volume(id)
	if err != nil {
		return 0, err
	}
	return a.disk.Used(path)
}
