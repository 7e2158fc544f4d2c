// SPDX-License-Identifier: Apache-2.0

//go:build linux

package recovery

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/core/catalogue"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover"
	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string { return strings.Join(*t, ",") }

func (t *texts) Set(s string) error {
	*t = append(*t, s)
	return nil
}

// task is what is to be restored, and where.
type task struct {
	access
	wish    catalogue.Wish
	claims  texts
	paths   texts
	to      string
	workers int
}

func parseTask(args []string) (task, error) {
	var k task
	asOf := ""
	flags := flag.NewFlagSet("restore", flag.ContinueOnError)
	k.bind(flags)
	flags.StringVar(&k.wish.Point, "point", "", "`NAME` or UID of the recovery point; the newest complete one when absent")
	flags.StringVar(&asOf, "as-of", "", "the newest complete point that is not younger than this `TIME`, such as 2009-10-01T03:00:00Z")
	flags.StringVar(&k.wish.Policy, "policy", "", "`NAME`, or NAMESPACE/NAME, where the repository holds points of several policies")
	flags.Var(&k.claims, "claim", "`NAME` of a claim; may be repeated; all of the point when absent")
	flags.Var(&k.paths, "path", "only this `PATH` of the volume; may be repeated; needs a single claim")
	flags.StringVar(&k.to, "to", "", "`FOLDER` to restore into, empty or new: each claim into a folder of its name")
	flags.IntVar(&k.workers, "workers", 0, "how many files are written at a time; 0: by the number of processors")
	if err := parse(flags, args); err != nil {
		return k, err
	}
	if asOf != "" {
		var err error
		if k.wish.AsOf, err = time.Parse(time.RFC3339, asOf); err != nil {
			return k, fmt.Errorf("--as-of %q is no time such as 2009-10-01T03:00:00Z", asOf)
		}
	}
	switch {
	case k.to == "":
		return k, errors.New("--to is missing: name a folder to restore into")
	case k.wish.Point != "" && asOf != "":
		return k, errors.New("--point and --as-of exclude each other")
	}
	return k, nil
}

// Restore brings a point back into a folder, and verifies it.
func (t Tool) Restore(ctx context.Context, args []string) error {
	k, err := parseTask(args)
	if err != nil {
		return err
	}
	into, err := prepare(k.to)
	if err != nil {
		return err
	}
	defer into.Close()
	return t.with(ctx, k.access, func(ctx context.Context, repo repository.Repository) error {
		copies, err := repo.Copies(ctx, order.Volume{})
		if err != nil {
			return err
		}
		point, err := catalogue.Choose(catalogue.Points(records(copies)), k.wish)
		if err != nil {
			return err
		}
		chosen, err := point.Chosen(k.claims)
		if err != nil {
			return err
		}
		if len(k.paths) > 0 && len(chosen) != 1 {
			return fmt.Errorf("--path needs a single claim, and the point has %d: name one in --claim", len(chosen))
		}
		fmt.Fprintf(t.Err, "point %s of %s/%s, taken at %s\n", shown(point.Name), shown(point.Namespace), shown(point.Policy), point.Taken.UTC().Format(time.RFC3339))
		if !point.Complete() {
			fmt.Fprintf(t.Err, "this point is not complete: %d of its %d volumes were copied\n", len(point.Records), point.Volumes)
		}
		return t.restoreAll(ctx, repo, k, into, wanted(copies, chosen))
	})
}

// wanted are the copies of records.
func wanted(copies []repository.Stored, chosen []order.Record) (all []repository.Stored) {
	for _, r := range chosen {
		at := slices.IndexFunc(copies, func(s repository.Stored) bool { return s.PointUID == r.PointUID && s.ClaimUID == r.ClaimUID })
		all = append(all, copies[at])
	}
	return all
}

// prepare makes the folder, if it is not there, and refuses one that holds something.
func prepare(to string) (*os.Root, error) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return nil, fmt.Errorf("--to: %w", err)
	}
	files, err := os.ReadDir(to)
	if err != nil {
		return nil, fmt.Errorf("--to: %w", err)
	}
	if len(files) > 0 {
		return nil, fmt.Errorf("--to: the folder %s is not empty: name a new one", to)
	}
	return os.OpenRoot(to)
}

// claimName is what Kubernetes lets a claim be called. A repository may say anything.
var claimName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// restored is a volume that was restored.
type restored struct {
	claim   string
	files   int64
	bytes   int64
	lost    int64
	took    time.Duration
	digest  string
	partial bool
}

// restoreAll restores volumes one after the other, and goes on with the next when one fails: something is better than nothing.
func (t Tool) restoreAll(ctx context.Context, repo repository.Repository, k task, into *os.Root, copies []repository.Stored) error {
	var all []restored
	var failed error
	for _, c := range copies {
		r, err := t.restoreOne(ctx, repo, k, into, c)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("claim %s: %w", shown(c.Claim), err))
			continue
		}
		all = append(all, r)
	}
	return errors.Join(failed, summarise(t.Out, all))
}

func (t Tool) restoreOne(ctx context.Context, repo repository.Repository, k task, into *os.Root, c repository.Stored) (restored, error) {
	begun, out := t.Clock.Now(), restored{claim: c.Claim, digest: c.Digest, partial: len(k.paths) > 0}
	if !claimName.MatchString(c.Claim) {
		return out, errors.New("that is no name of a claim")
	}
	path := filepath.Join(into.Name(), c.Claim)
	block := c.Mode == "Block"
	if err := place(into, c.Claim, block); err != nil {
		return out, err
	}
	work := &mover.Restoring{Copy: c, Path: path, Paths: k.paths, Digest: c.Digest}
	parts := mover.Parts{Scratch: k.scratch, Log: t.Err, Out: io.Discard, Clock: t.Clock, Workers: k.workers}
	stop := t.show(ctx, "restore "+c.Claim, &work.Bytes, &work.Total)
	err := work.Run(ctx, repo, parts)
	stop()
	if err != nil {
		return out, err
	}
	progress := &manifest.Progress{}
	stop = t.show(ctx, "verify  "+c.Claim, &progress.Bytes, &work.Total)
	err = verify(ctx, repo, work, manifest.Options{Workers: k.workers, Progress: progress})
	stop()
	out.files, out.bytes, out.lost, out.took = work.Files.Load(), work.Bytes.Load(), work.Lost.Total(), t.Clock.Since(begun)
	return out, err
}

// place makes the folder, or the file, that a volume is restored into.
func place(into *os.Root, name string, block bool) error {
	if !block {
		return into.Mkdir(name, 0o700)
	}
	f, err := into.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// verify reads once more what was written, from where it was written. What is known to be lost may differ.
func verify(ctx context.Context, repo repository.Repository, work *mover.Restoring, o manifest.Options) error {
	if work.Copy.Mode == "Block" {
		s, err := manifest.MakeBlock(ctx, work.Path, nil, o)
		if err == nil && s.Digest != work.Digest {
			err = fmt.Errorf("what was written reads as %s, and not as %s", s.Digest, work.Digest)
		}
		return err
	}
	text, err := repo.Manifest(ctx, work.Copy)
	if err != nil {
		return err
	}
	defer text.Close()
	var from io.Reader = text
	vo := manifest.VerifyOptions{Options: o}
	if len(work.Paths) > 0 {
		part, stop, err := selected(text, work.Paths)
		if err != nil {
			return err
		}
		defer stop()
		from, vo.Ignore = part, []string{"nlink", "tags"} // not all names of a file came with it
	}
	lost := &work.Lost
	for keyword, n := range map[string]int64{"uid": lost.Owners.Load(), "gid": lost.Owners.Load(), "mode": lost.Modes.Load(), "xattr": lost.Attributes.Load()} {
		if n > 0 {
			vo.Ignore = append(vo.Ignore, keyword)
		}
	}
	report, err := manifest.Verify(ctx, work.Path, from, vo)
	if err != nil {
		return err
	}
	if report.Missing -= lost.Devices.Load(); !report.Same() {
		return fmt.Errorf("what was written is not what the manifest says: missing %d, extra %d, changed %d, unreadable %d\n%s", report.Missing, report.Extra, report.Changed,
			report.Unreadable, strings.Join(report.First, "\n"))
	}
	return nil
}

// selected is the part of a manifest that belongs to some paths.
func selected(text io.Reader, paths []string) (part io.Reader, stop func(), err error) {
	wanted, err := mover.Wanted(paths)
	if err != nil {
		return nil, nil, err
	}
	reader, writer := io.Pipe()
	var group sync.WaitGroup
	group.Go(func() { writer.CloseWithError(manifest.Select(text, writer, wanted)) })
	return reader, func() {
		reader.Close()
		group.Wait()
	}, nil
}

func summarise(out io.Writer, all []restored) error {
	if len(all) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CLAIM\tFILES\tSIZE\tTOOK\tLOST\tVERIFIED")
	for _, r := range all {
		verified := r.digest
		if r.partial {
			verified = "the paths that were asked for, of " + r.digest
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%s\n", shown(r.claim), r.files, inBytes(r.bytes), r.took.Round(100*time.Millisecond), r.lost, shown(verified))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(r restored) bool { return r.lost > 0 }) {
		_, err := fmt.Fprintln(out, "LOST counts entries whose owner, attributes or device could not be set without root's rights, or are unknown to this file system.")
		return err
	}
	return nil
}
