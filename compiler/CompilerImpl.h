// SPDX-License-Identifier: Apache-2.0
//
// What stands behind the handles of Compiler.h. A pattern owns an MLIR context and everything made in it; whoever
// touches IR holds its mutex. Bound masks and plans are plain data and need no lock.
#ifndef FALLOFF_COMPILER_COMPILERIMPL_H
#define FALLOFF_COMPILER_COMPILERIMPL_H

#include "compiler/Compiler.h"
#include "compiler/passes/BoundMask.h"
#include "compiler/passes/BuildProgram.h"
#include "compiler/passes/Pipelines.h"
#include "compiler/reference/Reference.h"
#include "mlir/IR/MLIRContext.h"
#include "runtime/Hash.h"
#include <memory>
#include <mutex>
#include <optional>

namespace falloff {

struct Pattern::Impl {
  mutable std::mutex mutex;
  mutable mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< one linked pattern
  std::string name;
  Values given;
  std::optional<LinkedProgram> program;

  mask::PatternOp pattern() const { return patternIn(*module); }
};

/// A pattern bound once; slices share it.
struct BoundHeads {
  std::shared_ptr<const Pattern::Impl> pattern;
  SpecialisedPattern specialised;            ///< IR of each class of heads
  mutable std::vector<Reference> references; ///< one a class, made on demand
  std::vector<BoundMask> classes;            ///< one a class of heads
  std::vector<uint32_t> classOf;             ///< by head; one entry serves any number
  std::string parameters;
  mutable std::once_flag hashed;
  mutable runtime::Hash128 hash; ///< of what plans depend on, once it was asked for

  ~BoundHeads(); ///< destroys IR under the pattern's lock
  size_t classOfHead(int64_t head) const;
  Reference &reference(int64_t head) const; ///< the caller holds the pattern's mutex
};

struct Mask::Impl {
  std::shared_ptr<const BoundHeads> bound;
  runtime::TokenRange queries, keys;
};

struct Plan::Impl {
  std::shared_ptr<const runtime::Plan> plan; ///< shared with the cache and with plans of equal masks
  std::vector<BoundMask> classes;            ///< one a table; none for a block mask, whose tiles are not tested
};

/// What tested tiles ask about; null for blocks of the user's own.
inline const SetProgram *programOf(const Plan &plan) {
  return plan.impl->classes.empty() ? nullptr : &plan.impl->classes[0].program();
}

} // namespace falloff

#endif
