/**
 * @file
 * Waves of one channel's engine in a run: its pins over simulated time, as an FST and a view of it
 * for GTKWave.
 *
 * What is written are the pins of rtl/aes_engine at their times, to the picosecond; clk_i stands
 * still while the engine has nothing to do, as the simulation does. key_i, tweak_data_i and
 * everything inside the engine (round keys) are left out: keys of guests go into no file.
 */
#ifndef CBIT_COSIM_PIN_WAVES_H
#define CBIT_COSIM_PIN_WAVES_H

#include "cbit/base/diag.h"
#include "cbit/cosim/engine.h"
#include "cbit/sim/time.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cbit_pin_waves cbit_pin_waves_t; /* opaque */

typedef struct cbit_pin_waves_config {
    const char *path;         /* ends with .fst; the view is the same name with .gtkw */
    uint32_t channel;         /* whose engine */
    cbit_clock_t clock;       /* the engine's */
    cbit_ps_t from_ps, to_ps; /* edges outside are left out */
} cbit_pin_waves_config_t;

/* Begins PATH.new. TOOL: this build has no Verilator, whose FST library writes. WRITE. The path is
   copied. */
cbit_err_t cbit_pin_waves_create(const cbit_pin_waves_config_t *config, cbit_pin_waves_t **out,
                                 cbit_diag_t *diag);

/* Renames to PATH and writes the view; *edges is how many clocks are in it. After it, only destroy
   is allowed. */
cbit_err_t cbit_pin_waves_finish(cbit_pin_waves_t *waves, uint64_t *edges, cbit_diag_t *diag);

/* Removes what was not finished. NULL is allowed. */
void cbit_pin_waves_destroy(cbit_pin_waves_t *waves);

/* Engines of RTL, in lock-step when there is a report, of which one is watched. */
typedef struct cbit_watched_engines {
    cbit_lockstep_report_t *report; /* NULL: RTL alone */
    cbit_pin_waves_t *waves;
} cbit_watched_engines_t;

/* *watched must outlive the engines. */
cbit_aes_engine_factory_t cbit_aes_watched_factory(cbit_watched_engines_t *watched);

#ifdef __cplusplus
}
#endif
#endif
