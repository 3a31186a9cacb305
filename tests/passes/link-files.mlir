// Includes across files: errors stand where they are made, and a cycle is found whatever files it goes through.
//
// RUN: not falloff-opt %S/Inputs/ping.mlir --link-includes 2>&1 | FileCheck --check-prefix=CYCLE %s
// CYCLE: Inputs{{.}}pong.mlir:2:12: error: expects includes without a cycle, but got @ping including @pong including @ping
//
// RUN: not falloff-opt %s --link-includes="library=%S/Inputs" 2>&1 | FileCheck --check-prefix=PARSE %s
// PARSE: Inputs{{.}}unparsable.mlir:2:12: error:
//
// RUN: not falloff-opt %s --link-includes="library=%S/nowhere" 2>&1 | FileCheck --check-prefix=UNKNOWN %s
// UNKNOWN: link-files.mlir:[[@LINE+3]]:{{.*}} error: unknown pattern @unparsable; neither this file nor '{{.*}}passes', '{{.*}}nowhere' has it
mask.pattern @caller over (%token: ?) {
  // The library's file does not parse; without the library there is no such pattern.
  %other = include @unparsable over %token
  keep %other
}
