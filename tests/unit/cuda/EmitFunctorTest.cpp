// SPDX-License-Identifier: Apache-2.0
//
// The text of functors, compiled for this machine, against the meaning of each kind of set over random trees, and
// against the reference interpreter over random patterns. A failure prints its seed.
#include "compiler/cuda/EmitFunctor.h"
#include "compiler/dialect/mask/Mask.h"
#include "compiler/passes/BuildProgram.h"
#include "compiler/reference/Reference.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "tests/unit/CausalProgram.h"
#include "tests/unit/cuda/HostFunctors.h"
#include "tests/unit/passes/RandomPattern.h"
#include "tests/unit/passes/RandomProgram.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <memory>
#include <random>

using namespace falloff;
using namespace falloff::cuda;
using test::Guarded;
using test::HostFunctors;
using test::Meaning;
using test::RandomProgram;
using test::Token;

namespace {

/// What a functor reads, as a device would hold it.
struct Table {
  std::vector<Guarded<int32_t>> tables;
  std::vector<const int *> pointers;
  Guarded<double> numbers;
  Guarded<int32_t> queries, keys;
  PlanTable plan{};

  Table(const runtime::MaskData &data, const std::vector<int32_t> &queries, const std::vector<int32_t> &keys)
      : numbers(data.numbers), queries(queries), keys(keys) {
    for (const std::vector<int32_t> &table : data.tables)
      tables.emplace_back(table);
    for (const Guarded<int32_t> &table : tables)
      pointers.push_back(table.data());
    plan.queryCoordinates = this->queries.data();
    plan.keyCoordinates = this->keys.data();
    plan.tables = pointers.data();
    plan.numbers = numbers.data();
  }
};

TEST(CudaFunctor, RandomSetsMeanWhatTheySay) {
  unsigned first = std::random_device{}();
  std::vector<std::unique_ptr<RandomProgram>> programs;
  std::vector<std::string> texts;
  for (unsigned seed = first; seed < first + 60; ++seed) {
    programs.push_back(std::make_unique<RandomProgram>(seed));
    texts.push_back(emitFunctor(programs.back()->program));
  }
  HostFunctors functors(texts);
  for (size_t number = 0; number < programs.size(); ++number) {
    RandomProgram &random = *programs[number];
    constexpr int queries = 13, keys = 48;
    std::vector<Token> q, k;
    auto draw = [&](int count, std::vector<Token> &tokens) {
      std::vector<int32_t> at(4 * count);
      for (int i = 0; i < count; ++i) {
        Token token{random.below(8) ? random.below(2) : -1, {0, 0, 0}};
        for (int32_t c = 0; c < 3; ++c)
          if (token.segment == (c == 2))
            at[c * count + i] = token.at[c] = random.below(RandomProgram::extents[c]);
        at[3 * count + i] = token.segment;
        tokens.push_back(token);
      }
      return at;
    };
    std::vector<int32_t> queryLanes = draw(queries, q), keyLanes = draw(keys, k);
    Table table(random.data, queryLanes, keyLanes);
    unsigned fills = random.below(1 << random.program.abouts.size());
    std::vector<unsigned char> out(queries * keys);
    functors[number](&table.plan, queries, keys, fills, out.data());

    Meaning meaning{random.program, random.data};
    for (int i = 0; i < queries; ++i)
      for (int j = 0; j < keys; ++j) {
        if (q[i].segment < 0 || k[j].segment < 0)
          continue;
        bool allowed = false;
        for (size_t group = 0; group < random.program.abouts.size(); ++group)
          if (fills >> group & 1)
            allowed |= meaning.contains(random.program.abouts[group].limit, q[i], k[j]);
        int expected = meaning.contains(random.program.contains, q[i], k[j]) | allowed << 1;
        ASSERT_EQ(out[i * keys + j], expected) << "seed " << first + number << ", query " << i << ", key " << j << "\n"
                                               << texts[number];
      }
  }
}

/// A random pattern, bound at its own sizes.
struct Bound {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<BoundMask> mask;
  std::string pattern;

  explicit Bound(unsigned seed) : pattern(test::RandomPattern(seed, 23).write()) {
    context.loadDialect<mask::MaskDialect>();
    context.getDiagEngine().registerHandler([](mlir::Diagnostic &) {}); // some do not bind
    module = mlir::parseSourceString<mlir::ModuleOp>(pattern, &context);
    if (!module)
      return;
    mlir::FailureOr<LinkedProgram> program = buildProgram(op());
    if (failed(program))
      return;
    mlir::FailureOr<BoundMask> bound = bindMask(*program, inputsOf(op()));
    if (succeeded(bound))
      mask = std::make_unique<BoundMask>(*bound);
  }
  mask::PatternOp op() { return *module->getOps<mask::PatternOp>().begin(); }

  /// [coordinate][token], segments last.
  std::vector<int32_t> coordinates() const {
    const std::vector<runtime::Coordinate> &wanted = mask->program().coordinates;
    int64_t tokens = mask->tokens();
    std::vector<int32_t> at((wanted.size() + 1) * tokens);
    for (const BoundMask::Segment &segment : mask->segments())
      for (int64_t token = 0; token < segment.tokens; ++token) {
        at[wanted.size() * tokens + segment.firstToken + token] = segment.id;
        for (size_t c = 0; c < wanted.size(); ++c) {
          if (wanted[c].segment != segment.id)
            continue;
          int64_t rest = token;
          for (size_t axis = segment.extents.size() - 1; axis > size_t(wanted[c].axis); --axis)
            rest /= segment.extents[axis];
          int64_t x = rest % segment.extents[wanted[c].axis];
          at[c * tokens + segment.firstToken + token] =
              wanted[c].table < 0 ? int32_t(x) : mask->data().tables[wanted[c].table][x];
        }
      }
    return at;
  }
};

TEST(CudaFunctor, RandomPatternsMeanWhatTheReferenceSays) {
  unsigned first = std::random_device{}(), seed = first;
  std::vector<std::unique_ptr<Bound>> patterns;
  std::vector<std::string> texts;
  for (; patterns.size() < 40 && seed < first + 400; ++seed) {
    auto bound = std::make_unique<Bound>(seed);
    if (!bound->mask || bound->mask->tokens() == 0)
      continue;
    texts.push_back(emitFunctor(bound->mask->program()));
    patterns.push_back(std::move(bound));
  }
  ASSERT_EQ(patterns.size(), 40u);
  HostFunctors functors(texts);
  for (size_t number = 0; number < patterns.size(); ++number) {
    SCOPED_TRACE(patterns[number]->pattern + texts[number]);
    const BoundMask &mask = *patterns[number]->mask;
    const int tokens = int(mask.tokens());
    std::vector<int32_t> coordinates = patterns[number]->coordinates();
    Table table(mask.data(), coordinates, coordinates);
    std::vector<unsigned char> out(tokens * tokens);
    functors[number](&table.plan, tokens, tokens, ~0u, out.data());
    Reference reference(patterns[number]->op());
    for (int q = 0; q < tokens; ++q)
      for (int k = 0; k < tokens; ++k) {
        bool allowed = false;
        for (unsigned about = 0; about < reference.abouts(); ++about)
          allowed |= reference.allowed(about, q, k);
        ASSERT_EQ(out[q * tokens + k], reference.contains(q, k) | allowed << 1) << q << ", " << k;
      }
  }
}

TEST(CudaFunctor, TextIsShort) {
  EXPECT_EQ(emitFunctor(causal("token")), R"(// Segments: 0(token)
constexpr bool functorTests = true;

struct FunctorQuery {
  int segment;
  int low0, high0; // of keys' token
};

__device__ FunctorQuery functorQuery(const PlanTable &plan, const int *coordinates, int stride) {
  FunctorQuery q;
  q.segment = coordinates[1 * stride];
  q.low0 = plan.tables[1][coordinates[0]];
  q.high0 = plan.tables[2][coordinates[0]];
  return q;
}

struct FunctorKey {
  int segment;
  int token;
};

__device__ FunctorKey functorKey(const PlanTable &plan, const int *coordinates, int stride) {
  FunctorKey k;
  k.segment = coordinates[1 * stride];
  k.token = coordinates[0];
  return k;
}

__device__ bool contains(const PlanTable &plan, const FunctorQuery &q, const FunctorKey &k) {
  const bool interval0 = k.token >= q.low0 && k.token < q.high0;
  return interval0;
}

__device__ bool allowed(const PlanTable &plan, unsigned fills, const FunctorQuery &q, const FunctorKey &k) {
  return false;
}
)");
}

TEST(CudaFunctor, DensePatternsTestNothing) {
  SetProgram program;
  program.segments = {{"video", {"frame", "patch"}}, {"text", {"token"}}};
  program.extentTable = 0;
  SetNode all, both;
  both.kind = SetKind::AllOf;
  both.operands = {0, 0};
  program.nodes = {all, both};
  program.contains = 1;
  EXPECT_NE(emitFunctor(program).find("functorTests = false"), std::string::npos);
  program.nodes[1].kind = SetKind::NoneOf; // no pair: every tile is skipped, but none is full
  EXPECT_NE(emitFunctor(program).find("functorTests = true"), std::string::npos);
}

TEST(CudaFunctor, PlansWithoutTestsSaySo) {
  SetProgram program; // as emitSource makes one: of no segments, all pairs
  program.nodes.resize(1);
  program.contains = 0;
  EXPECT_EQ(emitFunctor(program).rfind("// no tile of this plan is tested\nconstexpr bool functorTests = false;\n", 0),
            0u);
}

TEST(CudaFunctor, NamesAreIdentifiers) {
  std::vector<std::string> texts;
  for (const char *axis : {"int", "segment", "low0", "0", "a.b-c$", "__device__", "über", "_", "x__y"}) {
    SetProgram program = causal(axis);
    program.segments[0].axes = {axis, axis, "axis1"};
    program.coordinates = {{0, 0, -1}, {0, 1, -1}, {0, 2, -1}, {0, 0, 7}};
    program.nodes[0].query = program.nodes[0].coordinate = 3;
    program.nodes[0].equal = 1;
    SetNode other = program.nodes[0], both;
    other.equal = 2;
    both.kind = SetKind::AllOf;
    both.operands = {0, 1};
    program.nodes = {program.nodes[0], other, both};
    program.contains = 2;
    texts.push_back(emitFunctor(program));
  }
  EXPECT_NO_THROW(HostFunctors{texts});
}

} // namespace
