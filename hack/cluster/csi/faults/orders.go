// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// doneSuffix marks the file that tells what became of an order.
const doneSuffix = ".done"

// All is the order for every snapshot.
const All = "all"

// Order is a fault that is done once, to one snapshot.
type Order struct {
	Snapshot string // identifier, or All
	Path     string // of a file in the snapshot; empty: let the system choose
}

// Take reads the orders of a switch and removes its file: no order is carried out twice,
// since a byte that is flipped twice is whole again. One order per line.
func (s *Switches) Take(name string) ([]Order, error) {
	path := filepath.Join(s.dir, name)
	body, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || len(strings.TrimSpace(string(body))) == 0 && err == nil {
		return nil, nil // off, or about to be written
	}
	if err != nil {
		return nil, fmt.Errorf("fault switch %s: %w", name, err)
	}
	if err := os.Remove(path); err != nil {
		return nil, fmt.Errorf("fault switch %s: %w", name, err)
	}
	var orders []Order
	for line := range strings.Lines(string(body)) {
		snapshot, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		if snapshot != "" {
			orders = append(orders, Order{Snapshot: snapshot, Path: strings.TrimSpace(path)})
		}
	}
	return orders, nil
}

// Report writes what became of the orders of a switch next to it, one line per order: a test waits for that file.
func (s *Switches) Report(name string, lines []string) error {
	path := filepath.Join(s.dir, name+doneSuffix)
	if err := os.WriteFile(path+".tmp", []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
