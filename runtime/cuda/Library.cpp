// SPDX-License-Identifier: Apache-2.0
//
// The search itself: each source lists candidates, and the loader says which of them it takes.
#include "runtime/cuda/Library.h"
#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <functional>
#include <link.h>
#include <mutex>
#include <optional>

namespace fs = std::filesystem;

namespace falloff::cuda {

namespace {

std::mutex foldersMutex;
std::optional<std::vector<std::string>> packageFolders; // none: nobody named any

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

/// Names below a folder, sorted; none where it cannot be read.
std::vector<fs::path> children(const fs::path &folder) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    found.push_back(entry->path());
  std::sort(found.begin(), found.end());
  return found;
}

/// Whether a file is `stem`.`major`, or that with further numbers.
bool isNamed(const std::string &file, const std::string &stem, int major) {
  std::string prefix = stem + "." + std::to_string(major);
  if (file.compare(0, prefix.size(), prefix) != 0)
    return false;
  std::string rest = file.substr(prefix.size());
  return rest.empty() || (rest[0] == '.' && rest.find_first_not_of("0123456789.") == std::string::npos);
}

/// Objects that this process has loaded.
std::vector<fs::path> loadedObjects() {
  std::vector<fs::path> paths;
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *into) {
        if (info->dlpi_name && *info->dlpi_name)
          static_cast<std::vector<fs::path> *>(into)->emplace_back(info->dlpi_name);
        return 0;
      },
      &paths);
  return paths;
}

std::vector<fs::path> withMajors(const std::vector<fs::path> &files, const LibraryName &name) {
  std::vector<fs::path> found;
  for (int major : name.majors)
    for (const fs::path &file : files)
      if (isNamed(file.filename().string(), name.stem, major))
        found.push_back(file);
  return found;
}

std::vector<fs::path> foldersOfPackages() {
  std::vector<fs::path> folders;
  std::lock_guard<std::mutex> lock(foldersMutex);
  if (packageFolders) {
    folders.assign(packageFolders->begin(), packageFolders->end());
  } else if (std::string root = environment("VIRTUAL_ENV"); !root.empty()) {
    for (const fs::path &version : children(fs::path(root) / "lib"))
      if (version.filename().string().compare(0, 6, "python") == 0)
        folders.push_back(version / "site-packages");
  }
  return folders;
}

std::vector<fs::path> foldersOfToolkits() {
  std::vector<std::string> roots{environment("CUDA_HOME"), environment("CUDA_PATH"), "/usr/local/cuda"};
  std::vector<fs::path> folders;
  for (size_t i = 0; i < roots.size(); ++i)
    if (!roots[i].empty() && std::find(roots.begin(), roots.begin() + i, roots[i]) == roots.begin() + i)
      for (const char *name : {"lib64", "lib"})
        folders.push_back(fs::path(roots[i]) / name);
  return folders;
}

/// One place: what people are told of it, and which files or names of the loader are there.
struct Place {
  std::string source, words;
  std::vector<fs::path> candidates;
};

/// Calls `visit` with each place until it says that it has found something.
void visitPlaces(const LibraryName &name, const std::function<bool(const Place &)> &visit) {
  if (name.variable && !environment(name.variable).empty()) {
    std::string file = environment(name.variable);
    visit({name.variable, file, {file}});
    return;
  }
  if (visit({"process", "libraries that are loaded", withMajors(loadedObjects(), name)}))
    return;
  if (!name.ofSystem) {
    for (const fs::path &folder : foldersOfPackages()) {
      std::vector<fs::path> files;
      for (const fs::path &package : children(folder / "nvidia"))
        for (const fs::path &file : children(package / "lib"))
          files.push_back(file);
      if (visit({"wheels", (folder / "nvidia" / "*" / "lib").string(), withMajors(files, name)}))
        return;
    }
    for (const fs::path &folder : foldersOfToolkits())
      if (visit({"CUDA_HOME", folder.string(), withMajors(children(folder), name)}))
        return;
  }
  Place loader{"loader", "", {}};
  for (int major : name.majors) {
    loader.candidates.emplace_back(name.stem + "." + std::to_string(major));
    loader.words += (loader.words.empty() ? "" : ", ") + loader.candidates.back().string();
  }
  visit(loader);
}

/// The file that a handle stands for; `otherwise` where the loader does not say.
std::string pathOf(void *handle, const std::string &otherwise) {
  link_map *map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map && map->l_name && *map->l_name)
    return map->l_name;
  return otherwise;
}

/// Whether the loader has found nothing of that name, rather than something that it cannot load.
bool isMissing(const fs::path &candidate, const std::string &problem) {
  return problem.compare(0, candidate.string().size() + 2, candidate.string() + ": ") == 0 &&
         problem.find("No such file or directory") != std::string::npos && !candidate.has_parent_path();
}

} // namespace

void *Library::find(const char *symbol) const { return handle ? dlsym(handle, symbol) : nullptr; }

std::string Library::places() const {
  std::string text;
  for (const std::string &place : looked)
    text += (text.empty() ? "" : "; ") + place;
  return text;
}

Library findLibrary(const LibraryName &name) {
  Library library;
  visitPlaces(name, [&](const Place &place) {
    library.looked.push_back(place.source + ": " + place.words);
    for (const fs::path &candidate : place.candidates) {
      void *handle = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (!handle) {
        const char *words = dlerror();
        std::string problem = words ? words : candidate.string() + " does not load";
        if (!isMissing(candidate, problem))
          library.problem = problem;
        continue;
      }
      library.handle = handle;
      library.path = pathOf(handle, candidate.string());
      library.source = place.source;
      library.problem.clear();
      return true;
    }
    return false;
  });
  return library;
}

void setPackageFolders(std::vector<std::string> folders) {
  std::lock_guard<std::mutex> lock(foldersMutex);
  packageFolders = std::move(folders);
}

} // namespace falloff::cuda
