// SPDX-License-Identifier: Apache-2.0
//
// What Falloff says on stderr while it works: FALLOFF_LOG_LEVEL is off, error, warning (the default), info or debug.
// Info is what was compiled, loaded and dropped; debug is each look-up on disk and each file kept there.
#ifndef FALLOFF_RUNTIME_LOG_H
#define FALLOFF_RUNTIME_LOG_H

#include <cstdint>
#include <string>

namespace falloff::runtime {

enum class LogLevel : uint8_t { Off, Error, Warning, Info, Debug };

/// Whether messages of a level are wanted, for those that are work to write.
bool isLogged(LogLevel level);

/// Writes "falloff: warning: message" as one line, in one piece.
void log(LogLevel level, const std::string &message);

} // namespace falloff::runtime

#endif
