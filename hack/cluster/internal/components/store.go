// SPDX-License-Identifier: Apache-2.0

package components

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/layout"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/recipe"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/internal/supervise"
)

const (
	storeAddress = NodeIP + ":9000"
	// StoreURL is where the object store answers.
	StoreURL = "https://" + storeAddress
	// storeRegion is what the server calls itself.
	storeRegion = "us-east-1"
)

// bucket is one of the object store's buckets.
type bucket struct {
	name   string
	locked bool // it can be asked to refuse deletions
}

var buckets = []bucket{{"lifeboat", false}, {"lifeboat-locked", true}}

// Buckets are the names of the buckets that are always there.
func Buckets() []string {
	out := make([]string, len(buckets))
	for i, b := range buckets {
		out[i] = b.name
	}
	return out
}

// makeStoreAccess writes down, once for each cluster, what opens the object store, as variables of a shell.
func makeStoreAccess() error {
	if _, err := os.Stat(layout.StoreAccess); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	text := fmt.Sprintf("STORE_ENDPOINT=%s\nSTORE_ACCESS_KEY=%s\nSTORE_SECRET_KEY=%s\nSTORE_CA=%s\nSTORE_FILES=%s\n",
		storeAddress, rand.Text(), rand.Text(), certificate("ca"), layout.Objects)
	return os.WriteFile(layout.StoreAccess, []byte(text), 0o600)
}

// storeKeys reads them.
func storeKeys() (access, secret string, err error) {
	text, err := os.ReadFile(layout.StoreAccess)
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "STORE_ACCESS_KEY":
			access = value
		case "STORE_SECRET_KEY":
			secret = value
		}
	}
	return access, secret, nil
}

// Store is the object store. Its keys are no arguments, which anybody on the machine could read.
func (c *Components) Store() (supervise.Service, error) {
	access, secret, err := storeKeys()
	if err != nil {
		return supervise.Service{}, err
	}
	data, versions := filepath.Join(layout.Objects, "data"), filepath.Join(layout.Objects, "versions")
	for _, dir := range []string{data, versions} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return supervise.Service{}, err
		}
	}
	s := c.service(recipe.ObjectStore, recipe.ObjectStore, nil,
		"--port="+storeAddress, "--cert="+certificate("store"), "--key="+privateKey("store"), "--region="+storeRegion, "--quiet",
		"posix", "--versioning-dir="+versions, data)
	s.Env = append(s.Env, "ROOT_ACCESS_KEY_ID="+access, "ROOT_SECRET_ACCESS_KEY="+secret)
	return s, nil
}

// MakeBuckets makes the buckets that are not there yet.
func (c *Components) MakeBuckets(ctx context.Context) error {
	access, secret, err := storeKeys()
	if err != nil {
		return err
	}
	for _, b := range buckets {
		args := []string{"admin", "--endpoint-url=" + StoreURL, "--region=" + storeRegion, "create-bucket", "--owner=" + access, "--bucket=" + b.name}
		if b.locked {
			args = append(args, "--object-lock-enabled-for-bucket")
		}
		cmd := exec.CommandContext(ctx, c.Binary(recipe.ObjectStore), args...)
		cmd.Env = []string{"ADMIN_ACCESS_KEY_ID=" + access, "ADMIN_SECRET_ACCESS_KEY=" + secret, "SSL_CERT_FILE=" + certificate("ca")}
		out, err := cmd.CombinedOutput()
		if err != nil && !bytes.Contains(out, []byte("BucketAlreadyOwnedByYou")) {
			return fmt.Errorf("make bucket %s: %w: %s", b.name, err, bytes.TrimSpace(out))
		}
	}
	return nil
}
