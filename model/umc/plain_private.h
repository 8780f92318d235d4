/* The inside of the plain controller, shared by its files. */
#ifndef CBIT_MODEL_UMC_PLAIN_PRIVATE_H
#define CBIT_MODEL_UMC_PLAIN_PRIVATE_H

#include "cbit/dram/rules.h"
#include "model/umc/plain.h"

#define CLOSED UINT32_MAX

enum { ENTRIES = 6 * UMC_MAX_ENTRIES, NO_ENTRY = 0xffff };

typedef struct entry {
    uint64_t line, seq, accept_nck, first_nck, bank_seq;
    uint32_t user, row, column, bank, blocked;
    bool used, write, held, active, missed, queued; /* queued: in its bank's command queue */
} entry_t;

typedef enum sleep { AWAKE, POWER_DOWN, SELF_REFRESH } sleep_t;

typedef struct rank {
    uint64_t due_nck;  /* of the next refresh */
    bool pending;      /* it is wanted now */
    uint32_t live;     /* requests of this rank */
    uint64_t idle_nck; /* since when there are none */
    uint32_t set;      /* same_bank: the bank of every group whose turn it is */
    sleep_t sleep;
    uint64_t slept_nck; /* entry */
    bool refreshed;     /* since the last self-refresh */
} rank_t;

struct umc_plain {
    umc_core_config_t config;
    const umc_policy_t *policy;
    umc_core_stats_t stats;
    cbit_dram_history_t *history;
    entry_t entries[ENTRIES];
    uint32_t top; /* entries beyond are unused */
    uint64_t floor_nck, next_seq;
    uint32_t waiting[2]; /* not active; ROUND_ROBIN: not yet in a bank's queue */
    uint32_t blocked[2];
    uint32_t live;
    uint32_t credits;
    uint32_t drain_left; /* ROUND_ROBIN: writes still to be moved */
    uint32_t turn;       /* ROUND_ROBIN: bank served last */
    bool write_mode;
    uint32_t open_row[CBIT_DRAM_MAX_BANKS], row_columns[CBIT_DRAM_MAX_BANKS];
    uint16_t kept[CBIT_DRAM_MAX_BANKS]; /* the entry whose ACT opened the row, until a column */
    rank_t rank[CBIT_DRAM_MAX_RANKS];
    uint32_t banks_per_rank;
    /* Of one clock: whether a command may issue to a bank (0 not asked, 1 no, 2 yes). */
    uint8_t ready[CBIT_DRAM_COMMANDS][CBIT_DRAM_MAX_BANKS];
};

typedef struct choice {
    uint16_t entry; /* NO_ENTRY: none, or a refresh */
    cbit_dram_command_t command;
    uint32_t bank;
    bool any;
    uint32_t class;
    uint64_t seq;
} choice_t;

/* What a clock's command will be; any is false if nothing may issue (plain_choose.c). */
void umc_plain_choose(umc_plain_t *plain, choice_t *best, uint64_t at_nck);
cbit_dram_command_t umc_plain_next_command(const umc_plain_t *plain, const entry_t *entry);
bool umc_plain_stopped(const umc_plain_t *plain, uint32_t bank); /* by refresh or sleep */

/* ---- plain_rest.c: refresh and sleep ---- */

/* A rank wants to be refreshed now. */
bool umc_plain_rest_wanted(const umc_plain_t *plain, uint32_t rank, uint64_t at_nck);

/* Proposes what a rank needs of itself in this clock; its pending must be known. */
void umc_plain_rest_propose(umc_plain_t *plain, choice_t *best, uint32_t rank, uint64_t at_nck);
void umc_plain_rest_done(umc_plain_t *plain, const choice_t *choice, uint64_t at_nck);
bool umc_plain_rest_stops(const umc_plain_t *plain, uint32_t bank);

/* For both files of choosing. */
bool umc_plain_ready(umc_plain_t *plain, cbit_dram_command_t command, uint32_t bank,
                     uint64_t at_nck);
void umc_plain_propose_rank(choice_t *best, cbit_dram_command_t command, uint32_t bank);

/* Charges the clock just past to what kept each read waiting (explain.c). */
void umc_plain_explain(umc_plain_t *plain, uint64_t at_nck);
void umc_plain_explain_accepted(umc_plain_t *plain, const entry_t *entry);

#endif
