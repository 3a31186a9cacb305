// SPDX-License-Identifier: Apache-2.0
//
// Names of extents: which number binds which axis.
#ifndef FALLOFF_COMPILER_PASSES_BINDEXTENTS_H
#define FALLOFF_COMPILER_PASSES_BINDEXTENTS_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/LLVM.h"
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace falloff {

/// A segment as a pattern declares it.
struct NamedSegment {
  std::string name;
  std::vector<std::string> axes;
  std::vector<int64_t> extents; ///< defaults; negative where the pattern says `?`
};

struct BoundExtents {
  std::vector<std::vector<int64_t>> extents; ///< by segment and axis
  int64_t tokens = 0;
};

/// Extents of all axes from those given by name; emits one error at `loc` and
/// fails where a name is unknown, missing or contradicted, a size is out of
/// range, or there are 2^31 tokens or more.
mlir::FailureOr<BoundExtents> resolveExtents(mlir::Location loc, llvm::StringRef pattern,
                                             llvm::ArrayRef<NamedSegment> segments,
                                             llvm::ArrayRef<std::pair<std::string, int64_t>> extents);

} // namespace falloff

#endif
