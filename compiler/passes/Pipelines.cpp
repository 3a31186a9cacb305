// SPDX-License-Identifier: Apache-2.0
//
// From a pattern file to a bound pattern, step by step, and the named
// pipelines.
#include "compiler/passes/Pipelines.h"
#include "compiler/passes/Limits.h"
#include "compiler/passes/Linker.h"
#include "compiler/passes/Names.h"
#include "compiler/passes/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace falloff;
using mask::PatternOp;
namespace path = llvm::sys::path;

/// The pattern of a file that `symbol` names; without a symbol, its only one or
/// the one named like the file.
static FailureOr<PatternOp> choosePattern(ModuleOp module, llvm::StringRef symbol, llvm::StringRef file, Location loc) {
  SmallVector<PatternOp> patterns(module.getOps<PatternOp>());
  llvm::StringRef wanted = symbol.empty() ? path::stem(file) : symbol;
  for (PatternOp pattern : patterns)
    if (pattern.getSymName() == wanted)
      return pattern;
  if (symbol.empty() && patterns.size() == 1)
    return patterns.front();
  std::vector<std::string> known;
  for (PatternOp pattern : patterns)
    known.push_back(pattern.getSymName().str());
  if (patterns.empty())
    return emitError(loc) << "expects a pattern, but the file holds none";
  if (symbol.empty())
    return emitError(loc) << "expects a pattern named @" << wanted << " like the file, or the name of one of its "
                          << "patterns, as in '" << file << ":@" << known[0] << "'";
  return emitError(loc) << "unknown pattern @" << symbol << suggest(symbol, known);
}

/// Links a pattern and puts it in a module of its own.
static FailureOr<OwningOpRef<ModuleOp>> linkAlone(Linker &linker, PatternOp pattern) {
  if (failed(linker.link(pattern)))
    return failure();
  OwningOpRef<ModuleOp> module(ModuleOp::create(pattern.getLoc()));
  module->push_back(pattern->clone());
  return module;
}

/// The file that a name or path stands for, and the symbol after `:@`.
static FailureOr<std::pair<std::string, std::string>> resolveName(MLIRContext *context, llvm::StringRef nameOrPath,
                                                                  llvm::StringRef library) {
  auto [file, symbol] = nameOrPath.split(":@");
  if (file.ends_with(".mlir") || file.contains('/'))
    return std::make_pair(file.str(), symbol.str());
  llvm::SmallString<256> inLibrary(library);
  path::append(inLibrary, file + ".mlir");
  if (llvm::sys::fs::exists(inLibrary))
    return std::make_pair(inLibrary.str().str(), symbol.str());
  if (llvm::sys::fs::is_regular_file(file))
    return std::make_pair(file.str(), symbol.str());
  return emitError(UnknownLoc::get(context))
         << "unknown pattern '" << file << "'" << suggest(file, PatternFiles::patternsIn(library));
}

FailureOr<OwningOpRef<ModuleOp>> falloff::loadPattern(MLIRContext *context, llvm::StringRef nameOrPath,
                                                      llvm::StringRef library) {
  auto resolved = resolveName(context, nameOrPath, library);
  if (failed(resolved))
    return failure();
  auto &[file, symbol] = *resolved;
  Linker linker(context, library);
  FailureOr<ModuleOp> module = linker.files.read(file, UnknownLoc::get(context));
  if (failed(module))
    return failure();
  FailureOr<PatternOp> pattern = choosePattern(*module, symbol, file, FileLineColLoc::get(context, file, 1, 1));
  if (failed(pattern))
    return failure();
  return linkAlone(linker, *pattern);
}

FailureOr<OwningOpRef<ModuleOp>> falloff::loadPatternText(MLIRContext *context, llvm::StringRef text,
                                                          llvm::StringRef symbol, llvm::StringRef library) {
  if (failed(verifyText(context, text, "-")))
    return failure();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(context));
  if (!module)
    return failure();
  Linker linker(context, library);
  linker.files.adopt(*module);
  FailureOr<PatternOp> pattern = choosePattern(*module, symbol, "", module->getLoc());
  if (failed(pattern))
    return failure();
  return linkAlone(linker, *pattern);
}

PatternOp falloff::patternIn(ModuleOp module) { return *module.getOps<PatternOp>().begin(); }

namespace {
/// The options of falloff-mask, which are those of its passes.
struct MaskPipelineOptions : public PassPipelineOptions<MaskPipelineOptions> {
  Option<std::string> library{*this, "library", llvm::cl::desc("as in link-includes")};
  Option<std::string> extents{*this, "extents", llvm::cl::desc("as in specialise")};
  Option<std::string> values{*this, "set", llvm::cl::desc("as in specialise")};
  Option<std::string> order{*this, "order", llvm::cl::desc("as in specialise")};
};

/// Those and the options of lower-to-schedule.
struct SchedulePipelineOptions : public MaskPipelineOptions {
  Option<std::string> grid{*this, "grid", llvm::cl::desc("as in lower-to-schedule")};
  Option<std::string> tileQuery{*this, "tile-query", llvm::cl::desc("as in lower-to-schedule")};
  Option<std::string> tileKey{*this, "tile-key", llvm::cl::desc("as in lower-to-schedule")};
  Option<std::string> rounding{*this, "round", llvm::cl::desc("as in lower-to-schedule"), llvm::cl::init("nearest")};
  Option<std::string> major{*this, "major", llvm::cl::desc("as in lower-to-schedule"), llvm::cl::init("query")};
};
} // namespace

static void addMaskPasses(OpPassManager &passes, const MaskPipelineOptions &options) {
  LinkIncludesOptions link;
  link.library = options.library;
  SpecialiseOptions specialise;
  specialise.extents = options.extents;
  specialise.values = options.values;
  specialise.order = options.order;
  passes.addPass(createLinkIncludes(link));
  passes.addPass(createSpecialise(specialise));
  passes.addPass(createSimplifySets());
}

static void addSchedulePasses(OpPassManager &passes, const SchedulePipelineOptions &options) {
  addMaskPasses(passes, options);
  LowerToScheduleOptions lower;
  lower.grid = options.grid;
  lower.tileQuery = options.tileQuery;
  lower.tileKey = options.tileKey;
  lower.rounding = options.rounding;
  lower.major = options.major;
  passes.addPass(createLowerToSchedule(lower));
}

void falloff::registerMaskPipelines() {
  PassPipelineRegistration<MaskPipelineOptions>("falloff-mask", "a pattern, linked, bound and simplified",
                                                addMaskPasses);
  PassPipelineRegistration<SchedulePipelineOptions>("falloff-schedule", "the same, and its schedule",
                                                    addSchedulePasses);
}

void falloff::registerFalloffPasses() {
  registerMaskPasses();
  registerMaskPipelines();
}
