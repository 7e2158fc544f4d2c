// SPDX-License-Identifier: Apache-2.0

//go:build linux

package recovery

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/utils/clock"

	"github.com/lifeboat-dev/lifeboat/internal/core/catalogue"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// Tool is what the commands work with.
type Tool struct {
	Open        func(context.Context, repository.Options) (repository.Repository, error)
	Environment func(string) string
	Out         io.Writer // what was asked for
	Err         io.Writer // progress, and what went wrong on the way
	Terminal    bool      // Err is one
	Clock       clock.WithTicker
}

func (a *access) bind(flags *flag.FlagSet) {
	flags.StringVar(&a.location, "repository", "", "where the repository is, as a `URL`:\n"+Locations)
	flags.StringVar(&a.passwordFile, "password-file", "", "`FILE` with the password of the repository; LIFEBOAT_PASSWORD when absent")
	flags.StringVar(&a.credentialsDir, "credentials-dir", "", "`FOLDER` with the credentials of the store, one file for each key of the Secret; or set\n"+Environment)
	flags.StringVar(&a.caFile, "ca-file", "", "`FILE` with the certificates that an S3 server's is verified with, in PEM; the system's when absent")
	flags.StringVar(&a.scratch, "cache-dir", "", "`FOLDER` for what may be lost; a temporary one when absent")
}

// parse parses flags; nothing may follow them.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s takes flags alone, and got %d words more", flags.Name(), flags.NArg())
	}
	return nil
}

// with opens the repository, and does something with it.
func (t Tool) with(ctx context.Context, a access, do func(context.Context, repository.Repository) error) (err error) {
	o, err := a.options(t.Environment)
	if err != nil {
		return err
	}
	repo, err := t.Open(ctx, o)
	if err != nil {
		return fmt.Errorf("open the repository in %s: %s: %w", located(o.Location), repository.Words(repository.Reason(err)), err)
	}
	defer func() { err = errors.Join(err, repo.Close(context.WithoutCancel(ctx))) }()
	return do(ctx, repo)
}

// List prints what a repository holds.
func (t Tool) List(ctx context.Context, args []string) error {
	var a access
	flags := flag.NewFlagSet("list", flag.ContinueOnError)
	a.bind(flags)
	if err := parse(flags, args); err != nil {
		return err
	}
	return t.with(ctx, a, func(ctx context.Context, repo repository.Repository) error {
		copies, err := repo.Copies(ctx, order.Volume{})
		if err != nil {
			return err
		}
		return table(t.Out, catalogue.Points(records(copies)))
	})
}

func records(copies []repository.Stored) []order.Record {
	all := make([]order.Record, len(copies))
	for i, c := range copies {
		all[i] = c.Record
	}
	return all
}

func table(out io.Writer, points []catalogue.Point) error {
	if len(points) == 0 {
		_, err := fmt.Fprintln(out, "the repository holds no copies")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POINT\tTAKEN\tNAMESPACE\tPOLICY\tCLAIM\tSIZE\tFILES\tCOMPLETE")
	for _, p := range points {
		for _, r := range p.Records {
			files := fmt.Sprint(r.Files)
			if r.Mode == "Block" {
				files = "block"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d/%d\n", shown(p.Name), p.Taken.UTC().Format(time.RFC3339), shown(p.Namespace), shown(p.Policy), shown(r.Claim),
				inBytes(r.Bytes), files, len(p.Records), p.Volumes)
		}
	}
	return w.Flush()
}

// shown is a name that somebody else has written, for a terminal, which must not take it for a command.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, s)
}

// inBytes is a size for people.
func inBytes(n int64) string {
	const step = 1024
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), 0
	for ; value >= step && unit < len("KMGTP"); unit++ {
		value /= step
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[unit-1])
}
