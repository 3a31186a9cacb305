// SPDX-License-Identifier: Apache-2.0
//
// Sums of counts.
#include "tests/ptxsim/Counts.h"

#include <stdexcept>

namespace ptxsim {

const char *name(Kind kind) {
  static const char *const names[] = {
      "integer",     "float",          "double",      "special",       "convert",     "move",         "branch",
      "matrix",      "load matrix",    "load shared", "store shared",  "load global", "store global", "load local",
      "store local", "load parameter", "copy async",  "async control", "atomic",      "exchange",     "barrier"};
  return names[static_cast<int>(kind)];
}

void LineCounts::add(const LineCounts &other) {
  instructions += other.instructions;
  lanes += other.lanes;
  wavefronts += other.wavefronts;
  conflicts += other.conflicts;
  sharedBytes += other.sharedBytes;
  globalBytes += other.globalBytes;
  localBytes += other.localBytes;
}

LineCounts Counts::total(int first, int last) const {
  LineCounts sum;
  for (const LineCounts &line : lines)
    if (line.line >= first && line.line <= last)
      sum.add(line);
  return sum;
}

std::map<Kind, uint64_t> Counts::kinds(int first, int last) const {
  std::map<Kind, uint64_t> sums;
  for (const LineCounts &line : lines)
    if (line.line >= first && line.line <= last && line.instructions)
      sums[line.kind] += line.instructions;
  return sums;
}

std::map<std::string, uint64_t> Counts::matrix(int first, int last) const {
  std::map<std::string, uint64_t> sums;
  for (const LineCounts &line : lines) {
    size_t begin = line.text.find("mma.sync.aligned.");
    if (line.kind != Kind::Matrix || !line.instructions || line.line < first || line.line > last ||
        begin == std::string::npos)
      continue;
    begin += 17;
    sums[line.text.substr(begin, line.text.find(' ', begin) - begin)] += line.instructions;
  }
  return sums;
}

std::pair<int, int> Counts::mainLoop() const {
  std::pair<int, int> best = {0, -1};
  uint64_t most = 0;
  for (const auto &[first, last] : loops) {
    uint64_t sum = 0;
    for (const LineCounts &line : lines)
      if (line.kind == Kind::Matrix && line.line >= first && line.line <= last)
        sum += line.instructions;
    bool shorter = best.second >= best.first && last - first < best.second - best.first;
    if (sum > most || (sum == most && sum && shorter)) {
      most = sum;
      best = {first, last};
    }
  }
  return best;
}

void Counts::add(const Counts &other) {
  if (lines.empty())
    lines = other.lines;
  else if (lines.size() != other.lines.size())
    throw std::logic_error("expects counts of the same kernel");
  else
    for (size_t i = 0; i < lines.size(); ++i)
      lines[i].add(other.lines[i]);
  loops = other.loops;
  ctas += other.ctas;
  warps += other.warps;
}

} // namespace ptxsim
