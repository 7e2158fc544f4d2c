// SPDX-License-Identifier: Apache-2.0

// Package faults reads the fault switches of a storage system: files in one directory, the
// name is the fault, the content its parameter. They are read anew at each call, so a test
// turns a fault on by writing a file and off by removing it.
package faults
