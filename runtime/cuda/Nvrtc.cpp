// SPDX-License-Identifier: Apache-2.0
//
// NVRTC behind one table of symbols. Its types are declared here, so that no header of CUDA is needed.
#include "runtime/cuda/Nvrtc.h"
#include "runtime/cuda/Driver.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <mutex>
#include <sstream>

// What is used of NVRTC: one line a symbol.
#define FALLOFF_NVRTC_SYMBOLS(X)                                                                                       \
  X(nvrtcGetErrorString, const char *, (int))                                                                          \
  X(nvrtcGetNumSupportedArchs, int, (int *))                                                                           \
  X(nvrtcGetSupportedArchs, int, (int *))                                                                              \
  X(nvrtcCreateProgram, int, (void **, const char *, const char *, int, const char *const *, const char *const *))     \
  X(nvrtcDestroyProgram, int, (void **))                                                                               \
  X(nvrtcCompileProgram, int, (void *, int, const char *const *))                                                      \
  X(nvrtcGetProgramLogSize, int, (void *, size_t *))                                                                   \
  X(nvrtcGetProgramLog, int, (void *, char *))                                                                         \
  X(nvrtcGetPTXSize, int, (void *, size_t *))                                                                          \
  X(nvrtcGetPTX, int, (void *, char *))                                                                                \
  X(nvrtcGetCUBINSize, int, (void *, size_t *))                                                                        \
  X(nvrtcGetCUBIN, int, (void *, char *))

namespace falloff::cuda {

struct Nvrtc::Symbols {
#define FALLOFF_MEMBER(NAME, RESULT, PARAMETERS) RESULT(*NAME) PARAMETERS = nullptr;
  FALLOFF_NVRTC_SYMBOLS(FALLOFF_MEMBER)
#undef FALLOFF_MEMBER
};

namespace {

constexpr const char *variable = "FALLOFF_NVRTC";

/// What to do where the search has found nothing of use: where the variable is set, that is the only place.
std::string remedyOr(const std::string &without) {
  const char *named = std::getenv(variable);
  return named && *named ? std::string("name another with ") + variable +
                               ", or unset it to have one looked for (pip install nvidia-cuda-nvrtc brings it)"
                         : without;
}

std::string howToReplace() {
  return remedyOr(std::string("install a newer one (pip install nvidia-cuda-nvrtc), or name one with ") + variable);
}

struct Opened {
  NvrtcReport report;
  std::shared_ptr<Nvrtc::Symbols> symbols;
};

/// NVRTC asks the loader for its builtins by name, which finds them where they lie beside it only if they are loaded.
void loadBuiltins(const Library &library, const std::string &version) {
  std::filesystem::path folder = std::filesystem::path(library.path).parent_path();
  dlopen((folder / ("libnvrtc-builtins.so." + version)).c_str(), RTLD_NOW | RTLD_LOCAL);
}

std::string readSymbols(const Library &library, Nvrtc::Symbols &symbols) {
  std::string missing;
#define FALLOFF_READ(NAME, RESULT, PARAMETERS)                                                                         \
  symbols.NAME = reinterpret_cast<RESULT(*) PARAMETERS>(library.find(#NAME));                                          \
  if (!symbols.NAME)                                                                                                   \
    missing += std::string(missing.empty() ? "" : ", ") + #NAME;
  FALLOFF_NVRTC_SYMBOLS(FALLOFF_READ)
#undef FALLOFF_READ
  return missing;
}

/// What is of no use has a problem, and then no symbols.
Opened open() {
  Opened opened;
  Library &library = opened.report.library;
  std::string &problem = opened.report.problem;
  library = findLibrary({"libnvrtc.so", nvrtcMajors(Driver::knownVersion() / 1000), false, variable});
  if (!library) {
    problem = "expects NVRTC, which compiles kernels for NVIDIA devices, but got none; looked in " + library.places() +
              (library.problem.empty() ? "" : "; of no use: " + library.problem) + "; " +
              remedyOr(std::string("pip install nvidia-cuda-nvrtc brings it, ") + variable +
                       "=/path/of/libnvrtc.so.13 names one");
    return opened;
  }
  int major = 0, minor = 0;
  auto version = reinterpret_cast<int (*)(int *, int *)>(library.find("nvrtcVersion"));
  std::string where = library.path + " (" + library.source + ")";
  if (!version || version(&major, &minor) != 0) {
    problem = "expects NVRTC, but got " + where + ", which does not tell its version; " + howToReplace();
    return opened;
  }
  opened.report.version = std::to_string(major) + "." + std::to_string(minor);
  if (std::make_pair(major, minor) < std::make_pair(oldestNvrtc[0], oldestNvrtc[1])) {
    problem = "expects NVRTC " + std::to_string(oldestNvrtc[0]) + "." + std::to_string(oldestNvrtc[1]) +
              " or later, but got " + opened.report.version + ", " + where + "; " + howToReplace();
    return opened;
  }
  auto symbols = std::make_shared<Nvrtc::Symbols>();
  if (std::string missing = readSymbols(library, *symbols); !missing.empty()) {
    problem = "expects NVRTC, but got " + where + ", which lacks " + missing + "; " + howToReplace();
    return opened;
  }
  loadBuiltins(library, opened.report.version);
  opened.symbols = std::move(symbols);
  return opened;
}

std::mutex sharedMutex;
const Nvrtc *sharedNvrtc = nullptr; // never deleted: kernels are compiled until the process ends

/// A program of NVRTC, destroyed at the end of its scope.
class Program {
public:
  Program(const Nvrtc::Symbols &symbols, const std::string &source, const std::string &name) : symbols(symbols) {
    check(symbols.nvrtcCreateProgram(&program, source.c_str(), name.c_str(), 0, nullptr, nullptr), name);
  }
  ~Program() { symbols.nvrtcDestroyProgram(&program); }
  Program(const Program &) = delete;
  Program &operator=(const Program &) = delete;

  int compile(const std::vector<std::string> &options) {
    std::vector<const char *> texts;
    for (const std::string &option : options)
      texts.push_back(option.c_str());
    return symbols.nvrtcCompileProgram(program, int(texts.size()), texts.data());
  }
  std::string read(int (*size)(void *, size_t *), int (*get)(void *, char *), const std::string &what) const {
    size_t bytes = 0;
    check(size(program, &bytes), what);
    std::string text(bytes, '\0');
    if (bytes)
      check(get(program, &text[0]), what);
    return text;
  }
  /// Text, which NVRTC ends with a zero.
  std::string readText(int (*size)(void *, size_t *), int (*get)(void *, char *), const std::string &what) const {
    std::string text = read(size, get, what);
    if (!text.empty() && text.back() == '\0')
      text.pop_back();
    return text;
  }
  void check(int status, const std::string &what) const {
    if (status != 0)
      throw NvrtcError(what + ": NVRTC gives " + symbols.nvrtcGetErrorString(status));
  }

private:
  const Nvrtc::Symbols &symbols;
  void *program = nullptr;
};

/// Whether the kernels of a cubin are optimised side by side, on all processors. NVRTC 13 is the first that was seen
/// to do so; for sm_100 and later it then leaves up to 7 % more instructions in our main loop.
bool splits(const std::string &version, int architecture) { return std::stoi(version) >= 13 && architecture < 100; }

/// Of ptxas, which decides early what registers will not hold, and now and then leaves a few bytes in local memory that
/// would have fitted. With less of what it does to use many of them, the same kernel mostly fits; but then others, that
/// fit without, do not.
constexpr const char *fewerRegisters = "--register-usage-level=3"; // of 0 to 10; 5 is ptxas's own choice

/// Bytes of stack, spill stores and spill loads of all kernels of a cubin.
int localBytes(const std::string &log) {
  int bytes = 0;
  for (const KernelResources &kernel : readResources(log))
    bytes += kernel.stackBytes + kernel.spillStoreBytes + kernel.spillLoadBytes;
  return bytes;
}

std::string listOf(const std::vector<int> &architectures) {
  std::string text;
  for (int architecture : architectures)
    text += (text.empty() ? "sm_" : " sm_") + std::to_string(architecture);
  return text;
}

} // namespace

std::vector<int> nvrtcMajors(int driverMajor) {
  std::vector<int> majors = {13, 12, 11};
  if (driverMajor > 0)
    std::stable_partition(majors.begin(), majors.end(), [&](int major) { return major <= driverMajor; });
  return majors;
}

Nvrtc::Nvrtc() {
  Opened opened = open();
  if (!opened.report.problem.empty())
    throw NvrtcError(opened.report.problem);
  report = std::move(opened.report);
  symbols = std::move(opened.symbols);
  int count = 0;
  if (symbols->nvrtcGetNumSupportedArchs(&count) == 0 && count > 0) {
    supported.resize(size_t(count));
    symbols->nvrtcGetSupportedArchs(supported.data());
    std::sort(supported.begin(), supported.end());
  }
}

const Nvrtc &Nvrtc::shared() {
  std::lock_guard<std::mutex> lock(sharedMutex);
  if (!sharedNvrtc)
    sharedNvrtc = new Nvrtc();
  return *sharedNvrtc;
}

NvrtcReport Nvrtc::find() {
  std::lock_guard<std::mutex> lock(sharedMutex);
  return sharedNvrtc ? sharedNvrtc->report : open().report;
}

Compiled Nvrtc::compile(const std::string &source, const std::string &name, int architecture, bool toPtx,
                        const std::vector<std::string> &given) const {
  if (!std::binary_search(supported.begin(), supported.end(), architecture))
    throw NvrtcError("expects an architecture that NVRTC " + version() + " compiles for (" + listOf(supported) +
                     "), but got sm_" + std::to_string(architecture) + "; it is " + library().path + " (" +
                     library().source + "): " + howToReplace());
  auto began = std::chrono::steady_clock::now();
  std::vector<std::string> options{
      std::string("--gpu-architecture=") + (toPtx ? "compute_" : "sm_") + std::to_string(architecture), "--std=c++17",
      "--minimal"}; // no declarations of textures and the like, which take a few ms to read
  if (!toPtx) {
    options.emplace_back("--ptxas-options=-v");
    if (splits(report.version, architecture))
      options.emplace_back("--split-compile=0");
  }
  options.insert(options.end(), given.begin(), given.end());
  Compiled compiled = compileWith(options, source, name, toPtx);
  if (!toPtx && localBytes(compiled.log) > 0)
    compiled = compileAgain(std::move(compiled), options, source, name);
  compiled.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return compiled;
}

Compiled Nvrtc::compileWith(const std::vector<std::string> &options, const std::string &source, const std::string &name,
                            bool toPtx) const {
  Program program(*symbols, source, name);
  int status = program.compile(options);
  Compiled compiled;
  compiled.log = program.readText(symbols->nvrtcGetProgramLogSize, symbols->nvrtcGetProgramLog, name);
  if (status != 0)
    throw NvrtcError(name + ": NVRTC " + version() + " (" + library().path + ") does not compile it for " +
                     options[0].substr(options[0].find('=') + 1) + ": " + symbols->nvrtcGetErrorString(status) + "\n" +
                     compiled.log);
  compiled.image = toPtx ? program.readText(symbols->nvrtcGetPTXSize, symbols->nvrtcGetPTX, name)
                         : program.read(symbols->nvrtcGetCUBINSize, symbols->nvrtcGetCUBIN, name);
  return compiled;
}

Compiled Nvrtc::compileAgain(Compiled first, std::vector<std::string> options, const std::string &source,
                             const std::string &name) const {
  options.push_back(std::string("--ptxas-options=") + fewerRegisters);
  Compiled second;
  try {
    second = compileWith(options, source, name, false);
  } catch (const NvrtcError &) { // the option is one that NVIDIA may change
    first.log = std::string("falloff: NVRTC refuses ") + fewerRegisters + "\n" + first.log;
    return first;
  }
  return leaner(std::move(first), std::move(second));
}

Compiled leaner(Compiled first, Compiled second) {
  const int before = localBytes(first.log), after = localBytes(second.log);
  const bool isBetter = after < before;
  Compiled &best = isBetter ? second : first;
  best.log = "falloff: compiled again with " + std::string(fewerRegisters) +
             " for fewer bytes of stack and spills: " + std::to_string(before) + " without, " + std::to_string(after) +
             " with it; took the " + (isBetter ? "second" : "first") + "\n" + best.log;
  return std::move(best);
}

std::vector<KernelResources> readResources(const std::string &log) {
  std::vector<KernelResources> kernels;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (size_t at = line.find("Compiling entry function '"); at != std::string::npos) {
      kernels.emplace_back();
      size_t first = line.find('\'', at) + 1;
      kernels.back().kernel = line.substr(first, line.find('\'', first) - first);
    }
    if (kernels.empty())
      continue;
    KernelResources &last = kernels.back();
    if (size_t at = line.find("bytes stack frame"); at != std::string::npos)
      std::sscanf(line.c_str() + line.find_first_of("0123456789"),
                  "%d bytes stack frame, %d bytes spill stores, %d bytes spill loads", &last.stackBytes,
                  &last.spillStoreBytes, &last.spillLoadBytes);
    if (size_t at = line.find("Used "); at != std::string::npos)
      std::sscanf(line.c_str() + at, "Used %d registers", &last.registers);
    if (size_t at = line.find(" bytes smem"); at != std::string::npos) {
      size_t first = line.find_last_not_of("0123456789", at - 1) + 1;
      last.sharedBytes = std::atoi(line.c_str() + first);
    }
  }
  return kernels;
}

} // namespace falloff::cuda
