// SPDX-License-Identifier: Apache-2.0
//
// The matrix instructions, element by element as the manual numbers them: its formulas say for a lane and the index of
// an element in its fragment which row and column of the matrix that is. The matrices are filled here first, fragments
// are cut from them by those formulas, and products are summed over the whole matrices in double precision.
#include "tests/ptxsim/Matrix.h"
#include "tests/ptxsim/Numbers.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

using namespace ptxsim;

namespace {

struct RowColumn {
  int row, column;
};

// Of the manual's figures, group = lane / 4 and thread = lane % 4. i counts a lane's elements of the operand.
RowColumn a16(int lane, int i) { // m16n8k16 and m16n8k8 of 16-bit elements
  return {lane / 4 + (i % 4 < 2 ? 0 : 8), lane % 4 * 2 + i % 2 + (i < 4 ? 0 : 8)};
}
RowColumn b16(int lane, int i) { return {lane % 4 * 2 + i % 2 + (i < 2 ? 0 : 8), lane / 4}; }
RowColumn a8(int lane, int i) { // m16n8k32 and m16n8k16 of 8-bit elements
  return {lane / 4 + (i % 8 < 4 ? 0 : 8), lane % 4 * 4 + i % 4 + (i < 8 ? 0 : 16)};
}
RowColumn b8(int lane, int i) { return {lane % 4 * 4 + i % 4 + (i < 4 ? 0 : 16), lane / 4}; }
RowColumn accumulator(int lane, int i) { return {lane / 4 + (i < 2 ? 0 : 8), lane % 4 * 2 + i % 2}; }

/// Elements as bits, row by row.
struct Elements {
  int rows, columns;
  std::vector<uint32_t> bits;
  Elements(int rows, int columns) : rows(rows), columns(columns), bits(size_t(rows * columns)) {}
  uint32_t &at(RowColumn place) { return bits.at(size_t(place.row * columns + place.column)); }
};

/// Registers of one operand and the pointers to them.
struct Fragment {
  uint32_t words[4][laneCount] = {};
  uint32_t *registers[4] = {words[0], words[1], words[2], words[3]};
  Fragment() = default;
  Fragment(const Fragment &other) { *this = other; }
  Fragment &operator=(const Fragment &other) {
    std::memcpy(words, other.words, sizeof words);
    return *this;
  }
};

Fragment cut(Elements &from, int bitsEach, RowColumn (*place)(int, int)) {
  Fragment out;
  int elementsEach = from.rows * from.columns / laneCount, perWord = 32 / bitsEach;
  for (int lane = 0; lane < laneCount; ++lane)
    for (int i = 0; i < elementsEach; ++i) {
      uint32_t &word = out.words[i / perWord][lane];
      word |= from.at(place(lane, i)) << bitsEach * (i % perWord);
    }
  return out;
}

double value(Element element, uint32_t bits) {
  switch (element) {
  case Element::bf16:
    return asFloat(bits << 16);
  case Element::f16:
    return decode(f16Format, bits);
  case Element::e4m3:
    return decode(e4m3Format, bits);
  case Element::e5m2:
    return decode(e5m2Format, bits);
  case Element::s8:
    return int8_t(bits);
  case Element::u8:
    return bits;
  }
  return 0;
}

struct Product {
  Elements a, b, c;
  Fragment aParts, bParts, cParts;
  std::vector<double> exact, magnitude; ///< 16 x 8: c + a b, |c| + sum |a| |b|
};

using Draw = std::function<uint32_t()>;

Product product(Element aType, Element bType, int k, const Draw &drawA, const Draw &drawB, const Draw &drawC,
                bool integers) {
  Product out{Elements(16, k), Elements(k, 8), Elements(16, 8), {}, {}, {}, {}, {}};
  for (uint32_t &bits : out.a.bits)
    bits = drawA();
  for (uint32_t &bits : out.b.bits)
    bits = drawB();
  for (uint32_t &bits : out.c.bits)
    bits = drawC();
  bool wide = elementBits(aType) == 16;
  out.aParts = cut(out.a, elementBits(aType), wide ? a16 : a8);
  out.bParts = cut(out.b, elementBits(bType), wide ? b16 : b8);
  out.cParts = cut(out.c, 32, accumulator);
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      uint32_t start = out.c.at({row, column});
      double sum = integers ? double(int32_t(start)) : double(asFloat(start)), size = std::fabs(sum);
      for (int i = 0; i < k; ++i) {
        double term = value(aType, out.a.at({row, i})) * value(bType, out.b.at({i, column}));
        sum += term;
        size += std::fabs(term);
      }
      out.exact.push_back(sum);
      out.magnitude.push_back(size);
    }
  return out;
}

/// Small integers: every sum is exact in every type, so all bits must agree.
Draw smallIntegers(std::mt19937 &random, const Format &format) {
  return [&random, &format] { return encode(format, int(random() % 9) - 4); };
}

void checkExact(Element type, const Format &format, int k) {
  std::mt19937 random(17);
  Draw draw = smallIntegers(random, format);
  Product p = product(type, type, k, draw, draw, smallIntegers(random, f32Format), false);
  Fragment d;
  mmaF32(type, type, k, d.registers, p.aParts.registers, p.bParts.registers, p.cParts.registers);
  for (int lane = 0; lane < laneCount; ++lane)
    for (int i = 0; i < 4; ++i) {
      RowColumn place = accumulator(lane, i);
      EXPECT_EQ(asFloat(d.words[i][lane]), p.exact[size_t(place.row * 8 + place.column)]) << lane << " " << i;
    }
}

void checkClose(Element type, const Format &format, int k, float range, double bound) {
  std::mt19937 random(23);
  std::normal_distribution<float> normal(0, range);
  Draw draw = [&] { return encode(format, normal(random), Rounding::nearest, true); };
  Product p = product(type, type, k, draw, draw, [&] { return asBits(normal(random)); }, false);
  // In place, as kernels accumulate.
  mmaF32(type, type, k, p.cParts.registers, p.aParts.registers, p.bParts.registers, p.cParts.registers);
  for (int lane = 0; lane < laneCount; ++lane)
    for (int i = 0; i < 4; ++i) {
      RowColumn place = accumulator(lane, i);
      size_t at = size_t(place.row * 8 + place.column);
      EXPECT_NEAR(asFloat(p.cParts.words[i][lane]), p.exact[at], k * bound * p.magnitude[at]);
    }
}

TEST(Matrix, SixteenBitProducts) {
  for (int k : {16, 8}) {
    checkExact(Element::bf16, bf16Format, k);
    checkExact(Element::f16, f16Format, k);
    checkClose(Element::bf16, bf16Format, k, 3, 0x1p-24);
    checkClose(Element::f16, f16Format, k, 3, 0x1p-24);
  }
}

TEST(Matrix, EightBitProducts) {
  for (int k : {32, 16}) {
    checkExact(Element::e4m3, e4m3Format, k);
    checkExact(Element::e5m2, e5m2Format, k);
    checkClose(Element::e4m3, e4m3Format, k, 50, 0x1p-24);
    checkClose(Element::e5m2, e5m2Format, k, 50, 0x1p-24);
  }
}

TEST(Matrix, EveryHalfPrecisionValueWidens) {
  // Row 0, k = 0 holds the value, B is the identity's first row, so d(0, 0) is the value.
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    Fragment a, b, c;
    a.words[0][0] = bits;
    b.words[0][0] = 0x3c00;
    mmaF32(Element::f16, Element::f16, 16, c.registers, a.registers, b.registers, c.registers);
    double expected = decode(f16Format, bits);
    EXPECT_TRUE(expected != expected ? c.words[0][0] == 0x7fffffff : asFloat(c.words[0][0]) == expected) << bits;
  }
}

TEST(Matrix, NotANumberSpreadsOverItsRowAlone) {
  Fragment a, b, c;
  a.words[1][5] = 0x7f81; // row 9, k = 2
  for (uint32_t &word : b.words[0])
    word = 0x3f803f80;
  mmaF32(Element::bf16, Element::bf16, 16, c.registers, a.registers, b.registers, c.registers);
  for (int lane = 0; lane < laneCount; ++lane)
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(c.words[i][lane], accumulator(lane, i).row == 9 ? 0x7fffffffu : 0u);
}

TEST(Matrix, HalfPrecisionAccumulators) {
  std::mt19937 random(29);
  Draw draw = smallIntegers(random, f16Format);
  Product p = product(Element::f16, Element::f16, 16, draw, draw, smallIntegers(random, f32Format), false);
  Fragment c, d;
  for (int lane = 0; lane < laneCount; ++lane)
    for (int i = 0; i < 2; ++i)
      c.words[i][lane] =
          convertPair(f16Format, f32Format, p.cParts.words[2 * i + 1][lane], p.cParts.words[2 * i][lane]);
  mmaF16(Element::f16, Element::f16, 16, d.registers, p.aParts.registers, p.bParts.registers, c.registers);
  for (int lane = 0; lane < laneCount; ++lane)
    for (int i = 0; i < 4; ++i) {
      RowColumn place = accumulator(lane, i);
      EXPECT_EQ(decode(f16Format, d.words[i / 2][lane] >> 16 * (i % 2) & 0xffff),
                p.exact[size_t(place.row * 8 + place.column)]);
    }
}

TEST(Matrix, IntegerProducts) {
  std::mt19937 random(31);
  Draw byte = [&] { return random() & 0xff; }, word = [&] { return uint32_t(random()) >> 4; };
  for (int k : {32, 16})
    for (Element a : {Element::s8, Element::u8})
      for (Element b : {Element::s8, Element::u8}) {
        Product p = product(a, b, k, byte, byte, word, true);
        Fragment d;
        mmaS32(a, b, k, d.registers, p.aParts.registers, p.bParts.registers, p.cParts.registers);
        for (int lane = 0; lane < laneCount; ++lane)
          for (int i = 0; i < 4; ++i) {
            RowColumn place = accumulator(lane, i);
            EXPECT_EQ(int32_t(d.words[i][lane]), p.exact[size_t(place.row * 8 + place.column)]);
          }
      }
}

TEST(Matrix, IntegerSumsWrapOrSaturate) {
  // The greatest product, 32 * 128 * 128 = 2^19, beside accumulators at the ends of the range.
  Fragment a, b, c, d;
  for (auto &word : a.words)
    std::fill_n(word, laneCount, 0x80808080);
  for (int i = 0; i < 2; ++i)
    std::fill_n(b.words[i], laneCount, 0x80808080);
  std::fill_n(c.words[0], laneCount, 0x7fffffff);
  std::fill_n(c.words[1], laneCount, 0x80000000);
  mmaS32(Element::s8, Element::s8, 32, d.registers, a.registers, b.registers, c.registers);
  EXPECT_EQ(d.words[0][3], 0x7fffffffu + 0x80000);
  EXPECT_EQ(d.words[1][3], 0x80080000u);
  mmaS32(Element::s8, Element::s8, 32, d.registers, a.registers, b.registers, c.registers, true);
  EXPECT_EQ(d.words[0][3], 0x7fffffffu);
  EXPECT_EQ(d.words[1][3], 0x80080000u);
  mmaS32(Element::u8, Element::s8, 32, d.registers, a.registers, b.registers, c.registers, true);
  EXPECT_EQ(d.words[1][3], 0x80000000u);
}

/// Matrix m, row r, column c of the loads' tests, as 16 bits that no other element holds.
uint32_t label(int matrix, int row, int column) { return uint32_t(1 + matrix * 64 + row * 8 + column) * 257; }

std::vector<MatrixRow> labelled() {
  std::vector<MatrixRow> rows(32);
  for (int row = 0; row < 32; ++row)
    for (int word = 0; word < 4; ++word)
      rows[size_t(row)].words[word] = label(row / 8, row % 8, 2 * word) | label(row / 8, row % 8, 2 * word + 1) << 16;
  return rows;
}

TEST(Matrix, LoadsOfMatrices) {
  // A lane holds elements (lane / 4, 2 (lane % 4)) and the one after it in the row; transposed, in the column.
  std::vector<MatrixRow> rows = labelled();
  for (int count : {1, 2, 4}) {
    Fragment plain, transposed;
    loadMatrix(count, false, plain.registers, rows.data());
    loadMatrix(count, true, transposed.registers, rows.data());
    for (int lane = 0; lane < laneCount; ++lane) {
      int group = lane / 4, first = lane % 4 * 2;
      for (int m = 0; m < count; ++m) {
        EXPECT_EQ(plain.words[m][lane], label(m, group, first) | label(m, group, first + 1) << 16);
        EXPECT_EQ(transposed.words[m][lane], label(m, first, group) | label(m, first + 1, group) << 16);
      }
      for (int m = count; m < 4; ++m)
        EXPECT_EQ(plain.words[m][lane], 0u);
    }
  }
}

TEST(Matrix, StoresOfMatrices) {
  std::vector<MatrixRow> rows = labelled();
  for (bool transposed : {false, true}) {
    Fragment registers;
    std::vector<MatrixRow> back(32);
    loadMatrix(4, transposed, registers.registers, rows.data());
    storeMatrix(4, transposed, back.data(), registers.registers);
    EXPECT_EQ(0, std::memcmp(back.data(), rows.data(), sizeof(MatrixRow) * 32));
  }
}

TEST(Matrix, MoveOfAMatrixTransposes) {
  std::vector<MatrixRow> rows = labelled();
  Fragment registers;
  loadMatrix(1, false, registers.registers, rows.data());
  transposeMatrix(registers.words[0], registers.words[0]);
  for (int lane = 0; lane < laneCount; ++lane)
    EXPECT_EQ(registers.words[0][lane], label(0, lane % 4 * 2, lane / 4) | label(0, lane % 4 * 2 + 1, lane / 4) << 16);
}

} // namespace
