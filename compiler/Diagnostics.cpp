// SPDX-License-Identifier: Apache-2.0
//
// Keeps the first error of a run of the compiler and turns it into falloff::Error.

#include "compiler/Diagnostics.h"
#include "compiler/passes/Names.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;

namespace falloff {

static std::string describe(const std::string &message, const std::string &file, int line, int column) {
  if (file.empty())
    return message;
  if (line == 0)
    return file + ": " + message;
  return file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + message;
}

Error::Error(std::string message, std::string file, int line, int column)
    : std::runtime_error(describe(message, file, line, column)), message(std::move(message)), file(std::move(file)),
      line(line), column(column) {}

/// Where the text stands: a fused or call-site location is searched for its first place in a file.
static FileLineColLoc placeOf(Location location) {
  FileLineColLoc place;
  location->walk([&](Location part) {
    place = dyn_cast<FileLineColLoc>(part);
    return place ? WalkResult::interrupt() : WalkResult::advance();
  });
  return place;
}

/// The `%name` that begins `text`, without its sign; empty if none does.
static llvm::StringRef leadingName(llvm::StringRef text) {
  if (!text.consume_front("%"))
    return "";
  return text.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
}

/// MLIR's parser does not say which name it does not know: it is read from the file, with those that it could be.
static std::string describeUndeclared(FileLineColLoc place) {
  std::string message = "expects a name that is defined above";
  auto file = llvm::MemoryBuffer::getFile(place.getFilename().getValue());
  if (!file)
    return message;
  llvm::StringRef text = (*file)->getBuffer(), rest = text;
  for (unsigned line = 1; line < place.getLine(); ++line)
    rest = rest.split('\n').second;
  rest = rest.drop_front(std::min<size_t>(place.getColumn() - 1, rest.size()));
  llvm::StringRef name = leadingName(rest);
  if (name.empty())
    return message;
  llvm::StringRef above = text.drop_back(rest.size());
  above = above.drop_front(std::min(above.rfind("mask.pattern"), above.size()));
  std::vector<std::string> known;
  for (size_t at = above.find('%'); at != llvm::StringRef::npos; at = above.find('%', at + 1))
    if (llvm::StringRef other = leadingName(above.drop_front(at)); other != name && !other.empty())
      known.push_back(other.str());
  llvm::sort(known);
  known.erase(std::unique(known.begin(), known.end()), known.end());
  return message + ", but got '" + name.str() + "'" + suggest(name, known);
}

/// "custom op 'windo' is unknown (tried 'mask.windo' as well)": the word, if the message says that.
static llvm::StringRef unknownWord(llvm::StringRef message) {
  if (!message.consume_front("custom op '"))
    return "";
  auto [word, rest] = message.split('\'');
  return rest.starts_with(" is unknown") ? word : "";
}

/// MLIR's parser lists no words of the language.
static std::string describeUnknown(llvm::StringRef word, MLIRContext *context) {
  std::vector<std::string> known;
  for (RegisteredOperationName name : context->getRegisteredOperationsByDialect("mask"))
    known.push_back(name.stripDialect().str());
  llvm::sort(known);
  std::string asked = word.str();
  word.consume_front("mask.");
  return "expects a word of the language, but got '" + asked + "'" + suggest(word, known);
}

static Error toError(Diagnostic &diagnostic) {
  std::string message = diagnostic.str();
  for (Diagnostic &note : diagnostic.getNotes())
    message += "; " + note.str();
  FileLineColLoc place = placeOf(diagnostic.getLocation());
  if (place && message == "use of undeclared SSA value name")
    message = describeUndeclared(place);
  if (llvm::StringRef word = unknownWord(message); !word.empty())
    message = describeUnknown(word, diagnostic.getLocation()->getContext());
  if (place)
    return Error(message, place.getFilename().str(), place.getLine(), place.getColumn());
  return Error(message);
}

DiagnosticCapture::DiagnosticCapture(MLIRContext *context)
    : handler(context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error && !first)
          first.emplace(toError(diagnostic));
        return success();
      }) {}

void DiagnosticCapture::raise(const std::string &otherwise) const {
  if (first)
    throw *first;
  throw Error(otherwise);
}

void raiseIf(llvm::Error error) {
  if (error)
    throw Error(llvm::toString(std::move(error)));
}

} // namespace falloff
