// SPDX-License-Identifier: Apache-2.0

// Package notify has people try whether notifiers can be reached.
package notify

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/config"
	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
	"github.com/lifeboat-dev/lifeboat/internal/notify"
)

// ErrFailed says that some notifier could not be reached.
var ErrFailed = errors.New("not everybody could be told")

// Test sends a message that is marked as a test to the notifiers that are named, or to all, and prints what became of it.
func Test(ctx context.Context, args []string, now time.Time, out io.Writer) error {
	flags := flag.NewFlagSet("notify-test", flag.ContinueOnError)
	flags.SetOutput(out)
	file := flags.String("notifications", config.NotificationsPath, "the file that says who is told")
	flags.Usage = func() {
		fmt.Fprintf(out, "usage: manager notify-test [--notifications FILE] [NAME...]\n\nSends a test to the notifiers that are named, or to all.\n")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	all, err := config.ReadNotifications(*file)
	if err != nil {
		return err
	}
	chosen, err := choose(all.Notifiers, flags.Args())
	if err != nil {
		return err
	}
	results := make([]error, len(chosen))
	var sending sync.WaitGroup
	for i := range chosen {
		sending.Go(func() { results[i] = notify.New(chosen[i]).Send(ctx, tell.Trial(now)) })
	}
	sending.Wait()
	return report(chosen, results, out)
}

func choose(all []config.Notifier, names []string) ([]config.Notifier, error) {
	if len(all) == 0 {
		return nil, errors.New("there are no notifiers; set notifications.notifiers in the chart's values")
	}
	if len(names) == 0 {
		return all, nil
	}
	var out []config.Notifier
	for _, name := range names {
		at := slices.IndexFunc(all, func(n config.Notifier) bool { return n.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no notifier %q", name)
		}
		out = append(out, all[at])
	}
	return out, nil
}

func report(of []config.Notifier, results []error, out io.Writer) error {
	failed := false
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "NAME\tTYPE\tRESULT")
	for i, n := range of {
		result := "sent"
		if err := results[i]; err != nil {
			failed = true
			result = "failed: " + strings.TrimPrefix(err.Error(), "notifier "+n.Name+": ")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", n.Name, n.Type, result)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if failed {
		return ErrFailed
	}
	return nil
}
