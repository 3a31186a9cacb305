// SPDX-License-Identifier: Apache-2.0
//
// What MLIR's parser means, told by its message and by the word at its place.
#include "compiler/ParserMessages.h"
#include "compiler/passes/Names.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <tuple>
#include <vector>

using namespace mlir;
using namespace falloff;
using llvm::StringRef;

namespace {

/// A file, cut at a place.
struct Source {
  StringRef before;
  StringRef after; ///< from the first word on, past blanks and comments: errors at a line's end are about the next word
  std::vector<std::string> words; ///< of the language

  /// Of letters, digits, '.' and '_', with what marks a name; else one character; empty at the end of the file.
  StringRef word() const;
  bool isWord(StringRef text) const { return llvm::is_contained(words, text.str()); }
  bool isAtStart() const;
  /// Names in the pattern up to here, without their sign.
  std::vector<std::string> names() const;
  int64_t openBraces() const;
};

} // namespace

static bool isLetter(char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; }

static StringRef skipBlanks(StringRef text) {
  for (text = text.ltrim(); text.starts_with("//"); text = text.ltrim())
    text = text.split('\n').second;
  return text;
}

StringRef Source::word() const {
  size_t mark = after.starts_with("%") || after.starts_with("#") || after.starts_with("@") ? 1 : 0;
  size_t length = mark + after.drop_front(mark).take_while(isLetter).size();
  return after.take_front(std::max<size_t>(length, 1));
}

bool Source::isAtStart() const { return skipBlanks(before).empty(); }

std::vector<std::string> Source::names() const {
  StringRef pattern = before.drop_front(std::min(before.rfind("mask.pattern"), before.size()));
  std::vector<std::string> found;
  for (size_t at = pattern.find('%'); at != StringRef::npos; at = pattern.find('%', at + 1))
    if (StringRef name = pattern.drop_front(at + 1).take_while(isLetter); !name.empty())
      found.push_back(name.str());
  llvm::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

int64_t Source::openBraces() const {
  int64_t open = 0;
  for (StringRef rest = skipBlanks(before); !rest.empty(); rest = skipBlanks(rest.drop_front()))
    open += rest.front() == '{' ? 1 : rest.front() == '}' ? -1 : 0;
  return open;
}

static Source readSource(StringRef text, FileLineColLoc place) {
  Source source;
  StringRef rest = text;
  for (unsigned line = 1; line < place.getLine(); ++line)
    rest = rest.split('\n').second;
  rest = rest.drop_front(std::min<size_t>(std::max(place.getColumn(), 1u) - 1, rest.size()));
  source.before = text.drop_back(rest.size());
  source.after = skipBlanks(rest);
  for (RegisteredOperationName name : place.getContext()->getRegisteredOperationsByDialect("mask"))
    source.words.push_back(name.stripDialect().str());
  llvm::sort(source.words);
  return source;
}

static std::string quote(StringRef text) { return "'" + text.str() + "'"; }

static std::string got(const Source &source) {
  return source.after.empty() ? ", but the file ends" : ", but got " + quote(source.word());
}

//===-- Names -----------------------------------------------------------------------------------------------------===//

static std::string explainUndeclared(const Source &source) {
  std::string message = "expects a name that is defined above";
  if (!source.after.starts_with("%"))
    return message;
  std::string name = source.after.drop_front().take_while([](char c) { return llvm::isAlnum(c) || c == '_'; }).str();
  std::vector<std::string> known = source.names();
  llvm::erase(known, name);
  return message + ", but got " + quote(name) + suggest(name, known);
}

static const char nameInnerSet[] = "; operands are %names: name the inner set first";

/// Where a name has to stand and none does.
static std::string explainOperand(const Source &source) {
  std::string message = "expects a name with %, such as %frame" + got(source);
  StringRef word = source.word();
  if (llvm::is_contained(source.names(), word.str()))
    return message + "; did you mean " + quote("%" + word.str()) + "?";
  return source.isWord(word) ? message + nameInnerSet : message;
}

/// "%near causal", "%near: causal", "%1a = causal".
static std::string explainResult(const Source &source) {
  StringRef before = source.before;
  StringRef name = before.take_back(before.size() - std::min(before.rfind('%'), before.size()));
  bool isNumber = name.size() > 1 && llvm::all_of(name.drop_front(), llvm::isDigit);
  if (isNumber && source.after.begin() == before.end() && source.after.find_if(isLetter) == 0)
    return "expects a name that begins with a letter, but got " + quote(name.str() + source.word().str());
  bool isColon = before.rtrim().ends_with(":");
  return "expects '=' after the name, as in %near = within 1 of %frame" + (isColon ? ", but got ':'" : got(source));
}

//===-- Words -----------------------------------------------------------------------------------------------------===//

static const char patternFile[] = "expects a pattern file, which begins with mask.pattern";

/// Outside of patterns, where words have their dialect.
static std::string explainOutside(StringRef word, const Source &source) {
  std::string message = source.isAtStart() ? patternFile : "expects mask.pattern";
  message += ", but got " + quote(word);
  if (word == "pattern" || !nearestName(word, {"pattern", "mask.pattern"}).empty())
    return message + "; did you mean 'mask.pattern'?";
  return source.isWord(word) ? message + ", which stands between the braces of a pattern" : message;
}

/// "custom op 'windo' is unknown (tried 'mask.windo' as well)": `rest` is what follows the word.
static std::string explainUnknown(StringRef word, StringRef rest, const Source &source) {
  if (!rest.contains("(tried 'mask."))
    return explainOutside(word, source);
  if (source.after.drop_front(std::min(word.size(), source.after.size())).ltrim().starts_with("="))
    return "expects a name with %, as in %" + word.str() + " = within 1 of %frame, but got " + quote(word);
  std::string message = "expects a word of the language, but got " + quote(word);
  if (llvm::is_contained(source.names(), word.str()))
    return message + "; did you mean " + quote("%" + word.str()) + "?";
  word.consume_front("mask.");
  return message + suggest(word, source.words);
}

/// Where a line of a pattern or a pattern should begin.
static std::string explainStatement(const Source &source) {
  if (source.after.empty() && source.openBraces() > 0)
    return "expects '}' at the end of the pattern, but the file ends";
  if (source.isAtStart())
    return patternFile + got(source);
  if (source.openBraces() <= 0)
    return "expects mask.pattern or the end of the file" + got(source);
  return "expects a word of the language, such as within or keep" + got(source);
}

/// "custom op 'mask.any_of' expected 'nothing'": `rest` is what follows the word.
static std::string explainOp(StringRef word, StringRef rest, const Source &source) {
  word.consume_front("mask.");
  std::string message = quote(word) + " ";
  if (rest.consume_front(" expects ")) {
    message += "expects " + rest.str();
    StringRef number = source.word();
    bool isReal = rest == "a whole number or a %name" && number.contains('.') && llvm::isDigit(number.front());
    return isReal ? message + got(source) + "; give it a name with let" : message;
  }
  rest.consume_front(" expected ");
  if (rest == "valid '@'-identifier for symbol name")
    return message + "expects a name with @, as in mask.pattern @near" + got(source);
  if (rest == "valid keyword")
    rest = "a word";
  message += "expects " + std::string(rest == "'nothing'" ? "%names or " : "") + rest.str() + got(source);
  if (rest == "'nothing'" && source.after.starts_with("("))
    return message + "; operands are %names without brackets, as in " + word.str() + " %a, %b";
  return source.isWord(source.word()) ? message + nameInnerSet : message;
}

//===-- Characters ------------------------------------------------------------------------------------------------===//

static std::string explainCharacter(const std::string &message, const Source &source) {
  if (source.isAtStart())
    return std::string(patternFile) + ", but got something else";
  if (source.after.starts_with(";"))
    return "expects nothing more at the end of a line, but got ';'";
  return message;
}

/// '!' begins a type in MLIR.
static std::string explainType(const std::string &message, const Source &source) {
  if (source.after.starts_with("!="))
    return "expects a comparison, one of < <= > >= ==, but got '!='; none_of takes what a set leaves";
  return source.after.starts_with("!") ? "expects no '!', which has no place in a pattern" : message;
}

static std::string explainFixed(const std::string &message, const Source &source) {
  if (message == "use of undeclared SSA value name")
    return explainUndeclared(source);
  if (message == "expected SSA operand")
    return explainOperand(source);
  if (message == "expected '=' after SSA name" || message == "expected integer number of results")
    return explainResult(source);
  if (message == "invalid SSA name")
    return "expects a name right after %, such as %frame, but got a '%' alone";
  if (message == "cannot name an operation with no results")
    return "expects no name for what defines nothing, such as keep" + got(source);
  if (message == "expected operation name in quotes")
    return explainStatement(source);
  if (message == "expected '{' to begin a region")
    return "expects '{' after the axes of the pattern" + got(source);
  if (message == "expected ':'" && source.openBraces() == 0)
    return "expects ':' after the name, as in %frame: ? or %width: count" + got(source);
  if (message == "invalid type identifier")
    return explainType(message, source);
  if (StringRef(message).starts_with("expected '") && StringRef(message).ends_with("'"))
    return "expects" + message.substr(sizeof("expected") - 1) + got(source);
  if (message == "unexpected character")
    return explainCharacter(message, source);
  return message;
}

/// Whether MLIR's own parser may have said so: our messages say what they expect.
static bool isOfParser(StringRef message) {
  return message.starts_with("expected ") || message.starts_with("invalid ") || message.starts_with("unexpected ");
}

std::string falloff::explainParser(const std::string &message, FileLineColLoc place) {
  StringRef rest = message, word;
  bool isOfOp = rest.consume_front("custom op '");
  if (isOfOp)
    std::tie(word, rest) = rest.split('\'');
  auto file = llvm::MemoryBuffer::getFile(place.getFilename().getValue());
  if (!file)
    return message;
  StringRef text = (*file)->getBuffer();
  Source source = readSource(text, place);
  if (isOfParser(message) && text.contains('\0'))
    return std::string(patternFile) + ", but the file is not text";
  if (isOfParser(message) && (source.after.starts_with("#") || source.after.starts_with("/*")))
    return "expects comments to begin with //, but got " +
           quote(source.after.starts_with("#") ? source.word() : source.after.take_front(2));
  if (StringRef(message).starts_with("Dialect `")) // "... not found for custom op 'msk.pattern' "
    return explainOutside(StringRef(message).split("custom op '").second.split('\'').first, source);
  if (!isOfOp)
    return explainFixed(message, source);
  if (rest.starts_with(" is unknown"))
    return explainUnknown(word, rest, source);
  bool isOfMask = word.starts_with("mask.") && (rest.starts_with(" expects ") || rest.starts_with(" expected "));
  return isOfMask ? explainOp(word, rest, source) : message;
}
