// SPDX-License-Identifier: Apache-2.0
//
// Suggestions in messages: the known name that was most likely meant.
#ifndef FALLOFF_COMPILER_PASSES_NAMES_H
#define FALLOFF_COMPILER_PASSES_NAMES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace falloff {

/// The candidate nearest to `name` by edit distance, or empty if none is near.
std::string nearestName(llvm::StringRef name, llvm::ArrayRef<std::string> candidates);

/// "'x', 'y'".
std::string listNames(llvm::ArrayRef<std::string> names);

/// What to append to an error about an unknown name: "; did you mean 'x'?", or
/// the names there are.
std::string suggest(llvm::StringRef name, llvm::ArrayRef<std::string> candidates);

} // namespace falloff

#endif
