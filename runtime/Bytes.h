// SPDX-License-Identifier: Apache-2.0
//
// Numbers, texts and arrays to bytes and back, little-endian; texts and arrays have their length before them and are
// padded to 8 bytes. A reader never looks past the end: what does not fit gives zeros and sets `failed`.
#ifndef FALLOFF_RUNTIME_BYTES_H
#define FALLOFF_RUNTIME_BYTES_H

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files of the cache are little-endian");

namespace falloff::runtime {

class ByteWriter {
public:
  template <typename T>
  void number(T value) {
    static_assert(std::is_arithmetic_v<T> && sizeof(T) == 8, "numbers take 8 bytes");
    bytes.append(reinterpret_cast<const char *>(&value), 8);
  }
  void text(std::string_view value) {
    number(uint64_t(value.size()));
    bytes.append(value);
    pad();
  }
  template <typename T>
  void array(const std::vector<T> &values) {
    static_assert(std::is_trivially_copyable_v<T>);
    number(uint64_t(values.size()));
    bytes.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
    pad();
  }

  std::string bytes;

private:
  void pad() { bytes.resize((bytes.size() + 7) / 8 * 8); }
};

class ByteReader {
public:
  explicit ByteReader(std::string_view bytes) : rest(bytes) {}

  template <typename T>
  T number() {
    static_assert(std::is_arithmetic_v<T> && sizeof(T) == 8, "numbers take 8 bytes");
    T value{};
    if (std::string_view from = take(8); !from.empty())
      std::memcpy(&value, from.data(), 8);
    return value;
  }
  std::string text() { return std::string(padded(number<uint64_t>(), 1)); }
  template <typename T>
  std::vector<T> array() {
    static_assert(std::is_trivially_copyable_v<T>);
    std::string_view from = padded(number<uint64_t>(), sizeof(T));
    std::vector<T> values(from.size() / sizeof(T));
    if (!values.empty())
      std::memcpy(values.data(), from.data(), from.size());
    return values;
  }
  /// A number of things that take `least` bytes each at least; 0 if so many cannot follow.
  uint64_t count(size_t least) {
    uint64_t value = number<uint64_t>();
    if (value <= rest.size() / least)
      return value;
    failed = true;
    return 0;
  }

  bool isAtEnd() const { return rest.empty(); }
  bool failed = false;

private:
  std::string_view take(uint64_t size) {
    if (size > rest.size()) {
      failed = true;
      rest = {};
      return {};
    }
    std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  }
  std::string_view padded(uint64_t count, size_t size) {
    if (count > rest.size() / size)
      return take(~uint64_t(0));
    std::string_view taken = take(count * size);
    take((8 - count * size % 8) % 8);
    return taken;
  }

  std::string_view rest;
};

} // namespace falloff::runtime

#endif
