// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	core "github.com/lifeboat-dev/lifeboat/internal/core/evidence"
)

// Envelope is an envelope to verify, and what errors call it, such as the name of its file.
type Envelope struct {
	Name string
	JSON []byte
}

// Report is what a verification found. Nothing stands in it whose signature is not good.
type Report struct {
	// Chains has one for each policy, by its UID, in the order in which their first statements were given.
	Chains []Chain
}

// Chain is the history of one policy's drills, in the order in which they were given.
type Chain struct {
	Policy core.Policy
	Links  []Link
	// Before is the digest of the statement before the first of these, which is no longer kept. It is empty when the
	// first statement is the first of all.
	Before string
	// Faults say how the chain is broken; a chain without any is whole.
	Faults []Fault
}

// Link is one statement.
type Link struct {
	Name   string // of its envelope
	KeyID  string // of the key that signed it
	Digest string // of the statement
	Drill  core.Drill
}

// FaultKind names a way in which a chain is broken.
type FaultKind string

// Ways in which a chain is broken.
const (
	Duplicate   FaultKind = "Duplicate"   // a statement is there twice
	Fork        FaultKind = "Fork"        // two statements name the same previous one
	SecondStart FaultKind = "SecondStart" // a statement that is not the first says that it is
	Gap         FaultKind = "Gap"         // a statement names a previous one that is not there
	OutOfOrder  FaultKind = "OutOfOrder"  // all are there, but given in another order
	WrongEnd    FaultKind = "WrongEnd"    // the last one is not the one that it was said to be
)

// Fault is a break of a chain.
type Fault struct {
	Kind    FaultKind
	Message string
}

func (f Fault) Error() string { return string(f.Kind) + ": " + f.Message }

// Verify opens envelopes and follows the chain of each policy: every statement must name the digest of the one before
// it. The first that is given may name one that is no longer kept, since histories are bounded: that is reported, not
// refused. What a chain cannot show by itself is that its newest statements were taken away; see EndsWith.
//
// The error joins everything that is wrong; the report holds what is good besides.
func Verify(keys []ed25519.PublicKey, envelopes ...Envelope) (Report, error) {
	var all []error
	byPolicy := map[string]*Chain{}
	var order []*Chain
	for _, envelope := range envelopes {
		link, err := open(keys, envelope)
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", envelope.Name, err))
			continue
		}
		chain := byPolicy[link.Drill.Policy.UID]
		if chain == nil {
			chain = &Chain{Policy: link.Drill.Policy}
			byPolicy[link.Drill.Policy.UID] = chain
			order = append(order, chain)
		}
		chain.Links = append(chain.Links, link)
	}
	if len(envelopes) == 0 {
		all = append(all, errors.New("there is no evidence to verify"))
	}
	var report Report
	for _, chain := range order {
		chain.follow()
		report.Chains = append(report.Chains, *chain)
		all = append(all, chain.Err())
	}
	return report, errors.Join(all...)
}

func open(keys []ed25519.PublicKey, envelope Envelope) (Link, error) {
	payload, keyID, err := Open(keys, envelope.JSON)
	if err != nil {
		return Link{}, err
	}
	drill, err := core.Parse(payload)
	if err != nil {
		return Link{}, fmt.Errorf("signed, but no statement on a drill: %w", err)
	}
	return Link{Name: envelope.Name, KeyID: keyID, Digest: core.Digest(payload), Drill: drill}, nil
}

// Err joins the faults of a chain; nil says that it is whole.
func (c *Chain) Err() error {
	var all []error
	for _, fault := range c.Faults {
		all = append(all, fmt.Errorf("chain of %s/%s: %w", c.Policy.Namespace, c.Policy.Name, fault))
	}
	return errors.Join(all...)
}

// EndsWith tells whether the newest statement is the one with this digest, as a drill's or policy's status names it.
func (c *Chain) EndsWith(digest string) error {
	if last := c.Links[len(c.Links)-1]; last.Digest != digest {
		return Fault{WrongEnd, fmt.Sprintf("the last statement is %s (%s); want %s: newer ones are missing", last.Digest, last.Name, digest)}
	}
	return nil
}

func (c *Chain) fault(kind FaultKind, format string, args ...any) {
	c.Faults = append(c.Faults, Fault{kind, fmt.Sprintf(format, args...)})
}

// follow finds the faults of a chain. What does not depend on the order comes first: when the statements are one
// unbroken line, the order in which they were given is either that line or wrong.
func (c *Chain) follow() {
	links := c.distinct()
	present := map[string]bool{}
	for _, link := range links {
		present[link.Digest] = true
	}
	successor := map[string]Link{} // by what it names as previous
	roots := 0
	for _, link := range links {
		previous := link.Drill.Previous
		first, forked := successor[previous]
		switch {
		case previous == "" && roots > 0:
			c.fault(SecondStart, "%s says that it is the first statement, but it is not", link.Name)
		case previous != "" && forked:
			c.fault(Fork, "%s and %s both follow %s", first.Name, link.Name, previous)
		case previous != "" && !present[previous] && roots > 0:
			c.fault(Gap, "%s follows %s, which is missing", link.Name, previous)
		}
		if !present[previous] {
			if roots == 0 {
				c.Before = previous
			}
			roots++
		}
		if !forked {
			successor[previous] = link
		}
	}
	if len(c.Faults) == 0 {
		c.checkOrder(links)
	}
}

// distinct returns the links without those that are there twice.
func (c *Chain) distinct() []Link {
	seen := map[string]string{}
	var links []Link
	for _, link := range c.Links {
		if first, twice := seen[link.Digest]; twice {
			c.fault(Duplicate, "%s holds the same statement as %s", link.Name, first)
			continue
		}
		seen[link.Digest] = link.Name
		links = append(links, link)
	}
	return links
}

func (c *Chain) checkOrder(links []Link) {
	if links[0].Drill.Previous != c.Before {
		c.fault(OutOfOrder, "%s is given first, but follows another; give the oldest first", links[0].Name)
		return
	}
	for n, link := range links[1:] {
		if link.Drill.Previous != links[n].Digest {
			c.fault(OutOfOrder, "%s is given after %s, but follows another; give the oldest first", link.Name, links[n].Name)
			return
		}
	}
}
