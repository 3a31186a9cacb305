// SPDX-License-Identifier: Apache-2.0
//
// Walks the runs of one row of a plan for one (batch entry, head), on one thread.
#ifndef FALLOFF_COMPILER_CPU_ROWRUNNER_H
#define FALLOFF_COMPILER_CPU_ROWRUNNER_H

#include "compiler/cpu/EmitFunctor.h"
#include "compiler/cpu/Pack.h"
#include "runtime/PlanLayout.h"
#include "runtime/Recipe.h"
#include <cstdlib>
#include <memory>

namespace falloff::cpu {

using runtime::CoordinateReader;
using runtime::KeyLayout;
using runtime::QueryRows;
using runtime::RowPiece;

/// Aligned memory that is not set to anything.
class Buffer {
public:
  Buffer() = default;
  explicit Buffer(size_t bytes);
  char *data() const { return memory.get(); }
  template <typename T>
  T *as() const {
    return reinterpret_cast<T *>(memory.get());
  }

private:
  struct Free {
    void operator()(char *data) const { std::free(data); }
  };
  std::unique_ptr<char, Free> memory;
};

/// What every row of a call shares.
struct CallShape {
  KernelSpec spec;
  runtime::Recipe recipe; ///< of quantised kernels
  Step step = nullptr;
  Functor functor = nullptr; ///< null where every tile is full
  int64_t depth = 0, valuePanels = 0, valueDim = 0;
  float scale = 0;       ///< magnitude, in powers of two
  bool negate = false;   ///< the scale's sign, which queries take
  int64_t blockRows = 0; ///< queries of a block at most
};

/// Packed keys and values of one (batch entry, key head).
struct PackedHead {
  const char *keys = nullptr, *values = nullptr;
  int64_t valueStride = 0;
  const float *keyScales = nullptr; ///< of quantised kernels
};

/// What the rows of one table share.
struct TableData {
  const QueryRows *rows = nullptr;
  const CoordinateReader *coordinates = nullptr; ///< null where every tile is full
  std::vector<const int32_t *> tables;
  const double *numbers = nullptr;
  std::vector<int32_t> keyCoordinates; ///< [coordinate][lane of the layout]
};

/// What the lanes of the layout hold in one batch entry.
struct BatchLanes {
  runtime::TokenRange missing;
  std::vector<uint32_t> present; ///< by panel: a bit a lane
  std::vector<int32_t> segments; ///< by lane, as functors read them; empty where every tile is full
};

class RowRunner {
public:
  RowRunner(const CallShape &shape, const KeyLayout &keys, int64_t coordinates);

  /// Begins a block of queries: `tokens` of them, at most shape.blockRows. They belong to `piece`.
  void begin(const Rows &q, const int32_t *tokens, int64_t count, const TableData &table, const BatchLanes &lanes,
             const RowPiece &piece);
  /// Meets the key tiles of the piece.
  void walk(const PackedHead &head);

  /// The block's results: running maximum (in powers of two), sum of weights, and value number `column` of a query.
  float maximum(int64_t query) const { return maxima.as<float>()[query]; }
  float sum(int64_t query) const;
  const float *valuePanel(int64_t query, int64_t panel) const {
    return output.as<float>() + (panel * rows + query) * shape.spec.panel();
  }

private:
  void packBlock(const Rows &q, const int32_t *tokens, int64_t count);
  void walkFull(int64_t firstPanel, int64_t lastPanel);
  void walkTested(uint32_t tile, uint32_t test);
  void flush();
  void stepPanels(int64_t firstPanel, int64_t count, const uint8_t *mask, int64_t maskStride);
  uint8_t *bitsOfStep() const;
  void makeBits(int64_t firstPanel, int64_t count, uint32_t test);

  const CallShape &shape;
  const KeyLayout &layout;
  Buffer q, scores, weights, output, maxima, sums;
  std::vector<int32_t> queryCoordinates, querySegments;
  // Of quantised kernels, by row of the block.
  std::vector<float> queryScales;
  std::vector<int32_t> corrections;
  std::vector<uint8_t> poisoned; ///< 1: a result other than that of an empty row is NaN
  int64_t rows = 0, queries = 0;

  // Bits do not depend on the head, so those of a block stay until another block begins: a slot of them for each step
  // of tested tiles, and a last one, which is not kept, for the steps after these.
  struct Block {
    const TableData *table;
    const BatchLanes *lanes;
    const RowPiece *piece;
    int32_t firstToken;
    bool operator==(const Block &o) const {
      return table == o.table && lanes == o.lanes && piece == o.piece && firstToken == o.firstToken;
    }
  };
  Block block{};
  Buffer bits;
  int64_t slots = 0, keptSteps = 0; ///< slots in all; steps whose bits are there

  // Of the walk in progress.
  PackedHead head;
  int64_t testedSteps = 0;                    ///< steps of tested tiles that are done
  int64_t pendingFirst = 0, pendingCount = 0; ///< panels of the next such step
};

} // namespace falloff::cpu

#endif
