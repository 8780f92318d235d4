/**
 * @file
 * Engines for platforms that are made of RTL: the Verilated rtl/aes_engine, alone or in lock-step
 * with the golden model.
 *
 * They implement cbit/aes/engine.h so that a run with them is byte-identical to one with the model.
 * Clocks in which nothing is inside and nothing is offered are skipped, not simulated.
 *
 * The RTL of this build takes one block a clock, with separate lanes, plain beats overtaking, and
 * the depth that it is measured to have: another configuration is refused with UNSUPPORTED, and a
 * build without Verilator refuses everything with TOOL.
 */
#ifndef CBIT_COSIM_ENGINE_H
#define CBIT_COSIM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "cbit/aes/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What lock-step compared, over all engines made with one report. */
typedef struct cbit_lockstep_report {
    uint64_t cycles;         /* clocks simulated, every output pin compared on each */
    uint64_t beats_compared; /* delivered beats whose data were compared */
    uint64_t lines_compared; /* whole lines compared with the arithmetic model, edges included */
    uint64_t mismatches;     /* clocks or lines that differed */
    uint64_t bypassed;       /* of the beats */
    uint64_t key_writes;
    bool any; /* the first mismatch: */
    uint32_t first_channel;
    uint64_t first_eclk;  /* edge of that engine's clock */
    char first_text[256]; /* what differed: pin, expected, actual */
} cbit_lockstep_report_t;

/* False in a build without Verilator. */
bool cbit_cosim_available(void);

/* Accept edge to transfer edge of the RTL, by sending a beat through it; 0 when not available. */
uint32_t cbit_cosim_depth_eclk(void);

extern const cbit_aes_engine_factory_t cbit_aes_rtl_factory;

/* The report collects from all engines of the factory and must outlive them; not thread-safe. */
cbit_aes_engine_factory_t cbit_aes_lockstep_factory(cbit_lockstep_report_t *report);

#ifdef __cplusplus
}
#endif
#endif
