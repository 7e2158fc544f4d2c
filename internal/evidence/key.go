// SPDX-License-Identifier: Apache-2.0

// Package evidence signs statements on restore drills, verifies them and the chain they form, and keeps the key.
package evidence

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
)

// The types of PEM blocks, as OpenSSL writes them.
const (
	privateBlock = "PRIVATE KEY" // PKCS #8
	publicBlock  = "PUBLIC KEY"  // SubjectPublicKeyInfo
)

// Key is an ed25519 key that signs. Printing it, or what holds it, does not show the private half: that is behind a
// function, where no formatter looks.
type Key struct {
	public  ed25519.PublicKey
	private func() ed25519.PrivateKey
}

// NewKey makes a key.
func NewKey() (*Key, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	return keyOf(private), nil
}

func keyOf(private ed25519.PrivateKey) *Key {
	public, _ := private.Public().(ed25519.PublicKey) // the only type that an ed25519 key returns
	return &Key{public: public, private: func() ed25519.PrivateKey { return private }}
}

// ParseKey reads a private key: one PEM block of PKCS #8 with an ed25519 key. Errors never quote what was read.
func ParseKey(text []byte) (*Key, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != privateBlock {
		return nil, fmt.Errorf("no PEM block %q", privateBlock)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the private key is not PKCS #8")
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the private key is a %T; want ed25519", parsed)
	}
	return keyOf(private), nil
}

// PrivatePEM writes the whole key, for its Secret alone.
func (k *Key) PrivatePEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private())
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), nil
}

// PublicPEM writes the public half, which OpenSSL and others read.
func (k *Key) PublicPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

// Public returns the public half.
func (k *Key) Public() ed25519.PublicKey { return k.public }

// String names the key without showing it.
func (k *Key) String() string { return "evidence key " + KeyID(k.public) }

// KeyID names a public key: the SHA-256, in hexadecimal, of its SubjectPublicKeyInfo in DER, which is what
// `openssl pkey -pubin -in public.pem -outform DER | sha256sum` prints.
func KeyID(public ed25519.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "" // does not happen to an ed25519 key
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// ParsePublic reads public keys: one PEM block for each, ed25519 all of them. After a key was replaced there are two to
// verify with, the old one and the new one.
func ParsePublic(text []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != publicBlock {
			return nil, fmt.Errorf("a PEM block is %q; want %q, the public half of the key alone", block.Type, publicBlock)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the public key cannot be read: %w", err)
		}
		key, ok := parsed.(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("the public key is a %T; want ed25519", parsed)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no PEM block %q", publicBlock)
	}
	return keys, nil
}

// signer lends a key to the envelope's library.
type signer struct{ key *Key }

func (s signer) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(s.key.private(), data), nil
}

func (s signer) KeyID() (string, error) { return KeyID(s.key.public), nil }

// verifier lends a public key to the envelope's library.
type verifier struct{ key ed25519.PublicKey }

func (v verifier) Verify(_ context.Context, data, signature []byte) error {
	if !ed25519.Verify(v.key, data, signature) {
		return errors.New("the signature does not fit")
	}
	return nil
}

func (v verifier) KeyID() (string, error) { return KeyID(v.key), nil }

func (v verifier) Public() crypto.PublicKey { return v.key }
