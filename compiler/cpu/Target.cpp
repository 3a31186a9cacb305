// SPDX-License-Identifier: Apache-2.0
//
// Levels of vector instructions, found by asking LLVM what the processor has.
// An absent level is an error when asked for, never an illegal instruction.
#include "compiler/cpu/Target.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include <stdexcept>

namespace falloff::cpu {
namespace {

Level findLevel() {
#if defined(__x86_64__)
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto all = [&](std::initializer_list<const char *> names) {
    for (const char *name : names)
      if (!features.lookup(name))
        return false;
    return true;
  };
  if (!all({"avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe", "popcnt"}))
    return Level::Generic;
  if (!all({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    return Level::Avx2;
  if (!all({"avx512vnni"}))
    return Level::Avx512;
  return all({"avx512bf16"}) ? Level::Avx512Bf16 : Level::Avx512Vnni;
#else
  return Level::Generic;
#endif
}

} // namespace

Level hostLevel() {
  static const Level level = findLevel();
  return level;
}

std::string hostName() { return llvm::sys::getHostCPUName().str(); }

std::vector<std::string> hostVectorFeatures() {
  std::vector<std::string> names;
  for (const llvm::StringMapEntry<bool> &feature : llvm::sys::getHostCPUFeatures()) {
    llvm::StringRef name = feature.getKey();
    bool asked = name.starts_with("avx") || name.starts_with("amx") || name.starts_with("sse") ||
                 llvm::is_contained({"bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "neon", "popcnt", "sve"}, name);
    if (asked && feature.getValue())
      names.push_back(name.str());
  }
  llvm::sort(names);
  return names;
}

const char *nameOf(Level level) {
  static const char *const names[] = {"generic", "avx2", "avx512", "avx512vnni", "avx512bf16"};
  return names[int(level)];
}

Level parseLevel(const std::string &features) {
  if (features.empty() || features == "native")
    return hostLevel();
  for (Level level : {Level::Generic, Level::Avx2, Level::Avx512, Level::Avx512Vnni, Level::Avx512Bf16}) {
    if (features != nameOf(level))
      continue;
    if (level > hostLevel())
      throw std::invalid_argument("expects features of this processor, which are " + std::string(nameOf(hostLevel())) +
                                  " and below, but got " + features);
    return level;
  }
  throw std::invalid_argument("expects features native, avx512bf16, avx512vnni, avx512, "
                              "avx2 or generic, but got '" +
                              features + "'");
}

KernelSpec specFor(Level level, runtime::DType dtype, bool quantised) {
  KernelSpec spec;
  spec.level = level;
  spec.quantised = quantised;
  // Rounded weights and values are little beside rounded scores.
  spec.pairs = (dtype == runtime::DType::BF16 || quantised) && level == Level::Avx512Bf16;
  return spec;
}

TargetNames targetNames(Level level) {
#if defined(__x86_64__)
  switch (level) {
  case Level::Generic:
    return {"x86-64", ""};
  case Level::Avx2:
    return {"x86-64-v3", ""};
  case Level::Avx512:
    return {"x86-64-v4", "-prefer-256-bit"};
  case Level::Avx512Vnni:
    return {"x86-64-v4", "-prefer-256-bit,+avx512vnni"};
  case Level::Avx512Bf16:
    return {"x86-64-v4", "-prefer-256-bit,+avx512vnni,+avx512bf16"};
  }
#endif
  return {"generic", ""};
}

std::string describeTarget(const std::string &features) {
  return hostName() + ", kernels for " + nameOf(parseLevel(features));
}

} // namespace falloff::cpu
