// SPDX-License-Identifier: Apache-2.0
//
// Keeps the first error of a run of the compiler and turns it into falloff::Error.

#include "compiler/Diagnostics.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"

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

static Error toError(Diagnostic &diagnostic) {
  std::string message = diagnostic.str();
  for (Diagnostic &note : diagnostic.getNotes())
    message += "; " + note.str();
  if (FileLineColLoc place = placeOf(diagnostic.getLocation()))
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
