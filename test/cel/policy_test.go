// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestBackupPolicy(t *testing.T) {
	for _, c := range policyCases() {
		t.Run(c.name, func(t *testing.T) {
			o := validPolicy()
			c.mutate(o)
			check(t, cluster.Create(t.Context(), o, client.DryRunAll), c.wantErrors)
		})
	}
}

func policyCases() []testCase {
	var all []testCase
	for _, part := range [][]testCase{
		cronCases("spec.schedule.cron"), cronCases("spec.drill.cron"), drillOptionCases("spec.drill", withDrill), zoneCases(), durationCases(), volumeCases(), retentionCases(), snapshotCases(), hookCases(), wholeCases(), copyTargetCases(),
	} {
		all = append(all, part...)
	}
	return all
}

// sets is a case that sets one field.
func sets(path string, value any, want ...refusal) testCase {
	name := fmt.Sprintf("%s=%.80v", strings.TrimPrefix(path, "spec."), value)
	return testCase{name: name, mutate: func(o *object) { o.set(path, value) }, wantErrors: want}
}

// copyTargetCases are those of the targets of copies.
func copyTargetCases() []testCase {
	const first = "spec.copies[0]"
	offsite := map[string]any{"name": "offsite", "repository": map[string]any{"name": "offsite"}}
	with := func(field string, value any, want ...refusal) testCase {
		target := map[string]any{"name": "offsite", "repository": map[string]any{"name": "offsite"}, field: value}
		c := sets("spec.copies", []any{target}, want...)
		c.name = fmt.Sprintf("copies.%s=%.80v", field, value)
		return c
	}
	target := func(name, repository string) map[string]any {
		return map[string]any{"name": name, "repository": map[string]any{"name": repository}}
	}
	long, short := refusal{first + ".timeout", "between 1m and 168h"}, refusal{first + ".timeout", "a duration such as 90m or 24h"}
	return []testCase{
		sets("spec.copies", []any{offsite}),
		sets("spec.copies", []any{offsite, target("vault", "vault")}),
		sets("spec.copies", []any{offsite, target("again", "offsite")}, refusal{"spec.copies", "each go into a repository of their own"}),
		sets("spec.copies", []any{offsite, target("offsite", "vault")}, refusal{"spec.copies[1]", "Duplicate value"}),
		sets("spec.copies", []any{target("a", "a"), target("b", "b"), target("c", "c"), target("d", "d"), target("e", "e")}, refusal{"spec.copies", "must have at most 4 items"}),
		sets("spec.copies", []any{map[string]any{"name": "offsite"}}, refusal{first + ".repository", "Required value"}),
		sets("spec.copies", []any{target("Off Site", "vault")}, refusal{first + ".name", "should match"}),
		with("cron", "0 * * * *"), with("cron", "@daily"),
		with("cron", "0 * * *", refusal{first + ".cron", "five fields separated by single spaces"}),
		with("cron", "@often", refusal{first + ".cron", "five fields separated by single spaces"}),
		with("retention", map[string]any{"daily": int64(30), "minimum": int64(2)}),
		with("retention", map[string]any{"minimum": int64(2)}, refusal{first + ".retention", "retention keeps nothing"}),
		with("fidelity", "Strict"), with("fidelity", "Perfect", refusal{first + ".fidelity", "supported values"}),
		with("timeout", "1m"), with("timeout", "168h"), with("timeout", "59s", long), with("timeout", "169h", long), with("timeout", "a day", short),
		sets("spec.objectives", map[string]any{"copyWithin": "24h"}),
		sets("spec.objectives", map[string]any{"copyWithin": "59s"}, refusal{"spec.objectives.copyWithin", "must be between 1m and 999999h"}),
		sets("spec.objectives", map[string]any{"copyWithin": "a day"}, refusal{"spec.objectives.copyWithin", "a duration such as 90m, 24h or 168h"}),
	}
}

// cronCases are those of a schedule at a path.
func cronCases(cronField string) []testCase {
	shape := refusal{cronField, "five fields separated by single spaces (minute hour day-of-month month day-of-week), such as '0 3 * * 1-5', or be one of @hourly"}
	zone := refusal{cronField, "name a time zone in timeZone"}
	minute := refusal{cronField, "the minute, must be * or made of numbers from 0 to 59"}
	hour := refusal{cronField, "the hour, must be * or made of numbers from 0 to 23"}
	day := refusal{cronField, "the day of the month, must be * or made of numbers from 1 to 31"}
	month := refusal{cronField, "the month, must be * or made of numbers from 1 to 12 or jan to dec"}
	weekday := refusal{cronField, "the day of the week, must be * or made of numbers from 0 (Sunday) to 6 or sun to sat"}
	backwards := refusal{cronField, "must not run backwards; write the smaller number first"}
	names := refusal{cronField, "a range of names in cron must not run backwards; write the earlier name first"}
	mixed := refusal{cronField, "must not mix a name and a number; write both as names or both as numbers"}
	var out []testCase
	for _, cron := range []string{
		"* * * * *", "*/15 * * * *", "0 3 1-5,7 * *", "0 3 * * mon-fri", "0 3 * * MON-FRI", "0 3 * * sat,sun", "0 3 * sep-nov mon-mon", "0 0 1 jan *", "0 0 1 Jan,jul *", "5,35 0-23/2 * * *",
		"59 23 31 12 6", "00 03 * * *", "0 3 ? * 1", "0 3 1 * ?", "1-59/2 * * * *", "10-10 * * * *", "0 9-17 * * 1-5",
		"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually",
	} {
		out = append(out, sets(cronField, cron))
	}
	for cron, want := range map[string][]refusal{
		"99 99 * * *":                         {minute, hour},
		"garbage 0 3 * * *":                   {shape},
		"CRON_TZ=Europe/Berlin 0 3 * * *":     {shape, zone},
		"TZ=Europe/Berlin 0 3 * * *":          {shape, zone},
		"@dailyfoo":                           {shape},
		"@every 1h":                           {shape},
		"@reboot":                             {shape},
		"0 0 3 * * *":                         {shape},
		"0 3 * *":                             {shape},
		"0  3 * * *":                          {shape},
		" 0 3 * * *":                          {shape},
		"0 3 * * * ":                          {shape},
		"0\t3 * * *":                          {shape},
		"0 3 5-1 * *":                         {backwards},
		"30-20 3 * * *":                       {backwards},
		"0 3 1,9-2 * *":                       {backwards},
		"0 3 * * fri-mon":                     {names},
		"0 3 * dec-1 *":                       {mixed},
		"0 3 * * 1-FRI":                       {mixed},
		"0 3 * Nov-Feb *":                     {names},
		"60 3 * * *":                          {minute},
		"-5 3 * * *":                          {minute},
		"*/0 3 * * *":                         {minute},
		"1,,2 3 * * *":                        {minute},
		"0 24 * * *":                          {hour},
		"0 three * * *":                       {hour},
		"0 3 0 * *":                           {day},
		"0 3 32 * *":                          {day},
		"0 3 L * *":                           {day},
		"0 3 * 0 *":                           {month},
		"0 3 * 13 *":                          {month},
		"0 3 * january *":                     {month},
		"0 3 * * 8":                           {weekday},
		"0 3 * * monday":                      {weekday},
		"0 3 * * 5#2":                         {weekday},
		strings.Repeat("1,", 60) + " 3 * * *": {{cronField, "may not be more than 120 bytes"}},
		"":                                    {{cronField, "should be at least 1 chars long"}},
	} {
		out = append(out, sets(cronField, cron, want...))
	}
	out = append(out, testCase{name: "no cron", mutate: func(o *object) { o.set(cronField, "x"); o.drop(cronField) }, wantErrors: []refusal{{cronField, "Required value"}}})
	return out
}

const zoneField = "spec.schedule.timeZone"

func zoneCases() []testCase {
	var out []testCase
	for _, zone := range []string{"Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Asia/Kolkata", "America/Port-au-Prince", "GMT"} {
		out = append(out, sets(zoneField, zone))
	}
	name := refusal{zoneField, "must be a name from the IANA time zone database, such as Europe/Berlin or UTC; offsets such as +05:30 are not names"}
	unknown := refusal{zoneField, "is not known; use a name from the IANA time zone database, such as Europe/Berlin or UTC"}
	for zone, want := range map[string]refusal{
		"Mars/Olympus": unknown, "Europe/berlin2": unknown, "CET-1": unknown, "+05:30": name, "05:30": name, "Local": name, "Europe/": name, "../etc/passwd": name,
		"/Europe/Berlin": name, "Europe Berlin": name, "": {zoneField, "should be at least 1 chars long"},
		"A" + strings.Repeat("a", 64): {zoneField, "may not be more than 64 bytes"},
	} {
		out = append(out, sets(zoneField, zone, want))
	}
	return out
}
