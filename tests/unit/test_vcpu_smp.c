/* Several cores: vCPUs of one guest at once, and one vCPU that moves. */
#include <string.h>

#include "cbit_test.h"
#include "tests/support/small_guest.h"

enum { ROUNDS = 200, FLAGS = 0x2000, DATA = 0x3000 };

static small_guest_t *guest;

static void setup(void)
{
    guest = small_guest_create_smp(&(small_smp_t){.cores = 4, .cores_per_complex = 2});
}

static void teardown(void)
{
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
    small_guest_destroy(guest);
}

static void add_store(uint64_t gva, uint64_t value)
{
    memcpy(small_guest_add(guest, CBIT_OP_STORE, gva, 8)->data, &value, 8);
}

static uint64_t loaded(uint32_t call)
{
    uint64_t value;
    memcpy(&value, guest->data[call].bytes, 8);
    return value;
}

/* Moves the guest's program and runs it on that core, with one core's VMCB. */
static void run_on(uint32_t from, uint32_t to, cbit_spa_t vmcb_spa)
{
    cbit_vcpu_move(guest->vcpus[from], guest->vcpus[to], &guest->program, 0);
    cbit_vcpu_bind(guest->vcpus[to], &guest->program, 0);
    cbit_vcpu_run(guest->vcpus[to], vmcb_spa);
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
}

/* ---- moving ---- */

START_TEST(a_moved_program_goes_on_with_its_registers_and_data)
{
    static const uint8_t nops[16] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
                                     0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
    small_guest_code(guest, 0x1000, nops, 16);
    add_store(DATA, 11);
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_add(guest, CBIT_OP_LOAD, DATA, 8);
    add_store(DATA, 12);
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_add(guest, CBIT_OP_LOAD, DATA, 8);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_IOIO);
    uint64_t reads = guest->memory->reads;
    run_on(0, 1, SMALL_VMCB);
    ck_assert_int_eq(guest->exit_of[1].reason, CBIT_EXIT_IOIO);
    ck_assert_uint_eq(guest->exit.rip, 0x1010); /* from the VMCB that core 0 wrote */
    ck_assert_uint_eq(loaded(1), 11);
    ck_assert_uint_eq(guest->memory->reads, reads); /* lines came from the other core's caches */
    run_on(1, 3, SMALL_VMCB);                       /* in the other complex */
    ck_assert_int_eq(guest->exit_of[3].reason, CBIT_EXIT_HLT);
    ck_assert_uint_eq(loaded(2), 12);
    cbit_vcpu_stats_t stats;
    for (uint32_t core = 0; core < 4; core++) {
        cbit_vcpu_stats(guest->vcpus[core], 0, &stats);
        ck_assert_uint_eq(stats.exits, core == 2 ? 0 : 1);
    }
}
END_TEST

START_TEST(the_old_cores_tlb_is_stale_when_a_program_comes_back_unless_flushed)
{
    for (int flush = 0; flush < 2; flush++) {
        if (flush != 0) {
            teardown();
            setup();
        }
        uint64_t one = 1, two = 2;
        small_guest_put(guest, 0x5000, SMALL_ASID, &one, 8);
        small_guest_put(guest, 0x6000, SMALL_ASID, &two, 8);
        small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
        small_guest_add(guest, CBIT_OP_IO, 0, 0);
        small_guest_add(guest, CBIT_OP_INVLPG, 0x5000, 0); /* on the other core */
        small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
        small_guest_add(guest, CBIT_OP_IO, 0, 0);
        small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
        small_guest_run(guest);
        small_guest_set_entry(guest, 0x5000, 0x6000 | SMALL_C | 7);
        run_on(0, 1, SMALL_VMCB);
        small_guest_vmcb(guest, CBIT_VMCB_TLB_CONTROL, flush != 0 ? CBIT_TLB_CONTROL_FLUSH_ASID : 0,
                         1);
        run_on(1, 0, SMALL_VMCB);
        ck_assert_uint_eq(loaded(0), 1);
        ck_assert_uint_eq(loaded(1), 2);
        ck_assert_uint_eq(loaded(2), flush != 0 ? 2 : 1);
    }
}
END_TEST

START_TEST(invlpga_drops_a_page_of_the_named_asid_only)
{
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_add(guest, CBIT_OP_LOAD, 0x7000, 8);
    for (int i = 0; i < 3; i++) {
        small_guest_add(guest, CBIT_OP_IO, 0, 0);
        small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
        small_guest_add(guest, CBIT_OP_LOAD, 0x7000, 8);
    }
    cbit_vcpu_stats_t stats;
    small_guest_run(guest);
    cbit_vcpu_invlpga(guest->vcpu, SMALL_ASID + 1, 0x5000);
    cbit_vcpu_invlpga(guest->vcpus[1], SMALL_ASID, 0x5000); /* another core's TLB */
    small_guest_run(guest);
    cbit_vcpu_stats(guest->vcpu, 0, &stats);
    ck_assert_uint_eq(stats.tlb_misses, 2);
    cbit_vcpu_invlpga(guest->vcpu, SMALL_ASID, 0x5000);
    small_guest_run(guest);
    cbit_vcpu_stats(guest->vcpu, 0, &stats);
    ck_assert_uint_eq(stats.tlb_misses, 3);
}
END_TEST

/* A hypervisor that takes a page away tells every core; one that forgets leaves that core with it.
 */
START_TEST(a_shoot_down_reaches_the_cores_that_it_is_sent_to)
{
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_add(guest, CBIT_OP_LOAD, 0x5000, 8);
    small_guest_run(guest);
    small_guest_set_nested(guest, 0x5000, 0);
    cbit_vcpu_flush_tlb(guest->vcpus[1], SMALL_ASID);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_IOIO);
    cbit_vcpu_flush_tlb(guest->vcpus[0], SMALL_ASID);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_NPF);
}
END_TEST

/* ---- at once ---- */

/* Takes turns with another vCPU through two flags: writes its own, waits for the other's. */
typedef struct player {
    uint64_t mine_gva, other_gva, seen, turn;
    bool first, waiting;
} player_t;

static bool player_next(void *self, cbit_op_t *op)
{
    player_t *player = self;
    if (player->turn == ROUNDS && !player->waiting) {
        return false;
    }
    bool wait = player->waiting;
    if (wait && player->seen >= player->turn) {
        player->waiting = wait = false;
        if (player->turn == ROUNDS) {
            return false;
        }
    }
    *op = (cbit_op_t){.kind = wait ? CBIT_OP_LOAD : CBIT_OP_STORE,
                      .gva = wait ? player->other_gva : player->mine_gva,
                      .size_bytes = 8,
                      .depends = true};
    if (!wait) {
        player->turn++;
        memcpy(op->data, &player->turn, 8);
        player->waiting = true;
    }
    return true;
}

static void player_data(void *self, const cbit_op_t *op, const uint8_t *bytes)
{
    (void)op;
    player_t *player = self;
    uint64_t value;
    memcpy(&value, bytes, 8);
    ck_assert_uint_ge(value, player->seen); /* never back in time */
    player->seen = value;
}

static void play(uint32_t a, uint32_t b)
{
    player_t players[2] = {{.mine_gva = FLAGS, .other_gva = FLAGS + 0x40},
                           {.mine_gva = FLAGS + 0x40, .other_gva = FLAGS}};
    const uint32_t cores[2] = {a, b};
    static const uint8_t zeros[0x80];
    small_guest_put(guest, FLAGS, SMALL_ASID, zeros, sizeof zeros);
    for (int i = 0; i < 2; i++) {
        const cbit_program_t program = {
            .self = &players[i], .next = player_next, .on_data = player_data};
        cbit_vcpu_bind(guest->vcpus[cores[i]], &program, 0);
        small_guest_begin(guest, cores[i]);
    }
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(guest->exit_of[cores[i]].reason, CBIT_EXIT_HLT);
        ck_assert_uint_eq(players[i].turn, ROUNDS);
        ck_assert_uint_eq(players[i].seen, ROUNDS);
    }
}

START_TEST(vcpus_of_one_asid_share_data_without_asking_memory)
{
    play(0, 1);
    ck_assert_uint_lt(guest->memory->reads, 200); /* tables, VMCBs, two flags */
    teardown();
    setup();
    play(1, 2); /* in two complexes */
    ck_assert_uint_lt(guest->memory->reads, 200);
    uint64_t value;
    small_guest_get(guest, FLAGS, SMALL_ASID, &value, 8);
    ck_assert_uint_eq(value, ROUNDS);
}
END_TEST

START_TEST(two_asids_of_one_address_share_nothing)
{
    /* The second vCPU runs the same guest memory under another ASID, with its own key's bytes. */
    cbit_vcpu_set_asid_valid(guest->vcpus[1], SMALL_ASID + 1, true);
    uint32_t asid = SMALL_ASID + 1;
    guest->port.poke(guest->port.self, SMALL_VMCB + 0x1000 + CBIT_VMCB_ASID, CBIT_KEY_HOST, &asid,
                     4);
    add_store(DATA, 1);
    small_guest_run(guest);
    player_t player = {.mine_gva = DATA, .turn = ROUNDS, .waiting = true, .other_gva = DATA};
    const cbit_program_t program = {.self = &player, .next = player_next};
    cbit_vcpu_bind(guest->vcpus[1], &program, 1);
    small_guest_begin(guest, 1);
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
    int32_t reason = guest->exit_of[1].reason; /* its tables are noise */
    ck_assert(reason == CBIT_EXIT_NPF || reason == CBIT_EXIT_SHUTDOWN);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("vcpu_smp");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_moved_program_goes_on_with_its_registers_and_data);
    tcase_add_test(tcase, the_old_cores_tlb_is_stale_when_a_program_comes_back_unless_flushed);
    tcase_add_test(tcase, invlpga_drops_a_page_of_the_named_asid_only);
    tcase_add_test(tcase, a_shoot_down_reaches_the_cores_that_it_is_sent_to);
    tcase_add_test(tcase, vcpus_of_one_asid_share_data_without_asking_memory);
    tcase_add_test(tcase, two_asids_of_one_address_share_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
