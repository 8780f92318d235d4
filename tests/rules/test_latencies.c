/*
 * Every latency of the machine's parameters, one at a time: made longer, it shows in the accesses
 * that must show it, as often as it is on their way and to the picosecond, and in no other.
 */
#include <stdlib.h>
#include <string.h>

#include "cbit/fabric/fabric.h"
#include "cbit_test.h"
#include "tests/support/small_guest.h"

typedef struct machine {
    cbit_cache_config_t cache;
    cbit_vcpu_config_t core;
    cbit_fabric_config_t fabric;
} machine_t;

/* Core clock 1 GHz. Two complexes of two cores; 32 KiB of L1 in 64 sets, 64 KiB of L2 in 128, 256
   KiB of L3 in 256. Two sockets with half of the memory each; no walk caches. */
static machine_t usual(void)
{
    machine_t machine = {
        .cache = {.l1i = {32768, 8, 2},
                  .l1d = {32768, 8, 3},
                  .l2 = {65536, 8, 11},
                  .l3 = {262144, 16, 29},
                  .cores_per_complex = 2,
                  .mshrs = 8,
                  .transfer_cclk = 71,
                  .transfer_remote_ns = 103000,
                  .transfer_socket_ns = 211000},
        .fabric = {.channels = 8,
                   .interleave_bytes = 256,
                   .sockets = 2,
                   .nodes_per_socket = 1,
                   .request_ns = 13000,
                   .return_ns = 17000,
                   .hop_ns = 5000,
                   .socket_ns = 37000,
                   .link_entries = 64},
    };
    cbit_rows_defaults(cbit_vcpu_rows, &machine.core);
    machine.core.clock_khz = 1000000;
    machine.core.c_bit = SMALL_C_BIT;
    machine.core.tlb_entries = 64;
    machine.core.tlb_l1_entries = 8;
    machine.core.walk_cache_entries = 0;
    machine.core.tlb_l2_cclk = 7;
    machine.core.forward_cclk = 5;
    machine.core.vmrun_cclk = 101;
    machine.core.vmexit_cclk = 203;
    return machine;
}

static small_guest_t *guest;
static cbit_fabric_t *fabric;
static cbit_port_t ports[SMALL_CORES];

static void build(const machine_t *machine, uint32_t socket_of_second)
{
    guest = small_guest_create_smp(&(small_smp_t){.cores = SMALL_CORES,
                                                  .cores_per_complex = 2,
                                                  .cache = &machine->cache,
                                                  .core = &machine->core});
    ck_assert_int_eq(
        cbit_fabric_create(&machine->fabric, guest->kernel, FAKE_MEMORY_BYTES, &fabric, NULL),
        CBIT_ERR_OK);
    for (uint32_t i = 0; i < machine->fabric.channels; i++) {
        cbit_fabric_bind(fabric, i, fake_memory_port(guest->memory));
    }
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t socket = i == 0 ? 0 : socket_of_second;
        cbit_cache_bind_complex(guest->cache, i, socket,
                                cbit_fabric_port_at(fabric, socket * CBIT_FABRIC_QUADRANTS));
    }
    for (uint32_t i = 0; i < SMALL_CORES; i++) {
        ports[i] = cbit_cache_port(guest->cache, i);
    }
}

static void clean(void)
{
    ck_assert_uint_eq(guest->memory->stage_errors, 0);
    small_guest_destroy(guest);
    cbit_fabric_destroy(fabric);
}

/* ---- accesses at a cache's port ---- */

static cbit_ps_t done_ps;

static void answered(void *self, cbit_txn_t *txn)
{
    (void)self;
    ck_assert_uint_eq(cbit_txn_charged_ps(txn), cbit_kernel_now_ps(guest->kernel) - txn->born_ps);
    done_ps = cbit_kernel_now_ps(guest->kernel);
}

static cbit_ps_t ask(cbit_port_t port, cbit_command_t command, cbit_spa_t spa)
{
    cbit_txn_t txn;
    const cbit_ps_t from_ps = cbit_kernel_now_ps(guest->kernel);
    cbit_txn_init(&txn, command, spa, 8, CBIT_KEY_PLAIN, CBIT_SOURCE_VCPU, from_ps);
    memset(txn.data, 0, 8);
    cbit_txn_push_reply(&txn, answered, NULL);
    ck_assert(port.try_send(port.self, &txn, NULL));
    cbit_kernel_run(guest->kernel, CBIT_PS_NEVER);
    return done_ps - from_ps;
}

/* Reads a line that core `from` has written, or nobody has, after others of its sets. */
static cbit_ps_t read_line(cbit_spa_t spa, uint32_t from, uint32_t others, uint64_t stride)
{
    if (from < SMALL_CORES) {
        (void)ask(ports[from], CBIT_COMMAND_WRITE, spa);
    }
    for (uint64_t i = 1; i <= others; i++) {
        (void)ask(ports[0], CBIT_COMMAND_READ, spa + i * stride);
    }
    return ask(ports[0], CBIT_COMMAND_READ, spa);
}

/* A line of that quadrant (socket x 4 + quadrant) that nobody has. */
static cbit_spa_t line_of(uint32_t quadrant)
{
    cbit_spa_t spa = quadrant < CBIT_FABRIC_QUADRANTS ? 0x100000 : FAKE_MEMORY_BYTES / 2 + 0x1000;
    while (cbit_fabric_quadrant_of(fabric, cbit_fabric_channel_of(fabric, spa)) != quadrant) {
        spa += CBIT_LINE_BYTES;
    }
    return spa;
}

static cbit_ps_t in_l1(void)
{
    return read_line(0x100000, 0, 0, 0);
}

static cbit_ps_t in_l1i(void)
{
    const cbit_port_t fetch = cbit_cache_fetch_port(guest->cache, 0);
    (void)ask(fetch, CBIT_COMMAND_READ, 0x100000);
    return ask(fetch, CBIT_COMMAND_READ, 0x100000);
}

static cbit_ps_t in_l2(void)
{
    return read_line(0x100000, 0, 8, 4096); /* eight more lines of the L1's set */
}

static cbit_ps_t in_l3(void)
{
    return read_line(0x100000, 0, 8, 8192); /* and of the L2's */
}

static cbit_ps_t of_the_neighbour(void)
{
    return read_line(0x100000, 1, 0, 0);
}

static cbit_ps_t of_the_other_complex(void)
{
    return read_line(0x100000, 2, 0, 0);
}

static cbit_ps_t in_near_memory(void)
{
    return read_line(line_of(0), SMALL_CORES, 0, 0);
}

static cbit_ps_t in_memory_a_step_away(void)
{
    return read_line(line_of(1), SMALL_CORES, 0, 0);
}

static cbit_ps_t in_memory_two_steps_away(void)
{
    return read_line(line_of(3), SMALL_CORES, 0, 0);
}

static cbit_ps_t in_memory_of_the_other_socket(void)
{
    return read_line(line_of(4), SMALL_CORES, 0, 0);
}

/* ---- accesses of the core ---- */

/* From VMRUN to the next I/O instruction, with all that it needs near. */
static cbit_ps_t run_ps(void)
{
    const cbit_ps_t from_ps = cbit_kernel_now_ps(guest->kernel);
    small_guest_add(guest, CBIT_OP_IO, 0, 0);
    small_guest_run(guest);
    ck_assert_int_eq(guest->exit.reason, CBIT_EXIT_IOIO);
    return guest->exit.at_ps - from_ps;
}

static cbit_ps_t entry_and_exit(void)
{
    (void)run_ps();
    return run_ps();
}

static cbit_op_t *load(uint64_t gva)
{
    return small_guest_add(guest, CBIT_OP_LOAD, gva, 8);
}

/* Its page is in the second-level TLB, its line in the L1. */
static cbit_ps_t known_to_the_second_tlb(void)
{
    for (uint64_t page = 0; page < 9; page++) {
        load(0x40000 + page * 0x1040);
    }
    (void)run_ps();
    const cbit_ps_t without_ps = run_ps();
    load(0x40000);
    return run_ps() - without_ps;
}

/* Its page is nowhere; the tables and its line are in the L1. */
static cbit_ps_t walked(void)
{
    load(0x40000);
    (void)run_ps();
    small_guest_add(guest, CBIT_OP_INVLPG, 0x40000, 0);
    const cbit_ps_t without_ps = run_ps();
    small_guest_add(guest, CBIT_OP_INVLPG, 0x40000, 0);
    load(0x40000);
    return run_ps() - without_ps;
}

/* From a store that waits for its line; then a miss that depends on it, and ends last. */
static cbit_ps_t forwarded(void)
{
    load(0x40080); /* not in the set that tables and VMCB begin in */
    load(0x41080);
    (void)run_ps();
    const cbit_ps_t without_ps = run_ps();
    const uint8_t value[8] = {1};
    memcpy(small_guest_add(guest, CBIT_OP_STORE, 0x40400, 8)->data, value, sizeof value);
    load(0x40400);
    load(0x41400)->depends = true;
    return run_ps() - without_ps;
}

/* ---- the table ---- */

enum {
    L1,
    L1I,
    L2,
    L3,
    NEIGHBOUR,
    COMPLEX,
    SOCKET,
    NEAR,
    STEP,
    TWO_STEPS,
    FAR,
    TLB2,
    WALK,
    FORWARD,
    RUN,
    ACCESSES
};

static const struct {
    const char *name;
    cbit_ps_t (*measure)(void);
    uint32_t socket_of_second;
    cbit_ps_t usual_ps; /* 50 ns of it are the memory's */
} accesses[ACCESSES] = {
    [L1] = {"a hit in the L1", in_l1, 0, 3000},
    [L1I] = {"a hit in the L1I", in_l1i, 0, 2000},
    [L2] = {"a hit in the L2", in_l2, 0, 11000},
    [L3] = {"a hit in the L3", in_l3, 0, 29000},
    [NEIGHBOUR] = {"a line of the neighbour", of_the_neighbour, 0, 71000},
    [COMPLEX] = {"a line of the other complex", of_the_other_complex, 0, 103000},
    [SOCKET] = {"a line of the other socket", of_the_other_complex, 1, 211000},
    [NEAR] = {"near memory", in_near_memory, 0, 29000 + 13000 + 50000 + 17000},
    [STEP] = {"memory a step away", in_memory_a_step_away, 0, 109000 + 2 * 5000},
    [TWO_STEPS] = {"memory two steps away", in_memory_two_steps_away, 0, 109000 + 4 * 5000},
    [FAR] = {"memory of the other socket", in_memory_of_the_other_socket, 0, 109000 + 2 * 37000},
    [TLB2] = {"a page of the second TLB", known_to_the_second_tlb, 0, 7000 + 3000},
    [WALK] = {"a page of no TLB", walked, 0, 24 * 3000 + 3000},
    /* The store issues at 0, the load at 1, and the last one when that has its bytes; the guest's
       memory is the other socket's. */
    [FORWARD] = {"a forwarded load and a miss", forwarded, 0, 1000 + 5000 + 109000 + 2 * 37000},
    /* Ten lines of the VMCB read, ten written. */
    [RUN] = {"VMRUN and #VMEXIT", entry_and_exit, 0, 20 * 3000 + 101000 + 203000},
};

#define CLOCKS(field)                                                                              \
    {                                                                                              \
#field, offsetof(machine_t, field), sizeof(((machine_t *)NULL)->field), 7, 1000            \
    }
/* Whole clocks, which a core that waits does not round. */
#define TIME(field)                                                                                \
    {                                                                                              \
#field, offsetof(machine_t, field), sizeof(((machine_t *)NULL)->field), 7000, 1            \
    }

/* How often each is on an access's way. What is not named must not show it. */
static const struct {
    struct {
        const char *name;
        size_t offset, len;
        uint64_t more;
        cbit_ps_t unit_ps;
    } parameter;
    uint8_t times[ACCESSES];
} rows[] = {
    {CLOCKS(cache.l1d.hit_cclk), {[L1] = 1, [TLB2] = 1, [WALK] = 25, [RUN] = 20}},
    {CLOCKS(cache.l1i.hit_cclk), {[L1I] = 1}},
    {CLOCKS(cache.l2.hit_cclk), {[L2] = 1}},
    {CLOCKS(cache.l3.hit_cclk),
     {[L3] = 1, [NEAR] = 1, [STEP] = 1, [TWO_STEPS] = 1, [FAR] = 1, [FORWARD] = 1}},
    {CLOCKS(cache.transfer_cclk), {[NEIGHBOUR] = 1}},
    {TIME(cache.transfer_remote_ns), {[COMPLEX] = 1}},
    {TIME(cache.transfer_socket_ns), {[SOCKET] = 1}},
    {TIME(fabric.request_ns), {[NEAR] = 1, [STEP] = 1, [TWO_STEPS] = 1, [FAR] = 1, [FORWARD] = 1}},
    {TIME(fabric.return_ns), {[NEAR] = 1, [STEP] = 1, [TWO_STEPS] = 1, [FAR] = 1, [FORWARD] = 1}},
    {TIME(fabric.hop_ns), {[STEP] = 2, [TWO_STEPS] = 4}},
    {TIME(fabric.socket_ns), {[FAR] = 2, [FORWARD] = 2}},
    {CLOCKS(core.tlb_l2_cclk), {[TLB2] = 1}},
    {CLOCKS(core.forward_cclk), {[FORWARD] = 1}},
    {CLOCKS(core.vmrun_cclk), {[RUN] = 1}},
    {CLOCKS(core.vmexit_cclk), {[RUN] = 1}},
};

static cbit_ps_t measured(const machine_t *machine, int access)
{
    build(machine, accesses[access].socket_of_second);
    const cbit_ps_t span_ps = accesses[access].measure();
    clean();
    return span_ps;
}

START_TEST(each_access_takes_what_its_parts_add_up_to)
{
    const machine_t machine = usual();
    const cbit_ps_t span_ps = measured(&machine, _i);
    ck_assert_msg(span_ps == accesses[_i].usual_ps, "%s takes %llu ps instead of %llu",
                  accesses[_i].name, (unsigned long long)span_ps,
                  (unsigned long long)accesses[_i].usual_ps);
}
END_TEST

static void lengthen(machine_t *machine, int row)
{
    uint8_t *at = (uint8_t *)machine + rows[row].parameter.offset;
    if (rows[row].parameter.len == sizeof(uint32_t)) {
        uint32_t value;
        memcpy(&value, at, sizeof value);
        value += (uint32_t)rows[row].parameter.more;
        memcpy(at, &value, sizeof value);
        return;
    }
    uint64_t value;
    memcpy(&value, at, sizeof value);
    value += rows[row].parameter.more;
    memcpy(at, &value, sizeof value);
}

START_TEST(each_latency_shows_where_it_must_and_nowhere_else)
{
    machine_t machine = usual();
    lengthen(&machine, _i);
    for (int access = 0; access < ACCESSES; access++) {
        const cbit_ps_t more_ps =
            rows[_i].times[access] * rows[_i].parameter.more * rows[_i].parameter.unit_ps;
        const cbit_ps_t span_ps = measured(&machine, access);
        ck_assert_msg(span_ps == accesses[access].usual_ps + more_ps,
                      "with a longer %s %s takes %llu ps instead of %llu", rows[_i].parameter.name,
                      accesses[access].name, (unsigned long long)span_ps,
                      (unsigned long long)(accesses[access].usual_ps + more_ps));
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("rules");
    TCase *tcase = tcase_create("latencies");
    tcase_add_loop_test(tcase, each_access_takes_what_its_parts_add_up_to, 0, ACCESSES);
    tcase_add_loop_test(tcase, each_latency_shows_where_it_must_and_nowhere_else, 0,
                        sizeof rows / sizeof rows[0]);
    suite_add_tcase(suite, tcase);
    return suite;
}
