// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

func TestIssuedCertificatesAreKeptAndTrusted(t *testing.T) {
	dir := t.TempDir()
	id := Identity{File: "server", User: "server", Groups: []string{"g"}, Hosts: []string{"10.0.0.1", "name"}}
	var certificates [2][]byte
	for i := range certificates {
		authority, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := authority.Issue(id); err != nil {
			t.Fatal(err)
		}
		if certificates[i], err = os.ReadFile(authority.CertFile("server")); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(certificates[0], certificates[1]) {
		t.Error("a valid certificate was replaced")
	}

	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	for _, host := range id.Hosts {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); err != nil {
			t.Errorf("host %s: %v", host, err)
		}
	}
	if pair.Leaf.Subject.CommonName != "server" || pair.Leaf.Subject.Organization[0] != "g" {
		t.Errorf("subject = %s", pair.Leaf.Subject)
	}
}

func TestAnotherAuthoritysCertificateIsReplaced(t *testing.T) {
	dir := t.TempDir()
	id := Identity{File: "client", User: "client"}
	old, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Issue(id); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(old.CertFile("ca")); err != nil {
		t.Fatal(err)
	}
	authority, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if authority.holds(id) {
		t.Fatal("a certificate of another authority was taken for valid")
	}
	if err := authority.Issue(id); err != nil {
		t.Fatal(err)
	}
	if !authority.holds(id) {
		t.Error("the certificate was not replaced")
	}
}

func TestSecretsAreReadableByTheirOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	authority, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "kubeconfig")
	if err := authority.Kubeconfig(path, "https://10.0.0.1:6443", Identity{File: "admin", User: "admin"}); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, authority.KeyFile("ca"), authority.KeyFile("admin")} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", file, info.Mode().Perm())
		}
	}
}
