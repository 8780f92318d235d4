/*
 * Reads that are answered as their RD issues: nobody looks at bytes, and the engine can tell that
 * nothing is in the line's way. Here, for both ways of a channel's commands have it inlined.
 * Private to the adapter.
 */
#ifndef CBIT_MODEL_UMC_AHEAD_H
#define CBIT_MODEL_UMC_AHEAD_H

#include "model/umc/umc_private.h"

/* The line is in the return buffer until it is out. */
static inline void umc_into_buffer(cbit_umc_t *umc, uint64_t out_nck, bool plain)
{
    umc_ahead_t *ahead = &umc->ahead;
    uint32_t at = ahead->first + ahead->count++;
    for (; at != ahead->first && ahead->out[(at - 1) % UMC_AHEAD] >> 1 > out_nck; at--) {
        ahead->out[at % UMC_AHEAD] = ahead->out[(at - 1) % UMC_AHEAD];
    }
    ahead->out[at % UMC_AHEAD] = out_nck << 1 | (plain ? 1 : 0);
}

/* What a read's answer says of its time here, with its line out at out_ps. */
static inline void umc_charge(const cbit_umc_t *umc, cbit_txn_t *txn, uint64_t first_nck,
                              uint64_t bus_nck, cbit_ps_t out_ps)
{
    const cbit_ps_t first_ps = umc_edge_ps(umc, first_nck);
    const cbit_ps_t bus_ps = umc_edge_ps(umc, bus_nck);
    cbit_txn_charge(txn, CBIT_STAGE_QUEUE, first_ps - txn->entered_ps);
    cbit_txn_charge(txn, CBIT_STAGE_DRAM, bus_ps - first_ps);
    cbit_txn_charge(txn, CBIT_STAGE_AES, out_ps - bus_ps);
}

/* Answers a read whose RD issues at rd_nck if all of it is known now. False: its line is to be
   followed. */
static inline bool umc_answer_ahead(cbit_umc_t *umc, uint32_t index, uint64_t first_nck,
                                    uint64_t rd_nck)
{
    const umc_way_t *way = &umc->way;
    const umc_user_t *user = &umc->users[index];
    cbit_txn_t *txn = user->txn;
    if (!way->ahead || txn == NULL || !txn->no_bytes) {
        return false;
    }
    const uint64_t bus_nck = rd_nck + way->read_bus_nck;
    const bool plain = user->key == CBIT_KEY_PLAIN;
    const uint64_t out_nck = umc_answer_nck(umc, rd_nck, plain);
    if (umc_engine_on(umc)) {
        const uint64_t first_eclk = umc_eclk_from(umc, rd_nck + way->cl_nck + way->beat_nck);
        if (!way->engine.ops->pass(way->engine.self, CBIT_AES_DECRYPT, user->slot, plain,
                                   first_eclk, way->beat_eclk)) {
            return false;
        }
        umc_into_buffer(umc, out_nck, plain);
    }
    txn->status = CBIT_ERR_OK;
    const cbit_ps_t out_ps = umc_edge_ps(umc, out_nck);
    umc_charge(umc, txn, first_nck, bus_nck, out_ps);
    umc_user_free(umc, index);
    umc_answer(umc, txn, out_ps);
    return true;
}

/*
 * A write whose WR issues at wr_nck, if nobody waits for it to be in the DRAM and the engine can
 * tell that nothing is in the line's way: then nothing is left to do for it. False: its line is to
 * be followed.
 */
static inline bool umc_through_ahead(cbit_umc_t *umc, uint32_t index, uint64_t wr_nck)
{
    const umc_way_t *way = &umc->way;
    const umc_user_t *user = &umc->users[index];
    umc_written_t *written = &umc->written;
    const bool plain = user->key == CBIT_KEY_PLAIN;
    uint64_t end_nck = wr_nck + way->write_bus_nck;
    if (written->count == UMC_WRITTEN) {
        umc_count_written(umc, wr_nck);
    }
    if (written->count == UMC_WRITTEN) {
        return false;
    }
    if (umc_engine_on(umc)) {
        const uint64_t first_eclk = umc_max_u64(umc_eclk_from(umc, wr_nck), umc->encrypt_free_eclk);
        if (!way->engine.ops->pass(way->engine.self, CBIT_AES_ENCRYPT, user->slot, plain,
                                   first_eclk, 1)) {
            return false;
        }
        umc->encrypt_free_eclk = first_eclk + CBIT_LINE_BEATS;
        const uint64_t last_eclk = first_eclk + CBIT_LINE_BEATS - 1;
        const uint64_t out_eclk = last_eclk + (plain && way->around ? 1 : way->depth_eclk);
        end_nck = umc_max_u64(end_nck, umc_nck_of(umc, out_eclk));
    }
    written->at[(written->first + written->count++) % UMC_WRITTEN] = end_nck << 1 | plain;
    umc_unchain_write(umc, index);
    umc_user_free(umc, index);
    return true;
}

/* A read's RD issues at rd_nck; its first command did at first_nck. */
static inline void umc_on_read(cbit_umc_t *umc, uint32_t index, uint64_t first_nck, uint64_t rd_nck)
{
    umc->credits -= umc_engine_on(umc) ? 1 : 0;
    if (!umc_answer_ahead(umc, index, first_nck, rd_nck)) {
        umc->users[index].first_nck = first_nck;
        umc->users[index].bus_nck = rd_nck + umc->way.read_bus_nck;
        umc_follow_read(umc, index, rd_nck);
    }
    if (umc->credits == 0) {
        umc_leave_buffer(umc, rd_nck);
    }
}

#endif
