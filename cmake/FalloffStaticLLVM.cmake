# SPDX-License-Identifier: Apache-2.0
# Points FalloffMLIR at LLVM's and MLIR's archives, for what must run where LLVM is not installed (FALLOFF_STATIC_LLVM).
#
# Packages built around libLLVM.so export every MLIR archive as depending on it, and MLIRExecutionEngine on libMLIR.so
# too; these edges are turned to the archives, or a process would hold two copies. Which members of the archives are
# linked is the linker's choice: the lists below are roots, not sizes.
set(falloff_mlir_archives
  MLIRParser MLIRPass MLIRTransforms MLIRBytecodeWriter
  MLIRArithDialect MLIRControlFlowDialect MLIRFuncDialect MLIRLLVMDialect MLIRMathDialect MLIRSCFDialect MLIRUBDialect
  MLIRVectorDialect
  MLIRArithToLLVM MLIRControlFlowToLLVM MLIRFuncToLLVM MLIRMathToLLVM MLIRReconcileUnrealizedCasts MLIRSCFToControlFlow
  MLIRUBToLLVM MLIRVectorToLLVMPass
  MLIRBuiltinToLLVMIRTranslation MLIRLLVMToLLVMIRTranslation MLIRTargetLLVMIRExport
  MLIROptLib MLIRLspServerLib) # of the tools alone
llvm_map_components_to_libnames(falloff_llvm_archives
  support supportlsp core asmparser bitreader bitwriter irreader linker analysis passes codegen frontendopenmp orcjit native)

function(falloff_archives_of_mlir)
  get_property(archives GLOBAL PROPERTY MLIR_ALL_LIBS)
  foreach(archive ${archives})
    if(TARGET ${archive} AND NOT archive STREQUAL "MLIR")
      get_target_property(links ${archive} INTERFACE_LINK_LIBRARIES)
      if(links)
        list(TRANSFORM links REPLACE "^LLVM$" FalloffLLVMArchives)
        list(REMOVE_ITEM links MLIR)
        set_target_properties(${archive} PROPERTIES INTERFACE_LINK_LIBRARIES "${links}")
      endif()
    endif()
  endforeach()
endfunction()

# LLVMSupport may name shared zlib and zstd, which wheels would have to carry, and Z3, which nothing of ours reaches.
function(falloff_archives_of_support)
  get_target_property(links LLVMSupport INTERFACE_LINK_LIBRARIES)
  list(FILTER links EXCLUDE REGEX "libz3")
  foreach(pair "^ZLIB::ZLIB$=libz.a" "^zstd::libzstd_shared$=libzstd.a")
    string(REPLACE "=" ";" pair ${pair})
    list(GET pair 0 shared)
    list(GET pair 1 archive)
    find_library(FALLOFF_ARCHIVE_${archive} ${archive})
    if(FALLOFF_ARCHIVE_${archive})
      list(TRANSFORM links REPLACE "${shared}" "${FALLOFF_ARCHIVE_${archive}}")
    endif()
  endforeach()
  set_target_properties(LLVMSupport PROPERTIES INTERFACE_LINK_LIBRARIES "${links}")
endfunction()

foreach(archive MLIRIR LLVMCore LLVMOrcJIT)
  if(NOT TARGET ${archive})
    message(FATAL_ERROR "FALLOFF_STATIC_LLVM expects LLVM and MLIR with their archives, but got none of ${archive}")
  endif()
endforeach()
add_library(FalloffLLVMArchives INTERFACE)
target_link_libraries(FalloffLLVMArchives INTERFACE ${falloff_llvm_archives})
falloff_archives_of_mlir()
falloff_archives_of_support()
add_library(FalloffArc4Random STATIC ${CMAKE_CURRENT_LIST_DIR}/arc4random.c)
target_link_libraries(FalloffMLIR INTERFACE ${falloff_mlir_archives} FalloffLLVMArchives FalloffArc4Random)
target_link_options(FalloffMLIR INTERFACE LINKER:--gc-sections)
