// SPDX-License-Identifier: Apache-2.0

//go:build linux

package recovery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// Environment describes the variables that stand in for files.
const Environment = `  LIFEBOAT_PASSWORD                                    instead of --password-file
  LIFEBOAT_ACCESS_KEY_ID, LIFEBOAT_SECRET_ACCESS_KEY,
  LIFEBOAT_SESSION_TOKEN                               of S3, instead of files accessKeyID, secretAccessKey, sessionToken
  LIFEBOAT_STORAGE_KEY, LIFEBOAT_SAS_TOKEN             of Azure, instead of files storageKey, sasToken
  LIFEBOAT_USERNAME, LIFEBOAT_STORE_PASSWORD           of WebDAV and SFTP, instead of files username, password
`

// variables stand in for files with credentials, by the keys of a Secret.
var variables = map[string]string{
	"accessKeyID": "LIFEBOAT_ACCESS_KEY_ID", "secretAccessKey": "LIFEBOAT_SECRET_ACCESS_KEY", "sessionToken": "LIFEBOAT_SESSION_TOKEN",
	"storageKey": "LIFEBOAT_STORAGE_KEY", "sasToken": "LIFEBOAT_SAS_TOKEN", "username": "LIFEBOAT_USERNAME", "password": "LIFEBOAT_STORE_PASSWORD",
}

// access is how a repository is reached.
type access struct {
	location, passwordFile, credentialsDir, caFile, scratch string
}

// options reads what the flags name. Secrets come from files and the environment alone.
func (a access) options(environment func(string) string) (repository.Options, error) {
	if a.location == "" {
		return repository.Options{}, errors.New("--repository is missing; it is one of\n" + strings.TrimRight(Locations, "\n"))
	}
	at, err := parseLocation(a.location)
	if err != nil {
		return repository.Options{}, err
	}
	o := repository.Options{Location: at, ReadOnly: true, Bulk: true, CacheDir: a.scratch}
	if o.Secrets.Password, err = a.password(environment); err != nil {
		return o, err
	}
	if o.Secrets.Credentials, err = a.credentials(environment); err != nil {
		return o, err
	}
	if a.caFile != "" {
		if o.Secrets.CA, err = os.ReadFile(a.caFile); err != nil {
			return o, fmt.Errorf("--ca-file: %w", err)
		}
		if at.S3 == nil {
			return o, errors.New("--ca-file is for S3 alone; elsewhere the system's certificates count")
		}
		at.S3.CA = true
	}
	return o, nil
}

func (a access) password(environment func(string) string) (string, error) {
	if a.passwordFile == "" {
		if p := environment("LIFEBOAT_PASSWORD"); p != "" {
			return p, nil
		}
		return "", errors.New("the password of the repository is missing: name a file with it in --password-file, or set LIFEBOAT_PASSWORD")
	}
	raw, err := os.ReadFile(a.passwordFile)
	if err != nil {
		return "", fmt.Errorf("--password-file: %w", err)
	}
	// Editors end a file with a line, and no password that Lifeboat takes does.
	p := strings.TrimRight(string(raw), "\r\n")
	if p == "" {
		return "", errors.New("--password-file: the file is empty")
	}
	return p, nil
}

func (a access) credentials(environment func(string) string) (map[string]string, error) {
	all := map[string]string{}
	for key, name := range variables {
		if value := environment(name); value != "" {
			all[key] = value
		}
	}
	if a.credentialsDir == "" {
		return all, nil
	}
	files, err := os.ReadDir(a.credentialsDir)
	if err != nil {
		return nil, fmt.Errorf("--credentials-dir: %w", err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), ".") { // as a mounted Secret has
			continue
		}
		raw, err := os.ReadFile(filepath.Join(a.credentialsDir, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("--credentials-dir: %w", err)
		}
		all[f.Name()] = strings.TrimRight(string(raw), "\r\n")
	}
	return all, nil
}

// located says where a repository is, for a message. It holds no secret.
func located(o order.Repository) string {
	switch {
	case o.S3 != nil:
		return "bucket " + o.S3.Bucket + " at " + o.S3.Endpoint
	case o.GCS != nil:
		return "bucket " + o.GCS.Bucket
	case o.Azure != nil:
		return "container " + o.Azure.Container + " of " + o.Azure.Account
	case o.SFTP != nil:
		return "folder " + o.SFTP.Path + " at " + o.SFTP.Host
	case o.WebDAV != nil:
		return o.WebDAV.URL
	case o.Filesystem != nil:
		return "folder " + o.Filesystem.Path
	}
	return "nowhere"
}
