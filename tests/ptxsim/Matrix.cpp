// SPDX-License-Identifier: Apache-2.0
//
// Matrix.h. Fragments have one form for every element type: seen as 32-bit words along k, lane 4 g + t holds word
// t + 4 (r / 2) of row g + 8 (r mod 2) in register r of A, and word t + 4 r of column g in register r of B; register r
// of the accumulators holds row g + 8 (r / 2), column 2 t + r mod 2. So operands are gathered as words, and words are
// widened to float, where all the types' values and their products are exact (8-bit integers' sums too).
#include "tests/ptxsim/Matrix.h"
#include "tests/ptxsim/Numbers.h"
#include <array>
#include <cassert>
#include <cstring>
#include <limits>

namespace ptxsim {
namespace {

constexpr int rows = 16, columns = 8, maxWords = 8, maxK = 32;

/// A's rows along k, or B's rows of `columns` values.
struct Operands {
  float a[rows][maxK];
  float b[maxK][columns];
};

/// All values of an 8-bit type.
const float *byteValues(Element element) {
  static const auto tables = [] {
    std::array<std::array<float, 256>, 4> values;
    for (int bits = 0; bits < 256; ++bits) {
      values[0][bits] = float(decode(e4m3Format, bits));
      values[1][bits] = float(decode(e5m2Format, bits));
      values[2][bits] = float(int8_t(bits));
      values[3][bits] = float(bits);
    }
    return values;
  }();
  return tables[int(element) - int(Element::e4m3)].data();
}

/// f16 to float without branches: the exponent's field moves to its place and is then scaled, which also normalises
/// subnormal numbers; infinities and NaNs get the exponent of their own.
inline float widenF16(uint32_t bits) {
  uint32_t magnitude = (bits & 0x7fff) << 13;
  float scaled = asFloat(magnitude) * asFloat(0x77800000); // 2^112
  uint32_t special = magnitude >= 0x0f800000 ? 0x7f800000 : 0;
  return asFloat(asBits(scaled) | special | (bits & 0x8000) << 16);
}

/// The elements of `count` words, each at `stride` floats from the one before.
template <int stride>
void widen(Element element, const uint32_t *words, int count, float *out) {
  if (element == Element::bf16) {
    for (int i = 0; i < count; ++i) {
      out[2 * i * stride] = asFloat(words[i] << 16);
      out[(2 * i + 1) * stride] = asFloat(words[i] & 0xffff0000);
    }
  } else if (element == Element::f16) {
    for (int i = 0; i < count; ++i) {
      out[2 * i * stride] = widenF16(words[i] & 0xffff);
      out[(2 * i + 1) * stride] = widenF16(words[i] >> 16);
    }
  } else {
    const float *values = byteValues(element);
    for (int i = 0; i < count; ++i)
      for (int byte = 0; byte < 4; ++byte)
        out[(4 * i + byte) * stride] = values[words[i] >> 8 * byte & 255];
  }
}

void gather(Element aType, Element bType, int k, const uint32_t *const *a, const uint32_t *const *b, Operands &out) {
  assert(elementBits(aType) == elementBits(bType) && k * elementBits(aType) / 32 <= maxWords);
  int words = k * elementBits(aType) / 32; // along k
  for (int row = 0; row < rows; ++row) {
    uint32_t line[maxWords];
    for (int word = 0; word < words; ++word)
      line[word] = a[word / 4 * 2 + row / 8][row % 8 * 4 + word % 4];
    widen<1>(aType, line, words, out.a[row]);
  }
  for (int column = 0; column < columns; ++column) {
    uint32_t line[maxWords];
    for (int word = 0; word < words; ++word)
      line[word] = b[word / 4][column * 4 + word % 4];
    widen<columns>(bType, line, words, out.b[0] + column);
  }
}

/// Four floats, which every processor adds at once.
typedef float Four __attribute__((vector_size(16)));

/// sums += a b, in the order of k.
void multiply(const Operands &operands, int k, float sums[rows][columns]) {
  for (int row = 0; row < rows; row += 2) {
    Four upperLeft, upperRight, lowerLeft, lowerRight;
    std::memcpy(&upperLeft, &sums[row][0], sizeof(Four));
    std::memcpy(&upperRight, &sums[row][4], sizeof(Four));
    std::memcpy(&lowerLeft, &sums[row + 1][0], sizeof(Four));
    std::memcpy(&lowerRight, &sums[row + 1][4], sizeof(Four));
    for (int i = 0; i < k; ++i) {
      Four left, right;
      std::memcpy(&left, &operands.b[i][0], sizeof(Four));
      std::memcpy(&right, &operands.b[i][4], sizeof(Four));
      upperLeft += operands.a[row][i] * left;
      upperRight += operands.a[row][i] * right;
      lowerLeft += operands.a[row + 1][i] * left;
      lowerRight += operands.a[row + 1][i] * right;
    }
    std::memcpy(&sums[row][0], &upperLeft, sizeof(Four));
    std::memcpy(&sums[row][4], &upperRight, sizeof(Four));
    std::memcpy(&sums[row + 1][0], &lowerLeft, sizeof(Four));
    std::memcpy(&sums[row + 1][4], &lowerRight, sizeof(Four));
  }
}

struct Place {
  int row, column;
};

/// Where accumulator `index` (0 to 3) of a lane lies.
Place accumulatorPlace(int lane, int index) { return {lane / 4 + 8 * (index / 2), lane % 4 * 2 + index % 2}; }

} // namespace

void mmaF32(Element aType, Element bType, int k, uint32_t *const d[4], const uint32_t *const *a,
            const uint32_t *const *b, const uint32_t *const c[4]) {
  Operands operands;
  float sums[rows][columns];
  gather(aType, bType, k, a, b, operands);
  for (int index = 0; index < 4; ++index)
    for (int lane = 0; lane < laneCount; ++lane) {
      Place place = accumulatorPlace(lane, index);
      sums[place.row][place.column] = asFloat(c[index][lane]);
    }
  multiply(operands, k, sums);
  for (int index = 0; index < 4; ++index)
    for (int lane = 0; lane < laneCount; ++lane) {
      Place place = accumulatorPlace(lane, index);
      d[index][lane] = canonical(sums[place.row][place.column]);
    }
}

void mmaF16(Element aType, Element bType, int k, uint32_t *const d[2], const uint32_t *const *a,
            const uint32_t *const *b, const uint32_t *const c[2]) {
  Operands operands;
  float sums[rows][columns];
  gather(aType, bType, k, a, b, operands);
  for (int index = 0; index < 4; ++index)
    for (int lane = 0; lane < laneCount; ++lane) {
      Place place = accumulatorPlace(lane, index);
      sums[place.row][place.column] = widenF16(c[index / 2][lane] >> 16 * (index % 2) & 0xffff);
    }
  multiply(operands, k, sums);
  for (int index = 0; index < 2; ++index)
    for (int lane = 0; lane < laneCount; ++lane) {
      Place low = accumulatorPlace(lane, 2 * index);
      const float *pair = &sums[low.row][low.column];
      d[index][lane] = encode(f16Format, pair[0]) | encode(f16Format, pair[1]) << 16;
    }
}

void mmaS32(Element aType, Element bType, int k, uint32_t *const d[4], const uint32_t *const *a,
            const uint32_t *const *b, const uint32_t *const c[4], bool saturate) {
  Operands operands;
  float sums[rows][columns] = {};
  gather(aType, bType, k, a, b, operands);
  multiply(operands, k, sums); // at most 32 * 255 * 255: exact in 24 bits
  using Limits = std::numeric_limits<int32_t>;
  for (int index = 0; index < 4; ++index)
    for (int lane = 0; lane < laneCount; ++lane) {
      Place place = accumulatorPlace(lane, index);
      int64_t sum = int64_t(sums[place.row][place.column]) + int32_t(c[index][lane]);
      if (saturate)
        sum = sum < Limits::min() ? Limits::min() : sum > Limits::max() ? Limits::max() : sum;
      d[index][lane] = uint32_t(sum);
    }
}

void transposeMatrix(uint32_t *d, const uint32_t *a) {
  uint32_t result[laneCount];
  for (int lane = 0; lane < laneCount; ++lane) {
    // Elements (2 t, g) and (2 t + 1, g) of the matrix whose row r lies in lanes 4 r to 4 r + 3.
    int row = lane % 4 * 2, column = lane / 4, shift = 16 * (column % 2);
    uint32_t low = a[row * 4 + column / 2] >> shift & 0xffff, high = a[(row + 1) * 4 + column / 2] >> shift & 0xffff;
    result[lane] = low | high << 16;
  }
  for (int lane = 0; lane < laneCount; ++lane)
    d[lane] = result[lane];
}

void loadMatrix(int count, bool transposed, uint32_t *const *d, const MatrixRow *rows) {
  for (int matrix = 0; matrix < count; ++matrix) {
    for (int lane = 0; lane < laneCount; ++lane)
      d[matrix][lane] = rows[matrix * 8 + lane / 4].words[lane % 4];
    if (transposed)
      transposeMatrix(d[matrix], d[matrix]);
  }
}

void storeMatrix(int count, bool transposed, MatrixRow *rows, const uint32_t *const *a) {
  for (int matrix = 0; matrix < count; ++matrix) {
    uint32_t words[laneCount];
    for (int lane = 0; lane < laneCount; ++lane)
      words[lane] = a[matrix][lane];
    if (transposed)
      transposeMatrix(words, words);
    for (int lane = 0; lane < laneCount; ++lane)
      rows[matrix * 8 + lane / 4].words[lane % 4] = words[lane];
  }
}

} // namespace ptxsim
