// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover

import (
	"context"
	"errors"

	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// plain is an error with words that name no file, for those who may read a status and not a log.
type plain struct {
	words string
	err   error
}

func (p *plain) Error() string { return p.err.Error() }

func (p *plain) Unwrap() error { return p.err }

// fail is a failure of a kind that the operator knows, with words for a status and an error for the log.
func fail(reason, words string, err error) error {
	return &repository.Failure{Reason: reason, Err: &plain{words, err}}
}

// Brief says without any path what was wrong with copying or restoring.
func Brief(ctx context.Context, err error) string {
	if p := (*plain)(nil); errors.As(err, &p) && ctx.Err() == nil {
		return p.words
	}
	return brief(ctx, err)
}

// Named is what was said in words without any path; empty when nothing was.
func Named(err error) string {
	if p := (*plain)(nil); errors.As(err, &p) {
		return p.words
	}
	return ""
}

// unreadable is the failure of a walk that the volume is to blame for, if it is.
func unreadable(ctx context.Context, err error) error {
	kind, stored := (*repository.Failure)(nil), (*manifest.StoreError)(nil)
	if ctx.Err() != nil || errors.As(err, &kind) || errors.As(err, &stored) || errors.Is(err, manifest.ErrUnannounced) {
		return err
	}
	return fail(result.FailureUnreadable, brief(ctx, err), err)
}

// classified gives an error its kind: the repository's has one already.
func classified(ctx context.Context, err error) error {
	kind, stored := (*repository.Failure)(nil), (*manifest.StoreError)(nil)
	switch {
	case err == nil || errors.As(err, &kind):
		return err
	case ctx.Err() != nil:
		return fail(result.FailureInterrupted, "interrupted", err)
	case errors.As(err, &stored):
		return fail(result.FailureUnknown, "what was read could not be kept; see the log of the pod", err)
	default:
		return fail(result.FailureUnknown, "it failed; see the log of the pod", err)
	}
}
