// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

const googleHost = "storage.googleapis.com"

// certificate is that of all servers here.
var certificate tls.Certificate

// google is where connections to Google's storage end.
var google atomic.Pointer[string]

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

// run has this process trust the certificate, as an image with another bundle would, and connect to nothing but loopback where
// the libraries let it be told.
func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "stores-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	var text []byte
	if certificate, text, err = newCertificate(googleHost); err != nil {
		return 0, err
	}
	bundle := filepath.Join(dir, "bundle.pem")
	// It is read once, with the first certificate that is verified.
	if err := errors.Join(os.WriteFile(bundle, text, 0o600), os.Setenv("SSL_CERT_FILE", bundle)); err != nil {
		return 0, err
	}
	dialer := &net.Dialer{}
	http.DefaultTransport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if at := google.Load(); at != nil && address == net.JoinHostPort(googleHost, "443") {
			address = *at
		}
		if !strings.HasPrefix(address, "127.0.0.1:") {
			return nil, fmt.Errorf("a test connects to %s", address)
		}
		return dialer.DialContext(ctx, network, address)
	}
	return m.Run(), nil
}

// newCertificate is a certificate for a name and for loopback, and the same as a bundle.
func newCertificate(name string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), nil
}

// overTLS serves until the test ends.
func overTLS(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// served is a repository on a server, and ways to open it that must be refused.
type served struct {
	options repository.Options
	names   func() []string   // of all that the server holds for the repository's bucket
	lose    func(name string) // has the server lose one of them
	refuses map[string]trial
}

type trial struct {
	change func(*repository.Options)
	want   string
}

func credential(key, value string) func(*repository.Options) {
	return func(o *repository.Options) { o.Secrets.Credentials[key] = value }
}

const prefix = "shop/"

var (
	firstVolume  = order.Volume{PointUID: "point-1", ClaimUID: "claim-1"}
	secondVolume = order.Volume{PointUID: "point-2", ClaimUID: "claim-1"}
)

// files are what a volume holds: one of them is more than a store is sent at once.
func files(volume order.Volume) map[string]string {
	large := make([]byte, 3<<20)
	random := mathrand.New(mathrand.NewPCG(1, uint64(len(volume.PointUID))))
	for i := range large {
		large[i] = byte(random.Uint32())
	}
	return map[string]string{"small": "of " + volume.PointUID, "empty": "", "large": string(large)}
}

// judge has a repository made, copied into, verified and read back, each through a connection of its own; and has refused what
// must be.
func judge(t *testing.T, s served) {
	o := s.options
	r, made, err := repository.Create(t.Context(), o, "user-1")
	if err != nil || !made {
		t.Fatalf("made %t: %v", made, err)
	}
	o.Location.UniqueID = r.UniqueID()
	for _, v := range []order.Volume{firstVolume, secondVolume} {
		if err := write(t.Context(), r, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if names := s.names(); len(names) < 5 || slices.ContainsFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) }) {
		t.Errorf("the store holds %q", names)
	} else if i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, prefix+"s") }); i >= 0 {
		t.Errorf("%s was not deleted when its session ended", names[i])
	}
	if _, made, err := repository.Create(t.Context(), s.options, "user-2"); err == nil || repository.Reason(err) != result.FailureExists {
		t.Errorf("it is made over, %t: %v", made, err)
	}
	again, err := repository.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []order.Volume{firstVolume, secondVolume} {
		if got, err := read(t.Context(), again, v); err != nil || !maps.Equal(got, files(v)) {
			t.Errorf("%s is read back as %d files: %v", v.PointUID, len(got), err)
		}
	}
	if v, err := repository.Verify(t.Context(), again, order.Verify{}, &atomic.Int64{}); err != nil || v.Copies != 2 || v.Contents != 0 || v.Bytes < 3<<20 {
		t.Errorf("verified is %+v: %v", v, err)
	}
	if p, err := repository.Probe(t.Context(), again); err != nil || p.Copies != 2 || p.Bytes < 3<<20 {
		t.Errorf("probed is %+v: %v", p, err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Error(err)
	}
	judgeLoss(t, s, o)
	s.refuses["the repository's password is wrong"] = trial{func(o *repository.Options) { o.Secrets.Password = "another-password" }, result.FailurePassword}
	for what, c := range s.refuses {
		bad := o
		bad.CacheDir, bad.ConfigDir = t.TempDir(), t.TempDir()
		bad.Secrets.Credentials = maps.Clone(o.Secrets.Credentials)
		c.change(&bad)
		t.Run(what, func(t *testing.T) {
			t.Parallel() // the libraries ask again and again before they give up
			r, err := repository.Open(t.Context(), bad)
			if err == nil || repository.Reason(err) != c.want {
				t.Errorf("opened %v: %s: %v, want %s", r != nil, repository.Reason(err), err, c.want)
			}
		})
	}
}

// judgeLoss has the server lose a pack, which must be told for damage, and not for a store that does not answer.
func judgeLoss(t *testing.T, s served, o repository.Options) {
	t.Helper()
	names := s.names()
	i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, prefix+"p") })
	if i < 0 {
		t.Fatalf("the store holds %q", names)
	}
	s.lose(names[i])
	r, err := repository.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := repository.Verify(t.Context(), r, order.Verify{}, &atomic.Int64{}); err != nil || v.Contents == 0 || v.DamagedPoints == 0 {
		t.Errorf("without %s, verified is %+v: %v", names[i], v, err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// write copies a volume, as a mover would.
func write(ctx context.Context, r repository.Repository, v order.Volume) error {
	return r.Write(ctx, "test", func(ctx context.Context, w repository.Writer) error {
		var entries []repository.Entry
		for name, text := range files(v) {
			o := w.NewObject(ctx, true, 0)
			if _, err := io.Copy(o, strings.NewReader(text)); err != nil {
				return err
			}
			id, err := o.Result()
			if err := errors.Join(err, o.Close()); err != nil {
				return err
			}
			entries = append(entries, repository.Entry{Name: name, Type: repository.TypeFile, Object: id, Size: int64(len(text)), Mode: 0o644})
		}
		root, err := w.Folder(ctx, entries, repository.Summary{Files: int64(len(entries))})
		if err != nil {
			return err
		}
		data, err := w.SaveData(ctx, v, "claim", root, repository.Summary{}, time.Now())
		if err != nil {
			return err
		}
		record := order.Record{PointUID: v.PointUID, ClaimUID: v.ClaimUID, Claim: "claim", Digest: "sha256:1", CopiedAt: time.Now()}
		_, err = w.SaveRecord(ctx, data, record, strings.NewReader("#mtree"), strings.NewReader("facts"))
		return err
	})
}

// read reads a copy back.
func read(ctx context.Context, r repository.Repository, v order.Volume) (map[string]string, error) {
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
		var text bytes.Buffer
		_, err = text.ReadFrom(o)
		if err := errors.Join(err, o.Close()); err != nil {
			return nil, err
		}
		out[e.Name] = text.String()
	}
	return out, nil
}
