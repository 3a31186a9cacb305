# SPDX-License-Identifier: Apache-2.0
# Finds MLIR and LLVM 22, and turns on ccache and lld where they are present.
# No version in find_package: LLVM's packages accept a request for 22.1 but not for 22.
find_package(MLIR CONFIG QUIET HINTS /usr/lib/llvm-22/lib/cmake/mlir)
if(NOT MLIR_FOUND OR NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR
    "expects LLVM and MLIR 22 with their CMake packages, but found none\n"
    "  on Debian 12: apt-get install libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools\n"
    "  elsewhere: pass -DMLIR_DIR=<prefix>/lib/cmake/mlir of an LLVM 22 built with MLIR")
endif()

set(LLVM_RUNTIME_OUTPUT_INTDIR ${CMAKE_BINARY_DIR}/bin)
set(LLVM_LIBRARY_OUTPUT_INTDIR ${CMAKE_BINARY_DIR}/lib)
set(MLIR_BINARY_DIR ${CMAKE_BINARY_DIR})
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
include_directories(${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
separate_arguments(falloff_llvm_definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
add_definitions(${falloff_llvm_definitions})

# Base directory and no directory hash: another clone of the same sources finds the same objects.
find_program(FALLOFF_CCACHE ccache)
if(FALLOFF_CCACHE)
  set(falloff_launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${FALLOFF_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${falloff_launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${falloff_launcher})
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND EXISTS ${LLVM_TOOLS_BINARY_DIR}/ld.lld)
  add_link_options(-fuse-ld=lld)
endif()

add_compile_options(-Wall -Wextra -Wno-unused-parameter)
# Tests never write to the user's own cache.
set(falloff_test_environment "FALLOFF_CACHE_DIR=${CMAKE_BINARY_DIR}/test-cache")
if(FALLOFF_SANITIZERS)
  # vptr would need the typeinfo of classes that LLVM compiled.
  add_compile_options(-fsanitize=${FALLOFF_SANITIZERS} -fno-sanitize=vptr -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${FALLOFF_SANITIZERS})
  # For every test: LLVM is not instrumented, so its containers and arenas, whose headers are compiled with ours, look
  # poisoned; and what it keeps for good looks leaked.
  list(APPEND falloff_test_environment
    "ASAN_OPTIONS=detect_container_overflow=0:allow_user_poisoning=0:strict_string_checks=1:check_initialization_order=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/scripts/leaks.supp:print_suppressions=0")
endif()

# MLIR and LLVM; every library of the compiler links this and never a single MLIR archive, since one process must not
# hold two copies.
add_library(FalloffMLIR INTERFACE)
if(FALLOFF_STATIC_LLVM)
  include(FalloffStaticLLVM)
else()
  target_link_libraries(FalloffMLIR INTERFACE MLIR LLVM)
endif()
