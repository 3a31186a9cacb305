// SPDX-License-Identifier: Apache-2.0
//
// Pictures of small masks, as text.
#include "compiler/reference/Draw.h"

void falloff::drawText(int64_t tokens, ContainsFn contains, llvm::raw_ostream &os) {
  for (int64_t query = 0; query < tokens; ++query) {
    for (int64_t key = 0; key < tokens; ++key)
      os << (contains(query, key) ? '#' : '.');
    os << '\n';
  }
}
