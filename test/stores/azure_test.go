// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// An account and a domain make up the name of a host: these are 127.0.0.1.
const (
	accountHere = "127"
	domainHere  = "0.0.1:"
)

func TestAzure(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]func(*testing.T, *blobServer) (key, value string, refuses map[string]trial){"with a key": byStorageKey, "with a SAS": bySAS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum := sha256.Sum256([]byte("the key of the account"))
			server := &blobServer{account: accountHere, container: "container", key: sum[:], blobs: map[string]storedBlob{}}
			at := overTLS(t, server)
			key, value, refuses := by(t, server)
			s := served{
				options: repository.Options{
					Location: order.Repository{Azure: azureAt(at, "container", prefix)}, CacheDir: t.TempDir(), ConfigDir: t.TempDir(),
					Secrets: repository.Secrets{Password: "secret-password", Credentials: map[string]string{key: value}},
				},
				names: server.names, lose: server.lose, refuses: refuses,
			}
			stranger := strangeServer(t, server)
			maps.Copy(s.refuses, map[string]trial{
				"the credentials are empty":     {credential(key, ""), result.FailureRefused},
				"nobody trusts the certificate": {func(o *repository.Options) { o.Location.Azure = azureAt(stranger, "container", prefix) }, result.FailureUnreachable},
				"the container is missing":      {func(o *repository.Options) { o.Location.Azure = azureAt(at, "missing", prefix) }, result.FailureUnreachable},
				"another prefix":                {func(o *repository.Options) { o.Location.Azure = azureAt(at, "container", "other/") }, result.FailureMissing},
			})
			judge(t, s)
			if server.pages == 0 {
				t.Error("no list had a second page")
			}
		})
	}
}

func azureAt(s *httptest.Server, container, prefix string) *order.Azure {
	_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
	return &order.Azure{Account: accountHere, Container: container, Prefix: prefix, Domain: domainHere + port}
}

func byStorageKey(t *testing.T, s *blobServer) (string, string, map[string]trial) {
	other := base64.StdEncoding.EncodeToString([]byte("the key of another account"))
	early := &blobServer{account: s.account, container: s.container, key: s.key, ahead: time.Hour}
	return "storageKey", base64.StdEncoding.EncodeToString(s.key), map[string]trial{
		"the key is another": {credential("storageKey", other), result.FailureRefused},
		"the clocks differ":  {func(o *repository.Options) { o.Location.Azure = azureAt(overTLS(t, early), "container", prefix) }, result.FailureClock},
		"the key is no key":  {credential("storageKey", "guessed!"), result.FailureRefused},
	}
}

func bySAS(_ *testing.T, s *blobServer) (string, string, map[string]trial) {
	tomorrow := time.Now().Add(24 * time.Hour)
	forged := strings.Replace(s.sas("rl", tomorrow), "sp=rl", "sp=rwdl", 1)
	return "sasToken", "?" + s.sas("rwdl", tomorrow), map[string]trial{
		"the SAS is forged":          {credential("sasToken", forged), result.FailureRefused},
		"the SAS is over":            {credential("sasToken", s.sas("rwdl", time.Now().Add(-time.Minute))), result.FailureRefused},
		"the SAS is for lists alone": {credential("sasToken", s.sas("l", tomorrow)), result.FailureRefused},
		"the SAS is no SAS":          {credential("sasToken", "guessed"), result.FailureRefused},
	}
}

// strangeServer is the same server with a certificate that nobody knows.
func strangeServer(t *testing.T, s *blobServer) *httptest.Server {
	t.Helper()
	unknown, _, err := newCertificate("elsewhere.test")
	if err != nil {
		t.Fatal(err)
	}
	stranger := httptest.NewUnstartedServer(s)
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0) // it is refused again and again
	stranger.TLS = &tls.Config{Certificates: []tls.Certificate{unknown}, MinVersion: tls.VersionTLS12}
	stranger.StartTLS()
	t.Cleanup(stranger.Close)
	return stranger
}
