// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// secretFields are the paths of all fields of a Repository that name a Secret, as the types have them: a field that is new and that
// the admission policy does not know is found here.
func secretFields(t reflect.Type, at string) (out []string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[api.SecretReference]():
		return []string{at}
	case t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[api.RepositorySpec]().PkgPath():
		return nil
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, secretFields(f.Type, at+"."+name)...)
	}
	return out
}

// Whoever writes a Repository must be allowed to read each Secret that it names: else they could have those of others sent to a
// server of theirs.
func TestSecretsOfRepositories(t *testing.T) {
	must := admitting(t, "secrets.yaml")
	must("create", "role", "repositories", "--verb=create,patch,get", "--resource=repositories.lifeboat.dev")
	must("create", "role", "one-secret", "--verb=get", "--resource=secrets", "--resource-name=mine")
	must("create", "role", "all-secrets", "--verb=get", "--resource=secrets")
	must("create", "rolebinding", "repositories", "--role=repositories", "--user=tenant", "--user=keeper")
	must("create", "rolebinding", "one-secret", "--role=one-secret", "--user=tenant")
	must("create", "rolebinding", "all-secrets", "--role=all-secrets", "--user=keeper")

	write := func(o *object) string {
		t.Helper()
		raw, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "object.json")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	create := func(user string, o *object) error {
		_, err := kubectl(t.Context(), "create", "--dry-run=server", "--as="+user, "-f", write(o))
		return err
	}
	fields := secretFields(reflect.TypeFor[api.RepositorySpec](), "spec")
	if len(fields) < 7 {
		t.Fatalf("the types name only these Secrets: %v", fields)
	}
	// naming is a repository in which one field names a Secret, and all others name the tenant's.
	naming := func(field, secret string) *object {
		kind := strings.Split(field, ".")[1]
		if repositoryKinds()[kind] == nil {
			kind = "s3"
		}
		o := repositoryOf(kind)
		for _, f := range append(fields, field) {
			name := "mine"
			if f == field {
				name = secret
			}
			if f == "spec.password" || strings.HasPrefix(f, "spec."+kind+".") {
				o.set(f+".name", name)
			}
		}
		return o
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) { // it comes into force a moment after it was applied
		if create("tenant", naming("spec.password", "hers")) != nil {
			break
		}
	}
	refused := func(what string, err error, field string) {
		t.Helper()
		want := field + " names Secret hers of namespace default, which pods of the repository use, and tenant may not get it"
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, field := range fields {
		refused(field, create("tenant", naming(field, "hers")), field)
		if err := create("tenant", naming(field, "mine")); err != nil {
			t.Errorf("%s, with a Secret that its author may read: %v", field, err)
		}
		if err := create("keeper", naming(field, "hers")); err != nil {
			t.Errorf("%s, by whoever may read all: %v", field, err)
		}
	}
	if err := create("tenant", repositoryOf("filesystem")); err != nil {
		t.Errorf("a repository that names no Secret: %v", err)
	}

	must("create", "--as=keeper", "-f", write(naming("spec.s3.credentials", "hers")))
	t.Cleanup(func() { _, _ = kubectl(t.Context(), "delete", "repository", "base") })
	patch := func(user, change string) error {
		_, err := kubectl(t.Context(), "patch", "repository", "base", "--type=merge", "--as="+user, "-p", change)
		return err
	}
	elsewhere := `{"spec": {"s3": {"endpoint": "thief.test"}}}`
	refused("a Secret of others sent elsewhere", patch("tenant", elsewhere), "spec.s3.credentials")
	if err := patch("tenant", `{"metadata": {"annotations": {"a": "b"}}}`); err != nil {
		t.Errorf("an annotation: %v", err)
	}
	if err := patch("keeper", elsewhere); err != nil {
		t.Errorf("moved by whoever may read its Secrets: %v", err)
	}
}
