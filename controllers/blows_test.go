// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// fault is a way in which a write goes wrong.
type fault string

const (
	crashBefore fault = "crash before"
	crashAfter  fault = "crash after"
	conflict    fault = "conflict"
)

var errCrash = errors.New("the operator is gone")

// blows have one write to the API server go wrong, and count all of them.
type blows struct {
	strike  int // the write that goes wrong; 0 for none
	way     fault
	writes  int
	struck  string
	created map[string]int // pods, by their names
}

func newBlows(strike int, way fault) blows {
	return blows{strike: strike, way: way, created: map[string]int{}}
}

func (w *blows) call(c testkit.Call, do func() error) error {
	if !c.Verb.Writes() {
		return do()
	}
	if w.writes++; w.writes != w.strike {
		return w.counted(c, do())
	}
	w.struck = c.String()
	switch w.way {
	case crashBefore:
		return errCrash
	case conflict:
		return apierrors.NewConflict(schema.GroupResource{Resource: "x"}, c.Key.Name, errCrash)
	case crashAfter:
	}
	if err := w.counted(c, do()); err != nil {
		return err
	}
	return errCrash
}

func (w *blows) counted(c testkit.Call, err error) error {
	if c.Verb == testkit.Create && c.Kind == "Pod" && err == nil {
		w.created[c.Key.Name]++
	}
	return err
}

// quietly does what is not the operator's.
func (w *blows) quietly(do func()) {
	strike, writes := w.strike, w.writes
	w.strike = 0
	do()
	w.strike, w.writes = strike, writes
}
