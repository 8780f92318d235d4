#include "cbit/dram/rules.h"

#include <stddef.h>
#include <stdlib.h>

const char *const cbit_dram_command_names[CBIT_DRAM_COMMANDS] = {
    "ACT", "PRE", "RD", "WR", "RDA", "WRA", "PREA", "REF", "REFSB", "PDE", "PDX", "SRE", "SRX"};

#define C(name) (1u << CBIT_DRAM_##name)
#define READS   (C(RD) | C(RDA))
#define WRITES  (C(WR) | C(WRA))
#define COLUMNS (READS | WRITES)
#define CLOSING (C(PRE) | C(PREA))
#define REFRESH (C(REF) | C(REFSB))
#define SLEEPS  (C(PDE) | C(SRE))

#define RULE(name, before, after, scope, field, window, source)                                    \
    {                                                                                              \
        name, before, after, CBIT_SCOPE_##scope, offsetof(cbit_dram_timing_t, field), window,      \
            source                                                                                 \
    }

#define D4 "JESD79-4 and JESD79-5, command truth and timing tables"
#define D5 "JESD79-5, separation of refresh commands"

const cbit_dram_rule_t cbit_dram_rules[] = {
    /* rows */
    RULE("tRC", C(ACT), C(ACT), BANK, trc_nck, 1, D4),
    RULE("tRRD_L", C(ACT), C(ACT), GROUP, trrd_l_nck, 1, D4),
    RULE("tRRD_S", C(ACT), C(ACT), RANK, trrd_s_nck, 1, D4),
    RULE("tFAW", C(ACT), C(ACT), RANK, tfaw_nck, CBIT_DRAM_FAW_ACTS, D4),
    RULE("tRCD", C(ACT), COLUMNS, BANK, trcd_nck, 1, D4),
    RULE("tRAS", C(ACT), CLOSING, BANK, tras_nck, 1, D4),
    RULE("tRP", C(PRE), C(ACT), BANK, trp_nck, 1, D4),
    RULE("tRP", C(PREA), C(ACT), RANK, trp_nck, 1, D4),
    RULE("tPPD", CLOSING, CLOSING, RANK, tppd_nck, 1, "JESD79-5; DDR4: the command bus"),
    RULE("tRTP", C(RD), CLOSING, BANK, trtp_nck, 1, D4),
    RULE("tWR", C(WR), CLOSING, BANK, write_to_pre_nck, 1, D4),
    RULE("tRTP+tRP", C(RDA), C(ACT), BANK, read_auto_to_act_nck, 1, D4),
    RULE("tWR+tRP", C(WRA), C(ACT), BANK, write_auto_to_act_nck, 1, D4),
    /* columns */
    RULE("tCCD_L", READS, READS, GROUP, tccd_l_nck, 1, D4),
    RULE("tCCD_S", READS, READS, RANK, tccd_s_nck, 1, D4),
    RULE("tCCD_L_WR", WRITES, WRITES, GROUP, tccd_l_wr_nck, 1, D4),
    RULE("tCCD_S", WRITES, WRITES, RANK, tccd_s_nck, 1, D4),
    RULE("tRTW", READS, WRITES, RANK, read_to_write_nck, 1, "bus turnaround: CL + BL/2 + 2 - tCWL"),
    RULE("tWTR_L", WRITES, READS, GROUP, write_to_read_l_nck, 1, D4),
    RULE("tWTR_S", WRITES, READS, RANK, write_to_read_s_nck, 1, D4),
    RULE("tRTRS", READS, READS, OTHER_RANKS, read_to_read_rank_nck, 1, "data bus, tRTRS assumed"),
    RULE("tRTRS", WRITES, WRITES, OTHER_RANKS, write_to_write_rank_nck, 1,
         "data bus, tRTRS assumed"),
    RULE("tRTRS", READS, WRITES, OTHER_RANKS, read_to_write_rank_nck, 1, "data bus, tRTRS assumed"),
    RULE("tRTRS", WRITES, READS, OTHER_RANKS, write_to_read_rank_nck, 1, "data bus, tRTRS assumed"),
    /* refresh */
    RULE("tRP", CLOSING, C(REF) | C(SRE), RANK, trp_nck, 1, D4),
    RULE("tRC", C(ACT), C(REF) | C(SRE), RANK, trc_nck, 1, D4),
    RULE("tRTP+tRP", C(RDA), C(REF) | C(SRE), RANK, read_auto_to_act_nck, 1, D4),
    RULE("tWR+tRP", C(WRA), C(REF) | C(SRE), RANK, write_auto_to_act_nck, 1, D4),
    RULE("tRFC", C(REF), C(ACT) | REFRESH | C(SRE), RANK, trfc_nck, 1, D4),
    /* refresh of one bank of every group */
    RULE("tRP", CLOSING, C(REFSB), SET, trp_nck, 1, D5),
    RULE("tRC", C(ACT), C(REFSB), SET, trc_nck, 1, D5),
    RULE("tRTP+tRP", C(RDA), C(REFSB), SET, read_auto_to_act_nck, 1, D5),
    RULE("tWR+tRP", C(WRA), C(REFSB), SET, write_auto_to_act_nck, 1, D5),
    RULE("tRRD_L", C(ACT), C(REFSB), RANK, trrd_l_nck, 1, D5),
    RULE("tRFCsb", C(REFSB), C(ACT), SET, trfcsb_nck, 1, D5),
    RULE("tREFSBRD", C(REFSB), C(ACT), RANK, trefsbrd_nck, 1, D5),
    RULE("tRFCsb", C(REFSB), REFRESH | C(SRE), RANK, trfcsb_nck, 1, D5),
    /* sleep */
    RULE("tXP", C(PDX), C(ACT) | COLUMNS | CLOSING | REFRESH | SLEEPS, RANK, txp_nck, 1, D4),
    RULE("tCKE", C(PDE), C(PDX), RANK, tcke_nck, 1, D4),
    RULE("tXS", C(SRX), C(ACT) | CLOSING | REFRESH | SLEEPS, RANK, txs_nck, 1, D4),
    RULE("tXSDLL", C(SRX), COLUMNS, RANK, txsdll_nck, 1, D4),
    RULE("tCKESR", C(SRE), C(SRX), RANK, tckesr_nck, 1, D4),
    RULE("tACTPDEN", C(ACT), C(PDE), RANK, tactpden_nck, 1, D4),
    RULE("tPRPDEN", CLOSING, C(PDE), RANK, tprpden_nck, 1, D4),
    RULE("tREFPDEN", REFRESH, C(PDE), RANK, trefpden_nck, 1, D4),
    RULE("tRDPDEN", READS, SLEEPS, RANK, read_to_sleep_nck, 1, D4),
    RULE("tWRPDEN", C(WR), SLEEPS, RANK, write_to_sleep_nck, 1, D4),
    RULE("tWRAPDEN", C(WRA), SLEEPS, RANK, write_auto_to_sleep_nck, 1, D4),
    {.name = NULL},
};

uint32_t cbit_dram_command_nck(const cbit_dram_timing_t *timing, cbit_dram_command_t command)
{
    return ((1u << command) & (C(ACT) | COLUMNS)) != 0 ? timing->command_nck : 1;
}

static uint32_t field_of(const cbit_dram_timing_t *timing, uint32_t offset)
{
    return *(const uint32_t *)(const void *)((const char *)timing + offset);
}

uint32_t cbit_dram_rule_nck(const cbit_dram_rule_t *rule, const cbit_dram_timing_t *timing,
                            cbit_dram_command_t before, cbit_dram_command_t after)
{
    uint32_t nck = field_of(timing, rule->distance_offset) + cbit_dram_command_nck(timing, before);
    uint32_t length = cbit_dram_command_nck(timing, after);
    return nck > length ? nck - length : 0;
}

/* ---- the engine ---- */

enum { NEVER = 0 }; /* times are kept plus one */

struct cbit_dram_history {
    cbit_dram_device_t device;
    uint32_t banks_per_rank;
    /* Clock + 1 of the last command of each kind, by bank, group and rank. */
    uint64_t bank[CBIT_DRAM_COMMANDS][CBIT_DRAM_MAX_BANKS];
    uint64_t group[CBIT_DRAM_COMMANDS][CBIT_DRAM_MAX_BANKS];
    uint64_t rank[CBIT_DRAM_COMMANDS][CBIT_DRAM_MAX_RANKS];
    uint64_t acts[CBIT_DRAM_MAX_RANKS][CBIT_DRAM_FAW_ACTS]; /* ring, oldest at acts_at */
    uint32_t acts_at[CBIT_DRAM_MAX_RANKS];
    uint64_t bus_nck; /* command bus is free from here on */
};

cbit_err_t cbit_dram_history_create(const cbit_dram_device_t *device, cbit_dram_history_t **out)
{
    cbit_dram_history_t *history = calloc(1, sizeof *history);
    if (history == NULL) {
        return CBIT_ERR_NO_MEMORY;
    }
    history->device = *device;
    history->banks_per_rank = device->groups * device->banks_per_group;
    *out = history;
    return CBIT_ERR_OK;
}

void cbit_dram_history_destroy(cbit_dram_history_t *history)
{
    free(history);
}

static bool is_rank_command(cbit_dram_command_t command)
{
    return command >= CBIT_DRAM_PREA && command != CBIT_DRAM_REFSB;
}

/* The latest command of a kind to the same bank of any group. */
static uint64_t last_in_set(const cbit_dram_history_t *h, cbit_dram_command_t before, uint32_t bank)
{
    uint32_t per_group = h->device.banks_per_group, rank = bank / h->banks_per_rank;
    uint64_t latest = NEVER;
    for (uint32_t b = rank * h->banks_per_rank + bank % per_group;
         b < (rank + 1) * h->banks_per_rank; b += per_group) {
        latest = h->bank[before][b] > latest ? h->bank[before][b] : latest;
    }
    return latest;
}

/* The latest command of a kind in the rule's scope around a bank, as clock + 1. */
static uint64_t last_in_scope(const cbit_dram_history_t *h, const cbit_dram_rule_t *rule,
                              cbit_dram_command_t before, cbit_dram_command_t after, uint32_t bank)
{
    uint32_t rank = bank / h->banks_per_rank;
    if (rule->window > 1) {
        return h->acts[rank][h->acts_at[rank]];
    }
    if (rule->scope == CBIT_SCOPE_OTHER_RANKS) {
        uint64_t latest = NEVER;
        for (uint32_t r = 0; r < h->device.ranks; r++) {
            latest = r != rank && h->rank[before][r] > latest ? h->rank[before][r] : latest;
        }
        return latest;
    }
    /* A command to the whole rank meets every bank's rules. */
    if (rule->scope == CBIT_SCOPE_RANK || is_rank_command(after) || is_rank_command(before)) {
        return h->rank[before][rank];
    }
    if (rule->scope == CBIT_SCOPE_SET) {
        return last_in_set(h, before, bank);
    }
    return rule->scope == CBIT_SCOPE_BANK ? h->bank[before][bank]
                                          : h->group[before][bank / h->device.banks_per_group];
}

uint64_t cbit_dram_earliest_nck(const cbit_dram_history_t *history, cbit_dram_command_t command,
                                uint32_t bank, const cbit_dram_rule_t **rule)
{
    uint64_t earliest = history->bus_nck;
    const cbit_dram_rule_t *binding = NULL;
    for (const cbit_dram_rule_t *row = cbit_dram_rules; row->name != NULL; row++) {
        if ((row->after >> command & 1) == 0) {
            continue;
        }
        for (uint32_t befores = row->before; befores != 0; befores &= befores - 1) {
            cbit_dram_command_t before = (cbit_dram_command_t)__builtin_ctz(befores);
            uint64_t last = last_in_scope(history, row, before, command, bank);
            if (last == NEVER) {
                continue;
            }
            uint64_t nck =
                last - 1 + cbit_dram_rule_nck(row, &history->device.timing, before, command);
            if (nck > earliest) {
                earliest = nck;
                binding = row;
            }
        }
    }
    if (rule != NULL) {
        *rule = binding;
    }
    return earliest;
}

void cbit_dram_issue(cbit_dram_history_t *history, cbit_dram_command_t command, uint32_t bank,
                     uint64_t at_nck)
{
    uint32_t rank = bank / history->banks_per_rank;
    history->bank[command][bank] = at_nck + 1;
    history->group[command][bank / history->device.banks_per_group] = at_nck + 1;
    history->rank[command][rank] = at_nck + 1;
    if (command == CBIT_DRAM_ACT) {
        history->acts[rank][history->acts_at[rank]] = at_nck + 1;
        history->acts_at[rank] = (history->acts_at[rank] + 1) % CBIT_DRAM_FAW_ACTS;
    }
    history->bus_nck = at_nck + cbit_dram_command_nck(&history->device.timing, command);
}
