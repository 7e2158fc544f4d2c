// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// Accounts of Google, by what they may do.
const (
	mayAll   = "all@test.iam.gserviceaccount.com"
	mayList  = "list@test.iam.gserviceaccount.com"
	mayNone  = "none@test.iam.gserviceaccount.com"
	theOwner = "owner-" // before the name of an account, it is its token
)

// TestGCS speaks to an emulator of Google's storage by the name of the real one. What the emulator does not do is done here: that a
// token is needed, that it is had for a signature of the account's key alone, and that an account may do this and not that.
func TestGCS(t *testing.T) {
	t.Parallel()
	emulator, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true})
	if err != nil {
		t.Fatal(err)
	}
	emulator.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "bucket"})
	storage := overTLS(t, guarded(emulator.HTTPHandler()))
	at := storage.Listener.Addr().String()
	google.Store(&at)
	key, other := newKey(t), newKey(t)
	tokens := httptest.NewServer(tokenServer(&key.PublicKey))
	t.Cleanup(tokens.Close)

	s := served{
		options: repository.Options{
			Location: order.Repository{GCS: &order.GCS{Bucket: "bucket", Prefix: prefix}}, CacheDir: t.TempDir(), ConfigDir: t.TempDir(),
			Secrets: repository.Secrets{Password: "secret-password", Credentials: map[string]string{"credentials.json": account(t, mayAll, key, tokens.URL)}},
		},
		names: func() []string {
			all, err := emulator.ListObjectsWithOptionsPaginated("bucket", fakestorage.ListOptions{})
			if err != nil {
				t.Error(err)
			}
			var names []string
			for _, o := range all.Objects {
				names = append(names, o.Name)
			}
			return names
		},
		lose: func(name string) {
			if err := emulator.Backend().DeleteObject("bucket", name); err != nil {
				t.Error(err)
			}
		},
		refuses: map[string]trial{
			"the account has another key":      {credential("credentials.json", account(t, mayAll, other, tokens.URL)), result.FailureRefused},
			"the account is not known":         {credential("credentials.json", account(t, "nobody@test.iam.gserviceaccount.com", key, tokens.URL)), result.FailureRefused},
			"the account may nothing":          {credential("credentials.json", account(t, mayNone, key, tokens.URL)), result.FailureRefused},
			"the account may only list":        {credential("credentials.json", account(t, mayList, key, tokens.URL)), result.FailureRefused},
			"the credentials are empty":        {credential("credentials.json", ""), result.FailureRefused},
			"the credentials are no JSON":      {credential("credentials.json", "guessed"), result.FailureRefused},
			"the credentials have no account":  {credential("credentials.json", "{}"), result.FailureRefused},
			"the credentials have no key":      {credential("credentials.json", `{"type": "service_account", "client_email": "`+mayAll+`"}`), result.FailureRefused},
			"the credentials have no such key": {credential("credentials.json", `{"type": "service_account", "client_email": "`+mayAll+`", "private_key": "guessed"}`), result.FailureRefused},
			"the credentials are a person's":   {credential("credentials.json", `{"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}`), result.FailureRefused},
			"tokens come from the machine":     {credential("credentials.json", account(t, mayAll, key, "http://169.254.169.254/token")), result.FailureRefused},
			"the bucket is missing":            {func(o *repository.Options) { o.Location.GCS = &order.GCS{Bucket: "missing", Prefix: prefix} }, result.FailureUnreachable},
			"another prefix":                   {func(o *repository.Options) { o.Location.GCS = &order.GCS{Bucket: "bucket", Prefix: "other/"} }, result.FailureMissing},
		},
	}
	judge(t, s)
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// account is the file that Google gives out for a key of an account.
func account(t *testing.T, email string, key *rsa.PrivateKey, tokens string) string {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "test", "private_key_id": "1", "client_email": email, "token_uri": tokens,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tokenServer gives a token to whoever signs with the key that he is one of the accounts. It does not last, so that another is
// asked for while a repository is open.
func tokenServer(key *rsa.PublicKey) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		email, err := signedBy(key, r.PostFormValue("assertion"), "http://"+r.Host)
		w.Header().Set("Content-Type", "application/json")
		if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || err != nil {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error": "invalid_grant", "error_description": %q}`, err)
			return
		}
		fmt.Fprintf(w, `{"access_token": %q, "expires_in": 1, "token_type": "Bearer"}`, theOwner+email)
	}
}

// signedBy tells whose claim to be himself is signed, and for whom it is meant. Its errors are Google's.
func signedBy(key *rsa.PublicKey, assertion, audience string) (string, error) {
	signed, signature, found := cutLast(assertion, ".")
	_, claims, also := strings.Cut(signed, ".")
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	sum := sha256.Sum256([]byte(signed))
	if !found || !also || err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) != nil {
		return "", fmt.Errorf("Invalid JWT Signature.")
	}
	var c struct {
		Issuer   string `json:"iss"`
		Scope    string `json:"scope"`
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
	}
	text, err := base64.RawURLEncoding.DecodeString(claims)
	if err != nil {
		return "", err
	}
	switch err := json.Unmarshal(text, &c); {
	case err != nil:
		return "", err
	case c.Issuer != mayAll && c.Issuer != mayList && c.Issuer != mayNone:
		return "", fmt.Errorf("Invalid grant: account not found")
	case c.Audience != audience || !strings.Contains(c.Scope, "devstorage.full_control") || time.Unix(c.Expires, 0).Before(time.Now()):
		return "", fmt.Errorf("the claims are %s", text)
	}
	return c.Issuer, nil
}

func cutLast(s, sep string) (string, string, bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// guarded lets those through who have a token and may do what they ask for.
func guarded(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		email, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "+theOwner)
		lists := r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/storage/v1/b/") && strings.HasSuffix(r.URL.Path, "/o")
		switch {
		case r.Host != googleHost:
			answer(w, r, http.StatusMisdirectedRequest, "not "+r.Host)
		case !is:
			answer(w, r, http.StatusUnauthorized, "Invalid Credentials")
		case email == mayNone, email == mayList && !lists:
			answer(w, r, http.StatusForbidden, email+" does not have access to the Google Cloud Storage object.")
		default:
			next.ServeHTTP(w, r)
		}
	}
}

// answer says no in the language of the interface that was spoken to.
func answer(w http.ResponseWriter, r *http.Request, status int, text string) {
	var body bytes.Buffer
	if strings.Contains(r.URL.Path, "/storage/v1/") {
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		fmt.Fprintf(&body, `{"error": {"code": %d, "message": %q, "errors": [{"message": %[2]q, "domain": "global"}]}}`, status, text)
	} else {
		w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
		fmt.Fprintf(&body, `<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code><Message>Access denied.</Message><Details>%s</Details></Error>`, text)
	}
	w.WriteHeader(status)
	_, _ = body.WriteTo(w)
}
