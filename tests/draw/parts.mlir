// RUN: falloff-opt %s --draw-mask="part=keep" -o /dev/null | FileCheck --match-full-lines --check-prefix=KEEP %s
// RUN: falloff-opt %s --draw-mask="part=only" -o /dev/null | FileCheck --match-full-lines --check-prefix=ONLY %s
// RUN: falloff-opt %s --draw-mask="part=allowed" -o /dev/null | FileCheck --match-full-lines --check-prefix=ALLOWED %s
// RUN: not falloff-opt %s --draw-mask="part=sinks" -o /dev/null 2>&1 | FileCheck --check-prefix=UNKNOWN %s
// UNKNOWN: error: expects part to be contains, keep, only or allowed, but got 'sinks'
//
// What roundings are held to: A within C, C, and what a fill around each B may cover.
mask.pattern @parts over (%token: 5) {
  %first = first 1 of %token
  %near = within 1 of %token
  %wide = within 2 of %token
  %back = causal %token
  %bounded = bounded %wide by %back
  %recent = within 3 of %token
  keep %first about %near, %bounded only %recent
}
// KEEP-LABEL: @parts
// KEEP:      #....
// KEEP-NEXT: #....
// KEEP-NEXT: #....
// KEEP-NEXT: #....
// KEEP-NEXT: .....

// ONLY-LABEL: @parts
// ONLY:      ####.
// ONLY-NEXT: #####
// ONLY-NEXT: #####
// ONLY-NEXT: #####
// ONLY-NEXT: .####

// ALLOWED-LABEL: @parts
// ALLOWED:      around 0
// ALLOWED-NEXT: ####.
// ALLOWED-NEXT: #####
// ALLOWED-NEXT: #####
// ALLOWED-NEXT: #####
// ALLOWED-NEXT: .####
// ALLOWED-NEXT: around 1
// ALLOWED-NEXT: #....
// ALLOWED-NEXT: ##...
// ALLOWED-NEXT: ###..
// ALLOWED-NEXT: ####.
// ALLOWED-NEXT: .####
