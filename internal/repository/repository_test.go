// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

func optionsAt(t *testing.T, path string) Options {
	t.Helper()
	return Options{
		Location: order.Repository{Filesystem: &order.Filesystem{Path: path}}, Secrets: Secrets{Password: "secret-password"},
		CacheDir: t.TempDir(), ConfigDir: t.TempDir(),
	}
}

// made is a new repository, closed again, and how to open it.
func made(t *testing.T) Options {
	t.Helper()
	o := optionsAt(t, filepath.Join(t.TempDir(), "repository"))
	r, is, err := Create(t.Context(), o, "user-1")
	if err != nil || !is {
		t.Fatalf("made %v: %v", is, err)
	}
	o.Location.UniqueID = r.UniqueID()
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

func with(t *testing.T, o Options, f func(ctx context.Context, r Repository)) {
	t.Helper()
	r, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	f(t.Context(), r)
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// data are what was saved of a volume.
type data struct {
	root ObjectID
	id   string
}

// put copies some files as the copy of a volume, by hand.
func put(ctx context.Context, r Repository, v order.Volume, files map[string]string) error {
	return r.Write(ctx, "test", func(ctx context.Context, w Writer) error {
		d, err := putData(ctx, w, v, files)
		if err != nil {
			return err
		}
		return putRecord(ctx, w, v, d)
	})
}

func putData(ctx context.Context, w Writer, v order.Volume, files map[string]string) (d data, err error) {
	var entries []Entry
	for name, text := range files {
		o := w.NewObject(ctx, true, 0)
		if _, err := o.Write([]byte(text)); err != nil {
			return d, err
		}
		id, err := o.Result()
		if err := errors.Join(err, o.Close()); err != nil {
			return d, err
		}
		entries = append(entries, Entry{Name: name, Type: TypeFile, Object: id, Size: int64(len(text)), Mode: 0o4755, UID: 7, GID: 8, Mod: time.Unix(1, 5)})
	}
	if d.root, err = w.Folder(ctx, entries, Summary{Files: int64(len(files))}); err != nil {
		return d, err
	}
	d.id, err = w.SaveData(ctx, v, "claim", d.root, Summary{}, time.Now())
	return d, err
}

func putRecord(ctx context.Context, w Writer, v order.Volume, d data) error {
	rec := order.Record{PointUID: v.PointUID, ClaimUID: v.ClaimUID, Claim: "claim", Digest: "sha256:1", CopiedAt: time.Now()}
	_, err := w.SaveRecord(ctx, d.id, rec, strings.NewReader("#mtree "+v.PointUID), strings.NewReader("facts"))
	return err
}

// get reads a copy back.
func get(ctx context.Context, r Repository, v order.Volume) (map[string]string, error) {
	copies, err := r.Copies(ctx, v)
	if err != nil || len(copies) != 1 {
		return nil, fmt.Errorf("%d copies: %w", len(copies), err)
	}
	tree, err := r.Tree(ctx, copies[0])
	if err != nil {
		return nil, err
	}
	entries, err := r.Entries(ctx, tree)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range entries {
		o, err := r.Object(ctx, e.Object)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(o)
		if err := errors.Join(err, o.Close()); err != nil {
			return nil, err
		}
		if e.Mode != 0o4755 || e.UID != 7 || e.GID != 8 || !e.Mod.Equal(time.Unix(1, 5)) || e.Size != int64(len(text)) {
			return nil, fmt.Errorf("entry %+v", e)
		}
		out[e.Name] = string(text)
	}
	return out, nil
}

var (
	firstVolume  = order.Volume{PointUID: "point-1", ClaimUID: "claim-1"}
	secondVolume = order.Volume{PointUID: "point-2", ClaimUID: "claim-1"}
	someFiles    = map[string]string{"a": "content of a", "b\xff": "one", "b\xfe": "two", "%lifeboat%61": "three", "empty": "", "new\nline": "four"}
)

func TestACopyIsReadAsItWasWritten(t *testing.T) {
	o := made(t)
	with(t, o, func(ctx context.Context, r Repository) {
		if err := put(ctx, r, firstVolume, someFiles); err != nil {
			t.Fatal(err)
		}
	})
	with(t, o, func(ctx context.Context, r Repository) {
		got, err := get(ctx, r, firstVolume)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(someFiles) {
			t.Errorf("%q, %v", got, err)
		}
		copies, err := r.Copies(ctx, order.Volume{})
		if err != nil || len(copies) != 1 || copies[0].Claim != "claim" || copies[0].Digest != "sha256:1" {
			t.Fatalf("%+v, %v", copies, err)
		}
		m, err := r.Manifest(ctx, copies[0])
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(m)
		if string(text) != "#mtree point-1" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		tree, _ := r.Tree(ctx, copies[0])
		if err := Check(ctx, r, tree); err != nil {
			t.Error(err)
		}
		p, err := Probe(ctx, r)
		if err != nil || p.Copies != 1 || p.Bytes == 0 || p.Skew != 0 {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err := Maintain(ctx, r, false, time.Now()); err != nil {
			t.Error(err)
		}
		none, err := r.Copies(ctx, order.Volume{PointUID: "other"})
		if err != nil || len(none) != 0 {
			t.Errorf("%v, %v", none, err)
		}
		err = r.Write(ctx, "forget", func(ctx context.Context, w Writer) error {
			n, err := w.Forget(ctx, firstVolume.PointUID)
			if n != 1 {
				t.Errorf("forgot %d", n)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	with(t, o, func(ctx context.Context, r Repository) {
		if copies, err := r.Copies(ctx, order.Volume{}); err != nil || len(copies) != 0 {
			t.Errorf("%v, %v", copies, err)
		}
	})
}

func TestNeverTheWrongRepository(t *testing.T) {
	o := made(t)
	is := func(what, reason string, err error) {
		t.Helper()
		if err == nil || Reason(err) != reason {
			t.Errorf("%s: %v is %s, not %s", what, err, Reason(err), reason)
		}
	}
	other := o
	other.Location.UniqueID = strings.Repeat("0", 64)
	_, err := Open(t.Context(), other)
	is("another ID", result.FailureOther, err)
	other = o
	other.Secrets.Password = "another"
	_, err = Open(t.Context(), other)
	is("a wrong password", result.FailurePassword, err)
	_, _, err = Create(t.Context(), other, "user-1")
	is("made over one with another password", result.FailureExists, err)
	_, err = Open(t.Context(), optionsAt(t, t.TempDir()))
	is("nothing there", result.FailureMissing, err)
	_, err = Open(t.Context(), optionsAt(t, filepath.Join(t.TempDir(), "no", "folder")))
	is("no folder", result.FailureUnreachable, err)
	_, _, err = Create(t.Context(), o, "user-2")
	is("made over that of another", result.FailureExists, err)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "photo.f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = Create(t.Context(), optionsAt(t, full), "user-1")
	is("made over files", result.FailureExists, err)
	r, fresh, err := Create(t.Context(), o, "user-1")
	if err != nil || fresh || r.UniqueID() != o.Location.UniqueID {
		t.Fatalf("made anew for the same user: %v, %v", fresh, err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNoCredentialsAreWrittenAnywhere(t *testing.T) {
	o := made(t)
	with(t, o, func(context.Context, Repository) {
		for _, dir := range []string{o.ConfigDir, o.CacheDir} {
			err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				text, err := os.ReadFile(path)
				if strings.Contains(string(text), o.Secrets.Password) || strings.Contains(string(text), o.Location.Filesystem.Path) {
					t.Errorf("%s tells too much", path)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	for _, dir := range []string{o.ConfigDir, o.CacheDir} {
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%d things are left in %s", len(left), dir)
		}
	}
}

// packs are the blobs with content of files.
func packs(t *testing.T, o Options) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(o.Location.Filesystem.Path, func(path string, d os.DirEntry, err error) error {
		if below, is := strings.CutPrefix(path, o.Location.Filesystem.Path); is && err == nil && !d.IsDir() && strings.HasPrefix(below, "/p") {
			out = append(out, path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d packs, %v", len(out), err)
	}
	return out
}

func verify(t *testing.T, o Options, heal bool) result.Verify {
	t.Helper()
	var v result.Verify
	with(t, o, func(ctx context.Context, r Repository) {
		var err error
		if v, err = Verify(ctx, r, order.Verify{Heal: heal}, &atomic.Int64{}); err != nil {
			t.Fatal(err)
		}
	})
	return v
}

// What is damaged is found, set aside, and mended by the next copy of the same data, for the old copies too.
func TestDamageIsFoundAndHealed(t *testing.T) {
	for what, damage := range map[string]func(path string) error{
		"a flipped byte": func(path string) error {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw[40] ^= 1
			return os.WriteFile(path, raw, 0o600)
		},
		"a missing pack": os.Remove,
	} {
		t.Run(what, func(t *testing.T) {
			o := made(t)
			with(t, o, func(ctx context.Context, r Repository) {
				if err := put(ctx, r, firstVolume, someFiles); err != nil {
					t.Fatal(err)
				}
			})
			if v := verify(t, o, false); v.Copies != 1 || v.Contents != 0 || v.Damaged != 0 || v.Bytes == 0 {
				t.Fatalf("before: %+v", v)
			}
			if err := damage(packs(t, o)[0]); err != nil {
				t.Fatal(err)
			}
			if v := verify(t, o, false); v.Contents == 0 || v.Damaged != 1 || v.Copies != 0 {
				t.Fatalf("damaged: %+v", v)
			}
			if v := verify(t, o, true); !v.Healing {
				t.Fatalf("healing: %+v", v)
			}
			if v := verify(t, o, true); v.Damaged != 1 || v.Contents == 0 || !v.Healing || v.DamagedPoints != 1 || v.Points[0].UID != firstVolume.PointUID {
				t.Fatalf("set aside is not healed: %+v", v)
			}
			with(t, o, func(ctx context.Context, r Repository) {
				// The data of all copies are mended by one; a record that was lost is made anew by copying its point again.
				if err := errors.Join(put(ctx, r, secondVolume, someFiles), put(ctx, r, firstVolume, someFiles)); err != nil {
					t.Fatal(err)
				}
			})
			if v := verify(t, o, false); v.Damaged != 0 || v.Copies != 2 || v.Contents != 0 {
				t.Fatalf("healed: %+v", v)
			}
			with(t, o, func(ctx context.Context, r Repository) {
				if got, err := get(ctx, r, firstVolume); err != nil || fmt.Sprint(got) != fmt.Sprint(someFiles) {
					t.Errorf("%q, %v", got, err)
				}
			})
		})
	}
}

func TestNamesAreKept(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a", "ä", "\xe4", "%lifeboat%", "%lifeboat%e4", "\ufffd", "a\xffb", "a\xfeb", " ", "\n"} {
		k := encodeName(name)
		if other, is := seen[k]; is {
			t.Errorf("%q and %q are kept under one name", name, other)
		}
		seen[k] = name
		if got, err := decodeName(k); got != name || err != nil {
			t.Errorf("%q came back as %q, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "a/b", "../x", "a\x00", escaped + "2e2e", escaped + "612f62", escaped + "61", escaped + "zz", escaped + "E4"} {
		if got, err := decodeName(bad); err == nil {
			t.Errorf("%q is taken for %q", bad, got)
		}
	}
}

func TestAddressesOfTheMachineItself(t *testing.T) {
	for _, bad := range []string{
		"169.254.169.254", "169.254.169.254:80", "[fe80::1]:80", "fe80::1", "[::ffff:169.254.169.254]:80", "fe80::1%eth0", "metadata.google.internal", "Metadata.Google.internal:80",
		"0.0.0.0:1", "[fd00:ec2::254]", "[fd00:ec2::254]:80", "100.100.100.200:80", "168.63.129.16", "224.0.0.1",
	} {
		if public(hostOf(bad)) == nil {
			t.Errorf("%s is allowed", bad)
		}
		if Reason(outside(t.Context(), bad)) != result.FailureRefused {
			t.Errorf("%s is allowed", bad)
		}
	}
	for _, good := range []string{"s3.example.org", "10.0.0.1:9000", "[2001:db8::1]:443", "s3.example.org:443", "127.0.0.1:9000", "fd00:1::1"} {
		if err := public(hostOf(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if err := outside(t.Context(), "localhost:9000"); err != nil {
		t.Error(err)
	}
}

func TestEmptyCredentialsAreRefused(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "somebody")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "else")
	for what, at := range map[string]order.Repository{
		"s3": {S3: &order.S3{Endpoint: "127.0.0.1:1", Bucket: "bucket"}}, "gcs": {GCS: &order.GCS{Bucket: "bucket"}},
		"azure": {Azure: &order.Azure{Account: "account", Container: "container"}}, "sftp": {SFTP: &order.SFTP{Host: "127.0.0.1", User: "u", Path: "/"}},
		"webdav": {WebDAV: &order.WebDAV{URL: "https://127.0.0.1:1/"}}, "webdav with a user": {WebDAV: &order.WebDAV{URL: "https://u:p@127.0.0.1:1/"}},
	} {
		if _, err := Open(t.Context(), Options{Location: at}); Reason(err) != result.FailureRefused {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Credentials for Google may say where identities are had, and what is sent there: of a tenant, only a service account's key is taken.
func TestOnlyTheKeyOfAServiceAccountIsTaken(t *testing.T) {
	const account = `"type": "service_account", "client_email": "a@example.org", "private_key": "key"`
	for what, text := range map[string]string{
		"no JSON": "guessed", "no account": "{}", "no key": `{"type": "service_account"}`, "a person": `{"type": "authorized_user", "private_key": "key", "refresh_token": "a"}`,
		"a file of the pod":     `{"type": "external_account", "private_key": "key", "credential_source": {"file": "/var/run/secrets/kubernetes.io/serviceaccount/token"}}`,
		"tokens of the machine": `{` + account + `, "token_uri": "http://169.254.169.254/token"}`, "tokens at no address": `{` + account + `, "token_uri": "http://%zz"}`,
		"a store of the machine": `{` + account + `, "universe_domain": "a@metadata.google.internal/"}`,
	} {
		_, err := Open(t.Context(), Options{Location: order.Repository{GCS: &order.GCS{Bucket: "bucket"}}, Secrets: Secrets{Credentials: map[string]string{"credentials.json": text}}})
		if Reason(err) != result.FailureRefused || serviceAccount(t.Context(), text) == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := serviceAccount(t.Context(), `{`+account+`, "token_uri": "https://127.0.0.1/token"}`); err != nil {
		t.Error(err)
	}
}

func TestPartsMakeUpTheirObject(t *testing.T) {
	m, o := inMemory(t)
	content := make([]byte, 20<<20)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		var ids [2]ObjectID
		err := r.Write(ctx, "test", func(ctx context.Context, w Writer) error {
			for n, text := range [][]byte{content, content[:1000]} {
				o := w.NewObject(ctx, false, 0)
				_, failed := o.Write(text)
				id, err := o.Result()
				if err := errors.Join(failed, err, o.Close()); err != nil {
					return err
				}
				ids[n] = id
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if all, err := r.Parts(ctx, ids[1]); len(all) != 0 || err != nil {
			t.Errorf("a small object has the parts %v, %v", all, err)
		}
		all, err := r.Parts(ctx, ids[0])
		if err != nil || len(all) < 3 {
			t.Fatalf("%v, %v", all, err)
		}
		end := int64(0)
		for _, p := range all {
			from, err := r.Object(ctx, p.Object)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(from)
			if err := errors.Join(err, from.Close()); err != nil || p.At != end || int64(len(text)) != p.Length || !bytes.Equal(text, content[p.At:p.At+p.Length]) {
				t.Errorf("the part at %d has %d bytes, and is said to be %+v: %v", end, len(text), p, err)
			}
			end += p.Length
		}
		if end != int64(len(content)) {
			t.Errorf("the parts end at %d", end)
		}
	})
}
