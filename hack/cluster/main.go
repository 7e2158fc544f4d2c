// SPDX-License-Identifier: Apache-2.0

// Command cluster runs a real single-node Kubernetes cluster with two storage
// systems on a bare Linux machine, for the demo and the end-to-end tests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/build"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/cluster"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/console"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/image"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/layout"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/machine"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/recipe"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/supervise"
)

var usage = `usage: cluster COMMAND

  build [--only all|envtest]   compile the binaries that are not in ~/.cache/lifeboat/bin
  up                           start the cluster, or complete the running one
  down [--keep-objects]        remove the cluster and everything it left on the machine, but for what is in the object store
  kubeconfig                   print the path of the kubeconfig
  load-image TAR               import an OCI image tar for use by pods
  image --name REF --out TAR   write an OCI image tar from binaries or a folder (image -h)
  status                       list the processes
  ` + cluster.FaultUsage + `
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "cluster: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	commands := map[string]func(context.Context, []string) error{
		"build": buildBinaries, "up": up, "down": down, "kubeconfig": printKubeconfig,
		"load-image": loadImage, "image": writeImage, "status": status, "fault": fault, "supervise": serve,
	}
	command, known := commands[args[0]]
	if !known {
		return fmt.Errorf("command %q is unknown\n%s", args[0], usage)
	}
	err := command(ctx, args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

func buildBinaries(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	only := flags.String("only", "all", "what to build: all, or envtest for the binaries of API server tests")
	if err := flags.Parse(args); err != nil {
		return err
	}
	// Standard output carries the path of the test assets alone, for use in makefiles.
	c := console.New(os.Stderr, "build")
	builder, err := build.New(c)
	if err != nil {
		return err
	}
	switch *only {
	case "all":
		if err := machine.InstallForBuild(ctx, c.Say); err != nil {
			return err
		}
		if err := builder.Build(ctx, recipe.Groups()); err != nil {
			return err
		}
		c.Say("all binaries are in %s", builder.Root)
		_, err = build.LinkEnvtest()
		return err
	case "envtest":
		if err := builder.Build(ctx, recipe.Only(recipe.Groups(), recipe.EnvtestAssets)); err != nil {
			return err
		}
		dir, err := build.LinkEnvtest()
		if err == nil {
			fmt.Println(dir)
		}
		return err
	}
	return fmt.Errorf("--only %q: use all or envtest", *only)
}

func up(ctx context.Context, _ []string) error {
	c, err := cluster.New(console.New(os.Stdout, "cluster-up"))
	if err != nil {
		return err
	}
	return c.Up(ctx)
}

func down(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("down", flag.ContinueOnError)
	keep := flags.Bool("keep-objects", false, "leave the object store's data and keys, for the next cluster")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c, err := cluster.New(console.New(os.Stdout, "cluster-down"))
	if err != nil {
		return err
	}
	if *keep {
		return c.Down(ctx, layout.Objects, layout.StoreAccess)
	}
	return c.Down(ctx)
}

func printKubeconfig(context.Context, []string) error {
	fmt.Println(layout.Kubeconfig)
	return nil
}

func loadImage(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("load-image takes one image tar: make load-image TAR=path")
	}
	c, err := cluster.New(console.New(os.Stdout, "load-image"))
	if err != nil {
		return err
	}
	names, err := c.LoadImage(ctx, args[0])
	for _, name := range names {
		fmt.Println(name)
	}
	return err
}

func status(ctx context.Context, _ []string) error {
	services, err := supervise.NewClient(layout.SupervisorSocket).List(ctx)
	if err != nil {
		return cluster.ErrDown
	}
	var names []string
	for name := range services {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Printf("%-28s %8s %9s\n", "PROCESS", "PID", "RESTARTS")
	for _, name := range names {
		fmt.Printf("%-28s %8d %9d\n", name, services[name].PID, services[name].Restarts)
	}
	return nil
}

func fault(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New(cluster.FaultUsage)
	}
	c, err := cluster.New(console.New(os.Stdout, "fault"))
	if err != nil {
		return err
	}
	return c.Fault(ctx, args[0], args[1])
}

// serve is the background process that up starts.
func serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("supervise", flag.ContinueOnError)
	socket := flags.String("socket", layout.SupervisorSocket, "where to answer")
	logs := flags.String("logs", layout.Logs, "folder of the processes' logs")
	pids := flags.String("pids", layout.State+"/pids", "folder that records the processes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return supervise.Serve(ctx, *socket, *logs, *pids)
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

func writeImage(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	var spec image.Spec
	var binaries, entrypoint, cmd, env list
	flags.StringVar(&spec.Name, "name", "", "full reference, such as lifeboat.test/tool:latest (required)")
	out := flags.String("out", "", "tar to write (required)")
	rootfs := flags.String("rootfs", "", "folder whose content becomes the image's root file system")
	flags.Var(&binaries, "binary", "file to add, as PATH or PATH=DESTINATION; /NAME when no destination is given (repeatable)")
	flags.Var(&entrypoint, "entrypoint", "word of the entrypoint (repeatable); the first binary when absent")
	flags.Var(&cmd, "cmd", "word of the default arguments (repeatable)")
	flags.Var(&env, "env", "environment variable NAME=VALUE (repeatable)")
	flags.StringVar(&spec.User, "user", "", "number or number:number to run as; root when absent")
	flags.StringVar(&spec.WorkingDir, "workdir", "", "folder to start in")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if spec.Name == "" || *out == "" || (*rootfs == "" && len(binaries) == 0) {
		return errors.New("image needs --name, --out and at least one of --binary and --rootfs")
	}
	spec.Entrypoint, spec.Cmd, spec.Env = entrypoint, cmd, env
	if len(entrypoint) == 0 && len(binaries) > 0 {
		_, destination := image.Placement(binaries[0])
		spec.Entrypoint = []string{destination}
	}
	spec.Fill = image.Contents(*rootfs, binaries)
	return image.Write(spec, *out)
}
