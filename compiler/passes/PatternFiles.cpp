// SPDX-License-Identifier: Apache-2.0
//
// Where patterns are found: in a module, beside a file, in the library.
#include "compiler/passes/PatternFiles.h"
#include "compiler/passes/Limits.h"
#include "compiler/passes/Names.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace falloff;
using mask::PatternOp;
namespace path = llvm::sys::path;

std::string falloff::fileOf(Location loc) {
  auto range = loc->findInstanceOf<FileLineColRange>();
  return range ? range.getFilename().str() : std::string();
}

static std::string realPath(llvm::StringRef file) {
  llvm::SmallString<256> real;
  if (llvm::sys::fs::real_path(file, real))
    return file.str();
  return real.str().str();
}

static std::string fileIn(llvm::StringRef directory, llvm::StringRef symbol) {
  llvm::SmallString<256> file(directory);
  path::append(file, symbol + ".mlir");
  return file.str().str();
}

void PatternFiles::adopt(ModuleOp module) {
  for (PatternOp pattern : module.getOps<PatternOp>())
    if (std::string file = fileOf(pattern.getLoc()); !file.empty())
      modules.insert({realPath(file), module});
}

FailureOr<ModuleOp> PatternFiles::read(llvm::StringRef file, Location loc) {
  std::string real = realPath(file);
  if (auto it = modules.find(real); it != modules.end())
    return it->second;
  if (!llvm::sys::fs::exists(file))
    return emitError(loc) << "expects a pattern file, but there is no '" << file << "'";
  if (llvm::sys::fs::is_directory(file))
    return emitError(loc) << "expects a pattern file, but '" << file << "' is a directory";
  // Volatile: a copy, which stays as it is while someone edits the file.
  auto buffer =
      llvm::MemoryBuffer::getFile(file, /*IsText=*/false, /*RequiresNullTerminator=*/true, /*IsVolatile=*/true);
  if (!buffer)
    return emitError(loc) << "cannot read '" << file << "': " << buffer.getError().message();
  if (failed(verifyText(context, (*buffer)->getBuffer(), file)))
    return failure();
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, ParserConfig(context));
  if (!module)
    return failure(); // the parser said why, and where
  modules[real] = *module;
  return *owned.emplace_back(std::move(module));
}

std::vector<std::string> PatternFiles::patternsIn(llvm::StringRef directory) {
  std::vector<std::string> stems;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(directory, error), end; it != end && !error; it.increment(error))
    if (path::extension(it->path()) == ".mlir")
      stems.push_back(path::stem(it->path()).str());
  llvm::sort(stems);
  return stems;
}

FailureOr<PatternOp> PatternFiles::find(llvm::StringRef symbol, ModuleOp module, Location from) {
  if (auto pattern = module.lookupSymbol<PatternOp>(symbol))
    return pattern;
  std::vector<std::string> directories, known;
  for (PatternOp pattern : module.getOps<PatternOp>())
    known.push_back(pattern.getSymName().str());
  std::string file = fileOf(from);
  if (!file.empty() && file != "-" && file != "<stdin>")
    directories.push_back(path::parent_path(file).str());
  if (!library.empty())
    directories.push_back(library);
  for (std::string &directory : directories) {
    if (directory.empty())
      directory = ".";
    std::string candidate = fileIn(directory, symbol);
    llvm::append_range(known, patternsIn(directory));
    if (!llvm::sys::fs::exists(candidate))
      continue;
    FailureOr<ModuleOp> other = read(candidate, from);
    if (failed(other))
      return failure();
    if (auto pattern = other->lookupSymbol<PatternOp>(symbol))
      return pattern;
    return emitError(from) << "expects '" << candidate << "' to hold @" << symbol
                           << ", but it holds no pattern of that "
                           << "name";
  }
  std::string nearest = nearestName(symbol, known);
  InFlightDiagnostic diagnostic = emitError(from);
  diagnostic << "unknown pattern @" << symbol;
  if (!nearest.empty())
    diagnostic << "; did you mean @" << nearest << "?";
  else if (!directories.empty())
    diagnostic << "; neither this file nor " << listNames(directories) << " has it";
  return diagnostic;
}
