// SPDX-License-Identifier: Apache-2.0

//go:build linux

package recovery

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// FuzzLocation reads what a person types in a hurry: what is understood can be ordered, holds no password, and what is refused is
// refused without repeating one.
func FuzzLocation(f *testing.F) {
	for _, s := range []string{"s3://s3.test:9000/lifeboat/shop?region=eu-1&insecure=true", "gs://lifeboat", "azure://account/container/prefix/?domain=blob.test", "sftp://me@host:22/srv", "sftp://me@host:99999/srv",
		"sftp://me@host:-1/x", "sftp://me:hunter2secret@host/x", "https://user:hunter2secret@dav.test/copies", "https://:hunter2secret@dav.test", "https:///copies", "http://", "file:///srv/../etc", "file://host/x", "s3://e/b?region=a&region=b",
		"s3://e/b?x=%zz", "s3://e//b", "gs://b/%00", "file:///\x00", "S3://E/b", "s3:e/b", "%", "https://dav.test/c?token=hunter2secret", "s3://key:hunter2secret@e/b", "s3://e/b/../../c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseLocation(text)
		u, bad := url.Parse(text)
		if err != nil {
			if bad == nil {
				if p, is := u.User.Password(); is && len(p) > 6 && !strings.Contains("--repository must not hold a password: arguments can be seen by others; put it into a file of --credentials-dir", p) && strings.Contains(err.Error(), p) {
					t.Fatalf("the refusal repeats the password: %v", err)
				}
			}
			return
		}
		if _, is := u.User.Password(); is {
			t.Fatalf("a password was taken from %q", text)
		}
		if _, err := order.Encode(order.Order{Repository: at, Probe: &order.Probe{}}); err != nil {
			t.Fatalf("%q was understood, and cannot be ordered: %v", text, err)
		}
		switch {
		case at.S3 != nil && (at.S3.Endpoint == "" || at.S3.Bucket == "" || !asPrefixed(at.S3.Prefix)),
			at.GCS != nil && (at.GCS.Bucket == "" || !asPrefixed(at.GCS.Prefix)),
			at.Azure != nil && (at.Azure.Account == "" || at.Azure.Container == "" || !asPrefixed(at.Azure.Prefix)),
			at.SFTP != nil && (at.SFTP.Host == "" || at.SFTP.User == "" || at.SFTP.Path == "" || at.SFTP.Port < 1 || at.SFTP.Port > 65535),
			at.WebDAV != nil && !hasHost(at.WebDAV.URL),
			at.Filesystem != nil && (!filepath.IsAbs(at.Filesystem.Path) || strings.ContainsRune(at.Filesystem.Path, 0)):
			t.Fatalf("%q was understood as %+v", text, at)
		}
	})
}

func asPrefixed(p string) bool { return p == "" || (strings.HasSuffix(p, "/") && p != "/") }

func hasHost(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != ""
}
