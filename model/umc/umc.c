/*
 * The controller in simulated time: the core's commands become bus beats, engine lines, replies.
 *
 * Order within a DRAM clock: commands, then what the engine has let out, then acceptances.
 */
#include "cbit/umc/umc.h"

#include <stdlib.h>
#include <string.h>

#include "model/umc/umc_private.h"

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t now_nck(const cbit_umc_t *umc)
{
    return cbit_clock_edge_at_or_after(&umc->device.clock, cbit_kernel_now_ps(umc->parts.kernel));
}

static cbit_ps_t edge_ps(const cbit_umc_t *umc, uint64_t nck)
{
    return cbit_clock_edge_ps(&umc->device.clock, nck);
}

/* The first engine edge at or after a DRAM edge. */
static uint64_t eclk_from(const cbit_umc_t *umc, uint64_t nck)
{
    uint32_t divider = umc->config.engine_clock_divider;
    return (nck + divider - 1) / divider;
}

static uint64_t nck_of(const cbit_umc_t *umc, uint64_t eclk)
{
    return eclk * umc->config.engine_clock_divider;
}

void umc_wake_at(cbit_umc_t *umc, uint64_t nck)
{
    if (umc->in_wake) {
        umc->rewake_nck = nck < umc->rewake_nck ? nck : umc->rewake_nck;
        return; /* the handler arms the event when it is through */
    }
    cbit_ps_t at_ps = edge_ps(umc, nck);
    if (!cbit_event_pending(&umc->wake) || at_ps < umc->wake.at_ps) {
        cbit_event_notify_at(umc->parts.kernel, &umc->wake, at_ps);
    }
}

uint32_t umc_user_take(cbit_umc_t *umc)
{
    return umc->free_users[--umc->free_count];
}

void umc_user_free(cbit_umc_t *umc, uint32_t user)
{
    umc->users[user].state = UMC_FREE;
    umc->free_users[umc->free_count++] = user;
}

static void into_flight(cbit_umc_t *umc, uint32_t index, umc_state_t state, uint64_t due_nck)
{
    umc->users[index].state = state;
    umc->users[index].due_nck = due_nck;
    umc->flight[umc->flight_count++] = index;
}

/* ---- the chain of writes that are not in the store yet ---- */

static void chain_write(cbit_umc_t *umc, uint32_t index)
{
    umc_user_t *user = &umc->users[index];
    user->older = umc->newest_write;
    user->newer = UMC_NONE;
    *(user->older == UMC_NONE ? &umc->oldest_write : &umc->users[user->older].newer) = index;
    umc->newest_write = index;
}

static void unchain_write(cbit_umc_t *umc, uint32_t index)
{
    umc_user_t *user = &umc->users[index];
    *(user->older == UMC_NONE ? &umc->oldest_write : &umc->users[user->older].newer) = user->newer;
    *(user->newer == UMC_NONE ? &umc->newest_write : &umc->users[user->newer].older) = user->older;
    for (uint32_t i = 0; i < UMC_MAX_FLUSHES; i++) {
        umc->flush[i].left -= user->flushes >> i & 1;
    }
}

/* The newest write of a line, which is the one that a later access of the line meets. */
static uint32_t newest_of_line(const cbit_umc_t *umc, cbit_spa_t line_spa)
{
    uint32_t i = umc->newest_write;
    while (i != UMC_NONE && umc->users[i].line_spa != line_spa) {
        i = umc->users[i].older;
    }
    return i;
}

static bool read_queued_for_line(const cbit_umc_t *umc, cbit_spa_t line_spa)
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

/* ---- the engine ---- */

static uint32_t take_tag(uint64_t busy[4])
{
    for (uint32_t word = 0; word < 4; word++) {
        if (busy[word] != UINT64_MAX) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~busy[word]);
            busy[word] |= 1ull << bit;
            return word * 64 + bit;
        }
    }
    __builtin_trap(); /* queues and return buffer together are smaller than the tag space */
}

static void fill_line(umc_user_t *user, cbit_aes_line_t *line)
{
    *line = (cbit_aes_line_t){.spa = user->line_spa,
                              .slot = user->slot,
                              .bypass = user->key == CBIT_KEY_PLAIN,
                              .tag = (uint8_t)user->tag};
}

static void offer(cbit_umc_t *umc, umc_user_t *user, const cbit_aes_line_t *line)
{
    user->offered = true;
    umc->parts.engine.ops->offer(umc->parts.engine.self, user->lane, line);
}

/* A line's last beat enters at eclk: the first DRAM clock at which it can be out entirely. */
static uint64_t first_out_nck(const cbit_umc_t *umc, const umc_user_t *user, uint64_t eclk)
{
    bool around = user->key == CBIT_KEY_PLAIN && !umc->parts.engine_config.bypass_in_order;
    uint32_t depth = around ? 1 : umc->parts.engine.ops->depth_eclk(umc->parts.engine.self);
    return nck_of(umc, eclk + depth);
}

/* Beats of a read enter the decrypt lane as they leave the bus, critical block first. */
static void decrypt_read(cbit_umc_t *umc, uint32_t index, uint64_t rd_nck)
{
    umc_user_t *user = &umc->users[index];
    const cbit_dram_timing_t *t = &umc->device.timing;
    cbit_aes_line_t line;
    user->lane = CBIT_AES_DECRYPT;
    user->tag = take_tag(umc->decrypt_busy);
    fill_line(user, &line);
    if (user->txn != NULL) {
        line.first_block = (uint8_t)(user->txn->spa / CBIT_BLOCK_BYTES % CBIT_LINE_BEATS);
    }
    for (uint32_t i = 0; i < CBIT_LINE_BEATS; i++) {
        line.beat_eclk[i] =
            eclk_from(umc, rd_nck + t->cl_nck + (i + 1) * t->burst_nck / CBIT_LINE_BEATS);
    }
    memcpy(line.data, user->data, sizeof line.data);
    offer(umc, user, &line);
    into_flight(umc, index, UMC_FLIGHT,
                first_out_nck(umc, user, line.beat_eclk[CBIT_LINE_BEATS - 1]));
}

/*
 * Beats of a write enter the encrypt lane from now on, as fast as it takes them. Returns the
 * first clock at which WR may issue so that every ciphertext beat is ready when the bus wants it.
 */
static uint64_t encrypt_write(cbit_umc_t *umc, uint32_t index, uint64_t at_nck)
{
    umc_user_t *user = &umc->users[index];
    const cbit_dram_timing_t *t = &umc->device.timing;
    uint32_t rate = umc->parts.engine_config.blocks_per_clock;
    uint32_t depth = umc->parts.engine.ops->depth_eclk(umc->parts.engine.self);
    uint64_t first_eclk = max_u64(eclk_from(umc, at_nck), umc->encrypt_free_eclk);
    uint64_t wr_nck = at_nck;
    cbit_aes_line_t line;
    user->lane = CBIT_AES_ENCRYPT;
    user->tag = take_tag(umc->encrypt_busy);
    fill_line(user, &line);
    for (uint32_t i = 0; i < CBIT_LINE_BEATS; i++) {
        line.beat_eclk[i] = first_eclk + i / rate;
        uint64_t out_nck = nck_of(umc, line.beat_eclk[i] + depth);
        uint64_t bus_nck = t->cwl_nck + i * t->burst_nck / CBIT_LINE_BEATS;
        wr_nck = out_nck > bus_nck ? max_u64(wr_nck, out_nck - bus_nck) : wr_nck;
    }
    umc->encrypt_free_eclk = first_eclk + CBIT_LINE_BEATS / rate;
    memcpy(line.data, user->data, sizeof line.data);
    offer(umc, user, &line);
    return wr_nck;
}

/* ---- commands ---- */

static void on_read_command(cbit_umc_t *umc, const umc_event_t *event)
{
    umc_user_t *user = &umc->users[event->user];
    user->first_nck = event->first_nck;
    user->bus_nck = event->at_nck + umc->device.timing.cl_nck + umc->device.timing.burst_nck;
    (void)cbit_store_read(umc->parts.store, user->line_spa, user->data, sizeof user->data);
    if (umc_engine_on(umc)) {
        decrypt_read(umc, event->user, event->at_nck);
    } else {
        into_flight(umc, event->user, UMC_FLIGHT, user->bus_nck);
    }
}

static void on_write_command(cbit_umc_t *umc, const umc_event_t *event)
{
    umc_user_t *user = &umc->users[event->user];
    user->bus_nck = event->at_nck + umc->device.timing.cwl_nck + umc->device.timing.burst_nck;
    if (!umc_engine_on(umc)) {
        (void)cbit_store_write(umc->parts.store, user->line_spa, user->data, sizeof user->data);
        user->offered = true;
        user->overtaken = true;
    } else if (!user->offered) {
        (void)encrypt_write(umc, event->user, event->at_nck);
    }
    into_flight(umc, event->user, UMC_FLIGHT, user->bus_nck);
}

/* With a shared pipeline nobody can foresee the output: WR waits until the line is really out. */
static void on_chosen(cbit_umc_t *umc, const umc_event_t *event)
{
    uint64_t wr_nck = encrypt_write(umc, event->user, event->at_nck);
    if (umc->parts.engine_config.shared_lane) {
        umc_user_t *user = &umc->users[event->user];
        uint64_t eclk = umc->encrypt_free_eclk - 1;
        into_flight(umc, event->user, UMC_QUEUED, first_out_nck(umc, user, eclk));
    } else {
        umc_core_ready(umc->core, event->user, wr_nck);
    }
}

static void step_core(cbit_umc_t *umc, uint64_t nck)
{
    umc_event_t event;
    while (umc_core_step(umc->core, nck, &event)) {
        switch (event.kind) {
        case UMC_EVENT_RD:
        case UMC_EVENT_RDA:
            on_read_command(umc, &event);
            break;
        case UMC_EVENT_WR:
        case UMC_EVENT_WRA:
            on_write_command(umc, &event);
            break;
        case UMC_EVENT_CHOSEN:
            on_chosen(umc, &event);
            break;
        default:
            break;
        }
    }
}

/* ---- completions ---- */

static void reply_read(cbit_umc_t *umc, umc_user_t *user, cbit_err_t status, uint64_t out_nck)
{
    cbit_txn_t *txn = user->txn;
    txn->status = status;
    if (status == CBIT_ERR_OK) {
        memcpy(txn->data, user->data + txn->spa % CBIT_LINE_BYTES, txn->size_bytes);
    } else {
        memset(txn->data, 0, txn->size_bytes);
    }
    cbit_ps_t first_ps = edge_ps(umc, user->first_nck);
    cbit_ps_t bus_ps = edge_ps(umc, user->bus_nck);
    cbit_txn_charge(txn, CBIT_STAGE_QUEUE, first_ps - txn->entered_ps);
    cbit_txn_charge(txn, CBIT_STAGE_DRAM, bus_ps - first_ps);
    cbit_txn_charge(txn, CBIT_STAGE_AES, edge_ps(umc, out_nck) - bus_ps);
    cbit_txn_reply(txn);
}

static void end_fill(cbit_umc_t *umc, const umc_user_t *fill, uint64_t nck)
{
    umc_user_t *write = &umc->users[fill->partner];
    for (uint32_t i = 0; i < CBIT_LINE_BYTES; i++) {
        if ((write->mask >> i & 1) == 0) {
            write->data[i] = fill->data[i];
        }
    }
    write->mask = UINT64_MAX;
    umc_core_release(umc->core, fill->partner, nck);
}

static void end_read(cbit_umc_t *umc, uint32_t index, cbit_err_t status, uint64_t nck)
{
    umc_user_t user = umc->users[index];
    umc_user_free(umc, index);
    if (user.kind == UMC_KIND_FILL) {
        end_fill(umc, &user, nck);
    } else {
        umc->stats.not_loaded += status == CBIT_ERR_KEY_NOT_LOADED;
        reply_read(umc, &user, status, nck);
    }
}

static void end_write(cbit_umc_t *umc, uint32_t index)
{
    umc_user_t *user = &umc->users[index];
    if (!user->overtaken) {
        (void)cbit_store_write(umc->parts.store, user->line_spa, user->data, sizeof user->data);
    }
    unchain_write(umc, index);
    umc_user_free(umc, index);
}

/* True if the line is out of the engine (or there is none): its bytes are in user->data. */
static bool take_line(cbit_umc_t *umc, umc_user_t *user, uint64_t nck, cbit_err_t *status)
{
    *status = CBIT_ERR_OK;
    if (!umc_engine_on(umc) || user->taken || user->state == UMC_REPLY) {
        return true;
    }
    const cbit_aes_engine_ops_t *ops = umc->parts.engine.ops;
    cbit_aes_result_t result;
    ops->advance(umc->parts.engine.self, nck / umc->config.engine_clock_divider);
    if (!ops->take(umc->parts.engine.self, user->lane, (uint8_t)user->tag, &result)) {
        return false;
    }
    uint64_t *busy = user->lane == CBIT_AES_ENCRYPT ? umc->encrypt_busy : umc->decrypt_busy;
    busy[user->tag / 64] &= ~(1ull << user->tag % 64);
    memcpy(user->data, result.data, sizeof user->data);
    user->taken = true;
    umc->stats.aes_waited_eclk += result.waited_eclk;
    *status = result.error == CBIT_AES_OK           ? CBIT_ERR_OK
              : result.error == CBIT_AES_NOT_LOADED ? CBIT_ERR_KEY_NOT_LOADED
                                                    : CBIT_ERR_INTERNAL;
    return true;
}

static void land(cbit_umc_t *umc, uint32_t index, uint64_t nck)
{
    umc_user_t *user = &umc->users[index];
    cbit_err_t status;
    if (!take_line(umc, user, nck, &status)) {
        into_flight(umc, index, user->state,
                    nck_of(umc, nck / umc->config.engine_clock_divider + 1));
        return;
    }
    if (user->kind != UMC_KIND_WRITE) {
        if (user->state == UMC_FLIGHT) {
            umc_core_credit(umc->core);
        }
        end_read(umc, index, status, nck);
    } else if (user->state == UMC_QUEUED) { /* its ciphertext waits here for its WR */
        umc_core_ready(umc->core, index, nck + 1);
    } else {
        end_write(umc, index);
    }
}

/* Everything due by now, oldest request first. */
static void land_due(cbit_umc_t *umc, uint64_t nck)
{
    for (;;) {
        uint32_t best = UMC_NONE;
        for (uint32_t i = 0; i < umc->flight_count; i++) {
            const umc_user_t *user = &umc->users[umc->flight[i]];
            if (user->due_nck <= nck &&
                (best == UMC_NONE || user->order < umc->users[umc->flight[best]].order)) {
                best = i;
            }
        }
        if (best == UMC_NONE) {
            return;
        }
        uint32_t index = umc->flight[best];
        umc->flight[best] = umc->flight[--umc->flight_count];
        land(umc, index, nck);
    }
}

/* ---- acceptance ---- */

/* An answer without DRAM: everything since the request came was waiting in the controller. */
static void answer(cbit_umc_t *umc, cbit_txn_t *txn, cbit_err_t status, uint64_t at_nck)
{
    txn->status = status;
    cbit_txn_charge(txn, CBIT_STAGE_QUEUE, edge_ps(umc, at_nck) - txn->entered_ps);
    cbit_txn_reply(txn);
}

static uint64_t mask_of(const cbit_txn_t *txn)
{
    uint64_t ones = txn->size_bytes == CBIT_LINE_BYTES ? UINT64_MAX : (1ull << txn->size_bytes) - 1;
    return ones << txn->spa % CBIT_LINE_BYTES;
}

static void enter_read(cbit_umc_t *umc, uint32_t index, const cbit_dram_place_t *place,
                       uint64_t nck)
{
    umc_user_t *user = &umc->users[index];
    uint32_t write = newest_of_line(umc, user->line_spa);
    umc->stats.reads++;
    if (write != UMC_NONE && umc->users[write].key == user->key && !umc->users[write].offered &&
        (mask_of(user->txn) & ~umc->users[write].mask) == 0) {
        umc->stats.forwarded++;
        memcpy(user->data, umc->users[write].data, sizeof user->data);
        user->first_nck = user->bus_nck = nck + 1;
        user->offered = false;
        into_flight(umc, index, UMC_REPLY, nck + 1);
        return;
    }
    user->state = UMC_QUEUED;
    (void)umc_core_accept(umc->core, false, place, user->channel_line, false, &index, nck);
}

static void enter_fill(cbit_umc_t *umc, uint32_t write, const cbit_dram_place_t *place,
                       uint64_t nck)
{
    uint32_t index = umc_user_take(umc);
    const umc_user_t *user = &umc->users[write];
    umc->users[index] = (umc_user_t){.state = UMC_QUEUED,
                                     .kind = UMC_KIND_FILL,
                                     .line_spa = user->line_spa,
                                     .channel_line = user->channel_line,
                                     .key = user->key,
                                     .slot = user->slot,
                                     .partner = write,
                                     .order = user->order};
    umc->stats.partial_writes++;
    (void)umc_core_accept(umc->core, false, place, user->channel_line, false, &index, nck);
}

static void enter_write(cbit_umc_t *umc, uint32_t index, const cbit_dram_place_t *place,
                        uint64_t nck)
{
    umc_user_t *user = &umc->users[index];
    cbit_txn_t *txn = user->txn;
    uint32_t same = newest_of_line(umc, user->line_spa);
    umc->stats.writes++;
    user->mask = mask_of(txn);
    memcpy(user->data + txn->spa % CBIT_LINE_BYTES, txn->data, txn->size_bytes);
    if (umc_engine_on(umc) && user->key != CBIT_KEY_PLAIN && !umc->loaded[user->slot]) {
        umc->stats.not_loaded++;
        umc_user_free(umc, index);
        answer(umc, txn, CBIT_ERR_KEY_NOT_LOADED, nck);
        return;
    }
    if (same != UMC_NONE && umc->users[same].key == user->key && !umc->users[same].offered &&
        !read_queued_for_line(umc, user->line_spa)) {
        umc->stats.coalesced++;
        umc_user_t *older = &umc->users[same];
        memcpy(older->data + txn->spa % CBIT_LINE_BYTES, txn->data, txn->size_bytes);
        older->mask |= user->mask;
        umc_user_free(umc, index);
        answer(umc, txn, CBIT_ERR_OK, nck);
        return;
    }
    bool partial = user->mask != UINT64_MAX;
    user->state = UMC_QUEUED;
    user->txn = NULL;
    chain_write(umc, index);
    if (partial) {
        enter_fill(umc, index, place, nck);
    }
    (void)umc_core_accept(umc->core, true, place, user->channel_line, partial, &index, nck);
    answer(umc, txn, CBIT_ERR_OK, nck);
}

static void enter_due(cbit_umc_t *umc, uint64_t nck)
{
    while (umc->inbox_count > 0 && umc->users[umc->inbox[umc->inbox_head]].due_nck <= nck) {
        uint32_t index = umc->inbox[umc->inbox_head];
        umc_user_t *user = &umc->users[index];
        bool write = user->kind == UMC_KIND_WRITE;
        umc->inbox_head = (umc->inbox_head + 1) % umc->user_count;
        umc->inbox_count--;
        umc->inbox_of[write]--;
        umc->inbox_of[0] -= write && user->txn->size_bytes < CBIT_LINE_BYTES ? 1 : 0;
        cbit_dram_place_t place;
        if (!cbit_dram_map_place(&umc->map, user->channel_line * CBIT_LINE_BYTES, &place)) {
            cbit_txn_t *txn = user->txn;
            memset(txn->data, 0, txn->size_bytes);
            umc_user_free(umc, index);
            answer(umc, txn, CBIT_ERR_ADDRESS, nck);
        } else if (write) {
            enter_write(umc, index, &place, nck);
        } else {
            enter_read(umc, index, &place, nck);
        }
    }
}

/* ---- keys and flushes ---- */

/* A queued write of the slot that has not entered the engine yet needs the old key. */
static bool slot_has_writes(const cbit_umc_t *umc, uint16_t slot)
{
    for (uint32_t i = umc->oldest_write; i != UMC_NONE; i = umc->users[i].newer) {
        const umc_user_t *user = &umc->users[i];
        if (user->slot == slot && user->key != CBIT_KEY_PLAIN && !user->offered) {
            return true;
        }
    }
    for (uint32_t i = 0; i < umc->inbox_count; i++) {
        const umc_user_t *user = &umc->users[umc->inbox[(umc->inbox_head + i) % umc->user_count]];
        if (user->kind == UMC_KIND_WRITE && user->slot == slot && user->key != CBIT_KEY_PLAIN) {
            return true;
        }
    }
    return false;
}

static void wake_all(cbit_waitlist_t *list)
{
    while (cbit_waitlist_wake_one(list)) {
    }
}

static void serve_key_write(cbit_umc_t *umc, uint64_t nck)
{
    umc_key_write_t *write = &umc->key_write;
    if (!write->busy) {
        return;
    }
    if (!write->issued && !slot_has_writes(umc, write->slot)) {
        write->issued = true;
        write->done_nck = nck + 1;
        if (umc_engine_on(umc)) {
            uint64_t eclk = eclk_from(umc, nck + 1);
            umc->parts.engine.ops->key_write(umc->parts.engine.self, eclk, write->slot,
                                             write->clear ? NULL : write->key);
            write->done_nck = nck_of(umc, eclk + UMC_KEY_EXPANSION_ECLK);
        }
    }
    if (write->issued && nck >= write->done_nck) {
        if (umc->parts.cipher != NULL) {
            (void)cbit_cipher_set_key(umc->parts.cipher, write->slot,
                                      write->clear ? NULL : write->key);
        }
        umc->loaded[write->slot] = !write->clear;
        void (*done)(void *self) = write->done;
        void *self = write->self;
        memset(write, 0, sizeof *write);
        wake_all(&umc->key_waiters);
        done(self);
    }
}

void cbit_umc_write_key(cbit_umc_t *umc, uint16_t slot, const uint8_t *key,
                        void (*done)(void *self), void *self)
{
    if (umc->key_write.busy || slot >= UMC_SLOTS) {
        __builtin_trap(); /* one at a time, of a slot that exists: the caller's bug */
    }
    umc->key_write = (umc_key_write_t){
        .busy = true, .clear = key == NULL, .slot = slot, .done = done, .self = self};
    if (key != NULL) {
        memcpy(umc->key_write.key, key, CBIT_KEY_BYTES);
    }
    umc_wake_at(umc, now_nck(umc));
}

void cbit_umc_flush(cbit_umc_t *umc, void (*done)(void *self), void *self)
{
    uint32_t f = 0;
    while (f < UMC_MAX_FLUSHES && umc->flush[f].busy) {
        f++;
    }
    if (f == UMC_MAX_FLUSHES) {
        __builtin_trap(); /* nobody flushes that often: the caller's bug */
    }
    umc->flush[f] = (umc_flush_t){.busy = true, .done = done, .self = self};
    for (uint32_t i = umc->oldest_write; i != UMC_NONE; i = umc->users[i].newer) {
        umc->users[i].flushes |= (uint8_t)(1u << f);
        umc->flush[f].left++;
    }
    umc_wake_at(umc, now_nck(umc));
}

static void serve_flushes(cbit_umc_t *umc)
{
    for (uint32_t f = 0; f < UMC_MAX_FLUSHES; f++) {
        if (umc->flush[f].busy && umc->flush[f].left == 0) {
            umc->flush[f].busy = false;
            umc->flush[f].done(umc->flush[f].self);
        }
    }
}

static bool draining(const cbit_umc_t *umc)
{
    bool flushing = false;
    for (uint32_t f = 0; f < UMC_MAX_FLUSHES; f++) {
        flushing |= umc->flush[f].busy;
    }
    return flushing || (umc->key_write.busy && !umc->key_write.issued);
}

/* ---- the one event ---- */

static void tell_waiters(cbit_umc_t *umc)
{
    while (umc_core_room(umc->core, true, umc->inbox_of[1]) &&
           cbit_waitlist_wake_one(&umc->write_waiters)) {
    }
    while (umc_core_room(umc->core, false, umc->inbox_of[0]) &&
           cbit_waitlist_wake_one(&umc->read_waiters)) {
    }
}

static uint64_t next_wake_nck(cbit_umc_t *umc, uint64_t nck)
{
    uint64_t next = umc_core_next_nck(umc->core);
    next = umc->rewake_nck < next ? umc->rewake_nck : next;
    for (uint32_t i = 0; i < umc->flight_count; i++) {
        uint64_t due = umc->users[umc->flight[i]].due_nck;
        next = due < next ? due : next;
    }
    if (umc->inbox_count > 0) {
        uint64_t due = umc->users[umc->inbox[umc->inbox_head]].due_nck;
        next = due < next ? due : next;
    }
    if (umc->key_write.busy) {
        uint64_t due = umc->key_write.issued ? umc->key_write.done_nck : UMC_NEVER;
        next = due < next ? due : next;
    }
    return next == UMC_NEVER ? next : max_u64(next, nck);
}

static void on_wake(void *self)
{
    cbit_umc_t *umc = self;
    uint64_t nck = now_nck(umc);
    umc->in_wake = true;
    umc->rewake_nck = UMC_NEVER;
    umc_core_drain(umc->core, draining(umc));
    step_core(umc, nck);
    land_due(umc, nck);
    enter_due(umc, nck);
    serve_key_write(umc, nck);
    serve_flushes(umc);
    tell_waiters(umc);
    umc_core_drain(umc->core, draining(umc));
    umc->in_wake = false;
    uint64_t next = next_wake_nck(umc, nck);
    if (next != UMC_NEVER) {
        umc_wake_at(umc, next);
    }
}

/* ---- building ---- */

/* WR must announce itself first when the engine cannot be out by WR + tCWL at the bus's rate. */
static bool must_choose(const cbit_umc_t *umc)
{
    if (!umc_engine_on(umc)) {
        return false;
    }
    const cbit_dram_timing_t *t = &umc->device.timing;
    uint32_t divider = umc->config.engine_clock_divider;
    uint32_t depth = umc->parts.engine.ops->depth_eclk(umc->parts.engine.self);
    uint32_t line_nck = CBIT_LINE_BEATS * divider / umc->parts.engine_config.blocks_per_clock;
    return umc->parts.engine_config.shared_lane || divider > 1 || depth * divider > t->cwl_nck ||
           line_nck > t->burst_nck;
}

static void check_command(void *self, const umc_event_t *event)
{
    cbit_umc_t *umc = self;
    uint32_t per_group = umc->device.banks_per_group;
    uint32_t per_rank = umc->device.groups * per_group;
    if (event->kind != UMC_EVENT_CHOSEN) {
        cbit_dram_checker_command(umc->checker, umc_event_name(event->kind), event->at_nck,
                                  event->bank / per_rank, event->bank % per_rank / per_group,
                                  event->bank % per_group, event->row, event->column);
    }
}

static cbit_err_t build_core(cbit_umc_t *umc)
{
    umc_core_config_t core = {.device = umc->device,
                              .policy = umc->policy,
                              .read_credits = umc_engine_on(umc) ? umc->config.return_buffer_entries
                                                                 : UINT32_MAX,
                              .choose_writes = must_choose(umc)};
    if (umc->config.check_commands) {
        cbit_err_t err = cbit_dram_checker_create(&umc->device, &umc->checker);
        if (err != CBIT_ERR_OK) {
            return err;
        }
        core.observe = check_command;
        core.observer = umc;
    }
    umc_policy_t *p = &core.policy;
    /* Same lines are the port's business: it knows their keys. Their order is kept always. */
    p->forwards = p->coalesces = p->merges_reads = false;
    p->orders_lines = true;
    return umc_core_create(&core, &umc->core);
}

static cbit_err_t build_arrays(cbit_umc_t *umc)
{
    /* Waiting, active, in flight and, of partial writes, both halves. */
    umc->user_count = 2 * (umc->policy.read_entries + umc->policy.write_entries) +
                      CBIT_DRAM_MAX_BANKS * umc->policy.bank_entries + 2 * CBIT_DRAM_MAX_BANKS +
                      256;
    umc->users = calloc(umc->user_count, sizeof *umc->users);
    umc->free_users = calloc(umc->user_count, sizeof *umc->free_users);
    umc->inbox = calloc(umc->user_count, sizeof *umc->inbox);
    umc->flight = calloc(umc->user_count, sizeof *umc->flight);
    if (umc->users == NULL || umc->free_users == NULL || umc->inbox == NULL ||
        umc->flight == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    for (uint32_t i = umc->user_count; i-- > 0;) {
        umc->free_users[umc->free_count++] = i;
    }
    return CBIT_ERR_OK;
}

static cbit_err_t build(cbit_umc_t *umc, cbit_diag_t *diag)
{
    const cbit_umc_config_t *c = &umc->config;
    cbit_err_t err = cbit_dram_resolve(&c->dram, "/umc/dram", &umc->device, diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    err = umc_policy_of(c, &umc->policy, "/umc", diag);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    err = cbit_dram_map_init(&umc->map, &umc->device, c->mapping, c->group_hash,
                             c->group_hash_count, c->bank_hash, c->bank_hash_count, "/umc", diag);
    if (err == CBIT_ERR_OK && umc->device.timing.burst_nck % CBIT_LINE_BEATS != 0) {
        err = cbit_diag_add(diag, CBIT_ERR_RANGE, "/umc/dram/timing/burst_nck",
                            "%u clocks; a line's four blocks need a multiple of 4",
                            umc->device.timing.burst_nck);
    }
    err = err != CBIT_ERR_OK ? err : build_arrays(umc);
    return err != CBIT_ERR_OK ? err : build_core(umc);
}

cbit_err_t cbit_umc_create(const cbit_umc_config_t *config, const cbit_umc_parts_t *parts,
                           cbit_umc_t **out, cbit_diag_t *diag)
{
    cbit_umc_t *umc = calloc(1, sizeof *umc);
    if (umc == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, "/umc", "out of memory");
    }
    umc->config = *config;
    umc->parts = *parts;
    if (umc->parts.engine_config.blocks_per_clock == 0) {
        umc->parts.engine_config.blocks_per_clock = 1;
    }
    umc->oldest_write = umc->newest_write = UMC_NONE;
    cbit_event_init(&umc->wake, on_wake, umc);
    cbit_err_t err = build(umc, diag);
    if (err != CBIT_ERR_OK) {
        umc->parts.engine.ops = NULL; /* the caller keeps the engine when creation fails */
        cbit_umc_destroy(umc);
        return err;
    }
    *out = umc;
    return CBIT_ERR_OK;
}

void cbit_umc_destroy(cbit_umc_t *umc)
{
    if (umc == NULL) {
        return;
    }
    cbit_event_cancel(umc->parts.kernel, &umc->wake);
    if (umc_engine_on(umc)) {
        umc->parts.engine.ops->destroy(umc->parts.engine.self);
    }
    umc_core_destroy(umc->core);
    cbit_dram_checker_destroy(umc->checker);
    memset(&umc->key_write, 0, sizeof umc->key_write);
    free(umc->users);
    free(umc->free_users);
    free(umc->inbox);
    free(umc->flight);
    free(umc);
}

void cbit_umc_stats(const cbit_umc_t *umc, cbit_umc_stats_t *stats)
{
    const umc_core_stats_t *core = umc_core_stats(umc->core);
    *stats = umc->stats;
    stats->column_reads = core->reads;
    stats->column_writes = core->writes;
    stats->row_hits = core->row_hits;
    stats->activates = core->activates;
    stats->precharges = core->precharges + core->precharges_all;
    stats->refreshes = core->refreshes;
    if (umc->checker != NULL) {
        stats->commands_checked = cbit_dram_checker_commands(umc->checker);
        stats->violations = cbit_dram_checker_violations(umc->checker);
    }
}
