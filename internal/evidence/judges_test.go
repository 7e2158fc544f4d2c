// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	core "github.com/lifeboat-dev/lifeboat/internal/core/evidence"
)

// The judges of this file know nothing of Lifeboat: one is written from the text of DSSE, protocol.md, version 1.0.2, with
// the standard library alone, one is OpenSSL.

// pae is the pre-authentication encoding, from the text:
//
//	PAE(type, body) = "DSSEv1" + SP + LEN(type) + SP + type + SP + LEN(body) + SP + body
func pae(payloadType string, body []byte) []byte {
	return append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(body)), body...)
}

// TestPAE is the example of the text.
func TestPAE(t *testing.T) {
	if got, want := string(pae("http://example.com/HelloWorld", []byte("hello world"))), "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// parts takes an envelope apart as the text says.
func parts(t *testing.T, raw []byte) (payloadType string, payload []byte, keyID string, signature []byte) {
	t.Helper()
	var envelope struct {
		Payload, PayloadType string
		Signatures           []struct{ KeyID, Sig string }
	}
	if err := json.Unmarshal(raw, &envelope); err != nil || len(envelope.Signatures) != 1 {
		t.Fatalf("%s: %v", raw, err)
	}
	payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	signature, err = base64.StdEncoding.DecodeString(envelope.Signatures[0].Sig)
	if err != nil {
		t.Fatal(err)
	}
	return envelope.PayloadType, payload, envelope.Signatures[0].KeyID, signature
}

func TestAGenericVerifierAccepts(t *testing.T) {
	key := theKey(t, 1)
	text, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range history(t, key, "db", 3) {
		payloadType, payload, _, signature := parts(t, e.JSON)
		if payloadType != "application/vnd.in-toto+json" {
			t.Errorf("payload type %s", payloadType)
		}
		if !ed25519.Verify(public.(ed25519.PublicKey), pae(payloadType, payload), signature) {
			t.Error("refused")
		}
		if ed25519.Verify(public.(ed25519.PublicKey), pae(payloadType+"x", payload), signature) {
			t.Error("the type is not signed")
		}
	}
}

// openssl runs OpenSSL, which this package does without and its users verify with.
func openssl(t *testing.T, folder string, args ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatalf("this test needs OpenSSL 3: apt-get install openssl (%v)", err)
	}
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = folder
	out, err := command.CombinedOutput()
	return string(out), err
}

func write(t *testing.T, folder, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSSLAccepts(t *testing.T) {
	folder := t.TempDir()
	key := theKey(t, 1)
	public, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	write(t, folder, "public.pem", public)
	payloadType, payload, keyID, signature := parts(t, history(t, key, "db", 1)[0].JSON)
	write(t, folder, "sig", signature)
	verify := []string{"pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", "pae", "-sigfile", "sig"}

	write(t, folder, "pae", pae(payloadType, payload))
	if out, err := openssl(t, folder, verify...); err != nil || !strings.Contains(out, "Signature Verified Successfully") {
		t.Errorf("%v: %s", err, out)
	}
	payload[len(payload)/2] ^= 1
	write(t, folder, "pae", pae(payloadType, payload))
	if out, err := openssl(t, folder, verify...); err == nil {
		t.Errorf("a flipped bit was accepted: %s", out)
	}

	if out, err := openssl(t, folder, "pkey", "-pubin", "-in", "public.pem", "-outform", "DER", "-out", "public.der"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := openssl(t, folder, "dgst", "-sha256", "-r", "public.der"); err != nil || !strings.HasPrefix(out, keyID+" ") {
		t.Errorf("the key is named %s; OpenSSL computes %s, %v", keyID, out, err)
	}
}

// TestOpenSSLMakesAKey: whoever wants to bring a key of their own can.
func TestOpenSSLMakesAKey(t *testing.T) {
	folder := t.TempDir()
	if out, err := openssl(t, folder, "genpkey", "-algorithm", "ed25519", "-out", "private.pem"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := openssl(t, folder, "pkey", "-in", "private.pem", "-pubout", "-out", "public.pem"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	private, err := os.ReadFile(filepath.Join(folder, "private.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(private)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(folder, "public.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.PublicPEM(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s\n%s\n%v", got, want, err)
	}
}

// TestTheCommandsOfTheDocumentation runs what docs/reference/evidence.md tells to type.
func TestTheCommandsOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile("(?s)## By hand.*?\n```sh\n(.*?)\n```\n").FindSubmatch(page)
	if section == nil {
		t.Fatal("no commands below \"By hand\"")
	}
	folder := t.TempDir()
	key := theKey(t, 1)
	public, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	envelope := history(t, key, "db", 2)[1]
	run := func(envelope []byte) (string, error) {
		write(t, folder, "public.pem", public)
		write(t, folder, "envelope.json", envelope)
		command := exec.CommandContext(t.Context(), "sh", "-eu", "-c", string(section[1]))
		command.Dir = folder
		out, err := command.CombinedOutput()
		return string(out), err
	}
	out, err := run(envelope.JSON)
	for _, want := range []string{"Signature Verified Successfully", strings.TrimPrefix(digestOf(t, envelope), "sha256:"), KeyID(key.Public())} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("want %q: %v: %s", want, err, out)
		}
	}
	other, err := Sign(theKey(t, 2), mustStatement(t))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run(other); err == nil || strings.Contains(out, "Successfully") {
		t.Errorf("another key's envelope was accepted: %s", out)
	}
}

func mustStatement(t *testing.T) []byte {
	t.Helper()
	payload, err := core.Statement(drill("db", 1, ""))
	if err != nil {
		t.Fatal(err)
	}
	return payload
}
