// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/utils/clock"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// do does what an order says, and writes what became of it to the termination log, whatever happens.
func do(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("do", flag.ContinueOnError)
	file := flags.String("order", order.File, "`FILE` with the order")
	log := flags.String("termination-log", "/dev/termination-log", "`FILE` for the result")
	root := flags.String("root", "/", "`FOLDER` in which the files that an order speaks of are looked for")
	if err := flags.Parse(args); err != nil {
		return err
	}
	begun := time.Now()
	d := doing{root: *root}
	err := d.file(ctx, *file)
	d.done.Seconds = time.Since(begun).Seconds()
	if err != nil {
		d.done.Reason, d.done.Error = reason(ctx, err), brief(ctx, err)
		err = errors.New(d.secrets.Hide(err.Error()))
	}
	raw, encoding := result.EncodeDone(d.done)
	if encoding != nil {
		return errors.Join(err, encoding)
	}
	// Not by way of another file: the kubelet has mounted this one.
	return errors.Join(err, os.WriteFile(*log, raw, 0o644))
}

// reason is the kind of what was wrong. Who is told to stop fails in many ways, and none of them says anything.
func reason(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return result.FailureInterrupted
	}
	return repository.Reason(err)
}

// brief says what was wrong in words for those who may read a pod's status and not its log.
func brief(ctx context.Context, err error) string {
	if f := (*repository.Failure)(nil); ctx.Err() != nil {
		return repository.Words(result.FailureInterrupted)
	} else if errors.As(err, &f) && mover.Named(err) == "" {
		return repository.Words(f.Reason)
	}
	return mover.Brief(ctx, err)
}

// doing is an order that is carried out.
type doing struct {
	root    string
	order   order.Order
	secrets repository.Secrets
	done    result.Done
}

func (d *doing) path(p string) string { return filepath.Join(d.root, p) }

func (d *doing) file(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if d.order, err = order.Decode(text); err != nil {
		return err
	}
	o, err := d.options()
	if err != nil {
		return err
	}
	switch {
	case d.order.Probe != nil:
		return d.probe(ctx, o, *d.order.Probe)
	case d.order.Copy != nil:
		c, err := mover.Copy(ctx, *d.order.Copy, d.path(order.VolumeDir), d.parts(o))
		d.done.Copy = &c
		return err
	case d.order.Restore != nil:
		o.Bulk = true
		r, err := mover.RestoreVolume(ctx, *d.order.Restore, d.path(order.VolumeDir), d.parts(o))
		d.done.Restore = &r
		return err
	}
	return d.with(ctx, o, d.manage)
}

// options are where the repository is, and what opens it.
func (d *doing) options() (repository.Options, error) {
	o := repository.Options{Location: d.order.Repository, CacheDir: d.path(order.CacheDir), ConfigDir: d.path(order.ConfigDir)}
	if f := o.Location.Filesystem; f != nil {
		syscall.Umask(0o007) // what is made there is for the group as well
		o.Location.Filesystem = &order.Filesystem{Path: d.path(f.Path)}
	}
	var err error
	d.secrets, err = readSecrets(d.path(order.PasswordFile), d.path(order.CredentialsDir), d.path(order.CAFile))
	o.Secrets = d.secrets
	return o, err
}

// parts are what copying and restoring work with.
func (d *doing) parts(o repository.Options) mover.Parts {
	return mover.Parts{
		Open: func(ctx context.Context) (repository.Repository, error) {
			r, err := repository.Open(ctx, o)
			if err == nil {
				d.done.UniqueID = r.UniqueID()
			}
			return r, err
		},
		Check: repository.Check, Scratch: d.path(order.CacheDir), Out: os.Stdout, Log: hiding{d.secrets, os.Stderr}, Clock: clock.RealClock{},
	}
}

// with opens the repository for something.
func (d *doing) with(ctx context.Context, o repository.Options, f func(context.Context, repository.Repository) error) error {
	r, err := repository.Open(ctx, o)
	if err != nil {
		return err
	}
	d.done.UniqueID = r.UniqueID()
	return errors.Join(f(ctx, r), r.Close(context.WithoutCancel(ctx)))
}

func (d *doing) probe(ctx context.Context, o repository.Options, p order.Probe) error {
	d.done.Probe = &result.Probe{}
	if p.Create {
		r, made, err := repository.Create(ctx, o, p.For)
		if err != nil && p.Lock && repository.Reason(err) == result.FailureUnreachable {
			if unlocked := repository.Unlocked(ctx, o, time.Now()); unlocked != nil {
				return unlocked
			}
		}
		if err != nil {
			return err
		}
		d.done.Probe.Created, o.Location.UniqueID = made, r.UniqueID()
		if err := r.Close(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	err := d.with(ctx, o, func(ctx context.Context, r repository.Repository) error {
		found, err := repository.Probe(ctx, r)
		found.Created = d.done.Probe.Created
		d.done.Probe = &found
		if err == nil && p.Catalogue {
			err = printCatalogue(ctx, r)
		}
		return err
	})
	if err == nil && p.Lock {
		locked, why, probing := repository.ProbeLock(ctx, o, time.Now())
		d.done.Probe.Locked, d.done.Probe.LockError, err = &locked, why, probing
	}
	return err
}

// printCatalogue prints the records of all complete copies, oldest first: of a long log a kubelet may keep the end alone.
func printCatalogue(ctx context.Context, r repository.Repository) error {
	copies, err := r.Copies(ctx, order.Volume{})
	if err != nil {
		return err
	}
	for _, c := range copies {
		raw, err := json.Marshal(c.Record)
		if err != nil {
			return err
		}
		fmt.Printf("%s%s\n", result.RecordMark, raw)
	}
	return nil
}

// manage does what is done with an open repository and no volume.
func (d *doing) manage(ctx context.Context, r repository.Repository) (err error) {
	switch {
	case d.order.Forget != nil:
		return r.Write(ctx, "lifeboat: forget", func(ctx context.Context, w repository.Writer) error {
			d.done.Forgot, err = w.Forget(ctx, d.order.Forget.PointUID)
			return err
		})
	case d.order.Note != nil:
		return r.Write(ctx, "lifeboat: note", func(ctx context.Context, w repository.Writer) error {
			return w.Note(ctx, d.order.Note.Name, d.order.Note.Text)
		})
	case d.order.Verify != nil:
		var bytes atomic.Int64
		p := mover.Parts{Out: os.Stdout, Clock: clock.RealClock{}}
		defer p.Tell(ctx, func() (int64, int64) { return bytes.Load(), 0 })()
		v, err := repository.Verify(ctx, r, *d.order.Verify, &bytes)
		d.done.Verify = &v
		return err
	case d.order.Maintain != nil:
		m, err := repository.Maintain(ctx, r, d.order.Maintain.Keep, time.Now())
		d.done.Maintain = &m
		return err
	}
	return errors.New("the order asks for something that this mover does not know")
}

// hiding is a log without secrets.
type hiding struct {
	secrets repository.Secrets
	to      io.Writer
}

// Write writes what may be told of a message.
func (h hiding) Write(p []byte) (int, error) {
	_, err := io.WriteString(h.to, h.secrets.Hide(string(p)))
	return len(p), err
}

// readSecrets reads what opens a repository. Only the password must be there: what else is needed depends on where it is.
func readSecrets(password, credentials, ca string) (s repository.Secrets, err error) {
	text, err := os.ReadFile(password)
	if err != nil {
		return s, &repository.Failure{Reason: result.FailurePassword, Err: fmt.Errorf("the password cannot be read: %w", err)}
	}
	s.Password = strings.TrimRight(string(text), "\r\n")
	if s.CA, err = os.ReadFile(ca); err != nil && !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	files, err := os.ReadDir(credentials)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	s.Credentials = map[string]string{}
	for _, f := range files {
		path := filepath.Join(credentials, f.Name())
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue // the kubelet keeps folders of its own beside the keys
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return s, err
		}
		s.Credentials[f.Name()] = string(text)
	}
	return s, nil
}
