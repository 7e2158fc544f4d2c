// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"pgregory.net/rapid"

	core "github.com/lifeboat-dev/lifeboat/internal/core/evidence"
)

// theKey makes a key that is the same each time.
func theKey(t testing.TB, seed byte) *Key {
	t.Helper()
	return keyOf(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
}

// drill is the nth drill of a policy.
func drill(policy string, n int, previous string) core.Drill {
	content := core.Digest([]byte(policy))
	return core.Drill{
		Policy: core.Policy{Namespace: "shop", Name: policy, UID: "uid-of-" + policy},
		Drill:  core.Object{Name: fmt.Sprintf("%s-drill-%d", policy, n), UID: fmt.Sprintf("uid-of-%s-drill-%d", policy, n)},
		Point: core.Point{Name: fmt.Sprintf("%s-point-%d", policy, n), UID: fmt.Sprintf("uid-of-%s-point-%d", policy, n), Volumes: []core.Volume{
			{Claim: "data", ClaimUID: "uid-of-data", Fingerprint: content, Read: content, Files: 3, Bytes: 4096},
		}},
		Level: core.Intact, Required: core.Intact, Verdict: core.Passed, RecoverySeconds: 42,
		Finished: time.Date(2026, 11, 1+n, 3, 0, 42, 0, time.UTC), Previous: previous,
	}
}

// add signs the next drill of a policy.
func add(t testing.TB, key *Key, policy string, n int, previous string) (Envelope, string) {
	t.Helper()
	payload, err := core.Statement(drill(policy, n, previous))
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := Sign(key, payload)
	if err != nil {
		t.Fatal(err)
	}
	return Envelope{Name: fmt.Sprintf("%s-%d.json", policy, n), JSON: envelope}, core.Digest(payload)
}

// history is the chain of a policy's first drills.
func history(t testing.TB, key *Key, policy string, length int) []Envelope {
	t.Helper()
	var all []Envelope
	previous := ""
	for n := range length {
		var e Envelope
		e, previous = add(t, key, policy, n, previous)
		all = append(all, e)
	}
	return all
}

func publics(keys ...*Key) []ed25519.PublicKey {
	var all []ed25519.PublicKey
	for _, key := range keys {
		all = append(all, key.Public())
	}
	return all
}

func TestAWholeChain(t *testing.T) {
	key := theKey(t, 1)
	all := history(t, key, "db", 5)
	report, err := Verify(publics(key), all...)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Chains) != 1 || len(report.Chains[0].Links) != 5 || report.Chains[0].Before != "" {
		t.Fatalf("%+v", report)
	}
	chain := report.Chains[0]
	last := chain.Links[4]
	if last.Drill.Drill.Name != "db-drill-4" || last.KeyID != KeyID(key.Public()) || last.Name != "db-4.json" {
		t.Errorf("%+v", last)
	}
	if err := chain.EndsWith(last.Digest); err != nil {
		t.Error(err)
	}

	later, err := Verify(publics(key), all[2:]...)
	if err != nil {
		t.Fatal(err)
	}
	if got := later.Chains[0].Before; got != chain.Links[1].Digest {
		t.Errorf("before a bounded history: %s; want %s", got, chain.Links[1].Digest)
	}
}

func TestEveryPolicyHasAChain(t *testing.T) {
	key := theKey(t, 1)
	db, web := history(t, key, "db", 3), history(t, key, "web", 2)
	report, err := Verify(publics(key), web[0], db[0], db[1], web[1], db[2])
	if err != nil || len(report.Chains) != 2 || report.Chains[0].Policy.Name != "web" || len(report.Chains[1].Links) != 3 {
		t.Errorf("%+v, %v", report, err)
	}
	_, digest := add(t, key, "web", 0, "")
	crossed, _ := add(t, key, "db", 3, digest)
	if _, err := Verify(publics(key), append(db, crossed)...); !isFault(err, Gap) {
		t.Errorf("a statement that follows one of another policy: %v", err)
	}
}

// isFault tells whether an error holds faults of this kind and of no other.
func isFault(err error, kinds ...FaultKind) bool {
	var found []FaultKind
	var walk func(error)
	walk = func(err error) {
		if fault, ok := err.(Fault); ok {
			found = append(found, fault.Kind)
		}
		switch err := err.(type) {
		case interface{ Unwrap() []error }:
			for _, e := range err.Unwrap() {
				walk(e)
			}
		case interface{ Unwrap() error }:
			walk(err.Unwrap())
		}
	}
	walk(err)
	return slices.Equal(found, kinds)
}

func TestBrokenChains(t *testing.T) {
	key := theKey(t, 1)
	h := history(t, key, "db", 5)
	fork, _ := add(t, key, "db", 9, digestOf(t, h[1]))
	start, _ := add(t, key, "db", 9, "")
	lost, _ := add(t, key, "db", 9, core.Digest([]byte("what nobody has")))
	for _, tc := range []struct {
		name    string
		given   []Envelope
		faults  []FaultKind
		message string
	}{
		{"one dropped", []Envelope{h[0], h[1], h[3], h[4]}, []FaultKind{Gap}, "db-3.json follows " + digestOf(t, h[2]) + ", which is missing"},
		{"two dropped, apart", []Envelope{h[0], h[2], h[4]}, []FaultKind{Gap, Gap}, "db-2.json follows"},
		{"two swapped", []Envelope{h[0], h[2], h[1], h[3]}, []FaultKind{OutOfOrder}, "db-2.json is given after db-0.json"},
		{"newest first", []Envelope{h[2], h[1], h[0]}, []FaultKind{OutOfOrder}, "db-2.json is given first"},
		{"first moved to the end", []Envelope{h[1], h[2], h[0]}, []FaultKind{OutOfOrder}, "db-1.json is given first"},
		{"one twice", []Envelope{h[0], h[1], h[1], h[2]}, []FaultKind{Duplicate}, "db-1.json holds the same statement as db-1.json"},
		{"forked", []Envelope{h[0], h[1], h[2], fork}, []FaultKind{Fork}, "db-2.json and db-9.json both follow " + digestOf(t, h[1])},
		{"forked where the history begins", []Envelope{h[2], fork}, []FaultKind{Fork}, "both follow"},
		{"a second start", []Envelope{h[0], h[1], start}, []FaultKind{SecondStart}, "db-9.json says that it is the first"},
		{"a start after a history that goes on", []Envelope{h[3], h[4], start}, []FaultKind{SecondStart}, "db-9.json says that it is the first"},
		{"after one that nobody has", []Envelope{h[0], lost}, []FaultKind{Gap}, "db-9.json follows"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			report, err := Verify(publics(key), tc.given...)
			if !isFault(err, tc.faults...) || !strings.Contains(fmt.Sprint(err), tc.message) || !strings.Contains(fmt.Sprint(err), "chain of shop/db") {
				t.Errorf("got %v; want %v", err, tc.faults)
			}
			if len(report.Chains) != 1 || len(report.Chains[0].Links) != len(tc.given) {
				t.Errorf("the report lacks statements whose signatures are good: %+v", report)
			}
		})
	}
}

func digestOf(t testing.TB, e Envelope) string {
	t.Helper()
	var envelope dsse.Envelope
	if err := json.Unmarshal(e.JSON, &envelope); err != nil {
		t.Fatal(err)
	}
	payload, err := envelope.DecodeB64Payload()
	if err != nil {
		t.Fatal(err)
	}
	return core.Digest(payload)
}

// TestMissingEnd: a chain does not show that its newest statements were taken away; who knows the last one does see it.
func TestMissingEnd(t *testing.T) {
	key := theKey(t, 1)
	h := history(t, key, "db", 3)
	report, err := Verify(publics(key), h[:2]...)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Chains[0].EndsWith(digestOf(t, h[2])); !isFault(err, WrongEnd) {
		t.Error(err)
	}
}

// TestAnyChoiceButAPieceIsNoticed: statements are accepted exactly if they are an unbroken piece of history.
func TestAnyChoiceButAPieceIsNoticed(t *testing.T) {
	key := theKey(t, 1)
	h := history(t, key, "db", 6)
	choices := rapid.SliceOfN(rapid.IntRange(0, len(h)-1), 1, 7)
	law := func(verify func([]ed25519.PublicKey, ...Envelope) (Report, error), chosen []int) error {
		var given []Envelope
		unbroken := true
		for n, i := range chosen {
			given = append(given, h[i])
			unbroken = unbroken && (n == 0 || i == chosen[n-1]+1)
		}
		if _, err := verify(publics(key), given...); (err == nil) != unbroken {
			return fmt.Errorf("%v: %w", chosen, err)
		}
		return nil
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := law(Verify, choices.Draw(t, "chosen")); err != nil {
			t.Error(err)
		}
	})
	for name, faulty := range map[string]func([]ed25519.PublicKey, ...Envelope) (Report, error){
		"a verifier that sorts": func(keys []ed25519.PublicKey, given ...Envelope) (Report, error) {
			slices.SortFunc(given, func(a, b Envelope) int { return strings.Compare(a.Name, b.Name) })
			return Verify(keys, given...)
		},
		"a verifier that drops what it has seen": func(keys []ed25519.PublicKey, given ...Envelope) (Report, error) {
			return Verify(keys, slices.CompactFunc(given, func(a, b Envelope) bool { return a.Name == b.Name })...)
		},
		"a verifier that sees no gaps": func(keys []ed25519.PublicKey, given ...Envelope) (Report, error) {
			report, err := Verify(keys, given...)
			if isFault(err, Gap) {
				err = nil
			}
			return report, err
		},
	} {
		caught := false
		for seed := range 500 {
			caught = caught || law(faulty, choices.Example(seed)) != nil
		}
		if !caught {
			t.Errorf("%s was not caught", name)
		}
	}
}

func TestAReplacedKey(t *testing.T) {
	older, newer := theKey(t, 1), theKey(t, 2)
	h := history(t, older, "db", 2)
	next, _ := add(t, newer, "db", 2, digestOf(t, h[1]))
	all := append(h, next)
	if report, err := Verify(publics(newer, older), all...); err != nil || report.Chains[0].Links[2].KeyID != KeyID(newer.Public()) {
		t.Errorf("with both keys: %v", err)
	}
	report, err := Verify(publics(newer), all...)
	for _, part := range []string{"db-0.json: signed with key", "db-1.json: signed with key", KeyID(older.Public()), KeyID(newer.Public())} {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("with the newer key alone, want %q: %v", part, err)
		}
	}
	if len(report.Chains) != 1 || len(report.Chains[0].Links) != 1 {
		t.Errorf("%+v", report)
	}
}

// TestAnyFlippedBitIsRefused flips each bit of the payload and of the signature.
func TestAnyFlippedBitIsRefused(t *testing.T) {
	key := theKey(t, 1)
	var good dsse.Envelope
	if err := json.Unmarshal(history(t, key, "db", 1)[0].JSON, &good); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(good.Payload)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(good.Signatures[0].Sig)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(payload, signature []byte) bool {
		bad := dsse.Envelope{PayloadType: good.PayloadType, Payload: base64.StdEncoding.EncodeToString(payload), Signatures: []dsse.Signature{
			{KeyID: good.Signatures[0].KeyID, Sig: base64.StdEncoding.EncodeToString(signature)},
		}}
		raw, err := json.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := Open(publics(key), raw)
		return got == nil && err != nil && strings.Contains(err.Error(), "does not fit")
	}
	if refused(payload, signature) {
		t.Fatal("the envelope itself is refused")
	}
	for bit := range len(payload) * 8 {
		flipped := slices.Clone(payload)
		flipped[bit/8] ^= 1 << (bit % 8)
		if !refused(flipped, signature) {
			t.Errorf("bit %d of the payload was flipped", bit)
		}
	}
	for bit := range len(signature) * 8 {
		flipped := slices.Clone(signature)
		flipped[bit/8] ^= 1 << (bit % 8)
		if !refused(payload, flipped) {
			t.Errorf("bit %d of the signature was flipped", bit)
		}
	}
}

// TestAnyChangedEnvelope changes each byte of an envelope's text. What is accepted nevertheless holds the same payload:
// an unused bit of base64, or the text of the key's name.
func TestAnyChangedEnvelope(t *testing.T) {
	key := theKey(t, 1)
	good := history(t, key, "db", 1)[0].JSON
	want, _, err := Open(publics(key), good)
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		for _, change := range []byte{1, 2, 4, 16, 32, 128} {
			bad := slices.Clone(good)
			bad[n] ^= change
			if got, _, err := Open(publics(key), bad); err == nil && !bytes.Equal(got, want) {
				t.Errorf("byte %d is %q", n, bad[n])
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	key := theKey(t, 1)
	good := string(history(t, key, "db", 1)[0].JSON)
	sealer, err := dsse.NewEnvelopeSigner(signer{key})
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(payloadType, payload string) string {
		e, err := sealer.SignPayload(t.Context(), payloadType, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	for _, tc := range []struct{ name, envelope, want string }{
		{"no JSON", "-----BEGIN", "not a DSSE envelope"},
		{"no envelope", `{"kind":"List"}`, "not a DSSE envelope"},
		{"no signature", `{"payloadType":"` + PayloadType + `","payload":"e30=","signatures":[]}`, "signatures are missing"},
		{"another type that was signed", sealed("application/json", "{}"), `the payload's type is "application/json"`},
		{"the type was changed", strings.Replace(good, "in-toto+json", "in-toto.x+json", 1), "does not fit"},
		{"a signature of no base64", strings.Replace(good, `"sig":"`, `"sig":"*`, 1), "does not fit"},
		{"signed, but no statement", sealed(PayloadType, "{}"), "signed, but no statement on a drill: _type"},
		{"signed, but not on a drill", sealed(PayloadType, `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1"}`), "predicateType"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			report, err := Verify(publics(key), Envelope{"a.json", []byte(tc.envelope)})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "a.json: ") || len(report.Chains) > 0 {
				t.Errorf("got %v; want %q", err, tc.want)
			}
		})
	}
	if _, err := Verify(publics(theKey(t, 2)), Envelope{"a.json", []byte(good)}); err == nil || !strings.Contains(err.Error(), "signed with key") {
		t.Errorf("another key: %v", err)
	}
	anonymous := strings.Replace(good, `"keyid":"`+KeyID(key.Public())+`"`, `"keyid":""`, 1)
	if _, err := Verify(publics(theKey(t, 2)), Envelope{"a.json", []byte(anonymous)}); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("another key, and none named: %v", err)
	}
	if _, err := Verify(publics(key), Envelope{"a.json", []byte(anonymous)}); err != nil {
		t.Errorf("the name of the key is a hint that may be missing: %v", err)
	}
	if _, err := Verify(nil, Envelope{"a.json", []byte(good)}); err == nil || !strings.Contains(err.Error(), "no public key") {
		t.Errorf("no key: %v", err)
	}
	if _, err := Verify(publics(key)); err == nil {
		t.Error("nothing to verify was called verified")
	}
}

func FuzzVerify(f *testing.F) {
	key := theKey(f, 1)
	for _, e := range history(f, key, "db", 2) {
		f.Add(e.JSON)
	}
	f.Add([]byte(`{"payloadType":"a","signatures":[{}]}`))
	genuine := map[string]bool{}
	for _, e := range history(f, key, "db", 2) {
		genuine[digestOf(f, e)] = true
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		report, err := Verify(publics(key), Envelope{"fuzzed", raw})
		if err == nil && !genuine[report.Chains[0].Links[0].Digest] {
			t.Errorf("accepted: %s", raw)
		}
		if err != nil && len(report.Chains) > 0 {
			t.Errorf("refused, and yet reported: %v", err)
		}
	})
}

func TestFaultsAreErrors(t *testing.T) {
	var fault Fault
	key := theKey(t, 1)
	h := history(t, key, "db", 3)
	_, err := Verify(publics(key), h[0], h[2])
	if !errors.As(err, &fault) || fault.Kind != Gap {
		t.Errorf("%v", err)
	}
}
