// SPDX-License-Identifier: Apache-2.0
//
// PTX in two halves: what is joined is what a compile of the whole gives.
#include "compiler/cuda/CompileKernel.h"
#include "compiler/cuda/EmitSource.h"
#include "compiler/cuda/KernelTable.h"
#include "tests/unit/CausalProgram.h"
#include "gtest/gtest.h"
#include <map>
#include <regex>

using namespace falloff;
using namespace falloff::cuda;

namespace {

std::string sourceOf(Arithmetic arithmetic) {
  KernelRequest request;
  request.architecture = 90;
  request.arithmetic = arithmetic;
  request.headDim = request.valueDim = 64;
  request.queryCapacity = request.keyCapacity = 64;
  SetProgram program = causal();
  return emitSource(kernelShape(request), &program);
}

size_t count(const std::string &text, const std::string &word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

/// The text of each kernel by its name, without the module's number of it in labels.
std::map<std::string, std::string> kernelsOf(const std::string &ptx) {
  std::map<std::string, std::string> kernels;
  const std::string begin = ".visible .entry ";
  for (size_t at = ptx.find(begin); at != std::string::npos; at = ptx.find(begin, at + 1)) {
    std::string text = ptx.substr(at, ptx.find("\n}\n", at) - at);
    std::string name = text.substr(begin.size(), text.find('(') - begin.size());
    EXPECT_TRUE(kernels.emplace(name, std::regex_replace(text, std::regex("__BB[0-9]+_"), "__BB_")).second) << name;
  }
  return kernels;
}

TEST(CompileKernel, HalvesAreTheWhole) {
  for (Arithmetic arithmetic : {Arithmetic::Plain, Arithmetic::Int8Fp8}) {
    std::string source = sourceOf(arithmetic);
    std::string joined = compileKernel(source, 90, true).image;
    auto kernels = kernelsOf(joined), whole = kernelsOf(compile(source, "attention.cu", 90, true).image);
    EXPECT_EQ(kernels.size(), arithmetic == Arithmetic::Plain ? 2u : 6u);
    EXPECT_TRUE(kernels == whole) << source;
    for (const char *once : {".version ", ".target ", ".address_size ", ".u32 queryBlock", "memory[];"})
      EXPECT_EQ(count(joined, once), 1u) << once;
  }
}

TEST(CompileKernel, ACubinHasAllKernels) {
  Compiled compiled = compileKernel(sourceOf(Arithmetic::Plain), 90, false);
  EXPECT_EQ(readResources(compiled.log).size(), 2u) << compiled.log;
}

TEST(CompileKernel, JoinsDeclarations) {
  EXPECT_EQ(joinPtx("// a\n.version 9.0\n.target sm_90\n.global .u32 both = 1;\n.visible .entry first()\n{\n}\n",
                    "// b\n.version 9.0\n.target sm_90\n\t// .globl second\n.global .u32 both = 1;\n"
                    ".global .u32 own = 2;\n.visible .entry second()\n{\n}\n"),
            "// a\n.version 9.0\n.target sm_90\n.global .u32 both = 1;\n.global .u32 own = 2;\n"
            ".visible .entry first()\n{\n}\n\n.visible .entry second()\n{\n}\n");
  EXPECT_EQ(joinPtx("no kernel", ".visible .entry second()"), ".visible .entry second()");
  EXPECT_EQ(joinPtx(".visible .entry first()", "no kernel"), ".visible .entry first()");
}

/// In either half, an error has the line of the source.
TEST(CompileKernel, ErrorsNameTheLine) {
  for (const char *kernel : {"falloff_attention(", "falloff_merge("}) {
    std::string source = sourceOf(Arithmetic::Plain);
    size_t at = source.find(kernel);
    ASSERT_NE(at, std::string::npos);
    source.insert(at + std::string(kernel).size(), "Missing x, ");
    size_t line = 1 + count(source.substr(0, at), "\n");
    try {
      compileKernel(source, 90, true);
      FAIL() << kernel;
    } catch (const NvrtcError &error) {
      std::string where = "attention.cu(" + std::to_string(line) + "): error: identifier \"Missing\" is undefined";
      EXPECT_NE(std::string(error.what()).find(where), std::string::npos) << error.what();
    }
  }
}

} // namespace
