// SPDX-License-Identifier: Apache-2.0
//
// Functors of CUDA kernels on this machine: their text is C++ but for a handful of words of the device, which are said
// here, so the host's compiler makes a library of them. Tables lie at the end of a page that nothing may read past.
#ifndef FALLOFF_TESTS_UNIT_CUDA_HOSTFUNCTORS_H
#define FALLOFF_TESTS_UNIT_CUDA_HOSTFUNCTORS_H

#include "runtime/cuda/KernelArguments.h"
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace falloff::test {

/// Numbers whose last one is the last of a page.
template <typename T>
class Guarded {
public:
  explicit Guarded(const std::vector<T> &values) {
    size_t page = size_t(sysconf(_SC_PAGESIZE)), size = values.size() * sizeof(T);
    size_t whole = (size + page - 1) / page * page;
    bytes = whole + page;
    void *mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
      throw std::runtime_error("cannot map a table");
    base = static_cast<char *>(mapped);
    mprotect(base + whole, page, PROT_NONE);
    first = reinterpret_cast<T *>(base + whole - size);
    if (size > 0)
      std::memcpy(first, values.data(), size);
  }
  Guarded(Guarded &&other) noexcept : base(other.base), bytes(other.bytes), first(other.first) { other.base = nullptr; }
  ~Guarded() {
    if (base)
      munmap(base, bytes);
  }
  const T *data() const { return first; }

private:
  char *base = nullptr;
  size_t bytes = 0;
  T *first = nullptr;
};

/// Functors compiled together.
class HostFunctors {
public:
  /// For each pair, row-major: 1 if `contains`, and 2 if `allowed`.
  using Pairs = void (*)(const cuda::PlanTable *plan, int queries, int keys, unsigned fills, unsigned char *out);

  explicit HostFunctors(const std::vector<std::string> &texts) {
    std::string stem = folder() + "/functors";
    std::ofstream source(stem + ".cpp");
    source << "#define __device__ static\n"
              "#include \"runtime/cuda/KernelArguments.h\"\n#include <cmath>\n#include <cstdlib>\n#include <cstring>\n"
              "using namespace falloff::cuda;\nusing std::abs; using std::ceil; using std::floor; using std::sqrt;\n"
              "static double __dmul_rn(double a, double b) { return a * b; }\n"
              "static long long __double_as_longlong(double a) { long long b; memcpy(&b, &a, 8); return b; }\n"
              "static double __longlong_as_double(long long a) { double b; memcpy(&b, &a, 8); return b; }\n";
    for (size_t i = 0; i < texts.size(); ++i)
      source << "namespace functor" << i << " {\n" << texts[i] << "\nextern \"C\" void pairs" << i << pairs << "}\n";
    source.close();
    std::string command = std::string(FALLOFF_HOST_CXX) +
                          " -std=c++17 -O1 -ffp-contract=off -Wall -Werror -Wno-unused "
                          "-Wno-tautological-overlap-compare -fPIC -shared -I" +
                          FALLOFF_SOURCE_DIR + " -o " + stem + ".so " + stem + ".cpp";
    if (std::system(command.c_str()) != 0)
      throw std::runtime_error("the host's compiler refuses functors; kept as " + stem + ".cpp");
    library = dlopen((stem + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      throw std::runtime_error(dlerror());
    std::system(("rm -r " + folder()).c_str());
  }
  ~HostFunctors() {
    if (library)
      dlclose(library);
  }
  HostFunctors(const HostFunctors &) = delete;

  Pairs operator[](size_t i) const {
    return reinterpret_cast<Pairs>(dlsym(library, ("pairs" + std::to_string(i)).c_str()));
  }

private:
  static constexpr const char *pairs =
      "(const PlanTable *plan, int queries, int keys, unsigned fills, unsigned char *out) {\n"
      "  for (int i = 0; i < queries; ++i)\n    for (int j = 0; j < keys; ++j) {\n"
      "      const FunctorQuery q = functorQuery(*plan, plan->queryCoordinates + i, queries);\n"
      "      const FunctorKey k = functorKey(*plan, plan->keyCoordinates + j, keys);\n"
      "      out[i * keys + j] = (unsigned char)(contains(*plan, q, k) | allowed(*plan, fills, q, k) << 1);\n"
      "    }\n}\n";
  void *library = nullptr;
  std::string made;

  const std::string &folder() {
    if (made.empty()) {
      std::string pattern = (std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + std::string("/falloff-XXXXXX");
      if (!mkdtemp(pattern.data()))
        throw std::runtime_error("cannot make a folder for functors");
      made = pattern;
    }
    return made;
  }
};

} // namespace falloff::test

#endif
