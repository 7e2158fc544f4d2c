// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/lifeboat-dev/lifeboat/internal/mover"
	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
)

// source is what is to be read, and how.
type source struct {
	path    string
	block   bool
	options manifest.Options
}

func (s *source) bind(flags *flag.FlagSet) {
	flags.BoolVar(&s.block, "block", false, "PATH is a device, or a file, to be read as one stream")
	bindWorkers(flags, &s.options)
}

func bindWorkers(flags *flag.FlagSet, o *manifest.Options) {
	flags.IntVar(&o.Workers, "workers", 0, "how many files are read at a time; 0: twice as many as there are processors, from 4 to 16")
}

func (s *source) make(ctx context.Context, out io.Writer) (manifest.Summary, error) {
	s.options.Progress = &manifest.Progress{}
	defer show(s.options.Progress)()
	if s.block {
		return manifest.MakeBlock(ctx, s.path, out, s.options)
	}
	return manifest.Make(ctx, s.path, out, s.options)
}

func writeManifest(ctx context.Context, args []string) (err error) {
	var s source
	flags := flag.NewFlagSet("manifest", flag.ContinueOnError)
	s.bind(flags)
	out := flags.String("out", "-", "file to write; it appears only once it is whole. -: the standard output")
	if s.path, err = parse(flags, args); err != nil {
		return err
	}
	write := func(w io.Writer) error {
		_, err := s.make(ctx, w)
		return err
	}
	if *out == "-" {
		return write(os.Stdout)
	}
	return mover.WriteWhole(*out, write)
}

func printDigest(ctx context.Context, args []string) (err error) {
	var s source
	flags := flag.NewFlagSet("digest", flag.ContinueOnError)
	s.bind(flags)
	if s.path, err = parse(flags, args); err != nil {
		return err
	}
	summary, err := s.make(ctx, nil)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(summary)
}

func verify(ctx context.Context, args []string) error {
	var o manifest.VerifyOptions
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	file := flags.String("manifest", "", "the manifest, as `FILE`; -: the standard input")
	ignore := flags.String("ignore", "", "`KEYWORDS` in which entries may differ, such as gid,mode or xattr")
	bindWorkers(flags, &o.Options)
	path, err := parse(flags, args)
	if err != nil {
		return err
	}
	if *ignore != "" {
		o.Ignore = strings.Split(*ignore, ",")
	}
	in := os.Stdin
	if *file == "" {
		return fmt.Errorf("verify needs --manifest FILE")
	} else if *file != "-" {
		if in, err = os.Open(*file); err != nil {
			return err
		}
		defer in.Close()
	}
	o.Progress = &manifest.Progress{}
	stop := show(o.Progress)
	report, err := manifest.Verify(ctx, path, in, o)
	stop()
	if report.Manifest != "" {
		printReport(report)
	}
	if err == nil && !report.Same() {
		return errDiffer
	}
	return err
}

func printReport(r manifest.Report) {
	for _, line := range r.First {
		fmt.Println(line)
	}
	if more := r.Missing + r.Extra + r.Changed + r.Unreadable - int64(len(r.First)); more > 0 {
		fmt.Printf("and %d more\n", more)
	}
	fmt.Printf("missing %d, extra %d, changed %d, unreadable %d", r.Missing, r.Extra, r.Changed, r.Unreadable)
	for n, k := range slices.Sorted(maps.Keys(r.Keywords)) {
		fmt.Printf("%s %s %d", map[bool]string{true: ": changed in", false: ","}[n == 0], k, r.Keywords[k])
	}
	fmt.Printf("\nmanifest %s\n", r.Manifest)
}
