// SPDX-License-Identifier: Apache-2.0

// Package pki makes the cluster's certificates and kubeconfigs.
package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"text/template"
	"time"
)

// lifetime is long enough that nobody's throw-away cluster expires under them.
const lifetime = 10 * 365 * 24 * time.Hour

// Authority signs the certificates of one cluster.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// Identity is whom a certificate speaks for, and where it may serve.
type Identity struct {
	// File is the base name of the .crt and .key files.
	File string
	User string
	// Groups are the client's Kubernetes groups.
	Groups []string
	// Hosts are the names and addresses a server answers to.
	Hosts []string
}

// Open loads the authority kept in dir, or makes it.
func Open(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a := &Authority{dir: dir}
	if a.load() == nil {
		return a, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := blank("lifeboat-cluster")
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if err := a.store("ca", der, key); err != nil {
		return nil, err
	}
	return a, a.load()
}

func (a *Authority) load() error {
	certPEM, err := os.ReadFile(a.CertFile("ca"))
	if err != nil {
		return err
	}
	keyPEM, err := os.ReadFile(a.KeyFile("ca"))
	if err != nil {
		return err
	}
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return fmt.Errorf("%s: not PEM", a.dir)
	}
	if a.cert, err = x509.ParseCertificate(certBlock.Bytes); err != nil {
		return err
	}
	a.key, err = x509.ParseECPrivateKey(keyBlock.Bytes)
	a.pem = certPEM
	return err
}

// CertFile and KeyFile name the files of an identity.
func (a *Authority) CertFile(name string) string { return filepath.Join(a.dir, name+".crt") }

// KeyFile names the private key's file.
func (a *Authority) KeyFile(name string) string { return filepath.Join(a.dir, name+".key") }

// Issue makes the identity's certificate unless a valid one is there.
func (a *Authority) Issue(id Identity) error {
	if a.holds(id) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template, err := blank(id.User)
	if err != nil {
		return err
	}
	template.Subject.Organization = id.Groups
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(id.Hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, h := range id.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	return a.store(id.File, der, key)
}

// holds tells whether a certificate of this authority is on disk, so that a
// cluster whose folder was copied over another's gets new ones.
func (a *Authority) holds(id Identity) bool {
	data, err := os.ReadFile(a.CertFile(id.File))
	if err != nil {
		return false
	}
	if _, err := os.Stat(a.KeyFile(id.File)); err != nil {
		return false
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	return err == nil && cert.CheckSignatureFrom(a.cert) == nil && cert.Subject.CommonName == id.User
}

func blank(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	// An hour back, for clocks that are set right after the start.
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lifetime)}, nil
}

func (a *Authority) store(name string, der []byte, key *ecdsa.PrivateKey) error {
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	if err := os.WriteFile(a.KeyFile(name), keyPEM, 0o600); err != nil {
		return err
	}
	return os.WriteFile(a.CertFile(name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

var kubeconfig = template.Must(template.New("kubeconfig").Parse(`apiVersion: v1
kind: Config
current-context: lifeboat
clusters:
- name: lifeboat
  cluster:
    server: {{.Server}}
    certificate-authority-data: {{.CA}}
users:
- name: {{.User}}
  user:
    client-certificate-data: {{.Cert}}
    client-key-data: {{.Key}}
contexts:
- name: lifeboat
  context: {cluster: lifeboat, user: "{{.User}}"}
`))

// Kubeconfig issues the identity and writes a kubeconfig that holds it, readable by its owner only.
func (a *Authority) Kubeconfig(path, server string, id Identity) error {
	if err := a.Issue(id); err != nil {
		return err
	}
	cert, err := os.ReadFile(a.CertFile(id.File))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(a.KeyFile(id.File))
	if err != nil {
		return err
	}
	encode := base64.StdEncoding.EncodeToString
	var text bytes.Buffer
	err = kubeconfig.Execute(&text, map[string]string{"Server": server, "CA": encode(a.pem),
		"User": id.User, "Cert": encode(cert), "Key": encode(key)})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o600)
}
