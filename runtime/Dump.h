// SPDX-License-Identifier: Apache-2.0
//
// What FALLOFF_DUMP_DIR asks for: everything about a kernel, as files.
#ifndef FALLOFF_RUNTIME_DUMP_H
#define FALLOFF_RUNTIME_DUMP_H

#include <string>
#include <utility>
#include <vector>

namespace falloff::runtime {

/// Writes `contents` as <folder>/<stem><extension> each. A folder that does not take them is one warning a call. Blanks
/// of `stem` become hyphens, and what a file's name should not hold is left out.
void dumpFiles(const std::string &folder, const std::string &stem,
               const std::vector<std::pair<const char *, std::string>> &contents);

} // namespace falloff::runtime

#endif
