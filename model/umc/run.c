/* Runs of row hits: how one is taken out of the controller, and what is left given back. */
#include "model/umc/gates.h"

/* All that is queued for a bank hits its open row, and it was opened for none that waits. */
static inline bool only_hits(const umc_core_t *core, uint32_t bank)
{
    const umc_bank_queue_t *queue = &core->queue[0][bank];
    return queue->hits == queue->count && core->kept[bank] == UMC_NO_ENTRY &&
           core->promoted[bank] == UMC_NO_ENTRY;
}

/* Banks beside this one that want something, as a set; of a channel with at most 64. */
static inline uint64_t other_banks(const umc_core_t *core, uint32_t bank)
{
    return core->words == 1 ? core->busy[0] & ~(UINT64_C(1) << bank) : 0;
}

bool umc_run_possible(const umc_core_t *core, const cbit_dram_place_t *place)
{
    uint32_t bank = place->flat_bank;
    if (core->open_row[bank] != place->row || !core->runs || core->write_mode || core->draining ||
        !only_hits(core, bank)) {
        return false;
    }
    uint32_t queued = core->queue[0][bank].count;
    uint64_t others = other_banks(core, bank);
    if (others != 0 && (others & (others - 1)) == 0) {
        uint32_t other = (uint32_t)__builtin_ctzll(others);
        queued += only_hits(core, other) ? core->queue[0][other].count : 0;
    }
    return queued == core->live;
}

static void take_out(umc_core_t *core, umc_run_bank_t *to, uint32_t bank)
{
    umc_bank_queue_t *queue = &core->queue[0][bank];
    uint32_t gate = umc_max32(umc_gate(core, UMC_RD, bank), core->bus);
    to->bank = bank;
    to->row = core->open_row[bank];
    to->issued = to->head = 0;
    to->tail = queue->count;
    to->next_nck = umc_max64(core->floor_nck, core->epoch_nck + gate);
    for (uint32_t i = 0; i < queue->count; i++) {
        const umc_entry_t *entry = &core->entries[queue->entry[i]];
        to->ring[i] = (umc_run_hit_t){.line = entry->line,
                                      .accept_nck = entry->accept_nck,
                                      .first_nck = entry->first_nck,
                                      .user = entry->user,
                                      .column = entry->column};
        core->entry_of_seq[entry->seq] = UMC_NO_ENTRY;
        --*umc_line_count(core, entry->line);
        core->free[core->free_count++] = queue->entry[i];
    }
    core->waiting[0] -= queue->count;
    core->live -= queue->count;
    queue->count = queue->hits = 0;
}

static uint32_t step_nck(const umc_core_t *core, uint32_t before, uint32_t after)
{
    const umc_lanes_t *distance = core->distance[UMC_RD];
    uint32_t nck = core->config.device.timing.command_nck;
    if (core->rank_of[before] != core->rank_of[after]) {
        return umc_max32(nck, (uint32_t)distance[CBIT_SCOPE_OTHER_RANKS].op[UMC_RD]);
    }
    nck = umc_max32(nck, (uint32_t)distance[CBIT_SCOPE_RANK].op[UMC_RD]);
    if (core->group_of[before] == core->group_of[after]) {
        nck = umc_max32(nck, (uint32_t)distance[CBIT_SCOPE_GROUP].op[UMC_RD]);
    }
    return before == after ? umc_max32(nck, (uint32_t)distance[CBIT_SCOPE_BANK].op[UMC_RD]) : nck;
}

/* Queued ones whose PRE issued before another request's ACT opened their row. */
static uint64_t begun(const umc_run_t *run)
{
    uint64_t count = 0;
    for (uint32_t k = 0; k < run->banks; k++) {
        const umc_run_bank_t *bank = &run->bank[k];
        for (uint32_t i = bank->head; i != bank->tail; i++) {
            count += bank->ring[i % UMC_RUN].first_nck != UMC_NEVER ? 1 : 0;
        }
    }
    return count;
}

void umc_run_begin(umc_core_t *core, const cbit_dram_place_t *place, umc_run_t *run)
{
    uint32_t bank = place->flat_bank;
    uint64_t others = other_banks(core, bank);
    umc_plan_rebase(core, core->floor_nck);
    run->queued = core->live;
    run->banks = 1;
    take_out(core, &run->bank[0], bank);
    if (core->live > 0) {
        take_out(core, &run->bank[run->banks++], (uint32_t)__builtin_ctzll(others));
    }
    for (uint32_t i = 0; i < run->banks; i++) {
        for (uint32_t k = 0; k < run->banks; k++) {
            run->step_nck[i][k] = step_nck(core, run->bank[i].bank, run->bank[k].bank);
        }
    }
    if (core->config.policy.hits_by_first_command) {
        core->stats.row_hits -= begun(run); /* no hits, but counted when issued */
    }
    uint64_t epoch_end_nck = core->epoch_nck + UMC_EPOCH_SPAN;
    run->end_nck = core->next_due_nck < epoch_end_nck ? core->next_due_nck : epoch_end_nck;
}

static void enter_again(umc_core_t *core, const umc_run_bank_t *from, const umc_run_hit_t *hit)
{
    uint16_t index = umc_entry_new(core);
    umc_entry_t *entry = &core->entries[index];
    *entry = (umc_entry_t){.line = hit->line,
                           .accept_nck = hit->accept_nck,
                           .first_nck = hit->first_nck,
                           .user = hit->user,
                           .row = from->row,
                           .column = hit->column,
                           .seq = entry->seq,
                           .bank = (uint16_t)from->bank};
    ++*umc_line_count(core, hit->line);
    core->waiting[0]++;
    (void)umc_bank_append(core, index);
    core->floor_nck = umc_max64(core->floor_nck, hit->accept_nck + 1);
}

/* What is left of a bank is older than what is left of another. */
static bool comes_before(const umc_run_t *run, const uint32_t head[UMC_RUN_BANKS], uint32_t bank,
                         uint32_t other)
{
    const umc_run_bank_t *a = &run->bank[bank], *b = &run->bank[other];
    return head[bank] != a->tail &&
           (head[other] == b->tail ||
            a->ring[head[bank] % UMC_RUN].accept_nck < b->ring[head[other] % UMC_RUN].accept_nck);
}

/* All that is left, by age. */
static void put_back(umc_core_t *core, const umc_run_t *run)
{
    uint32_t head[UMC_RUN_BANKS] = {run->bank[0].head, run->bank[run->banks - 1].head};
    for (uint32_t left = run->queued; left > 0; left--) {
        uint32_t from = 0;
        for (uint32_t bank = 1; bank < UMC_RUN_BANKS && bank < run->banks; bank++) {
            from = comes_before(run, head, bank, from) ? bank : from;
        }
        enter_again(core, &run->bank[from], &run->bank[from].ring[head[from]++ % UMC_RUN]);
    }
}

void umc_run_end(umc_core_t *core, const umc_run_t *run)
{
    if (core->config.policy.hits_by_first_command) {
        core->stats.row_hits += begun(run);
    }
    put_back(core, run);
    for (uint32_t k = 0; k < run->banks; k++) {
        const umc_run_bank_t *bank = &run->bank[k];
        if (bank->issued > 0) {
            /* The gates of every earlier RD lie before those of the last one. */
            uint32_t at = umc_relative(core, bank->last_nck);
            umc_gates_column(core, bank->bank, false, false, at);
            core->bus = umc_max32(core->bus, at + core->config.device.timing.command_nck);
            core->floor_nck = umc_max64(core->floor_nck, bank->last_nck + 1);
            core->stats.reads += bank->issued;
            core->stats.row_hits += bank->issued;
            core->row_columns[bank->bank] += bank->issued;
        }
        umc_lanes_update(core, bank->bank);
    }
    core->starve_check_nck = 0;
    core->calm_nck = 0;
    core->plan.valid = false;
}
