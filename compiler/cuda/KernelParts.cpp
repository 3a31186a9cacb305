// SPDX-License-Identifier: Apache-2.0
//
// KernelParts.inc is made of the files themselves by cmake/FalloffEmbed.cmake.
#include "compiler/cuda/KernelParts.h"
#include <stdexcept>

namespace falloff::cuda {

static constexpr struct {
  const char *name, *text;
} parts[] = {
#include "compiler/cuda/KernelParts.inc"
};

std::string partText(const std::string &name) {
  for (const auto &part : parts)
    if (name == part.name)
      return part.text;
  throw std::logic_error("expects a part of a CUDA kernel, but got '" + name + "'");
}

} // namespace falloff::cuda
