/* Key writes and flushes: what waits for queued writes. */
#include <string.h>

#include "model/umc/umc_private.h"

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
    for (uint32_t i = 0; i < umc->door.count; i++) {
        const umc_user_t *user = umc_at_door(umc, i);
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

void umc_serve_key_write(cbit_umc_t *umc, uint64_t nck)
{
    umc_key_write_t *write = &umc->key_write;
    if (!write->busy) {
        return;
    }
    if (!write->issued && !slot_has_writes(umc, write->slot)) {
        write->issued = true;
        write->done_nck = nck + 1;
        if (umc_engine_on(umc)) {
            uint64_t eclk = umc_eclk_from(umc, nck + 1);
            const uint64_t switch_eclk = umc->parts.engine.ops->key_write(
                umc->parts.engine.self, eclk, write->slot, write->clear ? NULL : write->key);
            if (umc->way.ahead && write->clear) {
                umc_answers_lose_key(umc, write->slot, switch_eclk);
            }
            write->done_nck = umc_nck_of(umc, eclk + UMC_KEY_EXPANSION_ECLK);
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
    umc_catch_up(umc);
    umc->in_step = true;
    umc->key_write = (umc_key_write_t){
        .busy = true, .clear = key == NULL, .slot = slot, .done = done, .self = self};
    if (key != NULL) {
        memcpy(umc->key_write.key, key, CBIT_KEY_BYTES);
    }
    umc_wake_at(umc, umc_now_nck(umc));
}

void cbit_umc_flush(cbit_umc_t *umc, void (*done)(void *self), void *self)
{
    umc_catch_up(umc);
    uint32_t f = 0;
    while (f < UMC_MAX_FLUSHES && umc->flush[f].busy) {
        f++;
    }
    if (f == UMC_MAX_FLUSHES) {
        __builtin_trap(); /* nobody flushes that often: the caller's bug */
    }
    umc->flush[f] = (umc_flush_t){
        .busy = true, .from_nck = umc_last_written_nck(umc), .done = done, .self = self};
    umc->flushes_busy++;
    umc->in_step = true;
    for (uint32_t i = umc->oldest_write; i != UMC_NONE; i = umc->users[i].newer) {
        umc->users[i].flushes |= (uint8_t)(1u << f);
        umc->flush[f].left++;
    }
    umc_wake_at(umc, umc_now_nck(umc));
}

void umc_serve_flushes(cbit_umc_t *umc, uint64_t nck)
{
    for (uint32_t f = 0; umc->flushes_busy != 0 && f < UMC_MAX_FLUSHES; f++) {
        if (umc->flush[f].busy && umc->flush[f].left == 0 && nck >= umc->flush[f].from_nck) {
            umc->flush[f].busy = false;
            umc->flushes_busy--;
            umc->flush[f].done(umc->flush[f].self);
        }
    }
}

bool umc_draining(const cbit_umc_t *umc)
{
    return umc->flushes_busy != 0 || (umc->key_write.busy && !umc->key_write.issued);
}
