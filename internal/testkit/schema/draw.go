// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Draw takes one of so many, by a seed that is logged. LIFEBOAT_SEED repeats a draw; LIFEBOAT_EXHAUSTIVE=1 takes all.
type Draw struct {
	random *rand.Rand
	one    int
}

// NewDraw draws one of so many.
func NewDraw(t *testing.T, one int) *Draw {
	t.Helper()
	if os.Getenv("LIFEBOAT_EXHAUSTIVE") != "" {
		return &Draw{one: 1, random: rand.New(rand.NewPCG(0, 0))}
	}
	seed := rand.Uint64()
	if s := os.Getenv("LIFEBOAT_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("LIFEBOAT_SEED=%d repeats this draw of one in %d; LIFEBOAT_EXHAUSTIVE=1 takes all", seed, one)
	return &Draw{random: rand.New(rand.NewPCG(seed, 0)), one: one}
}

// Takes says whether the next one is taken.
func (d *Draw) Takes() bool { return d.random.IntN(d.one) == 0 }
