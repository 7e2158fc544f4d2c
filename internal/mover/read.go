// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package mover moves and examines bytes. It runs in pods of its own, beside the volumes, never in the operator.
package mover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// Volume is one to be read.
type Volume struct {
	Name  string // how the result calls it
	Path  string // where it is mounted, or its device
	Block bool
}

// ReadOptions of Read.
type ReadOptions struct {
	manifest.Options
	// Folder is where manifests go, as NAME.mtree, and NAME.sha256 for block volumes; empty: nowhere. Only whole ones stay.
	Folder string
	// Now is asked how long reading takes.
	Now func() time.Time
}

// Read reads every byte of the volumes, one after the other, and goes on with the next when one cannot be read. The
// result holds all of them and no file names; the error says what was wrong and may name files.
func Read(ctx context.Context, volumes []Volume, o ReadOptions) (result.Result, error) {
	r := result.Result{Volumes: []result.Volume{}}
	var all error
	for _, v := range volumes {
		begun := o.Now()
		s, err := read(ctx, v, o)
		r.Volumes = append(r.Volumes, result.Volume{
			Name: v.Name, Digest: s.Digest, Files: s.Files, Directories: s.Directories, Others: s.Others, Bytes: s.Bytes,
			Unreadable: s.Unreadable, Seconds: math.Round(o.Now().Sub(begun).Seconds()*1000) / 1000,
		})
		if err != nil {
			all = errors.Join(all, fmt.Errorf("volume %s: %w", v.Name, err))
			if r.Error == "" {
				r.Error = fmt.Sprintf("volume %s: %s", v.Name, brief(ctx, err))
			}
		}
	}
	return r, all
}

func read(ctx context.Context, v Volume, o ReadOptions) (s manifest.Summary, err error) {
	if err := ctx.Err(); err != nil {
		return s, err
	}
	produce, suffix := manifest.Make, ".mtree"
	if v.Block {
		produce, suffix = manifest.MakeBlock, ".sha256"
	}
	if o.Folder == "" {
		return produce(ctx, v.Path, nil, o.Options)
	}
	err = WriteWhole(filepath.Join(o.Folder, v.Name+suffix), func(w io.Writer) (err error) {
		s, err = produce(ctx, v.Path, w, o.Options)
		return err
	})
	return s, err
}

// WriteWhole writes a file that appears under its name only once all of it is written; when that fails, there is none,
// and what stood there before still does.
func WriteWhole(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// brief says without any path what was wrong.
func brief(ctx context.Context, err error) string {
	var incomplete *manifest.Incomplete
	var number syscall.Errno
	switch {
	case ctx.Err() != nil:
		return "interrupted"
	case errors.As(err, &incomplete):
		return fmt.Sprintf("%d files or directories could not be read", incomplete.Unreadable)
	case errors.As(err, &number):
		return number.Error()
	default:
		return "it could not be read; see the log of the pod"
	}
}
