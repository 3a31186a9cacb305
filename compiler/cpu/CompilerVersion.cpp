// SPDX-License-Identifier: Apache-2.0
//
// The version, from the build and from the library that is loaded.
#include "compiler/cpu/CompilerVersion.h"
#include "compiler/cpu/SourceDigest.h"
#include "llvm-c/Core.h"

namespace falloff::cpu {

const std::string &compilerVersion() {
  static const std::string version = [] {
    unsigned major = 0, minor = 0, patch = 0;
    LLVMGetVersion(&major, &minor, &patch);
    return std::string("falloff " FALLOFF_VERSION " (" FALLOFF_SOURCE_DIGEST "), llvm ") + std::to_string(major) + "." +
           std::to_string(minor) + "." + std::to_string(patch);
  }();
  return version;
}

} // namespace falloff::cpu
