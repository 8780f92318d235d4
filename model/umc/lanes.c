/* Who wants which command of a bank next. */
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "model/umc/lanes.h"

/* Returns the lane's bit of a set. */
static inline uint32_t want(umc_lanes_t *lanes, umc_op_t op, uint32_t key)
{
    lanes->op[op] = (int32_t)key < lanes->op[op] ? (int32_t)key : lanes->op[op];
    return 1u << op;
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

/* Who closes the open row; not while an older request hits it, or one that it was opened for. */
static uint32_t want_conflict(const umc_core_t *core, uint32_t bank, const umc_bank_queue_t *queue,
                              umc_lanes_t *lanes)
{
    const umc_policy_t *p = &core->config.policy;
    uint32_t open = core->open_row[bank];
    if (p->promoted_keeps_row && core->kept[bank] != UMC_NO_ENTRY) {
        return 0;
    }
    uint16_t index = queue->entry[0];
    if (queue->row[0] == open) {
        if (p->hits == UMC_HITS_OLDER && !core->starving) {
            return 0;
        }
        index = queue->entry[first_without_row(queue, open)];
        if (p->hits == UMC_HITS_OLDER && !umc_starving(core, &core->entries[index])) {
            return 0;
        }
    }
    return want(lanes, UMC_PRE, umc_key_of(core, index));
}

__attribute__((noinline)) static void mark_capped(umc_core_t *core, uint32_t bank, bool capped)
{
    core->capped_count += (capped ? 1u : 0u) - (core->capped[bank] ? 1u : 0u);
    core->capped[bank] = capped;
    core->calm_nck = 0;
}

static inline uint32_t lanes_by_age(umc_core_t *core, uint32_t bank, umc_lanes_t *lanes)
{
    const umc_policy_t *p = &core->config.policy;
    const umc_bank_queue_t *queue = &core->queue[core->write_mode][bank];
    uint32_t promoted = core->promoted[bank], open = core->open_row[bank], wants = 0;
    bool capped = false;
    if (promoted != UMC_NO_ENTRY && core->entries[promoted].visible_nck <= core->floor_nck) {
        const umc_entry_t *entry = &core->entries[promoted];
        wants = want(lanes, umc_next_op(core, entry),
                     (uint32_t)UMC_PROMOTED << UMC_SEQ_BITS | entry->seq);
    }
    if (queue->count > 0 && open == UMC_CLOSED) {
        wants |= want(lanes, UMC_ACT, umc_key_of(core, queue->entry[0]));
    } else if (queue->count > 0) {
        if (queue->hits > 0) {
            capped = p->row_hit_cap != 0 && core->row_columns[bank] > p->row_hit_cap;
            if (!capped) {
                uint32_t at = first_with_row(queue, open);
                wants |= want(lanes, core->write_mode ? UMC_WR : UMC_RD,
                              umc_key_of(core, queue->entry[at]));
            }
        }
        if (queue->count != queue->hits) {
            wants |= want_conflict(core, bank, queue, lanes);
        }
    }
    if (capped != core->capped[bank]) {
        mark_capped(core, bank, capped);
    }
    return wants;
}

/* ---- one request a bank ---- */

__attribute__((noinline)) static uint32_t lanes_by_bank(const umc_core_t *core, uint32_t bank,
                                                        umc_lanes_t *lanes)
{
    const umc_bank_queue_t *queue =
        &core->queue[core->config.policy.unified ? 0 : core->write_mode][bank];
    if (queue->count == 0) {
        return 0;
    }
    uint16_t index = queue->entry[0];
    if (core->open_row[bank] != UMC_CLOSED) {
        if (queue->hits > 0) {
            index = queue->entry[first_with_row(queue, core->open_row[bank])];
        } else if (core->kept[bank] != UMC_NO_ENTRY) {
            index = core->kept[bank];
            if (core->entries[index].parked) {
                return 0; /* its ciphertext is not there yet, and the row stays open for it */
            }
        }
    }
    return want(lanes, umc_next_op(core, &core->entries[index]), umc_key_of(core, index));
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

__attribute__((noinline)) static uint32_t lanes_in_turn(umc_core_t *core, uint32_t bank,
                                                        umc_lanes_t *lanes)
{
    const umc_bank_queue_t *queue = &core->queue[0][bank];
    uint32_t open = core->open_row[bank];
    if (queue->count == 0) {
        return 0;
    }
    if (open == UMC_CLOSED) {
        return want(lanes, UMC_ACT, 0);
    }
    uint32_t wants = 0;
    if (queue->row[0] != open &&
        (queue->hits == 0 || core->row_columns[bank] >= core->config.policy.row_hit_cap)) {
        wants |= want(lanes, UMC_PRE, 0);
    }
    for (uint32_t i = 0, left = queue->hits; left > 0; i++) {
        if (queue->row[i] != open) {
            continue;
        }
        left--;
        bool write = core->entries[queue->entry[i]].write;
        if (!write || !read_of_line_before(core, queue, i)) {
            wants |= want(lanes, write ? UMC_WR : UMC_RD, i);
        }
    }
    return wants;
}

void umc_lanes_update(umc_core_t *core, uint32_t bank)
{
    umc_lanes_t *lanes = &core->key[bank];
    for (uint32_t op = 0; op < UMC_OPS; op++) {
        lanes->op[op] = UMC_KEY_NONE;
    }
    uint32_t wants = core->by_age ? lanes_by_age(core, bank, lanes)
                     : core->config.policy.scheme == UMC_SCHEME_BANKS
                         ? lanes_by_bank(core, bank, lanes)
                         : lanes_in_turn(core, bank, lanes);
    uint64_t bit = UINT64_C(1) << bank % 64, *busy = &core->busy[bank / 64];
    *busy = wants != 0 ? *busy | bit : *busy & ~bit;
    core->wants[bank] = (uint8_t)wants;
}

void umc_lanes_opened(umc_core_t *core, const umc_entry_t *entry)
{
    uint32_t bank = entry->bank;
    if (core->rows_are_kept && core->queue[core->write_mode][bank].hits == 0) {
        umc_want_only(core, bank, entry->write ? UMC_WR : UMC_RD,
                      (uint32_t)UMC_PROMOTED << UMC_SEQ_BITS | entry->seq);
    } else {
        umc_lanes_update(core, bank);
    }
}

void umc_lanes_first(umc_core_t *core, const umc_entry_t *entry)
{
    if (core->rows_are_kept && core->wants[entry->bank] == 0) {
        umc_want_only(core, entry->bank, umc_next_op(core, entry),
                      (uint32_t)UMC_NORMAL << UMC_SEQ_BITS | entry->seq);
    } else {
        umc_lanes_update(core, entry->bank);
    }
}

void umc_lanes_closed(umc_core_t *core, uint32_t bank)
{
    const umc_bank_queue_t *queue = &core->queue[core->write_mode][bank];
    if (core->rows_are_kept && queue->count > 0) {
        umc_want_only(core, bank, UMC_ACT, umc_key_of(core, queue->entry[0]));
    } else {
        umc_lanes_update(core, bank);
    }
}

void umc_lanes_update_all(umc_core_t *core)
{
    for (uint32_t b = 0; b < core->banks; b++) {
        /* Others want nothing, whatever the mode. */
        if ((core->wants[b] | core->queue[0][b].count | core->queue[1][b].count) != 0) {
            umc_lanes_update(core, b);
        }
    }
}

/* ---- the banks' queues ---- */

void umc_bank_wrap(umc_bank_queue_t *queue)
{
    uint32_t used = (uint32_t)(queue->row - queue->row_memory);
    memmove(queue->row_memory, queue->row, queue->count * sizeof *queue->row);
    memmove(queue->entry_memory, queue->entry, queue->count * sizeof *queue->entry);
    queue->row = queue->row_memory;
    queue->entry = queue->entry_memory;
    queue->room += used;
}

void umc_bank_insert(umc_core_t *core, uint16_t index)
{
    const umc_entry_t *entry = &core->entries[index];
    umc_bank_queue_t *queue = umc_bank_append(core, index);
    uint32_t at = queue->count - 1;
    if (core->config.policy.scheme == UMC_SCHEME_ROUND_ROBIN) {
        return; /* command queues are in the order of coming */
    }
    for (; at > 0 && core->entries[queue->entry[at - 1]].seq > entry->seq; at--) {
        queue->entry[at] = queue->entry[at - 1];
        queue->row[at] = queue->row[at - 1];
    }
    queue->entry[at] = index;
    queue->row[at] = entry->row;
}

void umc_bank_take(umc_bank_queue_t *queue, uint16_t index)
{
    uint32_t at = 1;
    while (queue->entry[at] != index) {
        at++;
    }
    for (; at < queue->count; at++) {
        queue->entry[at] = queue->entry[at + 1];
        queue->row[at] = queue->row[at + 1];
    }
}

/* Bit i: row i of four is this one. */
static inline uint32_t four_equal(const uint32_t *rows, uint32_t row)
{
#if defined(__SSE2__)
    const __m128i equal =
        _mm_cmpeq_epi32(_mm_loadu_si128((const void *)rows), _mm_set1_epi32((int)row));
    return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(equal));
#else
    uint32_t equal = 0;
    for (uint32_t i = 0; i < UMC_ROWS_AT_ONCE; i++) {
        equal |= (rows[i] == row ? 1u : 0u) << i;
    }
    return equal;
#endif
}

/* Four at once, whether they are there or not: how many there are is hard to foresee. */
static inline uint32_t count_hits(const umc_bank_queue_t *queue, uint32_t row)
{
    const uint64_t ones = 0x4332322132212110; /* of each number of four bits */
    uint32_t hits = 0, done = 0;
    do {
        const uint32_t left = queue->count - done,
                       there = (1u << (left < UMC_ROWS_AT_ONCE ? left : UMC_ROWS_AT_ONCE)) - 1;
        hits += (uint32_t)(ones >> 4 * (four_equal(queue->row + done, row) & there)) & 15;
        done += UMC_ROWS_AT_ONCE;
    } while (done < queue->count);
    return hits;
}

void umc_bank_opened(umc_core_t *core, uint32_t bank)
{
    umc_bank_queue_t *reads = &core->queue[0][bank], *writes = &core->queue[1][bank];
    if ((reads->count | writes->count) != 0) { /* else there were no hits before either */
        reads->hits = count_hits(reads, core->open_row[bank]);
        writes->hits = count_hits(writes, core->open_row[bank]);
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
