// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic of more than one word: add, sub and mad with .cc, addc, subc, madc. The carry is a bit of each lane, set
// by .cc and read by the rest; a borrow is the carry of sub.
#include "tests/ptxsim/instructions/Carry.h"

#include "tests/ptxsim/instructions/Apply.h"

namespace ptxsim {
namespace {

enum Flags : uint8_t { subtracts = 1, reads = 2, sets = 4, highHalf = 8, multiplies = 16 };

template <class T>
void withCarry(Warp &warp, const Instruction &i) {
  using Wide = std::conditional_t<sizeof(T) == 8, unsigned __int128, uint64_t>;
  using SignedWide = std::conditional_t<sizeof(T) == 8, __int128, int64_t>;
  using Signed = std::make_signed_t<T>;
  T *d = warp.as<T>(i.rows[0]);
  const T *a = warp.as<T>(i.rows[1]), *b = warp.as<T>(i.rows[2]);
  const T *c = i.option & multiplies ? warp.as<T>(i.rows[3]) : nullptr;
  if (uint32_t missing = i.option & reads ? warp.mask & ~warp.carryKnown : 0) {
    warp.lane = __builtin_ctz(missing);
    throw Problem{FaultKind::Uninitialised, "the carry was never set", {}};
  }
  uint32_t carries = 0;
  forLanes(warp.mask, [&](int lane) {
    T left = a[lane], right = b[lane];
    if (c) {
      Wide product = isSigned(i.type) ? static_cast<Wide>(SignedWide(Signed(left)) * SignedWide(Signed(right)))
                                      : static_cast<Wide>(left) * right;
      left = static_cast<T>(i.option & highHalf ? product >> (8 * sizeof(T)) : product);
      right = c[lane];
    }
    T carry = i.option & reads ? warp.carry >> lane & 1 : 0;
    if (i.option & subtracts) {
      d[lane] = left - right - carry;
      carries |= static_cast<uint32_t>(static_cast<Wide>(left) < static_cast<Wide>(right) + carry) << lane;
    } else {
      d[lane] = left + right + carry;
      Wide sum = static_cast<Wide>(left) + right + carry;
      carries |= static_cast<uint32_t>(sum >> (8 * sizeof(T)) != 0) << lane;
    }
  });
  if (i.option & sets) {
    warp.carry = (warp.carry & ~warp.mask) | carries;
    warp.carryKnown |= warp.mask;
  }
}

template <uint8_t flags>
void decodeReading(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  out.option = static_cast<uint8_t>(flags | reads | (suffixes.take("cc") ? sets : 0));
  decodeCarry(decoder, suffixes, out, requireType(decoder, suffixes));
}

} // namespace

void decodeCarry(Decoder &decoder, Suffixes &suffixes, Instruction &out, Type type) {
  const std::string &base = suffixes.base();
  if (!(out.option & reads))
    out.option = sets;
  if (base == "sub")
    out.option |= subtracts;
  if (base == "mad" || base == "madc") {
    int part = suffixes.takeOne({"lo", "hi"});
    if (part < 0)
      decoder.unsupported("expects .lo or .hi");
    out.option |= static_cast<uint8_t>(multiplies | (part == 1 ? highHalf : 0));
  }
  if (bytesOf(type) < 4 || isFloat(type) || type == Type::Pred)
    refuseType(decoder, suffixes, type);
  refuseBits(decoder, suffixes, type);
  out.execute = bytesOf(type) == 8 ? withCarry<uint64_t> : withCarry<uint32_t>;
  decoder.simple(out, type, out.option & multiplies ? 3 : 2);
}

void addCarry(DecodeTable &table) {
  table["addc"] = decodeReading<0>;
  table["subc"] = decodeReading<subtracts>;
  table["madc"] = decodeReading<0>;
}

} // namespace ptxsim
