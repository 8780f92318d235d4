/* What commands do to banks and requests; here, for they are to be inlined. */
#ifndef CBIT_MODEL_UMC_COMMANDS_H
#define CBIT_MODEL_UMC_COMMANDS_H

#include "model/umc/gates.h"

/* A request has left: younger ones of its line that waited for it come one nearer. */
void umc_unblock(umc_core_t *core, const umc_entry_t *gone);

__attribute__((always_inline)) static inline void umc_close_bank(umc_core_t *core, uint32_t bank,
                                                                 uint32_t at)
{
    umc_rank_t *rank = &core->rank[core->rank_of[bank]];
    rank->kept_banks -= core->kept[bank] != UMC_NO_ENTRY ? 1 : 0;
    core->open_banks--;
    if (--rank->open_banks == 0) {
        core->stats.open_rank_nck += core->epoch_nck + at - rank->open_since_nck;
    }
    core->kept[bank] = UMC_NO_ENTRY;
    core->open_row[bank] = UMC_CLOSED;
    core->queue[0][bank].hits = 0;
    core->queue[1][bank].hits = 0;
}

__attribute__((always_inline)) static inline void umc_leave(umc_core_t *core, uint16_t index)
{
    umc_entry_t *entry = &core->entries[index];
    if (entry->active) {
        core->promoted[entry->bank] = UMC_NO_ENTRY;
    } else {
        umc_bank_remove(core, index);
        core->waiting[entry->write] -= core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN ? 0 : 1;
    }
    core->entry_of_seq[entry->seq] = UMC_NO_ENTRY;
    --*umc_line_count(core, entry->line);
    core->free[core->free_count++] = index;
    core->live--;
    if (core->stuck[0] + core->stuck[1] > 0) {
        umc_unblock(core, entry);
    }
}

/* A request's ACT, but for the lanes. */
__attribute__((always_inline)) static inline void umc_open_bank(umc_core_t *core, uint16_t index,
                                                                uint32_t at)
{
    umc_entry_t *entry = &core->entries[index];
    uint32_t bank = entry->bank;
    umc_rank_t *rank = &core->rank[core->rank_of[bank]];
    umc_gates_act(core, bank, at);
    core->stats.activates++;
    core->row_columns[bank] = 0;
    if (core->config.policy.promote && !entry->active) {
        umc_bank_remove(core, index);
        entry->active = true;
        core->promoted[bank] = index;
        core->waiting[entry->write]--;
    }
    core->open_row[bank] = entry->row;
    core->kept[bank] = index;
    rank->kept_banks++;
    core->open_banks++;
    if (rank->open_banks++ == 0) {
        rank->open_since_nck = core->epoch_nck + at;
    }
    entry->missed = true;
    umc_bank_opened(core, bank);
}

#endif
