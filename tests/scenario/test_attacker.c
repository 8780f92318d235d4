/* Hostile programs on the public interface (cbit/attacker.h), and what they get. */
#include <string.h>

#include "cbit/attacker.h"
#include "cbit_test.h"
#include "tests/scenario/hypervisor_bench.h"

/* What the programs here keep: how far they are, and what they saw. */
typedef struct program {
    uint32_t exits, faults, answers, refusals;
    bool acted;
    cbit_gpa_t gpa;
    cbit_run_event_t seen[8];
} program_t;

/* The page that the guest executes next, once it has turned paging on. */
static bool page_at_rip(cbit_attacker_t *hands, const cbit_attack_exit_t *exit, cbit_gpa_t *gpa)
{
    const cbit_guest_t *guest = cbit_attacker_guest(hands, exit->guest);
    return cbit_guest_paged(guest, 0) && cbit_guest_translate(guest, exit->exit.rip, gpa);
}

static bench_t *bench_with(cbit_attack_t *attack, program_t *program)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1);
    bench_add_guest(bench, "b", 2)->traffic.max_instructions = 200000; /* outlives a */
    /* Something that makes the guest leave under paging: one lawful transfer. */
    bench_add_event(bench, CBIT_EVENT_DMA_READ, 0, CBIT_WHEN_FIRST_VMRUN)->pages =
        CBIT_PAGES_BOUNCED;
    attack->self = program;
    bench->options.attack = attack;
    return bench;
}

/* ---- ciphertext ---- */

static cbit_attack_reply_t flip_at_rip(void *self, cbit_attacker_t *hands,
                                       const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    cbit_gpa_t gpa;
    program->exits++;
    if (program->acted || exit->guest != 0 || !page_at_rip(hands, exit, &gpa)) {
        return CBIT_ATTACK_PASS;
    }
    program->acted = true;
    gpa -= gpa % CBIT_PAGE_BYTES;
    for (uint32_t line = 0; line < CBIT_PAGE_BYTES; line += CBIT_LINE_BYTES) {
        ck_assert_int_eq(cbit_attacker_flip_ciphertext(hands, 0, gpa + line, 0), CBIT_ERR_OK);
    }
    return CBIT_ATTACK_PASS;
}

START_TEST(a_bit_flipped_in_each_line_of_its_code_kills_a_guest)
{
    program_t program = {0};
    cbit_attack_t attack = {.on_exit = flip_at_rip};
    bench_t *bench = bench_with(&attack, &program);
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert(program.acted);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_DIED);
    ck_assert_uint_eq(result->guests[1].end, CBIT_GUEST_FINISHED);
    ck_assert_uint_eq(result->checks.foreign_blocks, 0);
    bench_destroy(bench);
}
END_TEST

static cbit_attack_reply_t look_and_put_back(void *self, cbit_attacker_t *hands,
                                             const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    cbit_gpa_t gpa;
    uint8_t cipher[CBIT_PAGE_BYTES], plain[CBIT_PAGE_BYTES];
    if (program->acted || exit->guest != 0 || !page_at_rip(hands, exit, &gpa)) {
        return CBIT_ATTACK_PASS;
    }
    program->acted = true;
    gpa -= gpa % CBIT_PAGE_BYTES;
    cbit_ps_t begun_ps = cbit_attacker_now_ps(hands);
    ck_assert_int_eq(cbit_attacker_read_ciphertext(hands, 0, gpa, cipher, sizeof cipher),
                     CBIT_ERR_OK);
    ck_assert_uint_gt(cbit_attacker_now_ps(hands), begun_ps); /* DMA takes its time */
    ck_assert(cbit_guest_plaintext(cbit_attacker_guest(hands, 0), gpa, plain, sizeof plain));
    for (uint32_t at = 0; at < sizeof plain; at += CBIT_BLOCK_BYTES) {
        ck_assert_mem_ne(cipher + at, plain + at, CBIT_BLOCK_BYTES);
    }
    ck_assert_int_eq(cbit_attacker_flip_ciphertext(hands, 0, gpa, 3), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_attacker_write_ciphertext(hands, 0, gpa, cipher, sizeof cipher),
                     CBIT_ERR_OK);
    return CBIT_ATTACK_PASS;
}

START_TEST(ciphertext_that_is_put_back_does_no_harm)
{
    program_t program = {0};
    cbit_attack_t attack = {.on_exit = look_and_put_back};
    bench_t *bench = bench_with(&attack, &program);
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert(program.acted);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_expect_clean(result);
    bench_destroy(bench);
}
END_TEST

static cbit_attack_reply_t refuse_nonsense(void *self, cbit_attacker_t *hands,
                                           const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    uint8_t bytes[32];
    cbit_spa_t spa;
    (void)exit;
    program->acted = true;
    ck_assert_int_eq(cbit_attacker_read_ciphertext(hands, 0, 0x101ff8, bytes, 16), CBIT_ERR_RANGE);
    ck_assert_int_eq(cbit_attacker_read_ciphertext(hands, 0, 0x101ff0, bytes, 32), CBIT_ERR_RANGE);
    ck_assert_int_eq(cbit_attacker_read_ciphertext(hands, 7, 0x101000, bytes, 16),
                     CBIT_ERR_ADDRESS);
    ck_assert_int_eq(cbit_attacker_translate(hands, 0, UINT64_C(1) << 40, &spa), CBIT_ERR_ADDRESS);
    ck_assert_int_eq(cbit_attacker_set_present(hands, 0, UINT64_C(1) << 40, false),
                     CBIT_ERR_ADDRESS);
    ck_assert_int_eq(cbit_attacker_run_with_asid(hands, 0, true, &program->seen[0]),
                     CBIT_ERR_RANGE);
    return CBIT_ATTACK_PASS;
}

START_TEST(what_cannot_be_done_is_refused_and_changes_nothing)
{
    program_t program = {0};
    cbit_attack_t attack = {.on_exit = refuse_nonsense};
    bench_t *bench = bench_with(&attack, &program);
    bench_expect_clean(bench_run(bench));
    ck_assert(program.acted);
    bench_destroy(bench);
}
END_TEST

/* ---- nested tables ---- */

static cbit_attack_reply_t take_away(void *self, cbit_attacker_t *hands,
                                     const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    cbit_gpa_t gpa;
    if (!program->acted && exit->guest == 0 && page_at_rip(hands, exit, &gpa)) {
        program->acted = true;
        program->gpa = gpa - gpa % CBIT_PAGE_BYTES;
        ck_assert_int_eq(cbit_attacker_set_present(hands, 0, gpa, false), CBIT_ERR_OK);
    }
    return CBIT_ATTACK_PASS;
}

static cbit_attack_reply_t give_back(void *self, cbit_attacker_t *hands,
                                     const cbit_attack_exit_t *exit, cbit_gpa_t gpa)
{
    program_t *program = self;
    program->faults++;
    ck_assert_uint_eq(exit->guest, 0);
    ck_assert_uint_eq(gpa - gpa % CBIT_PAGE_BYTES, program->gpa);
    ck_assert_int_eq(cbit_attacker_set_present(hands, 0, gpa, true), CBIT_ERR_OK);
    return CBIT_ATTACK_RESUME;
}

START_TEST(a_page_that_was_taken_away_is_asked_for_once)
{
    program_t program = {0};
    cbit_attack_t attack = {.on_exit = take_away, .on_nested_fault = give_back};
    bench_t *bench = bench_with(&attack, &program);
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert(program.acted);
    ck_assert_uint_eq(program.faults, 1);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_expect_clean(result);
    bench_destroy(bench);
}
END_TEST

static cbit_attack_reply_t remap_at_rip(void *self, cbit_attacker_t *hands,
                                        const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    cbit_gpa_t gpa, other;
    if (program->acted || exit->guest != 0 || !page_at_rip(hands, exit, &gpa)) {
        return CBIT_ATTACK_PASS;
    }
    program->acted = true;
    const cbit_guest_t *guest = cbit_attacker_guest(hands, 0);
    for (uint64_t which = 0;; which++) {
        ck_assert(cbit_guest_pick_private_page(guest, which, &other));
        if (other != gpa - gpa % CBIT_PAGE_BYTES) {
            break;
        }
    }
    cbit_spa_t before, between, after;
    ck_assert_int_eq(cbit_attacker_translate(hands, 0, gpa, &before), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_attacker_remap_page(hands, 0, gpa, other), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_attacker_translate(hands, 0, gpa, &between), CBIT_ERR_OK);
    ck_assert_uint_ne(before, between);
    if (program->gpa == 0) { /* the test's choice: back again */
        ck_assert_int_eq(cbit_attacker_remap_page(hands, 0, gpa, gpa), CBIT_ERR_OK);
        ck_assert_int_eq(cbit_attacker_translate(hands, 0, gpa, &after), CBIT_ERR_OK);
        ck_assert_uint_eq(before, after);
    }
    return CBIT_ATTACK_PASS;
}

START_TEST(remapped_code_kills_and_remapped_back_does_not)
{
    for (uint32_t stays = 0; stays < 2; stays++) {
        program_t program = {.gpa = stays};
        cbit_attack_t attack = {.on_exit = remap_at_rip};
        bench_t *bench = bench_with(&attack, &program);
        const cbit_run_result_t *result = bench_run(bench);
        ck_assert(program.acted);
        ck_assert_uint_eq(result->guests[0].end, stays ? CBIT_GUEST_DIED : CBIT_GUEST_FINISHED);
        ck_assert_uint_eq(result->guests[1].end, CBIT_GUEST_FINISHED);
        bench_destroy(bench);
    }
}
END_TEST

/* ---- ASIDs and keys ---- */

static cbit_attack_reply_t try_everything(void *self, cbit_attacker_t *hands,
                                          const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    cbit_gpa_t gpa;
    if (program->acted || exit->guest != 0 || !page_at_rip(hands, exit, &gpa)) {
        return CBIT_ATTACK_PASS;
    }
    if (exit->exit.reason == CBIT_EXIT_IOIO) { /* it waits for its device */
        ck_assert_int_eq(cbit_attacker_run_with_asid(hands, 2, true, &program->seen[0]),
                         CBIT_ERR_CONFLICT);
        return CBIT_ATTACK_PASS;
    }
    program->acted = true;
    ck_assert_int_eq(cbit_attacker_run_with_asid(hands, 2, true, &program->seen[0]), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_attacker_run_with_asid(hands, 9, true, &program->seen[1]), CBIT_ERR_OK);
    for (uint32_t i = 2; i < 8; i++) {
        ck_assert_int_eq(cbit_attacker_activate_other_key(hands, &program->seen[i]), CBIT_ERR_OK);
    }
    return CBIT_ATTACK_PASS;
}

static void count_answers(void *self, uint32_t command, uint32_t status, cbit_ps_t at_ps)
{
    program_t *program = self;
    (void)command;
    (void)at_ps;
    program->answers++;
    program->refusals += status != 0;
}

START_TEST(no_asid_and_no_key_but_its_own_makes_sense_of_a_guest)
{
    program_t program = {0};
    cbit_attack_t attack = {.every_ps = 2000000, .on_exit = try_everything, .on_sp = count_answers};
    bench_t *bench = bench_with(&attack, &program);
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert(program.acted);
    ck_assert_str_eq(program.seen[1].outcome, "invalid"); /* nobody's ASID */
    for (uint32_t i = 0; i < 8; i++) {
        if (i != 1) {
            ck_assert_msg(strcmp(program.seen[i].outcome, "npf") == 0 ||
                              strcmp(program.seen[i].outcome, "shutdown") == 0,
                          "%u: %s", i, program.seen[i].outcome);
        }
        ck_assert_uint_eq(program.seen[i].foreign_blocks, 0);
    }
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    ck_assert_uint_eq(program.answers, result->machine.sp.commands);
    ck_assert_uint_eq(program.refusals, 0);
    bench_expect_clean(result);
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("attacker");
    TCase *cipher = tcase_create("ciphertext");
    tcase_set_timeout(cipher, 60);
    tcase_add_test(cipher, a_bit_flipped_in_each_line_of_its_code_kills_a_guest);
    tcase_add_test(cipher, ciphertext_that_is_put_back_does_no_harm);
    tcase_add_test(cipher, what_cannot_be_done_is_refused_and_changes_nothing);
    suite_add_tcase(suite, cipher);
    TCase *tables = tcase_create("tables");
    tcase_set_timeout(tables, 60);
    tcase_add_test(tables, a_page_that_was_taken_away_is_asked_for_once);
    tcase_add_test(tables, remapped_code_kills_and_remapped_back_does_not);
    suite_add_tcase(suite, tables);
    TCase *keys = tcase_create("keys");
    tcase_set_timeout(keys, 60);
    tcase_add_test(keys, no_asid_and_no_key_but_its_own_makes_sense_of_a_guest);
    suite_add_tcase(suite, keys);
    return suite;
}
