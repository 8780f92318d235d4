/* The second half of the suite hypervisor_parts. */
#ifndef CBIT_TEST_HYPERVISOR_LAUNCH_H
#define CBIT_TEST_HYPERVISOR_LAUNCH_H

#include <check.h>

void cbit_test_add_launch(Suite *suite);

#endif
