// SPDX-License-Identifier: Apache-2.0
//
// What a fuzz target holds to be true, in every build.
#ifndef FALLOFF_TESTS_FUZZ_CHECK_H
#define FALLOFF_TESTS_FUZZ_CHECK_H

#include <cstdio>
#include <cstdlib>

#define FALLOFF_CHECK(condition)                                                                                       \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      std::fprintf(stderr, "%s:%d: expects %s\n", __FILE__, __LINE__, #condition);                                     \
      std::abort();                                                                                                    \
    }                                                                                                                  \
  } while (false)

#endif
