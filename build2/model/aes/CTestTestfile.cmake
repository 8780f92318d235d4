# CMake generated Testfile for 
# Source directory: /tmp/w/rtl/model/aes
# Build directory: /tmp/w/rtl/build2/model/aes
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
