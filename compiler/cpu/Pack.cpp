// SPDX-License-Identifier: Apache-2.0
//
// Plain loops: packing moves each element once, which is little beside the products it takes part in. Rows whose
// elements lie side by side go a word at a time.
#include "compiler/cpu/Pack.h"
#include <algorithm>
#include <cstring>

namespace falloff::cpu {

using runtime::DType;

Rows::Rows(const runtime::Tensor &tensor, int64_t batch, int64_t head, int64_t firstToken)
    : dtype(tensor.dtype), tokenStride(tensor.strides[1]), elementStride(tensor.strides[3]), dim(tensor.sizes[3]),
      firstToken(firstToken) {
  data = static_cast<const char *>(tensor.data) +
         (batch * tensor.strides[0] + head * tensor.strides[2]) * runtime::sizeOf(dtype);
}

namespace {

template <typename T>
T read(const char *at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// What a packed word of 32 bits holds: one float32, or a pair of bf16, the first in the low half.
enum class Word { Float, Widened, Pair };

Word wordOf(const KernelSpec &spec, DType dtype) {
  return spec.pairs ? Word::Pair : dtype == DType::BF16 ? Word::Widened : Word::Float;
}

/// Word number `index` of a row whose elements lie `stride` apart.
template <Word word>
uint32_t readWord(const char *row, int64_t index, int64_t stride, int64_t dim) {
  if (word == Word::Float)
    return read<uint32_t>(row + index * stride * 4);
  if (word == Word::Widened)
    return uint32_t(read<uint16_t>(row + index * stride * 2)) << 16;
  uint32_t low = read<uint16_t>(row + 2 * index * stride * 2);
  if (2 * index + 1 >= dim)
    return low;
  return low | uint32_t(read<uint16_t>(row + (2 * index + 1) * stride * 2)) << 16;
}

/// out[index * step] = words of a row, `flip` changing signs, zeros after the last.
template <Word word>
void scatterRow(const Rows &rows, const char *row, int64_t words, int64_t step, uint32_t flip, uint32_t *out) {
  constexpr int64_t perWord = word == Word::Pair ? 2 : 1;
  int64_t index = 0, whole = rows.dim / perWord;
  if (rows.elementStride == 1 && word == Word::Pair) {
    for (; index < whole; ++index)
      out[index * step] = read<uint32_t>(row + index * 4) ^ flip;
  } else if (rows.elementStride == 1) {
    for (; index < whole; ++index)
      out[index * step] = readWord<word>(row, index, 1, rows.dim) ^ flip;
  }
  for (int64_t used = (rows.dim + perWord - 1) / perWord; index < used; ++index)
    out[index * step] = readWord<word>(row, index, rows.elementStride, rows.dim) ^ flip;
  for (; index < words; ++index)
    out[index * step] = 0;
}

/// `count` rows side by side, `width` words apart along the depth.
template <Word word>
void interleave(const Rows &rows, const int32_t *tokens, int64_t count, int64_t width, int64_t depth, uint32_t flip,
                uint32_t *out) {
  for (int64_t lane = 0; lane < width; ++lane) {
    if (lane < count && tokens[lane] >= 0)
      scatterRow<word>(rows, rows.row(tokens[lane]), depth, width, flip, out + lane);
    else
      for (int64_t index = 0; index < depth; ++index)
        out[index * width + lane] = 0;
  }
}

template <typename Body>
void forWord(Word word, Body body) {
  switch (word) {
  case Word::Float:
    return body(std::integral_constant<Word, Word::Float>());
  case Word::Widened:
    return body(std::integral_constant<Word, Word::Widened>());
  case Word::Pair:
    return body(std::integral_constant<Word, Word::Pair>());
  }
}

/// As bf16.
uint16_t element16(const Rows &rows, const char *row, int64_t column) {
  if (!row || column >= rows.dim)
    return 0;
  if (rows.dtype == DType::F32)
    return toBf16(read<float>(row + column * rows.elementStride * 4));
  return read<uint16_t>(row + column * rows.elementStride * 2);
}

/// Columns [first, first + panel) of two keys, as pairs.
void pairColumns(const Rows &rows, const char *even, const char *odd, int64_t first, int64_t panel, uint32_t *out) {
  bool plain = even && odd && rows.elementStride == 1 && first + panel <= rows.dim;
  if (plain && rows.dtype == DType::F32) {
    for (int64_t column = 0; column < panel; ++column)
      out[column] = toBf16(read<float>(even + (first + column) * 4)) |
                    uint32_t(toBf16(read<float>(odd + (first + column) * 4))) << 16;
    return;
  }
  if (plain) {
    for (int64_t column = 0; column < panel; ++column)
      out[column] = read<uint16_t>(even + (first + column) * 2) | uint32_t(read<uint16_t>(odd + (first + column) * 2))
                                                                      << 16;
    return;
  }
  for (int64_t column = 0; column < panel; ++column)
    out[column] = element16(rows, even, first + column) | uint32_t(element16(rows, odd, first + column)) << 16;
}

/// Columns [first, first + panel) of one key, as float32.
template <Word word>
void columns(const Rows &rows, const char *row, int64_t first, int64_t panel, uint32_t *out) {
  int64_t there = row ? std::clamp<int64_t>(rows.dim - first, 0, panel) : 0;
  for (int64_t column = 0; column < there; ++column)
    out[column] = readWord<word>(row, first + column, rows.elementStride, rows.dim);
  std::fill(out + there, out + panel, 0);
}

} // namespace

void packKeys(const KernelSpec &spec, const Rows &rows, const int32_t *tokens, int64_t count, int64_t depth,
              void *out) {
  forWord(wordOf(spec, rows.dtype), [&](auto word) {
    interleave<decltype(word)::value>(rows, tokens, count, spec.panel(), depth, 0, static_cast<uint32_t *>(out));
  });
}

void packValues(const KernelSpec &spec, const Rows &rows, const int32_t *tokens, int64_t count, int64_t valuePanels,
                int64_t valueStride, void *out) {
  int64_t panel = spec.panel();
  auto rowOf = [&](int64_t lane) -> const char * {
    return lane < count && tokens[lane] >= 0 ? rows.row(tokens[lane]) : nullptr;
  };
  for (int64_t lane = 0; lane < panel; lane += spec.valueUnit()) {
    const char *row = rowOf(lane), *odd = spec.pairs ? rowOf(lane + 1) : nullptr;
    for (int64_t part = 0; part < valuePanels; ++part) {
      uint32_t *words =
          reinterpret_cast<uint32_t *>(static_cast<char *>(out) + part * valueStride) + lane / spec.valueUnit() * panel;
      if (spec.pairs)
        pairColumns(rows, row, odd, part * panel, panel, words);
      else if (rows.dtype == DType::BF16)
        columns<Word::Widened>(rows, row, part * panel, panel, words);
      else
        columns<Word::Float>(rows, row, part * panel, panel, words);
    }
  }
}

void packQueries(const KernelSpec &spec, const Rows &from, const int32_t *tokens, int64_t count, int64_t rows,
                 int64_t depth, bool negate, void *out) {
  uint32_t *words = static_cast<uint32_t *>(out);
  uint32_t flip = !negate ? 0 : spec.pairs ? 0x80008000u : 0x80000000u;
  for (int64_t first = 0; first < rows;) {
    int64_t size = std::min(spec.group(), rows - first);
    forWord(wordOf(spec, from.dtype), [&](auto word) {
      interleave<decltype(word)::value>(from, tokens + first, std::clamp<int64_t>(count - first, 0, size), size, depth,
                                        flip, words);
    });
    words += size * depth;
    first += size;
  }
}

} // namespace falloff::cpu
