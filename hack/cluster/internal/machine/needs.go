// SPDX-License-Identifier: Apache-2.0

// Package machine prepares the machine for the cluster and sweeps it afterwards:
// packages, kernel settings, the bridge, mounts, loop devices and control groups.
package machine

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// ErrUnfit is the reason why the cluster cannot run on a machine.
var ErrUnfit = errors.New("use your own cluster instead: set KUBECONFIG and run `helm install lifeboat charts/lifeboat`")

// CheckFit refuses machines on which the cluster cannot run.
func CheckFit() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the test cluster needs Linux; %w", ErrUnfit)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("the test cluster needs root; %w", ErrUnfit)
	}
	return nil
}

// need is something the machine must have, and Debian's package for it.
type need struct {
	pkg   string
	holds func() bool
}

// Busybox is the static busybox of Debian's package busybox-static.
const Busybox = "/bin/busybox"

func runNeeds() []need {
	return []need{
		{"iptables", command("iptables")},
		{"iproute2", command("ip")},
		{"btrfs-progs", command("mkfs.btrfs")},
		{"xfsprogs", command("mkfs.xfs")},
		{"mount", command("losetup")},
		{"busybox-static", isStatic},
	}
}

func buildNeeds() []need {
	return []need{
		{"gcc", command("gcc")},
		{"libc6-dev", header("stdlib.h")},
		{"pkg-config", command("pkg-config")},
		{"libseccomp-dev", header("seccomp.h")},
	}
}

func command(name string) func() bool {
	return func() bool { _, err := exec.LookPath(name); return err == nil }
}

func header(name string) func() bool {
	return func() bool { _, err := os.Stat("/usr/include/" + name); return err == nil }
}

func isStatic() bool {
	f, err := elf.Open(Busybox)
	if err != nil {
		return false
	}
	defer f.Close()
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// InstallForRun installs what a running cluster needs.
func InstallForRun(ctx context.Context, say func(string, ...any)) error {
	return install(ctx, say, runNeeds())
}

// InstallForBuild installs what compiling the C parts needs.
func InstallForBuild(ctx context.Context, say func(string, ...any)) error {
	return install(ctx, say, buildNeeds())
}

func install(ctx context.Context, say func(string, ...any), needs []need) error {
	absent := absentPackages(needs)
	if len(absent) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("install these first (Debian's names): %s", strings.Join(absent, " "))
	}
	say("installing %s", strings.Join(absent, " "))
	args := append([]string{"install", "-y", "-qq", "--no-install-recommends"}, absent...)
	if _, err := apt(ctx, args...); err != nil {
		// The package lists may be absent or too old.
		if out, err := apt(ctx, "update", "-qq"); err != nil {
			return fmt.Errorf("apt-get update: %w: %s", err, out)
		}
		if out, err := apt(ctx, args...); err != nil {
			return fmt.Errorf("apt-get install %s: %w: %s", strings.Join(absent, " "), err, out)
		}
	}
	if still := absentPackages(needs); len(still) > 0 {
		return fmt.Errorf("still absent after their installation: %s", strings.Join(still, " "))
	}
	return nil
}

func absentPackages(needs []need) []string {
	var absent []string
	for _, n := range needs {
		if !n.holds() {
			absent = append(absent, n.pkg)
		}
	}
	return absent
}

func apt(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run runs a command and puts what it said into the error.
func run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
