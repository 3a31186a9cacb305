// SPDX-License-Identifier: Apache-2.0
//
// bra, brx.idx, call, ret, exit, trap; nanosleep.
#include "tests/ptxsim/instructions/Apply.h"

#include <map>

namespace ptxsim {
namespace {

void branch(Warp &warp, const Instruction &i) {
  if (i.option && !warp.isWhole()) {
    warp.lane = __builtin_ctz(warp.mask);
    throw Problem{FaultKind::Divergence, "expects all lanes that are here to take a branch that says .uni", {}};
  }
  warp.branch(i.target, i.reconvergence);
}

void decodeBranch(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  out.option = suffixes.take("uni"); // a promise that ptxas may use
  out.kind = Kind::Branch;
  out.execute = branch;
  out.target = decoder.label(decoder.operand(0));
}

void branchByIndex(Warp &warp, const Instruction &i) {
  const std::vector<uint32_t> &table = warp.function().branchTables[i.table];
  std::map<uint32_t, uint32_t> lanes;
  forLanes(warp.mask, [&](int lane) {
    uint32_t index = warp.row(i.rows[0])[lane];
    if (index >= table.size()) {
      warp.lane = lane;
      throw Problem{
          FaultKind::Undefined, "branch target " + std::to_string(index) + " of " + std::to_string(table.size()), {}};
    }
    lanes[table[index]] |= 1u << lane;
  });
  warp.branch(lanes, i.reconvergence);
}

void decodeBranchByIndex(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  if (!suffixes.take("idx"))
    decoder.unsupported("expects brx.idx");
  suffixes.take("uni");
  out.kind = Kind::Branch;
  out.execute = branchByIndex;
  out.isBranchTable = true;
  decoder.source(out, decoder.operand(0), Type::U32);
  out.table = decoder.branchTable(decoder.operand(1));
}

void leaveFunction(Warp &warp, const Instruction &) { warp.leave(false); }
void leaveKernel(Warp &warp, const Instruction &) { warp.leave(true); }

template <bool everything>
void decodeLeave(Decoder &, Suffixes &suffixes, Instruction &out) {
  suffixes.take("uni");
  out.kind = Kind::Branch;
  out.execute = everything ? leaveKernel : leaveFunction;
  out.isEnd = true;
}

void trap(Warp &warp, const Instruction &) {
  warp.lane = __builtin_ctz(warp.mask);
  throw Problem{FaultKind::Trap, "the kernel traps", {}};
}

void decodeTrap(Decoder &, Suffixes &, Instruction &out) {
  out.kind = Kind::Branch;
  out.execute = trap;
}

void callFunction(Warp &warp, const Instruction &i) {
  const CallCode &call = warp.function().calls[i.table];
  warp.call(call);
}

/// `call {.uni} {(results),} function {, (arguments)}`; both lists hold .param variables of the caller.
void decodeCall(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  suffixes.take("uni");
  out.kind = Kind::Branch;
  out.execute = callFunction;
  CallCode call;
  size_t next = 0;
  auto offsets = [&](const OperandSyntax &list) {
    std::vector<int64_t> result;
    for (const OperandSyntax &part : list.parts) {
      const Symbol *symbol = decoder.lookUp(part.name, decoder.statement().scope);
      if (!symbol || symbol->kind != Symbol::Kind::Local)
        decoder.unsupported("expects .param variables in a call, but got '" + part.name + "'");
      result.push_back(symbol->offset);
    }
    return result;
  };
  if (decoder.operand(next).kind == OperandSyntax::Kind::List)
    call.results = offsets(decoder.operand(next++));
  call.function = decoder.callee(decoder.operand(next++).name);
  if (next < decoder.operands())
    call.arguments = offsets(decoder.operand(next++));
  if (next < decoder.operands())
    decoder.unsupported("expects a call of a function by its name");
  decoder.checkCall(call);
  out.table = static_cast<uint32_t>(decoder.functionCode().calls.size());
  decoder.functionCode().calls.push_back(std::move(call));
}

/// Lets time pass, of which there is none here.
void sleep(Warp &, const Instruction &) {}

void decodeSleep(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  if (requireType(decoder, suffixes) != Type::U32)
    decoder.unsupported("expects nanosleep.u32");
  out.kind = Kind::Branch;
  out.execute = sleep;
  decoder.source(out, decoder.operand(0), Type::U32);
}

} // namespace

void addControl(DecodeTable &table) {
  table["bra"] = decodeBranch;
  table["brx"] = decodeBranchByIndex;
  table["call"] = decodeCall;
  table["ret"] = decodeLeave<false>;
  table["exit"] = decodeLeave<true>;
  table["trap"] = decodeTrap;
  table["nanosleep"] = decodeSleep;
}

} // namespace ptxsim
