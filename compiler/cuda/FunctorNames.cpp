// SPDX-License-Identifier: Apache-2.0
//
// Axes may be called anything that MLIR lets a value be called; C++ is stricter.
#include "compiler/cuda/FunctorNames.h"
#include <algorithm>
#include <cctype>
#include <cstring>

namespace falloff::cuda {

/// Words that C++ or CUDA keep, and members that functors have besides.
static bool isTaken(const std::string &name) {
  // Between spaces, which no name holds.
  static const std::string words =
      " alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t "
      "char8_t class compl concept const consteval constexpr constinit const_cast continue co_await "
      "co_return co_yield decltype default delete do double dynamic_cast else enum explicit export "
      "extern false float for friend goto if inline int long mutable namespace new noexcept not "
      "not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires "
      "return segment short signed sizeof static static_assert static_cast struct switch template "
      "this thread_local throw true try typedef typeid typename union unsigned using virtual void "
      "volatile wchar_t while xor xor_eq ";
  if (words.find(" " + name + " ") != std::string::npos)
    return true;
  for (const char *member : {"low", "high", "row", "column"}) // with a set's number
    if (size_t length = std::strlen(member); name.compare(0, length, member) == 0 && name.size() > length &&
                                             name.find_first_not_of("0123456789", length) == std::string::npos)
      return true;
  return false;
}

/// Letters, digits and single underscores, a letter first.
static std::string identifier(const std::string &name) {
  std::string text;
  for (char letter : name)
    if (std::isalnum(static_cast<unsigned char>(letter)) && static_cast<unsigned char>(letter) < 0x80)
      text += letter;
    else if (!text.empty() && text.back() != '_')
      text += '_';
  if (!text.empty() && text.back() == '_')
    text.pop_back();
  if (text.empty() || !std::isalpha(static_cast<unsigned char>(text[0])))
    text = "axis" + text;
  return text;
}

std::vector<std::string> coordinateNames(const SetProgram &program) {
  std::vector<std::string> names;
  auto isFree = [&](const std::string &name) {
    return !isTaken(name) && std::find(names.begin(), names.end(), name) == names.end();
  };
  for (size_t number = 0; number < program.coordinates.size(); ++number) {
    const runtime::Coordinate &coordinate = program.coordinates[number];
    const SetProgram::SegmentInfo &segment = program.segments[coordinate.segment];
    std::string name = identifier(segment.axes[coordinate.axis]);
    std::string suffix = coordinate.table < 0 ? "" : "_" + std::to_string(coordinate.table);
    std::string candidates[] = {name + suffix, identifier(segment.name) + "_" + name + suffix,
                                "axis" + std::to_string(number)};
    for (const std::string &candidate : candidates)
      if (names.size() == number && isFree(candidate))
        names.push_back(candidate);
    while (names.size() == number) // another axis took that, too
      if (std::string &last = candidates[2]; isFree(last += "_"))
        names.push_back(last);
  }
  return names;
}

} // namespace falloff::cuda
