#include "cbit/umc/account.h"

#include <stdlib.h>
#include <string.h>

#include "model/umc/reasons.h"
#include "model/umc/umc_private.h"

/* Levels integrated over time from the beginning, modulo 2^64. */
typedef struct umc_summed {
    uint64_t waiting_nck[2], open_banks_nck;
} umc_summed_t;

struct umc_account {
    cbit_umc_account_t sums; /* energy, slowest and points are filled in when asked for */
    uint64_t read_number;
    uint64_t at;         /* the interval of the tally */
    uint64_t row_hits;   /* of the core, as far as they are written up */
    umc_summed_t summed; /* up to the tally's upto_nck */
};

const char *cbit_umc_reason_name(uint32_t reason)
{
    return umc_reason_name(reason);
}

uint32_t umc_requester_of(const cbit_txn_t *txn)
{
    switch ((cbit_source_t)txn->source) {
    case CBIT_SOURCE_HOST:
        return CBIT_UMC_HOST;
    case CBIT_SOURCE_DMA:
        return CBIT_UMC_DMA;
    case CBIT_SOURCE_SP:
        return CBIT_UMC_SP;
    default:
        return txn->source_id < CBIT_UMC_GUESTS ? txn->source_id : CBIT_UMC_GUESTS - 1;
    }
}

/* ---- time series ---- */

/* Twice as long intervals: neighbours become one. */
static void widen(cbit_umc_account_t *sums, uint32_t banks)
{
    for (uint32_t i = 0; i < CBIT_UMC_POINTS; i++) {
        cbit_umc_point_t *to = &sums->point[i / 2], from = sums->point[i];
        sums->point[i] = (cbit_umc_point_t){0};
        to->reads_queued += from.reads_queued;
        to->writes_queued += from.writes_queued;
        to->open_banks += from.open_banks;
        to->columns += from.columns;
        to->row_hits += from.row_hits;
        for (uint32_t bank = 0; bank < banks; bank++) {
            cbit_umc_bank_t both = sums->bank[i][bank];
            sums->bank[i][bank] = (cbit_umc_bank_t){0};
            sums->bank[i / 2][bank].columns += both.columns;
            sums->bank[i / 2][bank].activates += both.activates;
        }
    }
    sums->interval_nck *= 2;
}

/* Commands counted since the last time belong to the tally's interval. */
static void add_commands(cbit_umc_t *umc)
{
    umc_account_t *account = umc->account;
    umc_tally_t *tally = &umc->tally;
    cbit_umc_point_t *point = &account->sums.point[account->at];
    cbit_umc_bank_t *banks = account->sums.bank[account->at];
    const uint64_t row_hits = umc_core_stats(umc->core)->row_hits;
    point->row_hits += row_hits - account->row_hits;
    account->row_hits = row_hits;
    for (uint32_t bank = 0; bank < umc->device.banks; bank++) {
        umc_tally_bank_t *counted = &tally->bank[bank];
        point->columns += counted->columns;
        banks[bank].columns += counted->columns;
        banks[bank].activates += counted->activates;
        *counted = (umc_tally_bank_t){0};
    }
}

/* Levels summed from the beginning to a clock that no change is later than. */
static umc_summed_t summed_to(const umc_levels_t *levels, uint64_t nck)
{
    return (umc_summed_t){
        .waiting_nck = {levels->waiting[0] * nck - levels->waiting_nck[0],
                        levels->waiting[1] * nck - levels->waiting_nck[1]},
        .open_banks_nck = levels->open_banks * nck - levels->open_banks_nck,
    };
}

/* The levels up to nck, interval by interval. */
static void add_levels(cbit_umc_t *umc, uint64_t nck)
{
    umc_account_t *account = umc->account;
    const umc_levels_t levels = umc_core_levels(umc->core);
    uint64_t *upto_nck = &umc->tally.upto_nck;
    while (*upto_nck < nck) {
        cbit_umc_point_t *point = &account->sums.point[*upto_nck / account->sums.interval_nck];
        *upto_nck += account->sums.interval_nck - *upto_nck % account->sums.interval_nck;
        *upto_nck = *upto_nck < nck ? *upto_nck : nck;
        const umc_summed_t from = account->summed, to = summed_to(&levels, *upto_nck);
        point->reads_queued += to.waiting_nck[0] - from.waiting_nck[0];
        point->writes_queued += to.waiting_nck[1] - from.waiting_nck[1];
        point->open_banks += to.open_banks_nck - from.open_banks_nck;
        account->summed = to;
    }
}

void umc_account_write_up(cbit_umc_t *umc, uint64_t nck)
{
    enum { SPAN = 1 << 30 }; /* clocks in which no bank has 2^32 commands */
    cbit_umc_account_t *sums = &umc->account->sums;
    add_commands(umc);
    while (nck >= CBIT_UMC_POINTS * sums->interval_nck) {
        widen(sums, umc->device.banks);
    }
    add_levels(umc, nck);
    umc->account->at = nck / sums->interval_nck;
    const uint64_t end_nck = (umc->account->at + 1) * sums->interval_nck;
    umc->tally.end_nck = end_nck - nck < SPAN ? end_nck : nck + SPAN;
}

/* ---- why ---- */

static void add_step(cbit_umc_explained_t *read, uint32_t reason, bool dram, cbit_ps_t ps)
{
    if (ps == 0) {
        return;
    }
    if (read->step_count == CBIT_UMC_STEPS) {
        read->step[CBIT_UMC_STEPS - 1].ps += ps; /* never seen: a read has fewer reasons */
        return;
    }
    read->step[read->step_count++] = (cbit_umc_step_t){.reason = reason, .dram = dram, .ps = ps};
}

/* Keeps the slowest, slowest first; of equals the earlier. */
static void keep_slowest(cbit_umc_account_t *sums, const cbit_umc_explained_t *read)
{
    cbit_ps_t took_ps = read->queue_ps + read->dram_ps;
    uint32_t at = sums->slowest_count;
    while (at > 0 && sums->slowest[at - 1].queue_ps + sums->slowest[at - 1].dram_ps < took_ps) {
        at--;
    }
    if (at == CBIT_UMC_SLOWEST) {
        return;
    }
    sums->slowest_count += sums->slowest_count < CBIT_UMC_SLOWEST ? 1 : 0;
    for (uint32_t i = sums->slowest_count - 1; i > at; i--) {
        sums->slowest[i] = sums->slowest[i - 1];
    }
    sums->slowest[at] = *read;
}

static void keep(cbit_umc_t *umc, const cbit_umc_explained_t *read)
{
    cbit_umc_account_t *sums = &umc->account->sums;
    uint64_t first = umc->config.explain_first;
    if (read->number >= first && read->number - first < umc->config.explain_count &&
        sums->listed_count < CBIT_UMC_EXPLAINED - CBIT_UMC_SLOWEST) {
        sums->listed[sums->listed_count++] = *read;
    }
    keep_slowest(sums, read);
}

/* Steps are clocks: each ends on an edge, so that their times add up to the stages exactly. */
static void put_steps(const cbit_umc_t *umc, const umc_reason_list_t *list, uint64_t accept_nck,
                      cbit_umc_explained_t *read)
{
    uint64_t nck = accept_nck;
    for (uint32_t i = 0; i < list->count; i++) {
        const umc_reason_step_t *step = &list->step[i];
        cbit_ps_t begin_ps = umc_edge_ps(umc, nck);
        nck += step->nck;
        add_step(read, step->reason, step->dram, umc_edge_ps(umc, nck) - begin_ps);
    }
}

void umc_account_read(cbit_umc_t *umc, uint32_t index, uint64_t accept_nck, bool forwarded)
{
    umc_account_t *account = umc->account;
    const umc_user_t *user = &umc->users[index];
    cbit_ps_t entered_ps = user->txn->entered_ps, first_ps = umc_edge_ps(umc, user->first_nck);
    cbit_umc_explained_t read = {.channel = umc->parts.channel,
                                 .number = account->read_number++,
                                 .spa = user->line_spa,
                                 .requester = user->requester,
                                 .entered_ps = entered_ps,
                                 .queue_ps = first_ps - entered_ps,
                                 .dram_ps = umc_edge_ps(umc, user->bus_nck) - first_ps};
    add_step(&read, UMC_REASON_INPUT, false, umc_edge_ps(umc, accept_nck) - entered_ps);
    if (forwarded) {
        add_step(&read, UMC_REASON_FORWARDED, false, first_ps - umc_edge_ps(umc, accept_nck));
    } else {
        uint64_t end_nck = user->bus_nck, data_nck = end_nck - umc->device.timing.burst_nck;
        uint64_t rd_nck = data_nck - umc->device.timing.cl_nck;
        put_steps(umc, umc_core_reasons(umc->core), accept_nck, &read);
        add_step(&read, UMC_REASON_CL, true, umc_edge_ps(umc, data_nck) - umc_edge_ps(umc, rd_nck));
        add_step(&read, UMC_REASON_BURST, true,
                 umc_edge_ps(umc, end_nck) - umc_edge_ps(umc, data_nck));
    }
    for (uint32_t i = 0; i < read.step_count; i++) {
        const cbit_umc_step_t *step = &read.step[i];
        *(step->dram ? &account->sums.dram_ps[step->reason]
                     : &account->sums.queue_ps[step->reason]) += step->ps;
    }
    keep(umc, &read);
}

/* ---- asking ---- */

static void add_energy(cbit_dram_energy_t *to, const cbit_dram_energy_t *from)
{
    to->activate_pj += from->activate_pj;
    to->read_pj += from->read_pj;
    to->write_pj += from->write_pj;
    to->refresh_pj += from->refresh_pj;
    to->open_pj += from->open_pj;
    to->closed_pj += from->closed_pj;
    to->down_open_pj += from->down_open_pj;
    to->down_closed_pj += from->down_closed_pj;
    to->self_refresh_pj += from->self_refresh_pj;
}

static void add_shares(const cbit_umc_t *umc, cbit_umc_account_t *to)
{
    for (uint32_t i = 0; i < CBIT_UMC_REQUESTERS; i++) {
        const umc_tally_share_t *from = &umc->tally.share[i];
        const cbit_dram_activity_t activity = {
            .activates = from->activates, .reads = from->reads, .writes = from->writes};
        cbit_dram_energy_t energy;
        cbit_dram_energy(&umc->device, &activity, &energy);
        cbit_umc_share_t *share = &to->share[i];
        share->activates += from->activates;
        share->reads += from->reads;
        share->writes += from->writes;
        share->activate_pj += energy.activate_pj;
        share->read_pj += energy.read_pj;
        share->write_pj += energy.write_pj;
    }
}

static void add_points(const cbit_umc_account_t *from, cbit_umc_account_t *to)
{
    to->interval_nck = from->interval_nck; /* all channels have come to the same clock */
    for (uint32_t i = 0; i < CBIT_UMC_POINTS; i++) {
        to->point[i].reads_queued += from->point[i].reads_queued;
        to->point[i].writes_queued += from->point[i].writes_queued;
        to->point[i].open_banks += from->point[i].open_banks;
        to->point[i].columns += from->point[i].columns;
        to->point[i].row_hits += from->point[i].row_hits;
    }
}

static void add_banks(const cbit_umc_t *umc, cbit_umc_account_t *to)
{
    const cbit_umc_account_t *from = &umc->account->sums;
    to->ranks = umc->device.ranks;
    to->groups = umc->device.groups;
    to->banks_per_group = umc->device.banks_per_group;
    for (uint32_t i = 0; i < CBIT_UMC_POINTS; i++) {
        for (uint32_t bank = 0; bank < umc->device.banks; bank++) {
            to->bank[i][bank].columns += from->bank[i][bank].columns;
            to->bank[i][bank].activates += from->bank[i][bank].activates;
            if (umc->parts.channel < CBIT_UMC_CHANNELS) {
                cbit_umc_bank_t *total = &to->channel_bank[umc->parts.channel][bank];
                total->columns += from->bank[i][bank].columns;
                total->activates += from->bank[i][bank].activates;
            }
        }
    }
}

static void add_reads(const cbit_umc_account_t *from, cbit_umc_account_t *to)
{
    for (uint32_t i = 0; i < CBIT_UMC_REASONS; i++) {
        to->queue_ps[i] += from->queue_ps[i];
        to->dram_ps[i] += from->dram_ps[i];
    }
    for (uint32_t i = 0; i < from->slowest_count; i++) {
        keep_slowest(to, &from->slowest[i]);
    }
    for (uint32_t i = 0; i < from->listed_count; i++) {
        if (to->listed_count < CBIT_UMC_EXPLAINED - CBIT_UMC_SLOWEST) {
            to->listed[to->listed_count++] = from->listed[i];
        }
    }
}

void cbit_umc_account(cbit_umc_t *umc, cbit_umc_account_t *account)
{
    umc_catch_up(umc);
    uint64_t nck =
        cbit_clock_edge_at_or_after(&umc->device.clock, cbit_kernel_now_ps(umc->parts.kernel));
    umc_account_write_up(umc, nck);
    umc_core_settle(umc->core, nck);
    umc_core_count_levels(umc->core, nck);
    cbit_dram_activity_t activity;
    cbit_dram_energy_t energy;
    umc_core_activity(umc->core, nck, &activity);
    cbit_dram_energy(&umc->device, &activity, &energy);
    add_energy(&account->energy, &energy);
    add_shares(umc, account);
    add_reads(&umc->account->sums, account);
    add_points(&umc->account->sums, account);
    add_banks(umc, account);
    account->channels++;
    account->devices += umc->device.devices_per_rank * umc->device.ranks;
    account->explains = umc->config.explain;
    account->reasons = umc_reason_count();
    account->clock = umc->device.clock;
    account->point_count = (uint32_t)(nck / account->interval_nck) + 1;
}

cbit_err_t umc_account_create(cbit_umc_t *umc)
{
    umc->account = calloc(1, sizeof *umc->account);
    if (umc->account == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    umc->account->sums.interval_nck = umc->tally.end_nck = 1024;
    return CBIT_ERR_OK;
}
