/**
 * @file
 * The values of --engine. Scenario, hypervisor and result share them.
 */
#ifndef CBIT_WORKLOADS_ENGINE_MODE_H
#define CBIT_WORKLOADS_ENGINE_MODE_H

#ifdef __cplusplus
extern "C" {
#endif

/* Also the bit of a mode in the `engines_mask` of events and expectations. */
typedef enum cbit_engine_mode {
    CBIT_ENGINE_OFF,
    CBIT_ENGINE_MODEL,
    CBIT_ENGINE_RTL,
    CBIT_ENGINE_LOCKSTEP,
    CBIT_ENGINE_MODES,
} cbit_engine_mode_t;

/* "off", "model", "rtl", "lockstep", NULL. In workloads/scenario. */
extern const char *const cbit_engine_mode_words[CBIT_ENGINE_MODES + 1];

#ifdef __cplusplus
}
#endif
#endif
