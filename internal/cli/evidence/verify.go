// SPDX-License-Identifier: Apache-2.0

// Package evidence is the command that verifies evidence of restore drills, wherever it is: it needs files, not a cluster.
package evidence

import (
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/evidence"
)

const usage = `usage: evidence verify --key PUBLIC.pem [--key OLDER.pem] [--last DIGEST] FILE... (- reads standard input)

Verifies the evidence of restore drills: each signature, and that each statement names the one before it. A FILE holds
an envelope, or what "kubectl get configmaps -o json" prints. Give envelopes oldest first.
`

// ErrUsage says that the command was not called as it wants to be.
var ErrUsage = errors.New("wrong usage")

// options are what the command was called with.
type options struct {
	keys  []ed25519.PublicKey
	last  string
	files []string
}

// Verify is the command. It prints a line for each drill whose signature is good, and one for each policy's chain. The
// error joins all that is wrong.
func Verify(args []string, stdin io.Reader, stdout io.Writer) error {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	envelopes, err := readAll(o.files, stdin)
	if err != nil {
		return err
	}
	report, err := evidence.Verify(o.keys, envelopes...)
	return errors.Join(write(stdout, report), err, checkLast(report, o.last))
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("evidence verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("key", "", func(file string) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		keys, err := evidence.ParsePublic(text)
		o.keys = append(o.keys, keys...)
		return err
	})
	flags.StringVar(&o.last, "last", "", "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return o, err
	}
	o.files = flags.Args()
	switch {
	case err != nil:
	case len(o.keys) == 0:
		err = errors.New("--key is missing")
	case len(o.files) == 0:
		err = errors.New("no file was named")
	}
	if err != nil {
		return o, fmt.Errorf("%w: %w\n\n%s", ErrUsage, err, usage)
	}
	return o, nil
}

// checkLast compares the newest statement with the one that is known to be. It takes a single chain, since a digest
// names the end of one.
func checkLast(report evidence.Report, digest string) error {
	if digest == "" {
		return nil
	}
	if len(report.Chains) != 1 {
		return fmt.Errorf("--last names the end of one chain, but there are %d; give the evidence of one policy", len(report.Chains))
	}
	return report.Chains[0].EndsWith(digest)
}

func write(out io.Writer, report evidence.Report) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, chain := range report.Chains {
		for _, link := range chain.Links {
			d := link.Drill
			fmt.Fprintf(table, "%s\t%s/%s\t%s\t%s\t%s\t%s\t%s\n", instant(d.Finished), d.Policy.Namespace, d.Policy.Name,
				or(d.Point.Name, "no point"), from(d.From, d.Independent), or(d.Level, "no level")+" of "+or(d.Required, "any"), verdict(d.Verdict, d.Reason), recovery(d.RecoverySeconds))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, chain := range report.Chains {
		state := "whole, from the first drill on"
		if chain.Before != "" {
			state = "whole, after " + chain.Before + ", which is not among these"
		}
		if len(chain.Faults) > 0 {
			state = "BROKEN"
		}
		last := chain.Links[len(chain.Links)-1]
		if _, err := fmt.Fprintf(out, "chain of %s/%s: %s; %d statements, the last is %s\n", chain.Policy.Namespace, chain.Policy.Name, state, len(chain.Links), last.Digest); err != nil {
			return err
		}
	}
	return nil
}

func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}

func from(from string, independent bool) string {
	switch {
	case from == "":
		return "-"
	case independent:
		return "from " + from + ", independent"
	}
	return "from " + from
}

func verdict(verdict, reason string) string {
	if reason == "" || reason == verdict {
		return verdict
	}
	return verdict + " (" + reason + ")"
}

func recovery(seconds int64) string {
	if seconds == 0 {
		return "recovery time not measured"
	}
	return "recovered in " + (time.Duration(seconds) * time.Second).String()
}

func or(word, otherwise string) string {
	if word == "" {
		return otherwise
	}
	return word
}

// readAll reads the files in the order in which they are named.
func readAll(files []string, stdin io.Reader) ([]evidence.Envelope, error) {
	var all []evidence.Envelope
	for _, file := range files {
		text, err := readOne(file, stdin)
		if err != nil {
			return nil, err
		}
		envelopes, err := envelopes(file, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, envelopes...)
	}
	return slices.Clip(all), nil
}

func readOne(file string, stdin io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(file)
}
