// SPDX-License-Identifier: Apache-2.0
//
// Writes a set program set by set, with the recipes of its tables. Equal sets become one node. Knows nothing of MLIR:
// BuildProgram reads a pattern into it, tests write programs by hand.
#ifndef FALLOFF_COMPILER_PASSES_PROGRAMBUILDER_H
#define FALLOFF_COMPILER_PASSES_PROGRAMBUILDER_H

#include "compiler/passes/Recipe.h"
#include <map>

namespace falloff {

class ProgramBuilder {
public:
  explicit ProgramBuilder(std::string name) { recipe.program.name = std::move(name); }

  /// Adds a segment; returns the numbers of its axes.
  std::vector<int32_t> segment(const std::string &name, const std::vector<std::string> &axes);
  int32_t parameter(const std::string &name);

  /// Where what follows stands, for errors.
  void setSource(int32_t number) { source = number; }

  // Axes. A split gives its part and its offset.
  std::pair<int32_t, int32_t> splitBy(int32_t axis, Formula size);
  std::pair<int32_t, int32_t> splitAt(int32_t axis, std::vector<double> cuts);
  std::pair<int32_t, int32_t> splitAtParameter(int32_t axis, int32_t parameter);
  void nameAxis(int32_t axis, const std::string &name) { recipe.axes[axis].name = name; }

  // Leaves.
  int32_t everything();
  int32_t keys(int32_t axis);
  int32_t queries(int32_t axis);
  int32_t either(int32_t axis);
  int32_t first(int32_t axis, Formula count);
  /// The width may read distances, no more.
  int32_t within(int32_t axis, Formula width);
  int32_t same(int32_t axis);
  int32_t causal(int32_t axis);
  /// One axis of a window; an empty stride or dilation is 1.
  int32_t window(int32_t axis, Formula size, Formula stride, Formula dilation, bool causal);
  /// The condition ends in a comparison.
  int32_t where(const Formula &condition);
  int32_t linked(const std::vector<int32_t> &axes, int32_t parameter, std::vector<std::vector<bool>> relation);
  int32_t when(int32_t parameter, const std::string &word, int32_t set);

  // Algebra.
  int32_t anyOf(std::vector<int32_t> sets);
  int32_t allOf(std::vector<int32_t> sets);
  int32_t noneOf(std::vector<int32_t> sets);

  /// An `about` set and the limit of its fills, or -1: every pair.
  struct About {
    int32_t set = -1, limit = -1;
  };
  static constexpr size_t maxGroups = 7;
  /// keep `exact` about `abouts` only `limits`. False if the abouts have more than `maxGroups` different limits.
  bool keep(const std::vector<int32_t> &exact, const std::vector<About> &abouts, const std::vector<int32_t> &limits);
  ProgramRecipe take();

private:
  int32_t axis(AxisRecipe axis);
  int32_t coordinateOf(int32_t axis);
  int32_t baseCoordinate(int32_t axis);
  bool monotone(int32_t axis) const;
  int32_t interval(int32_t axis, NodeRecipe recipe);
  int32_t distances(SetNode node, NodeRecipe recipe);
  int32_t whereOfEnds(const Formula &condition);
  int32_t end(SetKind kind, int32_t axis);
  int32_t node(SetNode node, NodeRecipe recipe);
  std::vector<WhereStep> whereSteps(const Formula &condition);

  ProgramRecipe recipe;
  std::map<std::string, int32_t> known;
  int32_t source = -1;
};

/// Text that equal formulas share.
std::string keyOf(const Formula &formula);

} // namespace falloff

#endif
