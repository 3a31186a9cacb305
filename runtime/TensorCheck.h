// SPDX-License-Identifier: Apache-2.0
//
// What attention asks of its arguments on every device, in words.
#ifndef FALLOFF_RUNTIME_TENSORCHECK_H
#define FALLOFF_RUNTIME_TENSORCHECK_H

#include "runtime/Plan.h"
#include "runtime/Tensor.h"
#include <string>
#include <vector>

namespace falloff::runtime {

/// "float32", "bfloat16", "float16"
const char *nameOf(DType dtype);

/// "the CPU", "cuda:1"
std::string nameOfDevice(int32_t device);

/// What is wrong with q, k, v and text lengths for a plan; empty if nothing is.
std::string checkInputs(const Plan &plan, const Tensor &q, const Tensor &k, const Tensor &v,
                        const std::vector<int64_t> &textLengths);

/// What is wrong with out and lse for inputs that are right; empty if nothing is. An lse without data is none.
std::string checkOutputs(const Plan &plan, const Tensor &q, const Tensor &v, const Tensor &out, const Tensor &lse);

} // namespace falloff::runtime

#endif
