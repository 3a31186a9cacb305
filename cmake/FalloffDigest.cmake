# SPDX-License-Identifier: Apache-2.0
# cmake -DSOURCE=<root> -DOUTPUT=<header> -P FalloffDigest.cmake: writes a header with a digest of the compiler's sources,
# so that caches on disk tell apart what two states of one version made.
file(GLOB_RECURSE files RELATIVE ${SOURCE}
  ${SOURCE}/compiler/*.h ${SOURCE}/compiler/*.cpp ${SOURCE}/compiler/*.td ${SOURCE}/runtime/*.h ${SOURCE}/runtime/*.cpp)
list(SORT files)
set(lines "")
foreach(file ${files})
  file(SHA256 ${SOURCE}/${file} digest)
  string(APPEND lines "${file} ${digest}\n")
endforeach()
string(SHA256 digest "${lines}")
string(SUBSTRING ${digest} 0 16 digest)
file(WRITE ${OUTPUT} "#define FALLOFF_SOURCE_DIGEST \"${digest}\"\n")
