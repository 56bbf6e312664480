// SPDX-License-Identifier: Apache-2.0

// Package rewind makes a stopped member whose history went astray fit to follow the primary again.
//
// Whether histories diverged is decided by comparing lines, that is timelines with their switch points,
// and positions, never bare timeline numbers:
//   - another system identifier: another cluster, nothing helps but a clone;
//   - the local log ends at or before the point where the lines part: nothing diverged;
//   - it ends behind that point: what is behind it is kept, and pg_rewind undoes it;
//   - the same timeline number with different switch points, or the same line with a local log that is
//     longer than, or different from, the primary's: pg_rewind takes these for equal, so only a clone helps.
package rewind
