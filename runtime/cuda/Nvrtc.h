// SPDX-License-Identifier: Apache-2.0
//
// NVRTC, the compiler of CUDA C++ that is a library: source to PTX or to a cubin, on a machine with or without a
// device. It is never linked but looked for when it is first needed (Library.h).
#ifndef FALLOFF_RUNTIME_CUDA_NVRTC_H
#define FALLOFF_RUNTIME_CUDA_NVRTC_H

#include "runtime/cuda/Library.h"
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace falloff::cuda {

/// The version from which on everything that Falloff compiles is understood (e4m3 in `mma` is the last of it).
constexpr int oldestNvrtc[2] = {12, 4};

/// Major versions in the order in which they are looked for in a place: the newest first. But a driver takes no cubin
/// of a major version after its own, so where the driver's is known (not 0), those come last.
std::vector<int> nvrtcMajors(int driverMajor);

/// NVRTC is missing, broken, too old, or refuses a source.
class NvrtcError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Compiled {
  std::string image; ///< cubin, or PTX text
  std::string log;   ///< warnings, and for a cubin what ptxas reports of each kernel
  double seconds = 0;
};

/// What ptxas reports of one kernel.
struct KernelResources {
  std::string kernel;
  int registers = 0, stackBytes = 0, spillStoreBytes = 0, spillLoadBytes = 0;
  int sharedBytes = 0; ///< static
};

/// What was found, and why it is of no use, if so; for people.
struct NvrtcReport {
  Library library;
  std::string version; ///< "13.0"; empty: unknown
  std::string problem; ///< empty: it works as far as can be told without compiling
};

class Nvrtc {
public:
  /// The library of this process, looked for at the first call and at those after one that threw. Throws NvrtcError
  /// that says where it was looked for, what is wrong with what was found, and what to do.
  static const Nvrtc &shared();
  /// What `shared` has taken, or would take.
  static NvrtcReport find();
  /// Looks anew. Throws as `shared` does.
  Nvrtc();

  /// Compiles for an architecture such as 90: to a cubin of sm_90, or with `toPtx` to PTX of compute_90. `name` is the
  /// source's, for messages; `options` are NVRTC's and are added to ours. A cubin whose kernels keep values in local
  /// memory is compiled a second time with an eye on registers, and is the better one (`leaner`). Throws NvrtcError
  /// with the compiler's log.
  Compiled compile(const std::string &source, const std::string &name, int architecture, bool toPtx,
                   const std::vector<std::string> &options = {}) const;

  std::string version() const { return report.version; }
  const Library &library() const { return report.library; }
  /// Architectures that it compiles for, as numbers such as 80, ascending.
  const std::vector<int> &architectures() const { return supported; }

  struct Symbols;

private:
  Compiled compileWith(const std::vector<std::string> &options, const std::string &source, const std::string &name,
                       bool toPtx) const;
  Compiled compileAgain(Compiled first, std::vector<std::string> options, const std::string &source,
                        const std::string &name) const;

  NvrtcReport report;
  std::shared_ptr<const Symbols> symbols;
  std::vector<int> supported;
};

/// With the library of this process.
inline Compiled compile(const std::string &source, const std::string &name, int architecture, bool toPtx,
                        const std::vector<std::string> &options = {}) {
  return Nvrtc::shared().compile(source, name, architecture, toPtx, options);
}

/// Of a cubin and of another of the same source, compiled for fewer registers: the one that keeps less in local memory,
/// with a first line in its log that says which it is. The first, if that is the same.
Compiled leaner(Compiled first, Compiled second);

/// The kernels of a cubin's log, in its order.
std::vector<KernelResources> readResources(const std::string &log);

} // namespace falloff::cuda

#endif
