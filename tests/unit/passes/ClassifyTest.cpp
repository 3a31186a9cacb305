// SPDX-License-Identifier: Apache-2.0
//
// Random patterns: the bound mask holds the pairs that the reference interpreter holds; `None` means no pair, `All`
// means every pair, counts are exact, equal signatures leave equal sets, and empty rows are found.
#include "RandomPattern.h"
#include "compiler/dialect/mask/Mask.h"
#include "compiler/passes/BoundMask.h"
#include "compiler/passes/BuildProgram.h"
#include "compiler/reference/Reference.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <map>
#include <set>

using namespace falloff;

namespace {

/// A pattern, bound, with the reference's answers for each root.
class Case {
public:
  Case(uint32_t seed, int longest) : text(test::RandomPattern(seed, longest).write()), random(seed) {
    context.loadDialect<mask::MaskDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      return;
    auto pattern = *module->getOps<mask::PatternOp>().begin();
    mlir::FailureOr<LinkedProgram> program = buildProgram(pattern);
    if (failed(program))
      return;
    mlir::FailureOr<BoundMask> bound = bindMask(*program, inputsOf(pattern));
    if (failed(bound))
      return;
    mask = std::make_unique<BoundMask>(*bound);
    tokens = mask->tokens();
    ask(pattern);
  }

  bool valid() const { return mask != nullptr; }
  int pick(int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random); }

  Box randomBox() {
    std::vector<int32_t> segments;
    for (size_t i = 0; i < mask->segments().size(); ++i)
      if (mask->segments()[i].tokens > 0)
        segments.push_back(int32_t(i));
    Box box = mask->whole(segments[pick(0, int(segments.size()) - 1)]);
    const std::vector<int64_t> &extents = mask->segments()[box.segment].extents;
    for (size_t i = 0; i < extents.size(); ++i) {
      int kind = pick(0, 3);
      if (kind == 0) // the whole axis
        continue;
      box.lo[i] = pick(0, int(extents[i]) - 1);
      box.hi[i] = kind == 1 ? box.lo[i] + 1 : pick(box.lo[i] + 1, int(extents[i]));
    }
    return box;
  }

  /// Tokens of a box in row-major order.
  std::vector<int64_t> tokensOf(const Box &box) const {
    const BoundMask::Segment &segment = mask->segments()[box.segment];
    std::vector<int64_t> tokens{0};
    for (size_t i = 0; i < segment.extents.size(); ++i) {
      std::vector<int64_t> next;
      for (int64_t token : tokens)
        for (int32_t x = box.lo[i]; x < box.hi[i]; ++x)
          next.push_back(token * segment.extents[i] + x);
      tokens = next;
    }
    for (int64_t &token : tokens)
      token += segment.firstToken;
    return tokens;
  }

  bool holds(int32_t root, int64_t q, int64_t k) const { return pairs.at(root)[q * tokens + k]; }

  std::string text;
  std::mt19937 random;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<BoundMask> mask;
  int64_t tokens = 0;
  std::map<int32_t, std::vector<bool>> pairs; ///< by root

private:
  void ask(mask::PatternOp pattern) {
    Reference reference(pattern);
    const SetProgram &program = mask->program();
    std::vector<bool> none(tokens * tokens);
    for (int32_t root : {program.contains, program.exact})
      pairs[root] = none;
    // No `bounded` here, so all `about` sets have one limit: `only`.
    for (const AboutGroup &group : program.abouts)
      for (int32_t root : {group.set, group.limit, group.kept})
        pairs[root] = none;
    for (int64_t q = 0; q < tokens; ++q)
      for (int64_t k = 0; k < tokens; ++k) {
        int64_t pair = q * tokens + k;
        bool contains = reference.contains(q, k), about = false, allowed = reference.onlyContains(q, k);
        for (unsigned i = 0; i < reference.abouts(); ++i)
          about = about || reference.aboutContains(i, q, k);
        pairs[program.contains][pair] = contains;
        pairs[program.exact][pair] = reference.keepContains(q, k);
        for (const AboutGroup &group : program.abouts) {
          pairs[group.set][pair] = about;
          pairs[group.limit][pair] = allowed;
          pairs[group.kept][pair] = contains && allowed;
        }
      }
  }
};

void checkPairs(const Case &c) {
  for (const auto &[root, pairs] : c.pairs) {
    int64_t total = 0;
    for (int64_t q = 0; q < c.tokens; ++q)
      for (int64_t k = 0; k < c.tokens; ++k) {
        ASSERT_EQ(c.mask->contains(root, q, k), c.holds(root, q, k)) << "node " << root << ", pair " << q << ", " << k;
        total += c.holds(root, q, k);
      }
    ASSERT_EQ(c.mask->pairs(root), total) << "node " << root;
  }
}

void checkBoxes(Case &c, int boxes) {
  for (int i = 0; i < boxes; ++i) {
    Box query = c.randomBox(), key = c.randomBox();
    std::vector<int64_t> queries = c.tokensOf(query), keys = c.tokensOf(key);
    for (const auto &[root, pairs] : c.pairs) {
      int64_t count = 0;
      for (int64_t q : queries)
        for (int64_t k : keys)
          count += c.holds(root, q, k);
      ASSERT_EQ(c.mask->count(root, query, key), count) << "node " << root << ", case " << i;
      Class decided = c.mask->classify(root, query, key);
      if (decided == Class::None)
        ASSERT_EQ(count, 0) << "node " << root;
      if (decided == Class::All)
        ASSERT_EQ(count, int64_t(queries.size() * keys.size())) << "node " << root;
    }
  }
}

void checkSlices(Case &c) {
  int64_t a = c.pick(0, int(c.tokens)), b = c.pick(int(a), int(c.tokens));
  int64_t d = c.pick(0, int(c.tokens)), e = c.pick(int(d), int(c.tokens));
  for (const auto &[root, pairs] : c.pairs) {
    int64_t total = 0;
    BoundMask::EmptyRows rows;
    for (int64_t q = a; q < b; ++q) {
      int64_t keys = 0;
      for (int64_t k = d; k < e; ++k)
        keys += c.holds(root, q, k);
      total += keys;
      if (keys == 0 && rows.count++ == 0)
        rows.first = q;
    }
    ASSERT_EQ(c.mask->pairs(root, {a, b}, {d, e}), total);
    BoundMask::EmptyRows found = c.mask->emptyRows(root, {a, b}, {d, e});
    ASSERT_EQ(found.first, rows.first);
    ASSERT_EQ(found.count, rows.count);
  }
}

/// The set of a root over the remaining axes of a pair of leading indices, as text.
std::string restOf(const Case &c, int32_t root, Box query, Box key) {
  std::string text;
  for (int64_t q : c.tokensOf(query))
    for (int64_t k : c.tokensOf(key))
      text += c.holds(root, q, k) ? '1' : '0';
  return text;
}

void checkSignatures(const Case &c) {
  std::vector<int32_t> roots;
  for (const auto &[root, pairs] : c.pairs)
    roots.push_back(root);
  auto leading = [&](int32_t segment, int32_t index) {
    Box box = c.mask->whole(segment);
    if (c.mask->segments()[segment].extents.size() > 1) {
      box.lo[0] = index;
      box.hi[0] = index + 1;
    }
    return box;
  };
  for (size_t sq = 0; sq < c.mask->segments().size(); ++sq)
    for (size_t sk = 0; sk < c.mask->segments().size(); ++sk) {
      LeadingSignatures signatures(*c.mask, int32_t(sq), int32_t(sk), roots);
      std::vector<int32_t> ids(signatures.keyIndices());
      std::map<int32_t, std::vector<std::string>> seen;
      for (int32_t f = 0; f < signatures.queryIndices(); ++f) {
        signatures.row(f, ids.data());
        for (int32_t g = 0; g < signatures.keyIndices(); ++g) {
          std::vector<std::string> rest;
          Box query = leading(int32_t(sq), f), key = leading(int32_t(sk), g);
          for (int32_t root : roots)
            rest.push_back(restOf(c, root, query, key));
          auto [it, added] = seen.try_emplace(ids[g], rest);
          ASSERT_EQ(it->second, rest) << "signature " << ids[g] << " at " << f << ", " << g;
          if (added)
            ASSERT_EQ(signatures.representative(ids[g]), std::make_pair(f, g));
          for (size_t i = 0; i < roots.size(); ++i)
            ASSERT_EQ(signatures.decided(ids[g], int32_t(i)), c.mask->classify(roots[i], query, key));
        }
      }
      if (signatures.queryIndices() * signatures.keyIndices() > 0)
        ASSERT_EQ(int32_t(seen.size()), signatures.size());
    }
}

void check(uint32_t seed, int longest, int boxes) {
  Case c(seed, longest);
  SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + c.text);
  ASSERT_TRUE(c.valid());
  if (c.tokens == 0)
    return;
  checkPairs(c);
  if (!testing::Test::HasFatalFailure())
    checkBoxes(c, boxes);
  if (!testing::Test::HasFatalFailure())
    checkSlices(c);
  if (!testing::Test::HasFatalFailure())
    checkSignatures(c);
}

/// How many cases, and from which seed: FALLOFF_CASES and FALLOFF_SEED.
uint32_t setting(const char *name, uint32_t otherwise) {
  const char *value = getenv(name);
  return value ? uint32_t(atol(value)) : otherwise;
}

TEST(ClassifyTest, smallDomainsAgreeWithTheReference) {
  uint32_t first = setting("FALLOFF_SEED", 1), cases = setting("FALLOFF_CASES", 200);
  for (uint32_t seed = first; seed < first + cases && !HasFatalFailure(); ++seed)
    check(seed, 12, 20);
}

TEST(ClassifyTest, oneSegmentOfSeveralAxesAgreesWithTheReference) {
  uint32_t first = setting("FALLOFF_SEED", 1), cases = setting("FALLOFF_CASES", 200);
  for (uint32_t seed = first; seed < first + cases && !HasFatalFailure(); ++seed)
    check(seed, 0, 20);
}

TEST(ClassifyTest, longAxesAgreeWithTheReference) {
  uint32_t first = setting("FALLOFF_SEED", 1), cases = setting("FALLOFF_CASES", 200) / 20;
  for (uint32_t seed = first; seed < first + cases && !HasFatalFailure(); ++seed)
    check(seed, 400, 5);
}

} // namespace
