// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// settings are the command line.
type settings struct {
	driver       string
	socket       string
	node         string
	root         string
	faults       string
	registration string
	level        slog.Level
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var set settings
	var endpoint string
	flags := flag.NewFlagSet("lifeboat-csi", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&set.driver, "driver-name", "", "name of the CSI driver, such as a.csi.lifeboat.test (required)")
	flags.StringVar(&endpoint, "endpoint", "", "where to serve CSI: unix:///path/csi.sock (required)")
	flags.StringVar(&set.node, "node-id", "", "name of this node (required)")
	flags.StringVar(&set.root, "root", "", "directory on btrfs that holds the volumes (required)")
	flags.StringVar(&set.faults, "fault-dir", "", "directory of the fault switches (required)")
	flags.StringVar(&set.registration, "kubelet-registration-dir", "", "directory that the kubelet watches, usually /var/lib/kubelet/plugins_registry; empty: do not register")
	flags.TextVar(&set.level, "log-level", slog.LevelInfo, "DEBUG (every call), INFO or WARN (failed calls)")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	var isUnix bool
	set.socket, isUnix = strings.CutPrefix(endpoint, "unix://")
	if endpoint != "" && !isUnix {
		return settings{}, fmt.Errorf("--endpoint %s: use unix:///path/csi.sock", endpoint)
	}
	return set, set.complete()
}

func (s settings) complete() error {
	var missing error
	for name, value := range map[string]string{
		"driver-name": s.driver, "endpoint": s.socket, "node-id": s.node, "root": s.root, "fault-dir": s.faults,
	} {
		if value == "" {
			missing = errors.Join(missing, fmt.Errorf("--%s is missing", name))
		}
	}
	return missing
}
