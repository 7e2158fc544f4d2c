// SPDX-License-Identifier: Apache-2.0

//go:build linux

package recovery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

const secret = "correct horse battery staple"

// rescue is a repository, and what brings it back.
type rescue struct {
	*testing.T
	tool       Tool
	out, err   bytes.Buffer
	repository string
	password   string
	dir        string
}

func newRescue(t *testing.T) *rescue {
	dir := t.TempDir()
	r := &rescue{T: t, dir: dir, repository: filepath.Join(dir, "repository"), password: filepath.Join(dir, "password")}
	r.write("password", secret+"\n")
	repo, _, err := repository.Create(context.Background(), r.options(), "uid")
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.tool = Tool{Open: repository.Open, Environment: func(string) string { return "" }, Out: &r.out, Err: &r.err, Clock: clock.RealClock{}}
	return r
}

func (r *rescue) options() repository.Options {
	return repository.Options{Location: order.Repository{Filesystem: &order.Filesystem{Path: r.repository}}, Secrets: repository.Secrets{Password: secret}}
}

func (r *rescue) write(name, content string) {
	r.Helper()
	path := filepath.Join(r.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o640)); err != nil {
		r.Fatal(err)
	}
}

// copy copies what lies in the folder of a claim, or the file of a block volume.
func (r *rescue) copy(point, claim string, hour, volumes int) {
	r.Helper()
	record := order.Record{
		PointUID: "uid-" + point, Point: point, Namespace: "sync", Policy: "store", PointInTime: time.Date(2009, 10, 1, hour, 0, 0, 0, time.UTC), Volumes: volumes,
		Claim: claim, ClaimUID: "uid-" + claim, Mode: "Filesystem",
	}
	path := filepath.Join(r.dir, "volumes", claim)
	info, err := os.Stat(path)
	if err != nil {
		r.Fatal(err)
	}
	if !info.IsDir() {
		record.Mode = "Block"
	}
	raw, err := json.Marshal(record)
	if err != nil {
		r.Fatal(err)
	}
	o := order.Copy{Volume: order.Volume{PointUID: record.PointUID, ClaimUID: record.ClaimUID}, Claim: claim, Record: raw, Block: record.Mode == "Block"}
	parts := mover.Parts{
		Open:  func(ctx context.Context) (repository.Repository, error) { return repository.Open(ctx, r.options()) },
		Check: repository.Check, Out: io.Discard, Log: io.Discard, Clock: clock.RealClock{},
	}
	if _, err := mover.Copy(context.Background(), o, path, parts); err != nil {
		r.Fatal(err)
	}
}

func (r *rescue) do(command func(context.Context, []string) error, more ...string) error {
	r.out.Reset()
	r.err.Reset()
	return command(context.Background(), append([]string{"--repository", "file://" + r.repository, "--password-file", r.password}, more...))
}

// found is what lies in a folder: the content of each file.
func (r *rescue) found(folder string) map[string]string {
	r.Helper()
	all := map[string]string{}
	root := filepath.Join(r.dir, folder)
	if err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, root+"/")] = string(content)
		return err
	}); err != nil {
		r.Fatal(err)
	}
	return all
}

func TestRescue(t *testing.T) {
	r := newRescue(t)
	r.write("volumes/contacts/a/alice.vcf", "alice")
	r.write("volumes/contacts/bob.vcf", "bob")
	if err := os.Link(filepath.Join(r.dir, "volumes/contacts/bob.vcf"), filepath.Join(r.dir, "volumes/contacts/robert.vcf")); err != nil {
		t.Fatal(err)
	}
	r.write("volumes/disk", strings.Repeat("block", 1000))
	r.copy("first", "contacts", 3, 2)
	r.copy("first", "disk", 3, 2)
	r.write("volumes/contacts/bob.vcf", "later")
	r.copy("second", "contacts", 4, 2)

	if err := r.do(r.tool.List); err != nil {
		t.Fatal(err)
	}
	want := `POINT   TAKEN                 NAMESPACE  POLICY  CLAIM     SIZE     FILES  COMPLETE
second  2009-10-01T04:00:00Z  sync       store   contacts  15 B     3      1/2
first   2009-10-01T03:00:00Z  sync       store   contacts  11 B     3      2/2
first   2009-10-01T03:00:00Z  sync       store   disk      4.9 KiB  block  2/2
`
	if diff := cmp.Diff(want, r.out.String()); diff != "" {
		t.Error(diff)
	}

	first := map[string]string{"contacts/a/alice.vcf": "alice", "contacts/bob.vcf": "bob", "contacts/robert.vcf": "bob", "disk": strings.Repeat("block", 1000)}
	later := map[string]string{"contacts/a/alice.vcf": "alice", "contacts/bob.vcf": "later", "contacts/robert.vcf": "later"}
	for n, c := range []struct {
		args []string
		want map[string]string
	}{
		{nil, first}, // the newest that is complete
		{[]string{"--point", "second"}, later},
		{[]string{"--point", "uid-first", "--claim", "disk"}, map[string]string{"disk": first["disk"]}},
		{[]string{"--as-of", "2009-10-01T05:00:00+01:00"}, first},
		{[]string{"--point", "second", "--path", "robert.vcf"}, map[string]string{"contacts/robert.vcf": "later"}},
		{[]string{"--claim", "contacts", "--path", "/a", "--policy", "sync/store"}, map[string]string{"contacts/a/alice.vcf": "alice"}},
	} {
		to := filepath.Join("to", string(rune('a'+n)))
		if err := r.do(r.tool.Restore, append(c.args, "--to", filepath.Join(r.dir, to))...); err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		if diff := cmp.Diff(c.want, r.found(to)); diff != "" {
			t.Errorf("%q: %s", c.args, diff)
		}
		if !strings.Contains(r.out.String(), "sha256:") || strings.Contains(r.out.String(), "LOST counts") {
			t.Errorf("%q: %s", c.args, r.out.String())
		}
	}
	if !strings.Contains(r.err.String(), "point first of sync/store, taken at 2009-10-01T03:00:00Z") {
		t.Errorf("%s", r.err.String())
	}
	if err := r.do(r.tool.Restore, "--to", filepath.Join(r.dir, "to/a")); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder that is not empty: %v", err)
	}
}

// A terminal is shown a bar, and what was written is read again: damage on the way to the folder is found.
func TestWhatWasWrittenIsReadAgain(t *testing.T) {
	r := newRescue(t)
	r.write("volumes/contacts/alice.vcf", "alice")
	r.copy("first", "contacts", 3, 1)
	r.tool.Terminal = true
	if err := r.do(r.tool.Restore, "--to", filepath.Join(r.dir, "to")); err != nil || !strings.Contains(r.err.String(), "verify  contacts") {
		t.Errorf("%v\n%s", err, r.err.String())
	}
	open := r.tool.Open
	r.tool.Open = func(ctx context.Context, o repository.Options) (repository.Repository, error) {
		repo, err := open(ctx, o)
		return spoiling{repo, filepath.Join(r.dir, "spoiled/contacts/alice.vcf")}, err
	}
	err := r.do(r.tool.Restore, "--to", filepath.Join(r.dir, "spoiled"))
	if err == nil || !strings.Contains(err.Error(), "changed 1") || strings.Contains(r.out.String(), "sha256:") {
		t.Errorf("%v\n%s", err, r.out.String())
	}
}

// spoiling changes a file once its manifest is asked for the second time: behind the restore, and before the verification.
type spoiling struct {
	repository.Repository
	file string
}

func (s spoiling) Manifest(ctx context.Context, c repository.Stored) (io.ReadCloser, error) {
	if _, err := os.Stat(s.file); err == nil {
		if err := os.WriteFile(s.file, []byte("ALICE"), 0o640); err != nil {
			return nil, err
		}
	}
	return s.Repository.Manifest(ctx, c)
}

func TestWhatIsRefused(t *testing.T) {
	r := newRescue(t)
	r.write("volumes/contacts/alice.vcf", "alice")
	r.write("volumes/photos/1.jpg", "photo")
	r.write("wrong", "another password")
	r.write("empty", "\n")
	r.copy("first", "contacts", 3, 2)
	r.copy("first", "photos", 3, 2)
	to := filepath.Join(r.dir, "to")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--to", to, "more"}, "flags alone"},
		{nil, "--to is missing"},
		{[]string{"--to", to, "--as-of", "yesterday"}, "--as-of"},
		{[]string{"--to", to, "--as-of", "2009-10-01T03:00:00Z", "--point", "first"}, "exclude each other"},
		{[]string{"--to", to, "--point", "none"}, `no point "none"`},
		{[]string{"--to", to, "--claim", "none"}, "it has contacts, photos"},
		{[]string{"--to", to, "--path", "1.jpg"}, "--path needs a single claim"},
		{[]string{"--to", to, "--repository", ""}, "--repository is missing"},
		{[]string{"--to", to, "--repository", "nowhere"}, "begins with none of"},
		{[]string{"--to", to, "--repository", "file://" + r.dir + "/none"}, "there is no repository"},
		{[]string{"--to", to, "--password-file", filepath.Join(r.dir, "wrong")}, "the password does not open the repository"},
		{[]string{"--to", to, "--password-file", filepath.Join(r.dir, "none")}, "--password-file"},
		{[]string{"--to", to, "--password-file", filepath.Join(r.dir, "empty")}, "is empty"},
		{[]string{"--to", to, "--password-file", ""}, "LIFEBOAT_PASSWORD"},
		{[]string{"--to", to, "--credentials-dir", filepath.Join(r.dir, "none")}, "--credentials-dir"},
		{[]string{"--to", r.password}, "--to"},
	} {
		err := r.do(r.tool.Restore, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "password\n") {
			t.Errorf("%q: %v, want %q", c.args, err, c.want)
		}
	}
	err := r.do(r.tool.Restore, "--to", to, "--claim", "contacts", "--path", "none.vcf")
	if err == nil || !strings.Contains(err.Error(), "none.vcf") {
		t.Errorf("a path that is not there: %v", err)
	}
}

func TestSecretsFromTheEnvironment(t *testing.T) {
	r := newRescue(t)
	r.tool.Environment = func(name string) string {
		return map[string]string{"LIFEBOAT_PASSWORD": secret, "LIFEBOAT_ACCESS_KEY_ID": "id", "LIFEBOAT_SECRET_ACCESS_KEY": "key"}[name]
	}
	if err := r.do(r.tool.List, "--password-file", ""); err != nil || r.out.String() != "the repository holds no copies\n" {
		t.Errorf("%v, %s", err, r.out.String())
	}
	o, err := access{location: "s3://host:9000/bucket", caFile: r.password}.options(r.tool.Environment)
	if err != nil || o.Secrets.Password != secret || o.Secrets.Credentials["accessKeyID"] != "id" || o.Secrets.Credentials["secretAccessKey"] != "key" || !o.Location.S3.CA || !o.ReadOnly {
		t.Errorf("%v", err)
	}
	r.write("keys/accessKeyID", "other\n")
	r.write("keys/..data/x", "")
	o, err = access{location: "s3://host/bucket", credentialsDir: filepath.Join(r.dir, "keys")}.options(r.tool.Environment)
	if err != nil || o.Secrets.Credentials["accessKeyID"] != "other" {
		t.Errorf("a file does not count before the environment: %v", err)
	}
}

func TestLocations(t *testing.T) {
	for text, want := range map[string]order.Repository{
		"s3://s3.example.com:9000/backups/team-a/x?region=eu&insecure=true": {S3: &order.S3{Endpoint: "s3.example.com:9000", Bucket: "backups", Prefix: "team-a/x/", Region: "eu", Insecure: true}},
		"s3://host/bucket/?workloadIdentity=true":                           {S3: &order.S3{Endpoint: "host", Bucket: "bucket", WorkloadIdentity: true}},
		"s3://host/bucket/a/":                                               {S3: &order.S3{Endpoint: "host", Bucket: "bucket", Prefix: "a/"}},
		"gs://bucket/a":                                                     {GCS: &order.GCS{Bucket: "bucket", Prefix: "a/"}},
		"azure://account/container?domain=d":                                {Azure: &order.Azure{Account: "account", Container: "container", Domain: "d"}},
		"sftp://user@host/a/b":                                              {SFTP: &order.SFTP{Host: "host", Port: 22, User: "user", Path: "/a/b"}},
		"sftp://user@host:2222/a":                                           {SFTP: &order.SFTP{Host: "host", Port: 2222, User: "user", Path: "/a"}},
		"https://host/dav":                                                  {WebDAV: &order.WebDAV{URL: "https://host/dav"}},
		"file:///mnt/backup/lifeboat":                                       {Filesystem: &order.Filesystem{Path: "/mnt/backup/lifeboat"}},
	} {
		got, err := parseLocation(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
	for _, text := range []string{
		"", "/path", "file://path", "file:path", "s3://host", "s3:///bucket", "s3://host/bucket?regon=x", "s3://host/bucket?region=a&region=b", "gs:///a", "azure://account", "sftp://host/a", "ftp://host/a",
		"s3://id:hunter2@host/bucket", "sftp://user:hunter2@host/a", "s3://id:hunter2@ho st/%zz",
	} {
		if got, err := parseLocation(text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
}

func TestNamesForATerminal(t *testing.T) {
	if got := shown("a\x1b[2Jb\nc\u202e"); got != "a?[2Jb?c?" {
		t.Errorf("%q", got)
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", 1 << 62: "4096.0 PiB"} {
		if got := inBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestNamesOfClaims(t *testing.T) {
	for _, name := range []string{"", "..", "../x", "a/b", ".a", "A", "a\n", "/a", "-a", strings.Repeat("a", 254)} {
		if claimName.MatchString(name) {
			t.Errorf("%q is taken for the name of a claim", name)
		}
	}
	for _, name := range []string{"a", "contacts", "data-mysql-0", "a.b"} {
		if !claimName.MatchString(name) {
			t.Errorf("%q is not taken for the name of a claim", name)
		}
	}
}
