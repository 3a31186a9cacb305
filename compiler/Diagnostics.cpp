// SPDX-License-Identifier: Apache-2.0
//
// Keeps the first error of a run of the compiler and turns it into falloff::Error.

#include "compiler/Diagnostics.h"
#include "compiler/ParserMessages.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"

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

DeviceError::DeviceError(std::string message, bool isOutOfMemory)
    : Error(std::move(message)), isOutOfMemory(isOutOfMemory) {}

/// Where the text stands: a fused or call-site location is searched for its first place in a file.
static FileLineColLoc placeOf(Location location) {
  FileLineColLoc place;
  location->walk([&](Location part) {
    place = dyn_cast<FileLineColLoc>(part);
    return place ? WalkResult::interrupt() : WalkResult::advance();
  });
  return place;
}

/// A name that was taken: MLIR's message, and the line that took it from its note.
static std::string explainTaken(llvm::StringRef message, unsigned line) {
  llvm::StringRef name = message;
  bool isSymbol = name.consume_front("redefinition of symbol named '");
  if (!isSymbol && !name.consume_front("redefinition of SSA value '") && !name.consume_front("region entry argument '"))
    return "";
  return "expects a new name, but got '" + std::string(isSymbol ? "@" : "") + name.split('\'').first.str() +
         "', which line " + std::to_string(line) + " defines";
}

static Error toError(Diagnostic &diagnostic) {
  std::string given = diagnostic.str();
  FileLineColLoc place = placeOf(diagnostic.getLocation());
  std::string message = place ? explainParser(given, place) : given;
  bool isExplained = message != given;
  for (Diagnostic &note : diagnostic.getNotes()) {
    FileLineColLoc other = placeOf(note.getLocation());
    if (std::string taken = other ? explainTaken(message, other.getLine()) : ""; !taken.empty())
      message = taken;
    else if (!isExplained)
      message += "; " + note.str();
  }
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
