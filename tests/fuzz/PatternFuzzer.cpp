// SPDX-License-Identifier: Apache-2.0
//
// Text in: parser, verifier, linker, binding with small extents, simplifier, counts, planner. Whatever the text, it
// ends in an Error or in a mask whose counts, plans and printed forms agree with the reference interpreter.
#include "compiler/Compiler.h"
#include "runtime/PlanFile.h"
#include "tests/fuzz/Check.h"
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string_view>
#include <unistd.h>

using namespace falloff;

namespace {

constexpr size_t maxBytes = 4096;
constexpr int64_t maxTokens = 48;

/// A folder with one pattern file, so that includes find the library alone.
struct Folder {
  std::filesystem::path path;
  Folder() {
    const char *memory = "/dev/shm";
    std::filesystem::path root = ::access(memory, W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
    path = root / ("falloff-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
    ::setenv("FALLOFF_DISABLE_CACHE", "1", 1); // each input makes its own plan, and the user's cache stays as it is
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string write(std::string_view text) const {
    std::string file = (path / "input.mlir").string();
    std::ofstream(file, std::ios::binary | std::ios::trunc).write(text.data(), std::streamsize(text.size()));
    return file;
  }
};

/// Choices that follow from the input alone.
class Choices {
public:
  explicit Choices(std::string_view text) {
    for (unsigned char byte : text)
      state = (state ^ byte) * 0x100000001b3;
  }
  uint64_t below(uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  }
  template <size_t N>
  const char *of(const char *const (&words)[N]) {
    return words[below(N)];
  }

private:
  uint64_t state = 0xcbf29ce484222325;
};

Value valueFor(const ParameterInfo &parameter, Choices &choices) {
  double number = double(choices.below(5));
  if (parameter.kind == "real")
    return number / 4;
  if (parameter.kind == "count")
    return number;
  if (parameter.kind == "table")
    return std::vector<double>{1, 1 + number};
  if (parameter.kind == "relation") {
    size_t rows = 1 + choices.below(4);
    Relation relation(rows, std::vector<bool>(rows));
    for (std::vector<bool> &row : relation)
      for (size_t column = 0; column < rows; ++column)
        row[column] = choices.below(2);
    return relation;
  }
  return parameter.kind.substr(0, parameter.kind.find(" | "));
}

/// An extent for every axis, so few that all pairs can be asked for.
Sizes sizesFor(const Pattern &pattern, Choices &choices) {
  Sizes sizes;
  int64_t budget = maxTokens;
  for (const runtime::Segment &segment : pattern.segments()) {
    int64_t tokens = 1;
    for (const std::string &axis : segment.axes) {
      int64_t extent = 1 + int64_t(choices.below(uint64_t(std::clamp<int64_t>(budget / tokens, 1, 7))));
      tokens *= extent;
      sizes.extents.emplace_back(axis, extent);
    }
    budget = std::max<int64_t>(budget - tokens, 1);
  }
  for (const ParameterInfo &parameter : pattern.parameters()) {
    if (!parameter.value.empty() && choices.below(2))
      continue;
    Value value = valueFor(parameter, choices);
    if (const double *number = std::get_if<double>(&value); number && parameter.perHead && choices.below(2))
      value = std::vector<double>{*number, *number + 1};
    sizes.parameters.emplace_back(parameter.name, value);
  }
  return sizes;
}

PlanOptions optionsFor(Choices &choices) {
  PlanOptions options;
  options.rounding = choices.of({"exact", "outward", "nearest", "nearest:0.5", "radial-reference"});
  options.major = choices.of({"query", "query", "key"});
  if (choices.below(3) == 0) {
    options.grid = "flat";
    options.tileQuery = options.tileKey = std::to_string(1 + choices.below(9));
    if (choices.below(2))
      options.tileKey = std::to_string(1 + choices.below(9));
  }
  return options;
}

/// Plans are sound, survive their file, and hold the mask under the rounding exact.
void checkPlan(const Mask &mask, const PlanOptions &options) {
  Plan plan = mask.plan(options);
  std::string bytes = runtime::writePlan(plan.data());
  std::optional<runtime::Plan> read = runtime::readPlan(bytes);
  FALLOFF_CHECK(read && runtime::writePlan(*read) == bytes);
  plan.program();
  int64_t heads = std::max<int64_t>(mask.heads(), 1);
  for (int64_t head = 0; head < heads; ++head) {
    std::vector<uint8_t> pairs = plan.dense(head);
    const runtime::RowTable &table = plan.data().tables[plan.data().tableFor(0, head)];
    FALLOFF_CHECK(std::accumulate(pairs.begin(), pairs.end(), int64_t(0)) == table.pairsComputed);
    if (options.rounding == "exact")
      FALLOFF_CHECK(pairs == mask.dense(head));
  }
}

void checkMask(const Mask &mask, Choices &choices) {
  bool anyEmpty = false;
  for (int64_t head = 0; head < std::max<int64_t>(mask.heads(), 1); ++head) {
    std::vector<uint8_t> pairs = mask.dense(head);
    FALLOFF_CHECK(std::accumulate(pairs.begin(), pairs.end(), int64_t(0)) == mask.pairs(head));
    for (int64_t row = 0; row < mask.tokens(); ++row) {
      auto first = pairs.begin() + row * mask.tokens();
      anyEmpty |= std::find(first, first + mask.tokens(), 1) == first + mask.tokens();
    }
  }
  FALLOFF_CHECK((mask.emptyRow().count > 0) == anyEmpty);
  checkPlan(mask, optionsFor(choices));
}

/// What is printed reads back as the same.
void checkPrinted(const Mask &mask, const Folder &folder, const std::string &library) {
  mask.print("specialised");
  mask.print("mask");
  Pattern again = Pattern::load(folder.write(mask.print("linked")), {}, library);
  FALLOFF_CHECK(again.name() == mask.name());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder;
  static const std::string library = FALLOFF_PATTERNS;
  if (size > maxBytes)
    return 0;
  std::string_view text(reinterpret_cast<const char *>(data), size);
  Choices choices(text);
  std::optional<Mask> mask;
  try {
    Pattern pattern = Pattern::load(folder.write(text), {}, library);
    mask.emplace(pattern.bind(sizesFor(pattern, choices)));
    if (mask->tokens() > 4 * maxTokens || mask->heads() > 16)
      return 0;
    checkMask(*mask, choices);
  } catch (const Error &error) {
    FALLOFF_CHECK(!error.message.empty());
  }
  if (mask)
    checkPrinted(*mask, folder, library);
  return 0;
}
