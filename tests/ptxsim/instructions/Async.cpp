// SPDX-License-Identifier: Apache-2.0
//
// cp.async and what commits it and waits for it.
#include "tests/ptxsim/instructions/Address.h"
#include "tests/ptxsim/instructions/Apply.h"

#include <cstring>

namespace ptxsim {
namespace {

/// Operands: shared address, global address, and perhaps the bytes to read: what remains of `count` is zeros.
void copyAsync(Warp &warp, const Instruction &i) {
  uint32_t bytes = i.count;
  LaneAddresses addresses{};
  uint64_t globalBytes = 0;
  forLanes(warp.mask, [&](int lane) {
    uint64_t to = addresses[lane] = warp.value(i, 0, lane) + static_cast<uint64_t>(i.immediate);
    uint64_t from = warp.value(i, 1, lane) + static_cast<uint64_t>(i.second);
    if (!(i.widths & 1))
      addresses[lane] = to &= 0xffffffff;
    warp.lane = lane;
    if (to % bytes || from % bytes)
      throw Problem{FaultKind::Misaligned,
                    std::string("expects the ") + (to % bytes ? "shared" : "global") + " address to be a multiple of " +
                        std::to_string(bytes),
                    to % bytes ? to : from};
    uint32_t read = bytes;
    if (i.option == 1) {
      read = warp.row(i.rows[2])[lane];
      if (read > bytes)
        throw Problem{FaultKind::Undefined,
                      "expects to read at most " + std::to_string(bytes) + " bytes, but got " + std::to_string(read),
                      {}};
    } else if (i.option == 2 && (warp.predicate(i.rows[2]) >> lane & 1)) {
      read = 0; // `ignore-src`
    }
    uint8_t data[16] = {};
    if (read) {
      Place place = placeOf(from);
      if (place.space != Space::Global)
        throw Problem{FaultKind::OutOfBounds, "expects a global address to copy from", from};
      warp.cta.grid.memory.load(from, read, accessorOf(warp, lane), false, data);
    }
    globalBytes += read;
    warp.cta.shared.beginCopy(to, bytes, {warp.thread(lane), warp.line()}, data);
    warp.copies.add(lane, {static_cast<uint32_t>(to), bytes, warp.line()});
  });
  warp.lane = -1;
  countWavefronts(*warp.counts, addresses, warp.mask, bytes);
  warp.counts->sharedBytes += uint64_t(bytes) * __builtin_popcount(warp.mask);
  warp.counts->globalBytes += globalBytes;
}

void commit(Warp &warp, const Instruction &) {
  forLanes(warp.mask, [&](int lane) { warp.copies.commit(lane); });
}

void waitGroup(Warp &warp, const Instruction &i) {
  forLanes(warp.mask, [&](int lane) {
    warp.copies.wait(lane, static_cast<size_t>(i.immediate), warp.thread(lane), warp.cta.shared);
  });
}

void waitAll(Warp &warp, const Instruction &) {
  forLanes(warp.mask, [&](int lane) { warp.copies.waitAll(lane, warp.thread(lane), warp.cta.shared); });
}

void decodeCopy(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  bool throughL1 = suffixes.take("ca");
  if (!throughL1 && !suffixes.take("cg"))
    decoder.unsupported("expects cp.async.ca or cp.async.cg");
  if (!(suffixes.take("shared") || suffixes.take("shared::cta")) || !suffixes.take("global"))
    decoder.unsupported("expects a copy from .global to .shared");
  suffixes.takeOne({"L2::64B", "L2::128B", "L2::256B"});
  int64_t bytes = decoder.requireConstant(decoder.operand(2));
  if (bytes != 16 && (!throughL1 || (bytes != 4 && bytes != 8)))
    decoder.syntax("expects 16 bytes, or 4 or 8 of cp.async.ca, but got " + std::to_string(bytes));
  out.count = static_cast<uint8_t>(bytes);
  out.kind = Kind::CopyAsync;
  out.execute = copyAsync;
  decoder.address(out, decoder.operand(0), Space::Shared);
  int64_t sharedOffset = out.immediate;
  decoder.address(out, decoder.operand(1), Space::Global);
  out.second = out.immediate;
  out.immediate = sharedOffset;
  if (decoder.operands() > 3) {
    bool predicate = decoder.isPredicate(decoder.operand(3));
    out.option = predicate ? 2 : 1;
    decoder.source(out, decoder.operand(3), predicate ? Type::Pred : Type::U32);
  }
}

void decodeAsync(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  if (!suffixes.take("async"))
    decoder.unsupported("expects cp.async");
  if (suffixes.take("bulk"))
    decoder.unsupported("expects cp.async without .bulk");
  out.kind = Kind::AsyncControl;
  if (suffixes.take("commit_group")) {
    out.execute = commit;
  } else if (suffixes.take("wait_group")) {
    out.execute = waitGroup;
    out.immediate = decoder.requireConstant(decoder.operand(0));
  } else if (suffixes.take("wait_all")) {
    out.execute = waitAll;
  } else {
    decodeCopy(decoder, suffixes, out);
  }
}

} // namespace

void addAsync(DecodeTable &table) { table["cp"] = decodeAsync; }

} // namespace ptxsim
