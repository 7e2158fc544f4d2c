// SPDX-License-Identifier: Apache-2.0

// Package result is what a pod of the mover tells the operator through its termination log, in at most 4096 bytes. It
// names volumes, never files: whoever may read a pod's status need not know what the volume's owner stores.
package result

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// MaxSize is how many bytes of a termination log the kubelet takes over.
const MaxSize = 4096

// Result of reading some volumes.
type Result struct {
	Volumes []Volume `json:"volumes"`
	// Error says in short why something could not be read; empty when all was. The pod's log says more.
	Error string `json:"error,omitempty"`
}

// Volume is what one volume holds.
type Volume struct {
	Name string `json:"name"`
	// Digest is the fingerprint, "sha256:" and 64 hexadecimal digits; empty unless all of the volume was read.
	Digest      string  `json:"digest,omitempty"`
	Files       int64   `json:"files"`
	Directories int64   `json:"directories"`
	Others      int64   `json:"others"`
	Bytes       int64   `json:"bytes"`
	Unreadable  int64   `json:"unreadable"`
	Seconds     float64 `json:"seconds"` // that reading it took
}

// longestError leaves most of the space to volumes.
const longestError = 256

// Fits tells whether the result for so many volumes will fit, whatever is found: who learns this only after hours of
// reading has read in vain.
func Fits(names []string) error {
	r := Result{Error: strings.Repeat("x", longestError)}
	for _, name := range names {
		r.Volumes = append(r.Volumes, Volume{
			Name: name, Digest: "sha256:" + strings.Repeat("0", 64), Files: math.MaxInt64, Directories: math.MaxInt64,
			Others: math.MaxInt64, Bytes: math.MaxInt64, Unreadable: math.MaxInt64, Seconds: 1e9 + 0.125,
		})
	}
	_, err := Encode(r)
	return err
}

// Encode writes a result for the termination log. A long error is cut; volumes that do not fit are an error.
func Encode(r Result) ([]byte, error) {
	if len(r.Error) > longestError {
		r.Error = strings.ToValidUTF8(r.Error[:longestError-len("…")], "") + "…"
	}
	if r.Volumes == nil {
		r.Volumes = []Volume{}
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("the result for %d volumes takes %d bytes, and a termination log has %d: read fewer volumes in one pod",
			len(r.Volumes), len(raw), MaxSize)
	}
	return raw, nil
}

// Decode reads a termination log. What is no result, or has fields that this version does not know, is an error: part of
// a result proves nothing.
func Decode(raw []byte) (Result, error) {
	var r Result
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Result{}, fmt.Errorf("the termination log is no result of the mover: %w", err)
	}
	if follows(d, raw) {
		return Result{}, fmt.Errorf("the termination log is no result of the mover: something follows it")
	}
	if r.Volumes == nil {
		return Result{}, fmt.Errorf("the termination log is no result of the mover: it has no volumes")
	}
	return r, nil
}

// follows tells whether something stands behind what was read. More does not: it takes a bracket too many for an end.
func follows(d *json.Decoder, raw []byte) bool {
	return len(bytes.TrimSpace(raw[d.InputOffset():])) > 0
}
