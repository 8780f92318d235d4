# Every library that cbit uses, and why (the README has the same list).

find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)                            # every AES and hash of the model
find_package(cJSON REQUIRED)                                  # scenarios and results
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)      # trace chunks
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)  # trace check sums
pkg_check_modules(SQLITE QUIET IMPORTED_TARGET sqlite3)         # a sweep's results; optional
if(SQLITE_FOUND)
  set(CBIT_SQLITE_PACKAGE sqlite3)
endif()
# The instruction check. Debian ships Zydis without a pkg-config file.
find_library(ZYDIS_LIBRARY Zydis REQUIRED)
find_path(ZYDIS_INCLUDE_DIR Zydis/Zydis.h REQUIRED)
add_library(cbit::zydis INTERFACE IMPORTED)
set_target_properties(cbit::zydis PROPERTIES INTERFACE_LINK_LIBRARIES ${ZYDIS_LIBRARY}
                      INTERFACE_INCLUDE_DIRECTORIES ${ZYDIS_INCLUDE_DIR})

if(CBIT_TESTS)
  pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
  enable_testing()
endif()
