/**
 * @file
 * An independent referee of a channel's commands.
 *
 * It is told every command in order and judges it by what the device and its data bus can do: bank
 * states, the age of what happened to them, and the times at which data are on the bus. It shares
 * neither tables nor code with the rule engine (rules.h), so that one finds the other's mistakes.
 */
#ifndef CBIT_DRAM_CHECKER_H
#define CBIT_DRAM_CHECKER_H

#include <stdint.h>

#include "cbit/base/err.h"
#include "cbit/dram/device.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_dram_checker cbit_dram_checker_t; /* opaque */

typedef struct cbit_dram_violation {
    const char *command, *rule; /* rule: "tRCD", "data bus", "row is not open"... */
    uint64_t at_nck;
    uint32_t rank;
    uint64_t value, least; /* clocks that there were and that there must be, where it is a time */
} cbit_dram_violation_t;

/* Of one channel of such devices, which it copies. NO_MEMORY leaves *out alone. */
cbit_err_t cbit_dram_checker_create(const cbit_dram_device_t *device, cbit_dram_checker_t **out);
void cbit_dram_checker_destroy(cbit_dram_checker_t *checker); /* NULL is allowed */

/*
 * name: ACT, PRE, PREA, RD, RDA, WR, WRA, REF, REFSB (bank of every group), PDE, PDX, SRE or SRX.
 * group, bank, row, column count where they apply.
 */
void cbit_dram_checker_command(cbit_dram_checker_t *checker, const char *name, uint64_t at_nck,
                               uint32_t rank, uint32_t group, uint32_t bank, uint32_t row,
                               uint32_t column);

/* Commands that it was told, and how many of them broke a rule. */
uint64_t cbit_dram_checker_commands(const cbit_dram_checker_t *checker);
uint64_t cbit_dram_checker_violations(const cbit_dram_checker_t *checker);

/* Writes whose burst came too early behind another rank's read, which the device's
   `ranks_overlap` excuses: no violations. */
uint64_t cbit_dram_checker_overlaps(const cbit_dram_checker_t *checker);

/* The first violation, NULL if there is none. */
const cbit_dram_violation_t *cbit_dram_checker_first(const cbit_dram_checker_t *checker);

#ifdef __cplusplus
}
#endif
#endif
