// SPDX-License-Identifier: Apache-2.0
//
// One file of the cache on disk: what it is for, and bytes.
//
//   offset  bytes  what
//        0      8  "FALLOFF" and 0x1a
//        8      8  entryVersion, little-endian as all numbers
//       16      8  bytes of the key, K
//       24      8  bytes of the value, V
//       32      K  key: text that names everything the value depends on
//     32+K      V  value: an object file, or a plan (PlanFile.h)
//   32+K+V     16  XXH3-128 of all bytes before, low half first
#ifndef FALLOFF_RUNTIME_CACHEENTRY_H
#define FALLOFF_RUNTIME_CACHEENTRY_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace falloff::runtime {

inline constexpr uint64_t entryVersion = 1;

/// The bytes of a whole entry.
std::string writeEntry(std::string_view key, std::string_view value);

/// The value in a file's bytes; none if they are anything but a whole entry of this version for this key.
std::optional<std::string_view> readEntry(std::string_view file, std::string_view key);

/// The key of a file of `size` bytes that begins with these; none if it is no entry of this version, or the wrong size
/// for one. Says nothing of the value.
std::optional<std::string_view> readEntryKey(std::string_view beginning, uint64_t size);

} // namespace falloff::runtime

#endif
