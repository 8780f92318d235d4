# Build options, and the flags that every file of ours is compiled with.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
endif()

option(CBIT_COSIM "Build the Verilated engine (needs Verilator 5.006 or newer)" ON)
option(CBIT_FIRMWARE "Build the SP firmware (needs the RISC-V cross compiler)" ON)
option(CBIT_TESTS "Build the test suites (needs Check)" ON)
option(CBIT_FUZZ "Link the fuzz targets with libFuzzer (needs clang)" OFF)
option(CBIT_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# -ffp-contract=off: results must not depend on whether a compiler fuses a multiply and an add.
set(CBIT_C_FLAGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
                 -Wmissing-prototypes -Werror -ffp-contract=off)

# GCC copies what is at most 8 KiB by a string instruction unless it is told otherwise, which takes
# some 30 clocks of an x86 for the 8 bytes of a load as for the 64 of a line: with real bytes missing
# references were 7 to 9 % slower.
include(CheckCCompilerFlag)
set(strategy vector_loop:256:noalign,libcall:-1:noalign)
set(CBIT_COPY_FLAGS -mmemcpy-strategy=${strategy} -mmemset-strategy=${strategy})
list(JOIN CBIT_COPY_FLAGS " " flags)
check_c_compiler_flag("${flags}" CBIT_HAS_COPY_FLAGS)
if(NOT CBIT_HAS_COPY_FLAGS)
  set(CBIT_COPY_FLAGS "")
endif()
if(CBIT_FUZZ)
  set(CBIT_SANITIZE ON) # a fuzzer that sees no wrong access finds crashes alone
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CBIT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
