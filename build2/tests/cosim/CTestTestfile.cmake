# CMake generated Testfile for 
# Source directory: /tmp/w/rtl/tests/cosim
# Build directory: /tmp/w/rtl/build2/tests/cosim
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[cosim/engines]=] "/tmp/w/rtl/build2/tests/cosim/test_cosim_engines")
set_tests_properties([=[cosim/engines]=] PROPERTIES  _BACKTRACE_TRIPLES "/tmp/w/rtl/cmake/CbitTargets.cmake;28;add_test;/tmp/w/rtl/tests/cosim/CMakeLists.txt;1;cbit_add_test;/tmp/w/rtl/tests/cosim/CMakeLists.txt;0;")
add_test([=[cosim/rtl]=] "/tmp/w/rtl/build2/tests/cosim/test_cosim_rtl")
set_tests_properties([=[cosim/rtl]=] PROPERTIES  _BACKTRACE_TRIPLES "/tmp/w/rtl/cmake/CbitTargets.cmake;28;add_test;/tmp/w/rtl/tests/cosim/CMakeLists.txt;2;cbit_add_test;/tmp/w/rtl/tests/cosim/CMakeLists.txt;0;")
