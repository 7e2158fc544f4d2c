// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/azure"
	"github.com/kopia/kopia/repo/blob/filesystem"
	"github.com/kopia/kopia/repo/blob/gcs"
	"github.com/kopia/kopia/repo/blob/s3"
	"github.com/kopia/kopia/repo/blob/sftp"
	"github.com/kopia/kopia/repo/blob/throttling"
	"github.com/kopia/kopia/repo/blob/webdav"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// openStore opens what a repository lies in. Credentials are those that were given: none is ever taken from the environment,
// unless the order says so, which an admin had to allow.
func openStore(ctx context.Context, o Options, create bool) (blob.Storage, error) {
	at := o.Location
	limits := throttling.Limits{UploadBytesPerSecond: float64(at.UploadBytesPerSecond), DownloadBytesPerSecond: float64(at.DownloadBytesPerSecond)}
	switch {
	case at.S3 != nil:
		return openS3(ctx, *at.S3, o.Secrets, limits)
	case at.GCS != nil:
		return openGCS(ctx, *at.GCS, o.Secrets, limits)
	case at.Azure != nil:
		return openAzure(ctx, *at.Azure, o.Secrets, limits)
	case at.SFTP != nil:
		return openSFTP(ctx, *at.SFTP, o, limits, create)
	case at.WebDAV != nil:
		return openWebDAV(ctx, *at.WebDAV, o.Secrets, limits, create)
	case at.Filesystem != nil:
		return openFilesystem(ctx, at.Filesystem.Path, limits, create)
	}
	return nil, errors.New("no repository is named")
}

func openS3(ctx context.Context, at order.S3, secrets Secrets, limits throttling.Limits) (blob.Storage, error) {
	if err := public(at.Endpoint); err != nil {
		return nil, err
	}
	id, key := secrets.get("accessKeyID"), secrets.get("secretAccessKey")
	if (id == "" || key == "") && !at.WorkloadIdentity {
		return nil, refused("the Secret with the credentials needs the keys accessKeyID and secretAccessKey")
	}
	return s3.New(ctx, &s3.Options{
		BucketName: at.Bucket, Prefix: at.Prefix, Endpoint: at.Endpoint, Region: at.Region, DoNotUseTLS: at.Insecure, RootCA: secrets.CA,
		AccessKeyID: id, SecretAccessKey: key, SessionToken: secrets.get("sessionToken"), Limits: limits,
	}, false)
}

func openGCS(ctx context.Context, at order.GCS, secrets Secrets, limits throttling.Limits) (blob.Storage, error) {
	text := secrets.get("credentials.json")
	if text == "" && !at.WorkloadIdentity {
		return nil, refused("the Secret with the credentials needs the key credentials.json")
	}
	return gcs.New(ctx, &gcs.Options{BucketName: at.Bucket, Prefix: at.Prefix, ServiceAccountCredentialJSON: []byte(text), Limits: limits}, false)
}

func openAzure(ctx context.Context, at order.Azure, secrets Secrets, limits throttling.Limits) (blob.Storage, error) {
	key, token := secrets.get("storageKey"), secrets.get("sasToken")
	if key == "" && token == "" {
		return nil, refused("the Secret with the credentials needs the key storageKey or sasToken")
	}
	return azure.New(ctx, &azure.Options{
		Container: at.Container, Prefix: at.Prefix, StorageAccount: at.Account, StorageKey: key, SASToken: token, StorageDomain: at.Domain, Limits: limits,
	}, false)
}

func openSFTP(ctx context.Context, at order.SFTP, o Options, limits throttling.Limits, create bool) (blob.Storage, error) {
	if err := public(at.Host); err != nil {
		return nil, err
	}
	hosts, key, password := o.Secrets.get("known_hosts"), o.Secrets.get("privateKey"), o.Secrets.get("password")
	if hosts == "" || key == "" && password == "" {
		return nil, refused("the Secret with the credentials needs the keys known_hosts, and privateKey or password")
	}
	if key != "" {
		key += "\n" // an SSH key without its last end of line is not read
	}
	return sftp.New(ctx, &sftp.Options{
		Path: at.Path, Host: at.Host, Port: at.Port, Username: at.User, Password: password, KeyData: key, KnownHostsData: hosts, Limits: limits,
	}, create)
}

func openWebDAV(ctx context.Context, at order.WebDAV, secrets Secrets, limits throttling.Limits, create bool) (blob.Storage, error) {
	if u, err := url.Parse(at.URL); err != nil {
		return nil, errors.New("the URL of the repository cannot be read")
	} else if err := public(u.Host); err != nil {
		return nil, err
	}
	user, password := secrets.get("username"), secrets.get("password")
	if user == "" || password == "" {
		return nil, refused("the Secret with the credentials needs the keys username and password")
	}
	return webdav.New(ctx, &webdav.Options{URL: at.URL, Username: user, Password: password, Limits: limits}, create)
}

func openFilesystem(ctx context.Context, path string, limits throttling.Limits, create bool) (blob.Storage, error) {
	if create {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
	} else if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return nil, &Failure{result.FailureUnreachable, fmt.Errorf("the folder that holds the repository is not there: %w", err)}
		}
		return nil, missing()
	}
	return filesystem.New(ctx, &filesystem.Options{Path: path, FileMode: 0o600, DirectoryMode: 0o700, Limits: limits}, create)
}

func (s Secrets) get(key string) string { return strings.TrimRight(s.Credentials[key], "\r\n") }

func refused(text string) error {
	return &Failure{result.FailureRefused, errors.New(text)}
}

func missing() error {
	return &Failure{result.FailureMissing, errors.New("there is no repository at this place")}
}

// public refuses addresses that only mean something to the machine itself, such as those where clouds hand out identities.
func public(endpoint string) error {
	host := endpoint
	if at, err := netip.ParseAddrPort(endpoint); err == nil {
		host = at.Addr().String()
	} else if h, _, found := strings.Cut(endpoint, ":"); found && strings.Count(endpoint, ":") == 1 {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if a, err := netip.ParseAddr(host); err == nil && (a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsUnspecified()) || strings.HasPrefix(host, "metadata.google.") {
		return refused("the repository is at a link-local or metadata address, which is not allowed")
	}
	return nil
}
