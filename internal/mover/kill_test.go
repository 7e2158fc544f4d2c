// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// victim, in the environment, makes the test program a process that copies a volume and may be killed.
const victim = "LIFEBOAT_TEST_COPIES"

// errand is what a victim is told.
type errand struct {
	Repository, Volume, Point string
	Second                    int // of the point in time
}

func TestMain(m *testing.M) {
	if text := os.Getenv(victim); text != "" {
		var e errand
		err := json.Unmarshal([]byte(text), &e)
		if err == nil {
			_, err = e.copy()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// options are those of a repository in a folder.
func options(folder string) repository.Options {
	return repository.Options{Location: order.Repository{Filesystem: &order.Filesystem{Path: folder}}, Secrets: repository.Secrets{Password: "correct horse battery staple"}}
}

func partsFor(folder string, log io.Writer) mover.Parts {
	return mover.Parts{
		Open:  func(ctx context.Context) (repository.Repository, error) { return repository.Open(ctx, options(folder)) },
		Check: repository.Check, Out: io.Discard, Log: log, Clock: clock.RealClock{},
	}
}

func (e errand) order() (order.Copy, error) {
	at := time.Date(2026, 11, 25, 3, 0, e.Second, 0, time.UTC)
	raw, err := json.Marshal(order.Record{PointUID: e.Point, Point: e.Point, ClaimUID: "claim", Claim: "contacts", PointInTime: at, Mode: "Filesystem", Volumes: 1})
	return order.Copy{Volume: order.Volume{PointUID: e.Point, ClaimUID: "claim"}, Claim: "contacts", Record: raw}, err
}

func (e errand) copy() (string, error) {
	o, err := e.order()
	if err != nil {
		return "", err
	}
	r, err := mover.Copy(context.Background(), o, e.Volume, partsFor(e.Repository, os.Stderr))
	return r.Digest, err
}

func newRepository(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "repository")
	r, made, err := repository.Create(context.Background(), options(folder), "uid")
	if err != nil || !made {
		t.Fatalf("%v, made: %t", err, made)
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return folder
}

// cameBack restores copies, and compares what a walk over each finds with what was copied.
func cameBack(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	ctx := context.Background()
	r, err := repository.Open(ctx, options(folder))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(ctx)
	copies, err := r.Copies(ctx, order.Volume{})
	if err != nil || len(copies) != len(want) {
		t.Fatalf("%d copies, want %d, %v", len(copies), len(want), err)
	}
	for _, s := range copies {
		to := t.TempDir()
		if err := (&mover.Restoring{Copy: s, Path: to, Digest: s.Digest}).Run(ctx, r, partsFor(folder, io.Discard)); err != nil {
			t.Errorf("%s: %v", s.PointUID, err)
		}
		if got := digestOf(t, to); got != want[s.PointUID] {
			t.Errorf("%s came back as %s, and was %s", s.PointUID, got, want[s.PointUID])
		}
	}
}

func copiesIn(t *testing.T, folder string) []repository.Stored {
	t.Helper()
	r, err := repository.Open(context.Background(), options(folder))
	if err != nil {
		t.Fatal(err)
	}
	copies, err := r.Copies(context.Background(), order.Volume{})
	if err := errors.Join(err, r.Close(context.Background())); err != nil {
		t.Fatal(err)
	}
	return copies
}

// grow changes a volume: some files come, some go, some become others.
func grow(t *testing.T, volume string, random *rand.Rand, files int) {
	t.Helper()
	for range files {
		content := make([]byte, random.IntN(64<<10))
		for i := range content {
			content[i] = byte(random.Uint32())
		}
		write(t, filepath.Join(volume, fmt.Sprint(random.IntN(20)), fmt.Sprint(random.IntN(200))), string(content))
	}
}

// attempt copies in a process of its own, which is killed after a while, and tells whether that was on its way.
func (e errand) attempt(t *testing.T, after time.Duration) (killed bool) {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), victim+"="+string(text))
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(after, func() { _ = c.Process.Kill() })
	err = c.Wait()
	kill.Stop()
	if err != nil && !strings.HasPrefix(c.ProcessState.String(), "signal: killed") {
		t.Fatalf("it was not the kill that ended the copy: %s\n%s", c.ProcessState, said.String())
	}
	return err != nil
}

// A mover that is killed leaves nothing that counts as a copy, spoils none that is there, and is no obstacle to the next one.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	const kills = 25
	random := rand.New(rand.NewPCG(20091001, 1))
	folder, volume := newRepository(t), filepath.Join(t.TempDir(), "volume")
	kept := map[string]string{}
	takes := time.Duration(0)
	for n := range 2 { // the second tells how long one takes that finds most of its data there
		grow(t, volume, random, 100)
		begun := time.Now()
		if e := (errand{folder, volume, fmt.Sprint("before-", n), n}); e.attempt(t, time.Minute) {
			t.Fatal("a copy did not end within a minute")
		}
		takes = time.Since(begun)
		kept[fmt.Sprint("before-", n)] = digestOf(t, volume)
	}
	struck := 0
	for n := 0; struck < kills && n < 4*kills; n++ {
		grow(t, volume, random, 50)
		e := errand{folder, volume, fmt.Sprint("point-", n), n + 2}
		if e.attempt(t, time.Duration(random.Int64N(int64(takes)))) {
			struck++
		}
		for _, s := range copiesIn(t, folder) {
			if want, known := kept[s.PointUID]; known && want == s.Digest {
				continue
			}
			if s.PointUID != e.Point || s.Digest != digestOf(t, volume) {
				t.Fatalf("a copy is listed that nobody has made: %s with %s", s.PointUID, s.Digest)
			}
			kept[s.PointUID] = s.Digest // it was complete before the kill
		}
	}
	if struck < kills {
		t.Errorf("only %d copies were killed on their way, want %d", struck, kills)
	}
	digest, err := errand{folder, volume, "last", 1000}.copy()
	if err != nil {
		t.Fatal(err)
	}
	if want := digestOf(t, volume); digest != want {
		t.Errorf("the copy after all kills has %s, and the volume %s", digest, want)
	}
	kept["last"] = digest
	cameBack(t, folder, kept)
}

// The same that the store in memory is asked, of a real one.
func TestARealRepositoryBringsBackOddTrees(t *testing.T) {
	needsRoot(t)
	folder := newRepository(t)
	want := map[string]string{}
	for _, seed := range seeds(6) {
		volume := filepath.Join(t.TempDir(), "volume")
		plant(t, volume, 100+seed, 80)
		want[named(seed)] = digestOf(t, volume)
		if got, err := (errand{folder, volume, named(seed), int(seed)}).copy(); err != nil || got != want[named(seed)] {
			t.Fatalf("%s, %v, want %s", got, err, want[named(seed)])
		}
	}
	cameBack(t, folder, want)
}
