// SPDX-License-Identifier: Apache-2.0
//
// Environment variables, by the rules of the XDG base directories.
#include "runtime/Settings.h"
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace falloff::runtime {

static std::string variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

static std::string absolute(const std::string &path) {
  std::error_code error;
  std::filesystem::path whole = std::filesystem::absolute(path, error);
  return error ? path : whole.lexically_normal().string();
}

bool isCacheDisabled() {
  std::string value = variable("FALLOFF_DISABLE_CACHE");
  return !value.empty() && value != "0";
}

std::string cacheFolder() {
  if (std::string given = variable("FALLOFF_CACHE_DIR"); !given.empty())
    return absolute(given);
  // A relative XDG_CACHE_HOME is invalid and to be ignored, by its specification.
  if (std::string xdg = variable("XDG_CACHE_HOME"); !xdg.empty() && xdg[0] == '/')
    return absolute(xdg + "/falloff");
  if (std::string home = variable("HOME"); !home.empty())
    return absolute(home + "/.cache/falloff");
  return "";
}

CudaImage cudaImage() {
  std::string value = variable("FALLOFF_CUDA_IMAGE");
  if (!value.empty() && value != "cubin" && value != "ptx")
    throw std::runtime_error("expects FALLOFF_CUDA_IMAGE to be cubin or ptx, but got '" + value + "'");
  return value == "ptx" ? CudaImage::Ptx : CudaImage::Cubin;
}

std::string dumpFolder() {
  std::string folder = variable("FALLOFF_DUMP_DIR");
  return folder.empty() ? folder : absolute(folder);
}

} // namespace falloff::runtime
