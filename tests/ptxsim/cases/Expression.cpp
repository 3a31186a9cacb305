// SPDX-License-Identifier: Apache-2.0
//
// A recursive descent over the operators' ranks. Both branches of ?: are evaluated.
#include "tests/ptxsim/cases/Expression.h"
#include "tests/ptxsim/Numbers.h"
#include <cctype>
#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace ptxsim {
namespace {

const std::vector<std::vector<std::string>> ranks = {
    {"||"},       {"&&"},     {"|"},          {"^"}, {"&"}, {"==", "!="}, {"<=", ">=", "<", ">"},
    {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"}};

class Evaluator {
public:
  Evaluator(const std::string &text, const Names &names) : text(text), names(names) {}

  int64_t whole() {
    int64_t value = choice();
    if (peek())
      fail("what follows is not understood");
    return value;
  }

private:
  [[noreturn]] void fail(const std::string &what) const {
    throw std::runtime_error("expects an expression, but got '" + text + "': " + what + " at '" + text.substr(at) +
                             "'");
  }

  char peek() {
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])))
      ++at;
    return at < text.size() ? text[at] : '\0';
  }

  bool take(const std::string &symbol) {
    peek();
    if (text.compare(at, symbol.size(), symbol) != 0)
      return false;
    at += symbol.size();
    return true;
  }

  /// As take, but `|`, `&`, `<` and `>` are not the first half of a longer operator.
  bool takeOperator(const std::string &symbol) {
    peek();
    char next = at + symbol.size() < text.size() ? text[at + symbol.size()] : '\0';
    if (symbol.size() == 1 && ((next == symbol[0] && symbol.find_first_of("|&<>") == 0)))
      return false;
    return take(symbol);
  }

  int64_t choice() {
    int64_t condition = binary(0);
    if (!take("?"))
      return condition;
    int64_t yes = choice();
    if (!take(":"))
      fail("':' is missing");
    int64_t no = choice();
    return condition ? yes : no;
  }

  int64_t binary(size_t rank) {
    if (rank == ranks.size())
      return unary();
    int64_t left = binary(rank + 1);
    for (bool found = true; found;) {
      found = false;
      for (const std::string &symbol : ranks[rank])
        if (takeOperator(symbol)) {
          left = apply(symbol, left, binary(rank + 1));
          found = true;
          break;
        }
    }
    return left;
  }

  int64_t apply(const std::string &symbol, int64_t a, int64_t b) const {
    auto wide = [](int64_t value) { return uint64_t(value); };
    switch (symbol.size() == 2 ? symbol[0] + 256 * symbol[1] : symbol[0]) {
    case '|' + 256 * '|':
      return a || b;
    case '&' + 256 * '&':
      return a && b;
    case '=' + 256 * '=':
      return a == b;
    case '!' + 256 * '=':
      return a != b;
    case '<' + 256 * '=':
      return a <= b;
    case '>' + 256 * '=':
      return a >= b;
    case '<' + 256 * '<':
      return int64_t(wide(a) << (b & 63));
    case '>' + 256 * '>':
      return a >> (b & 63);
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '&':
      return a & b;
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '+':
      return int64_t(wide(a) + wide(b));
    case '-':
      return int64_t(wide(a) - wide(b));
    case '*':
      return int64_t(wide(a) * wide(b));
    }
    if (b == 0 || b == -1)
      fail("division by 0 or -1");
    return symbol == "/" ? a / b : a % b;
  }

  int64_t unary() {
    if (take("-"))
      return int64_t(-uint64_t(unary()));
    if (take("~"))
      return ~unary();
    if (take("!"))
      return !unary();
    if (take("(")) {
      int64_t value = choice();
      if (!take(")"))
        fail("')' is missing");
      return value;
    }
    if (std::isdigit(static_cast<unsigned char>(peek()))) {
      char *end = nullptr;
      uint64_t value = std::strtoull(text.c_str() + at, &end, 0);
      at = size_t(end - text.c_str());
      return int64_t(value);
    }
    return named();
  }

  int64_t named() {
    size_t begin = at;
    while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_'))
      ++at;
    std::string name = text.substr(begin, at - begin);
    if (take("(")) {
      int64_t value = choice();
      if (!take(")"))
        fail("')' is missing");
      return function(name, value);
    }
    auto found = names.find(name);
    if (found == names.end())
      fail("no number is named '" + name + "'");
    return found->second;
  }

  int64_t function(const std::string &name, int64_t value) const {
    const std::map<std::string, Format> formats = {
        {"f16", f16Format}, {"bf16", bf16Format}, {"e4m3", e4m3Format}, {"e5m2", e5m2Format}, {"f32", f32Format}};
    if (auto found = formats.find(name); found != formats.end())
      return encode(found->second, double(value));
    if (name == "f64")
      return int64_t(asBits(double(value)));
    if (name == "u32")
      return value & 0xffffffff;
    fail("no function is named '" + name + "'");
  }

  const std::string &text;
  const Names &names;
  size_t at = 0;
};

} // namespace

int64_t evaluate(const std::string &text, const Names &names) { return Evaluator(text, names).whole(); }

} // namespace ptxsim
