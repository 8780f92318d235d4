/* From commands to bus beats, through the engine, to completions. */
#include <string.h>

#include "model/umc/ahead.h"

void umc_into_flight(cbit_umc_t *umc, uint32_t index, umc_state_t state, uint64_t due_nck)
{
    umc->users[index].state = (uint8_t)state;
    if (umc->flight_first + umc->flight_count == 2 * umc->user_count) {
        memmove(umc->flight, umc->flight + umc->flight_first,
                umc->flight_count * sizeof *umc->flight);
        umc->flight_first = 0;
    }
    /* From the end: what takes off last mostly lands last. */
    umc_due_t *at = umc->flight + umc->flight_first + umc->flight_count++;
    for (; at > umc->flight + umc->flight_first && at[-1].nck > due_nck; at--) {
        *at = at[-1];
    }
    *at = (umc_due_t){.nck = due_nck, .user = index};
    umc_set_landing(umc);
}

/* Takes the first one off. */
static uint32_t out_of_flight(cbit_umc_t *umc)
{
    uint32_t index = umc->flight[umc->flight_first++].user;
    umc->flight_first = --umc->flight_count == 0 ? 0 : umc->flight_first;
    umc_set_landing(umc);
    return index;
}

/* ---- the engine ---- */

static uint8_t take_tag(uint64_t busy[4])
{
    for (uint32_t word = 0; word < 4; word++) {
        if (busy[word] != UINT64_MAX) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~busy[word]);
            busy[word] |= 1ull << bit;
            return (uint8_t)(word * 64 + bit);
        }
    }
    __builtin_trap(); /* queues and return buffer together are smaller than the tag space */
}

/*
 * Offers the user's line, whose beats are set. Returns the first DRAM clock at which it can be out
 * entirely, mostly that at which it is.
 */
static uint64_t offer(cbit_umc_t *umc, umc_user_t *user, cbit_aes_line_t *line)
{
    const umc_way_t *way = &umc->way;
    line->spa = user->line_spa;
    line->slot = user->slot;
    line->bypass = user->key == CBIT_KEY_PLAIN;
    line->tag = user->tag;
    if (!way->timing_only) {
        memcpy(line->data, user->data, sizeof line->data);
    }
    user->offered = true;
    uint64_t out_eclk = way->engine.ops->offer(way->engine.self, user->lane, line);
    if (out_eclk == 0) {
        const bool around = line->bypass && way->around;
        out_eclk = line->beat_eclk[CBIT_LINE_BEATS - 1] + (around ? 1 : way->depth_eclk);
    }
    return umc_nck_of(umc, out_eclk);
}

/* A line whose key is not there yet waits for it, and those behind it wait in order: how much later
   than its first beat leaves the bus it begins. */
static uint64_t late_eclk(const cbit_umc_t *umc, const umc_user_t *user, uint64_t rd_nck)
{
    const bool plain = user->key == CBIT_KEY_PLAIN;
    const uint64_t key_eclk = plain ? 0 : umc_eclk_from(umc, rd_nck) + umc->way.lookup_eclk;
    const uint64_t at_eclk = umc_max_u64(key_eclk, umc->decrypt_last_eclk + 1);
    const uint64_t bus_eclk = umc_eclk_from(umc, rd_nck + umc->way.cl_nck + umc->way.beat_nck);
    return at_eclk > bus_eclk ? at_eclk - bus_eclk : 0;
}

/* Beats of a read enter the decrypt lane as they leave the bus, critical block first. Returns the
   clock at which to look whether the line is out. */
static uint64_t decrypt_read(cbit_umc_t *umc, umc_user_t *user, uint64_t rd_nck)
{
    const umc_way_t *way = &umc->way;
    const uint64_t late = way->lookup_eclk != 0 ? late_eclk(umc, user, rd_nck) : 0;
    const cbit_txn_t *txn = user->txn;
    cbit_aes_line_t line;
    user->lane = CBIT_AES_DECRYPT;
    user->tag = take_tag(umc->decrypt_busy);
    line.first_block = txn == NULL ? 0 : (uint8_t)(txn->spa / CBIT_BLOCK_BYTES % CBIT_LINE_BEATS);
    uint64_t beat_nck = rd_nck + way->cl_nck;
    for (uint32_t i = 0; i < CBIT_LINE_BEATS; i++) {
        beat_nck += way->beat_nck;
        line.beat_eclk[i] = umc_eclk_from(umc, beat_nck) + late;
    }
    umc->decrypt_last_eclk = line.beat_eclk[CBIT_LINE_BEATS - 1];
    return offer(umc, user, &line);
}

/* Beats of a write enter the encrypt lane from now on, as fast as it takes them. Returns the clock
   at which to look whether the line is out; *first_eclk: of its first beat. */
static uint64_t encrypt_write(cbit_umc_t *umc, umc_user_t *user, uint64_t at_nck,
                              uint64_t *first_eclk)
{
    const uint32_t rate = umc->parts.engine_config.blocks_per_clock;
    const uint32_t lookup_eclk = user->key == CBIT_KEY_PLAIN ? 0 : umc->way.lookup_eclk;
    cbit_aes_line_t line = {.first_block = 0};
    user->lane = CBIT_AES_ENCRYPT;
    user->tag = take_tag(umc->encrypt_busy);
    *first_eclk = umc_max_u64(umc_eclk_from(umc, at_nck) + lookup_eclk, umc->encrypt_free_eclk);
    for (uint32_t i = 0; i < CBIT_LINE_BEATS; i++) {
        line.beat_eclk[i] = *first_eclk + i / rate;
    }
    umc->encrypt_free_eclk = *first_eclk + CBIT_LINE_BEATS / rate;
    return offer(umc, user, &line);
}

/* The first clock from at_nck on at which WR may issue so that every ciphertext beat of a line that
   enters the engine at first_eclk is ready when the bus wants it. */
static uint64_t ready_nck(const cbit_umc_t *umc, uint64_t first_eclk, uint64_t at_nck)
{
    const uint32_t rate = umc->parts.engine_config.blocks_per_clock;
    uint64_t wr_nck = at_nck;
    for (uint32_t i = 0; i < CBIT_LINE_BEATS; i++) {
        uint64_t out_nck = umc_nck_of(umc, first_eclk + i / rate + umc->way.depth_eclk);
        uint64_t bus_nck = umc->device.timing.cwl_nck + i * umc->way.beat_nck;
        wr_nck = out_nck > bus_nck ? umc_max_u64(wr_nck, out_nck - bus_nck) : wr_nck;
    }
    return wr_nck;
}

/* ---- commands ---- */

/* The bytes of user->data pass the pins. */
static void tell_pins(const cbit_umc_t *umc, const umc_user_t *user, bool write)
{
    if (umc->analyser == NULL) {
        return;
    }
    cbit_bus_line_t line = {.at_ps = umc_edge_ps(umc, user->bus_nck),
                            .spa = user->line_spa,
                            .channel = umc->parts.channel,
                            .write = write};
    memcpy(line.bytes, user->data, sizeof line.bytes);
    umc->analyser(umc->analyser_self, &line);
}

__attribute__((noinline)) void umc_follow_read(cbit_umc_t *umc, uint32_t index, uint64_t rd_nck)
{
    umc_user_t *user = &umc->users[index];
    user->taken = false;
    if (!umc->way.timing_only) {
        (void)cbit_store_read(umc->parts.store, user->line_spa, user->data, sizeof user->data);
        tell_pins(umc, user, false);
    }
    umc_into_flight(umc, index, UMC_FLIGHT,
                    umc_engine_on(umc) ? decrypt_read(umc, user, rd_nck) : user->bus_nck);
}

void umc_leave_buffer(cbit_umc_t *umc, uint64_t nck)
{
    umc_ahead_t *ahead = &umc->ahead;
    while (ahead->count > 0 && ahead->out[ahead->first % UMC_AHEAD] >> 1 <= nck) {
        const bool plain = (ahead->out[ahead->first++ % UMC_AHEAD] & 1) != 0;
        ahead->count--;
        cbit_aes_count_line(umc->way.passed, CBIT_AES_DECRYPT, plain, 0);
        umc->credits++;
        umc_core_credit(umc->core);
    }
    umc_set_landing(umc);
}

void umc_count_written(cbit_umc_t *umc, uint64_t nck)
{
    umc_written_t *written = &umc->written;
    while (written->count > 0 && written->at[written->first % UMC_WRITTEN] >> 1 <= nck) {
        const bool plain = (written->at[written->first++ % UMC_WRITTEN] & 1) != 0;
        written->count--;
        if (umc_engine_on(umc)) {
            cbit_aes_count_line(umc->way.passed, CBIT_AES_ENCRYPT, plain, 0);
        }
    }
}

static void on_read_command(cbit_umc_t *umc, const umc_event_t *event)
{
    umc_user_t *user = &umc->users[event->user];
    if (user->txn != NULL) {
        umc_limit_left(umc, user->requester);
        if (umc->way.explains) {
            user->first_nck = event->first_nck;
            user->bus_nck = event->at_nck + umc->way.read_bus_nck;
            umc_account_read(umc, event->user, event->accept_nck, false);
        }
    }
    umc_on_read(umc, event->user, event->first_nck, event->at_nck);
}

__attribute__((noinline)) void umc_on_write(cbit_umc_t *umc, uint32_t index, uint64_t wr_nck)
{
    umc_user_t *user = &umc->users[index];
    user->bus_nck = wr_nck + umc->way.write_bus_nck;
    umc_limit_left(umc, user->requester);
    if (umc->way.writes_ahead && !umc->in_step && umc_through_ahead(umc, index, wr_nck)) {
        return;
    }
    if (!umc_engine_on(umc)) {
        if (!umc->way.timing_only) {
            (void)cbit_store_write(umc->parts.store, user->line_spa, user->data, sizeof user->data);
            tell_pins(umc, user, true);
        }
        user->offered = true;
        user->overtaken = true;
    } else if (!user->offered) {
        uint64_t first_eclk;
        (void)encrypt_write(umc, user, wr_nck, &first_eclk);
    }
    umc_into_flight(umc, index, UMC_FLIGHT, user->bus_nck);
}

/* With a shared pipeline nobody can foresee the output: WR waits until the line is really out. */
static __attribute__((noinline)) void on_chosen(cbit_umc_t *umc, const umc_event_t *event)
{
    uint64_t first_eclk;
    const uint64_t out_nck =
        encrypt_write(umc, &umc->users[event->user], event->at_nck, &first_eclk);
    if (umc->parts.engine_config.shared_lane) {
        umc_into_flight(umc, event->user, UMC_QUEUED, out_nck);
    } else {
        umc_core_ready(umc->core, event->user, ready_nck(umc, first_eclk, event->at_nck));
    }
}

/* Tests in order of frequency: a jump by table would not be foreseen by the host. */
static void on_event(cbit_umc_t *umc, const umc_event_t *event)
{
    const umc_event_kind_t kind = event->kind;
    if (kind == UMC_EVENT_RD || kind == UMC_EVENT_RDA) {
        umc_account_column(umc, event->user, event->bank, false);
        on_read_command(umc, event);
    } else if (kind == UMC_EVENT_ACT) {
        umc_account_activate(umc, event->user, event->bank);
    } else if (kind == UMC_EVENT_WR || kind == UMC_EVENT_WRA) {
        umc_account_column(umc, event->user, event->bank, true);
        umc_on_write(umc, event->user, event->at_nck);
    } else if (kind == UMC_EVENT_CHOSEN) {
        on_chosen(umc, event);
    }
}

/* The account is written up where its interval ends; false if something lands before. */
static __attribute__((noinline)) bool end_interval(cbit_umc_t *umc)
{
    const uint64_t end_nck = umc->tally.end_nck;
    umc_step_core(umc, end_nck - 1);
    if (umc->landing_nck < end_nck) {
        return false;
    }
    umc_account_write_up(umc, end_nck);
    return true;
}

static __attribute__((noinline)) void step(cbit_umc_t *umc, uint64_t nck)
{
    umc_event_t event;
    while (umc_core_step(umc->core, umc_min_u64(nck, umc->landing_nck), &event)) {
        umc_core_count_levels(umc->core, event.at_nck);
        on_event(umc, &event);
    }
}

void umc_step_core(cbit_umc_t *umc, uint64_t nck)
{
    while (nck >= umc->tally.end_nck) {
        if (!end_interval(umc)) {
            return;
        }
    }
    step(umc, nck);
}

/* ---- completions ---- */

/* The bytes of an answer, if somebody looks at them. */
static __attribute__((noinline)) void give_bytes(const cbit_umc_t *umc, const umc_user_t *user,
                                                 cbit_err_t status)
{
    cbit_txn_t *txn = user->txn;
    if (umc->way.timing_only) {
        (void)cbit_store_read(umc->parts.store, txn->spa, txn->data, txn->size_bytes);
    } else if (status == CBIT_ERR_OK) {
        memcpy(txn->data, user->data + txn->spa % CBIT_LINE_BYTES, txn->size_bytes);
    } else {
        memset(txn->data, 0, txn->size_bytes);
    }
}

static void end_read(cbit_umc_t *umc, uint32_t index, cbit_err_t status, uint64_t out_nck)
{
    const umc_user_t *user = &umc->users[index];
    cbit_txn_t *txn = user->txn;
    txn->status = status;
    umc->stats.not_loaded += status == CBIT_ERR_KEY_NOT_LOADED;
    if (!txn->no_bytes) {
        give_bytes(umc, user, status);
    }
    const cbit_ps_t out_ps = umc_edge_ps(umc, out_nck);
    umc_charge(umc, txn, user->first_nck, user->bus_nck, out_ps);
    umc_user_free(umc, index);
    umc_answer(umc, txn, out_ps);
}

static __attribute__((noinline)) void end_fill(cbit_umc_t *umc, uint32_t index, uint64_t nck)
{
    const umc_user_t *fill = &umc->users[index];
    umc_user_t *write = &umc->users[fill->partner];
    for (uint32_t i = 0; i < CBIT_LINE_BYTES; i++) {
        if ((write->mask >> i & 1) == 0) {
            write->data[i] = fill->data[i];
        }
    }
    write->mask = UINT64_MAX;
    umc_core_release(umc->core, fill->partner, nck);
    umc_user_free(umc, index);
}

static __attribute__((noinline)) void end_write(cbit_umc_t *umc, uint32_t index)
{
    umc_user_t *user = &umc->users[index];
    if (!umc->way.timing_only) {
        if (umc_engine_on(umc)) {
            tell_pins(umc, user, true);
        }
        if (!user->overtaken) {
            (void)cbit_store_write(umc->parts.store, user->line_spa, user->data, sizeof user->data);
        }
    }
    umc_unchain_write(umc, index);
    umc_user_free(umc, index);
}

static cbit_err_t status_of(cbit_aes_error_t error)
{
    return error == CBIT_AES_OK           ? CBIT_ERR_OK
           : error == CBIT_AES_NOT_LOADED ? CBIT_ERR_KEY_NOT_LOADED
                                          : CBIT_ERR_INTERNAL;
}

/* True if the line is out of the engine (or there is none): its bytes are in user->data. */
static bool take_line(cbit_umc_t *umc, umc_user_t *user, uint64_t nck, cbit_err_t *status)
{
    *status = CBIT_ERR_OK;
    if (!umc_engine_on(umc) || user->taken || user->state == UMC_REPLY) {
        return true;
    }
    const cbit_aes_engine_t *engine = &umc->way.engine;
    engine->ops->advance(engine->self, umc_eclk_by(umc, nck));
    const cbit_aes_result_t *result = engine->ops->take(engine->self, user->lane, user->tag);
    if (result == NULL) {
        return false;
    }
    uint64_t *busy = user->lane == CBIT_AES_ENCRYPT ? umc->encrypt_busy : umc->decrypt_busy;
    busy[user->tag / 64] &= ~(1ull << user->tag % 64);
    if (!umc->way.timing_only) {
        memcpy(user->data, result->data, sizeof user->data);
    }
    user->taken = true;
    umc->stats.aes_waited_eclk += result->waited_eclk;
    *status = status_of(result->error);
    return true;
}

/* A line has not left the engine yet: the first clock in which it can have. */
static __attribute__((noinline)) uint64_t look_again_nck(const cbit_umc_t *umc,
                                                         const umc_user_t *user, uint64_t nck)
{
    const cbit_aes_engine_t *engine = &umc->way.engine;
    uint64_t eclk = umc_eclk_by(umc, nck) + 1;
    if (engine->ops->least_out_eclk != NULL) {
        eclk = umc_max_u64(eclk, engine->ops->least_out_eclk(engine->self, user->lane, user->tag));
    }
    return umc_nck_of(umc, eclk);
}

static void land(cbit_umc_t *umc, uint32_t index, uint64_t nck)
{
    umc_user_t *user = &umc->users[index];
    cbit_err_t status;
    if (!take_line(umc, user, nck, &status)) {
        umc_into_flight(umc, index, user->state, look_again_nck(umc, user, nck));
    } else if (user->kind != UMC_KIND_WRITE) {
        if (user->state == UMC_FLIGHT) {
            umc->credits += umc_engine_on(umc) ? 1 : 0;
            umc_set_landing(umc);
            umc_core_credit(umc->core);
        }
        if (user->kind == UMC_KIND_READ) {
            end_read(umc, index, status, nck);
        } else {
            end_fill(umc, index, nck);
        }
    } else if (user->state == UMC_QUEUED) { /* its ciphertext waits here for its WR */
        umc_core_ready(umc->core, index, nck + 1);
    } else {
        end_write(umc, index);
    }
}

/* How many are due by now; puts those in the order of their requests. */
static uint32_t sort_due(const cbit_umc_t *umc, uint64_t nck)
{
    umc_due_t *due = umc->flight + umc->flight_first;
    uint32_t count = 0;
    for (; count < umc->flight_count && due[count].nck <= nck; count++) {
        const umc_due_t one = due[count];
        uint32_t at = count;
        const uint32_t order = umc->users[one.user].order;
        for (; at > 0 && (int32_t)(umc->users[due[at - 1].user].order - order) > 0; at--) {
            due[at] = due[at - 1];
        }
        due[at] = one;
    }
    return count;
}

/* Everything due by now, oldest request first; what takes off meanwhile is due later. */
void umc_land_due(cbit_umc_t *umc, uint64_t nck)
{
    umc_leave_buffer(umc, nck);
    for (uint32_t left = sort_due(umc, nck); left > 0; left--) {
        land(umc, out_of_flight(umc), nck);
    }
}
