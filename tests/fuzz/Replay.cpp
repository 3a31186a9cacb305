// SPDX-License-Identifier: Apache-2.0
//
// A plain main for builds without libFuzzer: each file of the folders or files named, once.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::fprintf(stderr, "%s\n", path.c_str()); // named before it can crash
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
}

int main(int count, char **names) {
  std::vector<std::filesystem::path> files;
  for (int index = 1; index < count; ++index) {
    if (!std::filesystem::is_directory(names[index])) {
      files.emplace_back(names[index]);
      continue;
    }
    for (const auto &entry : std::filesystem::recursive_directory_iterator(names[index]))
      if (entry.is_regular_file())
        files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path &file : files)
    replay(file);
  std::fprintf(stderr, "%zu inputs\n", files.size());
  return files.empty(); // an empty corpus tests nothing
}
