// SPDX-License-Identifier: Apache-2.0

// Package config is the operator's own configuration: flags, validated once at start.
package config

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Options are the operator's switches.
type Options struct {
	MetricsAddress    string
	ProbeAddress      string
	LeaderElect       bool
	LeaderNamespace   string
	RetentionGrace    time.Duration
	RetainContents    bool
	EnableHooks       bool
	Reports           bool
	ConcurrentPoints  int
	ConcurrentCreates int
	ConcurrentDrills  int
	ConcurrentCopies  int
	MoverImage        string
	Namespace         string
	PodName           string
	Version           string // of the program, set by it
	LogLevel          slog.Level
	LogFormat         string
	NotificationsFile string
	Notifications     Notifications // what that file says, once validated

	deletionPolicy string
}

// Bind declares the flags.
func (o *Options) Bind(f *flag.FlagSet) {
	f.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8080", "where metrics are served; 0 turns them off")
	f.StringVar(&o.ProbeAddress, "health-probe-bind-address", ":8081", "where /healthz and /readyz are served")
	f.BoolVar(&o.LeaderElect, "leader-elect", true, "let only one of several operators act")
	f.StringVar(&o.LeaderNamespace, "leader-election-namespace", "", "namespace of the lease; when empty, the operator's own")
	f.DurationVar(&o.RetentionGrace, "retention-grace", time.Hour, "for how long after an edit of a policy's retention nothing expires")
	f.StringVar(&o.deletionPolicy, "snapshot-deletion-policy", "Retain", "Retain switches contents to Retain once captured, so that deleting a namespace destroys no backup; Keep leaves what the class says")
	f.BoolVar(&o.EnableHooks, "enable-hooks", false, "run the hooks of policies; needs the right to exec in pods")
	f.BoolVar(&o.Reports, "reports", false, "repeat the findings on policies as Reports of openreports.io, or PolicyReports of wgpolicyk8s.io, once one of them is served; needs the right to write them")
	f.IntVar(&o.ConcurrentPoints, "max-concurrent-points", 16, "how many recovery points are looked at side by side")
	f.IntVar(&o.ConcurrentCreates, "max-concurrent-creates", 32, "how many snapshots are created side by side")
	f.IntVar(&o.ConcurrentDrills, "max-concurrent-drills", 4, "how many drills, and how many recordings of fingerprints, are under way at once in the cluster")
	f.IntVar(&o.ConcurrentCopies, "max-concurrent-copies", 4, "how many copies of recovery points are under way at once in the cluster")
	f.StringVar(&o.MoverImage, "mover-image", "", "the image with the mover, which reads restored volumes; when empty, the operator's own, as its pod names it")
	f.StringVar(&o.Namespace, "namespace", os.Getenv("POD_NAMESPACE"), "the operator's own namespace, where the key that signs evidence is kept")
	f.StringVar(&o.PodName, "pod-name", os.Getenv("POD_NAME"), "the operator's own pod")
	f.StringVar(&o.NotificationsFile, "notifications", "", "the file that says who is told of findings; when empty, nobody is")
	f.TextVar(&o.LogLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	f.StringVar(&o.LogFormat, "log-format", "json", "json or text")
}

// Validate names the first flag that is wrong, and what is allowed.
func (o *Options) Validate() error {
	switch {
	case o.deletionPolicy != "Retain" && o.deletionPolicy != "Keep":
		return fmt.Errorf("--snapshot-deletion-policy=%s: must be Retain or Keep", o.deletionPolicy)
	case o.RetentionGrace < 0:
		return fmt.Errorf("--retention-grace=%s: must not be negative", o.RetentionGrace)
	case o.ConcurrentPoints < 1 || o.ConcurrentCreates < 1:
		return fmt.Errorf("--max-concurrent-points and --max-concurrent-creates must be at least 1")
	case o.ConcurrentDrills < 1:
		return fmt.Errorf("--max-concurrent-drills must be at least 1")
	case o.ConcurrentCopies < 1:
		return fmt.Errorf("--max-concurrent-copies must be at least 1")
	case o.MoverImage == "" && o.PodName == "":
		return fmt.Errorf("--mover-image must name an image with the mover; only in a pod that POD_NAME names it is known")
	case o.Namespace == "":
		return fmt.Errorf("--namespace must name the operator's own namespace; set it, or POD_NAMESPACE")
	case o.LogFormat != "json" && o.LogFormat != "text":
		return fmt.Errorf("--log-format=%s: must be json or text", o.LogFormat)
	}
	o.RetainContents = o.deletionPolicy == "Retain"
	var err error
	o.Notifications, err = ReadNotifications(o.NotificationsFile)
	return err
}
