// SPDX-License-Identifier: Apache-2.0
//
// The small language in which instruction cases say what each lane holds: C's integer operators over 64 bits, names,
// and functions that give the bits of a number in some format.
#ifndef FALLOFF_TESTS_PTXSIM_CASES_EXPRESSION_H
#define FALLOFF_TESTS_PTXSIM_CASES_EXPRESSION_H

#include <cstdint>
#include <map>
#include <string>

namespace ptxsim {

using Names = std::map<std::string, int64_t>;

/// The value of `text`. Operators from weakest to strongest: ?:, ||, &&, |, ^, &, == !=, < <= > >=, << >>, + -, * / %,
/// unary - ~ !. Functions of one integer: f16, bf16, e4m3, e5m2, f32, f64 (bits of that number in the format), u32 (the
/// lower 32 bits). Throws std::runtime_error that quotes the text where it is not an expression.
int64_t evaluate(const std::string &text, const Names &names);

} // namespace ptxsim

#endif
