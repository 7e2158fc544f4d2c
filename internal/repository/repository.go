// SPDX-License-Identifier: Apache-2.0

// Package repository keeps copies in a store: it is the one place that knows the library which compresses, encrypts and
// deduplicates. The mover links it, in pods and by hand; the operator never opens a repository.
//
// A copy of a volume is two snapshots of the library. The first holds the data, laid out as files and folders, so that the
// library's own command could bring them back as well. The second, its record, holds what is known beside the data: the
// manifest, and an order.Record. It is written last, once the data were found to be there in a repository that was opened
// afresh: a copy without a record is none, and is removed by whoever tidies up.
//
// What a repository holds is not trusted: whoever can write to the store and has the password may have put there what they like.
package repository

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// Secrets are what opens a repository. They are read from files, and never printed.
type Secrets struct {
	Password    string
	Credentials map[string]string // by the key of the Secret
	CA          []byte            // PEM; empty for the system's
}

// Options say which repository is meant, and where what may be lost is kept.
type Options struct {
	Location order.Repository
	Secrets  Secrets
	CacheDir string // empty: a temporary folder
	// ConfigDir is where the library writes its configuration, which holds credentials: memory, in a pod. Empty: a temporary folder.
	ConfigDir string
	ReadOnly  bool
	// Bulk is for who reads most of what there is, once, such as a restore: the store is asked for much at a time, and nothing of it
	// is kept on disk.
	Bulk bool

	now      func() time.Time // nil for the machine's
	uncached bool             // nothing that was read is kept
	index    int64            // how long an index is held in memory; 0 for largeIndex
	silence  time.Duration    // how long a store may say nothing; 0 for mostSilence
}

// Failure is an error of a kind that the operator knows, one of the Failure constants of package result.
type Failure struct {
	Reason string
	Err    error
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap lets errors.Is find the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Reason is the kind of an error; FailureUnknown when it is none of ours.
func Reason(err error) string {
	if f := (*Failure)(nil); errors.As(err, &f) {
		return f.Reason
	}
	return result.FailureUnknown
}

// Stored is one complete copy of a volume.
type Stored struct {
	order.Record
	DataID   string // of the snapshot with the data
	RecordID string // of the snapshot with the record
}

// ObjectID names what was written.
type ObjectID string

// Repository is an opened repository.
type Repository interface {
	UniqueID() string
	// Copies are the complete copies of the given volumes; of all for a zero Volume, of all of a point without ClaimUID. A copy
	// whose record cannot be read is none; where nothing else was asked for, that is an error.
	Copies(ctx context.Context, of order.Volume) ([]Stored, error)
	// Manifest opens the manifest of a copy.
	Manifest(ctx context.Context, c Stored) (io.ReadCloser, error)
	// Facts opens what the copy left for the next one to know; it is empty for a block volume.
	Facts(ctx context.Context, c Stored) (io.ReadCloser, error)
	// Tree is the folder with the data of a copy; a block volume has one file in it, BlockName.
	Tree(ctx context.Context, c Stored) (ObjectID, error)
	// Beside is the folder with what is kept beside the data: the record, the manifest and the facts.
	Beside(ctx context.Context, c Stored) (ObjectID, error)
	// Entries are the entries of a folder, by their names as they were, escaped or not.
	Entries(ctx context.Context, folder ObjectID) ([]Entry, error)
	// Object opens what was written.
	Object(ctx context.Context, id ObjectID) (Object, error)
	// Parts are the objects that a large one is put together from, in their order; none when it is one piece.
	Parts(ctx context.Context, id ObjectID) ([]Part, error)
	// Write runs f with a writer, and makes what it wrote durable when it returns nil.
	Write(ctx context.Context, purpose string, f func(context.Context, Writer) error) error
	// Afresh opens the repository once more, and knows nothing but what it reads from the store then. It is to be closed first.
	Afresh(ctx context.Context) (Repository, error)
	Close(ctx context.Context) error
}

// Object is an opened object.
type Object interface {
	io.ReadSeekCloser
	Length() int64
}

// Part is an object that is a part of a larger one.
type Part struct {
	Object     ObjectID
	At, Length int64
}

// BlockName is the name of the one file of a copied block volume.
const BlockName = "block"

// Entry is one entry of a folder in a repository.
type Entry struct {
	Name   string
	Type   EntryType
	Object ObjectID
	Size   int64
	Mode   uint32 // permission bits, with setuid, setgid and sticky as in st_mode
	UID    uint32
	GID    uint32
	Mod    time.Time
}

// EntryType says what an entry is.
type EntryType byte

// The types of entries. Whatever else there is stands in the manifest alone.
const (
	TypeFile      EntryType = 'f'
	TypeDirectory EntryType = 'd'
	TypeSymlink   EntryType = 's'
)

// Writer writes to a repository. Its methods may be called side by side.
type Writer interface {
	// NewObject begins an object of content; compress says whether it is worth trying, and ahead how many parts of it may be on
	// their way to the store while more is written. That one of them did not get there, the result will say.
	NewObject(ctx context.Context, compress bool, ahead int) ObjectWriter
	// Folder writes a folder; summary is what is below it, itself not counted.
	Folder(ctx context.Context, entries []Entry, summary Summary) (ObjectID, error)
	// Flush makes what was written so far durable, so that the next attempt need not send it again.
	Flush(ctx context.Context) error
	// SaveData records the data of a volume: a snapshot of the library. It is not a copy yet.
	SaveData(ctx context.Context, v order.Volume, claim string, root ObjectID, summary Summary, begun time.Time) (string, error)
	// SaveRecord records that a copy is complete. The manifest and the facts are files beside the record.
	SaveRecord(ctx context.Context, data string, r order.Record, manifest, facts io.Reader) (Stored, error)
	// Forget removes the copies of a point, complete or not, and says how many were complete.
	Forget(ctx context.Context, pointUID string) (int, error)
	// Note keeps a text by name, in place of what it was before.
	Note(ctx context.Context, name, text string) error
	// Written is how many bytes the store had to take so far.
	Written() int64
}

// Summary is what is below a folder.
type Summary struct {
	Files, Directories, Symlinks, Bytes int64
	Newest                              time.Time
}

// ObjectWriter writes one object.
type ObjectWriter interface {
	io.Writer
	// Result ends the object and says what it is called from now on.
	Result() (ObjectID, error)
	Close() error
}
