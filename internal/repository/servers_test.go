// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/net/webdav"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// served is a repository on a server, and ways to open it that the server or its client must refuse.
type served struct {
	options Options
	refuses map[string]trial
}

type trial struct {
	change func(*Options)
	want   string
}

func credential(key, value string) func(*Options) {
	return func(o *Options) { o.Secrets.Credentials[key] = value }
}

// TestServers has a repository made on real servers of each kind that can run here, a copy written, found, verified and read back
// through a connection of its own; and has refused what must be.
func TestServers(t *testing.T) {
	for name, serve := range map[string]func(*testing.T) served{"SFTP with a password": sftpByPassword, "SFTP with a key": sftpByKey, "WebDAV over TLS": webdavOverTLS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			o := s.options
			r, is, err := Create(t.Context(), o, "user-1")
			if err != nil || !is {
				t.Fatalf("made %t: %v", is, err)
			}
			o.Location.UniqueID = r.UniqueID()
			if err := errors.Join(put(t.Context(), r, firstVolume, someFiles), r.Close(t.Context())); err != nil {
				t.Fatal(err)
			}
			if again, is, err := Create(t.Context(), s.options, "user-2"); err == nil || Reason(err) != result.FailureExists {
				t.Errorf("it is made over, %t: %v, %v", is, again, err)
			}
			o.CacheDir = t.TempDir() // what is read comes from the server
			with(t, o, func(ctx context.Context, r Repository) {
				if got, err := get(ctx, r, firstVolume); err != nil || !maps.Equal(got, someFiles) {
					t.Errorf("read back is %q: %v", got, err)
				}
				if v, err := Verify(ctx, r, order.Verify{}, &atomic.Int64{}); err != nil || v.Copies != 1 || v.Contents != 0 || v.Bytes == 0 {
					t.Errorf("verified is %+v: %v", v, err)
				}
				if p, err := Probe(ctx, r); err != nil || p.Copies != 1 || p.Bytes == 0 {
					t.Errorf("probed is %+v: %v", p, err)
				}
			})
			s.refuses["the repository's password is wrong"] = trial{func(o *Options) { o.Secrets.Password = "another-password" }, result.FailurePassword}
			for what, c := range s.refuses {
				bad := o
				bad.CacheDir, bad.ConfigDir = t.TempDir(), t.TempDir()
				bad.Secrets.Credentials = maps.Clone(o.Secrets.Credentials)
				c.change(&bad)
				t.Run(what, func(t *testing.T) {
					t.Parallel() // the library asks again and again before it gives up
					if r, err := Open(t.Context(), bad); err == nil || Reason(err) != c.want {
						t.Errorf("opened %v: %s: %v, want %s", r != nil, Reason(err), err, c.want)
					}
				})
			}
		})
	}
}

const loginPassword = "login-password"

func sftpByPassword(t *testing.T) served {
	s, _ := sftpServer(t)
	s.options.Secrets.Credentials["password"] = loginPassword
	s.refuses["the password is wrong"] = trial{credential("password", "guessed"), result.FailureRefused}
	return s
}

func sftpByKey(t *testing.T) served {
	s, key := sftpServer(t)
	s.options.Secrets.Credentials["privateKey"] = key
	_, other, _ := newKey(t)
	s.refuses["the key is another"] = trial{credential("privateKey", other), result.FailureRefused}
	return s
}

// newKey is a key, and the same as people write it into a file, without its last end of line.
func newKey(t *testing.T) (ssh.Signer, string, ssh.PublicKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(block)
	return signer, string(text[:len(text)-1]), signer.PublicKey()
}

// sftpServer serves a folder over SSH, to whoever knows the password, or has the key that is returned.
func sftpServer(t *testing.T) (served, string) {
	t.Helper()
	host, _, hostKey := newKey(t)
	_, _, otherHost := newKey(t)
	_, key, allowed := newKey(t)
	config := &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if subtle.ConstantTimeCompare(password, []byte(loginPassword)) != 1 {
				return nil, errors.New("no")
			}
			return nil, nil
		},
		PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
			if string(offered.Marshal()) != string(allowed.Marshal()) {
				return nil, errors.New("no")
			}
			return nil, nil
		},
	}
	config.AddHostKey(host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveSSH(c, config)
		}
	}()
	address := l.Addr().String()
	_, digits, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Location: order.Repository{SFTP: &order.SFTP{Host: "127.0.0.1", Port: port, User: "lifeboat", Path: t.TempDir() + "/copies"}}, CacheDir: t.TempDir(), ConfigDir: t.TempDir(),
		Secrets: Secrets{Password: "secret-password", Credentials: map[string]string{"known_hosts": knownhosts.Line([]string{address}, hostKey)}},
	}
	return served{o, map[string]trial{
		"the server has another key": {credential("known_hosts", knownhosts.Line([]string{address}, otherHost)), result.FailureRefused},
		"the server is not known":    {credential("known_hosts", knownhosts.Line([]string{"elsewhere.test"}, hostKey)), result.FailureRefused},
		"no server is known":         {credential("known_hosts", ""), result.FailureRefused},
	}}, key
}

// serveSSH serves the file system to one connection.
func serveSSH(c net.Conn, config *ssh.ServerConfig) {
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		go func() {
			defer channel.Close()
			if s, err := sftp.NewServer(channel); err == nil {
				if err := s.Serve(); errors.Is(err, io.EOF) {
					_ = s.Close()
				}
			}
		}()
	}
}

// webdavOverTLS serves a folder over HTTPS, with a certificate that this process trusts.
func webdavOverTLS(t *testing.T) served {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "copies"), 0o700); err != nil {
		t.Fatal(err)
	}
	files := &webdav.Handler{FileSystem: webdav.Dir(root), LockSystem: webdav.NewMemLS()}
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, is := r.BasicAuth(); !is || user != "lifeboat" || password != loginPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	})
	server := httptest.NewTLSServer(guarded)
	t.Cleanup(server.Close)
	stranger := httptest.NewUnstartedServer(guarded)
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0) // it is refused again and again
	stranger.TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}
	stranger.StartTLS()
	t.Cleanup(stranger.Close)
	trust(t, server.Certificate())
	o := Options{
		Location: order.Repository{WebDAV: &order.WebDAV{URL: server.URL + "/copies"}}, CacheDir: t.TempDir(), ConfigDir: t.TempDir(),
		Secrets: Secrets{Password: "secret-password", Credentials: map[string]string{"username": "lifeboat", "password": loginPassword}},
	}
	return served{o, map[string]trial{
		"the password is wrong": {credential("password", "guessed"), result.FailureRefused},
		"nobody trusts the certificate": {func(o *Options) {
			o.Location.WebDAV = &order.WebDAV{URL: stranger.URL + "/copies"}
		}, result.FailureUnreachable},
	}}
}

// trust has this process trust a certificate while a test runs, as an image with another bundle would.
func trust(t *testing.T, certificate *x509.Certificate) {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport)
	was := transport.TLSClientConfig
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	transport.CloseIdleConnections()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		transport.TLSClientConfig = was
	})
}

// selfSigned is a certificate that nobody knows.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: private}
}
