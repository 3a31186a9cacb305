// SPDX-License-Identifier: Apache-2.0
//
// Suggestions in messages: the known name that was most likely meant.
#include "compiler/passes/Names.h"
#include "llvm/ADT/StringExtras.h"

using namespace falloff;

std::string falloff::nearestName(llvm::StringRef name, llvm::ArrayRef<std::string> candidates) {
  // Two letters swapped are two edits; short names have less to go by.
  unsigned best = (name.size() <= 3 ? 1 : std::max<size_t>(2, name.size() / 3)) + 1;
  std::string nearest;
  for (const std::string &candidate : candidates) {
    unsigned distance = name.edit_distance_insensitive(candidate);
    if (distance < best && distance < candidate.size()) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string falloff::listNames(llvm::ArrayRef<std::string> names) {
  std::vector<std::string> quoted;
  for (const std::string &name : names)
    quoted.push_back("'" + name + "'");
  return llvm::join(quoted, ", ");
}

std::string falloff::suggest(llvm::StringRef name, llvm::ArrayRef<std::string> candidates) {
  std::string nearest = nearestName(name, candidates);
  if (!nearest.empty())
    return "; did you mean '" + nearest + "'?";
  if (candidates.empty())
    return "; there is none";
  return (candidates.size() == 1 ? "; the only one is " : "; expects one of ") + listNames(candidates);
}
