// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const recordSuffix = ".json"

// load reads every record of a directory, by identifier.
func load[T any](dir string) (map[string]T, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := map[string]T{}
	for _, entry := range entries {
		id, isRecord := strings.CutSuffix(entry.Name(), recordSuffix)
		if !isRecord {
			continue // a temporary file of a write that was cut short
		}
		body, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		var record T
		if err := json.Unmarshal(body, &record); err != nil {
			return nil, fmt.Errorf("record %s: %w", filepath.Join(dir, entry.Name()), err)
		}
		found[id] = record
	}
	return found, nil
}

// save replaces a record in one step: a reader sees the old or the new one, also after a crash.
func save(dir, id string, record any) error {
	body, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "*.tmp")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(body)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), filepath.Join(dir, id+recordSuffix)); err != nil {
		return err
	}
	return syncDirectory(dir)
}

// drop removes a record; a record that is not there is no error.
func drop(dir, id string) error {
	err := os.Remove(filepath.Join(dir, id+recordSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncDirectory(dir))
}

func syncDirectory(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(handle.Sync(), handle.Close())
}
