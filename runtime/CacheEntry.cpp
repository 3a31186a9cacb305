// SPDX-License-Identifier: Apache-2.0
//
// Frames and unframes entries. Bytes from disk are not believed: every length is checked before it is used.
#include "runtime/CacheEntry.h"
#include "runtime/Bytes.h"
#include "runtime/Hash.h"

namespace falloff::runtime {
namespace {

constexpr std::string_view magic("FALLOFF\x1a", 8);
constexpr size_t headBytes = 32, tailBytes = 16;

void appendHash(ByteWriter &writer, std::string_view bytes) {
  Hash128 hash = hash128(bytes);
  writer.number(hash.low);
  writer.number(hash.high);
}

} // namespace

std::string writeEntry(std::string_view key, std::string_view value) {
  ByteWriter writer;
  writer.bytes.reserve(headBytes + key.size() + value.size() + tailBytes);
  writer.bytes = magic;
  writer.number(entryVersion);
  writer.number(uint64_t(key.size()));
  writer.number(uint64_t(value.size()));
  writer.bytes.append(key).append(value);
  appendHash(writer, writer.bytes);
  return std::move(writer.bytes);
}

std::optional<std::string_view> readEntryKey(std::string_view beginning, uint64_t size) {
  if (beginning.size() < headBytes || size < headBytes + tailBytes || beginning.substr(0, 8) != magic)
    return std::nullopt;
  ByteReader reader(beginning.substr(8));
  uint64_t version = reader.number<uint64_t>(), key = reader.number<uint64_t>(), value = reader.number<uint64_t>();
  uint64_t room = size - headBytes - tailBytes;
  if (version != entryVersion || key > room || value != room - key || key > beginning.size() - headBytes)
    return std::nullopt;
  return beginning.substr(headBytes, key);
}

std::optional<std::string_view> readEntry(std::string_view file, std::string_view key) {
  std::optional<std::string_view> found = readEntryKey(file, file.size());
  if (!found || *found != key)
    return std::nullopt;
  std::string_view covered = file.substr(0, file.size() - tailBytes);
  ByteWriter expected;
  appendHash(expected, covered);
  if (file.substr(covered.size()) != expected.bytes)
    return std::nullopt;
  return covered.substr(headBytes + key.size());
}

} // namespace falloff::runtime
