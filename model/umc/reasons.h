/*
 * Why reads waited, kept beside the quick controller: every clock between acceptance and column
 * command gets one reason, charged in spans from one command to the next. Costs nothing when
 * core->reasons is NULL. Private to model/umc.
 */
#ifndef CBIT_MODEL_UMC_REASONS_H
#define CBIT_MODEL_UMC_REASONS_H

#include "model/umc/core.h"

/* Steps of a read that keep their order, and all that there can be: every reason twice. */
enum { UMC_REASON_ORDERED = 32, UMC_REASON_STEPS = UMC_REASON_ORDERED + 2 * 72 };

/* Reasons by number: first what the controller did, then the names of rules. */
typedef enum umc_reason {
    UMC_REASON_INPUT, /* waits at the controller's input (charged by the port) */
    UMC_REASON_SCHEDULING,
    UMC_REASON_LINE_ORDER,
    UMC_REASON_REFRESH,
    UMC_REASON_SLEEP,
    UMC_REASON_COMMAND_QUEUE,
    UMC_REASON_WRITE_DRAIN,
    UMC_REASON_READS_FIRST,
    UMC_REASON_ROW_HITS,
    UMC_REASON_ROW_HIT_CAP,
    UMC_REASON_RETURN_BUFFER,
    UMC_REASON_COMMAND_BUS,
    UMC_REASON_ARBITRATION,
    UMC_REASON_FORWARDED,
    UMC_REASON_CL,
    UMC_REASON_BURST,
    UMC_REASON_RULES, /* UMC_REASON_RULES + i: the i-th different name of the rule table */
} umc_reason_t;

typedef struct umc_reason_step {
    uint8_t reason;
    bool dram; /* after the request's first command */
    uint32_t nck;
} umc_reason_step_t;

typedef struct umc_reason_list {
    uint64_t charged_nck; /* the first clock that has no reason yet */
    uint32_t count;
    umc_reason_step_t step[UMC_REASON_STEPS];
} umc_reason_list_t;

typedef struct umc_reasons umc_reasons_t; /* opaque */

cbit_err_t umc_reasons_create(const cbit_dram_device_t *device, umc_reasons_t **out);
void umc_reasons_destroy(umc_reasons_t *reasons); /* NULL is allowed */

void umc_reasons_accepted(umc_core_t *core, uint16_t index);
void umc_reasons_charge(umc_core_t *core, uint64_t at_nck); /* all reads up to at_nck, exclusive */
void umc_reasons_moved(umc_core_t *core, uint16_t entry);   /* into its command queue */
void umc_reasons_planned(umc_core_t *core);                 /* core->plan is about to happen */
void umc_reasons_issued(umc_core_t *core, const umc_event_t *event);

/* Those of the last command, which was a read's column command. */
const umc_reason_list_t *umc_core_reasons(const umc_core_t *core);

/* "tFAW", "refresh"...; NULL beyond the last. */
const char *umc_reason_name(uint32_t reason);
uint32_t umc_reason_count(void);

#endif
