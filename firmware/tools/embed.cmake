# cmake -DIN=image.bin -DOUT=image.c -P embed.cmake: the image as C.
file(READ ${IN} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR bytes "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
file(WRITE ${OUT} "#include \"firmware/image.h\"\n\nconst uint8_t cbit_firmware_image[] = {\n${hex}};\nconst uint32_t cbit_firmware_image_bytes = ${bytes};\n")
