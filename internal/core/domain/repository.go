// SPDX-License-Identifier: Apache-2.0

package domain

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// googleHost is the server of all buckets of Google Cloud Storage, whichever protocol they are spoken to with.
const googleHost = "storage.googleapis.com"

// OfRepository is the failure domain of a repository: what its spec says, or the server with the bucket, the account with the
// container, the server alone, or that of the class of the claim that it is on. The class is nil when it is not known.
func OfRepository(spec api.RepositorySpec, claimClass *Class) Domain {
	switch {
	case spec.FailureDomain != "":
		return Declared(spec.FailureDomain)
	case spec.S3 != nil:
		return within(ofHost(spec.S3.Endpoint), spec.S3.Bucket)
	case spec.GCS != nil:
		return within(googleHost, spec.GCS.Bucket)
	case spec.Azure != nil:
		return of("azure", spec.Azure.Account, spec.Azure.Container)
	case spec.SFTP != nil:
		return ofHost(spec.SFTP.Host)
	case spec.WebDAV != nil:
		at, err := url.Parse(spec.WebDAV.URL)
		if err != nil {
			return ""
		}
		return ofHost(at.Host)
	case spec.Filesystem != nil && claimClass != nil:
		return OfClass(*claimClass)
	}
	return ""
}

// within is a part of a domain; all of it where the part has no name, and not known where the whole is not.
func within(d Domain, part string) Domain {
	if part = of(part); d == "" || part == "" {
		return d
	}
	return d + "/" + part
}

// ofHost is the failure domain of a server. What is inside the cluster is stored somewhere, and its address does not tell where:
// it may well be on the volumes themselves. Ports are dropped: a server fails with all of them.
func ofHost(address string) Domain {
	host := strings.ToLower(strings.TrimSpace(address))
	if at, err := netip.ParseAddrPort(host); err == nil {
		return ofAddress(at.Addr())
	}
	if at, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ofAddress(at)
	}
	host, _, _ = strings.Cut(host, ":")
	host = strings.TrimSuffix(host, ".")
	labels := strings.Split(host, ".")
	if len(labels) == 1 || slices.Contains(labels, "svc") {
		return ""
	}
	return of(host)
}

func ofAddress(at netip.Addr) Domain {
	if at = at.Unmap().WithZone(""); at.IsLoopback() || at.IsUnspecified() {
		return ""
	}
	return at.String()
}
