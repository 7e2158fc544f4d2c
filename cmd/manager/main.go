// SPDX-License-Identifier: Apache-2.0

// Command manager is the operator.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // policies name time zones, and the image has none

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/internal/cli/notify"
	"github.com/lifeboat-dev/lifeboat/internal/config"
)

// version is set at build time.
var version = "unknown"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "notify-test" {
		os.Exit(notifyTest(ctrl.SetupSignalHandler(), os.Args[2:]))
	}
	var options config.Options
	options.Bind(flag.CommandLine)
	flag.Parse()
	options.Version = version
	if err := options.Validate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	logger := logr.FromSlogHandler(logHandler(options))
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	logger.Info("the operator starts", "version", version)
	if err := run(ctrl.SetupSignalHandler(), options); err != nil {
		logger.Error(err, "the operator ends")
		os.Exit(1)
	}
}

// notifyTest is the command by which people try whether notifiers can be reached.
func notifyTest(ctx context.Context, args []string) int {
	switch err := notify.Test(ctx, args, time.Now(), os.Stdout); {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, notify.ErrFailed):
		return 1
	default:
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
}

func run(ctx context.Context, options config.Options) error {
	to, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	health := controllers.NewWatchHealth()
	mgr, err := controllers.NewManager(to, options, health)
	if err != nil {
		return err
	}
	if err := controllers.Setup(ctx, mgr, health, options, clock.RealClock{}); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func logHandler(o config.Options) slog.Handler {
	h := &slog.HandlerOptions{Level: o.LogLevel}
	if o.LogFormat == "text" {
		return slog.NewTextHandler(os.Stderr, h)
	}
	return slog.NewJSONHandler(os.Stderr, h)
}
