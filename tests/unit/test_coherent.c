/* What devices and the Secure Processor read while caches write the same lines back. */
#include <stdlib.h>
#include <string.h>

#include "cbit_test.h"
#include "model/platform/coherent.h"

/* A memory that looks when a request arrives and answers later: reads after 100 ns, writes after 1
   ns. One of each at a time is enough here. */
typedef struct memory {
    cbit_kernel_t *kernel;
    uint8_t bytes[8192];
    cbit_event_t read_event, write_event;
    cbit_txn_t *read, *write;
    bool far_away; /* writes take 500 ns, and only then change anything */
} memory_t;

static void read_ends(void *self)
{
    memory_t *memory = self;
    cbit_txn_t *txn = memory->read;
    memory->read = NULL;
    cbit_txn_reply(txn);
}

static void write_ends(void *self)
{
    memory_t *memory = self;
    cbit_txn_t *txn = memory->write;
    memory->write = NULL;
    memcpy(memory->bytes + txn->spa, txn->data, txn->size_bytes);
    cbit_txn_reply(txn);
}

static bool memory_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    memory_t *memory = self;
    (void)waiter;
    cbit_ps_t now_ps = cbit_kernel_now_ps(memory->kernel);
    txn->status = CBIT_ERR_OK;
    if (txn->command == CBIT_COMMAND_READ) {
        ck_assert_ptr_null(memory->read);
        memory->read = txn;
        memcpy(txn->data, memory->bytes + txn->spa, txn->size_bytes);
        cbit_event_notify_at(memory->kernel, &memory->read_event, now_ps + 100000);
    } else {
        ck_assert_ptr_null(memory->write);
        memory->write = txn;
        if (!memory->far_away) {
            memcpy(memory->bytes + txn->spa, txn->data, txn->size_bytes);
        }
        cbit_event_notify_at(memory->kernel, &memory->write_event,
                             now_ps + (memory->far_away ? 500000 : 1000));
    }
    return true;
}

static cbit_err_t memory_peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes,
                              uint32_t len_bytes)
{
    (void)key;
    memcpy(bytes, ((memory_t *)self)->bytes + spa, len_bytes);
    return CBIT_ERR_OK;
}

static cbit_err_t memory_poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                              uint32_t len_bytes)
{
    (void)key;
    memcpy(((memory_t *)self)->bytes + spa, bytes, len_bytes);
    return CBIT_ERR_OK;
}

static memory_t *memory;
static cbit_cache_t *cache;
static cbit_coherent_t coherent;

static void setup(void)
{
    static const cbit_clock_t clock_1ghz = {.period_num_ps = 1000, .period_den = 1};
    cbit_cache_config_t config;
    cbit_rows_defaults(cbit_cache_rows, &config);
    memory = calloc(1, sizeof *memory);
    memory->kernel = cbit_kernel_create(CBIT_KERNEL_WHEEL);
    cbit_event_init(&memory->read_event, read_ends, memory);
    cbit_event_init(&memory->write_event, write_ends, memory);
    const cbit_port_t port = {
        .self = memory, .try_send = memory_send, .peek = memory_peek, .poke = memory_poke};
    ck_assert_int_eq(
        cbit_cache_create(&config, 1, false, &clock_1ghz, memory->kernel, port, &cache, NULL),
        CBIT_ERR_OK);
    coherent = (cbit_coherent_t){.below = port, .cache = cache};
}

static void teardown(void)
{
    cbit_coherent_clear(&coherent);
    cbit_cache_destroy(cache);
    cbit_kernel_destroy(memory->kernel);
    free(memory);
}

static void answered(void *self, cbit_txn_t *txn)
{
    (void)txn;
    *(bool *)self = true;
}

static void send(cbit_port_t port, cbit_txn_t *txn, cbit_command_t command, bool *done)
{
    cbit_txn_init(txn, command, 4096, 64, CBIT_KEY_HOST, CBIT_SOURCE_HOST,
                  cbit_kernel_now_ps(memory->kernel));
    cbit_txn_push_reply(txn, answered, done);
    ck_assert(port.try_send(port.self, txn, NULL));
}

static void write_through_core(uint8_t byte)
{
    cbit_txn_t txn;
    bool done = false;
    memset(txn.data, byte, sizeof txn.data);
    send(cbit_cache_port(cache, 0), &txn, CBIT_COMMAND_WRITE, &done);
    (void)cbit_kernel_run(memory->kernel, CBIT_PS_NEVER);
    ck_assert(done);
}

static void nothing(void *self)
{
    (void)self;
}

START_TEST(a_dirty_line_is_what_a_device_reads)
{
    cbit_txn_t txn;
    bool done = false;
    write_through_core(0x5a);
    ck_assert_uint_eq(memory->bytes[4096], 0); /* still in the cache */
    send(cbit_coherent_port(&coherent), &txn, CBIT_COMMAND_READ, &done);
    (void)cbit_kernel_run(memory->kernel, CBIT_PS_NEVER);
    ck_assert(done);
    ck_assert_uint_eq(txn.data[0], 0x5a);
    ck_assert_uint_eq(txn.data[63], 0x5a);
}
END_TEST

/* The DRAM has given the old bytes, the flush empties the cache, and only then the answer is back:
   neither of the two places has the line any more when it is looked for. */
START_TEST(a_line_written_back_behind_the_read_is_not_lost)
{
    cbit_txn_t txn;
    bool done = false;
    write_through_core(0xc3);
    send(cbit_coherent_port(&coherent), &txn, CBIT_COMMAND_READ, &done);
    cbit_cache_wbinvd(cache, 0, nothing, NULL);
    (void)cbit_kernel_run(memory->kernel, CBIT_PS_NEVER);
    ck_assert(done);
    ck_assert_uint_eq(memory->bytes[4096], 0xc3);
    ck_assert_uint_eq(txn.data[0], 0xc3);
}
END_TEST

/* A core asks for the line after the device's write was sent, and gets the old bytes from memory
   before the write is there: its copy must not stay old. */
START_TEST(a_copy_fetched_past_a_write_is_brought_up_to_date)
{
    cbit_txn_t write, read;
    bool written = false, fetched = false;
    memory->far_away = true;
    memset(write.data, 0x77, sizeof write.data);
    send(cbit_coherent_port(&coherent), &write, CBIT_COMMAND_WRITE, &written);
    send(cbit_cache_port(cache, 0), &read, CBIT_COMMAND_READ, &fetched);
    (void)cbit_kernel_run(memory->kernel, 400000);
    ck_assert(fetched && !written);
    (void)cbit_kernel_run(memory->kernel, CBIT_PS_NEVER);
    ck_assert(written);
    send(cbit_cache_port(cache, 0), &read, CBIT_COMMAND_READ, &fetched);
    (void)cbit_kernel_run(memory->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(read.data[0], 0x77);
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("coherent");
    TCase *reads = tcase_create("reads");
    tcase_add_checked_fixture(reads, setup, teardown);
    tcase_add_test(reads, a_dirty_line_is_what_a_device_reads);
    tcase_add_test(reads, a_line_written_back_behind_the_read_is_not_lost);
    tcase_add_test(reads, a_copy_fetched_past_a_write_is_brought_up_to_date);
    suite_add_tcase(suite, reads);
    return suite;
}
