// SPDX-License-Identifier: Apache-2.0

package result

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

// manifestBlock is the type of the PEM block in which a manifest is printed, compressed by gzip, so that it is found among
// other lines.
const manifestBlock = "LIFEBOAT MANIFEST"

// mostUnpacked is how large an unpacked manifest may be: what is read back was printed by a pod beside somebody's data.
const mostUnpacked = 256 << 20

// errTooLarge says that a manifest is not printed.
var errTooLarge = errors.New("too large")

// PrintManifest compresses a manifest and prints it, when it takes no more than so many bytes then. It tells whether it did.
func PrintManifest(out io.Writer, manifest io.Reader, most int) (printed bool, err error) {
	packed := &limited{most: most}
	z := gzip.NewWriter(packed)
	_, err = io.Copy(z, manifest)
	if err = errors.Join(err, z.Close()); err != nil {
		if errors.Is(err, errTooLarge) {
			return false, nil
		}
		return false, err
	}
	return true, pem.Encode(out, &pem.Block{Type: manifestBlock, Bytes: packed.Bytes()})
}

// limited is a buffer that refuses to grow beyond a size.
type limited struct {
	bytes.Buffer
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > l.most {
		return 0, errTooLarge
	}
	return l.Buffer.Write(p)
}

// FindManifest finds the one manifest with the given digest in what a pod printed, and returns it as it was compressed.
// There is an error when there is none, or only others.
func FindManifest(printed []byte, digest string) ([]byte, error) {
	others := 0
	for {
		block, rest := pem.Decode(printed)
		if block == nil {
			break
		}
		printed = rest
		if block.Type != manifestBlock {
			continue
		}
		if got, err := unpackedDigest(block.Bytes); err == nil && got == digest {
			return block.Bytes, nil
		}
		others++
	}
	if others > 0 {
		return nil, fmt.Errorf("the pod printed %d manifests, and none has the digest %s", others, digest)
	}
	return nil, errors.New("the pod printed no manifest: it is larger than what is kept")
}

func unpackedDigest(packed []byte) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(z, mostUnpacked+1))
	if err != nil || n > mostUnpacked {
		return "", errors.Join(err, errTooLarge)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
