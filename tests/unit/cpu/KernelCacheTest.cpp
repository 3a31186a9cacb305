// SPDX-License-Identifier: Apache-2.0
//
// What kernels are kept under on disk, and what happens to an entry that is whole but no kernel.
#include "compiler/cpu/KernelCache.h"
#include "compiler/cpu/CompilerVersion.h"
#include "compiler/cpu/Emitter.h"
#include "compiler/cpu/Target.h"
#include "runtime/DiskCache.h"
#include "gtest/gtest.h"

using namespace falloff::cpu;
using falloff::runtime::DiskCache;
using falloff::runtime::EntryKind;

namespace {

/// A module with `scaled`, which multiplies a float.
ModuleMaker scaled(double factor) {
  return [factor](mlir::MLIRContext &context) {
    Emitter e(context);
    e.function("scaled", {e.pointer}, true, [&](llvm::ArrayRef<Value> arguments) {
      e.store(e.multiply(e.load(e.f32, arguments[0]), e.number(e.f32, factor)), arguments[0]);
    });
    return e.take();
  };
}

float call(const Code &code, float value) {
  reinterpret_cast<void (*)(float *)>(code.find("scaled"))(&value);
  return value;
}

TEST(KernelCache, KeysTellApartWhatChangesCode) {
  EXPECT_EQ(kernelKey("step", Level::Avx2), kernelKey("step", Level::Avx2));
  EXPECT_NE(kernelKey("step", Level::Avx2), kernelKey("functor", Level::Avx2));
#if defined(__x86_64__)
  EXPECT_NE(kernelKey("step", Level::Avx2), kernelKey("step", Level::Avx512));
  EXPECT_NE(kernelKey("step", Level::Avx512), kernelKey("step", Level::Avx512Bf16));
#endif
  EXPECT_NE(kernelKey("step", Level::Avx2).find(compilerVersion()), std::string::npos);
  EXPECT_EQ(compilerVersion().find("falloff 0."), 0u);
  EXPECT_NE(compilerVersion().find("), llvm 22."), std::string::npos) << compilerVersion();
}

TEST(KernelCache, FoundInMemoryThenOnDisk) {
  EXPECT_EQ(call(*compileOnce("three times", hostLevel(), scaled(3)), 2), 6);
  EXPECT_EQ(call(*compileOnce("three times", hostLevel(), scaled(7)), 2), 6); // a key says it all
  std::string key = kernelKey("three times", hostLevel());
  std::optional<std::string> object = DiskCache::shared()->find(EntryKind::Kernel, key);
  ASSERT_TRUE(object);
  EXPECT_EQ(call(*loadObject(*object), 2), 6);
  // What another process would have left.
  DiskCache::shared()->store(EntryKind::Kernel, kernelKey("four times", hostLevel()),
                             compileObject(hostLevel(), scaled(4)));
  EXPECT_EQ(call(*compileOnce("four times", hostLevel(), scaled(7)), 2), 8);
}

TEST(KernelCache, EntriesThatDoNotLoadAreCompiledAgain) {
  for (const char *bytes : {"", "no object file",
                            "\x7f"
                            "ELF"}) {
    std::string what = std::string("five times, after '") + bytes + "'";
    DiskCache::shared()->store(EntryKind::Kernel, kernelKey(what, hostLevel()), bytes);
    EXPECT_EQ(call(*compileOnce(what, hostLevel(), scaled(5)), 2), 10);
    std::optional<std::string> object = DiskCache::shared()->find(EntryKind::Kernel, kernelKey(what, hostLevel()));
    ASSERT_TRUE(object);
    EXPECT_EQ(call(*loadObject(*object), 2), 10);
  }
}

} // namespace
