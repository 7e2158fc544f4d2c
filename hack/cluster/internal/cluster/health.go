// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/components"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/layout"
)

// get asks the API server as the administrator.
func get(ctx context.Context, path string) ([]byte, error) {
	ca, err := os.ReadFile(filepath.Join(layout.PKI, "ca.crt"))
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(layout.PKI, "admin.crt"), filepath.Join(layout.PKI, "admin.key"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, components.APIServerURL+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return body, err
}

func apiServerReady(ctx context.Context) error {
	_, err := get(ctx, "/readyz")
	return err
}

type node struct {
	Status struct {
		Conditions []struct {
			Type              string    `json:"type"`
			Status            string    `json:"status"`
			LastHeartbeatTime time.Time `json:"lastHeartbeatTime"`
		} `json:"conditions"`
	} `json:"status"`
}

// nodeReady wants a Ready that the running kubelet wrote: one that is older
// than its process was left by an earlier kubelet in the same etcd data.
func (c *Cluster) nodeReady(ctx context.Context) error {
	services, err := c.supervisor.List(ctx)
	if err != nil {
		return err
	}
	body, err := get(ctx, "/api/v1/nodes/"+components.NodeName)
	if err != nil {
		return err
	}
	var n node
	if err := json.Unmarshal(body, &n); err != nil {
		return err
	}
	started := services["kubelet"].Started.Truncate(time.Second)
	for _, condition := range n.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" && !condition.LastHeartbeatTime.Before(started) {
			return nil
		}
	}
	return errors.New("node " + components.NodeName + " is not ready")
}

// driversRegistered wants both drivers on the node and all storage processes running.
func (c *Cluster) driversRegistered(ctx context.Context) error {
	body, err := get(ctx, "/apis/storage.k8s.io/v1/csinodes/"+components.NodeName)
	if err != nil {
		return err
	}
	var csiNode struct {
		Spec struct {
			Drivers []struct {
				Name string `json:"name"`
			} `json:"drivers"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(body, &csiNode); err != nil {
		return err
	}
	services, err := c.supervisor.List(ctx)
	if err != nil {
		return err
	}
	for _, s := range components.Systems {
		registered := false
		for _, d := range csiNode.Spec.Drivers {
			registered = registered || d.Name == s.Driver()
		}
		if !registered {
			return fmt.Errorf("driver %s is not registered", s.Driver())
		}
		for _, service := range c.parts.StorageSystem(s) {
			if services[service.Name].PID == 0 {
				return fmt.Errorf("%s is not running: %s", service.Name, c.logHint(service.Name))
			}
		}
	}
	return nil
}
