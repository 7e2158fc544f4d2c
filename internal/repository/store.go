// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

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
		return openGCS(ctx, *at.GCS, o, limits)
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
	if err := outside(ctx, at.Endpoint); err != nil {
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

func openGCS(ctx context.Context, at order.GCS, o Options, limits throttling.Limits) (blob.Storage, error) {
	text := o.Secrets.get("credentials.json")
	switch {
	case text != "":
		if err := serviceAccount(ctx, text); err != nil {
			return nil, err
		}
	case !at.WorkloadIdentity:
		return nil, refused("the Secret with the credentials needs the key credentials.json")
	}
	within := cmp.Or(o.silence, mostSilence)
	var store blob.Storage
	err := unlessSilent(ctx, within, func(ctx context.Context, _ func()) (err error) {
		store, err = gcs.New(ctx, &gcs.Options{BucketName: at.Bucket, Prefix: at.Prefix, ServiceAccountCredentialJSON: []byte(text), Limits: limits}, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	return hurried{store, within}, nil
}

// serviceAccount refuses credentials for Google that are no key of a service account. The library takes every kind, and there are
// some that lead to files of the pod, or to who only gives the machine an answer.
func serviceAccount(ctx context.Context, text string) error {
	var account struct {
		Type     string `json:"type"`
		Key      string `json:"private_key"`
		Tokens   string `json:"token_uri"`
		Universe string `json:"universe_domain"`
	}
	if json.Unmarshal([]byte(text), &account) != nil || account.Type != "service_account" || account.Key == "" {
		return refused("the key credentials.json of the Secret with the credentials does not hold the key of a service account")
	}
	addresses := []string{account.Tokens}
	if account.Universe != "" {
		addresses = append(addresses, "https://storage."+account.Universe)
	}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil {
			return refused("the key of the service account names an address that cannot be read")
		}
		if err := outside(ctx, u.Hostname()); err != nil {
			return err
		}
	}
	return nil
}

// azureDomain is where the library looks for accounts when it is told nothing else.
const azureDomain = "blob.core.windows.net"

func openAzure(ctx context.Context, at order.Azure, secrets Secrets, limits throttling.Limits) (blob.Storage, error) {
	key, token := secrets.get("storageKey"), secrets.get("sasToken")
	if key == "" && token == "" {
		return nil, refused("the Secret with the credentials needs the key storageKey or sasToken")
	}
	if err := outside(ctx, at.Account+"."+cmp.Or(at.Domain, azureDomain)); err != nil {
		return nil, err
	}
	return azure.New(ctx, &azure.Options{
		Container: at.Container, Prefix: at.Prefix, StorageAccount: at.Account, StorageKey: key, SASToken: strings.TrimPrefix(token, "?"), StorageDomain: at.Domain, Limits: limits,
	}, false)
}

func openSFTP(ctx context.Context, at order.SFTP, o Options, limits throttling.Limits, create bool) (blob.Storage, error) {
	if err := outside(ctx, at.Host); err != nil {
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
	} else if u.User != nil {
		return nil, refused("the URL of the repository must not hold credentials; put them into the Secret")
	} else if err := outside(ctx, u.Hostname()); err != nil {
		return nil, err
	}
	user, password := secrets.get("username"), secrets.get("password")
	if user == "" || password == "" {
		return nil, refused("the Secret with the credentials needs the keys username and password")
	}
	return webdav.New(ctx, &webdav.Options{URL: at.URL, Username: user, Password: password, Limits: limits}, create)
}

// The modes of what is in a folder: pods of several users, of one group, work on it. All of it is encrypted.
const (
	sharedFile   = 0o660
	sharedFolder = 0o770
)

func openFilesystem(ctx context.Context, path string, limits throttling.Limits, create bool) (blob.Storage, error) {
	if create {
		if err := os.MkdirAll(path, sharedFolder); err != nil {
			return nil, err
		}
	} else if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return nil, &Failure{result.FailureUnreachable, fmt.Errorf("the folder that holds the repository is not there: %w", err)}
		}
		return nil, missing()
	}
	return filesystem.New(ctx, &filesystem.Options{Path: path, FileMode: sharedFile, DirectoryMode: sharedFolder, Limits: limits}, create)
}

func (s Secrets) get(key string) string { return strings.TrimRight(s.Credentials[key], "\r\n") }

// Hide replaces in a text all that is secret. Libraries put addresses into their errors, and some stores take credentials there.
func (s Secrets) Hide(text string) string {
	text = hide(queries.ReplaceAllString(text, "${1}?***"), s.Password)
	for key := range s.Credentials {
		for line := range strings.Lines(s.get(key)) {
			text = hide(text, strings.TrimSpace(line))
		}
	}
	return text
}

// queries are the parts of URLs in which tokens stand.
var queries = regexp.MustCompile(`(https?://[^\s"'?]*)\?[^\s"']*`)

// shortestSecret is how long a secret must be to be looked for: what is shorter is in every other word.
const shortestSecret = 4

func hide(text, secret string) string {
	for _, as := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		if len(as) >= shortestSecret {
			text = strings.ReplaceAll(text, as, "***")
		}
	}
	return text
}

func refused(text string) error {
	return &Failure{result.FailureRefused, errors.New(text)}
}

func missing() error {
	return &Failure{result.FailureMissing, errors.New("there is no repository at this place")}
}

// metadata are addresses where clouds hand out identities and that are not link-local.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"), netip.MustParsePrefix("fd20:ce::254/128"),
	netip.MustParsePrefix("100.100.100.200/32"), netip.MustParsePrefix("168.63.129.16/32"), netip.MustParsePrefix("192.0.0.192/32"),
}

// outside refuses places that only mean something to the machine itself, by whatever name they are called. A name may mean
// something else a moment later; the pod's network is what bounds those who go that far.
func outside(ctx context.Context, endpoint string) error {
	host := hostOf(endpoint)
	if err := public(host); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil //nolint:nilerr // whoever connects is told the same, and tells it better
	}
	for _, a := range found {
		if err := public(a.String()); err != nil {
			return err
		}
	}
	return nil
}

const resolveWithin = 10 * time.Second

// hostOf is the host of an endpoint, without its port.
func hostOf(endpoint string) string {
	if at, err := netip.ParseAddrPort(endpoint); err == nil {
		return at.Addr().String()
	}
	if host, _, found := strings.Cut(endpoint, ":"); found && strings.Count(endpoint, ":") == 1 {
		return host
	}
	return strings.Trim(endpoint, "[]")
}

// public refuses a host by the name or address that is given.
func public(host string) error {
	if strings.HasPrefix(strings.ToLower(host), "metadata.google.") || machineOnly(host) {
		return refused("the repository is at a link-local or metadata address, which is not allowed")
	}
	return nil
}

func machineOnly(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	return a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || slices.ContainsFunc(metadata, func(p netip.Prefix) bool { return p.Contains(a) })
}
