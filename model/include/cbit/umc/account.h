/**
 * @file
 * What a controller can account for: energy by requester, why reads waited, single reads step by
 * step, and queues and banks over time. All of it is bounded in size, whatever the length of a run.
 */
#ifndef CBIT_UMC_ACCOUNT_H
#define CBIT_UMC_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/dram/energy.h"
#include "cbit/sim/txn.h"
#include "cbit/umc/umc.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CBIT_UMC_GUESTS = 64, /* guests from here on are accounted for as the last one */
    CBIT_UMC_HOST = CBIT_UMC_GUESTS,
    CBIT_UMC_DMA,
    CBIT_UMC_SP,
    CBIT_UMC_REQUESTERS,
    CBIT_UMC_REASONS = 96,
    CBIT_UMC_STEPS = 64,
    CBIT_UMC_EXPLAINED = 64, /* reads that are kept step by step, all channels */
    CBIT_UMC_SLOWEST = 8,    /* of which these are the slowest */
    CBIT_UMC_POINTS = 64,    /* of a time series; even */
    CBIT_UMC_CHANNELS = 64,  /* whose banks are told apart */
};

/* Commands that one requester caused, and the energy of them. */
typedef struct cbit_umc_share {
    uint64_t activates, reads, writes;
    uint64_t activate_pj, read_pj, write_pj;
} cbit_umc_share_t;

typedef struct cbit_umc_step {
    uint32_t reason; /* cbit_umc_reason_name */
    bool dram;       /* after the read's first DRAM command: part of stage dram, else of queue */
    cbit_ps_t ps;
} cbit_umc_step_t;

/* One read; its steps add up to its queue and DRAM stages. */
typedef struct cbit_umc_explained {
    uint32_t channel;
    uint64_t number; /* of the channel's reads, in the order in which they came, from 0 */
    cbit_spa_t spa;
    uint32_t requester;
    cbit_ps_t entered_ps, queue_ps, dram_ps;
    uint32_t step_count;
    cbit_umc_step_t step[CBIT_UMC_STEPS];
} cbit_umc_explained_t;

/* Levels are summed over clocks (and channels): divided by the interval they are means. */
typedef struct cbit_umc_point {
    uint64_t reads_queued, writes_queued, open_banks; /* x clocks */
    uint64_t columns, row_hits;
} cbit_umc_point_t;

/* Commands of one bank. */
typedef struct cbit_umc_bank {
    uint64_t columns, activates;
} cbit_umc_bank_t;

typedef struct cbit_umc_account {
    uint32_t channels, devices; /* devices of all ranks of all channels */
    cbit_dram_energy_t energy;
    cbit_umc_share_t share[CBIT_UMC_REQUESTERS];
    /* With /umc/explain: sums over all reads; they add up to the reads' queue and DRAM stages. */
    bool explains;
    uint32_t reasons;
    cbit_ps_t queue_ps[CBIT_UMC_REASONS], dram_ps[CBIT_UMC_REASONS];
    uint32_t slowest_count, listed_count;
    cbit_umc_explained_t slowest[CBIT_UMC_SLOWEST];
    cbit_umc_explained_t listed[CBIT_UMC_EXPLAINED - CBIT_UMC_SLOWEST];
    uint64_t interval_nck;
    cbit_clock_t clock;
    uint32_t point_count;
    cbit_umc_point_t point[CBIT_UMC_POINTS];
    /* Banks as the device numbers them, (rank x groups + group) x banks of a group + bank: over
       time, the same bank of all channels together, and each channel's over the whole run. */
    uint32_t ranks, groups, banks_per_group;
    cbit_umc_bank_t bank[CBIT_UMC_POINTS][CBIT_DRAM_MAX_BANKS];
    cbit_umc_bank_t channel_bank[CBIT_UMC_CHANNELS][CBIT_DRAM_MAX_BANKS];
} cbit_umc_account_t;

/* "tFAW", "refresh"...; NULL from the account's `reasons` on. */
const char *cbit_umc_reason_name(uint32_t reason);

/* Brings the controller's idle time up to date and adds what it knows to *account, all zero at
 * first.
 */
void cbit_umc_account(cbit_umc_t *umc, cbit_umc_account_t *account);

#ifdef __cplusplus
}
#endif
#endif
