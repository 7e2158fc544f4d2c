// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// PayloadType is the type of what envelopes hold: in-toto Statements in JSON.
const PayloadType = "application/vnd.in-toto+json"

// Sign puts a statement into a DSSE envelope, in JSON. The same key and statement give the same bytes.
func Sign(key *Key, payload []byte) ([]byte, error) {
	sealer, err := dsse.NewEnvelopeSigner(signer{key})
	if err != nil {
		return nil, err
	}
	envelope, err := sealer.SignPayload(context.Background(), PayloadType, payload)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope)
}

// Open returns the payload of an envelope that one of the keys signed, and which key that was. Nothing of an envelope
// is returned before its signature was found good.
func Open(keys []ed25519.PublicKey, envelope []byte) (payload []byte, keyID string, err error) {
	var e dsse.Envelope
	if err := json.Unmarshal(envelope, &e); err != nil {
		return nil, "", fmt.Errorf("not a DSSE envelope: %w", err)
	}
	if e.PayloadType == "" || len(e.Signatures) == 0 {
		return nil, "", errors.New("not a DSSE envelope: payloadType or signatures are missing")
	}
	var providers []dsse.Verifier
	for _, key := range keys {
		providers = append(providers, verifier{key})
	}
	opener, err := dsse.NewEnvelopeVerifier(providers...)
	if err != nil {
		return nil, "", errors.New("no public key to verify with")
	}
	accepted, payload, err := opener.VerifyAndDecode(context.Background(), &e)
	if err != nil {
		return nil, "", refusal(keys, e)
	}
	if e.PayloadType != PayloadType {
		return nil, "", fmt.Errorf("the payload's type is %q; want %q", e.PayloadType, PayloadType)
	}
	return payload, accepted[0].KeyID, nil
}

// refusal says why no signature was accepted: another key's, or one that does not fit.
func refusal(keys []ed25519.PublicKey, e dsse.Envelope) error {
	var given []string
	for _, key := range keys {
		given = append(given, KeyID(key))
	}
	var named []string
	for _, s := range e.Signatures {
		for _, id := range given {
			if s.KeyID == "" || s.KeyID == id {
				return fmt.Errorf("the signature does not fit: the statement, its type or the signature was changed, or another key than %s signed", id)
			}
		}
		named = append(named, s.KeyID)
	}
	return fmt.Errorf("signed with key %q, but the key to verify with is %s", strings.Join(named, ", "), strings.Join(given, ", "))
}
