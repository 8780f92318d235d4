# CMake generated Testfile for 
# Source directory: /tmp/w/rtl/tests
# Build directory: /tmp/w/rtl/build2/tests
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
subdirs("support")
subdirs("lint")
subdirs("unit")
subdirs("cosim")
