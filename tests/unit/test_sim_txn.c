/* The payload's way there and back, its account of time, and those who wait for room. */
#include <signal.h>
#include <string.h>

#include "cbit/sim/port.h"
#include "cbit/sim/txn.h"
#include "cbit_test.h"

typedef struct hop {
    char name;
    char *log;
} hop_t;

static void note(void *self, cbit_txn_t *txn)
{
    hop_t *hop = self;
    strncat(hop->log, &hop->name, 1);
    if (txn->hops > 0) {
        cbit_txn_reply(txn);
    }
}

START_TEST(an_answer_goes_back_the_way_it_came)
{
    char log[8] = "";
    hop_t hops[3] = {{'a', log}, {'b', log}, {'c', log}};
    cbit_txn_t txn;
    cbit_txn_init(&txn, CBIT_COMMAND_READ, 0x1000, 64, CBIT_KEY_PLAIN, CBIT_SOURCE_VCPU, 100);
    for (int i = 0; i < 3; i++) {
        cbit_txn_push_reply(&txn, note, &hops[i]);
    }
    cbit_txn_reply(&txn);
    ck_assert_str_eq(log, "cba");
    ck_assert_uint_eq(txn.hops, 0);
}
END_TEST

START_TEST(a_reply_to_nobody_is_our_bug)
{
    cbit_txn_t txn;
    cbit_txn_init(&txn, CBIT_COMMAND_READ, 0, 64, CBIT_KEY_PLAIN, CBIT_SOURCE_VCPU, 0);
    cbit_txn_reply(&txn);
}
END_TEST

START_TEST(a_way_that_is_too_deep_is_our_bug)
{
    cbit_txn_t txn;
    cbit_txn_init(&txn, CBIT_COMMAND_READ, 0, 64, CBIT_KEY_PLAIN, CBIT_SOURCE_VCPU, 0);
    for (int i = 0; i <= CBIT_TXN_MAX_HOPS; i++) {
        cbit_txn_push_reply(&txn, note, NULL);
    }
}
END_TEST

START_TEST(a_fresh_request_owes_nothing_and_keeps_its_data)
{
    cbit_txn_t txn;
    memset(&txn, 0xa5, sizeof txn);
    cbit_txn_init(&txn, CBIT_COMMAND_WRITE, 0xfffffffffc0, 16, 7, CBIT_SOURCE_DMA, 12345);
    ck_assert_uint_eq(cbit_txn_charged_ps(&txn), 0);
    ck_assert_uint_eq(txn.spa, 0xfffffffffc0);
    ck_assert_uint_eq(txn.key, 7);
    ck_assert_uint_eq(txn.command, CBIT_COMMAND_WRITE);
    ck_assert_uint_eq(txn.source, CBIT_SOURCE_DMA);
    ck_assert_uint_eq(txn.size_bytes, 16);
    ck_assert_uint_eq(txn.born_ps, 12345);
    ck_assert_uint_eq(txn.entered_ps, 12345);
    ck_assert_uint_eq(txn.hops, 0);
    ck_assert_int_eq(txn.status, CBIT_ERR_OK);
    ck_assert_uint_eq(txn.data[0], 0xa5);
    ck_assert_uint_eq(txn.data[63], 0xa5);
}
END_TEST

/* Each stage gets its own power of two, so that a stage left out of the sum shows:
 * 1 + 2 + 4 + 8 + 16 + 32 + 64 = 127; core is charged once more: 128. */
START_TEST(charges_of_all_stages_add_up)
{
    cbit_txn_t txn;
    cbit_txn_init(&txn, CBIT_COMMAND_READ, 0, 64, CBIT_KEY_PLAIN, CBIT_SOURCE_VCPU, 0);
    for (int stage = 0; stage < CBIT_STAGE_COUNT; stage++) {
        cbit_txn_charge(&txn, (cbit_stage_t)stage, UINT64_C(1) << stage);
    }
    ck_assert_uint_eq(cbit_txn_charged_ps(&txn), 127);
    cbit_txn_charge(&txn, CBIT_STAGE_CORE, 1);
    ck_assert_uint_eq(cbit_txn_charged_ps(&txn), 128);
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_CORE], 2);
    ck_assert_uint_eq(txn.stage_ps[CBIT_STAGE_AES], 32);
}
END_TEST

/* --- waiting for room ------------------------------------------------------------------------- */

typedef struct queue {
    cbit_waitlist_t list;
    char log[16];
} queue_t;

typedef struct sender {
    cbit_waiter_t waiter;
    queue_t *queue;
    char name;
    int again; /* registers again this often when it is told */
} sender_t;

static void on_space(void *self)
{
    sender_t *sender = self;
    ck_assert(!sender->waiter.queued); /* off the list first: it may register again */
    strncat(sender->queue->log, &sender->name, 1);
    if (sender->again-- > 0) {
        cbit_waitlist_add(&sender->queue->list, &sender->waiter);
    }
}

static sender_t make_sender(queue_t *queue, char name)
{
    return (sender_t){.waiter = {.on_space = on_space}, .queue = queue, .name = name};
}

static void wake_all(queue_t *queue)
{
    for (int i = 0; i < 10 && cbit_waitlist_wake_one(&queue->list); i++) {
    }
}

START_TEST(waiters_are_told_in_turn_and_once)
{
    queue_t queue = {.log = ""};
    sender_t a = make_sender(&queue, 'a'), b = make_sender(&queue, 'b');
    a.waiter.self = &a;
    b.waiter.self = &b;
    cbit_waitlist_add(&queue.list, &a.waiter);
    cbit_waitlist_add(&queue.list, &b.waiter);
    cbit_waitlist_add(&queue.list, &a.waiter); /* stays where it is */
    wake_all(&queue);
    ck_assert_str_eq(queue.log, "ab");
    ck_assert(!cbit_waitlist_wake_one(&queue.list));
}
END_TEST

START_TEST(a_waiter_that_registers_again_goes_to_the_end)
{
    queue_t queue = {.log = ""};
    sender_t a = make_sender(&queue, 'a'), b = make_sender(&queue, 'b');
    a.waiter.self = &a;
    a.waiter.on_space = on_space;
    a.again = 1;
    b.waiter.self = &b;
    cbit_waitlist_add(&queue.list, &a.waiter);
    cbit_waitlist_add(&queue.list, &b.waiter);
    wake_all(&queue);
    ck_assert_str_eq(queue.log, "aba");
    cbit_waitlist_add(&queue.list, &b.waiter); /* a list that ran empty works again */
    wake_all(&queue);
    ck_assert_str_eq(queue.log, "abab");
}
END_TEST

Suite *cbit_test_suite(void)
{
    Suite *suite = suite_create("sim_txn");
    TCase *txn = tcase_create("txn");
    tcase_add_test(txn, an_answer_goes_back_the_way_it_came);
    tcase_add_test_raise_signal(txn, a_reply_to_nobody_is_our_bug, SIGILL);
    tcase_add_test_raise_signal(txn, a_way_that_is_too_deep_is_our_bug, SIGILL);
    tcase_add_test(txn, a_fresh_request_owes_nothing_and_keeps_its_data);
    tcase_add_test(txn, charges_of_all_stages_add_up);
    suite_add_tcase(suite, txn);
    TCase *waiting = tcase_create("waiting");
    tcase_add_test(waiting, waiters_are_told_in_turn_and_once);
    tcase_add_test(waiting, a_waiter_that_registers_again_goes_to_the_end);
    suite_add_tcase(suite, waiting);
    return suite;
}
