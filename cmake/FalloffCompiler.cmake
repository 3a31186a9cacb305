# SPDX-License-Identifier: Apache-2.0
# Before project(): takes clang 22 where it is present and neither CXX nor CMAKE_CXX_COMPILER asks for another compiler,
# and the Python of .venv where there is one.
if(NOT DEFINED CMAKE_CXX_COMPILER AND NOT DEFINED ENV{CXX})
  find_program(FALLOFF_CLANG NAMES clang-22 DOC "the default C compiler")
  find_program(FALLOFF_CLANGXX NAMES clang++-22 DOC "the default C++ compiler")
  if(FALLOFF_CLANG AND FALLOFF_CLANGXX)
    set(CMAKE_C_COMPILER ${FALLOFF_CLANG} CACHE FILEPATH "C compiler")
    set(CMAKE_CXX_COMPILER ${FALLOFF_CLANGXX} CACHE FILEPATH "C++ compiler")
  endif()
endif()

set(falloff_venv_python ${CMAKE_CURRENT_SOURCE_DIR}/.venv/bin/python)
if(NOT DEFINED Python3_EXECUTABLE AND NOT DEFINED Python_EXECUTABLE AND EXISTS ${falloff_venv_python})
  set(Python3_EXECUTABLE ${falloff_venv_python} CACHE FILEPATH "Python to build for and to test with")
  set(Python_EXECUTABLE ${falloff_venv_python} CACHE FILEPATH "Python to build for and to test with")
endif()
