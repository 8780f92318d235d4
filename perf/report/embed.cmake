# cmake -DOUT=page_files.c -DFILES="name=path;..." -P embed.cmake
# Writes each file as a byte array with a zero byte behind it; a path of "" gives an empty array.
set(text "/* Written by perf/report/embed.cmake. */\n#include \"perf/report/page.h\"\n")
foreach(entry IN LISTS FILES)
  string(REGEX MATCH "^([a-z]+)=(.*)$" _ "${entry}")
  set(name ${CMAKE_MATCH_1})
  set(path "${CMAKE_MATCH_2}")
  set(hex "")
  if(path)
    file(READ "${path}" hex HEX)
  endif()
  string(LENGTH "${hex}" digits)
  math(EXPR len "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND text
    "const unsigned char cbit_page_${name}[] = {${hex}0x00};\n"
    "const size_t cbit_page_${name}_len = ${len};\n")
endforeach()
file(WRITE ${OUT} "${text}")
