// SPDX-License-Identifier: Apache-2.0
//
// Plans by what they are made of: from memory, else from disk, else from the planner.
#ifndef FALLOFF_COMPILER_PLANCACHE_H
#define FALLOFF_COMPILER_PLANCACHE_H

#include "compiler/CompilerImpl.h"
#include "runtime/Hash.h"
#include <functional>

namespace falloff {

/// Hash of all that a plan takes from bound masks: sets, extents, order, tables, values of parameters, classes of
/// heads.
runtime::Hash128 hashOf(const BoundHeads &bound);

/// The plan of a mask, made by `make` where neither cache has it; by one thread while others wait. What `make` throws
/// passes through.
std::shared_ptr<const runtime::Plan> planOnce(const Mask::Impl &mask, const PlanOptions &options,
                                              const std::function<runtime::Plan()> &make);

} // namespace falloff

#endif
