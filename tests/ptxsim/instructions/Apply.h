// SPDX-License-Identifier: Apache-2.0
//
// An operation on values, made an instruction on rows: `Binary<Add>` of u32 adds lane by lane. Values of 8 and 16 bits
// lie zero-extended in 32.
#ifndef FALLOFF_TESTS_PTXSIM_INSTRUCTIONS_APPLY_H
#define FALLOFF_TESTS_PTXSIM_INSTRUCTIONS_APPLY_H

#include "tests/ptxsim/Decoder.h"
#include "tests/ptxsim/Warp.h"

#include <type_traits>

namespace ptxsim {

template <class T>
using Stored = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <class T>
inline Stored<T> stored(T value) {
  return static_cast<std::make_unsigned_t<T>>(value);
}

/// Destination and up to three sources of type T; the destination may be of another type, R.
template <class Op, class T, class R = T>
void apply1(Warp &warp, const Instruction &i) {
  auto *d = warp.as<Stored<R>>(i.rows[0]);
  const auto *a = warp.as<Stored<T>>(i.rows[1]);
  forLanes(warp.mask, [&](int lane) { d[lane] = stored<R>(Op::apply(static_cast<T>(a[lane]))); });
}

template <class Op, class T, class R = T>
void apply2(Warp &warp, const Instruction &i) {
  auto *d = warp.as<Stored<R>>(i.rows[0]);
  const auto *a = warp.as<Stored<T>>(i.rows[1]), *b = warp.as<Stored<T>>(i.rows[2]);
  forLanes(warp.mask,
           [&](int lane) { d[lane] = stored<R>(Op::apply(static_cast<T>(a[lane]), static_cast<T>(b[lane]))); });
}

template <class Op, class T>
void apply3(Warp &warp, const Instruction &i) {
  auto *d = warp.as<Stored<T>>(i.rows[0]);
  const auto *a = warp.as<Stored<T>>(i.rows[1]), *b = warp.as<Stored<T>>(i.rows[2]), *c = warp.as<Stored<T>>(i.rows[3]);
  forLanes(warp.mask, [&](int lane) {
    d[lane] = stored<T>(Op::apply(static_cast<T>(a[lane]), static_cast<T>(b[lane]), static_cast<T>(c[lane])));
  });
}

/// The instance of `Pick<T>::execute` for an integer type; null for others. Bits count as unsigned.
template <template <class> class Pick>
Execute forInteger(Type type) {
  switch (type) {
  case Type::U16:
  case Type::B16:
    return Pick<uint16_t>::execute;
  case Type::S16:
    return Pick<int16_t>::execute;
  case Type::U32:
  case Type::B32:
    return Pick<uint32_t>::execute;
  case Type::S32:
    return Pick<int32_t>::execute;
  case Type::U64:
  case Type::B64:
    return Pick<uint64_t>::execute;
  case Type::S64:
    return Pick<int64_t>::execute;
  default:
    return nullptr;
  }
}

/// The type suffix, or a fault.
inline Type requireType(Decoder &decoder, Suffixes &suffixes) {
  std::optional<Type> type = suffixes.takeType();
  if (!type)
    decoder.unsupported("expects a type among the suffixes of '" + suffixes.base() + "'");
  return *type;
}

[[noreturn]] inline void refuseType(const Decoder &decoder, const Suffixes &suffixes, Type type) {
  decoder.unsupported("expects another type for '" + suffixes.base() + "', but got '." + name(type) + "'");
}

/// Arithmetic has no types of bare bits.
inline void refuseBits(const Decoder &decoder, const Suffixes &suffixes, Type type) {
  if (type == Type::B16 || type == Type::B32 || type == Type::B64)
    refuseType(decoder, suffixes, type);
}

} // namespace ptxsim

#endif
