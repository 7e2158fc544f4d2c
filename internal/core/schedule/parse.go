// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// parser accepts exactly the five classic fields. Descriptors are translated before it sees them,
// so that @every, which has no slots on the wall clock, cannot slip through.
var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// fields are the five fields in their order, with what each accepts.
var fields = [5]struct{ name, accepts string }{
	{"minute", "0-59"},
	{"hour", "0-23"},
	{"day of month", "1-31"},
	{"month", "1-12 or JAN-DEC"},
	{"day of week", "0-6 or SUN-SAT (Sunday is 0)"},
}

// Parse reads a cron expression of five fields (or @hourly, @daily, @midnight, @weekly, @monthly,
// @yearly, @annually) in an IANA time zone; the empty zone is UTC. An expression that can be read
// but never happens (0 0 30 2 *) is accepted: its Next is the zero time.
func Parse(expr, timeZone string) (Calendar, error) {
	loc, err := parseZone(timeZone)
	if err != nil {
		return Calendar{}, err
	}
	p, err := parsePattern(expr)
	if err != nil {
		return Calendar{}, fmt.Errorf("cron %q: %w", expr, err)
	}
	return Calendar{pattern: p, loc: loc, text: strings.Join(strings.Fields(expr), " ")}, nil
}

func parsePattern(expr string) (pattern, error) {
	words := strings.Fields(expr)
	if len(words) > 0 && (strings.HasPrefix(words[0], "TZ=") || strings.HasPrefix(words[0], "CRON_TZ=")) {
		return pattern{}, errors.New("a time zone does not belong into the expression; set it in timeZone")
	}
	if len(words) > 0 && strings.HasPrefix(words[0], "@") {
		var err error
		if words, err = expand(words); err != nil {
			return pattern{}, err
		}
	}
	if len(words) != len(fields) {
		return pattern{}, fmt.Errorf("has %d fields; write five: minute hour day-of-month month day-of-week, "+
			"for example 0 3 * * *", len(words))
	}
	for i, word := range words {
		if err := checkForm(word); err != nil {
			return pattern{}, refuseField(i, word, err)
		}
	}
	parsed, err := parser.Parse(strings.Join(words, " "))
	if err != nil {
		return pattern{}, blame(words, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return pattern{}, fmt.Errorf("is of a kind without slots (%T); write five fields", parsed)
	}
	return pattern{minute: spec.Minute, hour: spec.Hour, dom: spec.Dom, month: spec.Month, dow: spec.Dow}, nil
}

// expand translates a descriptor into its five fields.
func expand(words []string) ([]string, error) {
	if words[0] == "@every" {
		return nil, errors.New("@every has no fixed slots; write a step such as */15 * * * *")
	}
	meaning := ""
	switch strings.Join(words, " ") {
	case "@hourly":
		meaning = "0 * * * *"
	case "@daily", "@midnight":
		meaning = "0 0 * * *"
	case "@weekly":
		meaning = "0 0 * * 0"
	case "@monthly":
		meaning = "0 0 1 * *"
	case "@yearly", "@annually":
		meaning = "0 0 1 1 *"
	default:
		return nil, errors.New("is not a known descriptor; use @hourly, @daily, @midnight, @weekly, @monthly, " +
			"@yearly, @annually or five fields")
	}
	return strings.Fields(meaning), nil
}

// checkForm refuses what the parser lets pass without meaning it: 1,,2 and , and *-5 and +3.
func checkForm(word string) error {
	for _, r := range word {
		if !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*?,-/", r) {
			return fmt.Errorf("unexpected character %q", r)
		}
	}
	for item := range strings.SplitSeq(word, ",") {
		base, _, _ := strings.Cut(item, "/")
		switch {
		case item == "":
			return errors.New("empty item in a list")
		case strings.ContainsAny(base, "*?") && len(base) > 1:
			return errors.New("* stands alone or before a step")
		}
	}
	return nil
}

// blame asks the parser about each field alone, so that the error can name the one it refused.
func blame(words []string, refused error) error {
	for i, word := range words {
		alone := []string{"*", "*", "*", "*", "*"}
		alone[i] = word
		if _, err := parser.Parse(strings.Join(alone, " ")); err != nil {
			return refuseField(i, word, err)
		}
	}
	return refused
}

func refuseField(i int, word string, why error) error {
	return fmt.Errorf("%s %q: %w; it accepts %s, with *, lists (1,15), ranges (1-5) and steps (*/15)",
		fields[i].name, word, why, fields[i].accepts)
}

// loaded remembers the zones that were loaded, by name: reading one from the database takes longer than the rest of a
// decision. A *time.Location never changes, so this changes no answer; and it holds at most the database's 600 names,
// because a name that is not in it is not remembered.
var loaded sync.Map

func loadZone(name string) (*time.Location, error) {
	if known, ok := loaded.Load(name); ok {
		return known.(*time.Location), nil
	}
	loc, err := time.LoadLocation(name)
	if err == nil {
		loaded.Store(name, loc)
	}
	return loc, err
}

// parseZone accepts names of the IANA database only. Offsets such as +05:30 know no daylight saving
// time, and Local would make one policy mean different instants on different machines.
func parseZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	refuse := func(why string) error {
		return fmt.Errorf("timeZone %q %s; use a name of the IANA database such as Europe/Berlin, or leave it empty for UTC",
			name, why)
	}
	area, _, _ := strings.Cut(name, "/")
	switch area {
	case "Local", "localtime", "posixrules", "Factory", "posix", "right":
		// These depend on the machine, or (right/…) count leap seconds.
		return nil, refuse("does not name a place")
	}
	if !isZoneName(name) {
		return nil, refuse("is not a zone's name")
	}
	loc, err := loadZone(name)
	if err != nil {
		return nil, refuse("is unknown")
	}
	return loc, nil
}

// isZoneName tells whether name has the form of a zone's name: words joined by slashes, beginning
// with a letter. It keeps paths such as ../etc away from the zone database.
func isZoneName(name string) bool {
	for word := range strings.SplitSeq(name, "/") {
		if word == "" || !isLetter(word[0]) {
			return false
		}
		for _, r := range []byte(word) {
			if !isLetter(r) && !('0' <= r && r <= '9') && !strings.ContainsRune("_+-", rune(r)) {
				return false
			}
		}
	}
	return true
}

func isLetter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }
