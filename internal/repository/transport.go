// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// transportFor speaks to a server whose certificate is verified with the given ones, or with those of the system.
func transportFor(ca []byte, insecure bool) (*http.Transport, error) {
	t, err := minio.DefaultTransport(!insecure)
	if err != nil || insecure || len(ca) == 0 {
		return t, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("the CA bundle holds no certificate")
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}
