// SPDX-License-Identifier: Apache-2.0

// Package stores tests repositories on emulators of clouds: what is shipped speaks to them over TLS, on loopback, as it would to
// the clouds. It is a module of its own, so that no emulator is among what Lifeboat depends on.
package stores
