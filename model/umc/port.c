/* The controller's port: taking requests, and zero-time access through queues and cipher. */
#include <string.h>

#include "model/umc/bound.h"
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
    return umc_core_room(umc->core, write, umc_wanted_entries(umc, write));
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
    umc_door_t *door = &umc->door;
    umc_waiting_t *waiting = door->waiting + door->first;
    uint64_t next_nck = i == 0 ? umc->accept_nck : waiting[i - 1].due_nck + 1;
    for (; i < door->count; i++) {
        const umc_user_t *user = &umc->users[waiting[i].user];
        waiting[i].due_nck = umc_max_u64(user->arrive_nck, next_nck);
        waiting[i].shows_nck = user->prompt ? waiting[i].due_nck : waiting[i].shows_nck;
        next_nck = waiting[i].due_nck + 1;
    }
    door->next_nck = next_nck;
    door->entering_nck = waiting->due_nck;
}

/* As queue_up, of one that is here before some that stand there already, or for want of memory
   behind the last one. */
static __attribute__((noinline)) umc_waiting_t *push_in(cbit_umc_t *umc, uint32_t index,
                                                        cbit_ps_t at_ps)
{
    umc_door_t *door = &umc->door;
    umc_waiting_t *waiting = door->waiting;
    for (uint32_t i = 0; i < door->count && door->first > 0; i++) {
        waiting[i] = waiting[door->first + i];
        waiting[door->first + i].due_nck = waiting[door->first + i].shows_nck = UMC_NEVER;
    }
    door->first = 0;
    uint32_t at = door->count++;
    for (; at > 0 && waiting[at - 1].at_ps > at_ps; at--) {
        waiting[at] = waiting[at - 1];
    }
    waiting[at] = (umc_waiting_t){.shows_nck = UMC_NEVER, .at_ps = at_ps, .user = index};
    set_due(umc, at);
    door->last_ps = waiting[door->count - 1].at_ps;
    return &waiting[at];
}

/* Takes its place among those that are here or will be, by when they are. */
static inline umc_waiting_t *queue_up(cbit_umc_t *umc, uint32_t index, uint64_t arrive_nck,
                                      cbit_ps_t at_ps)
{
    umc_door_t *door = &umc->door;
    if (at_ps < door->last_ps || door->first + door->count == door->places) {
        return push_in(umc, index, at_ps);
    }
    umc_waiting_t *own = &door->waiting[door->first + door->count++];
    own->due_nck = umc_max_u64(arrive_nck, door->next_nck);
    own->at_ps = at_ps;
    own->user = index;
    door->last_ps = at_ps;
    door->next_nck = own->due_nck + 1;
    door->entering_nck = umc_min_u64(door->entering_nck, own->due_nck);
    return own;
}

/* One of the line may be here: a read of the line of a write shows as soon as it is accepted,
   whichever of the two comes first. */
static __attribute__((noinline)) void meet_others(cbit_umc_t *umc, umc_user_t *user)
{
    const uint32_t write = umc_newest_of_line(umc, user->line_spa);
    user->prompt |= write != UMC_NONE && !umc->users[write].offered;
    for (uint32_t i = 0; i < umc->door.count; i++) {
        umc_waiting_t *waiting = &umc->door.waiting[umc->door.first + i];
        umc_user_t *other = &umc->users[waiting->user];
        if (other->line_spa == user->line_spa) {
            other->prompt = user->prompt = true;
            waiting->shows_nck = waiting->due_nck;
        }
    }
}

/* Where it is to go. */
static inline void find_place(const cbit_umc_t *umc, umc_user_t *user)
{
    const uint64_t address = user->txn->channel_address & ~(uint64_t)(CBIT_LINE_BYTES - 1);
    user->placed = cbit_dram_map_place(&umc->map, address, &user->place);
    if (!user->placed) {
        user->place = (cbit_dram_place_t){0};
    }
}

/* No answer to it is there before, if it is accepted at due_nck. wanted: another at the door is of
   its bank. */
static inline uint64_t shows_nck(const cbit_umc_t *umc, const umc_user_t *user, uint64_t due_nck,
                                 bool wanted)
{
    if (user->prompt) {
        return due_nck;
    }
    const uint64_t column_nck = umc_column_of(umc->core, &user->place, due_nck, wanted);
    return umc_answer_nck(umc, column_nck, user->key == CBIT_KEY_PLAIN);
}

/* Takes a request that is here at at_ps: true, so that nothing is left to do for who says so. */
static bool take(cbit_umc_t *umc, cbit_txn_t *txn, cbit_ps_t at_ps)
{
    const cbit_key_t key = key_of(umc, txn->key);
    const uint64_t nck = umc_nck_from(umc, at_ps);
    const bool write = txn->command == CBIT_COMMAND_WRITE;
    const uint32_t index = umc_user_take(umc, key), requester = umc_requester_of(txn);
    umc_limit_took(umc, requester, nck);
    umc_user_t *user = &umc->users[index];
    umc_user_fill(user, write ? UMC_KIND_WRITE : UMC_KIND_READ, txn, key, slot_of(umc, key));
    user->line_spa = txn->spa & ~(cbit_spa_t)(CBIT_LINE_BYTES - 1);
    user->requester = (uint8_t)requester;
    user->order = umc->next_order++;
    user->arrive_nck = nck;
    txn->entered_ps = at_ps;
    umc->least_back_ps = txn->back_ps < umc->least_back_ps ? txn->back_ps : umc->least_back_ps;
    find_place(umc, user);
    if (!umc->way.timing_only) {
        cbit_store_expect(umc->parts.store, user->line_spa);
    }
    user->prompt = write | !user->placed;
    if ((*umc_of_line(umc, user->line_spa))++ != 0) {
        meet_others(umc, user);
    }
    const bool wanted = umc->of_bank[user->place.flat_bank]++ != 0;
    umc_waiting_t *waiting = queue_up(umc, index, nck, at_ps);
    waiting->shows_nck = shows_nck(umc, user, waiting->due_nck, wanted);
    if (umc->in_step) {
        umc_wake_at(umc, waiting->due_nck);
    } else {
        const cbit_ps_t heard_ps = umc_edge_ps(umc, waiting->shows_nck) + txn->back_ps;
        umc->unheard_ps = umc_min_u64(umc->unheard_ps, heard_ps);
        if (!umc->in_wake) { /* whose end knows that */
            umc_wake_at_ps(umc, heard_ps);
        }
    }
    return true;
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
    if (umc_limit_refuses(umc, umc_requester_of(txn), umc_now_nck(umc))) {
        return refuse(umc, &umc->limit.waiters, waiter);
    }
    return take(umc, txn, cbit_kernel_now_ps(umc->way.kernel));
}

static bool is_roomy(const cbit_umc_t *umc)
{
    const uint32_t reads = umc_wanted_entries(umc, false), writes = umc_wanted_entries(umc, true);
    return umc_core_room(umc->core, false, reads + UMC_AHEAD_LEAVES) &&
           umc_core_room(umc->core, true, writes + UMC_AHEAD_LEAVES);
}

/* Whether there is room must not depend on when somebody looked last: commands only make some. */
static __attribute__((noinline)) bool take_with_room(cbit_umc_t *umc, cbit_txn_t *txn,
                                                     cbit_ps_t at_ps)
{
    if (!is_roomy(umc)) {
        umc_catch_up(umc);
        if (!is_roomy(umc)) {
            return false;
        }
    }
    return take(umc, txn, at_ps);
}

/*
 * One that will be here at at_ps. Only while commands show through answers alone, and while there
 * is so much room that neither it nor who comes before it, read or write, could be refused.
 */
static bool try_send_at(void *self, cbit_txn_t *txn, cbit_ps_t at_ps)
{
    cbit_umc_t *umc = self;
    const bool partial = txn->command == CBIT_COMMAND_WRITE && txn->size_bytes < CBIT_LINE_BYTES;
    if (umc->in_step || partial) {
        return false;
    }
    return umc->user_count - umc->free_count < umc->way.roomy ? take(umc, txn, at_ps)
                                                              : take_with_room(umc, txn, at_ps);
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
