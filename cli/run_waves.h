/* cbit run --waves: the pins of one channel's engine as an FST. */
#ifndef CBIT_CLI_RUN_WAVES_H
#define CBIT_CLI_RUN_WAVES_H

#include "cbit/platform/config.h"
#include "cli/engines.h"

typedef struct cbit_run_waves {
    const char *path; /* NULL: none are wanted */
    uint64_t channel;
    cbit_ps_t from_ps, to_ps;
    bool force; /* replace what is there */
} cbit_run_waves_t;

/* What is wrong with the options, or NULL. */
const char *cbit_run_waves_usage(const cbit_run_waves_t *options, cbit_engine_mode_t mode);

/* Begins the file and has the engines watched; *out stays NULL when no waves are wanted. */
cbit_err_t cbit_run_waves_begin(const cbit_run_waves_t *options,
                                const cbit_platform_config_t *machine, cbit_engine_choice_t *engine,
                                cbit_pin_waves_t **out, cbit_diag_t *diag);

#endif
