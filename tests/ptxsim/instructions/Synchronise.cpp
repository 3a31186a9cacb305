// SPDX-License-Identifier: Apache-2.0
//
// bar, barrier, bar.warp.sync; membar and fence.
#include "tests/ptxsim/instructions/Address.h"
#include "tests/ptxsim/instructions/Apply.h"

namespace ptxsim {
namespace {

enum class Meeting : uint8_t { Sync, Arrive, And, Or, PopCount };

/// An operand of a barrier, which all lanes have to agree on.
uint32_t agreed(Warp &warp, const Instruction &i, int operand, const char *what) {
  const uint32_t *values = warp.row(i.rows[operand]);
  uint32_t first = values[__builtin_ctz(warp.mask)];
  forLanes(warp.mask, [&](int lane) {
    if (values[lane] == first)
      return;
    warp.lane = lane;
    throw Problem{FaultKind::Divergence, std::string("expects one ") + what + " in all lanes of the warp", {}};
  });
  return first;
}

/// Operands: barrier, threads (0: all), and for reductions the predicate.
void meet(Warp &warp, const Instruction &i) {
  auto meeting = static_cast<Meeting>(i.option);
  int first = i.destinations;
  uint32_t barrier = agreed(warp, i, first, "barrier"), threads = 0;
  if (i.count) {
    threads = agreed(warp, i, first + 1, "number of threads");
    if (!threads)
      throw Problem{FaultKind::Barrier, "expects threads at a barrier, but got 0", {}};
  }
  if (warp.mask != warp.existing)
    throw Problem{FaultKind::Divergence,
                  "the whole warp has to come to a barrier, but some of its lanes are missing (mask 0x" +
                      hexadecimal(warp.mask) + " of 0x" + hexadecimal(warp.existing) + ")",
                  {}};
  uint32_t predicate = 0;
  if (meeting >= Meeting::And)
    predicate = warp.predicate(i.rows[first + 1 + i.count]) ^ (i.immediate ? allLanes : 0);
  bool waits = meeting != Meeting::Arrive;
  if (waits)
    warp.wait(i, barrier);
  warp.cta.barriers.arrive(warp.cta, warp, barrier, threads, waits, predicate,
                           meeting >= Meeting::And ? static_cast<int>(meeting) : 0);
}

void decodeReduction(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  int operation = suffixes.takeOne({"and", "or", "popc"});
  if (operation < 0 || !suffixes.take(operation == 2 ? "u32" : "pred"))
    decoder.unsupported("expects bar.red.and.pred, .or.pred or .popc.u32");
  out.option = static_cast<uint8_t>(static_cast<int>(Meeting::And) + operation);
  decoder.destination(out, decoder.operand(0), operation == 2 ? Type::U32 : Type::Pred);
  decoder.source(out, decoder.operand(1), Type::U32);
  size_t last = decoder.operands() - 1;
  out.count = last == 3;
  if (out.count)
    decoder.source(out, decoder.operand(2), Type::U32);
  bool negated = false;
  decoder.predicateSource(out, decoder.operand(last), negated);
  out.immediate = negated;
}

/// Lanes of one warp: what they did before comes before what they do after.
void syncWarp(Warp &warp, const Instruction &i) {
  const uint32_t *masks = warp.row(i.rows[0]);
  uint32_t members = masks[__builtin_ctz(warp.mask)] & warp.existing;
  bool one = true;
  forLanes(warp.mask, [&](int lane) { one &= (masks[lane] & warp.existing) == members; });
  if (!one || members != warp.mask)
    throw Problem{FaultKind::Divergence,
                  "expects the lanes of mask 0x" + hexadecimal(members) + ", but it is executed by those of 0x" +
                      hexadecimal(warp.mask),
                  {}};
  Ordering::Join join;
  std::vector<uint32_t> threads;
  forLanes(warp.mask, [&](int lane) {
    threads.push_back(warp.thread(lane));
    join.arrive(warp.cta.ordering, threads.back());
  });
  warp.cta.ordering.leave(join, threads);
}

void decodeBarrier(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  out.kind = Kind::Barrier;
  if (suffixes.take("warp")) {
    if (!suffixes.take("sync"))
      decoder.unsupported("expects bar.warp.sync");
    out.execute = syncWarp;
    return decoder.source(out, decoder.operand(0), Type::B32);
  }
  suffixes.take("cta");
  if (suffixes.base() == "barrier" && !suffixes.take("aligned"))
    out.option = 0; // lanes may come one by one; here they have to come together
  else
    suffixes.take("aligned");
  out.execute = meet;
  if (suffixes.take("red"))
    return decodeReduction(decoder, suffixes, out);
  int meeting = suffixes.takeOne({"sync", "arrive"});
  if (meeting < 0)
    decoder.unsupported("expects .sync, .arrive or .red");
  out.option = static_cast<uint8_t>(meeting == 0 ? Meeting::Sync : Meeting::Arrive);
  decoder.source(out, decoder.operand(0), Type::U32);
  out.count = decoder.operands() > 1;
  if (out.count)
    decoder.source(out, decoder.operand(1), Type::U32);
  else if (meeting == 1)
    decoder.syntax("expects a number of threads");
}

/// Orders what one thread does, which is in order here already.
void fence(Warp &, const Instruction &) {}

void decodeFence(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  suffixes.takeOne({"sc", "acq_rel"});
  if (suffixes.takeOne({"cta", "gl", "gpu", "sys", "cluster"}) < 0)
    decoder.unsupported("expects the scope of a fence");
  out.kind = Kind::Barrier;
  out.execute = fence;
}

} // namespace

void finishReduction(Warp &warp, const Instruction &i, uint32_t set, uint32_t members) {
  switch (static_cast<Meeting>(i.option)) {
  case Meeting::And:
    warp.predicate(i.rows[0]) = set == members ? allLanes : 0;
    break;
  case Meeting::Or:
    warp.predicate(i.rows[0]) = set ? allLanes : 0;
    break;
  case Meeting::PopCount:
    for (int lane = 0; lane < 32; ++lane)
      warp.row(i.rows[0])[lane] = set;
    break;
  default:
    break;
  }
}

void addBarrier(DecodeTable &table) {
  table["bar"] = decodeBarrier;
  table["barrier"] = decodeBarrier;
  table["membar"] = decodeFence;
  table["fence"] = decodeFence;
}

} // namespace ptxsim
