// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// grace is the operator's retention grace in these tests, as in values.yaml.
const grace = 20 * time.Second

// manyAtOnce is how many tests run side by side: they wait far more than they compute.
const manyAtOnce = "14"

// kube talks to the cluster under test.
var kube client.Client

// repository is the root of the checkout.
var repository string

// installed says whether to use the Lifeboat that runs, instead of installing it from this tree.
var installed = flag.Bool("installed", false, "test the Lifeboat that is installed; it must run with the same switches")

func TestMain(m *testing.M) {
	flag.Parse()
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		utilruntime.Must(flag.Set("test.parallel", manyAtOnce))
	}
	code := m.Run()
	storageA.clear()
	storageB.clear()
	os.Exit(code)
}

// prepare starts the cluster, installs Lifeboat, and takes away faults that an earlier run left.
func prepare() error {
	ctrl.SetLogger(logr.Discard())
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	repository = filepath.Join(dir, "..", "..")
	if os.Getenv("KUBECONFIG") == "" {
		if err := os.Setenv("KUBECONFIG", "/var/lib/lifeboat-cluster/kubeconfig"); err != nil {
			return err
		}
	}
	if !*installed {
		if err := install(); err != nil {
			return err
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return fmt.Errorf("KUBECONFIG: %w", err)
	}
	config.QPS = -1
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(snapshotv1.AddToScheme(scheme))
	utilruntime.Must(api.AddToScheme(scheme))
	if kube, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	storageA.clear()
	storageB.clear()
	if err := storageA.order("show"); err != nil {
		return fmt.Errorf("these tests need the test cluster with its storage systems (`make cluster-up`): %w", err)
	}
	return nil
}

// install brings the cluster up and Lifeboat into it, as values.yaml says.
func install() error {
	for _, args := range [][]string{
		{"cluster-up"},
		{"install", "HELM_ARGS=--values test/e2e/values.yaml"},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Minute)
		cmd := exec.CommandContext(ctx, "make", append([]string{"-C", repository}, args...)...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		err := cmd.Run()
		cancel()
		if err != nil {
			return fmt.Errorf("make %s: %w", args[0], err)
		}
	}
	return nil
}
