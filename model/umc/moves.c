/* Command queues (ROUND_ROBIN): one transaction moves into them in a clock. */
#include <string.h>

#include "model/umc/core_private.h"

static uint32_t find_movable(const umc_core_t *core, bool write)
{
    for (uint32_t i = 0; i < core->transaction_count[write]; i++) {
        const umc_entry_t *entry = &core->entries[core->transactions[write][i]];
        if (core->queue[0][entry->bank].count < core->config.policy.bank_entries) {
            return i;
        }
    }
    return UMC_NO_ENTRY;
}

static bool read_of_line_waits(const umc_core_t *core, const umc_entry_t *write)
{
    for (uint32_t i = 0; i < core->transaction_count[0]; i++) {
        if (core->entries[core->transactions[0][i]].line == write->line) {
            return true;
        }
    }
    const umc_bank_queue_t *queue = &core->queue[0][write->bank];
    for (uint32_t i = 0; i < queue->count; i++) {
        const umc_entry_t *entry = &core->entries[queue->entry[i]];
        if (!entry->write && entry->line == write->line) {
            return true;
        }
    }
    return false;
}

static bool move_one(umc_core_t *core)
{
    const umc_policy_t *p = &core->config.policy;
    bool none_queued = core->live == core->waiting[0] + core->waiting[1];
    /* What the imitated one does not know, and a machine must: a flush, a read stuck behind a write
       of its line, and that the last few writes may not wait for ever. */
    bool idle = p->orders_lines && none_queued && core->waiting[0] == core->stuck[0];
    bool urgent = core->draining || core->stuck[0] > 0 || idle;
    if (core->drain_left == 0 && (urgent || core->waiting[1] >= p->write_entries ||
                                  (core->waiting[1] > p->write_high && none_queued))) {
        core->drain_left = core->waiting[1];
    }
    /* Writes that wait for the rest of their line cannot move, and their reads must. */
    bool writes = core->drain_left > 0 && core->transaction_count[1] > 0;
    uint32_t at = find_movable(core, writes);
    if (writes && at != UMC_NO_ENTRY &&
        read_of_line_waits(core, &core->entries[core->transactions[1][at]])) {
        core->drain_left = 0;
        if (!none_queued || core->waiting[1] <= p->write_high) {
            /* Nothing moves in this clock; while the buffer is full, nor in the next ones. */
            return core->waiting[1] < p->write_entries;
        }
        writes = false; /* would wait for ever: the read goes first */
        at = find_movable(core, false);
    }
    if (at == UMC_NO_ENTRY) {
        return false;
    }
    uint16_t index = core->transactions[writes][at];
    if (core->reasons != NULL && !writes) {
        umc_reasons_moved(core, index);
    }
    uint32_t left = --core->transaction_count[writes] - at;
    memmove(&core->transactions[writes][at], &core->transactions[writes][at + 1],
            left * sizeof core->transactions[0][0]);
    core->waiting[writes]--;
    core->drain_left -= writes ? 1 : 0;
    (void)umc_bank_append(core, index);
    umc_lanes_update(core, core->entries[index].bank);
    return true;
}

/* Does the moves that belong to the clocks before floor_nck; true if another may follow. */
bool umc_do_moves(umc_core_t *core)
{
    while (!core->still && core->moved_nck < core->floor_nck) {
        core->still = !move_one(core);
        core->moved_nck++;
    }
    core->moved_nck = umc_max64(core->moved_nck, core->still ? core->floor_nck : 0);
    return !core->still;
}
