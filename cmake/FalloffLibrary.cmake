# SPDX-License-Identifier: Apache-2.0
# falloff_add_library(Name SOURCES ... LINKS ... [TABLEGEN ...]): a static library of the compiler over the shared
# libMLIR and libLLVM (never name a single MLIR archive: a process must not hold two copies). LINKS state the edges of
# the architecture; TABLEGEN names the generated headers that must exist first.
function(falloff_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;TABLEGEN" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} FalloffMLIR)
  if(ARG_TABLEGEN)
    add_dependencies(${name} ${ARG_TABLEGEN})
  endif()
endfunction()
