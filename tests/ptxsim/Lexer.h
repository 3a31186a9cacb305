// SPDX-License-Identifier: Apache-2.0
//
// Words of PTX text. A word that begins with a letter or one of % $ _ . runs on over letters, digits, dots, $ and _, so
// an opcode with its suffixes, `%tid.x` and `.reg` are one word each.
#ifndef FALLOFF_TESTS_PTXSIM_LEXER_H
#define FALLOFF_TESTS_PTXSIM_LEXER_H

#include <cstdint>
#include <string>
#include <string_view>

namespace ptxsim {

struct Token {
  enum class Kind { End, Word, Integer, Single, Double, String, Mark } kind = Kind::End;
  std::string_view text;
  uint64_t value = 0; ///< of numbers: two's complement, or the bits of a float
  int line = 1;
  size_t begin = 0; ///< offset of its first character

  bool is(char mark) const { return kind == Kind::Mark && text[0] == mark; }
  bool is(std::string_view word) const { return kind == Kind::Word && text == word; }
};

class Lexer {
public:
  explicit Lexer(std::string_view text);

  const Token &peek() const { return next; }
  Token take();
  bool takeIf(char mark);
  bool takeIf(std::string_view word);
  Token expect(char mark);
  Token expectWord();
  int64_t expectInteger();
  /// Passes over everything up to and with the mark.
  void skipPast(char mark);
  /// Throws a Fault (Syntax) at the next token.
  [[noreturn]] void fail(const std::string &expected) const;
  /// The text between two offsets, in one line.
  std::string between(size_t begin, size_t end) const;

private:
  void advance();
  void skipBlanks();
  void readNumber();

  std::string_view text;
  size_t at = 0;
  int line = 1;
  Token next;
};

} // namespace ptxsim

#endif
