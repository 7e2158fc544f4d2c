// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

func TestKeysAsText(t *testing.T) {
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	private, err := key.PrivatePEM()
	if err != nil {
		t.Fatal(err)
	}
	same, err := ParseKey(private)
	if err != nil || !same.private().Equal(key.private()) {
		t.Errorf("read back: %v", err)
	}
	public, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	other, err := theKey(t, 1).PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParsePublic(append(public, other...))
	if err != nil || len(keys) != 2 || !keys[0].Equal(key.Public()) || !keys[1].Equal(theKey(t, 1).Public()) {
		t.Errorf("read back: %v, %v", keys, err)
	}
	if another, err := NewKey(); err != nil || another.Public().Equal(key.Public()) {
		t.Errorf("two keys are one: %v", err)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	curvePrivate, err := x509.MarshalPKCS8PrivateKey(curve)
	curvePrivateText := block(privateBlock, curvePrivate, err)
	curvePublic, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	curvePublicText := block(publicBlock, curvePublic, err)
	private, err := theKey(t, 1).PrivatePEM()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ text, want string }{
		{"", "no PEM block"}, {"secret", "no PEM block"}, {block("RSA PRIVATE KEY", nil, nil), "no PEM block"},
		{block(privateBlock, []byte("secret"), nil), "not PKCS #8"}, {curvePrivateText, "want ed25519"},
	} {
		if _, err := ParseKey([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("private key %q: %v", tc.text, err)
		}
	}
	for _, tc := range []struct{ text, want string }{
		{"", "no PEM block"}, {block(publicBlock, []byte("x"), nil), "cannot be read"}, {curvePublicText, "want ed25519"},
		{string(private), "the public half of the key alone"},
	} {
		if _, err := ParsePublic([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("public key %q: %v", tc.text, err)
		}
	}
}

// TestPrintingAKeyDoesNotShowIt prints a key, and what holds it, in every way there is. That the private half would be
// found if it were shown is seen from what prints it on purpose.
func TestPrintingAKeyDoesNotShowIt(t *testing.T) {
	key := theKey(t, 7)
	private := key.private()
	shows := func(text string) bool {
		for _, form := range []string{
			hex.EncodeToString(private[:16]), base64.StdEncoding.EncodeToString(private[:15]), strings.Trim(fmt.Sprintf("%d", private[:16]), "[]"),
			string(private[:16]), strings.Trim(fmt.Sprintf("%q", private[:16]), `"`), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(private[:16])), "[]byte{"), "}"),
		} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
				return true
			}
		}
		return false
	}
	holder := struct {
		Key    *Key
		hidden *Key
		value  Key
	}{key, key, *key}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		if !shows(fmt.Sprintf(verb, struct{ key []byte }{private})) {
			t.Errorf("%s of the private key itself is not recognized; the test is blind", verb)
		}
		for _, what := range []any{key, *key, holder, &holder, []*Key{key}} {
			if text := fmt.Sprintf(verb, what); shows(text) {
				t.Errorf("%s of a %T shows the key: %s", verb, what, text)
			}
		}
	}
	raw, err := json.Marshal(holder)
	if err != nil || shows(string(raw)) {
		t.Errorf("JSON: %s, %v", raw, err)
	}
	if !strings.Contains(fmt.Sprint(key), KeyID(key.Public())) || bytes.Contains([]byte(key.String()), private) {
		t.Error(key)
	}
}
