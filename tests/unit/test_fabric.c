#include <stdlib.h>
#include <string.h>

#include "cbit/fabric/fabric.h"
#include "cbit_test.h"
#include "model/fabric/interleave.h"

/* A controller that answers after a fixed time, and can be told to refuse. */
typedef struct memory {
    cbit_kernel_t *kernel;
    cbit_event_t answer;
    cbit_txn_t *held;
    cbit_waitlist_t waiters;
    cbit_ps_t latency_ps;
    bool full;
    uint32_t accepted;
    cbit_key_t last_key;
    cbit_spa_t last_spa, last_channel_address;
} memory_t;

static bool memory_try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    memory_t *memory = self;
    if (memory->full || memory->held != NULL) {
        cbit_waitlist_add(&memory->waiters, waiter);
        return false;
    }
    memory->accepted++;
    memory->last_key = txn->key;
    memory->last_spa = txn->spa;
    memory->last_channel_address = txn->channel_address;
    memory->held = txn;
    cbit_event_notify_at(memory->kernel, &memory->answer,
                         cbit_kernel_now_ps(memory->kernel) + memory->latency_ps);
    return true;
}

static void memory_answer(void *self)
{
    memory_t *memory = self;
    cbit_txn_t *txn = memory->held;
    memory->held = NULL;
    cbit_txn_charge(txn, CBIT_STAGE_DRAM, memory->latency_ps);
    cbit_txn_reply(txn);
    cbit_waitlist_wake_one(&memory->waiters);
}

static cbit_err_t memory_peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes,
                              uint32_t len_bytes)
{
    (void)self;
    (void)key;
    for (uint32_t i = 0; i < len_bytes; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)((spa + i) >> 6);
    }
    return CBIT_ERR_OK;
}

typedef struct rig {
    cbit_kernel_t *kernel;
    cbit_fabric_t *fabric;
    memory_t memories[8];
    cbit_port_t port;
    uint32_t replies;
} rig_t;

static void make_rig(rig_t *rig, uint32_t channels, uint32_t link_entries)
{
    const cbit_fabric_config_t config = {.channels = channels,
                                         .interleave_bytes = 256,
                                         .hash = true,
                                         .sockets = 1,
                                         .nodes_per_socket = 1,
                                         .request_ns = 20000,
                                         .return_ns = 10000,
                                         .link_entries = link_entries};
    memset(rig, 0, sizeof *rig);
    rig->kernel = cbit_kernel_create(CBIT_KERNEL_HEAP);
    ck_assert_int_eq(cbit_fabric_create(&config, rig->kernel, 1u << 20, &rig->fabric, NULL),
                     CBIT_ERR_OK);
    for (uint32_t i = 0; i < channels; i++) {
        memory_t *memory = &rig->memories[i];
        memory->kernel = rig->kernel;
        memory->latency_ps = 5000;
        cbit_event_init(&memory->answer, memory_answer, memory);
        cbit_fabric_bind(
            rig->fabric, i,
            (cbit_port_t){.self = memory, .try_send = memory_try_send, .peek = memory_peek});
    }
    rig->port = cbit_fabric_port(rig->fabric);
}

static void free_rig(rig_t *rig)
{
    cbit_fabric_destroy(rig->fabric);
    cbit_kernel_destroy(rig->kernel);
}

static void count_reply(void *self, cbit_txn_t *txn)
{
    (void)txn;
    ((rig_t *)self)->replies++;
}

static cbit_txn_t *send(rig_t *rig, cbit_txn_t *txn, cbit_spa_t spa)
{
    cbit_txn_init(txn, CBIT_COMMAND_READ, spa, 64, CBIT_KEY_PLAIN, CBIT_SOURCE_HOST,
                  cbit_kernel_now_ps(rig->kernel));
    cbit_txn_push_reply(txn, count_reply, rig);
    return rig->port.try_send(rig->port.self, txn, NULL) ? txn : NULL;
}

START_TEST(a_request_pays_both_ways_and_nothing_else)
{
    rig_t rig;
    cbit_txn_t txn;
    make_rig(&rig, 8, 4);
    ck_assert_ptr_nonnull(send(&rig, &txn, 0x1000));
    cbit_kernel_run(rig.kernel, CBIT_PS_NEVER);
    /* 20 ns there + 5 ns memory + 10 ns back */
    ck_assert_uint_eq(cbit_kernel_now_ps(rig.kernel), 35000);
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_FABRIC], 20000);
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_RETURN], 10000);
    ck_assert_uint_eq(cbit_txn_charged_ps(&txn), 35000);
    free_rig(&rig);
}
END_TEST

START_TEST(waiting_at_a_full_controller_is_charged_to_the_fabric)
{
    rig_t rig;
    cbit_txn_t txns[3];
    make_rig(&rig, 1, 4);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(send(&rig, &txns[i], 0x40u * (uint32_t)i));
    }
    cbit_kernel_run(rig.kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(rig.replies, 3);
    /* The controller takes one every 5 ns: the third waits 2 x 5 ns beyond its 20 ns. */
    ck_assert_uint_eq(txns[2].stage_ps[CBIT_STAGE_FABRIC], 30000);
    ck_assert_uint_eq(cbit_txn_charged_ps(&txns[2]), 30000 + 5000 + 10000);
    ck_assert_uint_eq(cbit_kernel_now_ps(rig.kernel), 45000);
    free_rig(&rig);
}
END_TEST

typedef struct sender {
    rig_t *rig;
    cbit_waiter_t waiter;
    cbit_txn_t txn;
    bool sent;
} sender_t;

static void sender_retry(void *self)
{
    sender_t *sender = self;
    sender->sent =
        sender->rig->port.try_send(sender->rig->port.self, &sender->txn, &sender->waiter);
}

START_TEST(a_full_link_refuses_and_tells_when_there_is_room)
{
    rig_t rig;
    cbit_txn_t txns[2];
    make_rig(&rig, 1, 2);
    ck_assert_ptr_nonnull(send(&rig, &txns[0], 0));
    ck_assert_ptr_nonnull(send(&rig, &txns[1], 0x40));
    sender_t sender = {.rig = &rig};
    sender.waiter = (cbit_waiter_t){.on_space = sender_retry, .self = &sender};
    cbit_txn_init(&sender.txn, CBIT_COMMAND_READ, 0x80, 64, CBIT_KEY_PLAIN, CBIT_SOURCE_HOST, 0);
    cbit_txn_push_reply(&sender.txn, count_reply, &rig);
    sender_retry(&sender);
    ck_assert(!sender.sent);
    cbit_kernel_run(rig.kernel, CBIT_PS_NEVER);
    ck_assert(sender.sent);
    ck_assert_uint_eq(rig.replies, 3);
    cbit_fabric_stats_t stats;
    cbit_fabric_stats(rig.fabric, &stats);
    ck_assert_uint_eq(stats.refused, 1);
    ck_assert_uint_eq(stats.requests, 3);
    ck_assert_uint_eq(stats.replies, 3);
    free_rig(&rig);
}
END_TEST

START_TEST(an_address_beyond_memory_is_a_machine_check_with_zero_data)
{
    rig_t rig;
    cbit_txn_t txn;
    make_rig(&rig, 2, 4);
    memset(&txn, 0xff, sizeof txn);
    ck_assert_ptr_nonnull(send(&rig, &txn, 1u << 20));
    cbit_kernel_run(rig.kernel, CBIT_PS_NEVER);
    static const uint8_t zero[64];
    ck_assert_int_eq(txn.status, CBIT_ERR_ADDRESS);
    ck_assert_mem_eq(txn.data, zero, 64);
    ck_assert_uint_eq(rig.memories[0].accepted + rig.memories[1].accepted, 0);
    cbit_fabric_stats_t stats;
    cbit_fabric_stats(rig.fabric, &stats);
    ck_assert_uint_eq(stats.machine_checks, 1);
    free_rig(&rig);
}
END_TEST

START_TEST(zero_time_access_crosses_channels)
{
    rig_t rig;
    uint8_t bytes[1000];
    make_rig(&rig, 8, 4);
    ck_assert_int_eq(rig.port.peek(rig.port.self, 0x70, CBIT_KEY_PLAIN, bytes, 1000), CBIT_ERR_OK);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(bytes[i], (uint8_t)((0x70 + i) >> 6));
    }
    ck_assert_int_eq(rig.port.peek(rig.port.self, (1u << 20) - 8, CBIT_KEY_PLAIN, bytes, 9),
                     CBIT_ERR_ADDRESS);
    free_rig(&rig);
}
END_TEST

/* Every (channel, channel address) pair is met exactly once over a range that fills whole rows. */
static void assert_bijection(uint32_t channels, uint32_t granule_bytes, bool hash)
{
    enum { GRANULES = 1 << 12 };
    static uint8_t seen[32][GRANULES];
    const cbit_fabric_config_t config = {.channels = channels,
                                         .interleave_bytes = granule_bytes,
                                         .hash = hash,
                                         .sockets = 1,
                                         .nodes_per_socket = 1};
    cbit_interleave_t map;
    cbit_interleave_init(&map, &config, UINT64_C(1) << 30);
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < channels * 64u; i++) {
        cbit_spa_t spa = (cbit_spa_t)i * granule_bytes + 5;
        const cbit_interleaved_t at = cbit_interleave_find(&map, spa);
        ck_assert_uint_lt(at.channel, channels);
        ck_assert_uint_eq(at.address % granule_bytes, 5);
        ck_assert_uint_lt(at.address / granule_bytes, 64);
        ck_assert_uint_eq(seen[at.channel][at.address / granule_bytes]++, 0);
    }
}

START_TEST(interleaving_loses_and_repeats_nothing)
{
    static const uint32_t counts[] = {1, 2, 3, 6, 8, 12, 16, 32};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (uint32_t granule = 64; granule <= 4096; granule *= 4) {
            assert_bijection(counts[i], granule, false);
            assert_bijection(counts[i], granule, true);
        }
    }
}
END_TEST

/* Each place of the upper halves is told from one of the lower halves, of the same channel, by the
   channel's highest address line, and back. */
START_TEST(an_address_line_less_pairs_the_halves_of_each_channel)
{
    static const uint32_t counts[] = {1, 3, 8, 12, 16};
    for (size_t i = 0; i < 2 * sizeof counts / sizeof counts[0]; i++) {
        const uint32_t channels = counts[i / 2];
        const cbit_fabric_config_t config = {.channels = channels,
                                             .interleave_bytes = 256,
                                             .hash = i % 2 == 1,
                                             .sockets = 1,
                                             .nodes_per_socket = 1};
        const uint64_t half = 64 * 256; /* of a channel: 128 granules */
        cbit_interleave_t map;
        cbit_interleave_init(&map, &config, 2 * half * channels);
        for (cbit_spa_t spa = 7; spa < 2 * half * channels; spa += 256) {
            cbit_spa_t other = cbit_interleave_other_half(&map, half, spa);
            const cbit_interleaved_t at = cbit_interleave_find(&map, spa);
            const cbit_interleaved_t there = cbit_interleave_find(&map, other);
            ck_assert_uint_eq(there.channel, at.channel);
            ck_assert_uint_eq(there.address,
                              at.address < half ? at.address + half : at.address - half);
            ck_assert_uint_eq(cbit_interleave_other_half(&map, half, other), spa);
        }
    }
}
END_TEST

/* The lines of a memory of 1 MiB, as they come to its controllers: each has its own ones, and all
   of them. */
START_TEST(a_request_comes_to_its_channel_with_the_address_there)
{
    enum { LINES = (1 << 20) / CBIT_LINE_BYTES, CHANNELS = 8 };
    static uint8_t seen[CHANNELS][LINES / CHANNELS];
    rig_t rig;
    make_rig(&rig, CHANNELS, 4);
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < LINES; i++) {
        cbit_txn_t txn;
        ck_assert_ptr_nonnull(send(&rig, &txn, (cbit_spa_t)i * CBIT_LINE_BYTES));
        ck_assert_uint_eq(cbit_kernel_run(rig.kernel, CBIT_PS_NEVER), 3);
        uint32_t channel = 0;
        while (channel < CHANNELS && rig.memories[channel].last_spa != txn.spa) {
            channel++;
        }
        ck_assert_uint_lt(channel, CHANNELS);
        const uint64_t address = rig.memories[channel].last_channel_address;
        ck_assert_uint_eq(address % CBIT_LINE_BYTES, 0);
        ck_assert_uint_lt(address / CBIT_LINE_BYTES, LINES / CHANNELS);
        ck_assert_uint_eq(seen[channel][address / CBIT_LINE_BYTES]++, 0);
    }
    free_rig(&rig);
}
END_TEST

/* By definition: the low bits of a granule's number, with all pieces above them of as many bits. */
START_TEST(hashing_takes_in_every_address_bit)
{
    for (uint32_t bits = 1; bits <= 5; bits++) {
        for (uint32_t memory_bits = 20; memory_bits <= 63; memory_bits++) {
            const cbit_fabric_config_t config = {.channels = 1u << bits,
                                                 .interleave_bytes = 64,
                                                 .hash = true,
                                                 .sockets = 1,
                                                 .nodes_per_socket = 1};
            cbit_interleave_t map;
            cbit_interleave_init(&map, &config, UINT64_C(1) << memory_bits);
            for (uint32_t bit = 0; bit < memory_bits; bit++) {
                const cbit_spa_t spa = UINT64_C(1) << bit;
                const cbit_interleaved_t at = cbit_interleave_find(&map, spa | 1);
                ck_assert_uint_eq(at.channel, bit < 6 ? 0 : 1u << (bit - 6) % bits);
                ck_assert_uint_eq(at.address, bit < 6 + bits ? (spa & 63) | 1 : (spa >> bits) | 1);
            }
        }
    }
}
END_TEST

START_TEST(hashing_spreads_a_stride_of_the_channel_count)
{
    const cbit_fabric_config_t config = {
        .channels = 8, .interleave_bytes = 256, .hash = true, .sockets = 1, .nodes_per_socket = 1};
    cbit_interleave_t map;
    cbit_interleave_init(&map, &config, UINT64_C(1) << 30);
    uint32_t met = 0;
    for (uint32_t i = 0; i < 8; i++) {
        met |= 1u << cbit_interleave_find(&map, (cbit_spa_t)i * 8 * 256).channel;
    }
    ck_assert_uint_eq(met, 0xff);
}
END_TEST

/* ---- nodes and distances ---- */

START_TEST(nodes_split_memory_and_channels_in_order)
{
    static uint8_t seen[8][1 << 12];
    for (uint32_t nodes = 1; nodes <= 4; nodes *= 2) {
        const cbit_fabric_config_t config = {.channels = 8,
                                             .interleave_bytes = 256,
                                             .hash = true,
                                             .sockets = 2,
                                             .nodes_per_socket = nodes};
        cbit_interleave_t map;
        cbit_interleave_init(&map, &config, 1u << 20); /* 4096 granules: 512 a channel */
        memset(seen, 0, sizeof seen);
        for (uint32_t i = 0; i < 4096; i++) {
            const cbit_spa_t spa = (cbit_spa_t)i * 256;
            const cbit_interleaved_t at = cbit_interleave_find(&map, spa);
            ck_assert_uint_eq(at.channel / (8 / (2 * nodes)), i / (4096 / (2 * nodes)));
            ck_assert_uint_lt(at.address / 256, 512);
            ck_assert_uint_eq(seen[at.channel][at.address / 256]++, 0);
        }
    }
}
END_TEST

static uint64_t latency_ns(uint32_t entry, uint32_t channel)
{
    rig_t *rig = calloc(1, sizeof *rig);
    const cbit_fabric_config_t config = {.channels = 16,
                                         .interleave_bytes = 256,
                                         .sockets = 2,
                                         .nodes_per_socket = 4,
                                         .request_ns = 20000,
                                         .return_ns = 10000,
                                         .hop_ns = 4500,
                                         .socket_ns = 46000,
                                         .link_entries = 4};
    rig->kernel = cbit_kernel_create(CBIT_KERNEL_HEAP);
    ck_assert_int_eq(cbit_fabric_create(&config, rig->kernel, 1u << 20, &rig->fabric, NULL),
                     CBIT_ERR_OK);
    memory_t *memory = &rig->memories[0];
    memory->kernel = rig->kernel;
    memory->latency_ps = 5000;
    cbit_event_init(&memory->answer, memory_answer, memory);
    cbit_fabric_bind(rig->fabric, channel,
                     (cbit_port_t){.self = memory, .try_send = memory_try_send});
    cbit_txn_t txn;
    /* Two channels a node of 128 KiB. */
    cbit_txn_init(&txn, CBIT_COMMAND_READ, channel / 2 * 0x20000u + channel % 2 * 256u, 64,
                  CBIT_KEY_PLAIN, CBIT_SOURCE_VCPU, 0);
    ck_assert_uint_eq(cbit_fabric_channel_of(rig->fabric, txn.spa), channel);
    cbit_txn_push_reply(&txn, count_reply, rig);
    const cbit_port_t port = cbit_fabric_port_at(rig->fabric, entry);
    ck_assert(port.try_send(port.self, &txn, NULL));
    cbit_kernel_run(rig->kernel, CBIT_PS_NEVER);
    ck_assert_uint_eq(rig->replies, 1);
    ck_assert_uint_eq(cbit_txn_charged_ps(&txn), cbit_kernel_now_ps(rig->kernel));
    const uint64_t total_ns = cbit_kernel_now_ps(rig->kernel) / 1000;
    free_rig(rig);
    free(rig);
    return total_ns;
}

START_TEST(a_request_pays_each_step_both_ways)
{
    ck_assert_uint_eq(latency_ns(0, 0), 35);            /* 20 + 5 + 10 */
    ck_assert_uint_eq(latency_ns(0, 1), 35);            /* the same quadrant */
    ck_assert_uint_eq(latency_ns(0, 2), 35 + 9);        /* a step */
    ck_assert_uint_eq(latency_ns(0, 4), 35 + 9);        /* a step the other way */
    ck_assert_uint_eq(latency_ns(0, 6), 35 + 18);       /* across */
    ck_assert_uint_eq(latency_ns(3, 6), 35);            /* from there it is near */
    ck_assert_uint_eq(latency_ns(0, 8), 35 + 92);       /* the other socket */
    ck_assert_uint_eq(latency_ns(0, 14), 35 + 92 + 18); /* and its far corner */
    ck_assert_uint_eq(latency_ns(7, 14), 35);
}
END_TEST

START_TEST(channels_that_do_not_divide_into_nodes_are_refused)
{
    static const struct {
        uint32_t channels, sockets, nodes;
        uint64_t memory_bytes;
    } bad[] = {
        {6, 1, 4, 1 << 20}, {1, 2, 1, 1 << 20},          {6, 1, 3, 3 << 20},
        {8, 1, 0, 1 << 20}, {8, 1, 4, (1 << 20) + 4096},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const cbit_fabric_config_t config = {.channels = bad[i].channels,
                                             .interleave_bytes = 256,
                                             .sockets = bad[i].sockets,
                                             .nodes_per_socket = bad[i].nodes,
                                             .link_entries = 4};
        cbit_fabric_t *none = NULL;
        ck_assert_int_eq(cbit_fabric_create(&config, NULL, bad[i].memory_bytes, &none, NULL),
                         CBIT_ERR_CONFLICT);
        ck_assert_ptr_null(none);
    }
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("fabric");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_request_pays_both_ways_and_nothing_else);
    tcase_add_test(tcase, waiting_at_a_full_controller_is_charged_to_the_fabric);
    tcase_add_test(tcase, a_full_link_refuses_and_tells_when_there_is_room);
    tcase_add_test(tcase, an_address_beyond_memory_is_a_machine_check_with_zero_data);
    tcase_add_test(tcase, zero_time_access_crosses_channels);
    tcase_add_test(tcase, interleaving_loses_and_repeats_nothing);
    tcase_add_test(tcase, an_address_line_less_pairs_the_halves_of_each_channel);
    tcase_add_test(tcase, nodes_split_memory_and_channels_in_order);
    tcase_add_test(tcase, a_request_pays_each_step_both_ways);
    tcase_add_test(tcase, channels_that_do_not_divide_into_nodes_are_refused);
    tcase_add_test(tcase, a_request_comes_to_its_channel_with_the_address_there);
    tcase_add_test(tcase, hashing_takes_in_every_address_bit);
    tcase_add_test(tcase, hashing_spreads_a_stride_of_the_channel_count);
    suite_add_tcase(suite, tcase);
    return suite;
}
