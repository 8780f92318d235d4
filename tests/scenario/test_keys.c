/* A foreign key makes random bytes of code: first exits over many keys, beside those of bytes that
   are random. CBIT_KEYS says how many keys (300); `./dev verify` takes 10 000. */
#include <stdio.h>
#include <stdlib.h>

#include "cbit_test.h"
#include "tests/scenario/hypervisor_bench.h"
#include "tests/scenario/key_experiment.h"

/* The value that chi-square exceeds with a probability of 0.01, for 1 and more degrees of freedom:
 * any table of it. */
static const double one_in_hundred[] = {6.635,  9.210,  11.345, 13.277, 15.086,
                                        16.812, 18.475, 20.090, 21.666, 23.209};

START_TEST(first_exits_under_foreign_keys_are_those_of_random_bytes)
{
    const char *keys = getenv("CBIT_KEYS");
    static key_experiment_t experiment;
    experiment = (key_experiment_t){.seed = cbit_test_seed(),
                                    .runs = keys == NULL ? 300 : (uint32_t)strtoul(keys, NULL, 10)};
    cbit_attack_t attack;
    key_experiment_init(&experiment, &attack);
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    bench_add_guest(bench, "b", 2);
    bench->scenario.seed = cbit_test_seed();
    bench->options.attack = &attack;
    bench->options.limit_ps = UINT64_C(1000) * 1000000000000;
    const cbit_run_result_t *result = bench_run(bench);
    uint32_t degrees;
    double chi_square = key_experiment_chi_square(&experiment, &degrees);
    for (uint32_t i = 0; i < experiment.kinds; i++) {
        printf("%-10s %6u %6u\n", experiment.outcomes[i], experiment.counts[0][i],
               experiment.counts[1][i]);
    }
    (void)fflush(stdout); /* a failed assertion leaves without */
    ck_assert_uint_ge(degrees, 1);
    ck_assert_uint_le(degrees, sizeof one_in_hundred / sizeof one_in_hundred[0]);
    printf("chi-square %.2f of %u degrees of freedom, beside %.2f\n", chi_square, degrees,
           one_in_hundred[degrees - 1]);
    ck_assert(chi_square < one_in_hundred[degrees - 1]);
    ck_assert_uint_gt(experiment.blocks, experiment.runs);
    ck_assert_uint_eq(experiment.foreign_blocks, 0);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_expect_clean(result);
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("keys");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 3600);
    tcase_add_test(all, first_exits_under_foreign_keys_are_those_of_random_bytes);
    suite_add_tcase(suite, all);
    return suite;
}
