# cmake -DOUT=file.c -DROOT=folder -DTABLE=name -DFILES=a;b -P embed.cmake: the files as arrays of a C source,
# so that the tool can Verilate rtl/ wherever it is installed.
set(arrays "")
set(table "")
set(number 0)
foreach(file ${FILES})
  file(READ ${ROOT}/${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char file_${number}[] = {${bytes}};\n")
  get_filename_component(name ${file} NAME)
  string(APPEND table "    {\"${name}\", file_${number}, sizeof file_${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT}.new "#include \"cosim/embedded.h\"\n\n${arrays}\n"
  "const cbit_embedded_t ${TABLE}[] = {\n${table}    {0, 0, 0},\n};\n")
file(COPY_FILE ${OUT}.new ${OUT} ONLY_IF_DIFFERENT)
