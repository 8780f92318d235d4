# CMake generated Testfile for 
# Source directory: /tmp/w/rtl/cosim
# Build directory: /tmp/w/rtl/build2/cosim
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
