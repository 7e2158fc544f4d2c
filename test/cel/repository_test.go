// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// repositoryKinds are valid locations of each kind.
func repositoryKinds() map[string]map[string]any {
	keys := map[string]any{"name": "keys"}
	return map[string]map[string]any{
		"s3":         {"endpoint": "s3.test:9000", "bucket": "lifeboat", "prefix": "shop/", "credentials": keys},
		"gcs":        {"bucket": "lifeboat", "prefix": "shop/", "credentials": keys},
		"azure":      {"account": "lifeboat", "container": "copies", "prefix": "shop/", "credentials": keys},
		"sftp":       {"host": "store.test", "user": "lifeboat", "path": "/srv/copies", "credentials": keys},
		"webdav":     {"url": "https://dav.test/copies", "credentials": keys},
		"filesystem": {"claim": "store", "path": "copies"},
	}
}

func validRepository() *object {
	return repositoryOf("s3")
}

func repositoryOf(kind string) *object {
	return base("Repository", map[string]any{kind: repositoryKinds()[kind]})
}

func TestRepository(t *testing.T) {
	for _, c := range repositoryCases() {
		t.Run(c.name, func(t *testing.T) {
			o := validRepository()
			c.mutate(o)
			check(t, cluster.Create(t.Context(), o, client.DryRunAll), c.wantErrors)
		})
	}
}

// of changes a repository of a kind.
func of(kind, field string, value any, want ...refusal) testCase {
	path := "spec." + kind + "." + field
	c := sets(path, value, want...)
	return testCase{name: c.name, wantErrors: want, mutate: func(o *object) {
		o.Object["spec"] = map[string]any{kind: repositoryKinds()[kind]}
		if value == nil {
			o.drop(path)
			return
		}
		o.set(path, value)
	}}
}

func repositoryCases() []testCase {
	one := refusal{"spec", "exactly one of s3, gcs, azure, sftp, webdav and filesystem must be set; keep one and remove the others"}
	out := []testCase{
		{name: "unchanged", mutate: func(*object) {}},
		{name: "name of 63", mutate: func(o *object) { o.SetName(strings.Repeat("a", 63)) }},
		{name: "name of 64", mutate: func(o *object) { o.SetName(strings.Repeat("a", 64)) },
			wantErrors: []refusal{{"<nil>", "metadata.name must be at most 63 characters, because it is used as a label value; choose a shorter name"}}},
		{name: "of no kind", mutate: func(o *object) { o.drop("spec.s3") }, wantErrors: []refusal{one}},
		{name: "of two kinds", mutate: func(o *object) { o.set("spec.gcs", repositoryKinds()["gcs"]) }, wantErrors: []refusal{one}},
		sets("spec.password.name", "mine"),
		sets("spec.password.name", "", refusal{"spec.password.name", "should be at least 1 chars long"}),
		sets("spec.uniqueID", strings.Repeat("0a", 32)),
		sets("spec.uniqueID", strings.Repeat("0a", 31), refusal{"spec.uniqueID", "should match"}),
		sets("spec.import", true),
		sets("spec.failureDomain", "amsterdam/rack-7"),
		sets("spec.failureDomain", "amsterdam/", refusal{"spec.failureDomain", "should match"}),
		sets("spec.limits.copies", int64(0), refusal{"spec.limits.copies", "should be greater than or equal to 1"}),
		sets("spec.limits.copies", int64(101), refusal{"spec.limits.copies", "should be less than or equal to 100"}),
		sets("spec.limits.uploadBytesPerSecond", int64(1000), refusal{"spec.limits.uploadBytesPerSecond", "should be greater than or equal to 65536"}),
		sets("spec.limits.downloadBytesPerSecond", int64(1000), refusal{"spec.limits.downloadBytesPerSecond", "should be greater than or equal to 65536"}),
		{name: "object lock elsewhere", mutate: func(o *object) {
			o.Object["spec"] = map[string]any{"gcs": repositoryKinds()["gcs"], "objectLock": map[string]any{"mode": "Compliance", "period": "48h"}}
		}, wantErrors: []refusal{{"spec.objectLock", "objectLock needs s3: no other kind of repository can be asked to refuse deletions; remove it"}}},
		{name: "object lock of no mode we know", mutate: lock("Legal", "48h"), wantErrors: []refusal{{"spec.objectLock.mode", `supported values: "Governance", "Compliance"`}}},
	}
	out = append(out, repositoryTimes()...)
	return append(out, locationCases()...)
}

func lock(mode, period string) func(*object) {
	return func(o *object) { o.set("spec.objectLock", map[string]any{"mode": mode, "period": period}) }
}

// repositoryTimes are the bounds of times.
func repositoryTimes() []testCase {
	var out []testCase
	for _, d := range []struct{ field, example, low, high, tooLow, tooHigh, bounds string }{
		{"verifyWithin", "24h or 720h", "1h", "8760h", "59m", "8761h", "verifyWithin must be between 1h and 8760h"},
		{"probeEvery", "5m or 1h", "1m", "24h", "59s", "24h1s", "probeEvery must be between 1m and 24h"},
		{"objectLock.period", "720h", "48h", "26280h", "47h", "26281h", "period must be between 48h and 26280h"},
	} {
		at := "spec." + d.field
		put := func(value string, want ...refusal) testCase {
			c := sets(at, value, want...)
			return testCase{name: c.name, wantErrors: want, mutate: func(o *object) {
				if d.field == "objectLock.period" {
					lock("Governance", value)(o)
					return
				}
				c.mutate(o)
			}}
		}
		name := d.field[strings.LastIndex(d.field, ".")+1:]
		out = append(out, put(d.low), put(d.high), put(d.tooLow, refusal{at, d.bounds}), put(d.tooHigh, refusal{at, d.bounds}))
		for _, bad := range []string{"10", "-10m", "30d", "forever"} {
			out = append(out, put(bad, refusal{at, name + " must be a duration such as " + d.example}))
		}
	}
	return out
}

// locationCases are those of each kind of location.
func locationCases() []testCase {
	identity := func(kind string) refusal {
		return refusal{"spec." + kind, "exactly one of credentials and workloadIdentity: true must be set; name a Secret in credentials"}
	}
	should := func(path string) refusal { return refusal{"spec." + path, "should match"} }
	var out []testCase
	for kind := range repositoryKinds() {
		out = append(out, testCase{name: "of kind " + kind, mutate: func(o *object) { o.Object["spec"] = map[string]any{kind: repositoryKinds()[kind]} }})
	}
	for _, kind := range []string{"s3", "gcs"} {
		out = append(out, of(kind, "credentials", nil, identity(kind)), of(kind, "workloadIdentity", true, identity(kind)), of(kind, "workloadIdentity", false),
			testCase{name: kind + " with an identity alone", mutate: func(o *object) {
				l := repositoryKinds()[kind]
				delete(l, "credentials")
				l["workloadIdentity"] = true
				o.Object["spec"] = map[string]any{kind: l}
			}},
			of(kind, "prefix", "shop", should(kind+".prefix")), of(kind, "prefix", "/shop/", should(kind+".prefix")), of(kind, "prefix", "a/b/"),
			of(kind, "bucket", "ab", refusal{"spec." + kind + ".bucket", "should be at least 3 chars long"}))
	}
	linkLocal := refusal{"spec.s3.endpoint", "endpoint must not be a link-local or metadata address"}
	for _, address := range []string{"169.254.169.254", "169.254.169.254:80", "[fe80::1]:80", "[FE80::1]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", "Metadata.google.internal"} {
		out = append(out, of("s3", "endpoint", address, linkLocal))
	}
	noLink := refusal{"spec.webdav.url", "url must not lead to a link-local or metadata address"}
	noHost := refusal{"spec.sftp.host", "host must not be a link-local or metadata address"}
	return append(out,
		of("s3", "endpoint", "s3.eu-central-1.amazonaws.com"), of("s3", "endpoint", "[2001:db8::1]:9000"), of("s3", "endpoint", "10.0.0.1:9000"),
		of("s3", "endpoint", "https://s3.test", should("s3.endpoint")), of("s3", "endpoint", "s3.test/bucket", should("s3.endpoint")),
		of("s3", "endpoint", "me:secret@s3.test", should("s3.endpoint")),
		of("s3", "bucket", "Lifeboat", should("s3.bucket")), of("s3", "caBundle", map[string]any{"name": "ca"}), of("s3", "insecure", true),
		of("azure", "account", "Life-boat", should("azure.account")), of("azure", "credentials", nil, refusal{"spec.azure.credentials", "Required value"}),
		of("azure", "domain", "blob.core.usgovcloudapi.net"),
		of("azure", "domain", "254.169.254", refusal{"spec.azure.domain", "domain must be the name of a DNS domain, which ends with a letter, such as blob.core.windows.net"}),
		of("sftp", "host", "169.254.169.254", noHost), of("sftp", "host", "fe80::1", noHost), of("sftp", "port", int64(2222)),
		of("sftp", "port", int64(65536), refusal{"spec.sftp.port", "should be less than or equal to 65535"}),
		of("sftp", "user", "", refusal{"spec.sftp.user", "should be at least 1 chars long"}),
		of("sftp", "credentials", nil, refusal{"spec.sftp.credentials", "Required value"}),
		of("webdav", "url", "http://dav.test"), of("webdav", "url", "ftp://dav.test", should("webdav.url")), of("webdav", "url", "https://me:secret@dav.test", should("webdav.url")),
		of("webdav", "url", "https://dav.test/?a=b", should("webdav.url")), of("webdav", "url", "http://169.254.169.254/latest", noLink), of("webdav", "url", "HTTP://x", should("webdav.url")),
		of("webdav", "url", "https://[fe80::1]/x", noLink),
		of("filesystem", "path", "../up", should("filesystem.path")), of("filesystem", "path", "/abs", should("filesystem.path")), of("filesystem", "path", "a/../b", should("filesystem.path")),
		of("filesystem", "path", "a/b.c"), of("filesystem", "claim", "", refusal{"spec.filesystem.claim", "should be at least 1 chars long"}),
	)
}

// repositoryEdit is an edit of a repository of a kind; without wantErrors it is accepted.
type repositoryEdit struct {
	kind, path string
	value      any // nil takes the field away
	wantErrors []refusal
}

func repositoryEdits() []repositoryEdit {
	var out []repositoryEdit
	for _, e := range []struct{ kind, field, value, message string }{
		{"s3", "bucket", "another", "bucket and prefix are immutable; create another Repository instead"},
		{"s3", "prefix", "another/", "bucket and prefix are immutable; create another Repository instead"},
		{"s3", "prefix", "", "bucket and prefix are immutable; create another Repository instead"},
		{"gcs", "bucket", "another", "bucket and prefix are immutable; create another Repository instead"},
		{"gcs", "prefix", "another/", "bucket and prefix are immutable; create another Repository instead"},
		{"azure", "account", "another", "account, container and prefix are immutable; create another Repository instead"},
		{"azure", "container", "another", "account, container and prefix are immutable; create another Repository instead"},
		{"azure", "prefix", "", "account, container and prefix are immutable; create another Repository instead"},
		{"sftp", "path", "/another", "path is immutable; create another Repository instead"},
		{"webdav", "url", "https://dav.test/another", "url is immutable; create another Repository instead"},
		{"filesystem", "claim", "another", "claim and path are immutable; create another Repository instead"},
		{"filesystem", "path", "another", "claim and path are immutable; create another Repository instead"},
		{"filesystem", "path", "", "claim and path are immutable; create another Repository instead"},
	} {
		edit := repositoryEdit{kind: e.kind, path: "spec." + e.kind + "." + e.field, wantErrors: []refusal{{"spec." + e.kind, e.message}}}
		if e.value != "" {
			edit.value = e.value
		}
		out = append(out, edit)
	}
	return append(out,
		repositoryEdit{kind: "s3", path: "spec.s3.endpoint", value: "moved.test"},
		repositoryEdit{kind: "s3", path: "spec.s3.credentials.name", value: "rotated"},
		repositoryEdit{kind: "s3", path: "spec.verifyWithin", value: "24h"},
		repositoryEdit{kind: "sftp", path: "spec.sftp.host", value: "moved.test"},
	)
}

func (e repositoryEdit) try(t *testing.T) error {
	t.Helper()
	o := repositoryOf(e.kind)
	o.SetName("edited-repository-" + e.kind)
	if err := cluster.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}()
	if e.value == nil {
		o.drop(e.path)
	} else {
		o.set(e.path, e.value)
	}
	return cluster.Update(t.Context(), o, client.DryRunAll)
}

func TestRepositoryEdits(t *testing.T) {
	for _, e := range repositoryEdits() {
		t.Run(e.kind+" "+e.path, func(t *testing.T) { check(t, e.try(t), e.wantErrors) })
	}
}

// changeRepositoryKind asks for another kind of location.
func changeRepositoryKind(t *testing.T) error {
	t.Helper()
	o := validRepository()
	o.SetName("edited-repository")
	if err := cluster.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}()
	o.drop("spec.s3")
	o.set("spec.gcs", repositoryKinds()["gcs"])
	return cluster.Update(t.Context(), o, client.DryRunAll)
}

func TestRepositoryKindIsImmutable(t *testing.T) {
	check(t, changeRepositoryKind(t), []refusal{{"spec", "the kind of a repository is immutable; create another Repository instead"}})
}
