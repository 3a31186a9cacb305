// SPDX-License-Identifier: Apache-2.0
//
// Random patterns as text: segments, splits, every leaf, algebra, `about` and `only`. A failing case is printed whole,
// so that it can be run by hand.
#ifndef FALLOFF_TESTS_UNIT_PASSES_RANDOMPATTERN_H
#define FALLOFF_TESTS_UNIT_PASSES_RANDOMPATTERN_H

#include <random>
#include <string>
#include <vector>

namespace falloff::test {

/// Writes one pattern. `longest` bounds the extents of segments with one axis; others are short. `longest` 0: one
/// segment of several axes.
class RandomPattern {
public:
  RandomPattern(uint32_t seed, int longest) : random(seed), longest(longest) {}

  std::string write() {
    int numSegments = longest == 0 ? 1 : pick(1, 3);
    std::string domain;
    for (int i = 0; i < numSegments; ++i)
      domain += (i ? ", " : "") + segment(i);
    for (int i = pick(0, 2); i > 0; --i)
      split();
    for (int i = pick(2, 5); i > 0; --i)
      leaf();
    for (int i = pick(1, 4); i > 0; --i)
      algebra();
    std::string keep = "  keep " + sets[pick(0, int(sets.size()) - 1)];
    if (chance(60))
      keep += " about " + oneSet() + (chance(40) ? ", " + oneSet() : "");
    if (chance(40))
      keep += " only " + oneSet();
    return "mask.pattern @random over " + domain + " {\n" + body + keep + "\n}\n";
  }

private:
  struct Axis {
    std::string name;
    int segment, extent;
  };

  int pick(int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random); }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  const Axis &oneAxis() { return axes[pick(0, int(axes.size()) - 1)]; }
  const Axis &oneAxisOf(int segment) {
    for (;;)
      if (const Axis &axis = oneAxis(); axis.segment == segment)
        return axis;
  }
  std::string oneSet() { return sets[pick(0, int(sets.size()) - 1)]; }
  void line(const std::string &text) { body += "  " + text + "\n"; }
  std::string set(const std::string &text) {
    sets.push_back("%s" + std::to_string(sets.size()));
    line(sets.back() + " = " + text);
    return sets.back();
  }

  std::string segment(int number) {
    static const char *names[] = {"video", "text", "other"};
    int count = longest > 0 && chance(40) ? 1 : pick(2, 3);
    std::string text = std::string(names[number]) + "(";
    for (int i = 0; i < count; ++i) {
      int extent = count == 1 ? pick(chance(10) ? 0 : 1, longest) : pick(1, count == 2 ? 7 : 4);
      axes.push_back({"%a" + std::to_string(axes.size()), number, extent});
      text += (i ? ", " : "") + axes.back().name + ": " + std::to_string(extent);
    }
    return text + ")";
  }

  void split() {
    Axis parent = oneAxis();
    parent.extent = std::max(parent.extent, 0);
    std::string part = "%p" + std::to_string(axes.size()), offset = "%o" + std::to_string(axes.size());
    int size = pick(1, 4), parts = (parent.extent + size - 1) / size, longestPart = std::min(parent.extent, size);
    if (chance(50)) {
      line(part + ", " + offset + " = split " + parent.name + " by " + std::to_string(size));
    } else {
      int a = pick(0, parent.extent), b = pick(a, parent.extent + 1);
      line(part + ", " + offset + " = split " + parent.name + " at [" + std::to_string(a) + ", " + std::to_string(b) +
           "]");
      parts = 3;
      longestPart = -1; // not to be linked
    }
    axes.push_back({part, parent.segment, parts});
    axes.push_back({offset, parent.segment, longestPart});
  }

  std::string number(int lo, int hi) { return std::to_string(pick(lo, hi)); }

  void leaf() {
    const Axis axis = oneAxis(), other = oneAxisOf(axis.segment);
    std::string distance = "distance(" + other.name + ")", n = std::to_string(sets.size());
    switch (pick(0, 12)) {
    case 0:
      set((chance(50) ? "keys in " : chance(50) ? "queries in " : "either in ") + axis.name);
      return;
    case 1:
      set("first " + number(0, 3) + " of " + axis.name);
      return;
    case 2:
      set("within " + number(0, 3) + " of " + axis.name);
      return;
    case 3:
      set((chance(50) ? "same " : "causal ") + axis.name);
      return;
    case 4:
    case 5:
      window(axis);
      return;
    case 6:
      relation(axis);
      return;
    case 7:
      line("%w" + n + " = let " + number(0, 3) + " - floor(" + distance + " / " + number(1, 2) + ")");
      set("within %w" + n + " of " + axis.name);
      return;
    case 8:
      line("%w" + n + " = let " + number(1, 9) + ".5 / max(" + distance + " + distance(" + axis.name + "), 1)");
      set("within %w" + n + " of " + axis.name);
      return;
    case 9:
      set("where " + distance + " mod " + number(1, 4) + " <= " + number(0, 1));
      return;
    case 10:
      set("where " + distance + " + distance(" + axis.name + ") < " + number(0, 5));
      return;
    case 11:
      set("where " + number(1, 3) + " * (query(" + axis.name + ") + 1) - key(" + oneAxis().name +
          ") <= " + number(0, 5));
      return;
    default:
      set("where query(" + oneAxis().name + ") mod " + number(1, 3) + " == " + number(0, 1));
    }
  }

  void window(const Axis &axis) {
    std::string sizes, over, strides, dilations, last = axis.name;
    int count = pick(1, 2);
    for (int i = 0; i < count; ++i) {
      const Axis &one = i ? oneAxisOf(axis.segment) : axis;
      if (i && one.name == axis.name)
        break;
      int size = pick(1, 6);
      std::string comma = i ? ", " : "";
      sizes += comma + std::to_string(size);
      over += comma + one.name;
      strides += comma + number(1, std::min(size, 3));
      dilations += comma + number(1, 3);
      last = one.name;
    }
    std::string text = "window [" + sizes + "] over " + over;
    if (chance(40))
      text += " stride [" + strides + "]";
    if (chance(40))
      text += " dilation [" + dilations + "]";
    if (chance(40))
      text += " causal " + last;
    set(text);
  }

  void relation(const Axis &axis) {
    const Axis other = oneAxisOf(axis.segment);
    bool two = other.name != axis.name && chance(50);
    int size = axis.extent * (two ? other.extent : 1);
    if (axis.extent < 1 || size < 1 || size > 40) {
      set("same " + axis.name);
      return;
    }
    std::string text = "%r" + std::to_string(sets.size()) + " = relation [";
    int density = pick(10, 90);
    for (int i = 0; i < size; ++i) {
      text += i ? ", [" : "[";
      for (int j = 0; j < size; ++j)
        text += std::string(j ? ", " : "") + (chance(density) ? "1" : "0");
      text += "]";
    }
    line(text + "]");
    std::string name = "%r" + std::to_string(sets.size());
    set("linked " + axis.name + (two ? ", " + other.name : "") + " by " + name);
  }

  void algebra() {
    static const char *ops[] = {"any_of ", "all_of ", "none_of "};
    std::string text = ops[pick(0, 2)] + oneSet();
    for (int i = pick(0, 2); i > 0; --i)
      text += ", " + oneSet();
    set(text);
  }

  std::mt19937 random;
  int longest;
  std::string body;
  std::vector<Axis> axes;
  std::vector<std::string> sets;
};

} // namespace falloff::test

#endif
