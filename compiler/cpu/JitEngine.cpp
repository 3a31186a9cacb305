// SPDX-License-Identifier: Apache-2.0
//
// MLIR -> LLVM IR -> object file -> ORC. Object files are made apart from
// loading them, so that they can be kept.
#include "compiler/cpu/JitEngine.h"
#include "compiler/cpu/Emitter.h"
#include "compiler/cpu/Lowering.h"
#include "compiler/cpu/Target.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include <mutex>

namespace falloff::cpu {
namespace {

[[noreturn]] void fail(const std::string &what) { throw std::runtime_error("the kernel compiler failed: " + what); }

template <typename T>
T take(llvm::Expected<T> value) {
  if (!value)
    fail(llvm::toString(value.takeError()));
  return std::move(*value);
}

/// For compiling, and for the linker to know the layout of data.
void initializeTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
}

std::unique_ptr<llvm::TargetMachine> makeMachine(Level level) {
  initializeTarget();
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    fail(error);
  TargetNames names = targetNames(level);
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(triple, names.cpu, names.features, llvm::TargetOptions(), llvm::Reloc::PIC_,
                                  llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default,
                                  /*JIT=*/true));
}

/// A module on its way to machine code, with all it stands on.
struct Translation {
  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  std::unique_ptr<llvm::LLVMContext> llvmContext = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> module;
  std::string diagnostics;

  /// `text`, unless null, receives the module as it is made.
  Translation(Level level, const ModuleMaker &make, std::string *text = nullptr) : machine(makeMachine(level)) {
    mlir::ScopedDiagnosticHandler handler(context.get(), [&](mlir::Diagnostic &diagnostic) {
      diagnostics += diagnostic.str() + "; ";
      return mlir::success();
    });
    mlir::OwningOpRef<mlir::ModuleOp> source = make(*context);
    if (text) {
      llvm::raw_string_ostream stream(*text);
      source->print(stream);
    }
    if (mlir::failed(lowerToLLVM(*source)))
      fail(diagnostics);
    module = mlir::translateModuleToLLVMIR(*source, *llvmContext, "falloff");
    if (!module)
      fail(diagnostics);
    module->setTargetTriple(machine->getTargetTriple());
    module->setDataLayout(machine->createDataLayout());
    for (llvm::Function &function : *module)
      if (!function.isDeclaration()) {
        function.addFnAttr("tune-cpu", llvm::sys::getHostCPUName());
        if (function.hasInternalLinkage())
          function.addFnAttr(llvm::Attribute::NoInline);
      }
  }

  std::string emit(llvm::CodeGenFileType type) {
    llvm::SmallVector<char, 0> buffer;
    llvm::raw_svector_ostream stream(buffer);
    llvm::legacy::PassManager passes;
    if (machine->addPassesToEmitFile(passes, stream, nullptr, type))
      fail("the target writes no files of this kind");
    passes.run(*module);
    return std::string(buffer.begin(), buffer.end());
  }
};

class LoadedCode : public Code {
public:
  explicit LoadedCode(std::string object) {
    initializeTarget();
    bytes = std::move(object);
    jit = take(llvm::orc::LLJITBuilder().create());
    auto process =
        take(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(jit->getDataLayout().getGlobalPrefix()));
    jit->getMainJITDylib().addGenerator(std::move(process));
    if (llvm::Error error = jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(bytes, "falloff")))
      fail(llvm::toString(std::move(error)));
  }
  void *find(const std::string &name) const override { return take(jit->lookup(name)).toPtr<void *>(); }

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace

Code::~Code() = default;

std::string compileObject(Level level, const ModuleMaker &make, std::string *source) {
  return Translation(level, make, source).emit(llvm::CodeGenFileType::ObjectFile);
}

std::shared_ptr<Code> loadObject(std::string object) { return std::make_shared<LoadedCode>(std::move(object)); }

std::string print(Level level, const ModuleMaker &make, Listing listing) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (listing == Listing::Mlir) {
    auto context = makeContext();
    make(*context)->print(stream);
    return text;
  }
  Translation translation(level, make);
  if (listing == Listing::Assembly)
    return translation.emit(llvm::CodeGenFileType::AssemblyFile);
  translation.module->print(stream, nullptr);
  return text;
}

} // namespace falloff::cpu
