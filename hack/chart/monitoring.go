// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// checkMonitoring fails when a rendering with all switches on tells Prometheus and Grafana something else than the chart's
// files, or when Prometheus could not find, reach or rightly read the manager.
func checkMonitoring(rendering, files string) error {
	objects, err := readObjects(rendering)
	if err != nil {
		return err
	}
	alerts, err := os.ReadFile(filepath.Join(files, "alerts.yaml"))
	if err != nil {
		return err
	}
	dashboard, err := os.ReadFile(filepath.Join(files, "dashboard.json"))
	if err != nil {
		return err
	}
	return errors.Join(sameRules(objects, alerts), sameDashboard(objects, dashboard), reachable(objects))
}

// only decodes the one object of a kind whose name has a suffix.
func only(objects map[identity]string, kind, suffix string, into any) error {
	var found []string
	for id, object := range objects {
		if strings.HasSuffix(id.kind, " "+kind) && strings.HasSuffix(id.name, suffix) {
			found = append(found, object)
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("%d objects of kind %s are named *%s, want 1", len(found), kind, suffix)
	}
	return json.Unmarshal([]byte(found[0]), into)
}

func sameRules(objects map[identity]string, source []byte) error {
	var rule struct{ Spec map[string]any }
	if err := only(objects, "PrometheusRule", "", &rule); err != nil {
		return err
	}
	var want map[string]any
	if err := yaml.Unmarshal(source, &want); err != nil {
		return err
	}
	if len(want) == 0 || !reflect.DeepEqual(rule.Spec, want) {
		return errors.New("the PrometheusRule is not what files/alerts.yaml says; look at templates/prometheusrule.yaml")
	}
	return nil
}

func sameDashboard(objects map[identity]string, source []byte) error {
	var board struct {
		Metadata struct{ Labels map[string]string }
		Data     map[string]string
	}
	if err := only(objects, "ConfigMap", "-dashboard", &board); err != nil {
		return err
	}
	text := board.Data["lifeboat.json"]
	if text != strings.TrimSpace(string(source)) || !json.Valid([]byte(text)) {
		return errors.New("the dashboard's ConfigMap does not hold files/dashboard.json; look at templates/dashboard.yaml")
	}
	if board.Metadata.Labels["grafana_dashboard"] != "1" {
		return errors.New("the dashboard's ConfigMap lacks the label grafana_dashboard: \"1\", by which Grafana's sidecar finds it")
	}
	return nil
}

type port struct {
	Name, Port, TargetPort any
}

// reachable follows the way of a scrape: from the ServiceMonitor over the Service through the NetworkPolicy to the manager.
func reachable(objects map[identity]string) error {
	var monitor struct {
		Spec struct {
			Selector  struct{ MatchLabels map[string]string }
			Endpoints []struct {
				Port        string
				HonorLabels bool
			}
		}
	}
	var service struct {
		Metadata struct{ Labels map[string]string }
		Spec     struct {
			Selector map[string]string
			Ports    []port
		}
	}
	var policy struct {
		Spec struct{ Ingress []struct{ Ports []port } }
	}
	var manager struct {
		Spec struct {
			Template struct {
				Metadata struct{ Labels map[string]string }
				Spec     struct {
					Containers []struct{ Ports []port }
				}
			}
		}
	}
	if err := errors.Join(only(objects, "ServiceMonitor", "", &monitor), only(objects, "Service", "-metrics", &service),
		only(objects, "NetworkPolicy", "", &policy), only(objects, "Deployment", "", &manager)); err != nil {
		return err
	}
	if !covers(service.Metadata.Labels, monitor.Spec.Selector.MatchLabels) {
		return errors.New("the ServiceMonitor does not select the Service")
	}
	if !covers(manager.Spec.Template.Metadata.Labels, service.Spec.Selector) {
		return errors.New("the Service does not select the manager's pods")
	}
	if len(monitor.Spec.Endpoints) != 1 || !monitor.Spec.Endpoints[0].HonorLabels {
		return errors.New("the ServiceMonitor must have one endpoint, with honorLabels: the namespaces in the metrics are those of the policies")
	}
	named := func(name any) func(port) bool { return func(p port) bool { return p.Name == name } }
	n := slices.IndexFunc(service.Spec.Ports, named(monitor.Spec.Endpoints[0].Port))
	if n < 0 {
		return fmt.Errorf("the Service has no port %s, which the ServiceMonitor asks for", monitor.Spec.Endpoints[0].Port)
	}
	target := service.Spec.Ports[n].TargetPort
	if !slices.ContainsFunc(manager.Spec.Template.Spec.Containers[0].Ports, named(target)) {
		return fmt.Errorf("the manager has no port %v, which the Service leads to", target)
	}
	for _, rule := range policy.Spec.Ingress {
		if slices.ContainsFunc(rule.Ports, func(p port) bool { return p.Port == target }) {
			return nil
		}
	}
	return fmt.Errorf("the NetworkPolicy lets nobody to port %v", target)
}

// covers tells whether labels satisfy a selector, which must say something.
func covers(labels, selector map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}
