// SPDX-License-Identifier: Apache-2.0
//
// Every pair, wherever the text lies among the other tokens: what comparisons hold a mask against.
mask.pattern @all_pairs over before(%ahead: ?), text(%token: ?), after(%behind: ?) {
  %every = all_of nothing
  keep %every
}
