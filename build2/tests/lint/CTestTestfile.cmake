# CMake generated Testfile for 
# Source directory: /tmp/w/rtl/tests/lint
# Build directory: /tmp/w/rtl/build2/tests/lint
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[lint/layers]=] "/tmp/w/rtl/tests/lint/test_layers")
set_tests_properties([=[lint/layers]=] PROPERTIES  ENVIRONMENT "CBIT_BUILD=/tmp/w/rtl/build2" SKIP_RETURN_CODE "77" WORKING_DIRECTORY "/tmp/w/rtl" _BACKTRACE_TRIPLES "/tmp/w/rtl/cmake/CbitTargets.cmake;35;add_test;/tmp/w/rtl/tests/lint/CMakeLists.txt;3;cbit_add_script_test;/tmp/w/rtl/tests/lint/CMakeLists.txt;0;")
add_test([=[lint/count]=] "/tmp/w/rtl/tests/lint/test_count")
set_tests_properties([=[lint/count]=] PROPERTIES  ENVIRONMENT "CBIT_BUILD=/tmp/w/rtl/build2" SKIP_RETURN_CODE "77" WORKING_DIRECTORY "/tmp/w/rtl" _BACKTRACE_TRIPLES "/tmp/w/rtl/cmake/CbitTargets.cmake;35;add_test;/tmp/w/rtl/tests/lint/CMakeLists.txt;4;cbit_add_script_test;/tmp/w/rtl/tests/lint/CMakeLists.txt;0;")
