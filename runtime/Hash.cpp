// SPDX-License-Identifier: Apache-2.0
//
// The one place that sees xxHash, all of it inline: nothing is linked.
#include "runtime/Hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace falloff::runtime {

Hash128 hash128(std::string_view bytes) {
  XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

std::string Hash128::hex() const {
  static const char digits[] = "0123456789abcdef";
  std::string text(32, '0');
  for (int i = 0; i < 16; ++i) {
    text[i] = digits[high >> (60 - 4 * i) & 15];
    text[16 + i] = digits[low >> (60 - 4 * i) & 15];
  }
  return text;
}

} // namespace falloff::runtime
