// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package recovery brings points back from a repository where there is no cluster.
package recovery

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// Locations describes how a repository is named.
const Locations = `  s3://ENDPOINT/BUCKET[/PREFIX][?region=R&insecure=true&workloadIdentity=true]
  gs://BUCKET[/PREFIX][?workloadIdentity=true]
  azure://ACCOUNT/CONTAINER[/PREFIX][?domain=D]
  sftp://USER@HOST[:PORT]/PATH
  https://HOST/PATH                 a WebDAV server
  file:///PATH
`

// parseLocation reads where a repository is. It must not hold a secret: arguments can be seen by everybody on a machine.
func parseLocation(text string) (order.Repository, error) {
	u, err := url.Parse(text)
	if err != nil { // whose text repeats what may be a secret
		return order.Repository{}, errors.New("--repository is no URL, such as s3://ENDPOINT/BUCKET/PREFIX or file:///PATH")
	}
	if _, secret := u.User.Password(); secret {
		return order.Repository{}, errors.New("--repository must not hold a password: arguments can be seen by others; put it into a file of --credentials-dir")
	}
	q := query{u.Query(), nil}
	at, err := q.location(u)
	if err != nil {
		return order.Repository{}, fmt.Errorf("--repository: %w", err)
	}
	return at, q.rest()
}

// query is the part behind the question mark. What is not asked for is an error.
type query struct {
	values url.Values
	asked  []string
}

func (q *query) text(name string) string {
	q.asked = append(q.asked, name)
	return q.values.Get(name)
}

func (q *query) is(name string) bool { return q.text(name) == "true" }

func (q *query) rest() error {
	for name, values := range q.values {
		if !slices.Contains(q.asked, name) || len(values) != 1 {
			return fmt.Errorf("--repository: %q behind the question mark is not known for this kind, or stands there twice", name)
		}
	}
	return nil
}

func (q *query) location(u *url.URL) (order.Repository, error) {
	path := strings.Trim(u.Path, "/")
	switch u.Scheme {
	case "s3":
		bucket, prefix, _ := strings.Cut(path, "/")
		if u.Host == "" || bucket == "" {
			return order.Repository{}, errors.New("needs an endpoint and a bucket: s3://ENDPOINT/BUCKET/PREFIX")
		}
		return order.Repository{S3: &order.S3{
			Endpoint: u.Host, Bucket: bucket, Prefix: asPrefix(prefix), Region: q.text("region"), Insecure: q.is("insecure"), WorkloadIdentity: q.is("workloadIdentity"),
		}}, nil
	case "gs":
		if u.Host == "" {
			return order.Repository{}, errors.New("needs a bucket: gs://BUCKET/PREFIX")
		}
		return order.Repository{GCS: &order.GCS{Bucket: u.Host, Prefix: asPrefix(path), WorkloadIdentity: q.is("workloadIdentity")}}, nil
	case "azure":
		container, prefix, _ := strings.Cut(path, "/")
		if u.Host == "" || container == "" {
			return order.Repository{}, errors.New("needs an account and a container: azure://ACCOUNT/CONTAINER/PREFIX")
		}
		return order.Repository{Azure: &order.Azure{Account: u.Host, Container: container, Prefix: asPrefix(prefix), Domain: q.text("domain")}}, nil
	case "sftp":
		port, err := strconv.Atoi(cmp.Or(u.Port(), "22"))
		if err != nil || port < 1 || port > 65535 || u.Hostname() == "" || u.User.Username() == "" || path == "" {
			return order.Repository{}, errors.New("needs a user, a host and a path: sftp://USER@HOST[:PORT]/PATH")
		}
		return order.Repository{SFTP: &order.SFTP{Host: u.Hostname(), Port: port, User: u.User.Username(), Path: u.Path}}, nil
	case "https", "http":
		q.values = nil
		if u.Hostname() == "" {
			return order.Repository{}, errors.New("needs a host: https://HOST/PATH")
		}
		return order.Repository{WebDAV: &order.WebDAV{URL: u.String()}}, nil
	case "file":
		if u.Host != "" || !filepath.IsAbs(u.Path) || strings.ContainsRune(u.Path, 0) {
			return order.Repository{}, errors.New("needs an absolute path, behind three slashes: file:///PATH")
		}
		return order.Repository{Filesystem: &order.Filesystem{Path: filepath.Clean(u.Path)}}, nil
	default:
		return order.Repository{}, errors.New("begins with none of s3, gs, azure, sftp, https, file")
	}
}

// asPrefix is a prefix as a Repository has it: with a slash at its end.
func asPrefix(p string) string {
	if p == "" {
		return ""
	}
	return p + "/"
}
