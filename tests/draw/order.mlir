// RUN: falloff-opt %s --draw-mask -o /dev/null | FileCheck --match-full-lines --check-prefix=LAST %s
// RUN: falloff-opt %s --draw-mask="order=text,video" -o /dev/null | FileCheck --match-full-lines --check-prefix=FIRST %s
//
// The order of segments is layout, not meaning: text moves to the front, with its rows and columns.
mask.pattern @order over video(%frame: 3), text(%token: 1) {
  %near = within 1 of %frame
  %text = keys in %token
  keep %near, %text
}
// LAST-LABEL: @order
// LAST:      ##.#
// LAST-NEXT: ####
// LAST-NEXT: .###
// LAST-NEXT: ...#

// FIRST-LABEL: @order
// FIRST:      #...
// FIRST-NEXT: ###.
// FIRST-NEXT: ####
// FIRST-NEXT: #.##
