// SPDX-License-Identifier: Apache-2.0
//
// Words, numbers and marks of PTX; comments go.
#include "tests/ptxsim/Lexer.h"

#include "tests/ptxsim/Fault.h"

#include <cctype>
#include <cstdlib>
#include <cstring>

namespace ptxsim {

static bool startsWord(char c) { return std::isalpha(static_cast<unsigned char>(c)) || std::strchr("%$_.", c); }
static bool continuesWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '$' || c == '_' || c == '.' || c == ':';
}

Lexer::Lexer(std::string_view text) : text(text) { advance(); }

void Lexer::skipBlanks() {
  while (at < text.size()) {
    if (text[at] == '\n')
      ++line;
    if (std::isspace(static_cast<unsigned char>(text[at]))) {
      ++at;
    } else if (text.substr(at, 2) == "//") {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at, 2) == "/*") {
      size_t end = std::min(text.find("*/", at), text.size());
      for (; at < end; ++at)
        line += text[at] == '\n';
      at = std::min(at + 2, text.size());
    } else {
      return;
    }
  }
}

void Lexer::readNumber() {
  const char *begin = text.data() + next.begin;
  if (text.substr(at, 2) == "0f" || text.substr(at, 2) == "0F" || text.substr(at, 2) == "0d" ||
      text.substr(at, 2) == "0D") {
    bool single = std::tolower(text[at + 1]) == 'f';
    size_t digits = single ? 8 : 16;
    std::string hex(text.substr(at + 2, digits));
    if (hex.size() != digits || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      throw Fault(FaultKind::Syntax, "expects " + std::to_string(digits) + " hexadecimal digits, but got '" + hex + "'",
                  {line, "", {-1, -1, -1}, -1, -1, {}});
    next.kind = single ? Token::Kind::Single : Token::Kind::Double;
    next.value = std::strtoull(hex.c_str(), nullptr, 16);
    at += 2 + digits;
    return;
  }
  std::string number;
  while (at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])))
    number += text[at++];
  if (at < text.size() && text[at] == '.') // 1.5: PTX reads such constants as doubles
    while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '.'))
      number += text[at++];
  next.kind = Token::Kind::Integer;
  char *end = nullptr;
  if (number.find('.') != std::string::npos) {
    double value = std::strtod(number.c_str(), &end);
    std::memcpy(&next.value, &value, 8);
    next.kind = Token::Kind::Double;
  } else if (number.size() > 2 && number[0] == '0' && std::tolower(number[1]) == 'b') {
    next.value = std::strtoull(number.c_str() + 2, &end, 2);
  } else {
    next.value = std::strtoull(number.c_str(), &end, 0);
  }
  if (*end == 'U')
    ++end;
  if (*end)
    throw Fault(FaultKind::Syntax, "expects a number, but got '" + number + "'", {line, "", {-1, -1, -1}, -1, -1, {}});
  next.text = std::string_view(begin, text.data() + at - begin);
}

void Lexer::advance() {
  skipBlanks();
  next = Token();
  next.line = line;
  next.begin = at;
  if (at >= text.size())
    return;
  char c = text[at];
  if (std::isdigit(static_cast<unsigned char>(c)))
    return readNumber();
  if (startsWord(c)) {
    next.kind = Token::Kind::Word;
    size_t begin = at++;
    // Suffixes hold "::" (".L2::128B"), while a label ends with one colon.
    while (at < text.size() && continuesWord(text[at])) {
      if (text[at] == ':' && text.substr(at, 2) != "::")
        break;
      at += text[at] == ':' ? 2 : 1;
    }
    next.text = text.substr(begin, at - begin);
  } else if (c == '"') {
    size_t end = text.find('"', at + 1);
    if (end == std::string_view::npos)
      fail("a closing quote");
    next.kind = Token::Kind::String;
    next.text = text.substr(at + 1, end - at - 1);
    at = end + 1;
  } else {
    next.kind = Token::Kind::Mark;
    next.text = text.substr(at++, 1);
  }
}

Token Lexer::take() {
  Token taken = next;
  advance();
  return taken;
}

bool Lexer::takeIf(char mark) { return next.is(mark) ? (advance(), true) : false; }
bool Lexer::takeIf(std::string_view word) { return next.is(word) ? (advance(), true) : false; }

Token Lexer::expect(char mark) {
  if (!next.is(mark))
    fail(std::string("'") + mark + "'");
  return take();
}

Token Lexer::expectWord() {
  if (next.kind != Token::Kind::Word)
    fail("a name");
  return take();
}

int64_t Lexer::expectInteger() {
  bool negative = takeIf('-');
  if (next.kind != Token::Kind::Integer)
    fail("an integer");
  uint64_t value = take().value;
  return static_cast<int64_t>(negative ? -value : value);
}

void Lexer::skipPast(char mark) {
  while (!takeIf(mark)) {
    if (next.kind == Token::Kind::End)
      fail(std::string("'") + mark + "'");
    take();
  }
}

void Lexer::fail(const std::string &expected) const {
  FaultPlace place;
  place.line = next.line;
  std::string got = next.kind == Token::Kind::End ? "the end" : "'" + std::string(next.text) + "'";
  throw Fault(FaultKind::Syntax, "expects " + expected + ", but got " + got, place);
}

std::string Lexer::between(size_t begin, size_t end) const {
  std::string out;
  for (char c : text.substr(begin, end - begin)) {
    bool blank = std::isspace(static_cast<unsigned char>(c));
    if (!blank || (!out.empty() && out.back() != ' '))
      out += blank ? ' ' : c;
  }
  return out;
}

} // namespace ptxsim
