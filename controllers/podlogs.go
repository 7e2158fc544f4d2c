// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
)

// clusterLogs reads logs through the API server, as kubectl does.
type clusterLogs struct{ clients kubernetes.Interface }

// Read returns the beginning of what a pod printed.
func (l clusterLogs) Read(ctx context.Context, namespace, pod string, most int64) ([]byte, error) {
	raw, err := l.clients.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{LimitBytes: &most}).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of pod %s: %w", pod, err)
	}
	return raw, nil
}
