// SPDX-License-Identifier: Apache-2.0
//
// arc4random for static links. LLVM's archives name temporary files by it where they were built with glibc 2.36, the
// first to have it; nothing else of theirs is newer than 2.34, so that with this a wheel runs on older systems too.

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

uint32_t arc4random(void) {
  uint32_t value;
  if (getrandom(&value, sizeof(value), 0) != sizeof(value))
    abort();
  return value;
}
