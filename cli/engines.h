/* The engines behind --engine. */
#ifndef CBIT_CLI_ENGINES_H
#define CBIT_CLI_ENGINES_H

#include "cbit/aes/engine.h"
#include "cbit/cosim/engine.h"
#include "cbit/cosim/pin_waves.h"
#include "cbit/workloads/engine_mode.h"
#include "cbit/workloads/json.h"

typedef struct cbit_engine_choice {
    cbit_engine_mode_t mode;
    const cbit_aes_engine_factory_t *factory;   /* NULL: off */
    const cbit_aes_engine_factory_t *baselines; /* the same timing, without the cost of the RTL */
    cbit_aes_engine_factory_t lockstep;
    cbit_lockstep_report_t report;
    cbit_watched_engines_t watched;
    cbit_aes_engine_factory_t watched_factory;
} cbit_engine_choice_t;

/* TOOL when this build has no Verilated engine. The choice stays where it is while it is used. */
cbit_err_t cbit_engine_choose(cbit_engine_mode_t mode, cbit_engine_choice_t *choice,
                              cbit_diag_t *diag);

/* The engines are watched from now on; only for those of RTL. */
void cbit_engine_watch(cbit_engine_choice_t *choice, cbit_pin_waves_t *waves);

/* What lock-step compared, for cosim.json; NULL in other modes. */
cbit_json_t *cbit_engine_report(const cbit_engine_choice_t *choice, cbit_arena_t *arena);

/* MISMATCH when lock-step found one, with the first in diag. */
cbit_err_t cbit_engine_verdict(const cbit_engine_choice_t *choice, cbit_diag_t *diag);

#endif
