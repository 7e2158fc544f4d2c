// SPDX-License-Identifier: Apache-2.0

// Package domain computes failure domains: what fails together, and therefore what is independent of what. Two domains are
// independent only when both are known and neither is part of the other; whatever is not known is taken to be the same place.
package domain
