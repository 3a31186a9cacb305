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
#include <chrono>
#include <deque>
#include <future>
#include <map>
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

std::unique_ptr<llvm::TargetMachine> makeMachine(Level level) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
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

  Translation(Level level, const ModuleMaker &make) : machine(makeMachine(level)) {
    mlir::ScopedDiagnosticHandler handler(context.get(), [&](mlir::Diagnostic &diagnostic) {
      diagnostics += diagnostic.str() + "; ";
      return mlir::success();
    });
    mlir::OwningOpRef<mlir::ModuleOp> source = make(*context);
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

std::string compileObject(Level level, const ModuleMaker &make) {
  return Translation(level, make).emit(llvm::CodeGenFileType::ObjectFile);
}

std::shared_ptr<const Code> loadObject(std::string object) { return std::make_shared<LoadedCode>(std::move(object)); }

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

std::shared_ptr<const Code> compileOnce(const std::string &key, Level level, const ModuleMaker &make) {
  using Future = std::shared_future<std::shared_ptr<const Code>>;
  static std::mutex mutex;
  static std::map<std::string, Future> known;
  static std::deque<std::string> order;
  constexpr size_t capacity = 256;

  std::string name = std::string(nameOf(level)) + " " + key;
  std::promise<std::shared_ptr<const Code>> promise;
  {
    std::unique_lock<std::mutex> lock(mutex);
    auto found = known.find(name);
    if (found != known.end()) {
      Future future = found->second;
      lock.unlock();
      return future.get();
    }
    known[name] = promise.get_future().share();
    order.push_back(name);
    if (order.size() > capacity) {
      known.erase(order.front());
      order.pop_front();
    }
  }
  try {
    auto start = std::chrono::steady_clock::now();
    auto code = std::make_shared<LoadedCode>(compileObject(level, make));
    code->compileSeconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    promise.set_value(code);
    return code;
  } catch (...) {
    promise.set_exception(std::current_exception());
    std::lock_guard<std::mutex> lock(mutex);
    known.erase(name);
    throw;
  }
}

} // namespace falloff::cpu
