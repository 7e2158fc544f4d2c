// SPDX-License-Identifier: Apache-2.0

package main

// equivalent are the standard mutants, by package, that no test can kill, with the reason: what they change cannot be seen.
// In a package that is listed here every other one must be killed.
var equivalent = map[string]map[string]string{
	"internal/core/retention": {
		"bucket.go *Clock.Buckets: move the bound: unix < c.from":               "the zone is asked once more for what is known",
		"bucket.go *Clock.Buckets: one more: 0":                                 "a nanosecond changes no date",
		"class.go classesOf: one less: 8":                                       "sets have more room than they need",
		"class.go classesOf: one more: 7":                                       "sets have more room than they need",
		"class.go classesOf: leave out: seen[key] = true":                       "a class that is judged twice keeps the same points in the same places",
		"class.go numberSets: one more: 0":                                      "the second point is looked up, and not compared first",
		"class.go numberSets: leave out: continue":                              "what was compared is looked up as well",
		"class.go numberSets: leave out: numbers[key] = number":                 "the same set under two numbers is held by the same lineages",
		"class.go same: negate: true":                                           "sets that share a slice are compared, or looked up, and found to be equal",
		"class.go same: one more: 0":                                            "sets of one lineage that share a slice are compared, and found to be equal",
		"decide.go *judgement.keep: move the bound: int32(place) < *best":       "a place is written over with itself",
		"decide.go Decide: leave out: j.mine = make([]*dated, 0, len(j.dated))": "the list grows instead of having its room at once",
		"decide.go *judgement.verdicts: one less: 2":                            "the list grows instead of having its room at once",
		"decide.go *judgement.verdicts: one more: 2":                            "the list has more room than it needs",
		"superseded.go newRest: one less: 0":                                    "there is nothing to compare with, and it takes longer to see that",
		"superseded.go newRest: one more: 0 #2":                                 "the second point is gone through, though it covers nothing new",
		"superseded.go newRest: leave out: continue":                            "a point is gone through, though it covers nothing new",
	},
}
