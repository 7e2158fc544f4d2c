// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/go-logr/logr"

	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/test/apiserver"
	"github.com/lifeboat-dev/lifeboat/test/manager"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

const (
	// account is the service account that config/rbac binds the operator's roles to.
	account = "system:serviceaccount:" + systemNamespace + ":lifeboat-manager"
	// systemNamespace is the operator's own.
	systemNamespace = "lifeboat-system"
)

// suite is what all tests share: one API server, one storage system, and the operator that acts at the moment.
var suite struct {
	server     *apiserver.Server
	admin      client.WithWatch
	array      *storage.System
	program    string
	kubeconfig string // of the operator
	operator   *manager.Process
	logs       []func() string // of every operator that ran
	laws       *laws
}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // they wait more than they work
		panic(err)
	}
	ctrl.SetLogger(logr.Discard())
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background())
	dir, err := os.MkdirTemp("", "lifeboat-envtest-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = start(ctx, dir)
	}
	code := 1
	if err == nil {
		code = m.Run()
		if code != 0 {
			fmt.Fprintf(os.Stderr, "the operator said at last:\n%s\n", last(suite.operator.Log(), 4000))
		}
		if code == 0 && flag.Lookup("test.run").Value.String() == "" {
			err = verifyRole()
		}
	}
	cancel()
	err = errors.Join(err, stop())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func start(ctx context.Context, dir string) (err error) {
	if suite.program, err = manager.Build(ctx, dir); err != nil {
		return err
	}
	if suite.server, err = apiserver.Start(apiserver.WithSnapshotAPI, apiserver.WithAuditLog); err != nil {
		return err
	}
	if suite.admin, err = client.NewWithWatch(suite.server.Config, client.Options{Scheme: controllers.Scheme()}); err != nil {
		return err
	}
	if suite.kubeconfig, err = asInstalled(ctx, suite.server); err != nil {
		return err
	}
	if suite.array, err = storage.Run(ctx, suite.server.Config); err != nil {
		return err
	}
	if suite.laws, err = watchLaws(ctx, suite.admin); err != nil {
		return err
	}
	suite.operator, err = startOperator(suite.kubeconfig, "--leader-election-namespace="+systemNamespace)
	return err
}

// last is the end of a text.
func last(text string, n int) string { return text[max(0, len(text)-n):] }

func stop() error {
	var errs []error
	if suite.operator != nil {
		errs = append(errs, suite.operator.Stop())
	}
	if suite.server != nil {
		errs = append(errs, suite.server.Stop())
	}
	return errors.Join(errs...)
}

// startOperator starts the operator's program with the given flags.
func startOperator(kubeconfig string, flags ...string) (*manager.Process, error) {
	p, err := manager.Start(suite.program, kubeconfig, append([]string{
		"--metrics-bind-address=0", "--health-probe-bind-address=0", "--retention-grace=0s", "--log-level=debug",
		"--namespace=" + systemNamespace, "--mover-image=mover.test/mover:1",
	}, flags...)...)
	if err == nil {
		suite.logs = append(suite.logs, p.Log)
	}
	return p, err
}

// asInstalled applies the roles of config/rbac as they are, and returns the kubeconfig of the account they are bound to.
func asInstalled(ctx context.Context, s *apiserver.Server) (kubeconfig string, err error) {
	admin, err := s.Client(controllers.Scheme())
	if err != nil {
		return "", err
	}
	if err := admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: systemNamespace}}); err != nil {
		return "", err
	}
	root, err := apiserver.Root()
	if err != nil {
		return "", err
	}
	for _, f := range []string{"role.yaml", "role_binding.yaml", "leader_election.yaml"} {
		if _, err := s.Kubectl(ctx, "apply", "-f", filepath.Join(root, "config/rbac", f)); err != nil {
			return "", err
		}
	}
	return s.User(account)
}

// eventually waits until a check passes, and fails the test with its last complaint when it does not.
func eventually(t *testing.T, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return
		}
		if !suite.operator.Running() {
			t.Fatal("the operator has ended")
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", within, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
