# SPDX-License-Identifier: Apache-2.0
# cmake -DSOURCE=<root> -DFILES=<path,path,...> -DOUTPUT=<file> -P FalloffEmbed.cmake: writes text files as rows
# {"name", R"(...)"}, for a table of C++ that a library carries. Licence lines stay out: whoever puts texts together
# writes one.
string(REPLACE "," ";" files "${FILES}")
set(rows "")
foreach(file ${files})
  file(READ ${SOURCE}/${file} text)
  string(REGEX REPLACE "^// SPDX-License-Identifier: [^\n]*\n(//\n)?" "" text "${text}")
  cmake_path(GET file FILENAME name)
  string(APPEND rows "{\"${name}\", R\"falloff(${text})falloff\"},\n")
endforeach()
file(WRITE ${OUTPUT} "${rows}")
