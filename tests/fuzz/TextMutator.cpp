// SPDX-License-Identifier: Apache-2.0
//
// Mutations that mostly leave a pattern a pattern: whole lines, names, numbers and words. Every fourth one is
// libFuzzer's own, of bytes and of the dictionary.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace {

const char *const numbers[] = {"0",    "1",     "2",   "3",     "4",    "7",          "8",
                               "0.5",  "1.5",   "-1",  "-0.5",  "64",   "2147483648", "9223372036854775807",
                               "1e30", "1e-30", "0x7", "1e308", "-0.0", "4294967295", "9223372036854775808"};
const char *const words[] = {"over",     "first",  "last",    "within",  "same",    "causal", "window",   "linked",
                             "where",    "when",   "either",  "keys",    "queries", "any_of", "all_of",   "none_of",
                             "bounded",  "split",  "include", "let",     "keep",    "about",  "only",     "of",
                             "in",       "by",     "is",      "at",      "into",    "stride", "dilation", "nothing",
                             "mod",      "min",    "max",     "floor",   "ceil",    "abs",    "sqrt",     "bit_floor",
                             "distance", "extent", "query",   "key",     "real",    "count",  "table",    "relation",
                             "per",      "head",   "heads",   "@radial", "@window"};
const char *const lines[] = {"  %n1 = within 1 of %frame",
                             "  %n2 = causal %frame",
                             "  %n3 = first 2 of %token",
                             "  %n4 = same %patch",
                             "  %n5 = where distance(%frame) mod 2 == 0",
                             "  %n6 = none_of %n1",
                             "  %n7 = any_of %n1, %n2",
                             "  %n8 = all_of %n1, %n2",
                             "  %n9 = either in %token",
                             "  %o1 = window [3, 2] over %row, %column stride [2, 1]",
                             "  %o2 = let floor(extent(%patch) / 2)",
                             "  %o3 = let max(distance(%frame), 1)",
                             "  %p1 = within %o3 of %patch",
                             "  %p2 = keys in %frame",
                             "  %p3 = bounded %n1 by %n2",
                             "  %p4 = include @radial over %frame, %patch, %token",
                             "  %p5 = include @causal over %token",
                             "  keep %n1 about %n2 only %n3",
                             "  keep %n1"};

class Mutator {
public:
  Mutator(std::string_view text, unsigned seed) : random(seed) {
    for (size_t at = 0; at <= text.size();) {
      size_t end = std::min(text.find('\n', at), text.size());
      rows.emplace_back(text.substr(at, end - at));
      at = end + 1;
    }
  }

  std::string mutate() {
    for (size_t left = 1 + below(3); left > 0; --left)
      change();
    return joined();
  }

  std::string cross(const Mutator &other) {
    for (size_t left = 1 + below(4); left > 0; --left)
      rows.insert(rows.begin() + below(rows.size() + 1), other.rows[below(other.rows.size())]);
    return joined();
  }

private:
  struct Token {
    size_t at, size;
  };

  size_t below(size_t bound) { return bound == 0 ? 0 : random() % bound; }

  template <size_t N>
  std::string oneOf(const char *const (&list)[N]) {
    return list[below(N)];
  }

  static bool isWord(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  }

  static std::vector<Token> tokensOf(const std::string &row) {
    std::vector<Token> tokens;
    for (size_t at = 0; at < row.size();) {
      size_t end = at + 1;
      if (isWord(row[at]) || row[at] == '%' || row[at] == '@')
        while (end < row.size() && isWord(row[end]))
          ++end;
      if (row[at] != ' ')
        tokens.push_back({at, end - at});
      at = end;
    }
    return tokens;
  }

  /// Another of its kind: a name of the text, a number, a word.
  std::string alternative(char first) {
    if (first == '%') {
      const std::string &row = rows[below(rows.size())];
      for (Token token : tokensOf(row))
        if (row[token.at] == '%' && below(2))
          return row.substr(token.at, token.size);
      return "%n1";
    }
    if (first >= '0' && first <= '9')
      return oneOf(numbers);
    return oneOf(words);
  }

  void changeToken(std::string &row) {
    std::vector<Token> tokens = tokensOf(row);
    if (tokens.empty())
      return;
    Token token = tokens[below(tokens.size())];
    switch (below(4)) {
    case 0:
      row.erase(token.at, token.size);
      return;
    case 1:
      row.insert(token.at, row.substr(token.at, token.size) + (below(2) ? ", " : " "));
      return;
    default:
      row.replace(token.at, token.size, alternative(row[token.at]));
    }
  }

  void change() {
    size_t at = below(rows.size());
    switch (below(8)) {
    case 0:
      if (rows.size() > 1)
        rows.erase(rows.begin() + at);
      return;
    case 1:
      rows.insert(rows.begin() + at, std::string(rows[at]));
      return;
    case 2:
      std::swap(rows[at], rows[below(rows.size())]);
      return;
    case 3:
      rows.insert(rows.begin() + at, oneOf(lines));
      return;
    default:
      changeToken(rows[at]);
    }
  }

  std::string joined() const {
    std::string text;
    for (const std::string &row : rows)
      text += row + "\n";
    text.pop_back();
    return text;
  }

  std::vector<std::string> rows;
  std::minstd_rand random;
};

size_t copy(const std::string &text, uint8_t *data, size_t maxSize) {
  size_t size = std::min(text.size(), maxSize);
  std::memcpy(data, text.data(), size);
  return size;
}

std::string_view asText(const uint8_t *data, size_t size) { return {reinterpret_cast<const char *>(data), size}; }

} // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  if (seed % 4 == 0)
    return LLVMFuzzerMutate(data, size, maxSize);
  return copy(Mutator(asText(data, size), seed).mutate(), data, maxSize);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                                            uint8_t *out, size_t maxSize, unsigned seed) {
  return copy(Mutator(asText(data1, size1), seed).cross(Mutator(asText(data2, size2), seed)), out, maxSize);
}
