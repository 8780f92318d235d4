/**
 * @file
 * What can be said about a memory controller, and what it counts.
 */
#ifndef CBIT_UMC_CONFIG_H
#define CBIT_UMC_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/rows.h"
#include "cbit/dram/device.h"
#include "cbit/dram/map.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Names of the scheduling policies, cbit's own first; NULL ends. */
extern const char *const cbit_umc_policy_names[];
extern const char *const cbit_umc_page_names[];    /* open, closed, adaptive */
extern const char *const cbit_umc_refresh_names[]; /* all_bank, same_bank */

struct cbit_umc_config {
    cbit_dram_config_t dram;
    uint32_t policy;                      /* index into cbit_umc_policy_names */
    uint32_t page_policy;                 /* index into cbit_umc_page_names */
    uint32_t row_hit_cap;                 /* 0: the policy's own */
    uint32_t starvation_nck;              /* 0: the policy's own */
    char mapping[CBIT_DRAM_MAP_TEXT + 1]; /* cbit/dram/map.h */
    uint64_t *group_hash, *bank_hash;     /* XOR masks of channel address bits, one per field bit */
    uint32_t group_hash_count, bank_hash_count;
    uint32_t read_queue_entries, write_queue_entries; /* 0: the policy's own */
    uint64_t write_high, write_low; /* millionths of the write queue; both 0: the policy's own */
    uint32_t return_buffer_entries; /* lines between RD and last plaintext beat */
    uint32_t engine_clock_divider;  /* engine clock = DRAM clock / this: 1 or 2 */
    uint32_t key_lookup_eclk;       /* from a line's key id to its key and tweak; PLAIN: none */
    bool check_commands;            /* replay every command through the independent checker */
    uint32_t refresh_mode;          /* index into cbit_umc_refresh_names */
    uint32_t refresh_postpone, refresh_pull_in; /* refreshes that may be owed or paid ahead */
    uint32_t refresh_idle_nck; /* a rank without requests for this long is refreshed early */
    uint32_t power_down_idle_nck, self_refresh_idle_nck; /* 0: never */
    bool explain;                                        /* say why reads waited */
    uint64_t explain_first; /* and list these of each channel's, step by step */
    uint32_t explain_count;
    uint32_t requester_entries; /* of the queues, that one requester may hold; 0: all */
    uint32_t requester_gap_nck; /* least clocks between two acceptances of one requester */
};
typedef struct cbit_umc_config cbit_umc_config_t;
extern const cbit_row_t cbit_umc_rows[];

struct cbit_umc_stats {
    uint64_t reads, writes; /* requests taken */
    uint64_t forwarded, coalesced, partial_writes, not_loaded, refused;
    uint64_t column_reads, column_writes, row_hits;
    uint64_t activates, precharges, refreshes;
    uint64_t aes_waited_eclk;
    uint64_t commands_checked, violations;
};
typedef struct cbit_umc_stats cbit_umc_stats_t;
extern const cbit_row_t cbit_umc_stat_rows[];

#ifdef __cplusplus
}
#endif
#endif
