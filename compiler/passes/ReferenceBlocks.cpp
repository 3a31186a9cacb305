// SPDX-License-Identifier: Apache-2.0
//
// Pairs of frames that look the same, and lie in blocks the same way, are rounded once.
#include "compiler/passes/ReferenceBlocks.h"
#include "compiler/passes/Block.h"
#include "compiler/passes/Grid.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <tuple>

using namespace falloff;
using llvm::Twine;
using runtime::Run;

//===-- Where the rule applies ------------------------------------------------------------------------------------===//

static llvm::Error fail(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static constexpr const char *others = "rounding nearest, outward or exact does it";

static llvm::Error checkSegments(const std::vector<runtime::Segment> &segments) {
  bool hasFrames = segments.front().axes.size() > 1 && segments.front().tokens() > 0;
  if (hasFrames && (segments.size() == 1 || (segments.size() == 2 && segments.back().axes.size() == 1)))
    return llvm::Error::success();
  std::vector<std::string> words;
  for (const runtime::Segment &segment : segments)
    words.push_back(segment.name + "(" + llvm::join(segment.axes, ", ") + ")");
  return fail("expects frames with tokens, and text after them or none, for rounding radial-reference, but got " +
              llvm::join(words, ", ") + (hasFrames ? "" : " in this order and size") + "; " + others);
}

/// Whether a set is every pair in which a token of the text takes part.
static bool holdsText(const BoundMask &mask, int32_t node) {
  Box video = mask.whole(0), text = mask.whole(1);
  return mask.segments()[1].tokens == 0 ||
         (mask.classify(node, text, text) == Class::All && mask.classify(node, text, video) == Class::All &&
          mask.classify(node, video, text) == Class::All);
}

static llvm::Error checkMask(const BoundMask &mask) {
  const SetProgram &program = mask.program();
  bool hasText = mask.segments().size() > 1;
  auto isEverything = [&](int32_t node) {
    return mask.classify(node, mask.whole(0), mask.whole(0)) == Class::All && (!hasText || holdsText(mask, node));
  };
  bool isUnlimited = isEverything(program.limit);
  for (const AboutGroup &about : program.abouts)
    isUnlimited &= isEverything(about.limit);
  if (!isUnlimited)
    return fail("expects a mask without limits (`only`, `bounded`) for rounding radial-reference, which fills whole "
                "blocks, but got one of @" +
                program.name + "; " + others);
  if (hasText && !holdsText(mask, program.contains))
    return fail("expects a mask in which text sees and is seen by all for rounding radial-reference, but got one of @" +
                program.name + " in which it is not; " + others);
  return llvm::Error::success();
}

/// Number of blocks that the reference looks at in a frame.
static int64_t spanOf(int64_t patches, int64_t block) { return (patches + block - 1) / block; }

/// The reference writes span x span blocks of the last frame into what the grid has from there on. That fails unless
/// they fit, or are a single one.
static llvm::Error checkReach(int64_t frames, int64_t patches, int64_t tokens, int64_t block) {
  int64_t span = spanOf(patches, block), reach = (frames - 1) * patches / block + span, blocks = tokens / block;
  if (span == 1 || reach <= blocks)
    return llvm::Error::success();
  return fail("expects a size that the public reference can round, but got " + Twine(frames) + " frames of " +
              Twine(patches) + " tokens in blocks of " + Twine(block) +
              ": it raises an error there (a shape mismatch), since the last frame reaches block " + Twine(reach) +
              " of " + Twine(blocks) + "; " + others);
}

llvm::Expected<runtime::Grid> falloff::referenceGrid(const std::vector<BoundMask> &masks,
                                                     std::vector<runtime::Segment> segments, int64_t block) {
  constexpr int64_t maxFrames = 1 << 12, maxBlocks = 1 << 15;
  if (llvm::Error error = checkSegments(segments))
    return std::move(error);
  for (const BoundMask &mask : masks)
    if (llvm::Error error = checkMask(mask))
      return std::move(error);
  int64_t frames = segments.front().extents.front(), patches = segments.front().tokens() / frames;
  llvm::Expected<runtime::Grid> grid = flatGrid(std::move(segments), block, block);
  if (!grid)
    return grid.takeError();
  grid->queryTiles = grid->keyTiles = grid->tokens / block;
  if (grid->queryTiles < 1 || grid->queryTiles > maxBlocks || frames > maxFrames)
    return fail("expects 1 to " + Twine(maxBlocks) + " blocks and at most " + Twine(maxFrames) +
                " frames for rounding radial-reference, but got " + Twine(grid->queryTiles) + " blocks and " +
                Twine(frames) + " frames; " + others);
  if (llvm::Error error = checkReach(frames, patches, grid->tokens, block))
    return std::move(error);
  return grid;
}

//===-- One pair of frames ----------------------------------------------------------------------------------------===//

namespace {

/// Sums over the keys before each key of a frame, for one block of queries.
struct ColumnSums {
  std::vector<int64_t> pairs;
  std::vector<int32_t> seen;  ///< columns that hold a pair
  std::vector<int32_t> dense; ///< columns that hold one in more than a third of the block's rows

  void reset() {
    pairs.assign(1, 0);
    seen.assign(1, 0);
    dense.assign(1, 0);
  }
  void add(int64_t count, int64_t columns, int64_t block) {
    for (int64_t i = 0; i < columns; ++i) {
      pairs.push_back(pairs.back() + count);
      seen.push_back(seen.back() + (count > 0));
      dense.push_back(dense.back() + (3 * count > block));
    }
  }
};

/// What a pair of frames keeps, in blocks counted from the first that each frame touches.
struct FrameBlocks {
  struct Part {
    int32_t row, first, last; ///< blocks [first, last) of a row
  };
  std::vector<Part> kept;
  std::vector<int64_t> pairs; ///< of the mask in each block, (span + 1) x (span + 1)
};

/// A pair of frames, and what decides its blocks.
struct FramePair {
  int32_t id;                   ///< of LeadingSignatures
  int32_t queryPhase, keyPhase; ///< tokens of the first block that are not the frame's
  int32_t query, key;

  std::tuple<int32_t, int32_t> rows() const { return {id, queryPhase}; }
  std::tuple<int32_t, int32_t, int32_t> kind() const { return {id, queryPhase, keyPhase}; }
  /// By kind, those of one kind as they stand in the mask.
  auto order() const { return std::make_tuple(id, queryPhase, keyPhase, query, key); }
};

class ReferenceRounder {
public:
  ReferenceRounder(const BoundMask &mask, const runtime::Grid &grid);
  runtime::RowTable round();

private:
  std::vector<FramePair> framePairs() const;
  void sumColumns(const FramePair &pair);
  void sumColumns(const Region &queries, int64_t frame, int64_t first, int64_t last, ColumnSums &sums);
  FrameBlocks roundPair(int64_t keyPhase) const;
  void keepBlocks(const FramePair &pair, const FrameBlocks &blocks);
  void keepText();
  int64_t keptPairs(const FramePair &pair, const FrameBlocks &blocks) const;
  void count(const std::vector<FramePair> &pairs, const std::vector<FrameBlocks> &kinds,
             const std::vector<int32_t> &kindOf, runtime::RowTable &table) const;

  Region tokens(int64_t frame, int64_t first, int64_t last) const;
  int64_t firstBlock(int64_t frame) const { return frame * patches / block; }

  const BoundMask &mask;
  RegionQuestions ask;
  int64_t block, blocks, frames, patches, span;
  std::vector<ColumnSums> columns; ///< by block of queries, span + 1
  std::vector<llvm::BitVector> rows;
};

} // namespace

ReferenceRounder::ReferenceRounder(const BoundMask &mask, const runtime::Grid &grid)
    : mask(mask), ask(mask), block(grid.flatQueryTile), blocks(grid.queryTiles),
      frames(grid.segments.front().extents.front()), patches(grid.segments.front().tokens() / frames),
      span(spanOf(patches, block)), columns(span + 1), rows(blocks, llvm::BitVector(unsigned(blocks))) {}

/// Tokens [first, last) of a frame.
Region ReferenceRounder::tokens(int64_t frame, int64_t first, int64_t last) const {
  std::vector<Box> boxes = mask.boxes({frame * patches + first, frame * patches + last});
  Region region;
  region.boxes.assign(boxes.begin(), boxes.end());
  region.tokens = last - first;
  return region;
}

/// All pairs of frames; those of one kind follow each other.
std::vector<FramePair> ReferenceRounder::framePairs() const {
  LeadingSignatures signatures(mask, 0, 0, {mask.program().contains});
  std::vector<int32_t> ids(frames);
  std::vector<FramePair> pairs;
  pairs.reserve(frames * frames);
  for (int32_t query = 0; query < frames; ++query) {
    signatures.row(query, ids.data());
    for (int32_t key = 0; key < frames; ++key)
      pairs.push_back({ids[key], int32_t(query * patches % block), int32_t(key * patches % block), query, key});
  }
  llvm::sort(pairs, [](const FramePair &a, const FramePair &b) { return a.order() < b.order(); });
  return pairs;
}

void ReferenceRounder::sumColumns(const Region &queries, int64_t frame, int64_t first, int64_t last, ColumnSums &sums) {
  int32_t contains = mask.program().contains;
  Region keys = tokens(frame, first, last);
  Class found = ask.classify(contains, queries, keys);
  if (found != Class::Some) {
    sums.add(found == Class::All ? queries.tokens : 0, last - first, block);
  } else if (last - first == 1) {
    sums.add(ask.count(contains, queries, keys), 1, block);
  } else {
    int64_t middle = first + (last - first) / 2;
    sumColumns(queries, frame, first, middle, sums);
    sumColumns(queries, frame, middle, last, sums);
  }
}

void ReferenceRounder::sumColumns(const FramePair &pair) {
  for (int64_t row = 0; row <= span; ++row) {
    columns[row].reset();
    int64_t first = std::clamp<int64_t>(row * block - pair.queryPhase, 0, patches);
    int64_t last = std::clamp<int64_t>((row + 1) * block - pair.queryPhase, 0, patches);
    if (first < last)
      sumColumns(tokens(pair.query, first, last), pair.key, 0, patches, columns[row]);
    else
      columns[row].add(0, patches, block);
  }
}

/// The rule itself. The reference divides in float32; whole numbers agree with it, equal shares included.
FrameBlocks ReferenceRounder::roundPair(int64_t keyPhase) const {
  FrameBlocks result;
  for (int32_t row = 0; row <= span; ++row) {
    const ColumnSums &sums = columns[row];
    for (int32_t column = 0; column <= span; ++column) {
      int64_t first = std::clamp<int64_t>(column * block - keyPhase, 0, patches);
      int64_t last = std::clamp<int64_t>((column + 1) * block - keyPhase, 0, patches);
      result.pairs.push_back(sums.pairs[last] - sums.pairs[first]);
      bool isLookedAt = row < span && column < span;
      if (!isLookedAt || 5 * (sums.dense[last] - sums.dense[first]) <= 3 * (sums.seen[last] - sums.seen[first]))
        continue;
      if (!result.kept.empty() && result.kept.back().row == row && result.kept.back().last == column)
        ++result.kept.back().last;
      else
        result.kept.push_back({row, column, column + 1});
    }
  }
  return result;
}

//===-- The whole grid --------------------------------------------------------------------------------------------===//

void ReferenceRounder::keepBlocks(const FramePair &pair, const FrameBlocks &kind) {
  int64_t firstRow = firstBlock(pair.query), firstColumn = firstBlock(pair.key);
  for (const FrameBlocks::Part &part : kind.kept) {
    int64_t first = firstColumn + part.first, last = std::min(firstColumn + part.last, blocks);
    if (firstRow + part.row < blocks && first < last)
      rows[firstRow + part.row].set(unsigned(first), unsigned(last));
  }
}

void ReferenceRounder::keepText() {
  int64_t first = std::min(frames * patches / block, blocks);
  for (int64_t row = 0; row < blocks; ++row)
    rows[row].set(unsigned(row < first ? first : 0), unsigned(blocks));
}

/// Pairs of the mask between two frames that lie in kept blocks.
int64_t ReferenceRounder::keptPairs(const FramePair &pair, const FrameBlocks &kind) const {
  int64_t firstRow = firstBlock(pair.query), firstColumn = firstBlock(pair.key), kept = 0;
  for (int64_t row = 0; row <= span && firstRow + row < blocks; ++row)
    for (int64_t column = 0; column <= span && firstColumn + column < blocks; ++column)
      if (rows[firstRow + row].test(unsigned(firstColumn + column)))
        kept += kind.pairs[row * (span + 1) + column];
  return kept;
}

void ReferenceRounder::count(const std::vector<FramePair> &pairs, const std::vector<FrameBlocks> &kinds,
                             const std::vector<int32_t> &kindOf, runtime::RowTable &table) const {
  std::vector<int64_t> sums;
  for (const FrameBlocks &kind : kinds) {
    int64_t sum = 0;
    for (int64_t inBlock : kind.pairs)
      sum += inBlock;
    sums.push_back(sum);
  }
  int64_t kept = 0;
  for (size_t i = 0; i < pairs.size(); ++i) {
    table.pairsInMask += sums[kindOf[i]];
    kept += keptPairs(pairs[i], kinds[kindOf[i]]);
  }
  // Pairs with text are all in the mask, and in kept blocks as far as the grid goes.
  auto withText = [&](int64_t end) {
    return end * end - std::min(frames * patches, end) * std::min(frames * patches, end);
  };
  table.pairsInMask += withText(mask.tokens());
  kept += withText(blocks * block);
  table.pairsLost = table.pairsInMask - kept;
  for (const llvm::BitVector &row : rows)
    table.pairsIssued += int64_t(row.count()) * block * block;
  table.pairsComputed = table.pairsIssued;
}

runtime::RowTable ReferenceRounder::round() {
  std::vector<FramePair> pairs = framePairs();
  std::vector<FrameBlocks> kinds;
  std::vector<int32_t> kindOf;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i == 0 || pairs[i].rows() != pairs[i - 1].rows())
      sumColumns(pairs[i]);
    if (i == 0 || pairs[i].kind() != pairs[i - 1].kind())
      kinds.push_back(roundPair(pairs[i].keyPhase));
    kindOf.push_back(int32_t(kinds.size()) - 1);
    keepBlocks(pairs[i], kinds.back());
  }
  keepText();
  runtime::RowTable table;
  table.rowStart.push_back(0);
  for (const llvm::BitVector &row : rows) {
    for (int first = row.find_first(); first >= 0;) {
      int last = row.find_next_unset(unsigned(first));
      last = last < 0 ? int(blocks) : last;
      table.runs.emplace_back(first, last, Run::full);
      first = last < blocks ? row.find_next(unsigned(last)) : -1;
    }
    table.rowStart.push_back(uint32_t(table.runs.size()));
  }
  count(pairs, kinds, kindOf, table);
  return table;
}

runtime::RowTable falloff::referenceRows(const BoundMask &mask, const runtime::Grid &grid) {
  return ReferenceRounder(mask, grid).round();
}
