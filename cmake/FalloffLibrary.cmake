# SPDX-License-Identifier: Apache-2.0
# falloff_add_library(Name SOURCES ... LINKS ... [TABLEGEN ...]): a static library of the compiler over
# FalloffMLIR (never name a single MLIR archive: a process must not hold two copies). LINKS state the edges of
# the architecture; TABLEGEN names the generated headers that must exist first.
function(falloff_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;TABLEGEN" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} FalloffMLIR)
  if(ARG_TABLEGEN)
    add_dependencies(${name} ${ARG_TABLEGEN})
  endif()
endfunction()

# falloff_export_only(target map): of a shared library, only the symbols of a version script are seen from outside.
function(falloff_export_only target map)
  target_link_options(${target} PRIVATE "LINKER:--version-script=${map}")
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${map})
endfunction()
