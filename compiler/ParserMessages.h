// SPDX-License-Identifier: Apache-2.0
//
// MLIR's parser speaks of SSA values, operations and attributes. Where it is plain from the text what was meant, its
// message is said again in words of the language, with what stands there and the remedy.
#ifndef FALLOFF_COMPILER_PARSERMESSAGES_H
#define FALLOFF_COMPILER_PARSERMESSAGES_H

#include "mlir/IR/Location.h"
#include <string>

namespace falloff {

/// The message, or what it means at its place. Reads the file again; MLIR's text stays where it cannot be read.
std::string explainParser(const std::string &message, mlir::FileLineColLoc place);

} // namespace falloff

#endif
