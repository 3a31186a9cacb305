// SPDX-License-Identifier: Apache-2.0
//
// Pictures of a mask: as text for small domains, as a grey image for any.
#include "compiler/reference/Draw.h"
#include <algorithm>
#include <cmath>

using namespace falloff;

void falloff::drawText(int64_t tokens, ContainsFn contains, llvm::raw_ostream &os) {
  for (int64_t query = 0; query < tokens; ++query) {
    for (int64_t key = 0; key < tokens; ++key)
      os << (contains(query, key) ? '#' : '.');
    os << '\n';
  }
}

/// Share of the pairs in [query, queryEnd) x [key, keyEnd) that are kept, from
/// `samples` of them if there are more. The samples are a lattice of low
/// discrepancy, so that beats and stripes of a pattern do not show as false
/// patterns.
static double coverage(int64_t query, int64_t queryEnd, int64_t key, int64_t keyEnd, int64_t samples,
                       ContainsFn contains) {
  int64_t queries = queryEnd - query, keys = keyEnd - key, kept = 0;
  if (queries * keys <= samples) {
    for (int64_t q = query; q < queryEnd; ++q)
      for (int64_t k = key; k < keyEnd; ++k)
        kept += contains(q, k);
    return double(kept) / double(queries * keys);
  }
  // The additive recurrence of the plastic number covers a square evenly in two
  // dimensions. It starts at another point in each cell; the cell's own
  // coordinates decide, so that a picture is the same everywhere.
  constexpr double stepQuery = 0.7548776662466927, stepKey = 0.5698402909980532;
  double u = std::fmod(double(query) * stepKey + double(key) * 0.381966, 1.0);
  double v = std::fmod(double(key) * stepQuery + double(query) * 0.618034, 1.0);
  for (int64_t sample = 0; sample < samples; ++sample) {
    u = std::fmod(u + stepQuery, 1.0);
    v = std::fmod(v + stepKey, 1.0);
    kept += contains(query + int64_t(u * double(queries)), key + int64_t(v * double(keys)));
  }
  return double(kept) / double(samples);
}

GreyImage falloff::drawGrey(int64_t tokens, ContainsFn contains, int64_t side, int64_t budget) {
  GreyImage image;
  image.width = image.height = std::min(tokens, side);
  if (tokens == 0)
    return image;
  int64_t cells = image.width, samples = std::max<int64_t>(1, budget / (cells * cells));
  image.pixels.reserve(cells * cells);
  for (int64_t row = 0; row < cells; ++row)
    for (int64_t column = 0; column < cells; ++column) {
      double kept = coverage(row * tokens / cells, (row + 1) * tokens / cells, column * tokens / cells,
                             (column + 1) * tokens / cells, samples, contains);
      image.pixels.push_back(uint8_t(std::lround(255.0 * (1.0 - kept))));
    }
  return image;
}
