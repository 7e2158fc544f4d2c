// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/utils/clock"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
)

// defaultHookTimeout is how long a hook may take in one pod when it does not say.
const defaultHookTimeout = 30 * time.Second

// Hooks runs commands in pods. What they print is discarded: it may hold secrets.
type Hooks struct {
	Config *rest.Config
	Client kubernetes.Interface
	Clock  clock.PassiveClock
}

// Run runs a hook in every running pod it selects, one after the other, and tells how it ended.
func (h *Hooks) Run(ctx context.Context, namespace string, hook api.Hook) api.HookRecord {
	pods, err := h.pods(ctx, namespace, hook)
	for i := range pods {
		if bad := h.exec(ctx, &pods[i], hook); bad != nil {
			err = errors.Join(err, fmt.Errorf("pod %s: %w", pods[i].Name, bad))
		}
	}
	done := metav1.NewTime(h.Clock.Now().UTC().Truncate(time.Second))
	record := api.HookRecord{Name: hook.Name, State: api.HookSucceeded, Pods: int32(len(pods)), FinishedAt: &done}
	if err != nil {
		record.State, record.Message = api.HookFailed, conditions.Clip(err.Error(), 512)
	}
	return record
}

func (h *Hooks) pods(ctx context.Context, namespace string, hook api.Hook) ([]corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(hook.Selector.AsMeta())
	if err != nil {
		return nil, fmt.Errorf("selector: %w", err)
	}
	list, err := h.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String(), FieldSelector: "status.phase=Running"})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	var out []corev1.Pod
	for _, p := range list.Items {
		if p.DeletionTimestamp.IsZero() {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no running pod matches selector %q", selector)
	}
	return out, nil
}

func (h *Hooks) exec(ctx context.Context, pod *corev1.Pod, hook api.Hook) error {
	timeout := defaultHookTimeout
	if hook.Timeout != nil {
		timeout = hook.Timeout.Duration
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	container := hook.Container
	if container == "" {
		container = pod.Spec.Containers[0].Name
	}
	req := h.Client.CoreV1().RESTClient().Post().Resource("pods").Name(pod.Name).Namespace(pod.Namespace).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: hook.Command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := h.executor(req)
	if err != nil {
		return err
	}
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: io.Discard, Stderr: io.Discard})
	var exit exec.CodeExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the command took longer than %s", timeout)
	case errors.As(err, &exit):
		return fmt.Errorf("the command ended with exit code %d", exit.Code)
	}
	return err
}

// executor speaks WebSocket, and SPDY with API servers that do not.
func (h *Hooks) executor(req *rest.Request) (remotecommand.Executor, error) {
	spdy, err := remotecommand.NewSPDYExecutor(h.Config, "POST", req.URL())
	if err != nil {
		return nil, err
	}
	socket, err := remotecommand.NewWebSocketExecutor(h.Config, "GET", req.URL().String())
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(socket, spdy, httpstream.IsUpgradeFailure)
}
