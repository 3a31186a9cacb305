// SPDX-License-Identifier: Apache-2.0
//
// What a launch executed: warp instructions, bytes, and wavefronts of shared memory, for each line of the PTX, so that
// a loop can be told from what is around it.
//
// A wavefront is what the 32 banks of 4 bytes answer at once. An access of 32 lanes needs as many as the bytes ask for
// (32 bits each: 1, 64 bits: 2, 128 bits: 4; ldmatrix: one for each 8 x 8 matrix), each for its own group of lanes;
// what a group needs beyond one, because a bank holds two of the words it asks for, is a conflict.
#ifndef FALLOFF_TESTS_PTXSIM_COUNTS_H
#define FALLOFF_TESTS_PTXSIM_COUNTS_H

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ptxsim {

/// What an instruction keeps busy.
enum class Kind : uint8_t {
  Integer,    ///< integer arithmetic, logic, shifts, comparison and selection
  Float,      ///< fp32, fp16 and bf16 arithmetic, comparison and selection included
  Double,     ///< fp64
  Special,    ///< ex2, lg2, rcp, rsqrt, sqrt, sin, cos, tanh
  Convert,    ///< cvt
  Move,       ///< mov, cvta and other instructions that ptxas mostly removes
  Branch,     ///< bra, brx, call, ret
  Matrix,     ///< mma
  LoadMatrix, ///< ldmatrix, stmatrix
  LoadShared,
  StoreShared,
  LoadGlobal,
  StoreGlobal,
  LoadLocal,
  StoreLocal,
  LoadParameter, ///< and .const
  CopyAsync,     ///< cp.async
  AsyncControl,  ///< commits and waits of asynchronous copies
  Atomic,
  Exchange, ///< shfl, vote, match, redux, activemask
  Barrier,  ///< bar, barrier, fences
  Last = Barrier
};

const char *name(Kind kind);

struct LineCounts {
  int line = 0;
  std::string text; ///< of the instruction
  Kind kind = Kind::Integer;
  uint64_t instructions = 0; ///< of warps; predicated off in every lane included
  uint64_t lanes = 0;        ///< that it did something for
  uint64_t wavefronts = 0, conflicts = 0;
  uint64_t sharedBytes = 0, globalBytes = 0, localBytes = 0;

  void add(const LineCounts &other);
};

struct Counts {
  std::vector<LineCounts> lines; ///< by line of the PTX, those never reached included
  /// Loops of the kernel, as (first, last) line of the text: from a label to the last branch back to it.
  std::vector<std::pair<int, int>> loops;
  uint64_t ctas = 0, warps = 0;

  /// Sum over lines first..last.
  LineCounts total(int first = 0, int last = 1 << 30) const;
  std::map<Kind, uint64_t> kinds(int first = 0, int last = 1 << 30) const;
  /// mma by shape and types ("m16n8k16.row.col.f32.bf16.bf16.f32"), in warp instructions.
  std::map<std::string, uint64_t> matrix(int first = 0, int last = 1 << 30) const;
  /// The innermost loop that executed the most mma, or (0, -1) if none did: an attention kernel's main loop.
  std::pair<int, int> mainLoop() const;
  void add(const Counts &other);
};

} // namespace ptxsim

#endif
