// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// epoch is every file's time, so that equal content gives an equal image.
var epoch = time.Unix(0, 0)

// Tree adds files to a layer.
type Tree struct {
	out   *tar.Writer
	made  map[string]bool
	first map[inode]string
}

type inode struct{ device, number uint64 }

// File adds a file with content given by a path on this machine.
func (t *Tree) File(source, name string, mode int64) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.parents(name); err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: relative(name), Mode: mode, Size: info.Size(), ModTime: epoch}
	if err := t.out.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(t.out, f)
	return err
}

// Text adds a file with the given content.
func (t *Tree) Text(name, content string) error {
	if err := t.parents(name); err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: relative(name), Mode: 0o644, Size: int64(len(content)), ModTime: epoch}
	if err := t.out.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.WriteString(t.out, content)
	return err
}

// Link adds a symbolic link.
func (t *Tree) Link(name, target string) error {
	if err := t.parents(name); err != nil {
		return err
	}
	return t.out.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: relative(name), Linkname: target, Mode: 0o777, ModTime: epoch})
}

// Dir adds a folder.
func (t *Tree) Dir(name string, mode int64) error {
	name = relative(name)
	if t.made[name] || name == "." {
		return nil
	}
	if err := t.parents(name); err != nil {
		return err
	}
	t.made[name] = true
	return t.out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, ModTime: epoch})
}

func (t *Tree) parents(name string) error { return t.Dir(filepath.Dir(relative(name)), 0o755) }

func relative(name string) string {
	clean := filepath.Clean("/" + name)
	if clean == "/" {
		return "."
	}
	return clean[1:]
}

// Copy adds everything below a folder, with owners, modes and hard links.
// Devices and sockets are left out: the runtime makes /dev.
func (t *Tree) Copy(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return t.copyOne(path, name, info)
	})
}

func (t *Tree) copyOne(path, name string, info fs.FileInfo) error {
	if info.Mode()&(fs.ModeDevice|fs.ModeSocket|fs.ModeNamedPipe) != 0 {
		return nil
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name, header.ModTime = name, epoch
	header.AccessTime, header.ChangeTime, header.Uname, header.Gname = time.Time{}, time.Time{}, "", ""
	if info.IsDir() {
		header.Name += "/"
		t.made[name] = true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("read the owner of " + path)
	}
	id := inode{stat.Dev, stat.Ino}
	if earlier, seen := t.first[id]; seen && info.Mode().IsRegular() {
		header.Typeflag, header.Linkname, header.Size = tar.TypeLink, earlier, 0
		return t.out.WriteHeader(header)
	}
	t.first[id] = name
	if err := t.out.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(t.out, f); err != nil {
		return fmt.Errorf("add %s: %w", path, err)
	}
	return nil
}

// Placement splits PATH=DESTINATION; without a destination the file goes to the root.
func Placement(binary string) (source, destination string) {
	source, destination, found := strings.Cut(binary, "=")
	if !found {
		destination = "/" + filepath.Base(source)
	}
	return source, destination
}

// Contents fills an image with a root file system, when there is one, and executable files.
func Contents(rootfs string, binaries []string) func(*Tree) error {
	return func(t *Tree) error {
		if rootfs != "" {
			if err := t.Copy(rootfs); err != nil {
				return err
			}
		}
		for _, b := range binaries {
			source, destination := Placement(b)
			if err := t.File(source, destination, 0o755); err != nil {
				return err
			}
		}
		return nil
	}
}
