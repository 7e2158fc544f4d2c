// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"os"

	"golang.org/x/term"
	"k8s.io/utils/clock"

	"github.com/lifeboat-dev/lifeboat/internal/cli/recovery"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

func tool() recovery.Tool {
	return recovery.Tool{
		Open: repository.Open, Environment: os.Getenv, Out: os.Stdout, Err: os.Stderr, Terminal: term.IsTerminal(int(os.Stderr.Fd())), Clock: clock.RealClock{},
	}
}

func list(ctx context.Context, args []string) error { return tool().List(ctx, args) }

func restore(ctx context.Context, args []string) error { return tool().Restore(ctx, args) }
