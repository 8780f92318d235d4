/* The verbs of cbit/attacker.h that reach the machine itself, launches and single steps. */
#include <string.h>

#include "cbit/attacker.h"
#include "cbit_test.h"
#include "tests/scenario/hypervisor_bench.h"

enum { KEPT_LINES = 4096 };

typedef struct program {
    bool acted, over;
    uint32_t exits, faults;
    cbit_gpa_t gpa;
    cbit_run_event_t seen;
    uint32_t lines, writes;
    cbit_bus_line_t kept[KEPT_LINES];
} program_t;

static bench_t *bench_with(cbit_attack_t *attack, program_t *program)
{
    bench_t *bench = bench_create();
    bench_add_guest(bench, "a", 1)->traffic.max_instructions = 30000;
    memset(program, 0, sizeof *program);
    attack->self = program;
    attack->every_ps = 2000000; /* every 2 us */
    bench->options.attack = attack;
    return bench;
}

static bool is_paged(cbit_attacker_t *hands)
{
    return cbit_guest_paged(cbit_attacker_guest(hands, 0), 0);
}

/* ---- the second address ---- */

/* Takes the page at RIP through its alias, spoils it at its own address, and puts it back through
   the alias: the guest must not notice. */
static cbit_attack_reply_t spoil_and_repair(void *self, cbit_attacker_t *hands,
                                            const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    static uint8_t good[CBIT_PAGE_BYTES], direct[CBIT_PAGE_BYTES];
    cbit_gpa_t gpa;
    cbit_spa_t spa;
    if (program->acted || !is_paged(hands) ||
        !cbit_guest_translate(cbit_attacker_guest(hands, 0), exit->exit.rip, &gpa)) {
        return CBIT_ATTACK_PASS;
    }
    program->acted = true;
    gpa -= gpa % CBIT_PAGE_BYTES;
    ck_assert_int_eq(cbit_attacker_translate(hands, 0, gpa, &spa), CBIT_ERR_OK);
    ck_assert_int_eq(cbit_attacker_read_ciphertext(hands, 0, gpa, direct, sizeof direct),
                     CBIT_ERR_OK);
    ck_assert_int_eq(cbit_attacker_alias_dimm(hands, true), CBIT_ERR_OK);
    for (uint32_t at = 0; at < CBIT_PAGE_BYTES; at += CBIT_LINE_BYTES) {
        cbit_spa_t other = cbit_attacker_alias_of(hands, spa + at);
        ck_assert_uint_ne(other, spa + at);
        ck_assert_uint_eq(cbit_attacker_alias_of(hands, other), spa + at);
        ck_assert_int_eq(cbit_attacker_read_spa(hands, other, good + at, CBIT_LINE_BYTES),
                         CBIT_ERR_OK);
    }
    ck_assert_mem_eq(good, direct, sizeof good);
    for (uint32_t at = 0; at < CBIT_PAGE_BYTES; at += CBIT_LINE_BYTES) {
        ck_assert_int_eq(cbit_attacker_flip_ciphertext(hands, 0, gpa + at, 0), CBIT_ERR_OK);
    }
    for (uint32_t at = 0; at < CBIT_PAGE_BYTES; at += CBIT_LINE_BYTES) {
        cbit_spa_t other = cbit_attacker_alias_of(hands, spa + at);
        uint8_t spoilt[CBIT_LINE_BYTES];
        ck_assert_int_eq(cbit_attacker_read_spa(hands, other, spoilt, sizeof spoilt), CBIT_ERR_OK);
        ck_assert_mem_ne(spoilt, good + at, sizeof spoilt);
        if (program->gpa == 0) { /* the test's choice */
            ck_assert_int_eq(cbit_attacker_write_spa(hands, other, good + at, CBIT_LINE_BYTES),
                             CBIT_ERR_OK);
        }
    }
    ck_assert_int_eq(cbit_attacker_alias_dimm(hands, false), CBIT_ERR_OK);
    return CBIT_ATTACK_PASS;
}

START_TEST(what_is_written_through_the_second_address_is_what_the_guest_runs)
{
    for (uint32_t stays_spoilt = 0; stays_spoilt < 2; stays_spoilt++) {
        static program_t program;
        cbit_attack_t attack = {.on_exit = spoil_and_repair};
        bench_t *bench = bench_with(&attack, &program);
        program.gpa = stays_spoilt;
        const cbit_run_result_t *result = bench_run(bench);
        ck_assert(program.acted);
        ck_assert_uint_eq(result->guests[0].end,
                          stays_spoilt ? CBIT_GUEST_DIED : CBIT_GUEST_FINISHED);
        bench_destroy(bench);
    }
}
END_TEST

/* ---- old ciphertext ---- */

enum { ALBUM = 256 };
typedef struct picture {
    cbit_attack_page_t page;
    uint8_t plain[CBIT_PAGE_BYTES];
} picture_t;

typedef struct pages {
    uint32_t count;
    cbit_gpa_t gpas[ALBUM];
} pages_t;

/* The last ones: those of data lie behind code and page tables. */
static void list_page(void *self, cbit_gpa_t gpa, bool is_private,
                      const uint8_t bytes[CBIT_PAGE_BYTES])
{
    pages_t *pages = self;
    (void)bytes;
    if (is_private) {
        pages->gpas[pages->count++ % ALBUM] = gpa;
    }
}

/* Pictures of many pages; the first one that has changed since goes back to what it was. */
static cbit_attack_reply_t take_and_replay(void *self, cbit_attacker_t *hands,
                                           const cbit_attack_exit_t *exit)
{
    static picture_t album[ALBUM];
    program_t *program = self;
    uint8_t now[CBIT_PAGE_BYTES];
    static pages_t pages;
    (void)exit;
    if (!is_paged(hands) || program->over || ++program->exits < 5) {
        return CBIT_ATTACK_PASS;
    }
    const cbit_guest_t *guest = cbit_attacker_guest(hands, 0);
    if (!program->acted) {
        pages.count = 0;
        cbit_guest_for_each_known_page(guest, list_page, &pages);
    }
    for (uint32_t i = 0; i < ALBUM && i < pages.count && !program->over; i++) {
        picture_t *picture = &album[i];
        cbit_gpa_t gpa = pages.gpas[i];
        if (!program->acted) {
            ck_assert(cbit_guest_plaintext(guest, gpa, picture->plain, CBIT_PAGE_BYTES));
            ck_assert_int_eq(cbit_attacker_take_page(hands, 0, gpa + 8, &picture->page),
                             CBIT_ERR_OK);
            ck_assert_uint_eq(picture->page.gpa, gpa);
        } else if (cbit_guest_plaintext(guest, picture->page.gpa, now, sizeof now) &&
                   memcmp(now, picture->plain, sizeof now) != 0) {
            program->over = true;
            ck_assert_int_eq(cbit_attacker_replay_page(hands, &picture->page), CBIT_ERR_OK);
            /* The guest has its own old bytes again; the DRAM has the old ciphertext. */
            cbit_attack_page_t again;
            ck_assert_int_eq(cbit_attacker_take_page(hands, 0, picture->page.gpa, &again),
                             CBIT_ERR_OK);
            ck_assert_mem_eq(again.ciphertext, picture->page.ciphertext, CBIT_PAGE_BYTES);
        }
    }
    program->acted = true;
    return CBIT_ATTACK_PASS;
}

START_TEST(a_page_that_was_taken_can_be_replayed)
{
    static program_t program;
    cbit_attack_t attack = {.on_exit = take_and_replay};
    bench_t *bench = bench_with(&attack, &program);
    (void)bench_run(bench);
    ck_assert_msg(program.acted && program.over, "%u exits", program.exits);
    bench_destroy(bench);
}
END_TEST

/* ---- INVD ---- */

static cbit_attack_reply_t lose_stores(void *self, cbit_attacker_t *hands,
                                       const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    (void)exit;
    if (is_paged(hands) && ++program->exits == 3) {
        ck_assert_int_eq(cbit_attacker_invd(hands), CBIT_ERR_OK);
        program->acted = true;
    }
    return CBIT_ATTACK_PASS;
}

START_TEST(invd_harms_who_had_dirty_lines)
{
    const bool writes_back = _i != 0;
    static program_t program;
    cbit_attack_t attack = {.on_exit = lose_stores};
    bench_t *bench = bench_with(&attack, &program);
    bench->machine.sev.invd_writes_back = writes_back;
    const cbit_run_result_t *result = bench_run(bench);
    const bool harmed =
        result->guests[0].end == CBIT_GUEST_DIED || result->checks.load_mismatches > 0;
    ck_assert(program.acted);
    ck_assert(harmed != writes_back);
    bench_destroy(bench);
}
END_TEST

/* ---- the bus ---- */

static cbit_attack_reply_t listen_a_while(void *self, cbit_attacker_t *hands,
                                          const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    (void)exit;
    if (is_paged(hands) && !program->over) {
        program->exits++;
        program->over = program->exits == 5;
        ck_assert_int_eq(cbit_attacker_capture_bus(hands, !program->over), CBIT_ERR_OK);
    }
    return CBIT_ATTACK_PASS;
}

static void keep_line(void *self, const cbit_bus_line_t *line)
{
    program_t *program = self;
    ck_assert(!program->over);
    program->writes += line->write;
    if (program->lines < KEPT_LINES) {
        program->kept[program->lines++] = *line;
    }
}

START_TEST(the_bus_tells_time_address_direction_and_ciphertext)
{
    static program_t program;
    cbit_attack_t attack = {.on_exit = listen_a_while, .on_bus = keep_line};
    bench_t *bench = bench_with(&attack, &program);
    bench_expect_clean(bench_run(bench)); /* who listens changes nothing */
    ck_assert_uint_gt(program.lines, 10);
    ck_assert_uint_lt(program.writes, program.lines);
    for (uint32_t i = 0; i < program.lines; i++) {
        ck_assert_uint_eq(program.kept[i].spa % CBIT_LINE_BYTES, 0);
    }
    /* A line that was read again unchanged carries the same bytes: nothing is fresh. */
    for (uint32_t i = 0; i < program.lines; i++) {
        for (uint32_t n = i + 1; n < program.lines; n++) {
            if (program.kept[i].spa == program.kept[n].spa && !program.kept[n].write) {
                ck_assert_mem_eq(program.kept[i].bytes, program.kept[n].bytes, CBIT_LINE_BYTES);
            }
            if (program.kept[i].spa == program.kept[n].spa) {
                break;
            }
        }
    }
    bench_destroy(bench);
}
END_TEST

/* ---- launches ---- */

static void permute(void *self, cbit_attacker_t *hands, uint32_t guest)
{
    program_t *program = self;
    uint8_t bytes[16];
    if (guest != 0) {
        return;
    }
    program->acted = true;
    ck_assert_int_eq(cbit_attacker_read_ciphertext(hands, 0, 0x100000, bytes, sizeof bytes),
                     CBIT_ERR_CONFLICT);
    ck_assert_int_eq(cbit_attacker_read_vmcb(hands, 0, 0, 0, bytes, sizeof bytes),
                     CBIT_ERR_CONFLICT);
    ck_assert_int_eq(cbit_attacker_map_frame(hands, 0, 0x100000, 0x100000), CBIT_ERR_CONFLICT);
    ck_assert_int_eq(cbit_attacker_invd(hands), CBIT_ERR_CONFLICT);
    ck_assert_int_eq(cbit_attacker_step(hands, 1), CBIT_ERR_CONFLICT);
    ck_assert_int_eq(cbit_attacker_skip_activate(hands, &program->seen), CBIT_ERR_CONFLICT);
    ck_assert_int_eq(cbit_attacker_permute_launch(hands, 1, CBIT_LAUNCH_ORDER_KEPT, 0, 1),
                     CBIT_ERR_CONFLICT);
    ck_assert_int_eq(cbit_attacker_permute_launch(hands, 0, CBIT_LAUNCH_ORDER_KEPT, 1, 1),
                     CBIT_ERR_RANGE);
    ck_assert_int_eq(cbit_attacker_permute_launch(hands, 0, CBIT_LAUNCH_ORDER_KEPT, 0, 256),
                     CBIT_ERR_RANGE);
    ck_assert_int_eq(cbit_attacker_permute_launch(hands, 0,
                                                  program->over ? CBIT_LAUNCH_ORDER_CHANGED
                                                                : CBIT_LAUNCH_ORDER_KEPT,
                                                  3, program->over ? 255 : 200),
                     CBIT_ERR_OK);
}

START_TEST(a_program_permutes_a_launch)
{
    for (uint32_t changed = 0; changed < 2; changed++) {
        static program_t program;
        cbit_attack_t attack = {.on_launch = permute};
        bench_t *bench = bench_with(&attack, &program);
        program.over = changed;
        bench_add_guest(bench, "b", 2);
        const cbit_run_result_t *result = bench_run(bench);
        ck_assert(program.acted);
        ck_assert(result->guests[0].launch_measurement_ok == !changed);
        ck_assert_uint_eq(result->guests[0].end, changed ? CBIT_GUEST_REFUSED : CBIT_GUEST_DIED);
        ck_assert_uint_eq(result->guests[1].end, CBIT_GUEST_FINISHED);
        bench_expect_clean(result);
        bench_destroy(bench);
    }
}
END_TEST

/* ---- with the vCPU ---- */

static cbit_attack_reply_t run_inactive(void *self, cbit_attacker_t *hands,
                                        const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    if (!program->acted && is_paged(hands) && exit->exit.reason == CBIT_EXIT_INTR) {
        const cbit_spa_t beyond = UINT64_C(1) << 43, no_gpa = UINT64_C(1) << 40;
        uint64_t word = 0;
        program->acted = true;
        ck_assert_int_eq(cbit_attacker_map_frame(hands, 0, 0x100000, 8), CBIT_ERR_RANGE);
        ck_assert_int_eq(cbit_attacker_map_frame(hands, 0, 0x100000, beyond), CBIT_ERR_RANGE);
        ck_assert_int_eq(cbit_attacker_map_frame(hands, 0, no_gpa, 0x100000), CBIT_ERR_ADDRESS);
        ck_assert_int_eq(cbit_attacker_map_frame(hands, 9, 0x100000, 0x100000), CBIT_ERR_ADDRESS);
        ck_assert_int_eq(cbit_attacker_read_vmcb(hands, 0, 1, 0, &word, 8), CBIT_ERR_ADDRESS);
        ck_assert_int_eq(cbit_attacker_write_vmcb(hands, 9, 0, 0, &word, 8), CBIT_ERR_ADDRESS);
        ck_assert_int_eq(cbit_attacker_read_vmcb(hands, 0, 0, 4089, &word, 8), CBIT_ERR_RANGE);
        ck_assert_int_eq(cbit_attacker_write_vmcb(hands, 0, 0, UINT32_MAX, &word, 8),
                         CBIT_ERR_RANGE);
        ck_assert_int_eq(cbit_attacker_skip_activate(hands, &program->seen), CBIT_ERR_OK);
    }
    return CBIT_ATTACK_PASS;
}

START_TEST(without_activate_a_running_guest_does_not_run)
{
    static program_t program;
    cbit_attack_t attack = {.on_exit = run_inactive};
    bench_t *bench = bench_with(&attack, &program);
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert(program.acted);
    ck_assert_str_eq(program.seen.outcome, "invalid");
    ck_assert_uint_eq(program.seen.blocks, 0);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_expect_clean(result);
    bench_destroy(bench);
}
END_TEST

/* 100 steps, and the page of each instruction through a nested fault. */
static cbit_attack_reply_t step_on(void *self, cbit_attacker_t *hands,
                                   const cbit_attack_exit_t *exit)
{
    program_t *program = self;
    cbit_gpa_t gpa;
    if (!is_paged(hands) || program->over) {
        return CBIT_ATTACK_PASS;
    }
    program->over = ++program->exits == 101;
    ck_assert_int_eq(cbit_attacker_step(hands, program->over ? 0 : 1), CBIT_ERR_OK);
    if (!program->over &&
        cbit_guest_translate(cbit_attacker_guest(hands, 0), exit->exit.rip, &gpa)) {
        ck_assert_int_eq(cbit_attacker_set_present(hands, 0, gpa, false), CBIT_ERR_OK);
    }
    return CBIT_ATTACK_PASS;
}

static cbit_attack_reply_t give_back(void *self, cbit_attacker_t *hands,
                                     const cbit_attack_exit_t *exit, cbit_gpa_t gpa)
{
    program_t *program = self;
    program->faults++;
    ck_assert_int_eq(cbit_attacker_set_present(hands, exit->guest, gpa, true), CBIT_ERR_OK);
    return CBIT_ATTACK_RESUME;
}

START_TEST(a_program_steps_a_guest_and_sees_where_it_executes)
{
    static program_t program;
    cbit_attack_t attack = {.on_exit = step_on, .on_nested_fault = give_back};
    bench_t *bench = bench_with(&attack, &program);
    const cbit_run_result_t *result = bench_run(bench);
    ck_assert(program.over);
    ck_assert_uint_gt(program.faults, 10);
    ck_assert_uint_eq(result->guests[0].end, CBIT_GUEST_FINISHED);
    bench_expect_clean(result);
    bench_destroy(bench);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("verbs");
    TCase *tcase = tcase_create("verbs");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_is_written_through_the_second_address_is_what_the_guest_runs);
    tcase_add_test(tcase, a_page_that_was_taken_can_be_replayed);
    tcase_add_loop_test(tcase, invd_harms_who_had_dirty_lines, 0, 2);
    tcase_add_test(tcase, the_bus_tells_time_address_direction_and_ciphertext);
    tcase_add_test(tcase, a_program_permutes_a_launch);
    tcase_add_test(tcase, without_activate_a_running_guest_does_not_run);
    tcase_add_test(tcase, a_program_steps_a_guest_and_sees_where_it_executes);
    suite_add_tcase(suite, tcase);
    return suite;
}
