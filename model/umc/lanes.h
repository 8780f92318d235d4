/* Keys of lanes, and lanes of which only one is wanted; here, for they are to be inlined. */
#ifndef CBIT_MODEL_UMC_LANES_H
#define CBIT_MODEL_UMC_LANES_H

#include "model/umc/core_private.h"

/* While anybody of the mode is known to starve (umc_watch_starvation). */
static inline bool umc_starving(const umc_core_t *core, const umc_entry_t *entry)
{
    return core->starving &&
           core->floor_nck > entry->accept_nck + core->config.policy.starvation_nck;
}

static inline uint32_t umc_key_of(const umc_core_t *core, uint16_t index)
{
    const umc_entry_t *entry = &core->entries[index];
    uint32_t class = umc_starving(core, entry) ? UMC_STARVING : UMC_NORMAL;
    return class << UMC_SEQ_BITS | entry->seq;
}

__attribute__((always_inline)) static inline void umc_want_only(umc_core_t *core, uint32_t bank,
                                                                uint32_t op, uint32_t key)
{
    for (uint32_t i = 0; i < UMC_OPS; i++) {
        core->key[bank].op[i] = UMC_KEY_NONE;
    }
    core->key[bank].op[op] = (int32_t)key;
    core->busy[bank / 64] |= UINT64_C(1) << bank % 64;
    core->wants[bank] = (uint8_t)(1u << op);
}

#endif
