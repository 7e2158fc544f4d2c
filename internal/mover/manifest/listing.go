// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"golang.org/x/sys/unix"
)

// listing is what a directory contains, sorted bytewise by name. All names lie in one block, so that a directory of
// millions costs 8 bytes for each besides its name.
type listing struct {
	names []byte
	items []item
}

// item is a name in the block.
type item struct {
	start  uint32
	length uint8 // names have at most 255 bytes
	kind   uint8 // unix.DT_REG and so on; unix.DT_UNKNOWN where the file system does not tell
}

func (l *listing) name(i item) []byte { return l.names[i.start : int(i.start)+int(i.length)] }

// list reads the whole directory.
func list(fd int, buffer []byte) (*listing, error) {
	l := &listing{}
	for {
		n, err := unix.ReadDirent(fd, buffer)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			break
		}
		l.parse(buffer[:n])
		if uint64(len(l.names)) > math.MaxUint32 {
			return nil, errors.New("its names take more than 4 GiB")
		}
	}
	slices.SortFunc(l.items, func(a, b item) int { return bytes.Compare(l.name(a), l.name(b)) })
	// A directory that changes while it is read may show a name twice.
	l.items = slices.CompactFunc(l.items, func(a, b item) bool { return bytes.Equal(l.name(a), l.name(b)) })
	return l, nil
}

// parse takes in records of getdents64(2): inode (8 bytes), offset (8), length of the record (2), kind (1), and the name
// with a final zero.
func (l *listing) parse(records []byte) {
	const length, kind, name = 16, 18, 19
	for len(records) >= name {
		record := records[:binary.NativeEndian.Uint16(records[length:])]
		records = records[len(record):]
		n, _, _ := bytes.Cut(record[name:], []byte{0})
		if len(n) <= 2 && (string(n) == "." || string(n) == "..") {
			continue
		}
		l.items = append(l.items, item{start: uint32(len(l.names)), length: uint8(len(n)), kind: record[kind]})
		l.names = append(l.names, n...)
	}
}
