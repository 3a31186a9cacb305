// SPDX-License-Identifier: Apache-2.0
//
// The simulated driver in a test program: it is loaded before anything asks for a driver, with four devices, of sm_90,
// sm_80, sm_75 and sm_110.
#ifndef FALLOFF_TESTS_PTXSIM_DRIVER_LOADEDDRIVER_H
#define FALLOFF_TESTS_PTXSIM_DRIVER_LOADEDDRIVER_H

#include "runtime/cuda/Device.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <dlfcn.h>
#include <string>

namespace falloff::test {

class LoadedDriver {
public:
  static LoadedDriver &get() {
    static LoadedDriver driver;
    return driver;
  }

  /// A function of the library by its name, called.
  template <typename Signature, typename... Arguments>
  auto call(const char *name, Arguments... arguments) const {
    void *function = dlsym(handle, name);
    if (!function)
      throw std::runtime_error(std::string("expects a simulated driver with ") + name + ", but got one without");
    return reinterpret_cast<Signature *>(function)(arguments...);
  }

  void reset() const { call<void()>("ptxsimReset"); }
  std::string lastFault() const { return call<const char *()>("ptxsimLastFault"); }
  std::string counts() const { return call<const char *()>("ptxsimCounts"); }
  int64_t allocations() const { return call<int64_t()>("ptxsimAllocations"); }
  /// Of all modules since the last reset.
  int64_t launches(const std::string &kernel) const {
    int64_t sum = 0;
    std::string text = counts(), key = "\"kernel\": \"" + kernel + "\", \"launches\": ";
    for (size_t at = 0; (at = text.find(key, at)) != std::string::npos; at += key.size())
      sum += std::atoll(text.c_str() + at + key.size());
    return sum;
  }

  void check(int status) const { ASSERT_EQ(status, 0) << lastFault(); }
  void read(const cuda::Device &device, void *to, uint64_t from, size_t bytes) const {
    cuda::Device::Current current(device);
    check(call<int(void *, uint64_t, size_t)>("cuMemcpyDtoH_v2", to, from, bytes));
  }
  void write(const cuda::Device &device, uint64_t to, const void *from, size_t bytes) const {
    cuda::Device::Current current(device);
    check(call<int(uint64_t, const void *, size_t)>("cuMemcpyHtoD_v2", to, from, bytes));
  }

  /// A stream of a device, and graphs of it.
  struct Stream {
    explicit Stream(const cuda::Device &device) : device(device) {
      cuda::Device::Current current(device);
      get().check(get().call<int(void **, unsigned)>("cuStreamCreate", &handle, 1u));
    }
    ~Stream() { get().call<int(void *)>("cuStreamDestroy_v2", handle); }
    void beginCapture() const {
      cuda::Device::Current current(device);
      get().check(get().call<int(void *, int)>("cuStreamBeginCapture_v2", handle, 0));
    }
    /// The graph made ready to run; null where the capture was spoilt.
    void *endCapture() const {
      void *graph = nullptr, *executable = nullptr;
      get().call<int(void *, void **)>("cuStreamEndCapture", handle, &graph);
      if (graph)
        get().check(get().call<int(void **, void *, unsigned long long)>("cuGraphInstantiateWithFlags", &executable,
                                                                         graph, 0ull));
      return executable;
    }
    void launchGraph(void *executable) const {
      cuda::Device::Current current(device);
      get().check(get().call<int(void *, void *)>("cuGraphLaunch", executable, handle));
    }

    const cuda::Device &device;
    void *handle = nullptr;
  };

private:
  LoadedDriver() {
    setenv("PTXSIM_DEVICES", "4", 1);
    setenv("PTXSIM_ARCHITECTURE", "90,80,75,110", 1);
    handle = dlopen(SIMULATED_DRIVER, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
      std::fprintf(stderr, "expects the simulated driver, but got %s\n", dlerror());
      std::abort();
    }
  }
  void *handle = nullptr;
};

} // namespace falloff::test

#endif
