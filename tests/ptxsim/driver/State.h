// SPDX-License-Identifier: Apache-2.0
//
// What the simulated driver remembers: devices, contexts, modules, streams, graphs and the last fault. One lock holds
// all of it, so streams run at once and one after the other.
#ifndef FALLOFF_TESTS_PTXSIM_DRIVER_STATE_H
#define FALLOFF_TESTS_PTXSIM_DRIVER_STATE_H

#include "tests/ptxsim/Simulator.h"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ptxsim::driver {

/// Results of cuda.h that are given here.
enum Status : int {
  success = 0,
  invalidValue = 1,
  outOfMemory = 2,
  notInitialised = 3,
  noDevice = 100,
  invalidDevice = 101,
  invalidImage = 200,
  invalidContext = 201,
  noBinaryForDevice = 209,
  invalidPtx = 218,
  invalidHandle = 400,
  notFound = 500,
  illegalAddress = 700,
  misalignedAddress = 716,
  launchFailed = 719,
  captureUnsupported = 900,
  captureInvalidated = 901,
  captureImplicit = 906,
};

/// Leaves a function of the driver with a result.
struct Refusal {
  int status;
};

struct Device {
  int ordinal = 0, capability = 0; ///< 86 for 8.6
  ptxsim::Device memory;
  std::map<uint64_t, uint64_t> allocations; ///< bytes by address
  uint64_t used = 0;
};

/// A device's primary context. After a fault it gives that fault's result to everything, as a real one does.
struct Context {
  Device *device = nullptr;
  int fault = Status::success;
};

struct LoadedModule {
  Context *context = nullptr;
  Module code;
};

struct Function {
  LoadedModule *module = nullptr;
  EntryInfo info;
  std::vector<std::pair<int64_t, int64_t>> parameters; ///< offset and bytes of each
  int64_t maxDynamicSharedBytes = 48 * 1024;
};

/// Something that a stream runs.
using Work = std::function<void()>;

struct Graph {
  Context *context = nullptr;
  std::vector<Work> nodes;
};

struct Stream {
  Context *context = nullptr;
  bool waitsForLegacy = true; ///< false: CU_STREAM_NON_BLOCKING
  std::unique_ptr<Graph> capture;
  bool invalidated = false;
};

class State {
public:
  static State &get();

  std::mutex mutex;
  bool isStarted = false;
  std::vector<std::unique_ptr<Device>> devices;
  std::vector<std::unique_ptr<Context>> primary; ///< by device
  std::vector<std::unique_ptr<LoadedModule>> modules;
  std::vector<std::unique_ptr<Function>> functions;
  std::map<void *, std::unique_ptr<Stream>> streams;
  std::map<void *, std::unique_ptr<Graph>> graphs;
  std::string lastFault;
  struct Counted {
    uint64_t launches = 0;
    Counts counts;
  };
  std::map<std::pair<std::string, uint64_t>, Counted> counted; ///< by kernel and module

  /// Devices as the environment names them.
  void start();
  Device &device(int ordinal);
  /// The context that is current on this thread, without a fault.
  Context &current();
  /// The device whose allocation holds an address; null: none.
  Device *deviceOf(uint64_t address);

  /// Runs work now, or records it where the stream is captured. Refuses a stream of another context.
  void submit(void *stream, Context &context, Work work);
  /// The stream of a handle; null for the legacy and the per-thread one.
  Stream *find(void *handle);
  /// Refuses what waits or allocates while a stream of the context is captured, and spoils that capture; but on a
  /// thread that has relaxed its mode.
  void refuseInCapture(const Context &context);
  /// A launch, without its checks. A fault becomes the context's.
  void run(Function &function, const Launch &launch);
};

/// What cuThreadExchangeStreamCaptureMode has set on this thread: 0 global, 1 thread-local, 2 relaxed.
int &captureMode();

/// Contexts current on this thread, the last on top.
std::vector<Context *> &contextStack();

/// The result of a function of the driver.
int answer(const std::function<void(State &)> &body);

void require(bool holds, int status = Status::invalidValue);

/// A number of the environment, read at each call.
int64_t setting(const char *name, int64_t otherwise);

} // namespace ptxsim::driver

#endif
