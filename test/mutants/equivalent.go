// SPDX-License-Identifier: Apache-2.0

package main

// equivalent are the standard mutants, by package, that no test can kill, with the reason: what they change cannot be seen.
// In a package that is listed here every other one must be killed.
var equivalent = map[string]map[string]string{}
