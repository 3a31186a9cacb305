# SPDX-License-Identifier: Apache-2.0
# `cmake --install`: one shared library of the whole compiler, the headers of its door, the patterns, and what
# find_package(Falloff) reads. With FALLOFF_STATIC_LLVM the library needs no LLVM where it runs. (Wheels take the
# component Python alone, see python/CMakeLists.txt.)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The objects of the door and of plain data themselves: from an archive only what is referred to would be linked.
add_library(Falloff SHARED $<TARGET_OBJECTS:FalloffCompiler> $<TARGET_OBJECTS:FalloffRuntime>)
target_link_libraries(Falloff PRIVATE FalloffCompiler)
set(FALLOFF_EXPORTS ${PROJECT_SOURCE_DIR}/compiler/exports.map CACHE FILEPATH "version script: what libfalloff shows")
falloff_export_only(Falloff ${FALLOFF_EXPORTS})
target_compile_features(Falloff INTERFACE cxx_std_17)
target_sources(Falloff INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES
  ${PROJECT_SOURCE_DIR}/compiler/Compiler.h ${PROJECT_SOURCE_DIR}/runtime/Plan.h ${PROJECT_SOURCE_DIR}/runtime/Tensor.h)
set_target_properties(Falloff PROPERTIES
  LINKER_LANGUAGE CXX OUTPUT_NAME falloff LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  INSTALL_RPATH_USE_LINK_PATH ON) # finds a shared LLVM outside of the loader's own paths

set(falloff_patterns ${CMAKE_INSTALL_DATADIR}/falloff/patterns)
set(falloff_package ${CMAKE_INSTALL_LIBDIR}/cmake/Falloff)
install(TARGETS Falloff EXPORT FalloffTargets FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/falloff)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/patterns/ DESTINATION ${falloff_patterns} FILES_MATCHING PATTERN *.mlir)
install(EXPORT FalloffTargets NAMESPACE Falloff:: DESTINATION ${falloff_package})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/FalloffConfig.cmake.in ${PROJECT_BINARY_DIR}/FalloffConfig.cmake
  INSTALL_DESTINATION ${falloff_package} PATH_VARS falloff_patterns)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/FalloffConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/FalloffConfig.cmake ${PROJECT_BINARY_DIR}/FalloffConfigVersion.cmake
        DESTINATION ${falloff_package})
