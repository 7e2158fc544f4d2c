// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/lifeboat-dev/lifeboat/test/apiserver"
)

// TestSamples has the API server accept what people are given to copy.
func TestSamples(t *testing.T) {
	files := found(t, "config/samples/*.yaml")
	list, err := os.ReadFile(filepath.Join(filepath.Dir(files[0]), "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if name == "kustomization.yaml" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(string(list), "  - "+name+"\n") {
				t.Errorf("config/samples/kustomization.yaml does not list %s", name)
			}
			accepted(t, read(t, file))
		})
	}
}

// block is a YAML block of a page, or what a page gives to kubectl.
var block = regexp.MustCompile("(?s)(?:```yaml|<<'EOF')\n(.*?)\n(?:```|EOF)\n")

// TestPages has the API server accept the objects of our kinds in the documentation.
func TestPages(t *testing.T) {
	seen := 0
	for _, page := range append(found(t, "docs/*.md"), found(t, "docs/how-to/*.md")...) {
		for _, match := range block.FindAllStringSubmatch(read(t, page), -1) {
			for document := range strings.SplitSeq(match[1], "\n---\n") {
				if !strings.HasPrefix(document, "apiVersion: lifeboat.dev/") {
					continue
				}
				seen++
				t.Run(filepath.Base(page), func(t *testing.T) { accepted(t, document) })
			}
		}
	}
	if seen == 0 {
		t.Error("no page shows an object")
	}
}

func found(t *testing.T, pattern string) []string {
	t.Helper()
	root, err := apiserver.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no file is %s: %v", pattern, err)
	}
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// accepted creates an object without keeping it. What stands for a name of the reader's own, in capitals, becomes one.
func accepted(t *testing.T, text string) {
	t.Helper()
	var o unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(standsFor.ReplaceAllStringFunc(text, strings.ToLower)), &o.Object); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	o.SetNamespace("default")
	if err := cluster.Create(t.Context(), &o, client.DryRunAll); err != nil {
		t.Errorf("refused: %v\n%s", err, text)
	}
}

var standsFor = regexp.MustCompile(`\b(POLICY|POINT|NAME|CLAIM|NAMESPACE)\b`)
