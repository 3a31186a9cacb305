// SPDX-License-Identifier: Apache-2.0
//
// One launch of a kernel on a plan made by hand, run in the simulator (tests/ptxsim) and compared with attention in
// float64 over the same pairs. Tokens lie in random order in random tiles; nothing of a compiler's plan is used.
#ifndef FALLOFF_TESTS_UNIT_CUDA_KERNELCASE_H
#define FALLOFF_TESTS_UNIT_CUDA_KERNELCASE_H

#include "compiler/cuda/KernelTable.h"
#include "tests/ptxsim/Simulator.h"
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace falloff::cuda {

/// One element of q, k or v; the token is counted from the first that the tensor holds.
struct Poison {
  char tensor;
  int batch, token, head, dim;
  float value;
};

/// What a case is drawn from. Tokens below `textTokens` are text.
struct KernelCase {
  KernelShape shape;
  int32_t architecture = 80;
  bool tested = false;            ///< some tiles are tested by the functor below
  int headDim = 0, valueDim = 0;  ///< true ones
  int queries = 0, keys = 0;      ///< tokens
  int queryTile = 0, keyTile = 0; ///< the most tokens of a tile; tiles hold 1 to so many
  double kept = 1;                ///< share of the tiles that rows keep
  int batches = 1, heads = 1, keyHeads = 1, tables = 1;
  int splitTiles = 0;           ///< rows that keep more tiles are cut in pieces of so many; 0: none is
  std::vector<int> textLengths; ///< by batch entry
  int textTokens = 0;
  float scale = 0.125f;
  bool lse = true;
  int dimStride = 1;
  int firstQuery = 0, firstKey = 0; ///< tensors are of a slice that begins there
  float keyOffset = 0;              ///< spread of an offset that all keys have, another in each column
  std::vector<Poison> poison;       ///< put into the tensors
  uint32_t seed = 1;
  std::function<std::string(const std::string &)> edit; ///< plants a bug into the PTX; null: none
};

/// What came out: the largest error of an output, as a share of the sum of |weight x value| that it could come from,
/// and of a log-sum-exp; what is wrong besides, empty if nothing is. Of quantised recipes these are against attention
/// over rounded tensors, and `exactError` is the sum of all errors against the tensors as they are, over the sum of all
/// outputs.
struct KernelResult {
  double outputError = 0, lseError = 0, exactError = 0;
  std::string wrong;
  ptxsim::Counts counts; ///< of falloff_attention
};

/// PTX of a shape with the test functor; kept for the process.
const std::string &kernelPtx(const KernelShape &shape, int32_t architecture, bool tested);

KernelResult runCase(const KernelCase &test);

/// Some tiles of the kernel that serves a request, nothing special.
KernelCase caseOf(const KernelRequest &request);

/// Half the distance from 1 to the next number of the tensors' type.
double unitOf(const KernelCase &test);

} // namespace falloff::cuda

#endif
