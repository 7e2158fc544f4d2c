// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Intercept stands before every call: a stopped system answers nothing, and every failure is logged.
func (d *Driver) Intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if d.faults.Stopped() {
		return nil, status.Errorf(codes.Unavailable, "the storage system %s is down (fault switch stop)", d.name)
	}
	d.damage()
	start := time.Now()
	answer, err := handle(ctx, req)
	took := time.Since(start).Round(time.Millisecond)
	if err != nil {
		d.log.Warn("call failed", "method", info.FullMethod, "took", took, "code", status.Code(err), "error", status.Convert(err).Message())
		return nil, err
	}
	d.log.Debug("call", "method", info.FullMethod, "took", took)
	return answer, nil
}
