// SPDX-License-Identifier: Apache-2.0

// Package controllers is the hands: gather, ask, do, say. A <kind>_gather.go reads and never chooses; a
// <kind>_controller.go orders steps and never computes. setup.go is the one list of controllers, settle.go the one
// place that returns a requeue, index.go the one list of field indexes.
package controllers
