// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/yaml"

	core "github.com/lifeboat-dev/lifeboat/internal/core/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/evidence"
)

// document is what a file may hold: an envelope, a ConfigMap, or a list of ConfigMaps.
type document struct {
	Kind        string      `json:"kind"`
	PayloadType string      `json:"payloadType"`
	Items       []configMap `json:"items"`
	configMap
}

// configMap is the part of a ConfigMap that holds evidence.
type configMap struct {
	Metadata struct {
		Namespace         string            `json:"namespace"`
		Name              string            `json:"name"`
		Annotations       map[string]string `json:"annotations"`
		CreationTimestamp time.Time         `json:"creationTimestamp"`
	} `json:"metadata"`
	Data map[string]string `json:"data"`
}

// envelopes finds the envelopes in a file, which errors call by its name.
func envelopes(file string, text []byte) ([]evidence.Envelope, error) {
	var d document
	if err := yaml.Unmarshal(text, &d); err != nil { // JSON is YAML
		return nil, fmt.Errorf("neither JSON nor YAML: %w", err)
	}
	switch {
	case d.PayloadType != "":
		return []evidence.Envelope{{Name: file, JSON: text}}, nil
	case d.Kind == "ConfigMap":
		return ofConfigMaps([]configMap{d.configMap})
	case d.Kind == "List" || d.Kind == "ConfigMapList":
		return ofConfigMaps(d.Items)
	}
	return nil, errors.New("neither an envelope nor ConfigMaps; want what a ConfigMap holds under " + core.EnvelopeKey + ", or what kubectl get configmaps -o json prints")
}

// ofConfigMaps takes the ConfigMaps that hold an envelope, and passes by others, in the order in which they were made.
func ofConfigMaps(maps []configMap) ([]evidence.Envelope, error) {
	type numbered struct {
		sequence int64
		created  time.Time
		evidence.Envelope
	}
	var found []numbered
	for _, m := range maps {
		envelope, ok := m.Data[core.EnvelopeKey]
		if !ok {
			continue
		}
		name := "ConfigMap " + m.Metadata.Namespace + "/" + m.Metadata.Name
		var sequence int64
		if text, ok := m.Metadata.Annotations[core.AnnotationSequence]; ok {
			var err error
			if sequence, err = strconv.ParseInt(text, 10, 64); err != nil {
				return nil, fmt.Errorf("%s: annotation %s is %q, not a number", name, core.AnnotationSequence, text)
			}
		}
		found = append(found, numbered{sequence, m.Metadata.CreationTimestamp, evidence.Envelope{Name: name, JSON: []byte(envelope)}})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no ConfigMap has the key %s: it holds no evidence", core.EnvelopeKey)
	}
	slices.SortStableFunc(found, func(a, b numbered) int {
		return cmp.Or(cmp.Compare(a.sequence, b.sequence), a.created.Compare(b.created))
	})
	var out []evidence.Envelope
	for _, f := range found {
		out = append(out, f.Envelope)
	}
	return out, nil
}
