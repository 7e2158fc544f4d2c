// SPDX-License-Identifier: Apache-2.0

package config

import (
	"flag"
	"strings"
	"testing"
)

// parsed are the options that flags give, beside those that an operator cannot do without.
func parsed(t *testing.T, args ...string) *Options {
	t.Helper()
	o := &Options{}
	f := flag.NewFlagSet("lifeboat", flag.ContinueOnError)
	o.Bind(f)
	if err := f.Parse(append([]string{"--mover-image=mover", "--namespace=lifeboat-system"}, args...)); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestHowMuchAtOnce(t *testing.T) {
	o := parsed(t)
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	if o.ConcurrentPoints != 16 || o.ConcurrentCreates != 32 || o.ConcurrentDrills != 4 || o.ConcurrentCopies != 4 {
		t.Errorf("unless told otherwise: %+v", o)
	}
	if o := parsed(t, "--max-concurrent-copies=9"); o.ConcurrentCopies != 9 || o.Validate() != nil {
		t.Errorf("nine copies at once are %d", o.ConcurrentCopies)
	}
	for _, name := range []string{"points", "creates", "drills", "copies"} {
		flag := "--max-concurrent-" + name
		if err := parsed(t, flag+"=0").Validate(); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s=0: %v", flag, err)
		}
	}
}
