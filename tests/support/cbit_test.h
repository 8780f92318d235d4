/* The frame of every Check program: it defines cbit_test_suite() and links this main. */
#ifndef CBIT_TEST_H
#define CBIT_TEST_H

#include <check.h>
#include <stdint.h>

Suite *cbit_test_suite(void);

/* The seed of this run's random tests: CBIT_TEST_SEED if set, else a fixed one; printed at start.
 */
uint64_t cbit_test_seed(void);

#endif
