// SPDX-License-Identifier: Apache-2.0
//
// A compiled kernel as data, and what its caller must know of it. A server can ship these and no compiler.
#ifndef FALLOFF_RUNTIME_CUDA_KERNELIMAGE_H
#define FALLOFF_RUNTIME_CUDA_KERNELIMAGE_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace falloff::cuda {

enum class Element : uint8_t { BF16, F16 };

/// How scores and outputs are multiplied: in the tensors' type; Q K^T in int8 (runtime/Recipe.h); and P V in e4m3, too.
enum class Arithmetic : uint8_t { Plain, Int8, Int8Fp8 };

/// What launches depend on. Entry points: `falloff_attention`, `falloff_merge` (split rows), and those of quantised
/// kernels.
struct KernelShape {
  Element element = Element::BF16;
  Arithmetic arithmetic = Arithmetic::Plain;
  bool aligned = true;                  ///< rows begin on and are whole words of 16 bytes, less than 2^31 bytes apart
  int32_t queryBlock = 0, keyBlock = 0; ///< lanes of a CTA's queries, and of a step's keys
  int32_t headDim = 0, valueDim = 0;    ///< padded: multiples of 32, at most 256
  int32_t threads = 0, stages = 0;
  int32_t residentBlocks = 0; ///< CTAs that the registers of a multiprocessor are left for (launch bounds)
  int32_t sharedBytes = 0;    ///< dynamic shared memory of `falloff_attention`
};

struct KernelImage {
  KernelShape shape;
  int32_t architecture = 0; ///< 80, 86, 89, 90, 100, 103, 120
  bool isPtx = false;
  std::string code; ///< cubin, or PTX text
  std::string file; ///< the entry of the cache that it was read from; empty: it was not. No part of its bytes
};

/// An image as bytes, and back; none if they are no image that this version writes. They hold the shape and the code
/// alone: whoever keeps them says what for.
std::string writeImage(const KernelImage &image);
std::optional<KernelImage> readImage(std::string_view bytes);

/// "attention of bf16, int8, D 128", for people.
std::string describe(const KernelShape &shape);

} // namespace falloff::cuda

#endif
