// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

func TestErrorsHaveAKind(t *testing.T) {
	for want, all := range map[string][]error{
		result.FailureInterrupted: {context.Canceled},
		result.FailurePassword:    {repo.ErrInvalidPassword, noPassword()},
		result.FailureMissing:     {repo.ErrRepositoryNotInitialized, missing()},
		result.FailureExists:      {repo.ErrAlreadyInitialized, exists()},
		result.FailureFull: {
			&fs.PathError{Op: "write", Err: syscall.ENOSPC}, syscall.EDQUOT, &os.PathError{Op: "Write", Path: "/x", Err: errors.New("507")},
			errors.New("sftp: \"write: no space left on device\" (SSH_FX_FAILURE)"),
		},
		result.FailureRefused: {
			blob.ErrInvalidCredentials, fs.ErrPermission, refused("no key"),
			errors.New("ssh: handshake failed: ssh: unable to authenticate, attempted methods [none password]"),
			errors.New("ssh: handshake failed: knownhosts: key mismatch"),
			&os.PathError{Op: "Authorize", Path: "/", Err: errors.New("401")},
			errors.New("googleapi: Error 403: lifeboat does not have storage.objects.list access, forbidden"),
			errors.New("GET https://account.blob.core.windows.net/container\n----\nRESPONSE 403: 403 Server failed to authenticate the request.\nERROR CODE: AuthenticationFailed"),
			errors.New(`oauth2: "invalid_grant" "Invalid JWT Signature."`),
			&url.Error{Op: "Get", URL: "https://storage.googleapis.com", Err: errors.New("auth: cannot fetch token: 400\nResponse: {\"error\": \"invalid_grant\"}")},
			errors.New("NewRangeReader: googleapi: got HTTP response code 403 with body: <Error><Code>AccessDenied</Code></Error>"),
			errors.New("opening azure service: unable to initialize storage access key credentials: decode account key: illegal base64 data at input byte 7"),
			errors.New("unable to create GCS client: dialing: auth: client email must be provided"),
			&url.Error{Op: "Get", URL: "https://storage.googleapis.com", Err: errors.New("failed to parse private key. Tried PKCS8, PKCS1, and EC formats. Errors: [PKCS8: asn1: structure error]")},
		},
		result.FailureClock: {
			errors.New("RESPONSE 403: 403 Server failed to authenticate the request.\nERROR CODE: AuthenticationFailed\n<AuthenticationErrorDetail>Request date header too old: 'Fri, 04 Oct 2019 18:02:12 GMT'</AuthenticationErrorDetail>"),
			errors.New("auth: cannot fetch token: 400\nResponse: {\"error\": \"invalid_grant\", \"error_description\": \"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.\"}"),
		},
		result.FailureDamaged: {
			blob.ErrBlobNotFound, blob.ErrInvalidRange, content.ErrContentNotFound, errDamaged,
			errors.New("invalid checksum at p1 offset 32 length 40/40: decrypt: unable to decrypt content: cipher: message authentication failed"),
		},
		result.FailureUnreachable: {
			syscall.ECONNREFUSED, syscall.EIO, syscall.ESTALE, context.DeadlineExceeded, &net.DNSError{Err: "no such host", Name: "s3.example.org"},
			&url.Error{Op: "Get", URL: "https://s3.example.org", Err: x509.UnknownAuthorityError{}},
			errors.New("storage: bucket doesn't exist"), errors.New("RESPONSE 404: 404 The specified container does not exist.\nERROR CODE: ContainerNotFound"),
			errors.New("googleapi: Error 503: Backend Error, backendError"), errors.New("connection lost"),
		},
		result.FailureUnknown: {errors.New("something else"), fmt.Errorf("read 403 bytes of 507")},
	} {
		for _, err := range all {
			if got := Reason(classify(fmt.Errorf("while doing something: %w", err))); got != want {
				t.Errorf("%q is %s, not %s", err, got, want)
			}
		}
		if Words(want) == "" || strings.Contains(Words(want), want) {
			t.Errorf("%s is told as %q", want, Words(want))
		}
	}
	if classify(nil) != nil || isDamage(nil) {
		t.Error("nothing is something")
	}
	if Reason(notOpened(blob.ErrBlobNotFound)) != result.FailureUnreachable {
		t.Error("a place that is not there is taken for damage")
	}
}

// bucketAnswers is a server that answers every request alike.
func bucketAnswers(t *testing.T, status int, code string) order.Repository {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>as told</Message></Error>", code)
	}))
	t.Cleanup(s.Close)
	return order.Repository{S3: &order.S3{Endpoint: strings.TrimPrefix(s.URL, "http://"), Bucket: "bucket", Region: "us-east-1", Insecure: true}}
}

func TestWhatABucketAnswersHasAKind(t *testing.T) {
	secrets := Secrets{Password: "secret-password", Credentials: map[string]string{"accessKeyID": "id", "secretAccessKey": "key\n"}}
	for _, tc := range []struct {
		status     int
		code, want string
	}{
		{403, "AccessDenied", result.FailureRefused}, {403, "InvalidAccessKeyId", result.FailureRefused}, {403, "SignatureDoesNotMatch", result.FailureRefused},
		{400, "ExpiredToken", result.FailureRefused}, {403, "Unknown", result.FailureRefused}, {403, "RequestTimeTooSkewed", result.FailureClock},
		{507, "XMinioStorageFull", result.FailureFull}, {404, "NoSuchBucket", result.FailureUnreachable},
	} {
		_, err := Open(t.Context(), Options{Location: bucketAnswers(t, tc.status, tc.code), Secrets: secrets, ConfigDir: t.TempDir()})
		if got := Reason(err); err == nil || got != tc.want {
			t.Errorf("%d %s is %s, not %s: %v", tc.status, tc.code, got, tc.want, err)
		}
	}
}

// What cannot be opened for want of an answer is left, though the library would ask for ever.
func TestAStoreThatFallsSilentIsLeft(t *testing.T) {
	m, o := inMemory(t)
	n := 10 // the first of them are answered, so that it is silent in the middle of opening
	_, err := openIn(t.Context(), failing{m, down, &n}, o)
	if err == nil || !errors.Is(err, errPlanted) {
		t.Errorf("%v", err)
	}
	n = 1000
	r, err := openIn(t.Context(), failing{m, down, &n}, o)
	if err != nil {
		t.Fatal(err)
	}
	n = 1
	if err := put(t.Context(), r, firstVolume, someFiles); !errors.Is(err, errPlanted) {
		t.Errorf("%v", err)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	s := Secrets{Password: "pass word", Credentials: map[string]string{
		"sasToken": "sv=2024&sig=a%2Fb%3D", "privateKey": "-----BEGIN-----\nMIIEvQIBADANBg\n-----END-----\n", "short": "ab",
	}}
	text := s.Hide("cannot open \"pass word\" or pass+word or pass%20word: Get \"https://account.example.org/c?restype=container&sig=a%2Fb%3D&sv=2024\": MIIEvQIBADANBg, ab")
	for _, secret := range []string{"pass word", "pass+word", "pass%20word", "a%2Fb", "MIIE"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q tells %q", text, secret)
		}
	}
	for _, rest := range []string{"cannot open", "https://account.example.org/c?***", ", ab"} {
		if !strings.Contains(text, rest) {
			t.Errorf("%q lacks %q", text, rest)
		}
	}
}
