// SPDX-License-Identifier: Apache-2.0

// Package archtest fails the build when code stands in the wrong room. ARCHITECTURE.md says which rooms there are and
// who may import whom; the tests here read every Go file of the module, whatever its build tags, and hold it to that.
//
// It fails closed: a folder that is no room, an import that no list allows, and a file that cannot be read are
// violations. To add a room or an import, add it to the lists in rules_test.go, in the same change, with the reason.
package archtest
