// SPDX-License-Identifier: Apache-2.0
//
// Functions of cuda.h about modules and launches, and what tests ask of what ran.
#include "tests/ptxsim/Module.h"
#include "tests/ptxsim/driver/SimulatedDriver.h"
#include "tests/ptxsim/driver/State.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

using namespace ptxsim;
using namespace ptxsim::driver;

namespace {

constexpr int jitErrorLog = 5, jitErrorLogBytes = 6;
constexpr int maxThreadsPerBlock = 0, sharedBytes = 1, maxDynamicSharedBytes = 8, sharedMemoryCarveout = 9;
constexpr unsigned maxGridSide = 65535;

/// Where a caller wants to read why a module does not load.
void writeErrorLog(const std::string &message, unsigned options, const int *names, void *const *values) {
  char *log = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0; i < options; ++i) {
    if (names[i] == jitErrorLog)
      log = static_cast<char *>(values[i]);
    if (names[i] == jitErrorLogBytes)
      bytes = reinterpret_cast<uintptr_t>(values[i]);
  }
  if (log && bytes) {
    std::strncpy(log, message.c_str(), bytes - 1);
    log[bytes - 1] = '\0';
  }
}

/// 90 of "sm_90" or "sm_90a".
int numberOf(const std::string &target) { return target.compare(0, 3, "sm_") == 0 ? std::atoi(target.c_str() + 3) : 0; }

Module parse(State &state, const char *image) {
  // A cubin runs on no simulated device.
  require(std::memcmp(image, "\177ELF", 4) != 0, Status::noBinaryForDevice);
  require(std::strstr(image, ".version") && std::strstr(image, ".target"), Status::invalidImage);
  try {
    return Module::parse(image);
  } catch (const Fault &fault) {
    state.lastFault = fault.what();
    throw Refusal{Status::invalidPtx};
  }
}

void load(State &state, void **module, const char *image) {
  Context &context = state.current();
  state.refuseInCapture(context);
  auto made = std::make_unique<LoadedModule>();
  made->context = &context;
  made->code = parse(state, image);
  require(numberOf(made->code.target()) <= context.device->capability, Status::noBinaryForDevice);
  *module = made.get();
  state.modules.push_back(std::move(made));
}

Function &functionOf(void *handle) {
  require(handle, Status::invalidHandle);
  return *static_cast<Function *>(handle);
}

void findFunction(State &state, void **function, void *handle, const char *name) {
  auto *module = static_cast<LoadedModule *>(handle);
  require(module, Status::invalidHandle);
  std::vector<EntryInfo> entries = module->code.entries();
  auto found = std::find_if(entries.begin(), entries.end(), [&](const EntryInfo &entry) { return entry.name == name; });
  require(found != entries.end(), Status::notFound);
  auto made = std::make_unique<Function>();
  made->module = module;
  made->info = *found;
  for (const FunctionCode &code : module->code.code().functions)
    if (code.entry && code.name == name)
      for (const ParameterCode &parameter : code.parameters)
        made->parameters.emplace_back(parameter.offset, parameter.bytes);
  *function = made.get();
  state.functions.push_back(std::move(made));
}

/// What a driver refuses before anything runs.
void checkLaunch(const Function &function, const ptxsim::Launch &launch) {
  for (int side = 0; side < 3; ++side)
    require(launch.grid[size_t(side)] > 0 && launch.block[size_t(side)] > 0);
  require(launch.grid[1] <= maxGridSide && launch.grid[2] <= maxGridSide);
  require(int64_t(launch.block[0]) * launch.block[1] * launch.block[2] <= function.info.maxThreads);
  require(launch.dynamicSharedBytes <= function.maxDynamicSharedBytes);
}

/// Instructions of warps by opcode with its suffixes, which says more than their kind.
std::map<std::string, uint64_t> opcodesOf(const Counts &counts, int first, int last) {
  std::map<std::string, uint64_t> found;
  for (const LineCounts &line : counts.lines) {
    if (line.line < first || line.line > last || line.instructions == 0)
      continue;
    std::istringstream words(line.text);
    std::string word;
    while (words >> word && word[0] == '@')
      ;
    found[word.substr(0, word.find(';'))] += line.instructions;
  }
  return found;
}

void writeCounts(std::ostream &out, const Counts &counts, int first, int last) {
  LineCounts total = counts.total(first, last);
  out << "{\"lines\": [" << first << ", " << last << "], \"instructions\": " << total.instructions
      << ", \"conflicts\": " << total.conflicts << ", \"wavefronts\": " << total.wavefronts
      << ", \"sharedBytes\": " << total.sharedBytes << ", \"globalBytes\": " << total.globalBytes
      << ", \"localBytes\": " << total.localBytes << ", \"kinds\": {";
  const char *comma = "";
  for (auto [kind, count] : counts.kinds(first, last)) {
    out << comma << '"' << name(kind) << "\": " << count;
    comma = ", ";
  }
  out << "}, \"matrix\": {";
  comma = "";
  for (const auto &[shape, count] : counts.matrix(first, last)) {
    out << comma << '"' << shape << "\": " << count;
    comma = ", ";
  }
  out << "}, \"opcodes\": {";
  comma = "";
  for (const auto &[opcode, count] : opcodesOf(counts, first, last)) {
    out << comma << '"' << opcode << "\": " << count;
    comma = ", ";
  }
  out << "}}";
}

} // namespace

extern "C" {

int cuModuleLoadDataEx(void **module, const void *image, unsigned options, const int *names, void *const *values) {
  int status = answer([&](State &state) { load(state, module, static_cast<const char *>(image)); });
  if (status == Status::invalidPtx)
    writeErrorLog(State::get().lastFault, options, names, values);
  return status;
}

int cuModuleLoadData(void **module, const void *image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

int cuModuleUnload(void *handle) {
  return answer([&](State &state) {
    state.refuseInCapture(state.current());
    auto found = std::find_if(state.modules.begin(), state.modules.end(),
                              [&](const std::unique_ptr<LoadedModule> &module) { return module.get() == handle; });
    require(found != state.modules.end(), Status::invalidHandle);
    state.functions.erase(
        std::remove_if(state.functions.begin(), state.functions.end(),
                       [&](const std::unique_ptr<Function> &function) { return function->module == handle; }),
        state.functions.end());
    state.modules.erase(found);
  });
}

int cuModuleGetFunction(void **function, void *module, const char *name) {
  return answer([&](State &state) { findFunction(state, function, module, name); });
}

int cuFuncSetAttribute(void *handle, int attribute, int value) {
  return answer([&](State &) {
    Function &function = functionOf(handle);
    if (attribute == sharedMemoryCarveout) { // per cent of the cache; a wish
      require(value >= -1 && value <= 100);
      return;
    }
    int64_t most = function.module->context->device->memory.sharedBytesPerBlock - function.info.staticSharedBytes;
    require(attribute == maxDynamicSharedBytes && value >= 0 && value <= most);
    function.maxDynamicSharedBytes = value;
  });
}

int cuFuncGetAttribute(int *value, int attribute, void *handle) {
  return answer([&](State &) {
    Function &function = functionOf(handle);
    require(attribute == maxThreadsPerBlock || attribute == sharedBytes || attribute == maxDynamicSharedBytes);
    *value = attribute == maxThreadsPerBlock ? function.info.maxThreads
             : attribute == sharedBytes      ? int(function.info.staticSharedBytes)
                                             : int(function.maxDynamicSharedBytes);
  });
}

int cuLaunchKernel(void *handle, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned dynamicBytes, void *stream, void **parameters, void **extra) {
  return answer([&](State &state) {
    Function &function = functionOf(handle);
    Context &context = state.current();
    require(function.module->context == &context, Status::invalidHandle);
    require(!extra);
    ptxsim::Launch launch;
    launch.kernel = function.info.name;
    launch.grid = {gridX, gridY, gridZ};
    launch.block = {blockX, blockY, blockZ};
    launch.dynamicSharedBytes = dynamicBytes;
    checkLaunch(function, launch);
    launch.parameters.resize(size_t(function.info.parameterBytes));
    for (size_t i = 0; i < function.parameters.size(); ++i)
      std::memcpy(launch.parameters.data() + function.parameters[i].first, parameters[i],
                  size_t(function.parameters[i].second));
    state.submit(stream, context, [&state, &function, launch] { state.run(function, launch); });
  });
}

const char *ptxsimLastFault() {
  State &state = State::get();
  std::lock_guard<std::mutex> lock(state.mutex);
  static std::string text;
  text = state.lastFault;
  return text.c_str();
}

void ptxsimReset() {
  answer([&](State &state) {
    state.lastFault.clear();
    state.counted.clear();
    for (auto &context : state.primary)
      context->fault = Status::success;
  });
}

const char *ptxsimCounts() {
  static std::string text;
  answer([&](State &state) {
    std::ostringstream out;
    out << '[';
    const char *comma = "";
    for (const auto &[key, entry] : state.counted) {
      auto [first, last] = entry.counts.mainLoop();
      out << comma << "{\"kernel\": \"" << key.first << "\", \"launches\": " << entry.launches
          << ", \"ctas\": " << entry.counts.ctas << ", \"total\": ";
      writeCounts(out, entry.counts, 0, 1 << 30);
      out << ", \"mainLoop\": ";
      writeCounts(out, entry.counts, first, last);
      out << '}';
      comma = ",\n ";
    }
    out << ']';
    text = out.str();
  });
  return text.c_str();
}
}
