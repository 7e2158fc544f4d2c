// SPDX-License-Identifier: Apache-2.0

// Package tell decides what people hear of findings: each notifier of what appeared, became louder, or cleared since it was
// last told something of the object. What it was told is in the object's own status. That a message is on its way is written
// before it is sent, and what it told once it was accepted: who is killed in between tells it again rather than never.
//
// What is noticed waits first, because much of it passes by itself or comes in numbers. Since when it waits is written nowhere:
// after a restart the wait begins anew.
package tell
