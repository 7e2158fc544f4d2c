// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// clusterLogs reads logs through the API server, as kubectl does.
type clusterLogs struct{ clients kubernetes.Interface }

// Read returns the beginning of what a pod printed.
func (l clusterLogs) Read(ctx context.Context, namespace, pod string, most int64) ([]byte, error) {
	return l.read(ctx, namespace, pod, &corev1.PodLogOptions{LimitBytes: &most})
}

// mostTail bounds the last lines of a log.
const mostTail = 64 << 10

// Tail returns the last lines that a pod printed.
func (l clusterLogs) Tail(ctx context.Context, namespace, pod string, lines int64) ([]byte, error) {
	return l.read(ctx, namespace, pod, &corev1.PodLogOptions{TailLines: &lines, LimitBytes: ptr.To[int64](mostTail)})
}

func (l clusterLogs) read(ctx context.Context, namespace, pod string, what *corev1.PodLogOptions) ([]byte, error) {
	raw, err := l.clients.CoreV1().Pods(namespace).GetLogs(pod, what).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of pod %s: %w", pod, err)
	}
	return raw, nil
}
