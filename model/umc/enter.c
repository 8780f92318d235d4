/* Requests enter the queues: forwarded, coalesced, refused, or entered with their fills. */
#include <string.h>

#include "model/umc/enter.h"
#include "model/umc/few_run.h"

/* ---- the chain of writes that are not in the store yet ---- */

void umc_chain_write(cbit_umc_t *umc, uint32_t index)
{
    umc_user_t *user = &umc->users[index];
    user->older = umc->newest_write;
    user->newer = UMC_NONE;
    *(user->older == UMC_NONE ? &umc->oldest_write : &umc->users[user->older].newer) = index;
    umc->newest_write = index;
}

void umc_unchain_write(cbit_umc_t *umc, uint32_t index)
{
    umc_user_t *user = &umc->users[index];
    --*umc_of_line(umc, user->line_spa);
    *(user->older == UMC_NONE ? &umc->oldest_write : &umc->users[user->older].newer) = user->newer;
    *(user->newer == UMC_NONE ? &umc->newest_write : &umc->users[user->newer].older) = user->older;
    for (uint32_t i = 0; user->flushes != 0 && i < UMC_MAX_FLUSHES; i++) {
        umc->flush[i].left -= user->flushes >> i & 1;
    }
}

uint32_t umc_newest_of_line(const cbit_umc_t *umc, cbit_spa_t line_spa)
{
    uint32_t i = umc->newest_write;
    while (i != UMC_NONE && umc->users[i].line_spa != line_spa) {
        i = umc->users[i].older;
    }
    return i;
}

bool umc_read_queued_for_line(const cbit_umc_t *umc, cbit_spa_t line_spa)
{
    for (uint32_t i = 0; i < umc->user_count; i++) {
        const umc_user_t *user = &umc->users[i];
        if (user->state == UMC_QUEUED && user->kind == UMC_KIND_READ &&
            user->line_spa == line_spa) {
            return true;
        }
    }
    return false;
}

/* ---- acceptance ---- */

/* An answer without DRAM: everything since the request came was waiting in the controller. */
static void answer(cbit_umc_t *umc, cbit_txn_t *txn, cbit_err_t status, uint64_t at_nck)
{
    txn->status = status;
    const cbit_ps_t at_ps = umc_edge_ps(umc, at_nck);
    cbit_txn_charge(txn, CBIT_STAGE_QUEUE, at_ps - txn->entered_ps);
    umc_answer(umc, txn, at_ps);
}

static uint64_t mask_of(const cbit_txn_t *txn)
{
    uint64_t ones = txn->size_bytes == CBIT_LINE_BYTES ? UINT64_MAX : (1ull << txn->size_bytes) - 1;
    return ones << txn->spa % CBIT_LINE_BYTES;
}

static __attribute__((noinline)) void enter_core(cbit_umc_t *umc, bool write, uint32_t index,
                                                 bool held, uint64_t nck)
{
    umc_enter_core(umc, umc_few_runs(umc), write, index, held, nck);
}

/* One that met another of its line. */
static void enter_read(cbit_umc_t *umc, uint32_t index, uint64_t nck)
{
    umc_user_t *user = &umc->users[index];
    const uint32_t write = umc_newest_of_line(umc, user->line_spa);
    --*umc_of_line(umc, user->line_spa);
    umc->stats.reads++;
    if (write != UMC_NONE && umc->users[write].key == user->key && !umc->users[write].offered &&
        (mask_of(user->txn) & ~umc->users[write].mask) == 0) {
        umc->stats.forwarded++;
        memcpy(user->data, umc->users[write].data, sizeof user->data);
        user->first_nck = user->bus_nck = nck + 1;
        if (umc->way.explains) {
            umc_account_read(umc, index, nck, true);
        }
        umc_limit_left(umc, user->requester);
        user->offered = false;
        umc_into_flight(umc, index, UMC_REPLY, nck + 1);
        return;
    }
    user->state = UMC_QUEUED;
    enter_core(umc, false, index, false, nck);
}

static void enter_fill(cbit_umc_t *umc, uint32_t write, uint64_t nck)
{
    const umc_user_t *user = &umc->users[write];
    uint32_t index = umc_user_take(umc, user->key);
    umc_user_t *fill = &umc->users[index];
    umc_user_fill(fill, UMC_KIND_FILL, NULL, user->key, user->slot);
    fill->state = UMC_QUEUED;
    fill->line_spa = user->line_spa;
    fill->partner = write;
    fill->requester = user->requester;
    fill->order = user->order;
    umc->stats.partial_writes++;
    fill->place = user->place;
    enter_core(umc, false, index, false, nck);
}

static void take_bytes(cbit_umc_t *umc, umc_user_t *user, const cbit_txn_t *txn)
{
    if (!umc->way.timing_only) {
        memcpy(user->data + txn->spa % CBIT_LINE_BYTES, txn->data, txn->size_bytes);
    } else if (!txn->no_bytes) {
        (void)cbit_store_write(umc->parts.store, txn->spa, txn->data, txn->size_bytes);
    }
}

static void enter_write(cbit_umc_t *umc, uint32_t index, uint64_t nck)
{
    umc_user_t *user = &umc->users[index];
    cbit_txn_t *txn = user->txn;
    const uint32_t same = *umc_of_line(umc, user->line_spa) == 1 /* itself */
                              ? UMC_NONE
                              : umc_newest_of_line(umc, user->line_spa);
    umc->stats.writes++;
    user->mask = mask_of(txn);
    take_bytes(umc, user, txn);
    if (umc_engine_on(umc) && user->key != CBIT_KEY_PLAIN && !umc->loaded[user->slot]) {
        umc->stats.not_loaded++;
        --*umc_of_line(umc, user->line_spa);
        umc_limit_left(umc, user->requester);
        umc_user_free(umc, index);
        answer(umc, txn, CBIT_ERR_KEY_NOT_LOADED, nck);
        return;
    }
    if (same != UMC_NONE && umc->users[same].key == user->key && !umc->users[same].offered &&
        !umc_read_queued_for_line(umc, user->line_spa)) {
        umc->stats.coalesced++;
        --*umc_of_line(umc, user->line_spa);
        umc_user_t *older = &umc->users[same];
        take_bytes(umc, older, txn);
        older->mask |= user->mask;
        umc_limit_left(umc, user->requester);
        umc_user_free(umc, index);
        answer(umc, txn, CBIT_ERR_OK, nck);
        return;
    }
    bool partial = user->mask != UINT64_MAX;
    user->state = UMC_QUEUED;
    user->taken = false;
    user->txn = NULL;
    umc_chain_write(umc, index);
    if (partial) {
        enter_fill(umc, index, nck);
    }
    enter_core(umc, true, index, partial, nck);
    answer(umc, txn, CBIT_ERR_OK, nck);
}

uint32_t umc_wanted_entries(const cbit_umc_t *umc, bool write)
{
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < umc->door.count; i++) {
        const umc_user_t *user = umc_at_door(umc, i);
        const bool writes = user->kind == UMC_KIND_WRITE;
        wanted += write ? writes : !writes || user->txn->size_bytes < CBIT_LINE_BYTES;
    }
    return wanted;
}

__attribute__((noinline)) void umc_enter_other(cbit_umc_t *umc, uint32_t index, uint64_t nck)
{
    const umc_user_t *user = &umc->users[index];
    if (!user->placed) {
        cbit_txn_t *txn = user->txn;
        --*umc_of_line(umc, user->line_spa);
        memset(txn->data, 0, txn->size_bytes);
        umc_limit_left(umc, user->requester);
        umc_user_free(umc, index);
        answer(umc, txn, CBIT_ERR_ADDRESS, nck);
    } else if (user->kind == UMC_KIND_WRITE) {
        enter_write(umc, index, nck);
    } else {
        enter_read(umc, index, nck);
    }
}

/* Commands and landings up to clock nck. */
static void run_core(cbit_umc_t *umc, uint64_t nck)
{
    for (;;) {
        umc_step_core(umc, nck);
        const uint64_t land_nck = umc->landing_nck;
        if (land_nck > nck) {
            return;
        }
        umc_land_due(umc, land_nck);
    }
}

/* As umc_advance, while it must be told of single events or requests are in the queues; false: they
   are not any more, and there may be something left. */
static __attribute__((noinline)) bool advance_by_events(cbit_umc_t *umc, uint64_t nck)
{
    while (umc->door.entering_nck <= nck) {
        run_core(umc, umc->door.entering_nck);
        umc_enter(umc, false);
        if (umc_few_runs(umc)) {
            return false;
        }
    }
    run_core(umc, nck);
    return true;
}

void umc_advance(cbit_umc_t *umc, uint64_t nck)
{
    while (!(umc_few_runs(umc) ? umc_few_run(umc, nck) : advance_by_events(umc, nck))) {
    }
    if (umc->credits < umc->way.credits_kept) {
        umc_leave_buffer(umc, nck);
    }
}
