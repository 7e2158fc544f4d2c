// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// putObject writes an object of a few bytes.
func putObject(ctx context.Context, w Writer, text string) (ObjectID, error) {
	o := w.NewObject(ctx, false, 0)
	defer o.Close()
	if _, err := o.Write([]byte(text)); err != nil {
		return "", err
	}
	return o.Result()
}

// A list of parts that whoever holds the password wrote by hand stops nobody: reading ends, whatever it says, and is damage where there is
// nothing to read. Whether what was read is what was captured is for the manifest to say.
func TestListsOfPartsThatMakeNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		entries, prefix string
		damaged         bool
	}{
		"a good one":                  {`{"s":0,"l":4,"o":"PART"},{"s":4,"l":4,"o":"PART"}`, "I", false},
		"no parts":                    {``, "I", true},
		"no parts of a list":          {``, "II", true},
		"a part of no length":         {`{"s":0,"l":0,"o":"PART"}`, "I", false},
		"a part of negative length":   {`{"s":0,"l":-4,"o":"PART"}`, "I", false},
		"a part that is not there":    {`{"s":0,"l":4,"o":"0123456789abcdef0123456789abcdef"}`, "I", true},
		"a part that is longer":       {`{"s":0,"l":9,"o":"PART"}`, "I", false},
		"the second far away":         {`{"s":0,"l":4,"o":"PART"},{"s":4000000000000,"l":4,"o":"PART"}`, "I", false},
		"the second before the first": {`{"s":4,"l":4,"o":"PART"},{"s":0,"l":4,"o":"PART"}`, "I", false},
	} {
		t.Run(name, func(t *testing.T) {
			m, o := inMemory(t)
			withMemory(t, m, o, func(ctx context.Context, r *opened) {
				ctx, stop := context.WithTimeout(ctx, 20*time.Second)
				defer stop()
				var id ObjectID
				err := r.Write(ctx, "list", func(ctx context.Context, w Writer) error {
					part, err := putObject(ctx, w, "part")
					if err != nil {
						return err
					}
					list, err := putObject(ctx, w, `{"stream":"kopia:indirect","entries":[`+strings.ReplaceAll(c.entries, "PART", string(part))+`]}`)
					id = ObjectID(c.prefix) + list
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.Parts(ctx, id); err != nil && Reason(err) != result.FailureDamaged {
					t.Errorf("its parts: %v", err)
				}
				if err := readAll(ctx, r, id); ctx.Err() != nil || c.damaged && Reason(err) != result.FailureDamaged {
					t.Errorf("it is read: %v", err)
				}
				census := r.newCensus(nil, nil)
				if err := census.object(ctx, id); ctx.Err() != nil || err != nil && !isDamage(err) {
					t.Errorf("its contents: %v", err)
				}
			})
		})
	}
}

func readAll(ctx context.Context, r *opened, id ObjectID) error {
	o, err := r.Object(ctx, id)
	if err != nil {
		return err
	}
	defer o.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(o, 1<<20))
	return err
}
