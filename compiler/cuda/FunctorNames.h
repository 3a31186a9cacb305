// SPDX-License-Identifier: Apache-2.0
//
// Names in a functor's text.
#ifndef FALLOFF_COMPILER_CUDA_FUNCTORNAMES_H
#define FALLOFF_COMPILER_CUDA_FUNCTORNAMES_H

#include "compiler/passes/SetProgram.h"
#include <string>
#include <vector>

namespace falloff::cuda {

/// A member's name for each coordinate of a program: that of its axis, made a C++ identifier; `frame_4` for what
/// tables[4] says of `frame`. No two are the same.
std::vector<std::string> coordinateNames(const SetProgram &program);

} // namespace falloff::cuda

#endif
