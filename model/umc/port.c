/* The controller's port: taking requests, and zero-time access through queues and cipher. */
#include <string.h>

#include "model/umc/umc_private.h"

/* With transparent SME what nobody encrypts is under the host's key. */
static cbit_key_t key_of(const cbit_umc_t *umc, cbit_key_t key)
{
    return key == CBIT_KEY_PLAIN && umc->way.tsme ? CBIT_KEY_HOST : key;
}

static uint16_t slot_of(const cbit_umc_t *umc, cbit_key_t key)
{
    return key == CBIT_KEY_HOST ? umc->way.host_key_slot : key;
}

bool umc_is_under(const cbit_umc_t *umc, cbit_key_t key, uint16_t slot)
{
    key = key_of(umc, key);
    return key != CBIT_KEY_PLAIN && slot_of(umc, key) == slot;
}

static bool room(const cbit_umc_t *umc, bool write)
{
    /* Room must remain for what already waits at the door. */
    return umc_core_room(umc->core, write, umc->inbox_of[write]);
}

static bool refuse(cbit_umc_t *umc, cbit_waitlist_t *list, cbit_waiter_t *waiter)
{
    umc->stats.refused++;
    if (waiter != NULL) {
        cbit_waitlist_add(list, waiter);
    }
    umc_fall_in_step(umc); /* it is told in the clock in which a command makes room */
    return false;
}

/* ---- the door ---- */

/* The i-th and those behind it are accepted one in a clock, after those before them. */
static void set_due(cbit_umc_t *umc, uint32_t i)
{
    uint64_t next_nck = i == 0 ? umc->accept_nck : umc_at_door(umc, i - 1)->due_nck + 1;
    for (; i < umc->inbox_count; i++) {
        umc_user_t *user = umc_at_door(umc, i);
        user->due_nck = umc_max_u64(user->arrive_nck, next_nck);
        next_nck = user->due_nck + 1;
    }
    umc->door.next_nck = next_nck;
    umc->door.entering_nck = umc_at_door(umc, 0)->due_nck;
}

/* Of one that is here before some that stand there already. */
static __attribute__((noinline)) void push_in(cbit_umc_t *umc, uint32_t index, cbit_ps_t at_ps)
{
    uint32_t at = umc->inbox_count++;
    for (; at > 0 && umc_at_door(umc, at - 1)->txn->entered_ps > at_ps; at--) {
        umc->inbox[umc_inbox_at(umc, at)] = umc->inbox[umc_inbox_at(umc, at - 1)];
    }
    umc->inbox[umc_inbox_at(umc, at)] = index;
    set_due(umc, at);
}

/* Takes its place among those that are here or will be, by when they are. */
static inline void queue_up(cbit_umc_t *umc, uint32_t index, cbit_ps_t at_ps)
{
    umc_door_t *door = &umc->door;
    umc_user_t *user = &umc->users[index];
    if (at_ps < door->last_ps) {
        push_in(umc, index, at_ps);
        return;
    }
    user->due_nck = umc_max_u64(user->arrive_nck, door->next_nck);
    door->last_ps = at_ps;
    door->next_nck = user->due_nck + 1;
    door->entering_nck = umc_min_u64(door->entering_nck, user->due_nck);
    umc->inbox[umc_inbox_at(umc, umc->inbox_count++)] = index;
}

/*
 * What others mean to one that comes: true if one at the door wants the same bank. A read of the
 * line of a write shows as soon as it is accepted, whichever of the two comes first.
 */
static __attribute__((noinline)) bool meet_others(cbit_umc_t *umc, umc_user_t *user)
{
    bool wanted = false;
    user->prompt |= umc_newest_of_line(umc, user->line_spa) != UMC_NONE;
    for (uint32_t i = 0; i < umc->inbox_count; i++) {
        umc_user_t *other = umc_at_door(umc, i);
        wanted |= other->place.flat_bank == user->place.flat_bank;
        if (other->line_spa == user->line_spa) {
            other->prompt = user->prompt = true;
            umc->door.shows_nck = umc_min_u64(umc->door.shows_nck, other->due_nck);
        }
    }
    return wanted;
}

/* The same without a look at them, if it meets nobody: mostly. */
static inline bool meet(cbit_umc_t *umc, umc_user_t *user)
{
    umc_door_t *door = &umc->door;
    const uint64_t line = umc_bit_of(user->channel_line), bank = umc_bit_of(user->place.flat_bank);
    const uint64_t met = ((door->lines | umc->write_lines) & line) | (door->banks & bank);
    const bool wanted = met != 0 && meet_others(umc, user);
    door->lines |= line;
    door->banks |= bank;
    return wanted;
}

/* Where it is to go. */
static inline void find_place(const cbit_umc_t *umc, umc_user_t *user)
{
    user->channel_line = user->txn->channel_address / CBIT_LINE_BYTES;
    user->placed =
        cbit_dram_map_place(&umc->map, user->channel_line * CBIT_LINE_BYTES, &user->place);
}

/* Takes a request that is here at at_ps. */
static inline void take(cbit_umc_t *umc, cbit_txn_t *txn, cbit_key_t key, cbit_ps_t at_ps,
                        uint64_t nck)
{
    const bool write = txn->command == CBIT_COMMAND_WRITE;
    const bool partial = write && txn->size_bytes < CBIT_LINE_BYTES;
    const uint32_t index = umc_user_take(umc, key), requester = umc_requester_of(txn);
    umc_limit_took(umc, requester, nck);
    umc_user_t *user = &umc->users[index];
    umc_user_fill(user, write ? UMC_KIND_WRITE : UMC_KIND_READ, txn, key, slot_of(umc, key));
    user->line_spa = txn->spa & ~(cbit_spa_t)(CBIT_LINE_BYTES - 1);
    user->requester = requester;
    user->order = umc->next_order++;
    user->arrive_nck = nck;
    txn->entered_ps = at_ps;
    umc->least_back_ps = txn->back_ps < umc->least_back_ps ? txn->back_ps : umc->least_back_ps;
    umc->inbox_of[write]++;
    umc->inbox_of[0] += partial ? 1 : 0;
    find_place(umc, user);
    if (!umc->way.timing_only) {
        cbit_store_expect(umc->parts.store, user->line_spa);
    }
    user->prompt = write || !user->placed;
    const bool wanted = meet(umc, user);
    queue_up(umc, index, at_ps);
    if (!user->prompt) {
        const uint64_t column_nck =
            umc_core_column_of(umc->core, &user->place, user->due_nck, wanted);
        user->answer_nck = umc_answer_nck(umc, column_nck, key == CBIT_KEY_PLAIN);
    }
    umc->door.shows_nck = umc_min_u64(umc->door.shows_nck, umc_shows_nck(user));
    umc_arrived(umc, user);
}

static bool try_send(void *self, cbit_txn_t *txn, cbit_waiter_t *waiter)
{
    cbit_umc_t *umc = self;
    bool write = txn->command == CBIT_COMMAND_WRITE;
    bool partial = write && txn->size_bytes < CBIT_LINE_BYTES;
    const cbit_key_t key = key_of(umc, txn->key);
    umc_catch_up(umc);
    if (write && !room(umc, true)) {
        return refuse(umc, &umc->write_waiters, waiter);
    }
    if ((!write || partial) && !room(umc, false)) {
        return refuse(umc, &umc->read_waiters, waiter);
    }
    if (write && key != CBIT_KEY_PLAIN && umc->key_write.busy &&
        umc->key_write.slot == slot_of(umc, key)) {
        return refuse(umc, &umc->key_waiters, waiter);
    }
    const uint64_t nck = umc_now_nck(umc);
    if (umc_limit_refuses(umc, umc_requester_of(txn), nck)) {
        return refuse(umc, &umc->limit.waiters, waiter);
    }
    take(umc, txn, key, cbit_kernel_now_ps(umc->parts.kernel), nck);
    return true;
}

/* So much room is left that nobody is refused soon, read or write. */
static bool roomy(const cbit_umc_t *umc)
{
    return umc->user_count - umc->free_count < umc->way.roomy ||
           (umc_core_room(umc->core, false, umc->inbox_of[0] + UMC_AHEAD_LEAVES) &&
            umc_core_room(umc->core, true, umc->inbox_of[1] + UMC_AHEAD_LEAVES));
}

/*
 * One that will be here at at_ps. Only while commands show through answers alone, and while there
 * is so much room that neither it nor who comes before it, read or write, could be refused.
 */
static bool try_send_at(void *self, cbit_txn_t *txn, cbit_ps_t at_ps)
{
    cbit_umc_t *umc = self;
    const bool partial = txn->command == CBIT_COMMAND_WRITE && txn->size_bytes < CBIT_LINE_BYTES;
    if (umc->in_step || partial || !roomy(umc)) {
        return false;
    }
    take(umc, txn, key_of(umc, txn->key), at_ps,
         cbit_clock_edge_at_or_after(&umc->way.clock, at_ps));
    return true;
}

/* ---- zero time ---- */

static cbit_err_t cipher_line(const cbit_umc_t *umc, bool encrypt, cbit_key_t key, cbit_spa_t spa,
                              uint8_t line[CBIT_LINE_BYTES])
{
    key = key_of(umc, key);
    if (!umc_engine_on(umc) || key == CBIT_KEY_PLAIN || key == CBIT_KEY_RAW) {
        return CBIT_ERR_OK;
    }
    return (encrypt ? cbit_cipher_encrypt : cbit_cipher_decrypt)(
        umc->parts.cipher, slot_of(umc, key), spa, line, line, CBIT_LINE_BYTES);
}

static void merge(uint8_t *to, const uint8_t *from, uint64_t mask)
{
    for (uint32_t i = 0; i < CBIT_LINE_BYTES; i++) {
        if ((mask >> i & 1) != 0) {
            to[i] = from[i];
        }
    }
}

/*
 * What the pins of this line carry once all queued writes are through. A write whose slot has no
 * key cannot be among them: it is refused at the door.
 */
static cbit_err_t line_on_pins(const cbit_umc_t *umc, cbit_spa_t spa, uint8_t line[CBIT_LINE_BYTES],
                               uint32_t *newest)
{
    *newest = UMC_NONE;
    cbit_err_t err = cbit_store_read(umc->parts.store, spa, line, CBIT_LINE_BYTES);
    for (uint32_t i = umc->oldest_write; err == CBIT_ERR_OK && i != UMC_NONE;
         i = umc->users[i].newer) {
        const umc_user_t *user = &umc->users[i];
        if (user->line_spa != spa || user->overtaken) {
            continue;
        }
        *newest = i;
        if (user->taken) {
            memcpy(line, user->data, CBIT_LINE_BYTES);
            continue;
        }
        err = cipher_line(umc, false, user->key, spa, line);
        merge(line, user->data, user->mask);
        err = err != CBIT_ERR_OK ? err : cipher_line(umc, true, user->key, spa, line);
    }
    return err;
}

static cbit_err_t peek_line(const cbit_umc_t *umc, cbit_spa_t spa, cbit_key_t key,
                            uint8_t line[CBIT_LINE_BYTES])
{
    if (umc->parts.timing_only) {
        return cbit_store_read(umc->parts.store, spa, line, CBIT_LINE_BYTES);
    }
    uint32_t newest;
    cbit_err_t err = line_on_pins(umc, spa, line, &newest);
    return err != CBIT_ERR_OK ? err : cipher_line(umc, false, key, spa, line);
}

/* The line's new bytes replace what is queued: in the newest queued write, else in the store. */
static cbit_err_t poke_line(cbit_umc_t *umc, cbit_spa_t spa, cbit_key_t key,
                            uint8_t line[CBIT_LINE_BYTES])
{
    if (umc->parts.timing_only) {
        return cbit_store_write(umc->parts.store, spa, line, CBIT_LINE_BYTES);
    }
    uint8_t old[CBIT_LINE_BYTES];
    uint32_t newest;
    cbit_err_t err = line_on_pins(umc, spa, old, &newest);
    err = err != CBIT_ERR_OK ? err : cipher_line(umc, true, key, spa, line);
    if (err != CBIT_ERR_OK) {
        return err;
    }
    if (newest != UMC_NONE && !umc->users[newest].offered) {
        umc_user_t *user = &umc->users[newest];
        err = cipher_line(umc, false, user->key, spa, line);
        memcpy(user->data, line, sizeof user->data);
        user->mask = UINT64_MAX;
        return err;
    }
    for (uint32_t i = umc->oldest_write; i != UMC_NONE; i = umc->users[i].newer) {
        umc->users[i].overtaken |= umc->users[i].line_spa == spa;
    }
    return cbit_store_write(umc->parts.store, spa, line, CBIT_LINE_BYTES);
}

static uint32_t bytes_in_line(cbit_spa_t spa, uint32_t len_bytes)
{
    uint32_t left = CBIT_LINE_BYTES - (uint32_t)(spa % CBIT_LINE_BYTES);
    return len_bytes < left ? len_bytes : left;
}

static cbit_err_t peek(void *self, cbit_spa_t spa, cbit_key_t key, void *bytes, uint32_t len_bytes)
{
    umc_catch_up(self);
    uint8_t *to = bytes;
    while (len_bytes > 0) {
        uint8_t line[CBIT_LINE_BYTES];
        uint32_t n = bytes_in_line(spa, len_bytes);
        cbit_err_t err = peek_line(self, spa - spa % CBIT_LINE_BYTES, key, line);
        if (err != CBIT_ERR_OK) {
            memset(to, 0, len_bytes);
            return err;
        }
        memcpy(to, line + spa % CBIT_LINE_BYTES, n);
        to += n;
        spa += n;
        len_bytes -= n;
    }
    return CBIT_ERR_OK;
}

static cbit_err_t poke(void *self, cbit_spa_t spa, cbit_key_t key, const void *bytes,
                       uint32_t len_bytes)
{
    umc_catch_up(self);
    const uint8_t *from = bytes;
    while (len_bytes > 0) {
        uint8_t line[CBIT_LINE_BYTES];
        cbit_spa_t base = spa - spa % CBIT_LINE_BYTES;
        uint32_t n = bytes_in_line(spa, len_bytes);
        cbit_err_t err = n == CBIT_LINE_BYTES ? CBIT_ERR_OK : peek_line(self, base, key, line);
        memcpy(line + spa % CBIT_LINE_BYTES, from, n);
        err = err != CBIT_ERR_OK ? err : poke_line(self, base, key, line);
        if (err != CBIT_ERR_OK) {
            return err;
        }
        from += n;
        spa += n;
        len_bytes -= n;
    }
    return CBIT_ERR_OK;
}

cbit_port_t cbit_umc_port(cbit_umc_t *umc)
{
    return (cbit_port_t){
        .self = umc, .try_send = try_send, .try_send_at = try_send_at, .peek = peek, .poke = poke};
}
