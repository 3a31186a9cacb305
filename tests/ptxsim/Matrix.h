// SPDX-License-Identifier: Apache-2.0
//
// The matrix instructions of a warp: which element of a matrix lies in which register of which lane, and products of
// such matrices. A register is 32 words, one a lane; an operand is a list of registers. All lanes take part.
//
// The manual leaves order and rounding of the sums inside an `mma` open. Here products are exact, and are added to the
// accumulator one by one, in the order of k, each sum rounded to nearest in single precision. A device adds in larger
// groups and drops bits where it aligns them (for 8-bit floating point it keeps some 13), so results that were not
// exact compare by a bound: |difference| <= k 2^-22 (|c| + sum |a b|) for 16-bit operands, k 2^-12 of it for 8-bit
// ones. Integer results are exact.
#ifndef FALLOFF_TESTS_PTXSIM_MATRIX_H
#define FALLOFF_TESTS_PTXSIM_MATRIX_H

#include "tests/ptxsim/Lanes.h"

namespace ptxsim {

enum class Element { bf16, f16, e4m3, e5m2, s8, u8 };

/// Bits of an element.
constexpr int elementBits(Element element) { return element == Element::bf16 || element == Element::f16 ? 16 : 8; }

/// `mma.sync.aligned.m16n8k<k>.row.col.f32.<a>.<b>.f32`: a holds k * bits / 64 registers, b half as many, c and d four.
/// d may be c. For k = 16 and 8 of 16-bit elements, 32 and 16 of 8-bit ones.
void mmaF32(Element aType, Element bType, int k, uint32_t *const d[4], const uint32_t *const *a,
            const uint32_t *const *b, const uint32_t *const c[4]);

/// The same with f16 accumulators, two a register: c and d hold two registers. The sum is rounded to f16 once.
void mmaF16(Element aType, Element bType, int k, uint32_t *const d[2], const uint32_t *const *a,
            const uint32_t *const *b, const uint32_t *const c[2]);

/// The same with s32 accumulators, of s8 and u8. Sums wrap around, or are clamped once at the end with `saturate`.
void mmaS32(Element aType, Element bType, int k, uint32_t *const d[4], const uint32_t *const *a,
            const uint32_t *const *b, const uint32_t *const c[4], bool saturate = false);

/// One row of an 8 x 8 matrix of 16-bit elements.
struct MatrixRow {
  uint32_t words[4];
};

/// `ldmatrix.sync.aligned.m8n8.x<count>{.trans}.shared.b16`: rows holds 8 * count rows as they lie in memory, row r of
/// matrix m from the address that lane 8 m + r gave; d holds `count` registers.
void loadMatrix(int count, bool transposed, uint32_t *const *d, const MatrixRow *rows);

/// `stmatrix.sync.aligned.m8n8.x<count>{.trans}.shared.b16`, which is loadMatrix backwards.
void storeMatrix(int count, bool transposed, MatrixRow *rows, const uint32_t *const *a);

/// `movmatrix.sync.aligned.m8n8.trans.b16`; d may be a.
void transposeMatrix(uint32_t *d, const uint32_t *a);

} // namespace ptxsim

#endif
