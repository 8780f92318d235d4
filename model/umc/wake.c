/*
 * The one event of a controller: the core's commands become bus beats, engine lines, replies.
 *
 * Order within a DRAM clock: commands, then what the engine has let out, then acceptances.
 */
#include "model/umc/bound.h"
#include "model/umc/umc_private.h"

static void tell_waiters(cbit_umc_t *umc, uint64_t nck)
{
    umc_limit_tell(umc, nck);
    while (umc->write_waiters.head != NULL &&
           umc_core_room(umc->core, true, umc_wanted_entries(umc, true)) &&
           cbit_waitlist_wake_one(&umc->write_waiters)) {
    }
    while (umc->read_waiters.head != NULL &&
           umc_core_room(umc->core, false, umc_wanted_entries(umc, false)) &&
           cbit_waitlist_wake_one(&umc->read_waiters)) {
    }
}

/*
 * It shows when a command issues: to who waits for room, for a key, for a flush, or at the pins.
 * Otherwise commands show only through the answers that they lead to, and are done when somebody
 * looks or when the first of those answers could be due.
 */
void umc_set_step(cbit_umc_t *umc)
{
    umc->in_step = umc->always_in_step || umc->flushes_busy != 0 || umc->key_write.busy ||
                   umc->analyser != NULL || umc->read_waiters.head != NULL ||
                   umc->write_waiters.head != NULL;
    umc->unheard_ps = 0; /* the next wake works it out */
}

void umc_catch_up(cbit_umc_t *umc)
{
    const uint64_t nck = umc_nck_by(umc, cbit_kernel_now_ps(umc->way.kernel));
    if (!umc->in_wake) {
        umc_advance(umc, nck);
    }
    umc_leave_buffer(umc, nck);
    umc_count_written(umc, nck);
}

/* ---- answers ---- */

static cbit_ps_t heard_ps(const cbit_txn_t *txn)
{
    return txn->entered_ps + txn->back_ps;
}

/* Of an answer that is heard before some that are there already. */
static __attribute__((noinline)) void insert_answer(cbit_umc_t *umc, cbit_txn_t *txn)
{
    cbit_txn_t **link = &umc->answers_first;
    while (heard_ps(*link) <= heard_ps(txn)) {
        link = &(*link)->next;
    }
    txn->next = *link;
    *link = txn;
    umc->answers_end = txn->next == &umc->no_answer ? &txn->next : umc->answers_end;
}

void umc_answer(cbit_umc_t *umc, cbit_txn_t *txn, cbit_ps_t at_ps)
{
    txn->entered_ps = at_ps;
    const cbit_ps_t own_ps = heard_ps(txn);
    umc->heard_ps = umc_min_u64(umc->heard_ps, own_ps);
    if (own_ps < umc->last_heard_ps) {
        insert_answer(umc, txn);
        return;
    }
    txn->next = &umc->no_answer;
    *umc->answers_end = txn;
    umc->answers_end = &txn->next;
    umc->last_heard_ps = own_ps;
}

/* They are no answers yet: their beats had still to come to the engine. */
void umc_answers_lose_key(cbit_umc_t *umc, uint16_t slot, uint64_t switch_eclk)
{
    const umc_way_t *way = &umc->way;
    const uint64_t out_eclk =
        switch_eclk + (CBIT_LINE_BEATS - 1) * (uint64_t)way->beat_eclk + way->depth_eclk;
    const cbit_ps_t out_ps = umc_edge_ps(umc, umc_nck_of(umc, out_eclk));
    for (cbit_txn_t *txn = umc->answers_first; txn != &umc->no_answer; txn = txn->next) {
        if (txn->command == CBIT_COMMAND_READ && txn->entered_ps > out_ps &&
            txn->status == CBIT_ERR_OK && umc_is_under(umc, txn->key, slot)) {
            txn->status = CBIT_ERR_KEY_NOT_LOADED;
            umc->stats.not_loaded++;
        }
    }
}

/* Those that are heard now. They lead to new requests. */
static inline void tell_answers(cbit_umc_t *umc, cbit_ps_t now_ps)
{
    while (umc->heard_ps <= now_ps) {
        cbit_txn_t *txn = umc->answers_first, *next = txn->next, **end = umc->answers_end;
        umc->answers_first = next;
        umc->answers_end = next == &umc->no_answer ? &umc->answers_first : end;
        umc->heard_ps = heard_ps(next);
        cbit_txn_return(txn, now_ps);
    }
}

/* ---- requests at the door ---- */

/* No answer to any request at the door is there before. */
static inline uint64_t door_nck(const cbit_umc_t *umc)
{
    const umc_waiting_t *waiting = umc->door.waiting + umc->door.first;
    uint64_t next = UMC_NEVER;
    for (uint32_t i = 0; i < UMC_DOOR_LOOK; i++) {
        next = umc_min_u64(next, waiting[i].shows_nck);
    }
    for (uint32_t i = UMC_DOOR_LOOK; i < umc->door.count; i++) {
        next = umc_min_u64(next, waiting[i].shows_nck);
    }
    return next;
}

/* The next clock at which anything happens for who must see all of it; UMC_NEVER: nothing will. */
static uint64_t next_step_nck(cbit_umc_t *umc)
{
    const uint64_t command_nck = umc_core_next_nck(umc->core);
    const uint64_t lands_nck = umc_min_u64(umc_through_nck(umc), umc->door.entering_nck);
    const bool key_is_due = umc->key_write.busy && umc->key_write.issued;
    const uint64_t next_nck = umc_min_u64(command_nck, lands_nck);
    return key_is_due ? umc_min_u64(next_nck, umc->key_write.done_nck) : next_nck;
}

void umc_fall_in_step(cbit_umc_t *umc)
{
    const uint64_t next = next_step_nck(umc);
    umc->in_step = true;
    if (next != UMC_NEVER) {
        umc_wake_at(umc, umc_max_u64(next, umc_now_nck(umc)));
    }
}

/* No answer to any request here is there before. */
static inline uint64_t first_answer_nck(cbit_umc_t *umc)
{
    const uint64_t next = umc_min_u64(umc->landing_nck, door_nck(umc));
    const uint64_t column_nck = umc_next_column(umc->core);
    const uint64_t answer_nck = umc_answer_nck(umc, column_nck, umc->plain_users > 0);
    return umc_min_u64(next, column_nck == UMC_NEVER ? UMC_NEVER : answer_nck);
}

/* When anything shows next, as far as can be told now: not later than it does. */
static inline cbit_ps_t next_answer_ps(cbit_umc_t *umc)
{
    const uint64_t nck = first_answer_nck(umc);
    const cbit_ps_t edge_ps = umc_edge_ps(umc, nck) + umc->least_back_ps;
    umc->unheard_ps = nck == UMC_NEVER ? CBIT_PS_NEVER : edge_ps;
    return umc_min_u64(umc->heard_ps, umc->unheard_ps);
}

/* The same for who must see all of it. */
static __attribute__((noinline)) cbit_ps_t next_step_ps(cbit_umc_t *umc)
{
    const uint64_t nck = umc_min_u64(next_step_nck(umc), umc->limit.due_nck);
    return nck == UMC_NEVER ? umc->heard_ps : umc_min_u64(umc->heard_ps, umc_edge_ps(umc, nck));
}

/* Key writes, flushes, and those who wait for room. */
static __attribute__((noinline)) void serve_others(cbit_umc_t *umc, uint64_t nck)
{
    umc_count_written(umc, nck);
    umc_serve_key_write(umc, nck);
    umc_serve_flushes(umc, nck);
    tell_waiters(umc, nck);
    umc_core_drain(umc->core, umc_draining(umc));
    umc_set_step(umc);
}

/* Answers that are there are heard, and nothing else can show yet, so that commands wait until more
   of them are due. False: that is not all. */
static inline bool tell_only(cbit_umc_t *umc, cbit_ps_t now_ps)
{
    if (umc->in_step || umc->unheard_ps <= now_ps) {
        return false;
    }
    tell_answers(umc, now_ps);
    const cbit_ps_t next_ps = umc_min_u64(umc->heard_ps, umc->unheard_ps);
    if (umc->in_step || next_ps == CBIT_PS_NEVER) { /* an answer may lead to the one */
        return false;
    }
    umc_wake_at_ps(umc, next_ps);
    return true;
}

void umc_on_wake(void *self)
{
    cbit_umc_t *umc = self;
    const cbit_ps_t now_ps = cbit_kernel_now_ps(umc->way.kernel);
    if (tell_only(umc, now_ps)) {
        return;
    }
    const uint64_t nck = umc_nck_by(umc, now_ps);
    const bool others = umc->in_step;
    umc->in_wake = true;
    umc->rewake_ps = cbit_event_pending(&umc->wake) ? umc->wake.at_ps : CBIT_PS_NEVER;
    if (others) {
        umc_core_drain(umc->core, umc_draining(umc));
    }
    umc_advance(umc, nck);
    tell_answers(umc, now_ps);
    if (others || umc->in_step) { /* an answer may lead to one */
        serve_others(umc, nck);
    }
    umc->in_wake = false;
    cbit_ps_t next_ps =
        umc_min_u64(umc->in_step ? next_step_ps(umc) : next_answer_ps(umc), umc->rewake_ps);
    if (next_ps == CBIT_PS_NEVER) { /* nobody waits, but no line is forgotten */
        umc_count_written(umc, nck);
        next_ps =
            umc->written.count == 0 ? CBIT_PS_NEVER : umc_edge_ps(umc, umc_last_written_nck(umc));
    }
    if (next_ps != CBIT_PS_NEVER) { /* and nobody has woken it meanwhile */
        cbit_event_notify_at(umc->way.kernel, &umc->wake, next_ps < now_ps ? now_ps : next_ps);
    }
}
