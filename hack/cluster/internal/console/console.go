// SPDX-License-Identifier: Apache-2.0

// Package console prints the short progress lines of the cluster commands.
package console

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Console writes lines that start with the command's name.
type Console struct {
	mu     sync.Mutex
	out    io.Writer
	prefix string
	start  time.Time
}

// New returns a console whose clock starts now.
func New(out io.Writer, prefix string) *Console {
	return &Console{out: out, prefix: prefix, start: time.Now()}
}

// Say prints one line.
func (c *Console) Say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, "%s  %s\n", c.prefix, fmt.Sprintf(format, args...))
}

// Step prints what is being done and returns the act that prints how long it took.
func (c *Console) Step(name string) (done func(result string)) {
	began := time.Now()
	return func(result string) {
		c.Say("%-18s %s (%s)", name, result, Short(time.Since(began)))
	}
}

// Elapsed is the time since the console was made.
func (c *Console) Elapsed() string { return Short(time.Since(c.start)) }

// Short renders a duration for people: tenths of a second below ten seconds.
func Short(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
