// SPDX-License-Identifier: Apache-2.0
//
// The asynchronous copies of the threads of a warp: those since the last commit, and committed groups in their order.
#ifndef FALLOFF_TESTS_PTXSIM_COPYGROUPS_H
#define FALLOFF_TESTS_PTXSIM_COPYGROUPS_H

#include "tests/ptxsim/SharedMemory.h"

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

namespace ptxsim {

class CopyGroups {
public:
  struct Copy {
    uint32_t address, bytes;
    int line;
  };

  void add(int lane, Copy copy) { lanes[lane].open.push_back(copy); }
  void commit(int lane) {
    lanes[lane].committed.push_back(std::move(lanes[lane].open));
    lanes[lane].open.clear();
  }
  /// All groups but the last `allowed` are over (`cp.async.wait_group`).
  void wait(int lane, size_t allowed, uint32_t thread, SharedMemory &memory) {
    std::deque<std::vector<Copy>> &committed = lanes[lane].committed;
    while (committed.size() > allowed) {
      finish(committed.front(), thread, memory);
      committed.pop_front();
    }
  }
  /// Those that no commit closed, too (`cp.async.wait_all`).
  void waitAll(int lane, uint32_t thread, SharedMemory &memory) {
    wait(lane, 0, thread, memory);
    finish(lanes[lane].open, thread, memory);
    lanes[lane].open.clear();
  }
  /// Copies that nobody waited for, of which nothing can be said when their thread ends.
  const Copy *unfinished(int lane) const {
    for (const std::vector<Copy> &group : lanes[lane].committed)
      if (!group.empty())
        return &group.front();
    return lanes[lane].open.empty() ? nullptr : &lanes[lane].open.front();
  }

private:
  static void finish(const std::vector<Copy> &group, uint32_t thread, SharedMemory &memory) {
    for (const Copy &copy : group)
      memory.endCopy(copy.address, copy.bytes, {thread, copy.line});
  }

  struct Lane {
    std::vector<Copy> open;
    std::deque<std::vector<Copy>> committed;
  };
  std::array<Lane, 32> lanes;
};

} // namespace ptxsim

#endif
