// SPDX-License-Identifier: Apache-2.0
//
// The meaning of a pattern, executable: which query sees which key. Each set
// has one short definition here, written from the table of the language, and
// everything else (classifier, counts, kernels, pictures) is checked against
// it. Written to be read; it asks pair by pair.
#ifndef FALLOFF_COMPILER_REFERENCE_REFERENCE_H
#define FALLOFF_COMPILER_REFERENCE_REFERENCE_H

#include "compiler/dialect/mask/Mask.h"
#include <cstdint>
#include <memory>

namespace falloff {

/// Answers for one bound pattern: no include, no parameter, no `?` (as
/// `specialise` leaves it). Token numbers follow the order of the segments,
/// row-major in each. Not thread-safe: numbers of a pair are remembered between
/// questions.
class Reference {
public:
  explicit Reference(mask::PatternOp pattern);
  Reference(Reference &&);
  ~Reference();

  int64_t tokens() const;

  /// (A or B) and C: whether the query attends to the key.
  bool contains(int64_t query, int64_t key);

  // The parts of `keep A about B only C`, for tests of roundings.

  /// A and C: no rounding may lose this pair.
  bool keepContains(int64_t query, int64_t key);
  /// C: no rounding may add a pair outside of it.
  bool onlyContains(int64_t query, int64_t key);
  /// Number of `about` sets; each B_j has a limit L_j, which is every pair
  /// unless B_j is `bounded`.
  unsigned abouts() const;
  /// B_j and C.
  bool aboutContains(unsigned about, int64_t query, int64_t key);
  /// L_j and C: the pairs that a fill around B_j may add.
  bool allowed(unsigned about, int64_t query, int64_t key);

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace falloff

#endif
