/* Who wants which command of a bank next. */
#include <string.h>

#include "model/umc/core_private.h"

/* While anybody of the mode is known to starve (watch_starvation). */
static inline bool starving(const umc_core_t *core, const umc_entry_t *entry)
{
    return core->starving &&
           core->floor_nck > entry->accept_nck + core->config.policy.starvation_nck;
}

static inline uint32_t key_of(const umc_core_t *core, uint16_t index)
{
    const umc_entry_t *entry = &core->entries[index];
    uint32_t class = starving(core, entry) ? UMC_STARVING : UMC_NORMAL;
    return class << UMC_SEQ_BITS | entry->seq;
}

static inline void want(umc_lanes_t *lanes, umc_op_t op, uint32_t key)
{
    lanes->op[op] = (int32_t)key < lanes->op[op] ? (int32_t)key : lanes->op[op];
}

static uint32_t first_with_row(const umc_bank_queue_t *queue, uint32_t row)
{
    uint32_t i = 0;
    while (queue->row[i] != row) {
        i++;
    }
    return i;
}

static uint32_t first_without_row(const umc_bank_queue_t *queue, uint32_t row)
{
    uint32_t i = 0;
    while (queue->row[i] == row) {
        i++;
    }
    return i;
}

/* ---- by age ---- */

static void want_conflict(umc_core_t *core, uint32_t bank, const umc_bank_queue_t *queue,
                          umc_lanes_t *lanes)
{
    const umc_policy_t *p = &core->config.policy;
    uint32_t open = core->open_row[bank];
    if (queue->count == queue->hits ||
        (p->promoted_keeps_row && core->kept[bank] != UMC_NO_ENTRY)) {
        return;
    }
    uint16_t index = queue->entry[0];
    if (queue->row[0] == open) {
        index = queue->entry[first_without_row(queue, open)];
        if (p->hits == UMC_HITS_OLDER && !starving(core, &core->entries[index])) {
            return;
        }
    }
    want(lanes, UMC_PRE, key_of(core, index));
}

static void lanes_by_age(umc_core_t *core, uint32_t bank, umc_lanes_t *lanes)
{
    const umc_policy_t *p = &core->config.policy;
    const umc_bank_queue_t *queue = &core->queue[core->write_mode][bank];
    uint16_t promoted = core->promoted[bank];
    if (promoted != UMC_NO_ENTRY && core->entries[promoted].visible_nck <= core->floor_nck) {
        const umc_entry_t *entry = &core->entries[promoted];
        want(lanes, umc_next_op(core, entry), (uint32_t)UMC_PROMOTED << UMC_SEQ_BITS | entry->seq);
    }
    bool was_capped = core->capped[bank];
    core->capped[bank] = false;
    if (queue->count > 0 && core->open_row[bank] == UMC_CLOSED) {
        want(lanes, UMC_ACT, key_of(core, queue->entry[0]));
    } else if (queue->count > 0) {
        if (queue->hits > 0) {
            if (p->row_hit_cap != 0 && core->row_columns[bank] > p->row_hit_cap) {
                core->capped[bank] = true;
            } else {
                uint32_t at = first_with_row(queue, core->open_row[bank]);
                want(lanes, core->write_mode ? UMC_WR : UMC_RD, key_of(core, queue->entry[at]));
            }
        }
        want_conflict(core, bank, queue, lanes);
    }
    core->capped_count += (core->capped[bank] ? 1u : 0u) - (was_capped ? 1u : 0u);
}

/* ---- one request a bank ---- */

static void lanes_by_bank(umc_core_t *core, uint32_t bank, umc_lanes_t *lanes)
{
    const umc_bank_queue_t *queue =
        &core->queue[core->config.policy.unified ? 0 : core->write_mode][bank];
    if (queue->count == 0) {
        return;
    }
    uint16_t index = queue->entry[0];
    if (core->open_row[bank] != UMC_CLOSED) {
        if (queue->hits > 0) {
            index = queue->entry[first_with_row(queue, core->open_row[bank])];
        } else if (core->kept[bank] != UMC_NO_ENTRY) {
            index = core->kept[bank];
            if (core->entries[index].parked) {
                return; /* its ciphertext is not there yet, and the row stays open for it */
            }
        }
    }
    want(lanes, umc_next_op(core, &core->entries[index]), key_of(core, index));
}

/* ---- command queues: keys are places in the queue ---- */

static bool read_of_line_before(const umc_core_t *core, const umc_bank_queue_t *queue, uint32_t at)
{
    uint64_t line = core->entries[queue->entry[at]].line;
    for (uint32_t i = 0; i < at; i++) {
        const umc_entry_t *entry = &core->entries[queue->entry[i]];
        if (!entry->write && entry->line == line) {
            return true;
        }
    }
    return false;
}

static void lanes_in_turn(umc_core_t *core, uint32_t bank, umc_lanes_t *lanes)
{
    const umc_bank_queue_t *queue = &core->queue[0][bank];
    uint32_t open = core->open_row[bank];
    if (queue->count == 0) {
        return;
    }
    if (open == UMC_CLOSED) {
        want(lanes, UMC_ACT, 0);
        return;
    }
    if (queue->row[0] != open &&
        (queue->hits == 0 || core->row_columns[bank] >= core->config.policy.row_hit_cap)) {
        want(lanes, UMC_PRE, 0);
    }
    for (uint32_t i = 0, left = queue->hits; left > 0; i++) {
        if (queue->row[i] != open) {
            continue;
        }
        left--;
        bool write = core->entries[queue->entry[i]].write;
        if (!write || !read_of_line_before(core, queue, i)) {
            want(lanes, write ? UMC_WR : UMC_RD, i);
        }
    }
}

static void mark_wanted(umc_core_t *core, uint32_t bank, uint32_t wants)
{
    for (uint32_t changed = core->wants[bank] ^ wants; changed != 0; changed &= changed - 1) {
        uint32_t op = (uint32_t)__builtin_ctz(changed);
        core->wanted[op][bank / 64] ^= UINT64_C(1) << bank % 64;
        core->wanted_count += (wants >> op & 1) != 0 ? 1u : -1u;
    }
    core->wants[bank] = (uint8_t)wants;
}

void umc_lanes_update(umc_core_t *core, uint32_t bank)
{
    umc_lanes_t lanes = {{UMC_KEY_NONE, UMC_KEY_NONE, UMC_KEY_NONE, UMC_KEY_NONE}};
    switch (core->config.policy.scheme) {
    case UMC_SCHEME_AGE:
        lanes_by_age(core, bank, &lanes);
        break;
    case UMC_SCHEME_BANKS:
        lanes_by_bank(core, bank, &lanes);
        break;
    case UMC_SCHEME_ROUND_ROBIN:
        lanes_in_turn(core, bank, &lanes);
        break;
    }
    uint32_t wants = 0;
    for (uint32_t op = 0; op < UMC_OPS; op++) {
        core->key[bank].op[op] = lanes.op[op];
        wants |= (lanes.op[op] != UMC_KEY_NONE ? 1u : 0u) << op;
    }
    if (wants != core->wants[bank]) {
        mark_wanted(core, bank, wants);
    }
}

void umc_lanes_update_all(umc_core_t *core)
{
    for (uint32_t b = 0; b < core->banks; b++) {
        umc_lanes_update(core, b);
    }
}

/* ---- the banks' queues ---- */

void umc_bank_insert(umc_core_t *core, uint16_t index)
{
    const umc_entry_t *entry = &core->entries[index];
    umc_bank_queue_t *queue = &core->queue[umc_queue_of(core, entry->write)][entry->bank];
    if (queue->count == queue->room) {
        /* The memory's end: back to its beginning. */
        uint32_t used = (uint32_t)(queue->row - queue->row_memory);
        memmove(queue->row_memory, queue->row, queue->count * sizeof *queue->row);
        memmove(queue->entry_memory, queue->entry, queue->count * sizeof *queue->entry);
        queue->row = queue->row_memory;
        queue->entry = queue->entry_memory;
        queue->room += used;
    }
    uint32_t at = queue->count++;
    /* Nearly always the youngest; a request that was held goes to its place by age. */
    if (core->config.policy.scheme != UMC_SCHEME_ROUND_ROBIN) {
        for (; at > 0 && core->entries[queue->entry[at - 1]].seq > entry->seq; at--) {
            queue->entry[at] = queue->entry[at - 1];
            queue->row[at] = queue->row[at - 1];
        }
    }
    queue->entry[at] = index;
    queue->row[at] = entry->row;
    queue->hits += entry->row == core->open_row[entry->bank] ? 1 : 0;
}

void umc_bank_remove(umc_core_t *core, uint16_t index)
{
    const umc_entry_t *entry = &core->entries[index];
    umc_bank_queue_t *queue = &core->queue[umc_queue_of(core, entry->write)][entry->bank];
    uint32_t at = 0;
    while (queue->entry[at] != index) {
        at++;
    }
    queue->count--;
    if (at == 0) {
        queue->entry++;
        queue->row++;
        queue->room--;
    }
    for (; at > 0 && at < queue->count; at++) {
        queue->entry[at] = queue->entry[at + 1];
        queue->row[at] = queue->row[at + 1];
    }
    queue->hits -= entry->row == core->open_row[entry->bank] ? 1 : 0;
}

void umc_bank_opened(umc_core_t *core, uint32_t bank)
{
    uint32_t open = core->open_row[bank];
    for (uint32_t k = 0; k < 2; k++) {
        umc_bank_queue_t *queue = &core->queue[k][bank];
        uint32_t hits = 0;
        for (uint32_t i = 0; i < queue->count; i++) {
            hits += queue->row[i] == open ? 1 : 0;
        }
        queue->hits = hits;
    }
}

uint16_t umc_oldest_waiting(umc_core_t *core, bool write)
{
    uint32_t *seq = &core->oldest_seq[write];
    for (; *seq < core->next_seq; ++*seq) {
        uint16_t index = core->entry_of_seq[*seq];
        if (index != UMC_NO_ENTRY && core->entries[index].write == write &&
            !core->entries[index].active) {
            return index;
        }
    }
    return UMC_NO_ENTRY;
}
