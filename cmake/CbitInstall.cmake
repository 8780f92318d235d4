# What `cmake --install` leaves: the tool, its pages and presets, and the libraries that others embed.
#
# A layer is a library of its own inside the build; outside there are few: the layers' objects are
# put together again, so that nothing is compiled twice. The layers of one library are named here;
# what they need from other packages is named once more in cbitConfig.cmake.in and cbit.pc.in.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# cbit_install_library(NAME DESCRIPTION text LAYERS name... [USES installed...] [PACKAGES pc...] [LIBS lib...])
function(cbit_install_library name)
  cmake_parse_arguments(ARG "" "DESCRIPTION" "LAYERS;USES;PACKAGES;LIBS" ${ARGN})
  string(REGEX REPLACE "^cbit_" "" short ${name}) # cbit::cbit, cbit::workloads...
  set(objects)
  foreach(layer ${ARG_LAYERS})
    list(APPEND objects $<TARGET_OBJECTS:cbit_${layer}>)
  endforeach()
  add_library(cbit_lib_${name} STATIC ${objects})
  set_target_properties(cbit_lib_${name} PROPERTIES
    LINKER_LANGUAGE C OUTPUT_NAME ${name} EXPORT_NAME ${short}
    ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  target_include_directories(cbit_lib_${name} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  foreach(other ${ARG_USES})
    target_link_libraries(cbit_lib_${name} INTERFACE cbit_lib_${other})
  endforeach()
  foreach(package ${ARG_PACKAGES})
    target_link_libraries(cbit_lib_${name} INTERFACE $<INSTALL_INTERFACE:PkgConfig::cbit_${package}>)
  endforeach()
  target_link_libraries(cbit_lib_${name} INTERFACE ${ARG_LIBS})
  install(TARGETS cbit_lib_${name} EXPORT cbitTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

  list(JOIN ARG_USES " " pc_requires)
  list(JOIN ARG_PACKAGES " " pc_packages)
  list(TRANSFORM ARG_LIBS PREPEND -l OUTPUT_VARIABLE pc_libs)
  list(JOIN pc_libs " " pc_libs)
  set(pc_name ${name})
  # From where the file is to the prefix: an installed tree may be moved.
  file(RELATIVE_PATH pc_to_prefix /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
  set(pc_description ${ARG_DESCRIPTION})
  configure_file(${CMAKE_SOURCE_DIR}/cmake/cbit.pc.in ${CMAKE_BINARY_DIR}/pc/${name}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/pc/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

cbit_install_library(cbit DESCRIPTION "Model of a machine that encrypts its memory"
  LAYERS base sim aes dram umc fabric iommu cache vcpu sp platform firmware_image
  PACKAGES libcrypto LIBS Zydis)
cbit_install_library(cbit_workloads DESCRIPTION "Hypervisor, guests, traffic, traces and scenarios for libcbit"
  LAYERS json traffic scenario spdriver guest hypervisor_parts hypervisor
  USES cbit PACKAGES libcjson libzstd libxxhash)
cbit_install_library(cbit_perf DESCRIPTION "Results, measurements, sweeps and reports of libcbit's machine"
  LAYERS result flat_guest measure report sweep dram_streams
  USES cbit_workloads PACKAGES ${CBIT_SQLITE_PACKAGE} LIBS m)

# For other people's benches: a shared library that simulators load (DPI-C), and Icarus's module.
set(pc_name cbit_golden)
set(pc_description "Golden model of the AES engine for DPI-C and C benches")
set(pc_requires "")
set(pc_packages "")
set(pc_libs "")
file(RELATIVE_PATH pc_to_prefix /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
configure_file(cmake/cbit.pc.in ${CMAKE_BINARY_DIR}/pc/cbit_golden.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/pc/cbit_golden.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set_target_properties(cbit_golden PROPERTIES EXPORT_NAME golden)
target_include_directories(cbit_golden INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS cbit_golden EXPORT cbitTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES cosim/golden/cbit_golden.svh DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cbit/cosim)
if(TARGET cbit_golden_vpi)
  install(FILES $<TARGET_FILE:cbit_golden_vpi> DESTINATION ${CMAKE_INSTALL_LIBDIR}/cbit)
endif()

install(TARGETS cbit_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY model/include/cbit workloads/include/cbit perf/include/cbit cosim/include/cbit
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY firmware/include/sev DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cbit FILES_MATCHING PATTERN "*.h")
install(FILES firmware/image.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cbit RENAME firmware.h)
install(FILES docs/man/cbit.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY workloads/presets workloads/scenarios workloads/sweeps workloads/schema workloads/traces
        DESTINATION ${CMAKE_INSTALL_DATADIR}/cbit)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/cbit)
configure_package_config_file(cmake/cbitConfig.cmake.in ${CMAKE_BINARY_DIR}/cbitConfig.cmake
                              INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/cbitConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cbitConfig.cmake ${CMAKE_BINARY_DIR}/cbitConfigVersion.cmake DESTINATION ${package})
install(EXPORT cbitTargets NAMESPACE cbit:: DESTINATION ${package})
install(TARGETS cbit_sev cbit_qemu_trace LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/cbit)
