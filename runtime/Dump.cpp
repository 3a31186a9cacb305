// SPDX-License-Identifier: Apache-2.0
//
// Files of people's own, whose trouble is never a kernel's.
#include "runtime/Dump.h"
#include "runtime/File.h"
#include "runtime/Log.h"
#include <cctype>
#include <system_error>

namespace falloff::runtime {

void dumpFiles(const std::string &folder, const std::string &stem,
               const std::vector<std::pair<const char *, std::string>> &contents) {
  std::string name;
  for (char letter : stem)
    if (letter == ' ' || letter == '-')
      name += '-';
    else if (std::isalnum(static_cast<unsigned char>(letter)) || letter == '_')
      name += letter;
  int error = makeFolders(folder);
  for (const auto &[extension, text] : contents)
    if (error == 0)
      error = replaceFile(folder + "/" + name + extension, {text});
  if (error != 0)
    log(LogLevel::Warning,
        "cannot write kernels to FALLOFF_DUMP_DIR, '" + folder + "': " + std::generic_category().message(error));
}

} // namespace falloff::runtime
