// SPDX-License-Identifier: Apache-2.0
//
// The kernel compiler: one compile a key, object code that loads again, listings, refusals.
#include "compiler/cpu/EmitKernel.h"
#include "compiler/cpu/KernelCache.h"
#include "compiler/cpu/Target.h"
#include "gtest/gtest.h"
#include <atomic>
#include <thread>

using namespace falloff::cpu;

namespace {

/// A module with `twice`, which doubles a float.
mlir::OwningOpRef<mlir::ModuleOp> emitTwice(mlir::MLIRContext &context) {
  Emitter e(context);
  e.function("twice", {e.pointer}, true, [&](llvm::ArrayRef<Value> arguments) {
    Value value = e.load(e.f32, arguments[0]);
    e.store(e.add(value, value), arguments[0]);
  });
  return e.take();
}

float call(const Code &code, float value) {
  reinterpret_cast<void (*)(float *)>(code.find("twice"))(&value);
  return value;
}

TEST(Jit, OneCompileForManyThreads) {
  std::atomic<int> compiles{0};
  auto make = [&](mlir::MLIRContext &context) {
    ++compiles;
    return emitTwice(context);
  };
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] { right += call(*compileOnce("twice by many", hostLevel(), make), 21) == 42; });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(compiles, 1);
  EXPECT_EQ(right, 8);
}

TEST(Jit, ObjectCodeLoadsAgain) {
  std::string object = compileObject(hostLevel(), emitTwice);
  EXPECT_EQ(object.substr(1, 3), "ELF");
  EXPECT_EQ(object, compileObject(hostLevel(), emitTwice)); // the same to the byte
  std::shared_ptr<const Code> code = loadObject(object);
  EXPECT_EQ(call(*code, 4), 8);
  EXPECT_EQ(code->object(), object);
}

TEST(Jit, MissingFunctionIsAnError) {
  std::shared_ptr<const Code> code = loadObject(compileObject(hostLevel(), emitTwice));
  EXPECT_THROW(code->find("thrice"), std::runtime_error);
}

TEST(Jit, FailureIsNotKept) {
  int tries = 0;
  auto make = [&](mlir::MLIRContext &context) -> mlir::OwningOpRef<mlir::ModuleOp> {
    if (tries++ == 0)
      throw std::runtime_error("first time");
    return emitTwice(context);
  };
  EXPECT_THROW(compileOnce("fails once", hostLevel(), make), std::runtime_error);
  EXPECT_EQ(call(*compileOnce("fails once", hostLevel(), make), 1), 2);
}

TEST(Jit, KernelUsesTheInstructionsOfItsLevel) {
  auto assembly = [](Level level, bool pairs) {
    KernelSpec spec;
    spec.level = level;
    spec.pairs = pairs;
    return print(level, [&](mlir::MLIRContext &context) { return emitKernel(context, spec); }, Listing::Assembly);
  };
  auto has = [](const std::string &text, const char *word) { return text.find(word) != std::string::npos; };
#if defined(__x86_64__)
  // Listings of any level can be made on any processor; running them is another matter.
  std::string pairs = assembly(Level::Avx512Bf16, true), wide = assembly(Level::Avx512, false);
  std::string middle = assembly(Level::Avx2, false), plain = assembly(Level::Generic, false);
  EXPECT_TRUE(has(pairs, "vdpbf16ps") && has(pairs, "zmm"));
  EXPECT_TRUE(has(wide, "vfmadd") && has(wide, "zmm") && !has(wide, "vdpbf16ps"));
  EXPECT_TRUE(has(middle, "vfmadd") && has(middle, "ymm") && !has(middle, "zmm"));
  EXPECT_TRUE(!has(plain, "ymm") && has(plain, "mulps"));
#else
  EXPECT_FALSE(assembly(Level::Generic, false).empty());
#endif
}

} // namespace
