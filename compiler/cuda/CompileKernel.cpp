// SPDX-License-Identifier: Apache-2.0
//
// PTX is compiled in two halves at the same time: the attention, and the kernels around it, which take NVRTC nearly as
// long where there are those that quantise. Each half is the whole source with a macro that leaves the other out, so
// that lines in messages are those of the source. Cubins could not be joined; their kernels NVRTC itself optimises side
// by side.
#include "compiler/cuda/CompileKernel.h"
#include "compiler/cuda/EmitSource.h"
#include <chrono>
#include <future>
#include <set>
#include <sstream>
#include <system_error>
#include <vector>

namespace falloff::cuda {
namespace {

constexpr const char *sourceName = "attention.cu"; // in NVRTC's messages

Compiled compileHalf(const std::string &source, int32_t architecture, bool toPtx, const char *without) {
  std::vector<std::string> options = {"--diag-suppress=177"}; // not every shape reads every constant of a part
  if (without)
    options.push_back(std::string("--define-macro=") + without);
  return compile(source, sourceName, architecture, toPtx, options);
}

/// Where a module's kernels begin: all before are directives and declarations, one a line.
size_t firstKernel(const std::string &ptx) { return ptx.find(".visible .entry"); }

std::vector<std::string> linesOf(const std::string &text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

/// Else it is a comment, or a directive that a module has once.
bool isDeclaration(const std::string &line) {
  for (const char *word : {"//", "\t//", ".version", ".target", ".address_size"})
    if (line.rfind(word, 0) == 0)
      return false;
  return !line.empty();
}

} // namespace

std::string joinPtx(const std::string &first, const std::string &second) {
  const size_t kernels = firstKernel(first), others = firstKernel(second);
  if (kernels == std::string::npos || others == std::string::npos)
    return others == std::string::npos ? first : second;
  std::string declarations = first.substr(0, kernels);
  const std::vector<std::string> lines = linesOf(declarations);
  const std::set<std::string> known(lines.begin(), lines.end());
  for (const std::string &line : linesOf(second.substr(0, others)))
    if (isDeclaration(line) && !known.count(line))
      declarations += line + "\n";
  return declarations + first.substr(kernels) + "\n" + second.substr(others);
}

Compiled compileKernel(const std::string &source, int32_t architecture, bool toPtx) {
  if (!toPtx)
    return compileHalf(source, architecture, toPtx, nullptr);
  auto began = std::chrono::steady_clock::now();
  auto compileOthers = [&] { return compileHalf(source, architecture, toPtx, leavesOutAttention); };
  std::future<Compiled> others;
  try {
    others = std::async(std::launch::async, compileOthers);
  } catch (const std::system_error &) { // no thread is to be had: one half after the other
    others = std::async(std::launch::deferred, compileOthers);
  }
  Compiled compiled = compileHalf(source, architecture, toPtx, leavesOutOthers);
  Compiled rest = others.get();
  compiled.image = joinPtx(compiled.image, rest.image);
  compiled.log += rest.log;
  compiled.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return compiled;
}

} // namespace falloff::cuda
