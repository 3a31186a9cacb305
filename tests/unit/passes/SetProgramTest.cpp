// SPDX-License-Identifier: Apache-2.0
//
// Set programs of the library's patterns: one structure at every size, the meaning of the reference interpreter, and
// errors that name what is wrong.
#include "compiler/dialect/mask/Mask.h"
#include "compiler/passes/BindProgram.h"
#include "compiler/passes/BuildProgram.h"
#include "compiler/passes/Pipelines.h"
#include "compiler/reference/Reference.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace falloff;

namespace {

class SetProgramTest : public testing::Test {
protected:
  SetProgramTest() {
    context.loadDialect<mask::MaskDialect>();
    context.getDiagEngine().registerHandler([&](mlir::Diagnostic &diagnostic) { messages += diagnostic.str() + "\n"; });
  }

  mask::PatternOp load(const std::string &name) {
    auto loaded = loadPattern(&context, name, FALLOFF_PATTERNS);
    EXPECT_TRUE(succeeded(loaded)) << messages;
    modules.push_back(std::move(*loaded));
    return patternIn(*modules.back());
  }

  mask::PatternOp parse(const std::string &text) {
    auto loaded = loadPatternText(&context, text, "", FALLOFF_PATTERNS);
    EXPECT_TRUE(succeeded(loaded)) << messages;
    modules.push_back(std::move(*loaded));
    return patternIn(*modules.back());
  }

  SetProgram programOf(const std::string &text) {
    auto program = buildProgram(parse(text));
    EXPECT_TRUE(succeeded(program)) << messages;
    return program->recipe.program;
  }

  /// The error of binding a pattern, without a newline.
  std::string bindError(const std::string &text, const Binding &binding) {
    mask::PatternOp pattern = parse(text);
    auto program = buildProgram(pattern);
    auto bound = resolveBinding(pattern, binding);
    EXPECT_TRUE(succeeded(program) && succeeded(bound)) << messages;
    EXPECT_TRUE(failed(bindMask(*program, inputsOf(*bound, 0))));
    std::string message = messages.substr(0, messages.find('\n'));
    messages.clear();
    return message;
  }

  /// Binds a library pattern both ways, linked with parameters and specialised, and compares all pairs and all heads.
  void compare(const std::string &name, const Binding &binding) {
    SCOPED_TRACE(name);
    mask::PatternOp linked = load(name);
    auto program = buildProgram(linked);
    auto specialised = specialisePattern(linked, binding);
    ASSERT_TRUE(succeeded(program) && succeeded(specialised)) << messages;
    int64_t heads = std::max<int64_t>(1, specialised->bound.heads);
    for (int64_t head = 0; head < heads; ++head) {
      auto mask = bindMask(*program, inputsOf(specialised->bound, head));
      unsigned index = specialised->patternOfHead.empty() ? 0 : specialised->patternOfHead[head];
      mask::PatternOp own = specialised->patterns[index];
      auto ownProgram = buildProgram(own);
      ASSERT_TRUE(succeeded(mask) && succeeded(ownProgram)) << messages;
      auto ownMask = bindMask(*ownProgram, inputsOf(own));
      ASSERT_TRUE(succeeded(ownMask)) << messages;
      comparePairs(*mask, own);
      comparePairs(*ownMask, own);
    }
  }

  void comparePairs(const BoundMask &mask, mask::PatternOp pattern) {
    Reference reference(pattern);
    ASSERT_EQ(mask.tokens(), reference.tokens());
    int64_t pairs = 0;
    for (int64_t q = 0; q < mask.tokens(); ++q)
      for (int64_t k = 0; k < mask.tokens(); ++k) {
        bool contains = reference.contains(q, k);
        ASSERT_EQ(mask.contains(mask.program().contains, q, k), contains) << q << ", " << k;
        ASSERT_EQ(mask.contains(mask.program().exact, q, k), reference.keepContains(q, k)) << q << ", " << k;
        pairs += contains;
        bool allowed = false;
        for (const AboutGroup &group : mask.program().abouts)
          allowed = allowed || mask.contains(group.limit, q, k);
        bool expected = false;
        for (unsigned i = 0; i < reference.abouts(); ++i)
          expected = expected || reference.allowed(i, q, k);
        ASSERT_EQ(allowed, expected) << q << ", " << k;
      }
    EXPECT_EQ(mask.pairs(mask.program().contains), pairs);
  }

  mlir::MLIRContext context;
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  std::string messages;
};

using Pairs = std::vector<std::pair<std::string, int64_t>>;

TEST_F(SetProgramTest, libraryPatternsAgreeWithTheReference) {
  Pairs frames{{"frames", 5}, {"tokens_per_frame", 9}}, boxes{{"frames", 7}, {"height", 5}, {"width", 4}};
  Pairs text{{"token", 23}}, both = frames, boxesAndText = boxes;
  both.push_back({"text", 3});
  boxesAndText.push_back({"text", 2});
  compare("dense", {both, {}, {}});
  compare("causal", {text, {}, {}});
  compare("block_causal", {{{"frames", 11}, {"tokens_per_frame", 3}}, {{"window", 5.0}, {"sinks", 1.0}}, {}});
  std::vector<std::vector<bool>> blocks(8, std::vector<bool>(8));
  for (int i = 0; i < 8; ++i)
    blocks[i][i * 3 % 8] = blocks[i][i] = true;
  compare("chosen", {{{"frames", 7}, {"height", 6}, {"width", 5}, {"text", 2}}, {{"blocks", blocks}}, {}});
  compare("cogvideox", {boxesAndText, {}, {}});
  compare("documents", {text, {{"starts", std::vector<double>{3, 9, 9, 15}}}, {}});
  compare("neighborhood", {boxes, {{"depth", 3.0}, {"side", 3.0}, {"stride", 2.0}, {"dilation", 2.0}}, {}});
  compare("radial", {both, {{"decay", 0.4}}, {}});
  compare("radial", {{{"frames", 40}, {"tokens_per_frame", 3}, {"text", 0}}, {{"sinks", 0.0}}, {}});
  compare("radial", {both, {}, {"text", "video"}});
  compare("radial_2d", {boxesAndText, {{"decay", 0.6}}, {}});
  compare("radial_reference", {both, {{"decay", 0.3}, {"block", 2.0}, {"adjacent", 2.0}, {"rule", "hunyuan"}}, {}});
  std::vector<std::vector<bool>> links{{true, false, true}, {true, true, false}, {false, false, true}};
  compare("scene_aware", {both, {{"cuts", std::vector<double>{2, 3}}, {"links", links}}, {}});
  compare("sliding_tile", {{{"frames", 13}, {"height", 9}, {"width", 9}, {"text", 1}}, {}, {}});
  compare("sparse_videogen", {both, {{"kind", std::vector<std::string>{"spatial", "temporal"}}, {"places", 2.0}}, {}});
  compare("streaming_llm", {text, {{"first", 2.0}, {"recent", 6.0}}, {}});
  Pairs vace = both;
  vace.push_back({"picture", 2});
  vace.push_back({"spot", 4});
  compare("vace", {vace, {}, {}});
}

TEST_F(SetProgramTest, leavesOfRadial) {
  auto program = buildProgram(load("radial"));
  ASSERT_TRUE(succeeded(program));
  std::vector<SetKind> kinds;
  for (const SetNode &node : program->recipe.program.nodes)
    if (node.kind >= SetKind::Keys)
      kinds.push_back(node.kind);
  EXPECT_EQ(kinds, (std::vector<SetKind>{SetKind::Width, SetKind::Beat, SetKind::Interval, SetKind::Interval,
                                         SetKind::Either}));
  EXPECT_EQ(program->recipe.program.abouts.size(), 1u);
}

TEST_F(SetProgramTest, equalSetsAreOneNode) {
  SetProgram program = programOf("mask.pattern @p over (%token: 8) {\n"
                                 "  %a = causal %token\n  %b = causal %token\n"
                                 "  %c = any_of %a, %b\n  keep %c only %b\n}\n");
  EXPECT_EQ(program.contains, program.exact);
  EXPECT_EQ(program.nodes[program.contains].kind, SetKind::Interval);
}

TEST_F(SetProgramTest, keysTellFunctorsApart) {
  auto key = [&](const std::string &set) {
    return programOf("mask.pattern @p(%n: count = 2) over (%token: ?) {\n" + set + "  keep %s\n}\n").key();
  };
  std::string first = key("  %s = first %n of %token\n");
  EXPECT_EQ(first, key("  %s = first 3 of %token\n")); // what differs stands in tables
  EXPECT_EQ(first, key("  %s = causal %token\n"));
  EXPECT_NE(first, key("  %a = causal %token\n  %s = none_of %a\n"));
  EXPECT_NE(first, key("  %s = where query(%token) < %n\n"));
  EXPECT_EQ(key("  %s = where query(%token) < %n\n"), key("  %s = where query(%token) < %n + extent(%token)\n"));
}

TEST_F(SetProgramTest, conditionsKeepOnlyWhatVaries) {
  SetProgram program = programOf("mask.pattern @p(%n: count = 2) over (%token: ?) {\n"
                                 "  %s = where query(%token) * (%n + 1) < key(%token) + floor(%n / 2)\n  keep %s\n}\n");
  EXPECT_EQ(program.numbers, 2);
  std::vector<int> steps;
  for (const WhereStep &step : program.nodes[program.contains].where)
    steps.push_back(step.kind);
  EXPECT_EQ(steps, (std::vector<int>{WhereStep::Query, WhereStep::Number, WhereStep::Multiply, WhereStep::Key,
                                     WhereStep::Number, WhereStep::Add, WhereStep::Less}));
}

TEST_F(SetProgramTest, aboutsOfOneLimitAreOneGroup) {
  SetProgram program = programOf("mask.pattern @p over (%token: 8) {\n"
                                 "  %a = first 1 of %token\n  %b = within 1 of %token\n  %c = within 2 of %token\n"
                                 "  %l = causal %token\n  %d = bounded %c by %l\n"
                                 "  keep about %a, %b, %d\n}\n");
  ASSERT_EQ(program.abouts.size(), 2u);
  EXPECT_EQ(program.nodes[program.abouts[0].limit].kind, SetKind::Everything);
  EXPECT_EQ(program.nodes[program.abouts[1].limit].kind, SetKind::Interval);
  EXPECT_EQ(program.filled.size(), 3u);
}

TEST_F(SetProgramTest, errorsNameTheDistance) {
  Binding binding{{{"frame", 4}, {"patch", 8}}, {}, {}};
  EXPECT_EQ(bindError("mask.pattern @p over video(%frame: ?, %patch: ?) {\n"
                      "  %w = let 6 / distance(%frame)\n  %s = within %w of %patch\n  keep %s\n}\n",
                      binding),
            "the width divides by 0 at distance(frame) = 0");
  EXPECT_EQ(bindError("mask.pattern @p over video(%frame: ?, %patch: ?) {\n"
                      "  %s = where 5 mod (distance(%frame) - 2) == 1\n  keep %s\n}\n",
                      binding),
            "the condition takes mod 0 at distance(frame) = 2");
  EXPECT_EQ(bindError("mask.pattern @p over video(%frame: ?, %patch: ?) {\n"
                      "  %s = where query(%patch) / (key(%frame) - 1) < 2\n  keep %s\n}\n",
                      binding),
            "the condition divides by 0 at key(frame) = 1");
  EXPECT_EQ(bindError("mask.pattern @p over video(%frame: ?, %patch: ?) {\n"
                      "  %w = let sqrt(1 - distance(%frame))\n  %s = within %w of %patch\n  keep %s\n}\n",
                      binding),
            "the width takes the square root of a negative number at distance(frame) = 2");
}

TEST_F(SetProgramTest, distancesThatNoPairHasAreNoErrors) {
  // Frames of one block are at most 1 apart: no pair divides by 0.
  mask::PatternOp pattern = parse("mask.pattern @p over video(%frame: 6, %patch: 2) {\n"
                                  "  %block, %beat = split %frame by 2\n"
                                  "  %s = where 1 / (2 * distance(%block) + 2 - distance(%frame)) < 1\n"
                                  "  keep %s\n}\n");
  auto program = buildProgram(pattern);
  ASSERT_TRUE(succeeded(program));
  auto mask = bindMask(*program, inputsOf(pattern));
  ASSERT_TRUE(succeeded(mask)) << messages;
  comparePairs(*mask, pattern);
}

TEST_F(SetProgramTest, errorsOfSizes) {
  Binding large{{{"frame", 4096}, {"row", 4096}, {"column", 16}}, {}, {}};
  EXPECT_EQ(bindError("mask.pattern @p over video(%frame: ?, %row: ?, %column: ?) {\n"
                      "  %s = where distance(%frame) + distance(%row) * distance(%column) < 9\n  keep %s\n}\n",
                      large),
            "depends on 268435456 combinations of distances; expects at most 67108864, so use fewer distances or "
            "shorter axes");
  std::vector<std::vector<bool>> two(2, std::vector<bool>(2));
  EXPECT_EQ(bindError("mask.pattern @p(%links: relation) over video(%frame: ?, %patch: ?) {\n"
                      "  %s = linked %frame by %links\n  keep %s\n}\n",
                      {{{"frame", 4}, {"patch", 8}}, {{"links", two}}, {}}),
            "expects a relation of 4 x 4 over 'frame', but got 2 x 2");
}

} // namespace
