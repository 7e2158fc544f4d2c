// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command mover reads volumes, takes their fingerprints, copies them into repositories and brings them back. The operator runs it in
// pods; people may run it by hand, without any cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/lifeboat-dev/lifeboat/internal/cli/evidence"
)

// version is set at build time.
var version = "unknown"

const usage = `usage: lifeboat-mover COMMAND [FLAGS] ...

Bring data back from a repository, without any cluster:

  list     --repository URL                            print which points a repository holds
  restore  --repository URL --to DIR                   write a point into a folder, and verify it
           [--point NAME | --as-of TIME] [--policy NAME] [--claim NAME]... [--path PATH]...

Know what a volume holds:

  manifest [--out FILE] [--workers N] [--block] PATH   write what a volume holds, for mtree tools; - is the standard output
  digest   [--workers N] [--block] PATH                print the fingerprint and what was counted as one line of JSON
  verify   --manifest FILE [--ignore KEYWORDS] PATH    compare a volume with its manifest; ends with 1 when they differ
  read     --volume NAME=PATH... --block NAME=DEVICE...  read volumes for the operator, and write the result to the
           [--termination-log FILE] [--manifest-dir DIR] termination log; print the manifests, too
           [--print-manifests BYTES]
  do       [--order FILE] [--termination-log FILE]     do with a repository what the operator asks for
  evidence verify --key PUBLIC.pem FILE...             check the signed evidence of drills; - is the standard input
  version

lifeboat-mover COMMAND --help lists the flags. Ends with 2 when something was wrong or could not be read.
`

// errDiffer ends the program with 1.
var errDiffer = errors.New("the volume is not what the manifest says")

func main() {
	ctx, stop := untilTold()
	defer stop()
	err := run(ctx, os.Args[1:])
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errDiffer):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "lifeboat-mover:", err)
		os.Exit(2)
	}
}

// untilTold ends when the process is told to stop.
func untilTold() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command was given\n\n%s", usage)
	}
	commands := map[string]func(context.Context, []string) error{"manifest": writeManifest, "digest": printDigest, "verify": verify, "read": read, "do": do, "list": list, "restore": restore, "evidence": verifyEvidence}
	switch command, known := commands[args[0]]; {
	case known:
		return command(ctx, args[1:])
	case args[0] == "version":
		_, err := fmt.Println(version)
		return err
	case args[0] == "help" || args[0] == "--help" || args[0] == "-h":
		_, err := fmt.Print(usage)
		return err
	default:
		return fmt.Errorf("there is no command %q\n\n%s", args[0], usage)
	}
}

func verifyEvidence(_ context.Context, args []string) error {
	if len(args) > 0 && args[0] == "verify" {
		args = args[1:]
	}
	return evidence.Verify(args, os.Stdin, os.Stdout)
}

// parse parses the flags of a command that takes exactly one path, and returns it.
func parse(flags *flag.FlagSet, args []string) (string, error) {
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() != 1 {
		return "", fmt.Errorf("%s needs exactly one path behind its flags, and got %d", flags.Name(), flags.NArg())
	}
	return flags.Arg(0), nil
}
