// SPDX-License-Identifier: Apache-2.0
//
// 128-bit hashes (XXH3) of keys and files. They are quick and spread well; they do not stand against an adversary, and
// whatever is found by one on disk is compared with its whole key.
#ifndef FALLOFF_RUNTIME_HASH_H
#define FALLOFF_RUNTIME_HASH_H

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace falloff::runtime {

struct Hash128 {
  uint64_t low = 0, high = 0;

  bool operator==(const Hash128 &other) const { return low == other.low && high == other.high; }
  bool operator!=(const Hash128 &other) const { return !(*this == other); }
  /// 32 digits, the high half first.
  std::string hex() const;
};

Hash128 hash128(std::string_view bytes);

/// For unordered containers.
struct HashOfHash {
  size_t operator()(const Hash128 &hash) const { return size_t(hash.low); }
};

/// Collects what a key is made of. Every value has a fixed width or its length before it, so that different lists of
/// values never give the same bytes.
class KeyBytes {
public:
  KeyBytes() { bytes.reserve(256); }

  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T> || std::is_enum_v<T>>>
  KeyBytes &add(T value) {
    if constexpr (std::is_floating_point_v<T>)
      return addRaw(double(value));
    else
      return addRaw(int64_t(value));
  }
  KeyBytes &add(std::string_view text) {
    addRaw(int64_t(text.size()));
    bytes.append(text);
    return *this;
  }
  KeyBytes &add(const char *text) { return add(std::string_view(text)); }
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  KeyBytes &add(const std::vector<T> &values) {
    return add(std::string_view(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T)));
  }

  Hash128 hash() const { return hash128(bytes); }

private:
  template <typename T>
  KeyBytes &addRaw(T value) {
    bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
    return *this;
  }

  std::string bytes;
};

} // namespace falloff::runtime

#endif
