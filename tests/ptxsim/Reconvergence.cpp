// SPDX-License-Identifier: Apache-2.0
//
// Immediate post-dominators of branches, on the graph of single instructions' blocks.
#include "tests/ptxsim/Decoder.h"

#include <algorithm>

namespace ptxsim {
namespace {

/// Blocks of a function, numbered by their place; the last number is the end that every `ret` goes to.
struct Blocks {
  std::vector<uint32_t> firsts, lasts; ///< instructions
  std::vector<std::vector<uint32_t>> followers;
  uint32_t end = 0;
};

void forTargets(const FunctionCode &code, const Instruction &instruction, const std::function<void(uint32_t)> &visit) {
  if (instruction.target != noTarget)
    visit(instruction.target);
  if (instruction.isBranchTable)
    for (uint32_t target : code.branchTables[instruction.table])
      visit(target);
}

bool isJump(const Instruction &instruction) { return instruction.target != noTarget || instruction.isBranchTable; }

Blocks findBlocks(const FunctionCode &code) {
  uint32_t size = static_cast<uint32_t>(code.code.size());
  std::vector<bool> begins(size + 1, false);
  begins[0] = true;
  for (uint32_t i = 0; i < size; ++i) {
    forTargets(code, code.code[i], [&](uint32_t target) { begins[target] = true; });
    if (isJump(code.code[i]) || code.code[i].isEnd)
      begins[i + 1] = true;
  }
  Blocks blocks;
  std::vector<uint32_t> blockOf(size + 1);
  for (uint32_t i = 0; i < size; ++i) {
    if (begins[i])
      blocks.firsts.push_back(i);
    blockOf[i] = static_cast<uint32_t>(blocks.firsts.size()) - 1;
  }
  blocks.end = blockOf[size] = static_cast<uint32_t>(blocks.firsts.size());
  blocks.followers.resize(blocks.end + 1);
  for (uint32_t block = 0; block < blocks.end; ++block) {
    uint32_t last = block + 1 < blocks.end ? blocks.firsts[block + 1] - 1 : size - 1;
    blocks.lasts.push_back(last);
    const Instruction &instruction = code.code[last];
    bool falls = instruction.guard != noRow || !(isJump(instruction) || instruction.isEnd);
    std::vector<uint32_t> &followers = blocks.followers[block];
    forTargets(code, instruction, [&](uint32_t target) { followers.push_back(blockOf[target]); });
    if (instruction.isEnd)
      followers.push_back(blocks.end);
    if (falls)
      followers.push_back(blockOf[last + 1]);
  }
  return blocks;
}

/// Blocks in an order in which each comes after one that it leads to, from the end on; those that never end are left
/// out.
std::vector<uint32_t> backwardOrder(const Blocks &blocks) {
  std::vector<std::vector<uint32_t>> leaders(blocks.end + 1);
  for (uint32_t block = 0; block < blocks.end; ++block)
    for (uint32_t follower : blocks.followers[block])
      leaders[follower].push_back(block);
  std::vector<uint32_t> order;
  std::vector<std::pair<uint32_t, size_t>> stack = {{blocks.end, 0}};
  std::vector<bool> seen(blocks.end + 1, false);
  seen[blocks.end] = true;
  while (!stack.empty()) { // depth first; a block is done after all that lead to it
    auto &[block, next] = stack.back();
    if (next < leaders[block].size()) {
      uint32_t leader = leaders[block][next++];
      if (!seen[leader]) {
        seen[leader] = true;
        stack.emplace_back(leader, 0);
      }
    } else {
      order.push_back(block);
      stack.pop_back();
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
}

} // namespace

/// Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm", on the graph turned around.
void findReconvergence(FunctionCode &code) {
  Blocks blocks = findBlocks(code);
  std::vector<uint32_t> order = backwardOrder(blocks);
  std::vector<uint32_t> rank(blocks.end + 1, ~0u), dominator(blocks.end + 1, ~0u);
  for (uint32_t i = 0; i < order.size(); ++i)
    rank[order[i]] = i;
  dominator[blocks.end] = blocks.end;
  bool changed = true;
  while (changed) {
    changed = false;
    for (uint32_t block : order) {
      if (block == blocks.end)
        continue;
      uint32_t common = ~0u;
      for (uint32_t follower : blocks.followers[block]) {
        if (dominator[follower] == ~0u)
          continue;
        uint32_t other = follower;
        if (common == ~0u)
          common = other;
        while (common != other) {
          uint32_t &later = rank[common] > rank[other] ? common : other;
          later = dominator[later];
        }
      }
      if (common != dominator[block]) {
        dominator[block] = common;
        changed = true;
      }
    }
  }
  for (uint32_t block = 0; block < blocks.end; ++block) {
    Instruction &last = code.code[blocks.lasts[block]];
    uint32_t meeting = dominator[block];
    if (isJump(last) && meeting != ~0u && meeting != blocks.end)
      last.reconvergence = blocks.firsts[meeting];
  }
}

} // namespace ptxsim
