// SPDX-License-Identifier: Apache-2.0
//
// Walks the runs of one row of a plan for one (batch entry, head), on one thread.
#ifndef FALLOFF_COMPILER_CPU_ROWRUNNER_H
#define FALLOFF_COMPILER_CPU_ROWRUNNER_H

#include "compiler/cpu/EmitFunctor.h"
#include "compiler/cpu/Pack.h"
#include "compiler/cpu/PlanLayout.h"
#include <cstdlib>
#include <memory>

namespace falloff::cpu {

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

  /// Begins a block of queries: `tokens` of them, at most shape.blockRows.
  void begin(const Rows &q, const int32_t *tokens, int64_t count, const TableData &table, runtime::TokenRange missing);
  /// Meets the key tiles [firstTile, lastTile) of a row.
  void walk(const PackedHead &head, const TableData &table, const BatchLanes &lanes, uint32_t row, uint32_t firstTile,
            uint32_t lastTile);

  /// The block's results: running maximum (in powers of two), sum of weights, and value number `column` of a query.
  float maximum(int64_t query) const { return maxima.as<float>()[query]; }
  float sum(int64_t query) const;
  const float *valuePanel(int64_t query, int64_t panel) const {
    return output.as<float>() + (panel * rows + query) * shape.spec.panel();
  }

private:
  void walkFull(int64_t firstPanel, int64_t lastPanel);
  void walkTested(uint32_t tile, uint32_t test);
  void flush();
  void stepPanels(int64_t firstPanel, int64_t count, const uint8_t *mask, int64_t maskStride);

  const CallShape &shape;
  const KeyLayout &layout;
  Buffer q, scores, weights, output, maxima, sums, mask;
  std::vector<int32_t> queryCoordinates, querySegments;
  int64_t rows = 0, queries = 0;
  // Of the walk in progress.
  PackedHead head;
  const TableData *table = nullptr;
  const BatchLanes *lanes = nullptr;
  int64_t pendingFirst = 0, pendingCount = 0; ///< panels whose bits stand in `mask`
};

} // namespace falloff::cpu

#endif
