// SPDX-License-Identifier: Apache-2.0

// Package plan answers what is to be done next for one object: Observed → Plan. A plan is a printable value;
// the same input and the same instant give the same plan. If a fact is not in Observed, no decision depends on it.
package plan
