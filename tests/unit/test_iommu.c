/* Devices' addresses: bare, through tables, refused. */
#include <string.h>

#include "cbit/base/rng.h"
#include "cbit/iommu/iommu.h"
#include "cbit_test.h"
#include "tests/support/fake_memory.h"

enum {
    C_BIT = 47,
    DEVICE = 3,
    DEVICE_TABLE = 0x10000,
    TABLES = 0x20000, /* level 3, 2, 1: one page each */
    DATA = 0x100000,
    CLIENTS = 32,
};
#define C       (UINT64_C(1) << C_BIT)
#define RW      (CBIT_IOPTE_IR | CBIT_IOPTE_IW)
#define NEXT(n) (CBIT_IOPTE_PR | (uint64_t)(n) << CBIT_IOPTE_NEXT_SHIFT | RW)

static cbit_kernel_t *kernel;
static fake_memory_t *memory;
static cbit_iommu_t *iommu;
static cbit_port_t port;
static cbit_txn_t txn;
static uint32_t answers;
static cbit_ps_t answered_ps;

static void on_answer(void *self, cbit_txn_t *answer)
{
    (void)self;
    answers++;
    answered_ps = cbit_kernel_now_ps(kernel);
    ck_assert_uint_eq(cbit_txn_charged_ps(answer), answered_ps - answer->born_ps);
}

static void put64(cbit_spa_t spa, cbit_key_t key, uint64_t value)
{
    fake_memory_put(memory, spa, key, &value, sizeof value);
}

/* Three levels of zeros under a key, and the entry of DEVICE. */
static void make_tables(cbit_key_t key)
{
    static const uint8_t zeros[4096];
    uint64_t c = key == CBIT_KEY_HOST ? C : 0;
    for (uint32_t i = 0; i < 3; i++) {
        fake_memory_put(memory, TABLES + i * 0x1000, key, zeros, sizeof zeros);
    }
    fake_memory_put(memory, DEVICE_TABLE, key, zeros, sizeof zeros);
    put64(DEVICE_TABLE + DEVICE * CBIT_IOMMU_DTE_BYTES, key,
          CBIT_DTE_V | CBIT_DTE_TV | UINT64_C(3) << CBIT_DTE_MODE_SHIFT | RW | TABLES | c);
    put64(TABLES, key, NEXT(2) | (TABLES + 0x1000) | c);
    put64(TABLES + 0x1000, key, NEXT(1) | (TABLES + 0x2000) | c);
    cbit_iommu_set_device_table(iommu, DEVICE_TABLE | c, 16);
}

static void map(uint64_t page, cbit_key_t key, uint64_t entry)
{
    put64(TABLES + 0x2000 + page * 8, key, entry);
}

/* Its directory remembers nothing, unless a test asks for it: walks are whole. */
static void setup_with(uint32_t directory_entries)
{
    kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    memory = fake_memory_create(kernel, 50000, 8);
    cbit_iommu_config_t config;
    cbit_rows_defaults(cbit_iommu_rows, &config);
    config.c_bit = C_BIT;
    config.iotlb_entries = 4;
    config.walkers = 2;
    config.directory_entries = directory_entries;
    ck_assert_int_eq(cbit_iommu_create(&config, kernel, fake_memory_port(memory), &iommu),
                     CBIT_ERR_OK);
    port = cbit_iommu_port(iommu, DEVICE);
    answers = 0;
}

static void setup(void)
{
    setup_with(0);
}

static void teardown(void)
{
    ck_assert_uint_eq(memory->stage_errors, 0);
    cbit_iommu_destroy(iommu);
    fake_memory_destroy(memory);
    cbit_kernel_destroy(kernel);
}

static cbit_err_t access_as(cbit_command_t command, uint64_t address, uint64_t *value)
{
    cbit_txn_init(&txn, command, address, 8, /* a guest's: overwritten */ 5, CBIT_SOURCE_DMA,
                  cbit_kernel_now_ps(kernel));
    memcpy(txn.data, value, 8);
    cbit_txn_push_reply(&txn, on_answer, NULL);
    uint32_t before = answers;
    ck_assert(port.try_send(port.self, &txn, NULL));
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(answers, before + 1);
    memcpy(value, txn.data, 8);
    return txn.status;
}

static uint64_t reads(uint64_t address)
{
    uint64_t value = 0;
    ck_assert_int_eq(access_as(CBIT_COMMAND_READ, address, &value), CBIT_ERR_OK);
    return value;
}

static void expect_fault(cbit_command_t command, uint64_t address, cbit_iommu_fault_kind_t kind)
{
    uint64_t value = 0x5555;
    cbit_iommu_stats_t before, after;
    cbit_iommu_stats(iommu, &before);
    ck_assert_int_eq(access_as(command, address, &value), CBIT_ERR_ADDRESS);
    ck_assert_uint_eq(value, command == CBIT_COMMAND_READ ? 0 : 0x5555);
    cbit_iommu_fault_t fault;
    cbit_iommu_fault(iommu, &fault);
    ck_assert_int_eq(fault.kind, kind);
    ck_assert_uint_eq(fault.device, DEVICE);
    ck_assert_uint_eq(fault.address, address);
    ck_assert(fault.write == (command == CBIT_COMMAND_WRITE));
    cbit_iommu_stats(iommu, &after);
    ck_assert_uint_eq(after.faults, before.faults + 1);
}

/* ---- bare ---- */

START_TEST(a_device_names_host_or_plain_and_never_a_guest)
{
    put64(DATA, CBIT_KEY_PLAIN, 11);
    ck_assert_uint_eq(reads(DATA), 11);
    put64(DATA, CBIT_KEY_HOST, 22);
    ck_assert_uint_eq(reads(DATA | C), 22);
    ck_assert_uint_ne(reads(DATA), 22);
    put64(DATA, 5, 33);
    ck_assert_uint_ne(reads(DATA), 33);
    ck_assert_uint_ne(reads(DATA | C), 33);
    ck_assert_uint_eq(memory->keys_seen[5], 0);
}
END_TEST

START_TEST(a_device_of_few_address_bits_cannot_reach_the_c_bit)
{
    put64(DATA, CBIT_KEY_HOST, 22);
    cbit_iommu_set_address_bits(iommu, DEVICE, 40);
    ck_assert_uint_ne(reads(DATA | C), 22); /* what is there, without the key: noise */
    ck_assert_uint_eq(memory->keys_seen[CBIT_KEY_HOST], 0);
    cbit_iommu_stats_t stats;
    cbit_iommu_stats(iommu, &stats);
    ck_assert_uint_eq(stats.masked, 1);
    cbit_iommu_set_address_bits(iommu, DEVICE, 48);
    ck_assert_uint_eq(reads(DATA | C), 22);
    /* Through tables the device needs no more than the address that it was given. */
    make_tables(CBIT_KEY_HOST);
    cbit_iommu_set_address_bits(iommu, DEVICE, 32);
    map(7, CBIT_KEY_HOST, NEXT(0) | DATA | C);
    ck_assert_uint_eq(reads(0x7000), 22);
}
END_TEST

/* ---- tables ---- */

START_TEST(a_walk_reads_the_device_entry_and_one_entry_a_level)
{
    make_tables(CBIT_KEY_PLAIN);
    map(7, CBIT_KEY_PLAIN, NEXT(0) | DATA);
    map(8, CBIT_KEY_PLAIN, NEXT(0) | (DATA + 0x3000));
    put64(DATA + 0x18, CBIT_KEY_PLAIN, 1);
    put64(DATA + 0x3018, CBIT_KEY_PLAIN, 2);
    ck_assert_uint_eq(reads(0x7018), 1);
    /* Device entry, three levels, data: 50 ns each; the first four are the walk. */
    ck_assert_uint_eq(answered_ps, 250000);
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_WALK], 200000);
    ck_assert_uint_eq(memory->reads, 5);
    ck_assert_uint_eq(reads(0x8018), 2); /* the device's entry is known */
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_WALK], 150000);
    ck_assert_uint_eq(reads(0x7018), 1);
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_WALK], 0);
    cbit_iommu_stats_t stats;
    cbit_iommu_stats(iommu, &stats);
    ck_assert_uint_eq(stats.walks, 2);
    ck_assert_uint_eq(stats.walk_reads, 7);
    ck_assert_uint_eq(stats.iotlb_hits, 1);
    ck_assert_uint_eq(stats.untranslated, 0);
    uint64_t value = 77;
    ck_assert_int_eq(access_as(CBIT_COMMAND_WRITE, 0x7020, &value), CBIT_ERR_OK);
    fake_memory_get(memory, DATA + 0x20, CBIT_KEY_PLAIN, &value, 8);
    ck_assert_uint_eq(value, 77);
}
END_TEST

START_TEST(a_walk_begins_at_the_lowest_table_that_is_known)
{
    teardown();
    setup_with(2); /* just the two tables below the root */
    make_tables(CBIT_KEY_HOST);
    put64(TABLES + 0x1000, CBIT_KEY_HOST, NEXT(1) | (TABLES + 0x2000) | C);
    map(7, CBIT_KEY_HOST, NEXT(0) | DATA | C);
    map(8, CBIT_KEY_HOST, (NEXT(0) & ~CBIT_IOPTE_IW) | (DATA + 0x3000) | C);
    put64(DATA, CBIT_KEY_HOST, 1);
    put64(DATA + 0x3000, CBIT_KEY_HOST, 2);
    ck_assert_uint_eq(reads(0x7000), 1);
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_WALK], 200000);
    ck_assert_uint_eq(reads(0x8000), 2);
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_WALK], 50000); /* only the leaf's entry */
    expect_fault(CBIT_COMMAND_WRITE, 0x8000, CBIT_IOMMU_FAULT_PERMISSION);
    expect_fault(CBIT_COMMAND_READ, 0x207000, CBIT_IOMMU_FAULT_PRESENT); /* the next 2 MiB */
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_WALK], 50000);
    cbit_iommu_invalidate(iommu, DEVICE);
    ck_assert_uint_eq(reads(0x8000), 2);
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_WALK], 200000);
}
END_TEST

START_TEST(the_c_bit_of_each_entry_chooses_the_key_of_what_it_points_at)
{
    make_tables(CBIT_KEY_HOST);
    map(7, CBIT_KEY_HOST, NEXT(0) | DATA | C);
    map(8, CBIT_KEY_HOST, NEXT(0) | (DATA + 0x1000));
    put64(DATA, CBIT_KEY_HOST, 1);
    put64(DATA + 0x1000, CBIT_KEY_PLAIN, 2);
    ck_assert_uint_eq(reads(0x7000), 1);
    ck_assert_uint_eq(memory->keys_seen[CBIT_KEY_HOST], 5);
    ck_assert_uint_eq(memory->keys_seen[CBIT_KEY_PLAIN], 0);
    ck_assert_uint_eq(reads(0x8000), 2);
    ck_assert_uint_eq(memory->keys_seen[CBIT_KEY_PLAIN], 1);
    /* The last table in clear under encrypted ones. */
    static const uint8_t zeros[4096];
    fake_memory_put(memory, TABLES + 0x2000, CBIT_KEY_PLAIN, zeros, sizeof zeros);
    put64(TABLES + 0x1000, CBIT_KEY_HOST, NEXT(1) | (TABLES + 0x2000));
    map(7, CBIT_KEY_PLAIN, NEXT(0) | DATA | C);
    cbit_iommu_invalidate(iommu, DEVICE);
    ck_assert_uint_eq(reads(0x7000), 1);
    /* Base register without C: the device table itself is noise, and faults or translates none. */
    cbit_iommu_set_device_table(iommu, DEVICE_TABLE, 16);
    uint64_t value = 0;
    (void)access_as(CBIT_COMMAND_READ, 0x7000, &value);
    ck_assert_uint_ne(value, 1);
}
END_TEST

START_TEST(pages_may_be_large_of_any_size_or_skip_levels)
{
    make_tables(CBIT_KEY_PLAIN);
    /* 2 MiB at level 2, from 2 MiB on, whose memory starts at 0. */
    put64(TABLES + 0x1008, CBIT_KEY_PLAIN, NEXT(0));
    put64(DATA + 0x8, CBIT_KEY_PLAIN, 1);
    ck_assert_uint_eq(reads(0x200000 + DATA + 8), 1);
    /* 16 KiB: the lowest clear bit of 100000h | 1000h is bit 13. Each of the four has the entry. */
    for (uint64_t page = 4; page < 8; page++) {
        map(page, CBIT_KEY_PLAIN, NEXT(7) | DATA | 0x1000);
    }
    put64(DATA + 0x2010, CBIT_KEY_PLAIN, 2);
    ck_assert_uint_eq(reads(0x4000 + 0x2010), 2);
    uint64_t walks = memory->reads;
    ck_assert_uint_eq(reads(0x7010 - 0x1000), 2);
    ck_assert_uint_eq(memory->reads, walks + 1); /* one translation for all four pages */
    /* From level 3 to level 1 when the bits between are zero. */
    put64(TABLES + 8, CBIT_KEY_PLAIN, NEXT(1) | (TABLES + 0x2000));
    map(9, CBIT_KEY_PLAIN, NEXT(0) | (DATA + 0x9000));
    put64(DATA + 0x9000, CBIT_KEY_PLAIN, 3);
    ck_assert_uint_eq(reads(0x40009000), 3);
    expect_fault(CBIT_COMMAND_READ, 0x40209000, CBIT_IOMMU_FAULT_RESERVED);
}
END_TEST

START_TEST(translations_stay_until_they_are_invalidated)
{
    make_tables(CBIT_KEY_PLAIN);
    map(7, CBIT_KEY_PLAIN, NEXT(0) | DATA);
    put64(DATA, CBIT_KEY_PLAIN, 1);
    put64(DATA + 0x1000, CBIT_KEY_PLAIN, 2);
    ck_assert_uint_eq(reads(0x7000), 1);
    map(7, CBIT_KEY_PLAIN, NEXT(0) | (DATA + 0x1000));
    ck_assert_uint_eq(reads(0x7000), 1);
    cbit_iommu_invalidate(iommu, DEVICE + 1);
    ck_assert_uint_eq(reads(0x7000), 1);
    cbit_iommu_invalidate(iommu, DEVICE);
    ck_assert_uint_eq(reads(0x7000), 2);
}
END_TEST

START_TEST(an_entry_that_is_not_valid_or_of_mode_0_translates_nothing)
{
    make_tables(CBIT_KEY_PLAIN);
    put64(DATA, CBIT_KEY_HOST, 22);
    put64(DEVICE_TABLE + DEVICE * CBIT_IOMMU_DTE_BYTES, CBIT_KEY_PLAIN, 0);
    ck_assert_uint_eq(reads(DATA | C), 22);
    put64(DEVICE_TABLE + DEVICE * CBIT_IOMMU_DTE_BYTES, CBIT_KEY_PLAIN,
          CBIT_DTE_V | CBIT_DTE_TV | CBIT_DTE_IR);
    cbit_iommu_invalidate(iommu, DEVICE);
    ck_assert_uint_eq(reads(DATA | C), 22);
    expect_fault(CBIT_COMMAND_WRITE, DATA, CBIT_IOMMU_FAULT_PERMISSION);
}
END_TEST

/* ---- faults ---- */

START_TEST(each_thing_that_is_wrong_has_its_fault)
{
    static const struct {
        cbit_spa_t at;
        uint64_t entry;
        uint64_t address;
        cbit_iommu_fault_kind_t read, write;
    } bad[] = {
        {TABLES + 0x2038, 0, 0x7000, CBIT_IOMMU_FAULT_PRESENT, CBIT_IOMMU_FAULT_PRESENT},
        {TABLES + 0x2038, (NEXT(0) & ~CBIT_IOPTE_IR) | DATA, 0x7000, CBIT_IOMMU_FAULT_PERMISSION,
         CBIT_IOMMU_FAULT_NONE},
        {TABLES + 0x1000, (NEXT(1) & ~CBIT_IOPTE_IW) | (TABLES + 0x2000), 0x7000,
         CBIT_IOMMU_FAULT_NONE, CBIT_IOMMU_FAULT_PERMISSION},
        /* Tables that loop. */
        {TABLES, NEXT(3) | TABLES, 0x7000, CBIT_IOMMU_FAULT_RESERVED, CBIT_IOMMU_FAULT_RESERVED},
        {TABLES + 0x2038, NEXT(1) | (TABLES + 0x2000), 0x7000, CBIT_IOMMU_FAULT_RESERVED,
         CBIT_IOMMU_FAULT_RESERVED},
        /* A table outside of memory; a sized page larger than its level. */
        {TABLES + 0x1000, NEXT(1) | UINT64_C(1) << 40, 0x7000, CBIT_IOMMU_FAULT_TABLE,
         CBIT_IOMMU_FAULT_TABLE},
        {TABLES + 0x2038, NEXT(7) | 0x3ff000, 0x7000, CBIT_IOMMU_FAULT_RESERVED,
         CBIT_IOMMU_FAULT_RESERVED},
        /* An address above what three levels reach; modes and entries of devices. */
        {TABLES, NEXT(2) | (TABLES + 0x1000), UINT64_C(1) << 39, CBIT_IOMMU_FAULT_RESERVED,
         CBIT_IOMMU_FAULT_RESERVED},
        {DEVICE_TABLE + DEVICE * 32, CBIT_DTE_V | CBIT_DTE_TV | 7 << CBIT_DTE_MODE_SHIFT, 0x7000,
         CBIT_IOMMU_FAULT_RESERVED, CBIT_IOMMU_FAULT_RESERVED},
        {DEVICE_TABLE + DEVICE * 32, CBIT_DTE_V, 0x7000, CBIT_IOMMU_FAULT_DEVICE,
         CBIT_IOMMU_FAULT_DEVICE},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (int write = 0; write < 2; write++) {
            make_tables(CBIT_KEY_PLAIN);
            map(7, CBIT_KEY_PLAIN, NEXT(0) | DATA);
            put64(bad[i].at, CBIT_KEY_PLAIN, bad[i].entry);
            cbit_command_t command = write != 0 ? CBIT_COMMAND_WRITE : CBIT_COMMAND_READ;
            cbit_iommu_fault_kind_t kind = write != 0 ? bad[i].write : bad[i].read;
            if (kind == CBIT_IOMMU_FAULT_NONE) {
                uint64_t value = 0;
                ck_assert_int_eq(access_as(command, bad[i].address, &value), CBIT_ERR_OK);
            } else {
                expect_fault(command, bad[i].address, kind);
            }
        }
    }
    /* A device beyond the table; and memory that is not there behind a page. */
    make_tables(CBIT_KEY_PLAIN);
    cbit_iommu_set_device_table(iommu, DEVICE_TABLE, DEVICE);
    expect_fault(CBIT_COMMAND_READ, 0x7000, CBIT_IOMMU_FAULT_DEVICE);
    make_tables(CBIT_KEY_PLAIN);
    map(7, CBIT_KEY_PLAIN, NEXT(0) | UINT64_C(1) << 40);
    uint64_t value = 0;
    ck_assert_int_eq(access_as(CBIT_COMMAND_READ, 0x7000, &value), CBIT_ERR_ADDRESS);
}
END_TEST

START_TEST(tables_of_noise_never_hang_and_never_name_a_guest)
{
    uint64_t seed = cbit_test_seed();
    cbit_rng_t rng;
    cbit_rng_init(&rng, seed, 1);
    for (int i = 0; i < 3000; i++) {
        make_tables(CBIT_KEY_PLAIN);
        uint64_t entry = cbit_rng_u64(&rng);
        entry = (entry & 1) != 0 ? entry : (entry & ~CBIT_IOPTE_ADDRESS) | TABLES;
        put64(TABLES + (entry >> 7 & 3) * 0x1000, CBIT_KEY_PLAIN, entry | CBIT_IOPTE_PR);
        put64(TABLES + 0x2000 + (entry >> 9 & 0xff8), CBIT_KEY_PLAIN, cbit_rng_u64(&rng));
        uint64_t value = 0;
        (void)access_as(CBIT_COMMAND_READ, cbit_rng_u64(&rng) & 0x1fffff8, &value);
    }
    for (cbit_key_t key = 1; key <= CBIT_KEY_ASID_MAX; key++) {
        ck_assert_uint_eq(memory->keys_seen[key], 0);
    }
}
END_TEST

/* ---- many at once ---- */

typedef struct client {
    cbit_txn_t txn;
    cbit_waiter_t waiter;
    uint32_t sends, answers;
    bool waits;
} client_t;

static void client_answer(void *self, cbit_txn_t *answer)
{
    client_t *client = self;
    client->answers++;
    ck_assert_uint_eq(cbit_txn_charged_ps(answer), cbit_kernel_now_ps(kernel) - answer->born_ps);
}

static void client_send(void *self)
{
    client_t *client = self;
    client->sends++;
    cbit_ps_t waited_ps = cbit_kernel_now_ps(kernel) - client->txn.born_ps;
    client->txn.stage_ps[CBIT_STAGE_CORE] = waited_ps;
    client->waits = !port.try_send(port.self, &client->txn, &client->waiter);
}

START_TEST(every_access_is_answered_once_however_many_there_are)
{
    static client_t clients[CLIENTS];
    make_tables(CBIT_KEY_PLAIN);
    memset(clients, 0, sizeof clients);
    for (uint64_t i = 0; i < CLIENTS; i++) {
        if (i % 5 != 0) { /* the others fault */
            map(i, CBIT_KEY_PLAIN, NEXT(0) | (DATA + i * 0x1000));
            put64(DATA + i * 0x1000, CBIT_KEY_PLAIN, i);
        }
        client_t *client = &clients[i];
        client->waiter = (cbit_waiter_t){.on_space = client_send, .self = client};
        cbit_txn_init(&client->txn, CBIT_COMMAND_READ, i * 0x1000, 8, 0, CBIT_SOURCE_DMA, 0);
        cbit_txn_push_reply(&client->txn, client_answer, client);
        client_send(client);
    }
    cbit_kernel_run(kernel, CBIT_PS_NEVER);
    for (uint64_t i = 0; i < CLIENTS; i++) {
        ck_assert_uint_eq(clients[i].answers, 1);
        uint64_t value;
        memcpy(&value, clients[i].txn.data, 8);
        ck_assert_uint_eq(value, i % 5 != 0 ? i : 0);
        ck_assert_int_eq(clients[i].txn.status, i % 5 != 0 ? CBIT_ERR_OK : CBIT_ERR_ADDRESS);
    }
    ck_assert_uint_eq(memory->held, 0);
}
END_TEST

START_TEST(access_without_time_goes_through_the_same_tables)
{
    make_tables(CBIT_KEY_HOST);
    map(7, CBIT_KEY_HOST, NEXT(0) | DATA | C);
    map(8, CBIT_KEY_HOST, NEXT(0) | (DATA + 0x5000));
    uint8_t bytes[64], got[64];
    for (uint32_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
    ck_assert_int_eq(port.poke(port.self, 0x7fe0, 5, bytes, 64), CBIT_ERR_OK);
    fake_memory_get(memory, DATA + 0xfe0, CBIT_KEY_HOST, got, 32);
    fake_memory_get(memory, DATA + 0x5000, CBIT_KEY_PLAIN, got + 32, 32);
    ck_assert_mem_eq(got, bytes, 64);
    memset(got, 0, sizeof got);
    ck_assert_int_eq(port.peek(port.self, 0x7fe0, 5, got, 64), CBIT_ERR_OK);
    ck_assert_mem_eq(got, bytes, 64);
    ck_assert_int_eq(port.peek(port.self, 0x9000, 5, got, 8), CBIT_ERR_ADDRESS);
    cbit_iommu_stats_t stats;
    cbit_iommu_stats(iommu, &stats);
    ck_assert_uint_eq(stats.walks + stats.iotlb_hits + stats.faults, 0);
}
END_TEST

START_TEST(an_iommu_without_entries_is_refused)
{
    cbit_iommu_t *none = NULL;
    const cbit_iommu_config_t bad[] = {{.walkers = 1}, {.iotlb_entries = 1}};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(cbit_iommu_create(&bad[i], kernel, port, &none), CBIT_ERR_RANGE);
        ck_assert_ptr_null(none);
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("unit");
    TCase *tcase = tcase_create("iommu");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_device_names_host_or_plain_and_never_a_guest);
    tcase_add_test(tcase, a_device_of_few_address_bits_cannot_reach_the_c_bit);
    tcase_add_test(tcase, a_walk_reads_the_device_entry_and_one_entry_a_level);
    tcase_add_test(tcase, a_walk_begins_at_the_lowest_table_that_is_known);
    tcase_add_test(tcase, the_c_bit_of_each_entry_chooses_the_key_of_what_it_points_at);
    tcase_add_test(tcase, pages_may_be_large_of_any_size_or_skip_levels);
    tcase_add_test(tcase, translations_stay_until_they_are_invalidated);
    tcase_add_test(tcase, an_entry_that_is_not_valid_or_of_mode_0_translates_nothing);
    tcase_add_test(tcase, each_thing_that_is_wrong_has_its_fault);
    tcase_add_test(tcase, tables_of_noise_never_hang_and_never_name_a_guest);
    tcase_add_test(tcase, every_access_is_answered_once_however_many_there_are);
    tcase_add_test(tcase, access_without_time_goes_through_the_same_tables);
    tcase_add_test(tcase, an_iommu_without_entries_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
