/**
 * @file
 * The devices' rules as a table, and the engine that applies them without knowing a standard.
 *
 * A rule says: `after` may not issue earlier than `distance` clocks after `before` in the same
 * `scope`. With a window of 4 it counts from the fourth `before` back (tFAW). Distances are names
 * of cbit_dram_timing_t, so every value can be overridden by a scenario.
 */
#ifndef CBIT_DRAM_RULES_H
#define CBIT_DRAM_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/dram/device.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cbit_dram_command {
    CBIT_DRAM_ACT,
    CBIT_DRAM_PRE,
    CBIT_DRAM_RD,
    CBIT_DRAM_WR,
    CBIT_DRAM_RDA, /* with auto-precharge */
    CBIT_DRAM_WRA,
    CBIT_DRAM_PREA,  /* all banks of the rank */
    CBIT_DRAM_REF,   /* all banks of the rank (REFab) */
    CBIT_DRAM_REFSB, /* one bank of every group (DDR5) */
    CBIT_DRAM_PDE,   /* power-down entry and exit */
    CBIT_DRAM_PDX,
    CBIT_DRAM_SRE, /* self-refresh entry and exit */
    CBIT_DRAM_SRX,
    CBIT_DRAM_COMMANDS,
} cbit_dram_command_t;

extern const char *const cbit_dram_command_names[CBIT_DRAM_COMMANDS];

typedef enum cbit_dram_scope {
    CBIT_SCOPE_BANK,
    CBIT_SCOPE_GROUP,
    CBIT_SCOPE_SET, /* the same bank of every group of the rank: what REFSB refreshes */
    CBIT_SCOPE_RANK,
    CBIT_SCOPE_OTHER_RANKS,
    CBIT_SCOPES,
} cbit_dram_scope_t;

enum { CBIT_DRAM_FAW_ACTS = 4 };

typedef struct cbit_dram_rule {
    const char *name;       /* as data sheets call it: "tRCD" */
    uint32_t before, after; /* sets of commands, bit k: command k */
    cbit_dram_scope_t scope;
    uint32_t distance_offset; /* of the field in cbit_dram_timing_t */
    uint32_t window;          /* 1, or 4: from the fourth command back */
    const char *source;
} cbit_dram_rule_t;

/* The table, ended by a rule without a name. */
extern const cbit_dram_rule_t cbit_dram_rules[];

/*
 * The distance of a rule between two commands, in clocks from issue to issue. Commands that take
 * two clocks count from their second one, so before and after may differ by their lengths.
 */
uint32_t cbit_dram_rule_nck(const cbit_dram_rule_t *rule, const cbit_dram_timing_t *timing,
                            cbit_dram_command_t before, cbit_dram_command_t after);

/* Command-bus clocks of a command. */
uint32_t cbit_dram_command_nck(const cbit_dram_timing_t *timing, cbit_dram_command_t command);

/* ---- the engine: probe, issue ---- */

typedef struct cbit_dram_history cbit_dram_history_t; /* opaque */

/* Of one channel on which nothing has happened yet. NO_MEMORY leaves *out alone. */
cbit_err_t cbit_dram_history_create(const cbit_dram_device_t *device, cbit_dram_history_t **out);
void cbit_dram_history_destroy(cbit_dram_history_t *history); /* NULL is allowed */

/*
 * The first clock at which the rules allow a command (bank: flat index; rank commands take any
 * bank of the rank). Changes nothing. *rule (may be NULL) names the one that decides, NULL if none.
 */
uint64_t cbit_dram_earliest_nck(const cbit_dram_history_t *history, cbit_dram_command_t command,
                                uint32_t bank, const cbit_dram_rule_t **rule);

/* Records a command. It must not be earlier than cbit_dram_earliest_nck says. */
void cbit_dram_issue(cbit_dram_history_t *history, cbit_dram_command_t command, uint32_t bank,
                     uint64_t at_nck);

#ifdef __cplusplus
}
#endif
#endif
