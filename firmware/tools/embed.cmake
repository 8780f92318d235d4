# cmake -DROM=rom.bin -DIMAGE=firmware.img -DHASH=key_hash.bin -DOUT=image.c -P embed.cmake: as C.
function(bytes file name out)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  set(${out} "static const uint8_t ${name}[] = {\n${hex}};\n" PARENT_SCOPE)
endfunction()
bytes(${ROM} rom rom)
bytes(${IMAGE} image image)
bytes(${HASH} key_hash hash)
file(WRITE ${OUT} "#include \"firmware/image.h\"\n\n${rom}${image}${hash}
const sp_firmware_t cbit_firmware = {.rom = rom,
                                     .rom_bytes = sizeof rom,
                                     .image = image,
                                     .image_bytes = sizeof image,
                                     .key_hash = key_hash,
                                     .security_version = 1};\n")
