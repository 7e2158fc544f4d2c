// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lifeboat-dev/lifeboat/test/apiserver"
)

// cluster is an administrator's client, strict about fields that it does not know.
var cluster client.Client

// kubectl runs the command as an administrator, or as somebody else with --as.
var kubectl func(ctx context.Context, args ...string) (string, error)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	server, err := apiserver.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	admin, err := server.Client(runtime.NewScheme())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	kubectl = server.Kubectl
	cluster = client.WithFieldValidation(admin, metav1.FieldValidationStrict)
	return m.Run()
}

// object is one that is valid until a case changes it.
type object struct{ unstructured.Unstructured }

// set writes a field; the path is separated by dots.
func (o *object) set(path string, value any) {
	if err := unstructured.SetNestedField(o.Object, value, strings.Split(path, ".")...); err != nil {
		panic(err)
	}
}

// drop takes a field away.
func (o *object) drop(path string) {
	unstructured.RemoveNestedField(o.Object, strings.Split(path, ".")...)
}

// get reads a field.
func (o *object) get(path string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(o.Object, strings.Split(path, ".")...)
	return v
}

// refusal is one complaint of the API server: about which field, and a part of what it says.
type refusal struct{ field, remedy string }

// testCase changes a valid object; without wantErrors the result is accepted.
type testCase struct {
	name       string
	mutate     func(*object)
	wantErrors []refusal
}

func base(kind string, spec map[string]any) *object {
	o := &object{unstructured.Unstructured{Object: map[string]any{"spec": spec}}}
	o.SetAPIVersion("lifeboat.dev/v1alpha1")
	o.SetKind(kind)
	o.SetNamespace("default")
	o.SetName("base")
	return o
}

func validPolicy() *object {
	return base("BackupPolicy", map[string]any{
		"volumes":   map[string]any{"selector": map[string]any{"matchLabels": map[string]any{"app": "sync"}}},
		"schedule":  map[string]any{"cron": "*/15 * * * *"},
		"retention": map[string]any{"last": int64(3)},
	})
}

func validPoint() *object {
	return base("RecoveryPoint", map[string]any{"policy": map[string]any{"name": "sync"}})
}

// causes are the complaints in an error of the API server.
func causes(err error) []refusal {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var out []refusal
	for _, c := range status.Status().Details.Causes {
		out = append(out, refusal{c.Field, c.Message})
	}
	return out
}

// check compares what the API server said with what a case expects: each expectation is met, and there is no
// complaint about a field of which none was expected.
func check(t *testing.T, err error, want []refusal) {
	t.Helper()
	if len(want) == 0 {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("accepted; want a refusal that names %v", want)
	}
	got := causes(err)
	for _, w := range want {
		if !meets(got, w) {
			t.Errorf("no refusal of %q that says %q; got: %v", w.field, w.remedy, err)
		}
	}
	for _, g := range got {
		if !expected(g, want) {
			t.Errorf("unexpected refusal of %q: %s", g.field, g.remedy)
		}
	}
}

func meets(got []refusal, want refusal) bool {
	for _, g := range got {
		if g.field == want.field && strings.Contains(g.remedy, want.remedy) {
			return true
		}
	}
	return false
}

// unchecked is what the API server adds when the shape of an object kept it from evaluating the rules.
const unchecked = "some validation rules were not checked"

func expected(got refusal, want []refusal) bool {
	for _, w := range want {
		if got.field == w.field {
			return true
		}
	}
	return strings.Contains(got.remedy, unchecked)
}
