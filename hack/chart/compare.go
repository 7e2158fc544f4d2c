// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// identity tells objects apart.
type identity struct {
	kind, namespace, name string
}

func (i identity) String() string { return fmt.Sprintf("%s %s/%s", i.kind, i.namespace, i.name) }

// These labels and annotations say who installed an object, and rightly differ.
var (
	installerLabels      = []string{"app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart"}
	installerAnnotations = []string{"helm.sh/resource-policy"}
)

func compareFiles(helm, kustomize string) error {
	fromHelm, err := readObjects(helm)
	if err != nil {
		return err
	}
	fromKustomize, err := readObjects(kustomize)
	if err != nil {
		return err
	}
	if len(fromHelm) == 0 {
		return fmt.Errorf("%s holds no objects", helm)
	}
	differences := compare(fromHelm, fromKustomize)
	for _, d := range differences {
		fmt.Fprintln(os.Stderr, d)
	}
	if len(differences) > 0 {
		return errors.New("the chart and config/default install different objects; change one of them")
	}
	fmt.Printf("the chart and config/default install the same %d objects\n", len(fromHelm))
	return nil
}

// compare names every object that is missing on one side or differs.
func compare(helm, kustomize map[identity]string) []string {
	var differences []string
	for id, object := range helm {
		switch other, found := kustomize[id]; {
		case !found:
			differences = append(differences, fmt.Sprintf("%s: only in the chart", id))
		case other != object:
			differences = append(differences, fmt.Sprintf("%s differs:\n  chart:     %s\n  kustomize: %s", id, object, other))
		}
	}
	for id := range kustomize {
		if _, found := helm[id]; !found {
			differences = append(differences, fmt.Sprintf("%s: only in config/default", id))
		}
	}
	slices.Sort(differences)
	return differences
}

// readObjects reads a stream of manifests into canonical JSON by identity.
func readObjects(path string) (map[identity]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return decodeObjects(file)
}

func decodeObjects(stream io.Reader) (map[identity]string, error) {
	objects := map[identity]string{}
	decoder := yaml.NewYAMLOrJSONDecoder(stream, 4096)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		// Helm leaves the namespace to --create-namespace.
		if len(object.Object) == 0 || object.GetKind() == "Namespace" {
			continue
		}
		id := identity{object.GetAPIVersion() + " " + object.GetKind(), object.GetNamespace(), object.GetName()}
		if _, twice := objects[id]; twice {
			return nil, fmt.Errorf("%s appears twice", id)
		}
		if objects[id], err = canonical(object); err != nil {
			return nil, err
		}
	}
}

// canonical is the object as sorted JSON, without the marks of its installer.
func canonical(object unstructured.Unstructured) (string, error) {
	object.SetLabels(without(object.GetLabels(), installerLabels))
	object.SetAnnotations(without(object.GetAnnotations(), installerAnnotations))
	text, err := json.Marshal(object.Object)
	return string(text), err
}

func without(entries map[string]string, keys []string) map[string]string {
	maps.DeleteFunc(entries, func(key, _ string) bool { return slices.Contains(keys, key) })
	return entries
}
