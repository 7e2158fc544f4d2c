// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/mover"
	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// volumes is a flag that may be given several times, as NAME=PATH.
type volumes struct {
	all   *[]mover.Volume
	block bool
}

func (v volumes) String() string { return "" }

func (v volumes) Set(s string) error {
	name, path, _ := strings.Cut(s, "=")
	// The name becomes a file's name with --manifest-dir.
	if name == "" || path == "" || strings.ContainsAny(name, "/\x00") || strings.HasPrefix(name, ".") {
		return errors.New("must be NAME=PATH, the name without a slash")
	}
	for _, other := range *v.all {
		if other.Name == name {
			return fmt.Errorf("there are two volumes %s", name)
		}
	}
	*v.all = append(*v.all, mover.Volume{Name: name, Path: path, Block: v.block})
	return nil
}

func read(ctx context.Context, args []string) error {
	var all []mover.Volume
	o := mover.ReadOptions{Now: time.Now}
	flags := flag.NewFlagSet("read", flag.ContinueOnError)
	flags.Var(volumes{&all, false}, "volume", "`NAME=PATH` of a mounted volume; may be repeated")
	flags.Var(volumes{&all, true}, "block", "`NAME=DEVICE` of a block volume; may be repeated")
	log := flags.String("termination-log", "/dev/termination-log", "`FILE` for the result")
	flags.StringVar(&o.Folder, "manifest-dir", "", "`FOLDER` for the manifests, NAME.mtree, and NAME.sha256 of block volumes; empty: none are written")
	most := flags.Int("print-manifests", 0, "print each manifest of --manifest-dir, compressed, when it takes no more than so many `BYTES`; 0: none")
	bindWorkers(flags, &o.Options)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || len(all) == 0 {
		return errors.New("read needs --volume NAME=PATH or --block NAME=DEVICE, and nothing else behind its flags")
	}
	if *most > 0 && o.Folder == "" {
		return errors.New("--print-manifests needs --manifest-dir FOLDER, where they are written first")
	}
	r, err := readAll(ctx, all, o)
	if err == nil && *most > 0 {
		err = printManifests(all, o.Folder, *most)
	}
	raw, encoding := result.Encode(r)
	if encoding != nil {
		return errors.Join(err, encoding)
	}
	// Not by way of another file: the kubelet has mounted this one.
	return errors.Join(err, os.WriteFile(*log, raw, 0o644))
}

func readAll(ctx context.Context, all []mover.Volume, o mover.ReadOptions) (result.Result, error) {
	var names []string
	for _, v := range all {
		names = append(names, v.Name)
	}
	if err := result.Fits(names); err != nil {
		return result.Result{Error: err.Error()}, err
	}
	o.Progress = &manifest.Progress{}
	defer show(o.Progress)()
	return mover.Read(ctx, all, o)
}

// printManifests prints what is small enough. What is not is passed over: the fingerprint does not need it.
func printManifests(all []mover.Volume, folder string, most int) error {
	for _, v := range all {
		if v.Block {
			continue
		}
		f, err := os.Open(filepath.Join(folder, v.Name+".mtree"))
		if err != nil {
			return err
		}
		_, err = result.PrintManifest(os.Stdout, f, most)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
