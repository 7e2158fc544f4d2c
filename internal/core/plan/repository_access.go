// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// Access is what a pod needs to be given to speak to a repository. It names Secrets; nobody here knows what is in them.
type Access struct {
	Repository  string // its name
	Password    string // the Secret with the password
	Credentials string // the Secret with the credentials; empty where none are needed
	CABundle    string // the Secret with certificates; empty for those that browsers trust
	Claim       string // the claim of a repository of kind filesystem
}

// Allowed is what the namespace's admin allows repositories.
type Allowed struct {
	WorkloadIdentity bool
	Insecure         bool
}

// RepositoryOrder asks for one pod that speaks to a repository.
type RepositoryOrder struct {
	Name       string
	Order      string // of package order, encoded
	Access     Access
	Claim      string // the volume to copy or to write; empty when there is none
	Mode       string // its mode
	Writes     bool   // the volume is written to
	Mover      *api.MoverOptions
	Privileged bool
	Bigger     bool // a pod before it ran out of memory: this one may take twice as much
	Throw      time.Time
}

// AccessTo says how a repository is reached, and what its admin must allow first.
func AccessTo(r *api.Repository, may Allowed) (order.Repository, Access, *Problem) {
	s := r.Spec
	o := order.Repository{UniqueID: cmp.Or(r.Status.UniqueID, s.UniqueID)}
	a := Access{Repository: r.Name, Password: PasswordSecret(r)}
	if l := s.ObjectLock; l != nil {
		o.LockMode, o.LockPeriod = string(l.Mode), l.Period.Duration
	}
	if l := s.Limits; l != nil {
		o.UploadBytesPerSecond, o.DownloadBytesPerSecond = l.UploadBytesPerSecond, l.DownloadBytesPerSecond
	}
	identity, insecure := false, false
	switch {
	case s.S3 != nil:
		l := s.S3
		o.S3 = &order.S3{Endpoint: l.Endpoint, Bucket: l.Bucket, Prefix: l.Prefix, Region: l.Region, Insecure: l.Insecure, WorkloadIdentity: l.WorkloadIdentity, CA: l.CABundle != nil}
		a.Credentials, a.CABundle = secretName(l.Credentials), secretName(l.CABundle)
		identity, insecure = l.WorkloadIdentity, l.Insecure
	case s.GCS != nil:
		o.GCS = &order.GCS{Bucket: s.GCS.Bucket, Prefix: s.GCS.Prefix, WorkloadIdentity: s.GCS.WorkloadIdentity}
		a.Credentials, identity = secretName(s.GCS.Credentials), s.GCS.WorkloadIdentity
	case s.Azure != nil:
		o.Azure = &order.Azure{Account: s.Azure.Account, Container: s.Azure.Container, Prefix: s.Azure.Prefix, Domain: s.Azure.Domain}
		a.Credentials = s.Azure.Credentials.Name
	case s.SFTP != nil:
		o.SFTP = &order.SFTP{Host: s.SFTP.Host, Port: int(cmp.Or(s.SFTP.Port, 22)), User: s.SFTP.User, Path: s.SFTP.Path}
		a.Credentials = s.SFTP.Credentials.Name
	case s.WebDAV != nil:
		o.WebDAV = &order.WebDAV{URL: s.WebDAV.URL}
		a.Credentials, insecure = s.WebDAV.Credentials.Name, strings.HasPrefix(s.WebDAV.URL, "http://")
	case s.Filesystem != nil:
		o.Filesystem = &order.Filesystem{Path: order.FilesystemDir + "/" + cmp.Or(s.Filesystem.Path, "lifeboat")}
		a.Claim = s.Filesystem.Claim
	default: // a kind of a newer release
		return o, a, &Problem{api.ReasonInvalidSpec, "spec names no kind of repository that this release knows"}
	}
	switch {
	case identity && !may.WorkloadIdentity:
		return o, a, &Problem{api.ReasonIdentityNotAllowed, fmt.Sprintf("workloadIdentity needs the annotation %s: \"true\" on the namespace; have an admin set it, or name a Secret in credentials", api.AnnotationAllowWorkloadIdentity)}
	case insecure && !may.Insecure:
		return o, a, &Problem{api.ReasonInsecureNotAllowed, fmt.Sprintf("speaking without TLS needs the annotation %s: \"true\" on the namespace; have an admin set it, or use TLS", api.AnnotationAllowInsecure)}
	}
	return o, a, nil
}

func secretName(s *api.SecretReference) string {
	if s == nil {
		return ""
	}
	return s.Name
}

// PasswordSecret is the name of the Secret with the password of a repository.
func PasswordSecret(r *api.Repository) string {
	if r.Spec.Password != nil {
		return r.Spec.Password.Name
	}
	return names.RepositoryPassword(r.Name)
}
