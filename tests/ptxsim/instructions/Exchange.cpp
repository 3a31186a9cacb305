// SPDX-License-Identifier: Apache-2.0
//
// shfl.sync, vote.sync, match.sync, redux.sync, activemask, elect.sync.
#include "tests/ptxsim/Lanes.h"

#include "tests/ptxsim/instructions/Apply.h"

namespace ptxsim {
namespace {

/// The lanes that the mask operand names, which have to be those that execute the instruction.
uint32_t membersOf(Warp &warp, const Instruction &i, int operand) {
  const uint32_t *masks = warp.row(i.rows[operand]);
  uint32_t members = masks[__builtin_ctz(warp.mask)];
  forLanes(warp.mask, [&](int lane) {
    if (masks[lane] == members)
      return;
    warp.lane = lane;
    throw Problem{FaultKind::Divergence,
                  "expects one mask of members in all lanes, but got 0x" + hexadecimal(members) + " and 0x" +
                      hexadecimal(masks[lane]),
                  {}};
  });
  if ((members & warp.existing) != warp.mask)
    throw Problem{FaultKind::Divergence,
                  "expects the lanes of mask 0x" + hexadecimal(members & warp.existing) +
                      ", but it is executed by those of 0x" + hexadecimal(warp.mask),
                  {}};
  return warp.mask;
}

void setPredicate(Warp &warp, uint32_t row, uint32_t value) {
  uint32_t &d = warp.predicate(row);
  d = (d & ~warp.mask) | (value & warp.mask);
}

// ---- shfl: d{|p}, a, b, c, members

void shuffleLanes(Warp &warp, const Instruction &i) {
  int first = i.destinations;
  uint32_t members = membersOf(warp, i, first + 3);
  const uint32_t *a = warp.row(i.rows[first]), *b = warp.row(i.rows[first + 1]), *c = warp.row(i.rows[first + 2]);
  uint32_t copy[32]; // lanes that are not there are nobody's members
  for (int lane = 0; lane < 32; ++lane)
    copy[lane] = a[lane];
  ShuffleResult result = shuffle(static_cast<Shuffle>(i.option), warp.row(i.rows[0]), copy, b, c, members);
  if (result.foreign) {
    warp.lane = __builtin_ctz(result.foreign);
    throw Problem{FaultKind::Undefined, "reads from a lane that takes no part", {}};
  }
  if (i.destinations == 2)
    setPredicate(warp, i.rows[1], result.inRange);
}

void decodeShuffle(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  static const Shuffle modes[] = {Shuffle::up, Shuffle::down, Shuffle::bfly, Shuffle::idx};
  int mode = suffixes.takeOne({"up", "down", "bfly", "idx"});
  if (!suffixes.take("sync") || mode < 0 || !suffixes.take("b32"))
    decoder.unsupported("expects shfl.sync.up, .down, .bfly or .idx, .b32");
  out.kind = Kind::Exchange;
  out.execute = shuffleLanes;
  out.option = static_cast<uint8_t>(modes[mode]);
  const OperandSyntax &d = decoder.operand(0);
  bool pair = d.kind == OperandSyntax::Kind::Pair;
  decoder.destination(out, pair ? d.parts[0] : d, Type::B32);
  if (pair)
    decoder.destination(out, d.parts[1], Type::Pred);
  for (size_t k = 1; k <= 4; ++k)
    decoder.source(out, decoder.operand(k), Type::B32);
}

// ---- vote: d, {!}p, members

void voteLanes(Warp &warp, const Instruction &i) {
  uint32_t members = membersOf(warp, i, 2);
  uint32_t predicate = warp.predicate(i.rows[1]) ^ (i.count ? allLanes : 0);
  if (i.option == 3) {
    uint32_t *d = warp.row(i.rows[0]), ballot = predicate & members;
    forLanes(warp.mask, [&](int lane) { d[lane] = ballot; });
    return;
  }
  setPredicate(warp, i.rows[0], vote(static_cast<Vote>(i.option), predicate, members) ? allLanes : 0);
}

void decodeVote(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  int mode = suffixes.takeOne({"all", "any", "uni", "ballot"});
  if (!suffixes.take("sync") || mode < 0 || !suffixes.take(mode == 3 ? "b32" : "pred"))
    decoder.unsupported("expects vote.sync.all.pred, .any.pred, .uni.pred or .ballot.b32");
  out.kind = Kind::Exchange;
  out.execute = voteLanes;
  out.option = static_cast<uint8_t>(mode);
  decoder.destination(out, decoder.operand(0), mode == 3 ? Type::B32 : Type::Pred);
  bool negated = false;
  decoder.predicateSource(out, decoder.operand(1), negated);
  out.count = negated;
  decoder.source(out, decoder.operand(2), Type::B32);
}

// ---- match: d{|p}, a, members

void matchLanes(Warp &warp, const Instruction &i) {
  int first = i.destinations;
  uint32_t members = membersOf(warp, i, first + 1);
  uint32_t low[32] = {}, high[32] = {};
  bool wide = i.type == Type::B64;
  forLanes(warp.mask, [&](int lane) {
    uint64_t value = warp.value(i, first, lane);
    low[lane] = static_cast<uint32_t>(value);
    high[lane] = static_cast<uint32_t>(value >> 32);
  });
  uint32_t *d = warp.row(i.rows[0]);
  if (i.option == 0) {
    matchAny(d, low, wide ? high : nullptr, members);
    return;
  }
  uint32_t result = matchAll(low, wide ? high : nullptr, members);
  forLanes(warp.mask, [&](int lane) { d[lane] = result; });
  if (i.destinations == 2)
    setPredicate(warp, i.rows[1], result ? allLanes : 0);
}

void decodeMatch(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  int mode = suffixes.takeOne({"any", "all"});
  if (!suffixes.take("sync") || mode < 0)
    decoder.unsupported("expects match.any.sync or match.all.sync");
  out.type = requireType(decoder, suffixes);
  if (out.type != Type::B32 && out.type != Type::B64)
    refuseType(decoder, suffixes, out.type);
  out.kind = Kind::Exchange;
  out.execute = matchLanes;
  out.option = static_cast<uint8_t>(mode);
  const OperandSyntax &d = decoder.operand(0);
  bool pair = d.kind == OperandSyntax::Kind::Pair;
  decoder.destination(out, pair ? d.parts[0] : d, Type::B32);
  if (pair)
    decoder.destination(out, d.parts[1], Type::Pred);
  decoder.source(out, decoder.operand(1), out.type);
  decoder.source(out, decoder.operand(2), Type::B32);
}

// ---- redux: d, a, members

void reduceLanes(Warp &warp, const Instruction &i) {
  uint32_t members = membersOf(warp, i, 2);
  uint32_t result = reduce(static_cast<Reduction>(i.option), warp.row(i.rows[1]), members);
  uint32_t *d = warp.row(i.rows[0]);
  forLanes(warp.mask, [&](int lane) { d[lane] = result; });
}

void decodeReduce(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  int operation = suffixes.takeOne({"add", "min", "max", "and", "or", "xor"});
  Type type = requireType(decoder, suffixes);
  if (!suffixes.take("sync") || operation < 0 || (type != Type::U32 && type != Type::S32 && type != Type::B32) ||
      (operation >= 3) != (type == Type::B32))
    decoder.unsupported("expects redux.sync.add, .min or .max of .u32 or .s32, or .and, .or, .xor of .b32");
  bool isS32 = type == Type::S32;
  const Reduction reductions[] = {Reduction::add,
                                  isS32 ? Reduction::minSigned : Reduction::minUnsigned,
                                  isS32 ? Reduction::maxSigned : Reduction::maxUnsigned,
                                  Reduction::bitAnd,
                                  Reduction::bitOr,
                                  Reduction::bitXor};
  out.kind = Kind::Exchange;
  out.execute = reduceLanes;
  out.option = static_cast<uint8_t>(reductions[operation]);
  decoder.simple(out, type, 2);
}

// ---- activemask

void activeLanes(Warp &warp, const Instruction &i) {
  uint32_t *d = warp.row(i.rows[0]);
  forLanes(warp.mask, [&](int lane) { d[lane] = warp.mask; });
}

void decodeActive(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  if (requireType(decoder, suffixes) != Type::B32)
    decoder.unsupported("expects activemask.b32");
  out.kind = Kind::Exchange;
  out.execute = activeLanes;
  decoder.destination(out, decoder.operand(0), Type::B32);
}

/// d|p: the lowest member, and whether a lane is that one.
void elect(Warp &warp, const Instruction &i) {
  uint32_t members = membersOf(warp, i, 2), leader = static_cast<uint32_t>(__builtin_ctz(members));
  uint32_t *d = warp.row(i.rows[0]);
  forLanes(warp.mask, [&](int lane) { d[lane] = leader; });
  setPredicate(warp, i.rows[1], 1u << leader);
}

void decodeElect(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  const OperandSyntax &d = decoder.operand(0);
  if (!suffixes.take("sync") || d.kind != OperandSyntax::Kind::Pair)
    decoder.unsupported("expects elect.sync d|p");
  out.kind = Kind::Exchange;
  out.execute = elect;
  decoder.destination(out, d.parts[0], Type::B32);
  decoder.destination(out, d.parts[1], Type::Pred);
  decoder.source(out, decoder.operand(1), Type::B32);
}

} // namespace

void addExchange(DecodeTable &table) {
  table["shfl"] = decodeShuffle;
  table["vote"] = decodeVote;
  table["match"] = decodeMatch;
  table["redux"] = decodeReduce;
  table["activemask"] = decodeActive;
  table["elect"] = decodeElect;
}

} // namespace ptxsim
