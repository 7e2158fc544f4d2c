// SPDX-License-Identifier: Apache-2.0

// Package registration makes the driver known to the kubelet, which watches a directory for
// sockets and asks each of them who it is.
package registration

import (
	"context"
	"log/slog"
	"path/filepath"

	"google.golang.org/grpc"
	registerapi "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// Plugin answers the kubelet's questions about one driver.
type Plugin struct {
	registerapi.UnimplementedRegistrationServer

	Driver string // name of the driver
	Socket string // path of the driver's CSI socket
	Log    *slog.Logger
}

// SocketIn is the path at which the kubelet finds the plugin.
func (p *Plugin) SocketIn(dir string) string {
	return filepath.Join(dir, p.Driver+"-reg.sock")
}

// Register adds the plugin to a server.
func (p *Plugin) Register(server *grpc.Server) {
	registerapi.RegisterRegistrationServer(server, p)
}

// GetInfo says which driver is where.
func (p *Plugin) GetInfo(context.Context, *registerapi.InfoRequest) (*registerapi.PluginInfo, error) {
	return &registerapi.PluginInfo{
		Type: registerapi.CSIPlugin, Name: p.Driver, Endpoint: p.Socket, SupportedVersions: []string{"1.0.0"},
	}, nil
}

// NotifyRegistrationStatus hears whether the kubelet took the driver; it asks again by itself if not.
func (p *Plugin) NotifyRegistrationStatus(_ context.Context, outcome *registerapi.RegistrationStatus) (*registerapi.RegistrationStatusResponse, error) {
	if outcome.GetPluginRegistered() {
		p.Log.Info("registered with the kubelet")
	} else {
		p.Log.Error("the kubelet refused the driver", "error", outcome.GetError())
	}
	return &registerapi.RegistrationStatusResponse{}, nil
}
