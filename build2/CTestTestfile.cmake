# CMake generated Testfile for 
# Source directory: /tmp/w/rtl
# Build directory: /tmp/w/rtl/build2
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
subdirs("model")
subdirs("firmware")
subdirs("workloads")
subdirs("cosim")
subdirs("tests")
