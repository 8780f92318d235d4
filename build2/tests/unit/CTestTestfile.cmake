# CMake generated Testfile for 
# Source directory: /tmp/w/rtl/tests/unit
# Build directory: /tmp/w/rtl/build2/tests/unit
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[unit/base]=] "/tmp/w/rtl/build2/tests/unit/test_unit_base")
set_tests_properties([=[unit/base]=] PROPERTIES  _BACKTRACE_TRIPLES "/tmp/w/rtl/cmake/CbitTargets.cmake;28;add_test;/tmp/w/rtl/tests/unit/CMakeLists.txt;1;cbit_add_test;/tmp/w/rtl/tests/unit/CMakeLists.txt;0;")
add_test([=[unit/hypervisor_parts]=] "/tmp/w/rtl/build2/tests/unit/test_unit_hypervisor_parts")
set_tests_properties([=[unit/hypervisor_parts]=] PROPERTIES  _BACKTRACE_TRIPLES "/tmp/w/rtl/cmake/CbitTargets.cmake;28;add_test;/tmp/w/rtl/tests/unit/CMakeLists.txt;2;cbit_add_test;/tmp/w/rtl/tests/unit/CMakeLists.txt;0;")
add_test([=[unit/aes]=] "/tmp/w/rtl/build2/tests/unit/test_unit_aes")
set_tests_properties([=[unit/aes]=] PROPERTIES  _BACKTRACE_TRIPLES "/tmp/w/rtl/cmake/CbitTargets.cmake;28;add_test;/tmp/w/rtl/tests/unit/CMakeLists.txt;3;cbit_add_test;/tmp/w/rtl/tests/unit/CMakeLists.txt;0;")
