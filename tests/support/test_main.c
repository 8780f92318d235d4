#include "cbit_test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t cbit_test_seed(void)
{
    const char *text = getenv("CBIT_TEST_SEED");
    return text == NULL ? 20261123u : strtoull(text, NULL, 0);
}

int main(void)
{
    SRunner *runner = srunner_create(cbit_test_suite());
    printf("seed %" PRIu64 " (CBIT_TEST_SEED repeats another one)\n", cbit_test_seed());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
