// SPDX-License-Identifier: Apache-2.0

// Package apiserver starts a real API server with its etcd for tests and benchmarks. Nothing else of a cluster runs:
// what controllers of Kubernetes or a storage system would do, a test does itself.
package apiserver

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// snapshotDefinitions is the module that holds the definitions of VolumeSnapshots and their group kinds, and the
// folder whose go.mod pins it: the same version runs in the test cluster.
const (
	snapshotDefinitions = "github.com/kubernetes-csi/external-snapshotter/client/v8"
	snapshotPin         = "hack/cluster/build/snapshotter"
)

// Server is a running API server.
type Server struct {
	Config   *rest.Config // of an administrator
	AuditLog string       // a file with one line for each request, when Start was told to keep one
	env      *envtest.Environment
	dir      string
}

// Option changes how the server starts.
type Option func(*Server) error

// ErrNoAssets says that the programs to run are not known.
var ErrNoAssets = errors.New("KUBEBUILDER_ASSETS is not set, so there is no API server to test against; " +
	"`make test` builds one and sets it, or set it to the folder that `make envtest-assets` prints")

// Start starts the server with Lifeboat's definitions installed. It must be stopped.
func Start(options ...Option) (*Server, error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return nil, ErrNoAssets
	}
	root, err := Root()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "lifeboat-apiserver-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, env: &envtest.Environment{
		CRDDirectoryPaths:        []string{filepath.Join(root, "config/crd/bases")},
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}}
	for _, o := range options {
		if err := o(s); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	if s.Config, err = s.env.Start(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	s.Config.QPS = -1
	return s, nil
}

// Stop ends the server and removes its data.
func (s *Server) Stop() error {
	return errors.Join(s.env.Stop(), os.RemoveAll(s.dir))
}

// WithSnapshotAPI installs the definitions of VolumeSnapshots and their group kinds.
func WithSnapshotAPI(s *Server) error {
	path, err := SnapshotDefinitions()
	s.env.CRDDirectoryPaths = append(s.env.CRDDirectoryPaths, path)
	return err
}

// WithFlag gives the API server a flag.
func WithFlag(name, value string) Option {
	return func(s *Server) error {
		s.env.ControlPlane.GetAPIServer().Configure().Set(name, value)
		return nil
	}
}

// auditPolicy records who asked for what, once answered; watches also when they begin.
const auditPolicy = `{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitManagedFields": true, "rules": [
  {"level": "Metadata", "verbs": ["watch"], "omitStages": ["ResponseComplete"]},
  {"level": "Metadata", "omitStages": ["RequestReceived"]}]}`

// WithAuditLog keeps a line for each request.
func WithAuditLog(s *Server) error {
	s.AuditLog = filepath.Join(s.dir, "audit.log")
	policy := filepath.Join(s.dir, "audit-policy.json")
	flags := s.env.ControlPlane.GetAPIServer().Configure()
	flags.Set("audit-policy-file", policy)
	flags.Set("audit-log-path", s.AuditLog)
	flags.Set("audit-log-mode", "blocking")
	return os.WriteFile(policy, []byte(auditPolicy), 0o600)
}

// InstallSnapshotAPI installs the definitions of VolumeSnapshots on a running server and waits until they are served.
func (s *Server) InstallSnapshotAPI() error {
	path, err := SnapshotDefinitions()
	if err != nil {
		return err
	}
	return s.Install(path)
}

// Install installs the definitions in a file or folder on a running server and waits until they are served.
func (s *Server) Install(path string) error {
	_, err := envtest.InstallCRDs(s.Config, envtest.CRDInstallOptions{Paths: []string{path}, ErrorIfPathMissing: true})
	return err
}

// Client is an administrator's.
func (s *Server) Client(scheme *runtime.Scheme) (client.Client, error) {
	return client.New(s.Config, client.Options{Scheme: scheme})
}

// User writes the kubeconfig of a user of that name, in no group but that of all who are authenticated.
func (s *Server) User(name string) (path string, err error) {
	u, err := s.env.AddUser(envtest.User{Name: name}, &rest.Config{QPS: -1})
	if err != nil {
		return "", err
	}
	raw, err := u.KubeConfig()
	if err != nil {
		return "", err
	}
	return s.write("user-"+hex.EncodeToString([]byte(name)), raw) // KUBECONFIG is a list: a colon would cut the name
}

// Kubeconfig writes the kubeconfig of an administrator and tells its path.
func (s *Server) Kubeconfig() (path string, err error) {
	return s.write("kubeconfig", s.env.KubeConfig)
}

func (s *Server) write(name string, content []byte) (path string, err error) {
	path = filepath.Join(s.dir, name)
	return path, os.WriteFile(path, content, 0o600)
}

// Kubectl runs kubectl as an administrator.
func (s *Server) Kubectl(ctx context.Context, args ...string) (string, error) {
	path, err := s.Kubeconfig()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), append([]string{"--kubeconfig", path}, args...)...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %v: %w: %s", args, err, complaint.String())
	}
	return out.String(), nil
}

// SnapshotDefinitions is the folder with the definitions of VolumeSnapshots, of the version that the test cluster runs.
func SnapshotDefinitions() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "mod", "download", "-json", snapshotDefinitions)
	cmd.Dir = filepath.Join(root, snapshotPin)
	raw, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find %s: %w: %s", snapshotDefinitions, err, raw)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(raw, &module); err != nil {
		return "", err
	}
	return filepath.Join(module.Dir, "config/crd"), nil
}

// Root is the folder of the whole repository.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "PROJECT")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("not within the repository: no PROJECT file above the working directory")
}
