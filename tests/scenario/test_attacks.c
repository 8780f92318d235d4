/* Published attacks as programs of their own (attack_*.c), against the machines that they
 * work on and do not. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cbit/aes/cipher.h"
#include "cbit_test.h"
#include "tests/scenario/attacks.h"
#include "tests/scenario/hypervisor_bench.h"

/* One guest whose transfers take all of its bounce buffer, so that they are always at its
 * beginning. */
static bench_t *bench_of(cbit_attack_t *attack, uint64_t read_fraction, uint64_t instructions)
{
    bench_t *bench = bench_create();
    cbit_scenario_guest_t *guest = bench_add_guest(bench, "a", 1);
    guest->traffic.max_instructions = instructions;
    guest->swiotlb = CBIT_GUEST_IO_MAX_BYTES;
    guest->io = (cbit_guest_io_load_t){.every_instructions = 2000,
                                       .bytes = CBIT_GUEST_IO_MAX_BYTES,
                                       .pages = CBIT_GUEST_IO_BOUNCED,
                                       .read_fraction = read_fraction,
                                       .depth = 1,
                                       .access_platform = true};
    bench->options.attack = attack;
    return bench;
}

/* How many of the constants 4..32 the program has found, against the configuration. */
static uint32_t right_ones(const attack_tweaks_t *program, const bench_t *bench)
{
    cbit_tweak_t tweak;
    cbit_tweak_init(&tweak, (cbit_tweak_kind_t)bench->scenario.machine->sev.tweak,
                    bench->scenario.seed);
    uint32_t right = 0;
    for (uint32_t bit = ATTACK_FIRST_BIT; bit < ATTACK_BITS; bit++) {
        right += memcmp(program->t[bit], tweak.t[bit], CBIT_BLOCK_BYTES) == 0;
    }
    return right;
}

START_TEST(moved_ciphertext_gives_all_constants_of_naples_away)
{
    static attack_tweaks_t program;
    cbit_attack_t attack;
    cbit_scenario_file_t *file;
    attack_tweaks_init(&program, &attack);
    bench_t *bench = bench_of(&attack, 0, 3000);
    const cbit_scenario_options_t options = {.preset = true};
    ck_assert_int_eq(cbit_scenario_load(CBIT_SOURCE_DIR "/workloads/presets/naples.json", &options,
                                        &file, bench->diag),
                     CBIT_ERR_OK);
    bench->scenario.machine = cbit_scenario_of(file)->machine;
    const cbit_run_result_t *result = bench_run(bench);
    printf("naples, XE: %u of 29 constants\n", right_ones(&program, bench));
    ck_assert(program.consistent);
    ck_assert_uint_eq(right_ones(&program, bench), 29);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    cbit_scenario_file_destroy(file);
    bench_destroy(bench);
}
END_TEST

START_TEST(xex_with_constants_of_each_boot_gives_none_away)
{
    static attack_tweaks_t program;
    cbit_attack_t attack;
    attack_tweaks_init(&program, &attack);
    bench_t *bench = bench_of(&attack, 0, 3000);
    (void)bench_run(bench);
    ck_assert_uint_eq(program.phase, 2); /* it did all that it does */
    printf("per boot, XEX: %u of 29 constants\n", right_ones(&program, bench));
    ck_assert(!program.consistent);
    ck_assert_uint_eq(right_ones(&program, bench), 0);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_guest_encrypts_what_the_host_puts_into_its_bounce_buffer)
{
    static attack_blocks_t program;
    cbit_attack_t attack;
    attack_blocks_init(&program, &attack);
    bench_t *bench = bench_of(&attack, 1000000, 12000);
    const cbit_run_result_t *result = bench_run(bench);
    uint64_t span_ps = program.ended_ps - program.begun_ps;
    printf("%" PRIu64 " chosen blocks in %" PRIu64 " us of simulated time: %.0f blocks/s\n",
           program.blocks, span_ps / 1000000, (double)program.blocks * 1e12 / (double)span_ps);
    ck_assert_uint_ge(program.rounds, 4);
    ck_assert(program.same);
    ck_assert(program.differs);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

START_TEST(a_page_that_is_mapped_under_live_transfers_leaves_in_plain)
{
    static attack_pages_t program;
    cbit_attack_t attack;
    attack_pages_init(&program, &attack);
    bench_t *bench = bench_of(&attack, 0, 12000);
    const cbit_run_result_t *result = bench_run(bench);
    printf("%" PRIu64 " of %" PRIu64 " pages in %" PRIu64 " us of simulated time\n", program.pages,
           program.asked, (program.ended_ps - program.begun_ps) / 1000000);
    ck_assert_uint_ge(program.pages, 4);
    ck_assert_uint_eq(program.pages, program.asked);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

/* With and without SEV-ES: there VMRUN takes no registers from the VMCB, and no VMSA of another
   key. */
START_TEST(a_walk_under_the_victims_asid_tells_the_victims_tables)
{
    static attack_crossline_t program;
    cbit_attack_t attack;
    bench_t *bench = bench_create();
    attack_crossline_init(&program, &attack);
    bench->options.attack = &attack;
    bench->machine.host.cores = 2;
    bench_add_guest(bench, "victim", 1)->traffic.max_instructions = 200000;
    bench_add_guest(bench, "own", 2)->traffic.max_instructions = 50000;
    if (_i != 0) {
        bench->machine.sev.min_sev_asid = 4;
        bench->guests[0].protection = bench->guests[1].protection = CBIT_PROTECTION_SEV_ES;
    }
    const cbit_run_result_t *result = bench_run(bench);
    printf("sev%s: %u of 4 entries, %u under its own key\n", _i != 0 ? "_es" : "", program.told,
           program.own_key);
    ck_assert(program.over);
    ck_assert_uint_eq(program.told, _i != 0 ? 0 : 4);
    ck_assert((program.invalid > 0) == (_i != 0));
    ck_assert_uint_eq(program.own_key, 0);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    ck_assert_uint_eq(result->guests[1].end, CBIT_GUEST_FINISHED);
    bench_destroy(bench);
}
END_TEST

static bool known(const attack_places_t *places, const uint8_t block[CBIT_BLOCK_BYTES])
{
    for (uint32_t i = 0; i < places->count; i++) {
        if (memcmp(places->blocks[i], block, CBIT_BLOCK_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

START_TEST(the_ciphertext_of_saved_registers_tells_where_a_guest_was)
{
    static attack_state_t program;
    cbit_attack_t attack;
    bench_t *bench = bench_create();
    attack_state_init(&program, &attack);
    bench->options.attack = &attack;
    bench->machine.sev.min_sev_asid = 4;
    bench->machine.host.cores = 2;
    cbit_scenario_guest_t *guest = bench_add_guest(bench, "a", 1);
    guest->protection = CBIT_PROTECTION_SEV_ES;
    guest->vcpus = 2;
    guest->traffic.max_instructions = 100000;
    guest->io = (cbit_guest_io_load_t){.every_instructions = 2000,
                                       .bytes = 512,
                                       .pages = CBIT_GUEST_IO_BOUNCED,
                                       .depth = 1,
                                       .access_platform = true};
    bench_expect_clean(bench_run(bench)); /* who looks changes nothing */
    for (uint32_t vcpu = 0; vcpu < 2; vcpu++) {
        const attack_places_t *bells = &program.doorbells[vcpu], *others = &program.others[vcpu];
        printf("vCPU %u: %u doorbells from %u places, %u other exits from %u\n", vcpu, bells->exits,
               bells->count, others->exits, others->count);
        ck_assert_uint_ge(bells->exits, 40);
        /* One VMGEXIT of its kernel; a vCPU's first one has its GHCB mapped before. */
        ck_assert_uint_le(bells->count, 2);
        ck_assert_uint_gt(others->count, 10);
        ck_assert(!known(others, bells->blocks[0]));
    }
    /* The same place of the same kernel, in a VMSA at another address. */
    ck_assert(!known(&program.doorbells[0], program.doorbells[1].blocks[0]));
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("attacks");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_test(all, moved_ciphertext_gives_all_constants_of_naples_away);
    tcase_add_test(all, xex_with_constants_of_each_boot_gives_none_away);
    tcase_add_test(all, a_guest_encrypts_what_the_host_puts_into_its_bounce_buffer);
    tcase_add_test(all, a_page_that_is_mapped_under_live_transfers_leaves_in_plain);
    tcase_add_loop_test(all, a_walk_under_the_victims_asid_tells_the_victims_tables, 0, 2);
    tcase_add_test(all, the_ciphertext_of_saved_registers_tells_where_a_guest_was);
    suite_add_tcase(suite, all);
    return suite;
}
