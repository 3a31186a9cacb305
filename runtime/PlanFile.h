// SPDX-License-Identifier: Apache-2.0
//
// A plan as bytes: to keep one, to ship one, or to make one without the compiler.
//
// Everything is little-endian. A number takes 8 bytes (int64, uint64 or float64); a text or an array is its length as a
// number, its bytes (characters of UTF-8, or elements of the type given), and zeros up to a multiple of 8.
//
//   "FLPLAN\0\0", planFileVersion
//   text pattern, text parameters, text rounding
//   major                                    0 query, 1 key
//   grid kind                                0 box, 1 flat
//   number of segments, and for each, in bound order:
//     text name, number of axes, a text for each axis
//     int64[] extents, int64[] query tile, int64[] key tile      by axis; tiles are empty on a grid flat
//     first token, first query tile, first key tile
//   flat query tile, flat key tile           tokens; 0 on a grid box
//   tokens, query tiles, key tiles, query capacity, key capacity
//   first query, past the last query, first key, past the last key
//   number of tables, and for each:
//     uint32[] rowStart, uint64[] runs, uint32[] rowOrder        Run's bits; see Plan.h
//     number of splits, and for each: uint32[] of the row and the first tiles of its pieces but the first
//     pairs in the mask, computed, issued, lost
//   batches, uint32[] tableOf
//   int32[] coordinates                      three for each: segment, axis, table
//   int32[] segment ids
//   number of masks, and for each:
//     number of tables, int32[] for each; float64[] numbers
//   density
#ifndef FALLOFF_RUNTIME_PLANFILE_H
#define FALLOFF_RUNTIME_PLANFILE_H

#include "runtime/Plan.h"
#include <optional>
#include <string>
#include <string_view>

namespace falloff::runtime {

/// Counts up with every change of the layout or of what it means.
inline constexpr uint64_t planFileVersion = 1;

std::string writePlan(const Plan &plan);

/// None if the bytes are anything but one whole, sound plan of this version. Memory taken is in proportion to the
/// bytes, whatever they say.
std::optional<Plan> readPlan(std::string_view bytes);

/// What is wrong with a plan that someone else made, in a few words; empty if kernels and `Grid` can work with it. What
/// a functor reads of its masks depends on the pattern and is not looked at, but for the tables that coordinates name.
std::string findFault(const Plan &plan);

} // namespace falloff::runtime

#endif
