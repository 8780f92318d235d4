/* What ACT, PRE and column commands do to the lanes' gates; here, for they are to be inlined. */
#ifndef CBIT_MODEL_UMC_GATES_H
#define CBIT_MODEL_UMC_GATES_H

#include "model/umc/core_private.h"

static inline void umc_raise(int32_t *gate, uint32_t to)
{
    *gate = *gate > (int32_t)to ? *gate : (int32_t)to;
}

/* Raises all four lanes; where no rule speaks the distance is 0, which is past already. */
static inline void umc_raise_lanes(umc_lanes_t *gate, const umc_lanes_t *distance, uint32_t at)
{
    for (uint32_t op = 0; op < UMC_OPS; op++) {
        int32_t to = (int32_t)at + distance->op[op];
        gate->op[op] = gate->op[op] > to ? gate->op[op] : to;
    }
}

/* The rules from one command to others of the bank, its group, its rank and the other ranks. */
static inline void umc_raise_all(umc_core_t *core, uint32_t before, uint32_t bank, uint32_t at)
{
    const umc_lanes_t *d = core->distance[before];
    uint32_t rank = core->rank_of[bank];
    umc_raise_lanes(&core->gate[bank], &d[CBIT_SCOPE_BANK], at);
    umc_raise_lanes(&core->group_gate[core->group_of[bank]], &d[CBIT_SCOPE_GROUP], at);
    umc_raise_lanes(&core->rank_gate[rank], &d[CBIT_SCOPE_RANK], at);
    for (uint32_t r = 0; core->config.device.ranks > 1 && r < core->config.device.ranks; r++) {
        if (r != rank) {
            umc_raise_lanes(&core->rank_gate[r], &d[CBIT_SCOPE_OTHER_RANKS], at);
        }
    }
}

static inline void umc_gates_act(umc_core_t *core, uint32_t bank, uint32_t at)
{
    umc_rank_t *rank = &core->rank[core->rank_of[bank]];
    umc_raise_all(core, UMC_ACT, bank, at);
    rank->faw[rank->faw_at] = at;
    rank->faw_at = (rank->faw_at + 1) % UMC_FAW;
    rank->acts += rank->acts < UMC_FAW ? 1 : 0;
    if (rank->acts == UMC_FAW) {
        /* The next ACT must leave the window of the oldest of the last four. */
        umc_raise(&core->rank_gate[core->rank_of[bank]].op[UMC_ACT],
                  rank->faw[rank->faw_at] + core->faw_nck);
    }
    rank->after[UMC_ACT] = at + 1;
}

static inline void umc_gates_pre(umc_core_t *core, uint32_t bank, uint32_t at)
{
    umc_rank_t *rank = &core->rank[core->rank_of[bank]];
    umc_raise_all(core, UMC_PRE, bank, at);
    rank->after[UMC_PRE] = at + 1;
}

static inline void umc_gates_column(umc_core_t *core, uint32_t bank, bool write, bool closes,
                                    uint32_t at)
{
    umc_rank_t *rank = &core->rank[core->rank_of[bank]];
    umc_op_t op = write ? UMC_WR : UMC_RD;
    if (!closes) {
        umc_raise_all(core, op, bank, at);
        rank->after[op] = umc_max32(rank->after[op], at + 1);
    } else {
        umc_raise_all(core, write ? UMC_BEFORE_WRA : UMC_BEFORE_RDA, bank, at);
        rank->refresh_gate = umc_max32(rank->refresh_gate, at + core->auto_to_ref[write]);
    }
}

#endif
