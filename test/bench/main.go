// SPDX-License-Identifier: Apache-2.0

// Command bench measures the operator's own program against a real API server. Absolute times say little on a machine
// that others use too, so each figure stands beside a floor that was measured in the same run: the least that the
// same machine needs for the same work. It prints a table and writes JSON.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/test/apiserver"
	"github.com/lifeboat-dev/lifeboat/test/manager"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// plan is what to measure, and how large.
type plan struct {
	sizes     []int // claims of one point
	rounds    int   // of each size, at most; the largest is measured once
	policies  int   // of the fleet; each with ten claims and fifty snapshots
	scales    []int // parts of the fleet that are measured one after the other, largest divisor first
	idle      time.Duration
	settle    time.Duration
	decisions bool
	files     int // of 4 KiB, whose fingerprint is taken
	large     int // MiB of each of four files, likewise
	walks     int // rounds of a fingerprint
	copied    int // files of 4 KiB that are copied and restored
	drills    int
	cluster   string
	results   string
	informers string // set in the process that is the floor of the fleet
}

func main() {
	ctrl.SetLogger(logr.Discard())
	p, err := parse()
	if err == nil {
		if p.informers != "" {
			err = informers(ctrl.SetupSignalHandler(), p.informers)
		} else {
			err = run(ctrl.SetupSignalHandler(), p)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func parse() (plan, error) {
	var p plan
	sizes := flag.String("sizes", "100,1000,5000", "claims captured by one point, smallest first")
	flag.IntVar(&p.rounds, "rounds", 3, "how often each size below 5000 is measured; the median counts")
	flag.IntVar(&p.policies, "policies", 1000, "policies of the fleet, each with 10 claims and 50 snapshots; 0 leaves the fleet out")
	scales := flag.String("scales", "10,1", "measure the fleet at a tenth and whole; 100,10,1 adds a hundredth")
	flag.DurationVar(&p.idle, "idle", time.Minute, "for how long the fleet is watched at rest")
	flag.DurationVar(&p.settle, "settle", 150*time.Second, "how long after the start the memory at rest is read; Go collects garbage after two minutes of rest")
	flag.BoolVar(&p.decisions, "decisions", true, "measure the decision about a policy")
	flag.IntVar(&p.files, "files", 100_000, "files of 4 KiB whose fingerprint is taken; 0 leaves fingerprints out")
	flag.IntVar(&p.large, "large", 1024, "MiB of each of the four large files whose fingerprint is taken, and of the one that is copied")
	flag.IntVar(&p.walks, "walks", 5, "how often each fingerprint is taken; the median counts")
	flag.IntVar(&p.copied, "copies", 100_000, "files of 4 KiB that are copied and restored, and beside them one of --large MiB; 0 leaves copies out")
	flag.IntVar(&p.drills, "drills", 0, "how often a drill is measured on the cluster of --cluster; the median counts; 0 leaves drills out")
	flag.StringVar(&p.cluster, "cluster", os.Getenv("KUBECONFIG"), "kubeconfig of a test cluster with Lifeboat installed, for drills")
	flag.StringVar(&p.results, "results", "test/bench/results", "folder for the JSON")
	flag.StringVar(&p.informers, "informers", "", "for the benchmark's own use: address of the metrics of plain informers")
	flag.Parse()
	var err error
	if p.sizes, err = numbers("sizes", *sizes); err != nil {
		return p, err
	}
	p.scales, err = numbers("scales", *scales)
	return p, err
}

// numbers are those of a flag, all at least 1.
func numbers(name, list string) ([]int, error) {
	var out []int
	for s := range strings.SplitSeq(list, ",") {
		if s == "" {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("--%s=%s: must be numbers from 1 on, such as 100,1000", name, list)
		}
		out = append(out, n)
	}
	return out, nil
}

// bench is one run.
type bench struct {
	plan
	server     *apiserver.Server
	admin      client.WithWatch
	raw        rest.Interface
	kubeconfig string
	program    string
	array      *storage.System
	report     report
}

func run(ctx context.Context, p plan) (err error) {
	b := &bench{plan: p, report: newReport()}
	if p.decisions {
		b.decide()
	}
	dir, err := os.MkdirTemp("", "lifeboat-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if p.files > 0 {
		data := filepath.Join(dir, "fingerprint")
		if err := errors.Join(b.fingerprint(ctx, data), os.RemoveAll(data)); err != nil {
			return err
		}
	}
	if p.copied > 0 {
		data := filepath.Join(dir, "copies")
		if err := errors.Join(b.copies(ctx, data), os.RemoveAll(data)); err != nil {
			return err
		}
	}
	if p.drills > 0 {
		if err := b.rehearse(ctx, p.cluster, p.drills); err != nil {
			return err
		}
	}
	if len(p.sizes) > 0 || p.policies > 0 {
		if b.program, err = manager.Build(ctx, dir); err != nil {
			return err
		}
	}
	if len(p.sizes) > 0 {
		if err := b.onFreshServer(ctx, b.fanOut); err != nil {
			return err
		}
	}
	if p.policies > 0 {
		if err := b.onFreshServer(ctx, b.fleet); err != nil {
			return err
		}
	}
	return b.report.finish(p.results)
}

// onFreshServer measures on an API server without a past.
func (b *bench) onFreshServer(ctx context.Context, measure func(context.Context) error) (err error) {
	// The benchmark's own load must not be what is throttled.
	b.server, err = apiserver.Start(apiserver.WithSnapshotAPI,
		apiserver.WithFlag("max-requests-inflight", "2000"), apiserver.WithFlag("max-mutating-requests-inflight", "1000"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		err = errors.Join(err, b.server.Stop())
	}()
	if b.kubeconfig, err = b.server.Kubeconfig(); err != nil {
		return err
	}
	if b.admin, err = client.NewWithWatch(b.server.Config, client.Options{Scheme: controllers.Scheme()}); err != nil {
		return err
	}
	set, err := kubernetes.NewForConfig(b.server.Config)
	if err != nil {
		return err
	}
	b.raw = set.CoreV1().RESTClient()
	return measure(ctx)
}

// operator is the operator's program, with its metrics.
type operator struct {
	*manager.Process
	probe
}

func (b *bench) operator() (*operator, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	p, err := manager.Start(b.program, b.kubeconfig, "--leader-elect=false", "--mover-image=none", "--namespace=default", "--health-probe-bind-address=0", "--metrics-bind-address="+address)
	if err != nil {
		return nil, err
	}
	return &operator{p, probe{pid: p.Pid(), address: address, started: started}}, nil
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// until asks until the answer is yes.
func until(ctx context.Context, within time.Duration, what string, ask func() (bool, error)) error {
	return untilAsking(ctx, 50*time.Millisecond, within, what, ask)
}

// untilAsking asks each so often.
func untilAsking(ctx context.Context, each, within time.Duration, what string, ask func() (bool, error)) error {
	deadline := time.Now().Add(within)
	for {
		ok, err := ask()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s", what, within)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(each):
		}
	}
}
