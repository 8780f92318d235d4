# CMake generated Testfile for 
# Source directory: /tmp/w/rtl/workloads
# Build directory: /tmp/w/rtl/build2/workloads
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
subdirs("hypervisor")
