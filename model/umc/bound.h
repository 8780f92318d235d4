/*
 * How early a column command can come: bounds, for who need not know when it does. Here, for the
 * adapter asks with each request and with each wake. Private to model/umc.
 */
#ifndef CBIT_MODEL_UMC_BOUND_H
#define CBIT_MODEL_UMC_BOUND_H

#include "model/umc/core_private.h"

/* As umc_gate, for ACT. */
static inline uint32_t umc_act_gate(const umc_core_t *core, const cbit_dram_place_t *place)
{
    const uint32_t group = place->rank * core->few.rules.groups + place->group;
    const uint32_t bank_nck = (uint32_t)core->gate[place->flat_bank].op[UMC_ACT];
    const uint32_t group_nck = (uint32_t)core->group_gate[group].op[UMC_ACT];
    const uint32_t rank_nck = (uint32_t)core->rank_gate[place->rank].op[UMC_ACT];
    return umc_max32(bank_nck, umc_max32(group_nck, rank_nck));
}

/* Of a request of this place that can have its first command from from_nck on. alone: nobody but it
   can open or close a row of the bank until then, but by a refresh. */
static inline uint64_t umc_column_from(const umc_core_t *core, const cbit_dram_place_t *place,
                                       uint64_t from_nck, bool alone)
{
    const uint32_t bank = place->flat_bank, open = core->open_row[bank];
    if (open == place->row) {
        return from_nck;
    }
    uint64_t act_nck = alone ? from_nck : core->floor_nck;
    if (open == UMC_CLOSED) {
        act_nck = umc_max64(act_nck, core->epoch_nck + umc_act_gate(core, place));
    } else if (!alone || core->next_due_nck > from_nck) { /* or a refresh has closed it before */
        act_nck += core->few.rules.pre_to_act;
    }
    return umc_max64(from_nck, act_nck + core->few.rules.act_to_column);
}

/* The first clock in which a column command can issue of a request of this place that is to be
   accepted at at_nck. wanted: another request not accepted yet is of its bank. */
static inline uint64_t umc_column_of(const umc_core_t *core, const cbit_dram_place_t *place,
                                     uint64_t at_nck, bool wanted)
{
    if (!core->few.on) {
        return umc_core_column_of(core, place, at_nck, wanted);
    }
    const bool alone = !wanted & ((core->few.banks >> place->flat_bank & 1) == 0);
    return umc_column_from(core, place, umc_max64(core->floor_nck, at_nck + 1), alone);
}

/* The same of any request accepted; UMC_NEVER: there is none. */
static inline uint64_t umc_next_column(umc_core_t *core)
{
    const umc_few_t *few = &core->few;
    if (!few->on) {
        return umc_core_next_column(core, umc_core_next_nck(core));
    }
    const uint64_t next_nck = few->due_nck != 0 ? few->due_nck : umc_core_next_nck(core);
    const uint32_t first_nck = few->rules.act_to_column & -(uint32_t)(few->columns == 0);
    const uint64_t left_nck = UMC_NEVER - next_nck; /* 0: it stays never */
    return next_nck + (first_nck < left_nck ? first_nck : left_nck);
}

#endif
