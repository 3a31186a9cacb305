// SPDX-License-Identifier: Apache-2.0
//
// Where NVRTC and the CUDA driver lie, without linking either. This is the one place that knows; `falloff doctor`
// prints what was taken.
//
// A library is looked for in this order, and the first that loads is taken:
//
//   variable   the file that an environment variable names (FALLOFF_NVRTC); then nothing else is looked at
//   process    what this process has loaded already, such as by importing torch
//   wheels     nvidia/*/lib below Python's folders of packages, where NVIDIA's wheels put it: those that the package
//              `falloff` names; in a program without Python those of $VIRTUAL_ENV
//   CUDA_HOME  lib64 and lib below $CUDA_HOME, $CUDA_PATH and /usr/local/cuda
//   loader     wherever the system's loader looks (LD_LIBRARY_PATH, ld.so.cache)
//
// The driver is part of the system, so only `process` and `loader` are asked for it.
#ifndef FALLOFF_RUNTIME_CUDA_LIBRARY_H
#define FALLOFF_RUNTIME_CUDA_LIBRARY_H

#include <string>
#include <vector>

namespace falloff::cuda {

/// A library that was looked for; it stays loaded until the process ends.
struct Library {
  void *handle = nullptr;          ///< null: none was found
  std::string path;                ///< of the file that is loaded
  std::string source;              ///< which line of the list above, a variable by its name
  std::vector<std::string> looked; ///< "source: place", in order, up to where it was found
  std::string problem;             ///< why a file that lies in one of these places does not load

  explicit operator bool() const { return handle; }
  /// The address of a function; null if the library lacks it.
  void *find(const char *symbol) const;
  /// All of `looked`, for messages.
  std::string places() const;
};

/// What is looked for: names `stem`.`major`, of majors the first that is there.
struct LibraryName {
  std::string stem; ///< "libnvrtc.so"
  std::vector<int> majors;
  bool ofSystem = false;          ///< part of the system: neither in wheels nor below CUDA_HOME
  const char *variable = nullptr; ///< of the environment, that names a file
};

Library findLibrary(const LibraryName &name);

/// Python's folders of packages (`site-packages`), in their order.
void setPackageFolders(std::vector<std::string> folders);

} // namespace falloff::cuda

#endif
