// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lifeboat-dev/lifeboat/internal/config"
)

// checkNotifications reads what is rendered as the manager does, and looks for the files that it names where pods mount them.
func checkNotifications(rendered string) error {
	objects, err := readObjects(rendered)
	if err != nil {
		return err
	}
	var text string
	pods := map[string]corev1.PodSpec{}
	for id, object := range objects {
		var deployment appsv1.Deployment
		var pod corev1.Pod
		var settings corev1.ConfigMap
		switch {
		case strings.HasSuffix(id.kind, " ConfigMap"):
			err = json.Unmarshal([]byte(object), &settings)
			text = settings.Data[path.Base(config.NotificationsPath)]
		case strings.HasSuffix(id.kind, " Deployment"):
			err = json.Unmarshal([]byte(object), &deployment)
			pods[id.String()] = deployment.Spec.Template.Spec
		case strings.HasSuffix(id.kind, " Pod"):
			err = json.Unmarshal([]byte(object), &pod)
			pods[id.String()] = pod.Spec
		}
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	if len(pods) != 2 {
		return fmt.Errorf("%d pods read notifications, want the manager's and that of helm test", len(pods))
	}
	n, err := config.ParseNotifications([]byte(text))
	if err != nil {
		return fmt.Errorf("the manager would refuse what is rendered: %w", err)
	}
	wanted := []string{config.NotificationsPath}
	for _, one := range n.Notifiers {
		if one.URLFile != "" {
			wanted = append(wanted, one.URLFile)
		}
	}
	if len(wanted) < 2 {
		return errors.New("no notifier has its URL in a Secret, so that nothing is shown")
	}
	for _, id := range slices.Sorted(maps.Keys(pods)) {
		files := mounted(pods[id])
		for _, file := range wanted {
			if !slices.Contains(files, file) {
				return fmt.Errorf("%s mounts %v, and the configuration names %s", id, files, file)
			}
		}
	}
	fmt.Printf("%d pods find all %d files of notifications\n", len(pods), len(wanted))
	return nil
}

// mounted are the files that the projected volumes of a pod put into its containers.
func mounted(pod corev1.PodSpec) []string {
	var out []string
	for _, c := range pod.Containers {
		for _, m := range c.VolumeMounts {
			for _, v := range pod.Volumes {
				if v.Name != m.Name || v.Projected == nil {
					continue
				}
				for _, s := range v.Projected.Sources {
					if s.ConfigMap != nil && len(s.ConfigMap.Items) == 0 { // all its keys; the chart writes one
						out = append(out, path.Join(m.MountPath, path.Base(config.NotificationsPath)))
					}
					if s.Secret != nil {
						for _, item := range s.Secret.Items {
							out = append(out, path.Join(m.MountPath, item.Path))
						}
					}
				}
			}
		}
	}
	return out
}
