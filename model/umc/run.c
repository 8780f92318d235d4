/* Runs of row hits: how one is taken out of the controller, and what is left given back. */
#include "model/umc/gates.h"

bool umc_run_possible(const umc_core_t *core, const cbit_dram_place_t *place)
{
    uint32_t bank = place->flat_bank;
    const umc_bank_queue_t *queue = &core->queue[0][bank];
    return core->runs && core->open_row[bank] == place->row && queue->hits == core->live &&
           queue->count == core->live && !core->write_mode && !core->draining &&
           core->kept[bank] == UMC_NO_ENTRY && core->promoted[bank] == UMC_NO_ENTRY;
}

static void forget(umc_core_t *core, uint16_t index)
{
    umc_entry_t *entry = &core->entries[index];
    core->waiting[0]--;
    core->entry_of_seq[entry->seq] = UMC_NO_ENTRY;
    --*umc_line_count(core, entry->line);
    core->free[core->free_count++] = index;
    core->live--;
}

void umc_run_begin(umc_core_t *core, umc_run_t *run)
{
    umc_bank_queue_t *queue = &core->queue[0][run->bank];
    const umc_lanes_t *distance = core->distance[UMC_RD];
    umc_plan_rebase(core, core->floor_nck);
    run->issued = run->head = 0;
    run->tail = queue->count;
    for (uint32_t i = 0; i < queue->count; i++) {
        const umc_entry_t *entry = &core->entries[queue->entry[i]];
        run->ring[i] = (umc_run_hit_t){.line = entry->line,
                                       .accept_nck = entry->accept_nck,
                                       .first_nck = entry->first_nck,
                                       .user = entry->user,
                                       .column = entry->column};
        forget(core, queue->entry[i]);
    }
    queue->count = queue->hits = 0;
    run->step_nck = core->config.device.timing.command_nck;
    for (uint32_t scope = CBIT_SCOPE_BANK; scope <= CBIT_SCOPE_RANK; scope++) {
        run->step_nck = umc_max32(run->step_nck, (uint32_t)distance[scope].op[UMC_RD]);
    }
    uint32_t gate = umc_max32(umc_gate(core, UMC_RD, run->bank), core->bus);
    run->next_nck = umc_max64(core->floor_nck, core->epoch_nck + gate);
    uint64_t epoch_end_nck = core->epoch_nck + UMC_EPOCH_SPAN;
    run->end_nck = core->next_due_nck < epoch_end_nck ? core->next_due_nck : epoch_end_nck;
}

static void enter_again(umc_core_t *core, const umc_run_t *run, const umc_run_hit_t *hit)
{
    uint16_t index = umc_entry_new(core);
    umc_entry_t *entry = &core->entries[index];
    *entry = (umc_entry_t){.line = hit->line,
                           .accept_nck = hit->accept_nck,
                           .first_nck = hit->first_nck,
                           .user = hit->user,
                           .row = run->row,
                           .column = hit->column,
                           .seq = entry->seq,
                           .bank = (uint16_t)run->bank};
    ++*umc_line_count(core, hit->line);
    core->waiting[0]++;
    (void)umc_bank_append(core, index);
}

void umc_run_end(umc_core_t *core, const umc_run_t *run)
{
    for (uint32_t i = run->head; i != run->tail; i++) {
        const umc_run_hit_t *hit = &run->ring[i % UMC_RUN];
        enter_again(core, run, hit);
        core->floor_nck = umc_max64(core->floor_nck, hit->accept_nck + 1);
    }
    if (run->issued > 0) {
        /* Every earlier command's gates lie before those of the last one. */
        uint32_t at = umc_relative(core, run->last_nck);
        umc_gates_column(core, run->bank, false, false, at);
        core->bus = at + core->config.device.timing.command_nck;
        core->floor_nck = umc_max64(core->floor_nck, run->last_nck + 1);
        core->turn = run->bank;
        core->stats.reads += run->issued;
        core->stats.row_hits += run->issued;
        core->row_columns[run->bank] += run->issued;
    }
    umc_lanes_update(core, run->bank);
    core->starve_check_nck = 0;
    core->calm_nck = 0;
    core->plan.valid = false;
}
