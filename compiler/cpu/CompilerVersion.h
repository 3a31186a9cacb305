// SPDX-License-Identifier: Apache-2.0
//
// Which compiler this is. Part of every key on disk: what another compiler made is never taken for this one's.
#ifndef FALLOFF_COMPILER_CPU_COMPILERVERSION_H
#define FALLOFF_COMPILER_CPU_COMPILERVERSION_H

#include <string>

namespace falloff::cpu {

/// "falloff 0.1.0 (0123456789abcdef), llvm 22.1.8": versions, of LLVM the one that is linked, and a digest of the
/// sources that this was built from.
const std::string &compilerVersion();

} // namespace falloff::cpu

#endif
