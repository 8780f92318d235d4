/*
 * Streams as they mostly are: the usual policy, nobody watching, requests all over the banks. What
 * stream.c and the controller's step and accept do request by request is one loop here, with the
 * controller's own state, so that it can be left and entered between any two requests. Whatever is
 * not usual (a refresh is due, the mode changes, somebody starves) is the controller's own step.
 */
#include "model/umc/commands.h"
#include "model/umc/driver.h"
#include "model/umc/lanes.h"
#include "model/umc/scan.h"

/* ---- commands ---- */

__attribute__((always_inline)) static inline void
complete(umc_driver_t *d, const umc_entry_t *entry, uint64_t at_nck)
{
    const umc_event_t event = {.accept_nck = entry->accept_nck, .first_nck = entry->first_nck};
    umc_complete(d, entry->user, at_nck + d->read_nck, d->depth_nck, &event);
}

/* What is wanted of a bank after a column command; mostly nobody waits for its row any more. */
__attribute__((always_inline)) static inline void after_column(umc_core_t *core, uint32_t bank)
{
    const umc_bank_queue_t *queue = &core->queue[core->write_mode][bank];
    if (queue->hits != 0 || core->promoted[bank] != UMC_NO_ENTRY) {
        umc_lanes_update(core, bank);
        return;
    }
    /* Without a branch: whether anybody waits is hard to foresee. Whoever it was last is there. */
    const uint32_t some = queue->count != 0, key = umc_key_of(core, queue->entry[0]);
    umc_want_only(core, bank, UMC_PRE, some ? key : UMC_KEY_NONE);
    core->wants[bank] = (uint8_t)(some << UMC_PRE);
    core->busy[0] ^= (uint64_t)(1 - some) << bank;
}

__attribute__((always_inline)) static inline void column_by_loop(umc_driver_t *d, umc_core_t *core,
                                                                 uint16_t index, uint64_t at_nck)
{
    const umc_entry_t *entry = &core->entries[index];
    const uint32_t bank = entry->bank, at = umc_relative(core, at_nck);
    umc_gates_column(core, bank, entry->write, false, at);
    core->stats.row_hits += entry->missed ? 0 : 1;
    core->row_columns[bank]++;
    if (core->kept[bank] != UMC_NO_ENTRY && entry->active) {
        core->rank[core->rank_of[bank]].kept_banks--;
        core->kept[bank] = UMC_NO_ENTRY;
    }
    if (entry->write) {
        core->stats.writes++;
    } else {
        core->stats.reads++;
        complete(d, entry, at_nck);
    }
    umc_leave(core, index);
    after_column(core, bank);
}

__attribute__((always_inline)) static inline void issue_by_loop(umc_driver_t *d, umc_op_t op,
                                                                uint16_t index, uint64_t at_nck)
{
    umc_core_t *core = d->core;
    umc_entry_t *entry = &core->entries[index];
    const uint32_t bank = entry->bank, at = umc_relative(core, at_nck);
    entry->first_nck = entry->first_nck < at_nck ? entry->first_nck : at_nck;
    if (op == UMC_PRE) {
        core->bus = at + 1;
        umc_close_bank(core, bank, at);
        umc_gates_pre(core, bank, at);
        core->stats.precharges++;
        entry->missed |= core->hits_by_first_command;
        umc_lanes_closed(core, bank);
    } else {
        core->bus = at + core->config.device.timing.command_nck;
        if (op == UMC_ACT) {
            umc_open_bank(core, index, at);
            umc_lanes_opened(core, entry);
        } else {
            column_by_loop(d, core, index, at_nck);
        }
    }
    core->floor_nck = at_nck + 1;
}

/* ---- steps ---- */

__attribute__((noinline)) static bool step_with_care(umc_driver_t *d, uint64_t until_nck,
                                                     uint64_t *at_nck)
{
    umc_event_t event;
    if (!umc_core_step(d->core, until_nck, &event)) {
        return false;
    }
    if (event.kind == UMC_EVENT_RD) {
        umc_complete(d, event.user, event.at_nck + d->read_nck, d->depth_nck, &event);
    }
    *at_nck = event.at_nck;
    return true;
}

typedef bool step_t(umc_driver_t *d, uint64_t until_nck, uint64_t *at_nck);

/* As umc_core_step, and what stream.c does after it. */
__attribute__((always_inline)) static inline bool step_by_loop(umc_driver_t *d, uint64_t until_nck,
                                                               uint64_t *at_nck, umc_scan_t *find)
{
    umc_core_t *core = d->core;
    umc_plan_t *plan = &core->plan;
    uint16_t index = plan->entry;
    umc_op_t op = plan->op;
    *at_nck = plan->at_nck;
    if (!plan->valid) {
        if (core->floor_nck > until_nck || core->live == 0) {
            core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
            return false;
        }
        if (core->floor_nck >= core->calm_nck || umc_mode_may_change(core)) {
            return step_with_care(d, until_nck, at_nck);
        }
        uint32_t lane = UMC_ACT;
        const uint32_t now = umc_from_now(core), best = umc_look(core, now, find, &lane),
                       wait = best >> UMC_KEY_BITS;
        *at_nck = core->epoch_nck + now + wait;
        if (wait >= UMC_FAR || *at_nck >= core->calm_nck) {
            return step_with_care(d, until_nck, at_nck);
        }
        index = core->entry_of_seq[best & (UMC_SEQ_LIMIT - 1)];
        op = (umc_op_t)lane;
        if (*at_nck > until_nck) {
            umc_plan_lane(core, index, best & ((1u << UMC_KEY_BITS) - 1), *at_nck);
        }
    } else if (plan->refresh || *at_nck >= core->calm_nck) {
        return step_with_care(d, until_nck, at_nck);
    }
    if (*at_nck > until_nck) {
        core->floor_nck = umc_max64(core->floor_nck, until_nck + 1);
        return false;
    }
    plan->valid = false;
    issue_by_loop(d, op, index, *at_nck);
    return true;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static bool step_avx2(umc_driver_t *d, uint64_t until_nck,
                                                      uint64_t *at_nck)
{
    return step_by_loop(d, until_nck, at_nck, umc_scan_pairs);
}
#endif

static bool step_each(umc_driver_t *d, uint64_t until_nck, uint64_t *at_nck)
{
    return step_by_loop(d, until_nck, at_nck, umc_scan_each);
}

/* ---- offering ---- */

/* As acceptance_nck of stream.c. */
__attribute__((always_inline)) static inline bool wait_for_room(umc_driver_t *d, bool write,
                                                                uint64_t *at_nck, step_t *step)
{
    uint64_t event_nck = 0;
    for (;;) {
        while (step(d, *at_nck, &event_nck)) {
        }
        if (!write) {
            umc_retire_done(d, *at_nck);
        }
        if (!write && d->outstanding >= d->options->window) {
            while (d->done_head == d->done_tail) {
                if (!step(d, UMC_EVER, &event_nck)) {
                    return false;
                }
            }
            *at_nck = umc_max64(*at_nck, d->done_nck[d->done_head & d->ring_mask]);
        } else if (!umc_core_room(d->core, write, 0)) {
            if (!step(d, UMC_EVER, &event_nck)) {
                return false;
            }
            *at_nck = umc_max64(*at_nck, event_nck);
        } else {
            return true;
        }
    }
}

/* As umc_core_accept of a request that meets no other of its line. */
static inline void accept_by_loop(umc_driver_t *d, uint32_t request, bool write,
                                  const cbit_dram_place_t *place, uint64_t at_nck)
{
    umc_core_t *core = d->core;
    const uint32_t bank = place->flat_bank;
    const uint64_t line = d->requests[request].address >> CBIT_DRAM_LINE_BITS;
    if (core->next_due_nck <= at_nck && core->live == 0) {
        umc_core_settle(core, at_nck);
    }
    ++*umc_line_count(core, line);
    const uint16_t index = umc_entry_new(core);
    umc_entry_t *entry = &core->entries[index];
    umc_entry_fill(entry, write, place, line, request, at_nck);
    core->waiting[write]++;
    const umc_bank_queue_t *queue = umc_bank_append(core, index);
    const bool first =
        write == core->write_mode &&
        (queue->count == 1 || (queue->hits == 1 && core->open_row[bank] == entry->row));
    if (first) {
        umc_lanes_first(core, entry);
    }
    core->floor_nck = umc_max64(core->floor_nck, at_nck + 1);
    if (core->floor_nck >= core->calm_nck || umc_mode_may_change(core) || core->plan.refresh) {
        core->plan.valid = false;
    } else if (first && core->plan.valid) {
        umc_plan_better(core, bank);
    }
    d->result.reads += write ? 0 : 1;
    d->result.writes += write ? 1 : 0;
    d->outstanding += write ? 0 : 1;
}

__attribute__((always_inline)) static inline uint64_t offer(umc_driver_t *d, uint64_t first,
                                                            uint64_t count, uint64_t *next_nck,
                                                            uint64_t *last_nck, step_t *step)
{
    uint64_t i = first;
    for (; i < count; i++) {
        const cbit_stream_request_t *request = &d->requests[i];
        const bool write = (request->arrival_nck & CBIT_STREAM_WRITE) != 0;
        cbit_dram_place_t place;
        uint64_t at_nck = umc_max64(request->arrival_nck & ~CBIT_STREAM_WRITE, *next_nck);
        if (!cbit_dram_map_place(&d->map, request->address, &place) ||
            (!write && umc_run_possible(d->core, &place)) ||
            !wait_for_room(d, write, &at_nck, step)) {
            break;
        }
        if (*umc_line_count(d->core, request->address >> CBIT_DRAM_LINE_BITS) != 0) {
            *next_nck = at_nck;
            break;
        }
        accept_by_loop(d, (uint32_t)i, write, &place, at_nck);
        *last_nck = at_nck;
        *next_nck = at_nck + 1;
    }
    return i - first;
}

uint64_t umc_offer_crowd(umc_driver_t *d, uint64_t first, uint64_t count, uint64_t *next_nck,
                         uint64_t *last_nck)
{
    if (!d->core->crowds) {
        return 0;
    }
#if defined(__x86_64__)
    if (d->core->scan == umc_scan_avx2) {
        return offer(d, first, count, next_nck, last_nck, step_avx2);
    }
#endif
    return offer(d, first, count, next_nck, last_nck, step_each);
}
