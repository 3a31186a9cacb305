// SPDX-License-Identifier: Apache-2.0
//
// Functors against the meaning of each kind of set, over random trees of sets, coordinates and tables. A failure prints
// its seed.
#include "compiler/cpu/EmitFunctor.h"
#include "compiler/cpu/KernelCache.h"
#include "compiler/cpu/Target.h"
#include "tests/unit/CausalProgram.h"
#include "tests/unit/passes/RandomProgram.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>

using namespace falloff;
using namespace falloff::cpu;
using falloff::test::Meaning;
using falloff::test::RandomProgram;
using falloff::test::Token;

namespace {

void compare(unsigned seed, Level level) {
  RandomProgram random(seed);
  auto code = compileOnce(random.program.key() + std::to_string(random.program.tables), level,
                          [&](mlir::MLIRContext &c) { return emitFunctor(c, random.program); });
  auto functor = reinterpret_cast<Functor>(code->find("pairs"));

  constexpr int64_t queries = 13, keys = 48;
  std::vector<Token> q, k;
  std::vector<int32_t> coordinates[2], segments[2];
  auto draw = [&](int64_t count, std::vector<Token> &tokens, std::vector<int32_t> &at, std::vector<int32_t> &ids) {
    at.assign(3 * count, 0);
    for (int64_t i = 0; i < count; ++i) {
      Token token{random.below(8) ? random.below(2) : -1, {0, 0, 0}};
      for (int32_t c = 0; c < 3; ++c)
        if (token.segment == (c == 2))
          at[c * count + i] = token.at[c] = random.below(RandomProgram::extents[c]);
      tokens.push_back(token);
      ids.push_back(token.segment);
    }
  };
  draw(queries, q, coordinates[0], segments[0]);
  draw(keys, k, coordinates[1], segments[1]);
  std::vector<const int32_t *> tables;
  for (const std::vector<int32_t> &table : random.data.tables)
    tables.push_back(table.data());
  std::vector<uint8_t> bits(queries * keys / 8, 0xff);
  FunctorArguments arguments;
  arguments.queries = coordinates[0].data();
  arguments.keys = coordinates[1].data();
  arguments.querySegments = segments[0].data();
  arguments.keySegments = segments[1].data();
  arguments.queryStride = arguments.queryCount = queries;
  arguments.keyStride = arguments.keyCount = keys;
  arguments.tables = tables.data();
  arguments.numbers = random.data.numbers.data();
  arguments.bits = bits.data();
  arguments.bitsStride = keys / 8;
  arguments.fills = random.below(1 << random.program.abouts.size());
  functor(&arguments);

  Meaning meaning{random.program, random.data};
  for (int64_t i = 0; i < queries; ++i)
    for (int64_t j = 0; j < keys; ++j) {
      bool expected = meaning.contains(random.program.contains, q[i], k[j]);
      for (size_t group = 0; group < random.program.abouts.size(); ++group)
        if (arguments.fills >> group & 1)
          expected |= meaning.contains(random.program.abouts[group].limit, q[i], k[j]);
      expected &= k[j].segment >= 0;
      ASSERT_EQ(bits[(i * keys + j) / 8] >> (j % 8) & 1, expected)
          << "seed " << seed << " on " << nameOf(level) << ", query " << i << ", key " << j;
    }
}

TEST(Functor, RandomSetsMeanWhatTheySay) {
  unsigned first = std::random_device{}();
  for (unsigned seed = first; seed < first + 25; ++seed)
    for (Level level : {Level::Generic, hostLevel()})
      ASSERT_NO_FATAL_FAILURE(compare(seed, level));
}

TEST(Functor, TextIsShortAndTheSame) {
  // Causal over one axis: two table reads a query, two comparisons a vector of keys.
  SetProgram program = causal();
  auto text = [&] {
    return print(hostLevel(), [&](mlir::MLIRContext &c) { return emitFunctor(c, program); }, Listing::Mlir);
  };
  std::string first = text();
  EXPECT_EQ(first, text());
  EXPECT_LT(std::count(first.begin(), first.end(), '\n'), 120);
  size_t at = 0; // in this order
  for (const char *word :
       {"func.func @pairs", "scf.for", "scf.for", "cmpi sge", "cmpi slt", "vector<16xi1> to i16", "llvm.store"}) {
    at = first.find(word, at);
    ASSERT_NE(at, std::string::npos) << word << " in\n" << first;
    ++at;
  }
}

} // namespace
